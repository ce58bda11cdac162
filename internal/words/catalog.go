package words

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

//go:embed messages/*.json
var shipped embed.FS

// Catalog holds every text in every language. It does not change after it is loaded and is safe for
// concurrent use.
type Catalog struct {
	books  map[Language]*book
	report func(Language, string, error)
}

// book is one language of the catalog.
type book struct {
	language Language
	entries  map[string]entry
	// plurals chooses among the forms of an entry by the language's rules (CLDR). Each book has a bundle
	// of its own: in a shared one a missing text would quietly come out in English.
	plurals *i18n.Localizer
	calendar
}

// Files are the built-in texts, en.json, es.json and pt-BR.json: for embedders who want to see what they may
// lay over.
func Files() fs.FS {
	files, err := fs.Sub(shipped, "messages")
	if err != nil {
		return shipped // not reached: "messages" is a well-formed path, and fs.Sub asks no more
	}
	return files
}

// Load reads the texts that are built in. An error means that the program was built from files that do not
// belong together; the tests see to it that it was not.
func Load() (*Catalog, error) { return load(Files()) }

// LoadFS is Load with texts of an embedder laid over the built-in ones: en.json, es.json and pt-BR.json at
// the root of fsys, each with as many of our keys as they like. A key that we do not have, another set
// of {names}, or missing plural forms is an error, as is a file of another name, or none at all: better
// no start than a page half in the embedder's words.
func LoadFS(fsys fs.FS) (*Catalog, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, fmt.Errorf("list the texts to lay over: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("no texts to lay over: want en.json, es.json or pt-BR.json")
	}
	for _, name := range names {
		if !Known(strings.TrimSuffix(name, ".json")) {
			return nil, fmt.Errorf("%s: want en.json, es.json or pt-BR.json", name)
		}
	}
	return load(Files(), fsys)
}

// load reads the layers of every language, later over earlier, and checks that they belong together.
func load(layers ...fs.FS) (*Catalog, error) {
	c := &Catalog{books: map[Language]*book{}}
	for _, l := range Languages() {
		b, err := readBook(l, layers)
		if err != nil {
			return nil, err
		}
		c.books[l] = b
	}
	for _, l := range Languages() {
		if err := c.books[l].fits(c.books[English]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// In gives the words of a language; of a language that we do not speak, the English ones.
func (c *Catalog) In(l Language) Words {
	b, ok := c.books[l]
	if !ok {
		b = c.books[English]
	}
	return Words{book: b, report: c.report}
}

// Keys lists every key, sorted.
func (c *Catalog) Keys() []string {
	return slices.Sorted(maps.Keys(c.books[English].entries))
}

// Strict is the same catalog, whose Words call report for each text that Say could not give. Tests of pages
// and letters hand in one that fails the test.
func (c *Catalog) Strict(report func(l Language, key string, err error)) *Catalog {
	return &Catalog{books: c.books, report: report}
}
