// Command evidence shows what the promises of docs/security.md rest on: it runs the
// tests that try to break them, counts what they tried, and prints one line a promise.
//
//	make evidence        the short forms, under 15 minutes on two processors
//	make evidence-long   the long ones, several hours
//
// A test says what it counted with a line "evidence: P1 histories=100 engine=sqlite":
// the promises, then numbers, which are added up, and words, which are not.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	long := flag.Bool("long", false, "the long forms")
	only := flag.String("only", "", "of the parts (tests, histories, single-use, planted, crash, mutation, fuzz, vulnerabilities) those named here, with commas between")
	each := flag.Duration("fuzz", 0, "how long each fuzz target runs; 0 is 3 seconds, or an hour in all for -long")
	flag.Parse()
	r := &run{long: *long, each: *each, began: time.Now(), counts: map[string]map[string]int{}, results: map[string]string{}}
	if *only != "" {
		r.only = strings.Split(*only, ",")
	}
	form := "short"
	if r.long {
		form = "long"
	}
	fmt.Printf("evidence, %s form, %s, %s/%s, %d processors, %s\n", form, time.Now().UTC().Format("2006-01-02 15:04 MST"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, p := range r.parts() {
		if len(r.only) > 0 && !slices.Contains(r.only, p.name) {
			continue
		}
		begun := time.Now()
		p.run()
		fmt.Printf("=== %s took %s\n", p.name, time.Since(begun).Round(time.Second))
	}
	if !r.tell() {
		os.Exit(1)
	}
}

// part is one piece of the run.
type part struct {
	name string
	run  func()
}

func (r *run) parts() []part {
	list := []part{{"tests", r.tests}}
	for _, s := range suites {
		list = append(list, part{s.name, func() { r.suite(s) }})
	}
	return append(list, part{"mutation", r.mutation}, part{"fuzz", r.fuzz}, part{"vulnerabilities", r.vulnerabilities})
}

// tell prints a line for each promise, and says whether all that are meant to hold do.
func (r *run) tell() (fine bool) {
	fmt.Println()
	fine = len(r.problems) == 0
	held := 0
	for _, p := range promises {
		switch wrong, missing := r.verdict(p); {
		case p.open != "":
			fmt.Printf("%s NOT MET: %s: %s\n", p.name, p.text, p.open)
		case wrong != "":
			fine = false
			fmt.Printf("%s BROKEN: %s: %s; %s\n", p.name, p.text, wrong, r.counted(p.name))
		case missing > 0:
			fine = fine && len(r.only) > 0
			fmt.Printf("%s not shown: %s: %d of its tests did not run; %s\n", p.name, p.text, missing, r.counted(p.name))
		default:
			held++
			fmt.Printf("%s held: %s: by %s; %s\n", p.name, p.text, r.by(p), r.counted(p.name))
		}
	}
	fmt.Printf("%d of %d promises held; everything took %s\n", held, len(promises), time.Since(r.began).Round(time.Second))
	for _, problem := range r.problems {
		fmt.Println("PROBLEM:", problem)
	}
	for _, left := range r.left {
		fmt.Println("LEFT OUT:", left)
	}
	return fine
}

// verdict is why a promise does not hold, "" for nothing, and how many of its tests
// did not run.
func (r *run) verdict(p promise) (wrong string, missing int) {
	failed := slices.Clone(r.against[p.name])
	for pkg, names := range p.tests {
		for _, name := range names {
			switch r.results[pkg+" "+name] {
			case "pass":
			case "fail":
				failed = append(failed, name+" of "+pkg+" FAILED")
			default:
				missing++
			}
		}
	}
	slices.Sort(failed)
	return strings.Join(failed, ", "), missing
}

// by names the tests of a promise.
func (r *run) by(p promise) string {
	var parts []string
	for pkg, names := range p.tests {
		parts = append(parts, fmt.Sprintf("%s (%s)", strings.Join(names, ", "), pkg))
	}
	slices.Sort(parts)
	return strings.Join(append(parts, r.also[p.name]...), "; ")
}

func (r *run) counted(name string) string {
	var parts []string
	for what, n := range r.counts[name] {
		parts = append(parts, fmt.Sprintf("%s=%d", what, n))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "nothing counted"
	}
	return strings.Join(parts, " ")
}
