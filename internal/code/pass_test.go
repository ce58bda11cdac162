package code

import (
	"regexp"
	"strings"
	"testing"
)

// A pass has its own shape, and reads back however it is typed (T-RC-7 of the pass).
//
// T-RC-7
func TestPass(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}$`)
	seen := map[string]bool{}
	for range 2000 {
		pass := NewPass()
		shown := DisplayPass(pass)
		if !shape.MatchString(shown) || seen[pass] {
			t.Fatalf("NewPass() = %q, shown as %q", pass, shown)
		}
		seen[pass] = true
		for _, typed := range []string{shown, pass, strings.ToUpper(shown), " " + strings.Join(strings.Split(shown, "-"), " \u2013 ") + "\n", strings.ReplaceAll(strings.ReplaceAll(shown, "0", "o"), "1", "L")} {
			if r := ReadPass(typed); r.Problem != None || r.Kind != Pass || r.Canonical != pass {
				t.Fatalf("ReadPass(%q) = %+v", typed, r)
			}
		}
		if r := Read(shown); r.Problem == None {
			t.Fatalf("the pass %q reads as a code: %+v", shown, r)
		}
	}
	if r := ReadPass(Display(New())); r.Problem != WrongLengthRecovery || r.Canonical != "" {
		t.Errorf("a recovery code reads as a pass: %+v", r)
	}
}

// Every wrong symbol and every swap of neighbors is a slip and no guess.
func TestPassCatchesSlips(t *testing.T) {
	for range 50 {
		pass := NewPass()
		for i := range pass {
			for _, symbol := range alphabet {
				if byte(symbol) == pass[i] {
					continue
				}
				if r := ReadPass(pass[:i] + string(symbol) + pass[i+1:]); r.Problem != Typo || r.Canonical != "" {
					t.Fatalf("%q with %c at %d: %+v", pass, symbol, i, r)
				}
			}
			if i == 0 || pass[i] == pass[i-1] {
				continue
			}
			if r := ReadPass(pass[:i-1] + string(pass[i]) + string(pass[i-1]) + pass[i+1:]); r.Problem != Typo {
				t.Fatalf("%q with a swap at %d: %+v", pass, i, r)
			}
		}
	}
}

func TestPassOfWrongLength(t *testing.T) {
	for text, want := range map[string]Problem{
		"": Blank, " - ": Blank, "634977": WrongLengthRecovery, "abcd-efgh-jkm": WrongLengthRecovery, "abcd-efgh-jkmn-p": WrongLengthRecovery,
		strings.Repeat("a", 5000): WrongLengthRecovery, strings.Repeat("-", 5000): WrongLengthRecovery, "uuuu-uuuu-uuuu": Typo, "äbcd-efgh-jkmn": Typo,
	} {
		if r := ReadPass(text); r.Problem != want || r.Canonical != "" {
			t.Errorf("ReadPass(%.20q) = %+v, want %s", text, r, want)
		}
	}
}
