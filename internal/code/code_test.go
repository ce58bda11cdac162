package code

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// ASVS 6.5.4, NIST 4.2.1.1(bits), T-RC-11, R16
func TestNewIsSixteenSymbolsOfTheAlphabet(t *testing.T) {
	if len(alphabet) != 32 || strings.ContainsAny(alphabet, "ilou") {
		t.Fatalf("alphabet %q", alphabet)
	}
	for range 1000 {
		c := New()
		if len(c) != Symbols || strings.Trim(c, alphabet) != "" {
			t.Fatalf("New() = %q", c)
		}
	}
}

// TestSymbolsAreEquallyLikely is the chi-square test of T-RC-11: for each of the
// 16 places, 32 symbols, so 31 degrees of freedom. The bound, 100, is passed by
// chance once in 10⁸ places; a generator by "modulo 36" passes it at once.
//
// ASVS 6.5.3, T-RC-11
func TestSymbolsAreEquallyLikely(t *testing.T) {
	const codes = 64_000
	var count [Symbols][256]int
	for range codes {
		for place, symbol := range []byte(New()) {
			count[place][symbol]++
		}
	}
	const expected = codes / float64(len(alphabet))
	for place := range count {
		chi := 0.0
		for _, symbol := range []byte(alphabet) {
			d := float64(count[place][symbol]) - expected
			chi += d * d / expected
		}
		if chi > 100 {
			t.Errorf("place %d: chi-square %.1f", place+1, chi)
		}
	}
}

// TestAMillionCodesDiffer is the coarsest test of a generator: 2⁷⁵ codes leave a
// chance of 10⁻¹¹ for two equal ones.
//
// T-RC-11
func TestAMillionCodesDiffer(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	seen := make(map[[Symbols]byte]struct{}, n)
	for range n {
		seen[[Symbols]byte([]byte(New()))] = struct{}{}
	}
	if len(seen) != n {
		t.Errorf("%d of %d codes are repeated", n-len(seen), n)
	}
}

func TestDisplay(t *testing.T) {
	if got, want := Display("kayp1z3pke5v5j1h"), "kayp-1z3p-ke5v-5j1h"; got != want {
		t.Errorf("Display = %q, want %q", got, want)
	}
	for _, odd := range []string{"", "kayp"} {
		if got := Display(odd); got != odd {
			t.Errorf("Display(%q) = %q", odd, got)
		}
	}
}

func TestSalts(t *testing.T) {
	a, b := NewSalt(), NewSalt()
	if len(a) != 16 || bytes.Equal(a, b) || bytes.Equal(a, make([]byte, 16)) {
		t.Errorf("salts %x and %x", a, b)
	}
}

// TestSlow holds the parameters still: another number here would make every
// stored code a wrong one. The expected value is the reference program's:
//
//	echo -n kayp1z3pke5v5j1h | argon2 0123456789abcdef -id -t 2 -k 19456 -p 1 -l 32 -r
//
// ASVS 6.5.2, NIST 3.1.2.2, R16
func TestSlow(t *testing.T) {
	got := Slow("kayp1z3pke5v5j1h", []byte("0123456789abcdef"))
	if want := "5e5f41ff3fa484037d0adb3ef1eb0865ea0dd32c6dd0639e782e9ccedbdbf972"; hex.EncodeToString(got[:]) != want {
		t.Errorf("Slow = %x, want %s", got, want)
	}
	if other := Slow("kayp1z3pke5v5j1h", []byte("0123456789abcdeg")); other == got {
		t.Error("the salt does not count")
	}
}
