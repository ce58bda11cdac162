package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// built is the program as it is shipped, made once for all tests of this package.
var built = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(buildFolder, "doorstep")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "doorstep/cmd/doorstep")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

var buildFolder string

func TestMain(m *testing.M) {
	var err error
	if buildFolder, err = os.MkdirTemp("", "doorstep-crash-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(buildFolder)
	os.Exit(status)
}

// count is how many, for the long form from the environment.
func count(t *testing.T, variable string, short int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no count", variable, text)
	}
	return n
}

const publicHost = "id.example.com"

// place is where one installation has its data, whichever process serves it.
type place struct {
	t        *testing.T
	program  string
	data     string
	keys     string
	postgres string // "" is SQLite
	mail     *office

	mu   sync.Mutex
	base string // of the process that serves now
	run  *running
	logs bytes.Buffer // of the process that serves now
}

type running struct {
	cmd  *exec.Cmd
	done chan struct{}
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// begin starts a process and does not wait for anything.
func (p *place) begin() {
	p.t.Helper()
	args := []string{
		"serve", "--listen", "127.0.0.1:0", "--url", "https://" + publicHost, "--data", p.data, "--keys", p.keys,
		"--trusted-proxies", "127.0.0.1/32", "--smtp", "smtp://" + p.mail.address + "?from=doorstep@example.com",
	}
	if p.postgres != "" {
		args = append(args, "--database", p.postgres)
	}
	cmd := exec.Command(p.program, args...)
	cmd.Env = append(os.Environ(), "DOORSTEP_LOG_LEVEL=warn")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.base = ""
	p.logs.Reset()
	cmd.Stdout, cmd.Stderr = outOf{p}, outOf{p}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	r := &running{cmd, make(chan struct{})}
	p.run = r
	go func() {
		_ = cmd.Wait() // it is killed, which is its error
		close(r.done)
	}()
}

// outOf collects what a process says, and finds where it listens.
type outOf struct{ p *place }

func (o outOf) Write(b []byte) (int, error) {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	o.p.logs.Write(b)
	if m := listening.FindSubmatch(o.p.logs.Bytes()); o.p.base == "" && m != nil {
		o.p.base = "http://" + string(m[1])
	}
	return len(b), nil
}

func (p *place) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logs.String()
}

func (p *place) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.base
}

// kill is SIGKILL: the process does nothing more, not even write.
func (p *place) kill() {
	p.t.Helper()
	if err := p.run.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	<-p.run.done
}

// ready waits until the process answers for its storage, and returns how long that took.
func (p *place) ready() time.Duration {
	p.t.Helper()
	for begun := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if base := p.address(); base != "" {
			if answer, err := http.Get(base + "/readyz"); err == nil {
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					return time.Since(begun)
				}
			}
		}
		select {
		case <-p.run.done:
			p.t.Fatalf("after a crash it does not start:\n%s", p.said())
		default:
		}
		if time.Since(begun) > time.Minute {
			p.t.Fatalf("after a crash it is not ready within a minute:\n%s", p.said())
		}
	}
}
