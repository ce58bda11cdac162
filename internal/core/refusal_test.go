package core

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// Codes lists what the source declares: a new refusal cannot be forgotten there.
func TestCodesAreAll(t *testing.T) {
	source, err := os.ReadFile("refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^\s+\w+\s+Code = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(declared) != len(Codes()) {
		t.Errorf("%d codes declared, %d listed", len(declared), len(Codes()))
	}
	for _, d := range declared {
		if !slices.Contains(Codes(), Code(d[1])) {
			t.Errorf("%s is not listed", d[1])
		}
	}
}
