package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// languages are those that every page speaks.
var languages = []string{"en", "es", "pt-BR"}

// languageNames are the links in the footer.
var languageNames = map[string]string{"en": "English", "es": "Español", "pt-BR": "Português (Brasil)"}

// catalogs are the program's own texts. The tests look for these words on the
// pages, so a journey in another language needs no second script.
var catalogs = sync.OnceValues(func() (map[string]map[string]any, error) {
	all := map[string]map[string]any{}
	for _, l := range languages {
		text, err := os.ReadFile("../internal/words/messages/" + l + ".json")
		if err != nil {
			return nil, err
		}
		var entries map[string]any
		if err := json.Unmarshal(text, &entries); err != nil {
			return nil, fmt.Errorf("%s.json: %w", l, err)
		}
		all[l] = entries
	}
	return all, nil
})

// args fill a text's {names}.
type args map[string]any

// words is one language.
type words struct {
	t        *testing.T
	language string
}

// say is a text with its {names} filled in; those that nothing was given for
// stay, and `sees` takes anything in their place.
func (w words) say(key string, fill ...args) string {
	w.t.Helper()
	all, err := catalogs()
	if err != nil {
		w.t.Fatal(err)
	}
	given := args{}
	for _, f := range fill {
		for name, value := range f {
			given[name] = value
		}
	}
	var text string
	switch entry := all[w.language][key].(type) {
	case string:
		text = entry
	case map[string]any:
		text, _ = entry[w.form(given["n"])].(string)
	}
	if text == "" {
		w.t.Fatalf("there is no text %q in %s", key, w.language)
	}
	for name, value := range given {
		text = strings.ReplaceAll(text, "{"+name+"}", fmt.Sprint(value))
	}
	return text
}

// form is the plural form for a number: CLDR's rules of our three languages, as
// far as these tests count.
func (w words) form(n any) string {
	if n == 1 || n == 0 && w.language == "pt-BR" {
		return "one"
	}
	return "other"
}

var unfilled = regexp.MustCompile(`\\\{[a-z]+\\\}`)

// pattern finds a text in a page whatever stands for its open {names}.
func pattern(text string) *regexp.Regexp {
	return regexp.MustCompile(unfilled.ReplaceAllString(regexp.QuoteMeta(oneLine(text)), `.+?`))
}

// oneLine is a text as a person reads it: any run of spaces is one.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
