package core

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"doorstep/internal/db/dbtest"
)

// A check that finds nothing is worth nothing until it has been seen to find
// something. Each file of testdata/planted is a bug: in which check it has to be
// found, and on which ground. All of them are built into one test program by an
// overlay, which no other build knows of, each behind its name; then TestSingleUse is
// run there with one bug after the other, and has to fail every time.

// plantedHelpers is what the planted code asks whether it is its turn.
const plantedHelpers = `package core

import "os"

var whichPlanted = os.Getenv("DOORSTEP_PLANTED")

func planted(name string) bool { return whichPlanted == name }

func plantedSQL(name string) string {
	if planted(name) {
		return "1 = 1"
	}
	return "1 = 0"
}
`

// plantedBug is one of them.
type plantedBug struct{ name, check, ground string }

var bugSays = regexp.MustCompile(`(?m)^(check|ground): (\S+)$`)

// plant reads the bugs and writes what a build needs to have them.
func plant(t *testing.T) (bugs []plantedBug, overlay string) {
	t.Helper()
	dir := t.TempDir()
	texts := map[string]string{"planted.go": plantedHelpers}
	files, err := filepath.Glob("testdata/planted/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no planted bugs (%v)", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bug := plantedBug{name: strings.TrimSuffix(filepath.Base(file), ".txtar")}
		for _, m := range bugSays.FindAllStringSubmatch(string(archive.Comment), -1) {
			if m[1] == "check" {
				bug.check = m[2]
			} else {
				bug.ground = m[2]
			}
		}
		bugs = append(bugs, bug)
		for n := 0; n+1 < len(archive.Files); n += 2 {
			was, is := archive.Files[n], archive.Files[n+1]
			name, ok := strings.CutSuffix(was.Name, ": was")
			if !ok || is.Name != name+": is" {
				t.Fatalf("%s: after %q comes %q", file, was.Name, is.Name)
			}
			if texts[name] == "" {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				texts[name] = string(text)
			}
			old, changed := strings.TrimSuffix(string(was.Data), "\n"), strings.TrimSuffix(string(is.Data), "\n")
			if times := strings.Count(texts[name], old); times != 1 {
				t.Fatalf("%s no longer applies: %s has its text %d times:\n%s", file, name, times, old)
			}
			if !strings.Contains(changed, `("`+bug.name+`")`) {
				t.Fatalf("%s changes %s whether or not it is its turn", file, name)
			}
			texts[name] = strings.Replace(texts[name], old, changed, 1)
		}
	}
	replace := map[string]string{}
	for name, text := range texts {
		here, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		replace[here] = filepath.Join(dir, name)
		if err := os.WriteFile(replace[here], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return bugs, overlay
}

// plantedProgram builds the tests of this package with all bugs in them, as this
// program was built, so that the packages below are there already.
func plantedProgram(t *testing.T, overlay string) string {
	t.Helper()
	program := filepath.Join(filepath.Dir(overlay), "planted.test")
	args := []string{"test", "-c", "-o", program, "-overlay", overlay}
	if info, ok := debug.ReadBuildInfo(); ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" }) {
		// Of several -gcflags a program only knows the last; the gate's stand in the Makefile.
		makefile, err := os.ReadFile("../../Makefile")
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "-race")
		for _, m := range regexp.MustCompile(`-gcflags='([^']+)'`).FindAllStringSubmatch(string(makefile), -1) {
			args = append(args, "-gcflags", m[1])
		}
	}
	begun := time.Now()
	if out, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("build the tests with planted bugs: %v\n%s", err, out)
	}
	t.Logf("built in %v: go %s", time.Since(begun).Round(time.Millisecond), strings.Join(args, " "))
	return program
}

func TestPlantedBugsAreFound(t *testing.T) {
	t.Parallel()
	bugs, overlay := plant(t)
	program := plantedProgram(t, overlay)
	promise := map[string]string{}
	for _, c := range checks {
		promise[c.name] = c.promise
		if !slices.ContainsFunc(bugs, func(b plantedBug) bool { return b.check == c.name }) {
			t.Errorf("nothing is planted for the check %s", c.name)
		}
	}
	t.Run("each", func(t *testing.T) {
		for _, bug := range bugs {
			t.Run(bug.name, func(t *testing.T) {
				t.Parallel()
				if strings.HasPrefix(bug.ground, "postgres") {
					dbtest.Postgres(t) // left out here where it would be left out there
				}
				cmd := exec.CommandContext(t.Context(), program, "-test.v", "-test.run", "^TestSingleUse$/^"+bug.ground+"$/^"+bug.check+"$")
				cmd.Env = append(os.Environ(), "DOORSTEP_PLANTED="+bug.name, "DOORSTEP_HISTORIES=1000")
				begun := time.Now()
				out, err := cmd.CombinedOutput()
				found := regexp.MustCompile(`history (\d+) of ` + bug.check + ` on ` + bug.ground + ` has no explanation`).FindSubmatch(out)
				if err == nil || found == nil {
					t.Fatalf("the check %s does not find it on %s (%v):\n%s", bug.check, bug.ground, err, bytes.TrimSpace(out))
				}
				t.Logf("evidence: %s planted=1 found=1 history=%s bug=%s check=%s engine=%s ms=%d", promise[bug.check], found[1], bug.name, bug.check, bug.ground, time.Since(begun).Milliseconds())
			})
		}
	})
}
