package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

// fixed returns keys whose pepper is known.
func fixed(t *testing.T) *Keys {
	t.Helper()
	k := NewKeysForTest()
	if err := k.setPepper([]byte("0123456789abcdef0123456789abcdef")); err != nil {
		t.Fatal(err)
	}
	return k
}

// TestMACIsWhatItSays computes the same with the standard library, in one step
// more. The numbers, from another language's HMAC, also hold the scheme still:
// with another one nobody signs in.
//
// ASVS 9.1.2, ASVS 11.2.3, ASVS 11.4.3, NIST 3.1.1.2(key)
func TestMACIsWhatItSays(t *testing.T) {
	k := fixed(t)
	key, err := hkdf.Key(sha256.New, []byte("0123456789abcdef0123456789abcdef"), []byte("doorstep pepper"), "doorstep 1 mac\x00session", 32)
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte("data"))
	if got := k.MAC("session", []byte("data")); !hmac.Equal(got, h.Sum(nil)) {
		t.Errorf("MAC = %x, want %x", got, h.Sum(nil))
	}
	for name, v := range map[string]struct {
		got  []byte
		want string
	}{
		"MAC":       {k.MAC("session", []byte("data")), "b96fb484a6efcc6c391026c9e4ff02b661fb04022f07f01d06600fd39d4630a1"},
		"Pepper":    {k.Pepper([]byte("data")), "317763e56edadc43e7450bb6bdc2f5c7079cb8aa0d90826b2c5226f2e0e10549"},
		"TokenHash": {k.TokenHash("session", "data"), "ed3d34560c710f70917e7e67a0f46147c4273d984bc01f1fbd4171d25b9a6cb9"},
	} {
		if hex.EncodeToString(v.got) != v.want {
			t.Errorf("%s = %x, want %s", name, v.got, v.want)
		}
	}
	if got, want := k.PepperID(), "181b632e"; got != want {
		t.Errorf("PepperID = %s, want %s", got, want)
	}
}

// TestEveryUseHasItsOwnKey: the same data under another purpose, or for another
// use of the same purpose, is another hash.
//
// ASVS 9.1.3, ASVS 9.2.2, ASVS 9.2.4
func TestEveryUseHasItsOwnKey(t *testing.T) {
	k, other := fixed(t), NewKeysForTest()
	seen := map[string]string{}
	for name, hash := range map[string][]byte{
		"mac a":           k.MAC("a", []byte("x")),
		"mac b":           k.MAC("b", []byte("x")),
		"mac without":     k.MAC("", []byte("x")),
		"mac named token": k.MAC("token\x00a", []byte("x")),
		"mac ax":          k.MAC("ax", nil),
		"mac NUL":         k.MAC("a\x00", []byte("x")),
		"token a":         k.TokenHash("a", "x"),
		"token b":         k.TokenHash("b", "x"),
		"token without":   k.TokenHash("", "x"),
		"pepper":          k.Pepper([]byte("x")),
		"other's mac a":   other.MAC("a", []byte("x")),
		"other's token a": other.TokenHash("a", "x"),
		"other's pepper":  other.Pepper([]byte("x")),
	} {
		if len(hash) != 32 {
			t.Errorf("%s has %d bytes", name, len(hash))
		}
		if twin, clash := seen[string(hash)]; clash {
			t.Errorf("%s equals %s", name, twin)
		}
		seen[string(hash)] = name
	}
	if !bytes.Equal(k.MAC("a", []byte("x")), k.MAC("a", []byte("x"))) {
		t.Error("a MAC changes from call to call")
	}
}

func TestPepperID(t *testing.T) {
	a, b := NewKeysForTest().PepperID(), NewKeysForTest().PepperID()
	if form := regexp.MustCompile(`^[0-9a-f]{8}$`); !form.MatchString(a) || !form.MatchString(b) || a == b {
		t.Errorf("ids %q and %q", a, b)
	}
}

// T-SESS-8, the first half: 32 bytes, none of them twice. That they are stored as keyed
// hashes alone is tested where they are stored.
//
// ASVS 7.2.2, ASVS 7.2.3, ASVS 11.5.1, NIST 5.1(secret), T-SESS-8
func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		token := NewToken()
		raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
		if err != nil || len(raw) != 32 || len(token) != 43 || seen[token] {
			t.Fatalf("token %q: %d bytes, %v, seen before: %v", token, len(raw), err, seen[token])
		}
		seen[token] = true
	}
}

// TestStrangeTokensAreHarmless: whatever a cookie holds gets a hash, never a
// panic, never the hash of another text, and never much work.
func TestStrangeTokensAreHarmless(t *testing.T) {
	k := NewKeysForTest()
	long := strings.Repeat("A", maxToken)
	seen := map[string]string{}
	for _, token := range []string{"", " ", "\x00", "\xff", "A", long, long[1:], long + "A", NewToken(), strings.Repeat("B", 10<<20)} {
		hash := string(k.TokenHash("session", token))
		if twin, clash := seen[hash]; clash || len(hash) != 32 {
			t.Errorf("%.20q (%d bytes) and %.20q (%d bytes) have one hash", token, len(token), twin, len(twin))
		}
		seen[hash] = token
	}
}

func BenchmarkTokenHash(b *testing.B) {
	k, token := NewKeysForTest(), NewToken()
	for b.Loop() {
		k.TokenHash("session", token)
	}
}
