package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// run is what one run has seen.
type run struct {
	long     bool
	only     []string
	each     time.Duration
	began    time.Time
	counts   map[string]map[string]int // promise -> what -> how many
	results  map[string]string         // package and test -> pass, fail or skip
	against  map[string][]string       // promise -> what else says that it does not hold
	also     map[string][]string       // promise -> what else proves it
	problems []string
	left     []string
}

// says notes what else proves a promise.
func (r *run) says(promise, what string) {
	if r.also == nil {
		r.also = map[string][]string{}
	}
	if !slices.Contains(r.also[promise], what) {
		r.also[promise] = append(r.also[promise], what)
	}
}

func (r *run) breaks(promise, why string) {
	if r.against == nil {
		r.against = map[string][]string{}
	}
	r.against[promise] = append(r.against[promise], why)
}

func (r *run) count(promise, what string, n int) {
	if r.counts[promise] == nil {
		r.counts[promise] = map[string]int{}
	}
	r.counts[promise][what] += n
}

// evidence is how a test says what it counted.
var evidence = regexp.MustCompile(`evidence: ((?:[PR]\d+)(?:,[PR]\d+)*|[a-z-]+) (.*)`)

// promiseOf says to which promise a rule belongs that a test names instead.
var promiseOf = map[string]string{"R11": "P4"}

// note reads such a line. Lengths of time and what has words for values is not added up.
func (r *run) note(text string) {
	m := evidence.FindStringSubmatch(text)
	if m == nil {
		return
	}
	fmt.Println("   ", strings.TrimSpace(m[0]))
	for promise := range strings.SplitSeq(m[1], ",") {
		if of := promiseOf[promise]; of != "" {
			promise = of
		}
		for field := range strings.FieldsSeq(m[2]) {
			what, value, _ := strings.Cut(field, "=")
			n, err := strconv.Atoi(value)
			if err != nil || what == "ms" || what == "history" || what == "seconds" || strings.HasSuffix(what, "_ms") {
				continue
			}
			r.count(promise, what, n)
		}
	}
}

// tests runs everything that the table of promises names, a package at a time.
func (r *run) tests() {
	names := map[string][]string{}
	for _, p := range promises {
		for pkg, list := range p.tests {
			for _, name := range list {
				if !slices.ContainsFunc(suites, func(s suite) bool { return s.pkg == pkg && s.matches(name) }) {
					names[pkg] = append(names[pkg], name)
				}
			}
		}
	}
	for pkg, list := range names {
		slices.Sort(list)
		r.goTest(pkg, "^("+strings.Join(slices.Compact(list), "|")+")$", nil)
	}
}

func (s suite) matches(name string) bool {
	return regexp.MustCompile("^(" + s.tests + ")$").MatchString(name)
}

func (r *run) suite(s suite) {
	variables := s.short
	if r.long {
		variables = s.long
	}
	if _, err := os.Stat(s.pkg); err != nil {
		r.left = append(r.left, s.name+": it is not in this checkout")
		return
	}
	failed, ran := r.goTest(s.pkg, "^("+s.tests+")$", variables)
	if ran == 0 {
		r.problems = append(r.problems, s.name+": no test ran")
	}
	for _, promise := range s.promises {
		if failed > 0 {
			r.breaks(promise, s.name+" FAILED")
		} else {
			r.says(promise, s.name+" ("+s.pkg+")")
		}
	}
}

// goTest runs tests of a package and keeps what became of each.
func (r *run) goTest(pkg, which string, variables []string) (failed, ran int) {
	cmd := exec.Command("go", "test", "-json", "-count=1", "-vet=off", "-timeout", "6h", "-run", which, "./"+pkg)
	cmd.Env = append(os.Environ(), variables...)
	out, err := cmd.StdoutPipe()
	cmd.Stderr = os.Stderr
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.problems = append(r.problems, pkg+": "+err.Error())
		return 1, 0
	}
	told := map[string]string{} // by test
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			told[""] += lines.Text() + "\n"
			continue
		}
		r.note(e.Output)
		told[e.Test] += e.Output
		top, below, inside := strings.Cut(e.Test, "/")
		switch {
		case e.Action == "skip":
			r.left = append(r.left, pkg+" "+e.Test)
		case e.Action == "fail" && e.Test != "" && inside:
			fmt.Printf("    FAIL %s %s/%s\n%s", pkg, top, below, told[e.Test])
		case (e.Action == "pass" || e.Action == "fail") && e.Test != "" && !inside:
			r.results[pkg+" "+top] = e.Action
			ran++
			if e.Action == "fail" {
				failed++
				fmt.Print(told[top])
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		failed = max(failed, 1)
		r.problems = append(r.problems, fmt.Sprintf("%s: %v", pkg, err))
		fmt.Print(told[""]) // what does not build, or took the process down
	}
	fmt.Printf("    %s: %d tests, %d failed\n", pkg, ran, failed)
	return failed, ran
}

// mutation runs scripts/mutate, which prints what became of each mutant.
func (r *run) mutation() {
	cmd := exec.Command("go", "run", "./scripts/mutate")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		fmt.Print("    ", line)
		r.note(line)
	}
	if err != nil {
		r.problems = append(r.problems, "mutation: "+err.Error())
	}
}

// target is a fuzz target.
type target struct{ pkg, name string }

var declaresFuzz = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// targets finds every fuzz target of the checkout.
func targets(folder string) ([]target, error) {
	var list []target
	err := filepath.WalkDir(filepath.Join(folder, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(folder, filepath.Dir(path))
		for _, m := range declaresFuzz.FindAllStringSubmatch(string(text), -1) {
			list = append(list, target{filepath.ToSlash(pkg), m[1]})
		}
		return err
	})
	slices.SortFunc(list, func(a, b target) int { return strings.Compare(a.pkg+a.name, b.pkg+b.name) })
	return list, err
}

var executions = regexp.MustCompile(`execs: (\d+)`)

// fuzz runs every target for a while. An input that fails is kept by the go command
// under testdata/fuzz, where it is a test from then on.
func (r *run) fuzz() {
	list, err := targets(".")
	if err != nil || len(list) == 0 {
		r.problems = append(r.problems, fmt.Sprintf("fuzz: %d targets, %v", len(list), err))
		return
	}
	each := r.each
	switch {
	case each == 0 && r.long:
		each = time.Hour / time.Duration(len(list))
	case each == 0:
		each = 3 * time.Second
	}
	for _, t := range list {
		promise := fuzzed[t.name]
		if promise == "" {
			promise = "P8"
		}
		out, err := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each.String(), "./"+t.pkg).CombinedOutput()
		inputs := 0
		for _, m := range executions.FindAllStringSubmatch(string(out), -1) {
			inputs, _ = strconv.Atoi(m[1]) // the last one counts
		}
		fmt.Printf("    %s %s: %d inputs in %s\n", t.pkg, t.name, inputs, each)
		r.count(promise, "fuzz-inputs", inputs)
		r.count(promise, "fuzz-targets", 1)
		if inputs == 0 && err == nil {
			r.left = append(r.left, fmt.Sprintf("%s of %s: it was not ready within %s", t.name, t.pkg, each))
		}
		if err != nil {
			fmt.Print(string(out))
			r.breaks(promise, t.name+" FAILED")
			r.problems = append(r.problems, fmt.Sprintf("%s of %s: %v", t.name, t.pkg, err))
		}
	}
}

// vulnerabilityDatabase names a copy of the Go project's vulnerability database, such as
// file:///srv/vulndb, for a machine that does not reach it.
const vulnerabilityDatabase = "DOORSTEP_VULNDB"

// vulnerabilities asks govulncheck, where its database is at hand, whether what is
// linked has known ones that the program can reach. Where it is not, that is said: a
// check that did not run is no clean one.
func (r *run) vulnerabilities() {
	if out, err := exec.Command("scripts/tools", "govulncheck").CombinedOutput(); err != nil {
		r.left = append(r.left, "known vulnerabilities: govulncheck could not be installed: "+lastLine(out))
		return
	}
	args := []string{"./cmd/doorstep"}
	if at := os.Getenv(vulnerabilityDatabase); at != "" {
		args = append([]string{"-db", at}, args...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bin/govulncheck", args...).CombinedOutput()
	exit := new(exec.ExitError)
	switch found := errors.As(err, &exit) && exit.ExitCode() == 3; {
	case err == nil:
		fmt.Println("    govulncheck:", lastLine(out))
	case found:
		fmt.Print(string(out))
		r.problems = append(r.problems, "known vulnerabilities that the program can reach")
	default:
		r.left = append(r.left, "known vulnerabilities: their database is not at hand here ("+lastLine(out)+"); "+vulnerabilityDatabase+" names a copy")
	}
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
