package wordstest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"doorstep/internal/words"
)

func TestStretched(t *testing.T) {
	plain, long := Strict(t).In(words.English), Stretched(t).In(words.English)
	for _, key := range []string{"re.when", "team.people", "nav.me"} {
		args := words.Args{"name": "{Ada}", "n": 2}
		short, stretched := plain.Say(key, args), long.Say(key, args)
		if n, m := utf8.RuneCountInString(short), utf8.RuneCountInString(stretched); m*10 < n*13 || m*10 > n*17 {
			t.Errorf("%s: %d characters became %d: %q", key, n, m, stretched)
		}
		if !strings.HasPrefix(stretched, "[") || strings.Count(stretched, "{Ada}") != strings.Count(short, "{Ada}") {
			t.Errorf("%s: %q", key, stretched)
		}
	}
	if got := Strict(t).In(words.Spanish).Say("nav.me"); got != "Información del usuario" {
		t.Errorf("Spanish says %q", got)
	}
}

func TestPseudo(t *testing.T) {
	for text, want := range map[string]string{
		"Sign out":    "[Šïgñ öüţ·]",
		"{n} minutes": "[{n} mïñüţéš··]",
		"":            "[·]",
	} {
		if got := Pseudo(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
