package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

const (
	starts   = 9
	patience = 20 * time.Second // for one start or one stop
	idleFor  = 3 * time.Second
)

// startAndSize measures the start of the program, its memory while nobody uses it, and
// its size.
func startAndSize(binary string, out io.Writer) error {
	dir, err := os.MkdirTemp("", "doorstep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	size, static, err := lookAt(binary)
	if err != nil {
		return err
	}
	// The first start makes the keys and the schema; after it the database is
	// "existing", with a team and an owner.
	if _, err := measureStart(binary, dir); err != nil {
		return fmt.Errorf("the first start: %w", err)
	}
	if err := addOwner(binary, dir); err != nil {
		return err
	}
	var times []time.Duration
	for range starts {
		took, err := measureStart(binary, dir)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	idle, afterPage, err := measureMemory(binary, dir)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nThe program\n")
	fmt.Fprintf(w, "start to ready, existing database\t%s\tmedian of %d (%s–%s)\n", milli(times[starts/2]), starts, milli(times[0]), milli(times[starts-1]))
	fmt.Fprintf(w, "resident memory, idle for %s\t%s\n", idleFor, mega(idle))
	fmt.Fprintf(w, "resident memory after one page\t%s\n", mega(afterPage))
	fmt.Fprintf(w, "program, stripped\t%s\t%s\n", mega(size), static)
	return w.Flush()
}

// lookAt returns the program's size in bytes, and a word on what else it needs.
func lookAt(binary string) (size int64, static string, err error) {
	info, err := os.Stat(binary)
	if err != nil {
		return 0, "", fmt.Errorf("%w: make build makes it", err)
	}
	f, err := elf.Open(binary)
	if err != nil {
		return info.Size(), "not an ELF file", nil
	}
	defer f.Close()
	// A static program has neither a dynamic section nor a loader to ask for.
	for _, p := range f.Progs {
		if p.Type == elf.PT_DYNAMIC || p.Type == elf.PT_INTERP {
			return info.Size(), "NOT static: it needs shared libraries", nil
		}
	}
	return info.Size(), "static", nil
}

func addOwner(binary, dir string) error {
	cmd := exec.Command(binary, "user", "add", "--data", filepath.Join(dir, "data"), "--keys", filepath.Join(dir, "keys"),
		"--email", "ana@example.com", "--name", "Ana Díaz", "--role", "owner", "--team", "Bench")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("user add: %w\n%s", err, text)
	}
	return nil
}

// server is one running `doorstep serve`.
type server struct {
	cmd   *exec.Cmd
	began time.Time
	url   string
	log   *strings.Builder
}

func start(binary, dir string, more ...string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + address, log: new(strings.Builder)}
	s.cmd = exec.Command(binary, "serve", "--listen", address, "--data", filepath.Join(dir, "data"), "--keys", filepath.Join(dir, "keys"))
	s.cmd.Args = append(s.cmd.Args, more...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.began = time.Now()
	return s, s.cmd.Start()
}

// freeAddress asks the kernel for a port and gives it back: another program may
// take it in between, and then the start fails and says so.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready asks every millisecond and returns how long it took from the start of
// the process to the first yes.
func (s *server) ready() (time.Duration, error) {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for time.Since(s.began) < patience {
		answer, err := client.Get(s.url + "/readyz")
		if err == nil {
			took := time.Since(s.began)
			err = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return took, err
			}
		}
		time.Sleep(time.Millisecond)
	}
	return 0, fmt.Errorf("not ready after %s", patience)
}

func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stopKilling := context.AfterFunc(ctx, func() { _ = s.cmd.Process.Kill() })
	defer stopKilling()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return s.cmd.Wait()
}

func measureStart(binary, dir string) (time.Duration, error) {
	s, err := start(binary, dir)
	if err != nil {
		return 0, err
	}
	took, err := s.ready()
	return took, s.end(err)
}

// end stops the server and adds what it said to whatever went wrong.
func (s *server) end(err error) error {
	if err = errors.Join(err, s.stop()); err != nil {
		return fmt.Errorf("%w; serve said:\n%s", err, s.log)
	}
	return nil
}

func measureMemory(binary, dir string) (idle, afterPage int64, err error) {
	s, err := start(binary, dir)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = s.end(err) }()
	if _, err := s.ready(); err != nil {
		return 0, 0, err
	}
	time.Sleep(idleFor)
	if idle, err = s.resident(); err != nil {
		return 0, 0, err
	}
	answer, err := http.Get(s.url + "/sign-in")
	if err != nil {
		return 0, 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return 0, 0, err
	}
	if answer.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("GET /sign-in answered %s", answer.Status)
	}
	afterPage, err = s.resident()
	return idle, afterPage, err
}

// resident is VmRSS in bytes.
func (s *server) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("memory can only be read on Linux: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc says no VmRSS")
}

func milli(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func mega(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
