package doorstep_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	dependencyFile = "docs/dependencies.txt"
	unexplained    = "?"
)

// dependencyHead is how the file begins.
const dependencyHead = `# What this project is made with: module version - what for - licence. What Debian packages the tests
# like to have, scripts/prepare says.
# A test compares this with what is linked, with both go.mod files and with the pinned tools, so that a new one shows in
# the review, and each licence with the text that comes with the module, where that is at hand.
# UPDATE=1 go test -run TestDependencies . writes it anew; lines with ? want a word.
`

// dependencies are one part of the file.
type dependencies struct {
	head     string
	modules  map[string]string // module -> version
	licences []string          // that are allowed here
}

var (
	linkable = []string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"}
	runnable = append([]string{"MPL-2.0"}, linkable...)
	// A tool is a program that somebody runs, of which nothing gets into ours.
	tools = append([]string{"GPL-3.0"}, runnable...)
)

// TestDependencies: what is linked into the program, what tests and development need
// besides, is written down, with what it is for and its licence.
//
// ASVS 15.1.2, ASVS 15.2.1
func TestDependencies(t *testing.T) {
	linked := linkedModules(t)
	onlyTests := requiredBy(t, "go.mod")
	for module := range linked {
		delete(onlyTests, module)
	}
	parts := []dependencies{
		{"linked into the program, on some system that it is built for", linked, linkable},
		{"only tests are linked with these", onlyTests, runnable},
		{"of the browser tests, a module of their own (e2e/), which read axe-core (MPL-2.0) from npm besides", requiredBy(t, "e2e/go.mod"), runnable},
		{"programs that developers and CI run (scripts/tools)", pinnedTools(t), tools},
	}
	notes := map[string]string{} // module -> "what for - licence"
	old, err := os.ReadFile(dependencyFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^([^\s#]\S*) (\S+) - (.+)$`)
	for _, m := range row.FindAllStringSubmatch(string(old), -1) {
		notes[m[1]] = m[3]
	}
	want := dependencyHead
	for _, part := range parts {
		want += "\n# " + part.head + "\n"
		for _, module := range slices.Sorted(maps.Keys(part.modules)) {
			note := notes[module]
			if note == "" {
				note = unexplained
			}
			want += fmt.Sprintf("%s %s - %s\n", module, part.modules[module], note)
			if _, licence, _ := cutFromRight(note, " - "); !slices.Contains(part.licences, licence) {
				t.Errorf("%s: %q does not end in a licence that is allowed there (%s)", module, note, strings.Join(part.licences, ", "))
			}
		}
	}
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(dependencyFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(old) != want {
		t.Errorf("%s does not say what there is; UPDATE=1 writes it anew. It should be:\n%s", dependencyFile, want)
	}
	readLicences(t, linked, notes)
}

// readLicences compares the stated licences of what is linked with the texts that the
// modules bring along.
func readLicences(t *testing.T, linked, notes map[string]string) {
	t.Helper()
	args := append([]string{"list", "-m", "-f", "{{.Path}}\t{{.Dir}}"}, slices.Sorted(maps.Keys(linked))...)
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for line := range strings.Lines(string(out)) {
		module, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if dir == "" {
			continue // linked on another system only, and not at hand on this one
		}
		_, stated, _ := cutFromRight(notes[module], " - ")
		found := ""
		for _, name := range []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING"} {
			if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				found = licenceOf(string(text))
				break
			}
		}
		if read++; found != stated {
			t.Errorf("%s is said to be %s, and its text is %q", module, stated, found)
		}
	}
	if read < 20 {
		t.Errorf("only %d licences were read", read)
	}
}

// licenceOf tells which licence a text is, by what only it says.
func licenceOf(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	switch has := func(part string) bool { return strings.Contains(text, part) }; {
	case has("Apache License") && has("Version 2.0"):
		return "Apache-2.0"
	case has("Permission is hereby granted, free of charge"):
		return "MIT"
	case has("Redistribution and use in source and binary forms") && (has("endorse or promote") || has("contributors may be used")):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return ""
}

// requiredBy are the modules of a go.mod.
func requiredBy(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1) {
		required[m[1]] = m[2]
	}
	if len(required) < 3 {
		t.Fatalf("%s requires %v", file, required)
	}
	return required
}

// pinnedTools are those of scripts/tools.
func pinnedTools(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("scripts/tools")
	if err != nil {
		t.Fatal(err)
	}
	pinned := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\S+ +(\S+)@(v\S+)`).FindAllStringSubmatch(string(text), -1) {
		pinned[m[1]] = m[2]
	}
	if len(pinned) < 4 {
		t.Fatalf("scripts/tools pins %v", pinned)
	}
	return pinned
}

func cutFromRight(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// linkedModules asks the go command, for each system that we build for: which
// modules are linked differs a little between them.
func linkedModules(t *testing.T) map[string]string {
	t.Helper()
	linked := map[string]string{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/doorstep")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		var complaint strings.Builder
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v\n%s", system, err, complaint.String())
		}
		for line := range strings.Lines(string(out)) {
			if module, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
				linked[module] = version
			}
		}
	}
	if len(linked) < 10 {
		t.Fatalf("the go command names only %d linked modules", len(linked))
	}
	return linked
}
