package web

import (
	"testing"

	"doorstep/internal/core"
	"doorstep/internal/words"
	"doorstep/internal/words/wordstest"
)

// Beyond what is counted, a page says so in every language.
func TestHowMany(t *testing.T) {
	catalog := wordstest.Strict(t)
	for _, c := range []struct {
		language words.Language
		key      string
		count    core.Count
		want     string
	}{
		{words.English, "team.people", core.Count{N: 1}, "1 person."},
		{words.English, "team.people", core.Count{N: core.CountMost}, "1,000 people."},
		{words.English, "team.people", core.Count{N: core.CountMost, More: true}, "More than 1,000 people."},
		{words.English, "team.found", core.Count{N: core.CountMost, More: true}, "More than 1,000 people found."},
		{words.English, "team.found", core.Count{N: 1, More: true}, "At least 1 person found."},
		{words.English, "team.inactive", core.Count{N: core.CountMost, More: true}, "More than 1,000 have not activated 2-step authentication."},
		{words.English, "home.people", core.Count{N: core.CountMost, More: true}, "More than 1,000 people"},
		{words.English, "home.inactive", core.Count{N: core.CountMost, More: true}, "More than 1,000 people have not activated 2-step authentication"},
		{words.Spanish, "team.people", core.Count{N: core.CountMost, More: true}, "Más de 1000 personas."},
		{words.Spanish, "team.found", core.Count{N: 7, More: true}, "Se encontraron al menos 7 personas."},
		{words.Portuguese, "team.people", core.Count{N: core.CountMost, More: true}, "Mais de 1.000 pessoas."},
		{words.Portuguese, "team.found", core.Count{N: 0, More: true}, "Pelo menos 0 pessoa encontrada."},
	} {
		v := &visit{words: catalog.In(c.language)}
		if got := v.howMany(c.key, c.count); got != c.want {
			t.Errorf("%s %s %v: %q, want %q", c.language, c.key, c.count, got, c.want)
		}
	}
}
