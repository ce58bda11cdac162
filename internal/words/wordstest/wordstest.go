// Package wordstest gives tests of pages and letters catalogs that find fault: one that fails the test at
// each text that could not be given, and one whose texts are longer than any language's.
package wordstest

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"doorstep/internal/words"
)

// Strict is the built-in catalog; the test fails at every unknown key and missing value.
func Strict(t testing.TB) *words.Catalog {
	t.Helper()
	c, err := words.Load()
	if err != nil {
		t.Fatalf("load the words: %v", err)
	}
	return failing(t, c)
}

// Stretched is Strict with English 40 % longer ([Pseudo]): for finding what breaks when words get long.
func Stretched(t testing.TB) *words.Catalog {
	t.Helper()
	data, err := fs.ReadFile(words.Files(), "en.json")
	if err != nil {
		t.Fatalf("read the English words: %v", err)
	}
	var texts map[string]any
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatalf("read the English words: %v", err)
	}
	for key, text := range texts {
		switch text := text.(type) {
		case string:
			texts[key] = Pseudo(text)
		case map[string]any:
			for form, text := range text {
				texts[key].(map[string]any)[form] = Pseudo(text.(string))
			}
		}
	}
	if data, err = json.Marshal(texts); err != nil {
		t.Fatalf("write the stretched words: %v", err)
	}
	c, err := words.LoadFS(fstest.MapFS{"en.json": {Data: data}})
	if err != nil {
		t.Fatalf("load the stretched words: %v", err)
	}
	return failing(t, c)
}

func failing(t testing.TB, c *words.Catalog) *words.Catalog {
	return c.Strict(func(_ words.Language, _ string, err error) {
		t.Helper()
		t.Errorf("say: %v", err)
	})
}

// Pseudo makes a text 40 % longer, with accents, and keeps its {names}: "Sign out" becomes "[Šïgñ öüţ·]".
// What stands in a page without these marks did not come from the catalog.
func Pseudo(text string) string {
	accents := strings.NewReplacer("a", "á", "c", "ç", "e", "é", "i", "ï", "n", "ñ", "o", "ö", "s", "š",
		"t", "ţ", "u", "ü", "A", "Å", "E", "É", "I", "Ï", "N", "Ñ", "O", "Ö", "S", "Š", "U", "Ü")
	var b strings.Builder
	for rest := text; ; {
		literal, after, found := strings.Cut(rest, "{")
		b.WriteString(accents.Replace(literal))
		if !found {
			break
		}
		name, after, _ := strings.Cut(after, "}")
		b.WriteString("{" + name + "}")
		rest = after
	}
	padding := max(1, len([]rune(text))*4/10-2)
	return "[" + b.String() + strings.Repeat("·", padding) + "]"
}
