package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMutantsFitTheCode: every mutant's text stands exactly once where it is said to,
// and every test that has to notice exists.
func TestMutantsFitTheCode(t *testing.T) {
	t.Chdir("../..")
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] || m.name == "" || m.promise == "" || m.old == m.new || len(m.tests) == 0 {
			t.Errorf("%q: a name of its own, a promise, a change and a test", m.name)
		}
		names[m.name] = true
		text, err := os.ReadFile(m.file)
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(text), m.old); n != 1 {
			t.Errorf("%s: %s holds its text %d times, not once: write the mutant anew", m.name, m.file, n)
		}
		for _, test := range m.tests {
			if !hasTest(t, m.pkg, test) {
				t.Errorf("%s: there is no %s in %s", m.name, test, m.pkg)
			}
		}
	}
	if len(mutants) < 12 {
		t.Errorf("%d mutants", len(mutants))
	}
}

func hasTest(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + test + `\(t \*testing\.T\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(text) {
			return true
		}
	}
	return false
}
