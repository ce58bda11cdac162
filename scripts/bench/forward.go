package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

const workingSet = 10_000

// serveBare is the bound: a handler that answers 200 and does nothing else, with
// net/http as it comes.
func serveBare(address string) error {
	return http.ListenAndServe(address, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// forwardAuth measures /forward-auth of the real program beside the bare handler,
// for each number of sessions in the database.
func forwardAuth(o options) error {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n/forward-auth, %d keep-alive connections, working set %d, medians of %d rounds of %s in turns, SQLite\n", connections, workingSet, o.rounds, o.length)
	fmt.Fprintln(w, "sessions\tdoorstep\tbare net/http\tratio\tp50\tp99\tbare p99\tp99 ratio\tresident memory\t… after 100,000 were used")
	for _, n := range o.sessions {
		if err := forwardAuthAt(o, w, n); err != nil {
			return fmt.Errorf("with %d sessions: %w", n, err)
		}
	}
	return w.Flush()
}

func forwardAuthAt(o options, w *tabwriter.Writer, n int) (err error) {
	dir, err := os.MkdirTemp("", "doorstep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tokens, err := seed(dir, n)
	if err != nil {
		return err
	}
	s, err := start(o.binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = s.end(err) }()
	if _, err := s.ready(); err != nil {
		return err
	}
	bare, stop, err := startBare()
	if err != nil {
		return err
	}
	defer stop()

	address := strings.TrimPrefix(s.url, "http://")
	requests := requestsOf(address, spread(tokens, workingSet))
	var ratios, ours, theirs, p99, bareP99, p99Ratios, p50 []float64
	for i := range o.rounds + 1 {
		a, err := load(address, requests, o.length)
		if err != nil {
			return err
		}
		b, err := load(bare, requests, o.length)
		if err != nil {
			return err
		}
		if i == 0 {
			continue // warm
		}
		ours, theirs = append(ours, a.perSecond), append(theirs, b.perSecond)
		p50, p99, bareP99 = append(p50, a.p50.Seconds()), append(p99, a.p99.Seconds()), append(bareP99, b.p99.Seconds())
		ratios, p99Ratios = append(ratios, a.perSecond/b.perSecond), append(p99Ratios, a.p99.Seconds()/b.p99.Seconds())
	}
	resident, err := s.resident()
	if err != nil {
		return err
	}
	many, err := residentAfterMany(s, address, tokens)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d\t%.0f/s\t%.0f/s\t%.2f (%.2f–%.2f)\t%s\t%s\t%s\t%.2f\t%s\t%s\n", n, middle(ours), middle(theirs),
		middle(ratios), slices.Min(ratios), slices.Max(ratios), micro(middle(p50)), micro(middle(p99)), micro(middle(bareP99)), middle(p99Ratios), mega(resident), many)
	return nil
}

// residentAfterMany uses 100,000 sessions, three times each.
func residentAfterMany(s *server, address string, tokens []string) (string, error) {
	const many = 100_000
	if len(tokens) < many {
		return "–", nil
	}
	requests := requestsOf(address, spread(tokens, many))
	for range 3 {
		if _, err := load(address, requests, 5*time.Second); err != nil {
			return "", err
		}
	}
	resident, err := s.resident()
	return mega(resident), err
}

// spread takes so many tokens out of all, evenly.
func spread(tokens []string, n int) []string {
	n = min(n, len(tokens))
	some := make([]string, n)
	for i := range some {
		some[i] = tokens[i*len(tokens)/n]
	}
	return some
}

// seed fills a folder with data and keys. Only core may write tables, so its own
// tests do it.
func seed(dir string, sessions int) ([]string, error) {
	cmd := exec.Command("go", "test", "-count=1", "-timeout=30m", "-run=^$", "-bench=^BenchmarkSeed$", "-benchtime=1x", "./internal/core")
	cmd.Env = append(os.Environ(), "DOORSTEP_SEED="+dir, "DOORSTEP_SEED_SESSIONS="+strconv.Itoa(sessions))
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("seed: %w\n%s", err, text)
	}
	text, err := os.ReadFile(filepath.Join(dir, "tokens"))
	return strings.Fields(string(text)), err
}

// startBare runs the bound in a process of its own, as the program is.
func startBare() (address string, stop func(), err error) {
	address, err = freeAddress()
	if err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "-bare", address)
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(5 * time.Millisecond) {
		if answer, err := http.Get("http://" + address); err == nil {
			return address, stop, answer.Body.Close()
		}
	}
	stop()
	return "", nil, fmt.Errorf("the bare handler did not start")
}

func middle(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return v[len(v)/2]
}

func micro(seconds float64) string { return fmt.Sprintf("%.0f µs", seconds*1e6) }
