package doorstep_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	checklistLine = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \|$`)
	testName      = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	scriptName    = regexp.MustCompile("`(testdata/script/[a-z0-9_]+\\.txtar)`")
	testFunc      = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\)`)
)

// TestChecklist: each line of the checklist of the pages names a test that exists, or
// says why there is none.
func TestChecklist(t *testing.T) {
	text, err := os.ReadFile("docs/checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, f := range testFunc.FindAllSubmatch(source, -1) {
			tests[string(f[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range testName.FindAllStringSubmatch(string(text), -1) {
		if !tests[m[1]] {
			t.Errorf("the checklist names %s, which does not exist", m[1])
		}
	}
	lines := checklistLine.FindAllStringSubmatch(string(text), -1)
	for i, m := range lines {
		if m[1] != strconv.Itoa(i+1) {
			t.Errorf("after line %d comes %s", i, m[1])
		}
		if !testName.MatchString(m[3]) && !strings.Contains(m[3], "*By hand*") && !strings.Contains(m[3], "*Not here*") {
			t.Errorf("line %s names no test and gives no reason: %s", m[1], m[3])
		}
	}
	if len(lines) != 98 {
		t.Errorf("the checklist has %d lines, not 98", len(lines))
	}
	for _, m := range scriptName.FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Error(err)
		}
	}
}
