package password

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/quick"
)

// pepper is a keyed hash like the one that callers bring.
func pepper(key string) func([]byte) []byte {
	return func(data []byte) []byte {
		h := hmac.New(sha256.New, []byte(key))
		h.Write(data)
		return h.Sum(nil)
	}
}

func newTestHasher() *Hasher { return NewHasher(pepper("k"), "ab12cd34", 2, 64) }

// cheap returns the stored form of p with the least costs that parse allows.
func cheap(h *Hasher, p string) string { return cheapSalted(h, p, newSalt()) }

func cheapSalted(h *Hasher, p string, salt []byte) string {
	s := stored{params: params{memory: minMemory, passes: 1, lanes: 1}, keyID: h.pepperID, salt: salt}
	s.hash = h.pepper(s.derive(p, s.salt))
	return s.String()
}

func TestHashAndVerify(t *testing.T) {
	h, ctx := newTestHasher(), t.Context()
	phc, err := h.Hash(ctx, "paper-and-spruce")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1,keyid=ab12cd34\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	if !form.MatchString(phc) {
		t.Errorf("stored form %s", phc)
	}
	if ok, rehash, err := h.Verify(ctx, phc, "paper-and-spruce"); !ok || rehash || err != nil {
		t.Errorf("the right password: %v %v %v", ok, rehash, err)
	}
	if ok, rehash, err := h.Verify(ctx, phc, "paper-and-Spruce"); ok || rehash || err != nil {
		t.Errorf("a wrong password: %v %v %v", ok, rehash, err)
	}
	if again, err := h.Hash(ctx, "paper-and-spruce"); err != nil || again == phc {
		t.Errorf("the same password again: %v, %v", again, err)
	}
	other := NewHasher(pepper("another key"), "ab12cd34", 1, 1)
	if ok, _, err := other.Verify(ctx, phc, "paper-and-spruce"); ok || err != nil {
		t.Errorf("with another pepper under the same name: %v %v", ok, err)
	}
}

// TestAgainstTheReferenceProgram ties the stored form to argon2id as others
// compute it, and shows where the pepper goes:
//
//	echo -n correct-Ñ | argon2 0123456789abcdef -id -t 2 -k 19456 -p 1 -l 32 -r
//
// ASVS 11.4.2, NIST 3.1.1.2(hash), NIST 3.1.1.2(key)
func TestAgainstTheReferenceProgram(t *testing.T) {
	h := newTestHasher()
	tag, _ := hex.DecodeString("5aa93d045aa8b887c6a4389b6e316f87b5fe4920e223b34e56915ee6ae77988f")
	phc := "$argon2id$v=19$m=19456,t=2,p=1,keyid=ab12cd34$" + base64.RawStdEncoding.EncodeToString([]byte("0123456789abcdef")) +
		"$" + base64.RawStdEncoding.EncodeToString(pepper("k")(tag))
	for _, p := range []string{"correct-Ñ", "correct-N\u0303"} { // one key or two: NFC makes them one
		if ok, _, err := h.Verify(t.Context(), phc, p); !ok || err != nil {
			t.Errorf("%+q: %v %v", p, ok, err)
		}
	}
}

// TestNothingIsTruncated: every byte of a password counts, past the 72 bytes at
// which bcrypt stops, past a NUL and at the very end (NIST SP 800-63B-4
// §3.1.1.2, T-PW-1).
//
// ASVS 6.2.8, NIST 3.1.1.2(9), T-PW-1
func TestNothingIsTruncated(t *testing.T) {
	h, ctx := newTestHasher(), t.Context()
	property := func(p, suffix string) bool {
		phc := cheap(h, p)
		same, _, err := h.Verify(ctx, phc, p)
		longer, _, err2 := h.Verify(ctx, phc, p+"."+suffix)
		return same && err == nil && !longer && err2 == nil
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 10}); err != nil {
		t.Error(err)
	}
	for _, n := range []int{15, 55, 71, 72, 73, 128, 256, 1024, 5000} {
		p := strings.Repeat("x", n-1) + "y"
		phc := cheap(h, p)
		for _, wrong := range []string{p[:n-1], p[:n-1] + "z", p + "\x00", p + " ", p + p} {
			if ok, _, err := h.Verify(ctx, phc, wrong); ok || err != nil {
				t.Errorf("%d bytes: another one of %d is taken for it (%v)", n, len(wrong), err)
			}
		}
	}
	phc := cheap(h, "before\x00after")
	if ok, _, _ := h.Verify(ctx, phc, "before\x00other"); ok {
		t.Error("what follows a NUL does not count")
	}
}

// ASVS 11.2.2, NIST 3.1.1.2(hash)
func TestRehash(t *testing.T) {
	h := newTestHasher()
	for _, v := range []struct {
		params
		want bool
	}{
		{params{minMemory, 1, 1}, true},
		{params{12288, 3, 1}, true},
		{params{19456, 1, 1}, true},
		{params{19456, 2, 1}, false},
		{params{32768, 1, 1}, false}, // more memory, fewer passes: not weaker
	} {
		s := stored{params: v.params, keyID: "ab12cd34", salt: newSalt()}
		s.hash = h.pepper(s.derive("right", s.salt))
		if ok, rehash, err := h.Verify(t.Context(), s.String(), "right"); !ok || rehash != v.want || err != nil {
			t.Errorf("%+v: %v %v %v", v.params, ok, rehash, err)
		}
	}
	if ok, rehash, err := h.Verify(t.Context(), cheap(h, "right"), "wrong"); ok || rehash || err != nil {
		t.Errorf("a wrong password: %v %v %v", ok, rehash, err)
	}
}

// TestAnErrorIsNeverAWrongPassword: a caller refunds the try on an error.
//
// P8
func TestAnErrorIsNeverAWrongPassword(t *testing.T) {
	h := newTestHasher()
	phc := cheap(h, "right")
	other := NewHasher(pepper("k"), "00000000", 1, 1)
	if ok, _, err := other.Verify(t.Context(), phc, "right"); ok || !errors.Is(err, ErrOtherPepper) {
		t.Errorf("another pepper: %v %v", ok, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, _, err := h.Verify(gone, phc, "right"); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v %v", ok, err)
	}
	if _, err := h.Hash(gone, "right"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Hash: %v", err)
	}
	if err := h.VerifyNobody(gone, "right"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled VerifyNobody: %v", err)
	}
}

// TestNobodyCostsAsMuchAsSomebody compares what is computed and not the time,
// which a busy machine makes what it likes (R12).
//
// ASVS 6.3.8, T-ENUM-1, R12
func TestNobodyCostsAsMuchAsSomebody(t *testing.T) {
	h := newTestHasher()
	if err := h.VerifyNobody(t.Context(), "whatever it is"); err != nil {
		t.Error(err)
	}
	phc, err := h.Hash(t.Context(), "somebody")
	if err != nil {
		t.Fatal(err)
	}
	somebody, err := parse(phc)
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := parse(h.nobody.String())
	if err != nil {
		t.Fatal(err)
	}
	if nobody.params != somebody.params || len(nobody.salt) != len(somebody.salt) || len(nobody.hash) != len(somebody.hash) {
		t.Errorf("nobody is %v, somebody %v", h.nobody, somebody)
	}
}

func TestMalformedHashes(t *testing.T) {
	h := newTestHasher()
	good := cheap(h, "right")
	for _, v := range []struct{ old, new string }{
		{good, ""},
		{good, "right"},
		{good, "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"},
		{good, strings.Repeat("$", 5)},
		{good, good + "$"},
		{good, "x" + good},
		{good, good + "\n"},
		{good, good[:len(good)-1]},
		{good, good + strings.Repeat("A", 1<<20)},
		{"argon2id", "argon2i"},
		{"argon2id", "argon2d"},
		{"v=19", "v=16"},
		{"v=19$", ""},
		{"m=4096", "m=4095"},
		{"m=4096", "m=262145"},
		{"m=4096", "m=4294967295"},
		{"m=4096", "m=4294971392"}, // 2^32 + 4096
		{"m=4096", "m=04096"},
		{"m=4096", "m=+4096"},
		{"m=4096", "m=-4096"},
		{"m=4096", "m="},
		{"m=4096,", ""},
		{"t=1", "t=0"},
		{"t=1", "t=11"},
		{"t=1", "t=4294967297"},
		{"p=1", "p=0"},
		{"p=1", "p=5"},
		{"p=1", "p=257"},
		{",keyid=ab12cd34", ""},
		{"keyid=ab12cd34", "keyid="},
		{"keyid=ab12cd34", "keyid=ab12cd34,data=AAAA"},
		{"m=4096,t=1", "t=1,m=4096"},
		{"$" + strings.Split(good, "$")[4] + "$", "$$"},
		{"$" + strings.Split(good, "$")[4] + "$", "$AAAA$"},
		{"$" + strings.Split(good, "$")[5], "$"},
		{"$" + strings.Split(good, "$")[5], "$" + strings.Repeat("A", 86)},
		{"$" + strings.Split(good, "$")[5], "$" + strings.Repeat("=", 43)},
	} {
		phc := strings.Replace(good, v.old, v.new, 1)
		if ok, rehash, err := h.Verify(t.Context(), phc, "right"); ok || rehash || !errors.Is(err, errMalformed) {
			t.Errorf("%.120q: %v %v %v", phc, ok, rehash, err)
		}
	}
	if ok, _, err := h.Verify(t.Context(), good, "right"); !ok || err != nil {
		t.Errorf("the good one: %v %v", ok, err)
	}
}

// FuzzVerify: of all the texts that a database could hold, only what Hash wrote
// for this password lets it in, in one spelling, and none asks for much work.
func FuzzVerify(f *testing.F) {
	h := newTestHasher()
	good := cheapSalted(h, "right", []byte("0123456789abcdef")) // the same in every fuzzing process
	for _, seed := range []string{
		good, "", "$", "$$$$$", strings.ToUpper(good), good + "=", strings.Replace(good, "m=4096", "m=4097", 1),
		strings.Replace(good, "t=1", "t=2", 1), strings.Replace(good, "p=1", "p=2", 1), good[:len(good)-1] + "B",
	} {
		f.Add(seed, "right")
		f.Add(seed, "wrong")
	}
	f.Fuzz(func(t *testing.T, phc, p string) {
		s, err := parse(phc)
		if err != nil {
			if ok, rehash, err := h.Verify(t.Context(), phc, p); ok || rehash || err == nil {
				t.Fatalf("malformed, but %v %v %v", ok, rehash, err)
			}
			return
		}
		if s.String() != phc {
			t.Fatalf("%q is also spelt %q", phc, s.String())
		}
		if s.memory > maxMemory || s.passes > maxPasses || s.lanes > maxLanes {
			t.Fatalf("absurd costs: %+v", s.params)
		}
		if s.memory*s.passes > 64<<10 {
			t.Skip("allowed, but slow to try by the thousand")
		}
		if ok, _, _ := h.Verify(t.Context(), phc, p); ok && (phc != good || Normalize(p) != "right") {
			t.Fatalf("%q lets %q in", phc, p)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := newTestHasher()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "paper-and-spruce"); err != nil {
			b.Fatal(err)
		}
	}
}
