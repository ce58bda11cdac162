// Command bench measures the program as it would be shipped, and prints what it
// measured beside what the machine could do at best: ratios of two things that
// took turns in one run, since a number alone says more about the machine.
//
//	make bench                              everything, about half an hour
//	go run ./scripts/bench -sessions 1000   a short one
//
// Nothing is compared with a limit here: what was promised stands beside it in
// docs/benchmarks.md.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	o := options{out: os.Stdout}
	sizes := flag.String("sessions", "1000,100000,1000000", "how many sessions are in the database, one run each")
	only := flag.String("only", "", "start, forward or core; all when empty")
	bare := flag.String("bare", "", "for itself: serve nothing on this address")
	flag.StringVar(&o.binary, "binary", "bin/doorstep", "the program to measure")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds in turns")
	flag.DurationVar(&o.length, "length", 4*time.Second, "how long a round takes")
	flag.Parse()
	if *bare != "" {
		fail(serveBare(*bare))
		return
	}
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		fail(err)
		o.sessions = append(o.sessions, n)
	}
	fmt.Fprintf(o.out, "%s, %s/%s, %d processors, %s, %s\n", time.Now().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), commit())
	for _, part := range []struct {
		name string
		run  func(options) error
	}{
		{"start", func(o options) error { return startAndSize(o.binary, o.out) }},
		{"forward", forwardAuth},
		{"core", coreAlone},
	} {
		if *only == "" || *only == part.name {
			fail(part.run(o))
		}
	}
}

type options struct {
	out      io.Writer
	binary   string
	sessions []int
	rounds   int
	length   time.Duration
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// commit says what was measured.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "not from a repository"
	}
	return "commit " + strings.TrimSpace(string(out))
}
