package apptest

import (
	"sync"
	"testing"

	"doorstep/internal/words"
)

var theWords = sync.OnceValues(words.Load)

// strictWords fails the test at every sentence that could not be said.
func strictWords(t testing.TB) *words.Catalog {
	t.Helper()
	catalog, err := theWords()
	if err != nil {
		t.Fatalf("load the words: %v", err)
	}
	return catalog.Strict(func(l words.Language, _ string, err error) { t.Errorf("say in %s: %v", l, err) })
}
