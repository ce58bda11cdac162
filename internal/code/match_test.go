package code

import (
	"strings"
	"testing"
)

func TestReadMatch(t *testing.T) {
	for text, want := range map[string]struct {
		digits             string
		ok, authentication bool
	}{
		"4782":                   {"4782", true, false},
		" 47 82 ":                {"4782", true, false},
		"47-82":                  {"4782", true, false},
		"47\u00a082":             {"4782", true, false},
		"４７８２":                   {"4782", true, false},
		"٤٧٨٢":                   {"4782", true, false},
		"0000":                   {"0000", true, false},
		"":                       {"", false, false},
		"478":                    {"478", false, false},
		"47823":                  {"47823", false, false},
		"634 977":                {"634977", false, true},
		"٦٣٤٩٧٧":                 {"634977", false, true},
		"47B2":                   {"", false, false},
		"4 7 8 l":                {"", false, false},
		strings.Repeat("4", 201): {"", false, false},
	} {
		digits, ok, authentication := ReadMatch(text)
		if digits != want.digits || ok != want.ok || authentication != want.authentication {
			t.Errorf("%q: %q %t %t", text, digits, ok, authentication)
		}
	}
}
