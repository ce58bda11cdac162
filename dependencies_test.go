package doorstep_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
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
const dependencyHead = `# The modules linked into the program, on every system it is built for: module version - what for - licence.
# A test compares this with what is linked, so that a new one shows in the review.
# UPDATE=1 go test -run TestDependencies . writes it anew; lines with ? want a word.
`

// licences that may be linked.
var licences = []string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"}

// TestDependencies: what is linked into the program is written down, with what it
// is for and its licence.
func TestDependencies(t *testing.T) {
	linked := linkedModules(t)
	notes := map[string]string{} // module -> "what for - licence"
	old, err := os.ReadFile(dependencyFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^(\S+) (\S+) - (.+)$`)
	for _, m := range row.FindAllStringSubmatch(string(old), -1) {
		notes[m[1]] = m[3]
	}
	want := dependencyHead
	for _, module := range slices.Sorted(maps.Keys(linked)) {
		note := notes[module]
		if note == "" {
			note = unexplained
		}
		want += fmt.Sprintf("%s %s - %s\n", module, linked[module], note)
		_, licence, _ := cutFromRight(note, " - ")
		if !slices.Contains(licences, licence) {
			t.Errorf("%s: %q does not end in a licence that may be linked (%s)", module, note, strings.Join(licences, ", "))
		}
	}
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(dependencyFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(old) != want {
		t.Errorf("%s does not say what is linked; UPDATE=1 writes it anew. It should be:\n%s", dependencyFile, want)
	}
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
