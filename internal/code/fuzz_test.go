package code

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadPass: a pass is twelve symbols of the alphabet with a check symbol that
// fits, in one spelling however it was typed, and never a recovery code.
func FuzzReadPass(f *testing.F) {
	for _, seed := range []string{"", "kayp-1z3p-ke5v", "KAYP 1Z3P KE5V", "kayp-1z3p-ke5v-5j1h", "123456", "ｋａｙｐ", "\xff", "oooo-iiii-llll", strings.Repeat("-", 300), NewPass()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := ReadPass(text)
		if (r.Problem == None) != (r.Canonical != "") || r.Typed > utf8.RuneCountInString(text) {
			t.Fatalf("%+v", r)
		}
		switch {
		case r.Kind == Pass && (r.Typed != PassSymbols || r.Problem != None && r.Problem != Typo):
			t.Fatalf("%+v", r)
		case r.Kind == Empty && (r.Problem != Blank || r.Typed != 0):
			t.Fatalf("%+v", r)
		case r.Kind == WrongLength && r.Problem != WrongLengthRecovery:
			t.Fatalf("%+v", r)
		case r.Kind != Pass && r.Kind != Empty && r.Kind != WrongLength:
			t.Fatalf("%+v", r)
		case r.Problem != None:
			return
		}
		if len(r.Canonical) != PassSymbols || strings.Trim(r.Canonical, alphabet) != "" {
			t.Fatalf("%+v", r)
		}
		for _, other := range []string{r.Canonical, " " + DisplayPass(r.Canonical) + " ", strings.ToUpper(r.Canonical)} {
			if again := ReadPass(other); again != r {
				t.Fatalf("%+v read again is %+v", r, again)
			}
		}
		if whole := Read(text); whole.Problem == None {
			t.Fatalf("%q is a pass and a %v too", text, whole.Kind)
		}
		// R16's promise for what is shorter: one wrong symbol is a typo.
		for place := range PassSymbols {
			wrong := []byte(r.Canonical)
			wrong[place] = alphabet[(strings.IndexByte(alphabet, wrong[place])+1)%len(alphabet)]
			if ReadPass(string(wrong)).Problem != Typo {
				t.Fatalf("%s for %s is no typo", wrong, r.Canonical)
			}
		}
	})
}

// FuzzReadMatch: four digits or nothing; an authentication code read out to a caller
// is noticed in every spelling in which it would sign in.
func FuzzReadMatch(f *testing.F) {
	for _, seed := range []string{"", "4782", "４７ ８２", "٤٧٨٢", "123456", "12-34-56", "47B2", "\xff", strings.Repeat("4", 201), strings.Repeat(" ", 199) + "4782"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		digits, ok, authentication := ReadMatch(text)
		if ok && (len(digits) != MatchDigits || strings.Trim(digits, "0123456789") != "") || ok && authentication {
			t.Fatalf("%q: %q %t %t", text, digits, ok, authentication)
		}
		if ok {
			if again, fine, _ := ReadMatch(digits); !fine || again != digits {
				t.Fatalf("%q read again is %q", digits, again)
			}
		}
		if (Read(text).Kind == Authentication) != authentication {
			t.Fatalf("%q: an authentication code for the sign-in %t, for the match code %t", text, !authentication, authentication)
		}
	})
}
