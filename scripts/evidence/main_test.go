package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestTheTableNamesTests: whatever the table of promises rests on is there.
func TestTheTableNamesTests(t *testing.T) {
	t.Chdir("../..")
	declared := map[string]string{}
	text := func(pkg string) string {
		if declared[pkg] == "" {
			files, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				declared[pkg] += string(b)
			}
		}
		return declared[pkg]
	}
	for i, p := range promises {
		if want := "P" + string(rune('1'+i)); p.name != want || p.text == "" {
			t.Errorf("the %d. promise is %s", i+1, p.name)
		}
		if (len(p.tests) == 0) != (p.open != "") {
			t.Errorf("%s names no test, or says that it is not met and names some", p.name)
		}
		for pkg, names := range p.tests {
			for _, name := range names {
				if !regexp.MustCompile(`(?m)^func ` + name + `\(t \*testing\.T\)`).MatchString(text(pkg)) {
					t.Errorf("%s: there is no %s in %s", p.name, name, pkg)
				}
			}
		}
	}
	for _, s := range suites {
		if !regexp.MustCompile(`(?m)^func (` + s.tests + `)\(t \*testing\.T\)`).MatchString(text(s.pkg)) {
			t.Errorf("%s: there is no %s in %s", s.name, s.tests, s.pkg)
		}
	}
	list, err := targets(".")
	if err != nil || len(list) < 20 {
		t.Errorf("%d fuzz targets, %v", len(list), err)
	}
	for name := range fuzzed {
		found := false
		for _, x := range list {
			found = found || x.name == name
		}
		if !found {
			t.Errorf("there is no fuzz target %s", name)
		}
	}
}

func TestNote(t *testing.T) {
	r := &run{counts: map[string]map[string]int{}}
	r.note("    x_test.go:1: evidence: P1,P2 histories=100 engine=sqlite ms=12 kills=3\n")
	r.note("evidence: P1 histories=20 check=links")
	r.note("nothing of it")
	if r.counts["P1"]["histories"] != 120 || r.counts["P2"]["kills"] != 3 || r.counts["P1"]["ms"] != 0 || r.counts["P1"]["engine"] != 0 {
		t.Errorf("%v", r.counts)
	}
}
