// Command mutate breaks the program's most important lines, one at a time, and shows
// that a test fails for each. Nothing is changed in the checkout: the go command is
// given the broken file in place of the real one.
//
//	go run ./scripts/mutate                     every mutant, a few minutes
//	go run ./scripts/mutate -only "step guard"  those whose name or promise says so
//	go run ./scripts/mutate -histories 100      which of them TestHistories alone catches
//
// Run it below internal/db/dbtest/withpostgres, or the mutants that only show where
// two transactions run at once are said to be left out.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sharedPostgres is how withpostgres hands its cluster to the tests.
const sharedPostgres = "DOORSTEP_TEST_POSTGRES"

func main() {
	only := flag.String("only", "", "mutants whose name or promise this regular expression finds")
	histories := flag.Int("histories", 0, "ask TestHistories alone, with so many histories")
	side := flag.Int("side", 2, "how many mutants are tried at once")
	flag.Parse()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
		return !wanted.MatchString(m.name+" "+m.promise) || *histories > 0 && !m.history
	})
	if err := tryAll(chosen, *histories, *side); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// tryAll tells first that the tests pass on the whole program: only then does a
// failure mean something.
func tryAll(chosen []mutant, histories, side int) error {
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	began := time.Now()
	if histories == 0 {
		if err := allPass(chosen); err != nil {
			return err
		}
	}
	outcomes := make([]outcome, len(chosen))
	slots := make(chan struct{}, side)
	var group sync.WaitGroup
	for i, m := range chosen {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			outcomes[i] = try(folder, i, m, histories)
			fmt.Println(outcomes[i].line(m))
		})
	}
	group.Wait()
	count := map[string]int{}
	for _, o := range outcomes {
		count[o.says]++
	}
	if histories == 0 {
		tellByPromise(chosen, outcomes)
	}
	what := "mutation"
	if histories > 0 {
		what = "mutation-by-histories"
	}
	fmt.Printf("evidence: %s mutants=%d killed=%d survived=%d left-out=%d seconds=%d\n", what, len(chosen), count[killed], count[survived], count[leftOut], int(time.Since(began).Seconds()))
	if bad := len(chosen) - count[killed] - count[leftOut]; bad > 0 && histories == 0 {
		return fmt.Errorf("%d of %d mutants were not caught", bad, len(chosen))
	}
	return nil
}

// tellByPromise counts for scripts/evidence.
func tellByPromise(chosen []mutant, outcomes []outcome) {
	for n := 1; n <= 9; n++ {
		promise, all, caught := fmt.Sprintf("P%d", n), 0, 0
		for i, m := range chosen {
			if strings.HasPrefix(m.promise, promise) {
				all++
				if outcomes[i].says == killed {
					caught++
				}
			}
		}
		if all > 0 {
			fmt.Printf("evidence: %s mutants=%d mutants-killed=%d\n", promise, all, caught)
		}
	}
}

// What became of a mutant.
const (
	killed   = "killed"
	survived = "SURVIVED"
	broken   = "DOES NOT BUILD"
	leftOut  = "left out" // without PostgreSQL
)

type outcome struct {
	says  string
	by    []string // the tests that failed
	took  time.Duration
	print string
}

func (o outcome) line(m mutant) string {
	text := fmt.Sprintf("%-14s %-8s %s (%s)", o.says, m.promise, m.name, m.file)
	if len(o.by) > 0 {
		text += " by " + strings.Join(o.by, ", ")
	}
	if o.says == broken {
		text += "\n" + o.print
	}
	return text + fmt.Sprintf(" %.1fs", o.took.Seconds())
}

func try(folder string, n int, m mutant, histories int) outcome {
	began := time.Now()
	if m.postgres && os.Getenv(sharedPostgres) == "" && histories == 0 {
		return outcome{says: leftOut}
	}
	overlay, err := overlayOf(folder, n, m)
	if err != nil {
		return outcome{says: broken, print: err.Error()}
	}
	tests := m.tests
	if histories > 0 {
		m.pkg, tests, m.postgres = core, []string{"TestHistories"}, false
	}
	variables := environment(m.postgres)
	if histories > 0 {
		variables = append(variables, "RAPID_CHECKS="+strconv.Itoa(histories))
	}
	failed, built, text := run(variables, m.pkg, tests, "-overlay", overlay)
	o := outcome{says: survived, by: failed, took: time.Since(began)}
	switch {
	case !built:
		o.says, o.print = broken, text
	case len(failed) > 0:
		o.says = killed
	}
	return o
}

// overlayOf writes the broken file, and the list by which the go command takes it.
func overlayOf(folder string, n int, m mutant) (string, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if count := bytes.Count(text, []byte(m.old)); count != 1 {
		return "", fmt.Errorf("%s holds the text %d times, not once", m.file, count)
	}
	instead := filepath.Join(folder, fmt.Sprintf("%d.go", n))
	if err := os.WriteFile(instead, bytes.Replace(text, []byte(m.old), []byte(m.new), 1), 0o600); err != nil {
		return "", err
	}
	whole, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{whole: instead}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, fmt.Sprintf("%d.json", n))
	return path, os.WriteFile(path, list, 0o600)
}

// allPass runs every test that is named, on the program as it is.
func allPass(chosen []mutant) error {
	type where struct {
		pkg      string
		postgres bool
	}
	tests := map[where][]string{}
	for _, m := range chosen {
		if !m.postgres || os.Getenv(sharedPostgres) != "" {
			at := where{m.pkg, m.postgres}
			tests[at] = append(tests[at], m.tests...)
		}
	}
	for at, names := range tests {
		slices.Sort(names)
		failed, built, text := run(environment(at.postgres), at.pkg, slices.Compact(names))
		if !built || len(failed) > 0 {
			return fmt.Errorf("without any mutant %s fails: %v\n%s", at.pkg, failed, text[max(0, len(text)-3000):])
		}
	}
	return nil
}

// environment hides PostgreSQL from the tests of a mutant that does not need it: with
// it they take several times as long.
func environment(postgres bool) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return !postgres && strings.HasPrefix(v, sharedPostgres+"=") })
}

// run runs tests of a package and names those that failed. One that hangs, or takes
// the process down, has failed.
func run(variables []string, pkg string, tests []string, more ...string) (failed []string, built bool, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 11*time.Minute)
	defer cancel()
	args := append([]string{"test", "-json", "-count=1", "-vet=off", "-timeout=10m", "-failfast", "-run", "^(" + strings.Join(tests, "|") + ")$"}, more...)
	args = append(args, "./"+pkg)
	if slices.Contains(tests, "TestHistories") {
		args = append(args, "-rapid.shrinktime=1s", "-rapid.nofailfile") // that it fails is enough
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = variables
	out, err := cmd.CombinedOutput()
	ran := 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			text += lines.Text() + "\n"
			continue
		}
		text += e.Output
		top, _, below := strings.Cut(e.Test, "/")
		switch {
		case e.Action == "run" && !below && top != "":
			ran++
		case e.Action == "fail" && top != "" && !slices.Contains(failed, top):
			failed = append(failed, top)
		}
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return nil, false, err.Error()
	}
	if strings.Contains(text, "signal: ") && !strings.Contains(text, "panic: ") {
		return nil, false, text + "somebody ended the tests\n"
	}
	if ran == 0 {
		return nil, false, text + "no test ran\n"
	}
	if err != nil && len(failed) == 0 {
		failed = []string{"the whole process"}
	}
	return failed, true, text
}
