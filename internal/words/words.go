// Package words owns every sentence a person reads: one catalog in English, Spanish and Brazilian
// Portuguese, and the small grammar around it (plural forms, durations, dates, "2 days ago").
//
// It imports nothing of ours and must not know what a page, a letter or a refusal is: those rooms ask
// for a key and hand over values. It writes no HTML and escapes none: whoever puts a sentence into
// a page or a letter escapes it there.
//
// # How to add a sentence
//
// Add the key to all three files in messages/, at its place in the alphabet. A text is a string or, where
// a number decides the form, an object: {"one": …, "other": …} in en; es and pt-BR have "many" too
// (1,000,000), which repeats "other". A value to fill in is written {name}; {n} chooses the form. Whole
// sentences only, never glued from parts, and nothing that depends on somebody's gender. In pt-BR zero
// takes the form "one" ("0 sessão"), so a number that may be 0 and matters gets a key of its own.
// [Load] refuses files whose keys, values to fill in or forms differ between the languages; the tests
// look for words that the glossary forbids. Keys are stable once released: programs lay their own texts
// over them ([LoadFS]).
//
// A fourth language is a file, a constant with its [Language.Name], and its thousands in [Words.Number].
package words

import (
	"errors"
	"fmt"
)

// Args are the values for the {names} of a text. Besides strings these types are written in the words of
// the language: int (and int64) by [Words.Number], [time.Duration] by [Words.Duration],
// [time.Time] by [Words.DateTime]. Anything else is written as [fmt.Sprint] writes it. "n" chooses the
// plural form and must then be a whole number. Values are copied as they are: braces or markup in them
// mean nothing here.
type Args map[string]any

// Words says things in one language. It is two words wide and meant to be copied; get one from
// [Catalog.In]. Safe for concurrent use.
type Words struct {
	book   *book
	report func(Language, string, error)
}

// Language is the one it speaks.
func (w Words) Language() Language { return w.book.language }

// Say gives the text of key with args filled in; of several args the later wins. A key that is not in the
// catalog, or a value that is missing, gives "⟦key⟧": visible to whoever tests a page, harmless
// to whoever only reads it. See [Catalog.Strict] for tests that must not overlook it.
func (w Words) Say(key string, args ...Args) string {
	text, err := w.Try(key, args...)
	if err != nil {
		if w.report != nil {
			w.report(w.Language(), key, err)
		}
		return "⟦" + key + "⟧"
	}
	return text
}

// Try is Say with the reason why not: [ErrNoKey] or [ErrNoValue], wrapped.
func (w Words) Try(key string, args ...Args) (string, error) {
	entry, ok := w.book.entries[key]
	if !ok {
		return "", fmt.Errorf("%q in %s: %w", key, w.Language(), ErrNoKey)
	}
	text, err := entry.say(w, key, args)
	if err != nil {
		return "", fmt.Errorf("%q in %s: %w", key, w.Language(), err)
	}
	return text, nil
}

// Has tells whether the catalog knows key.
func (w Words) Has(key string) bool {
	_, ok := w.book.entries[key]
	return ok
}

var (
	// ErrNoKey: the catalog has no such key.
	ErrNoKey = errors.New("no such key")
	// ErrNoValue: args lack a {name} of the text, or "n" is not a whole number.
	ErrNoValue = errors.New("a value is missing")
)
