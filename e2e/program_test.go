package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// binary builds the program once, as `make build` does.
var binary = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "doorstep-e2e-")
	if err != nil {
		return "", err
	}
	whenDone(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "doorstep")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/doorstep")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, text)
	}
	return path, nil
})

// program is a doorstep that runs, as its operator sees it.
type program struct {
	url   string
	store []string // the flags that name its store, for commands beside it
	stop  func()

	mu   sync.Mutex
	said strings.Builder
}

// start runs `doorstep serve` or `doorstep demo` on a free port and returns once
// it has said where it is; connections wait from there on.
func start(args ...string) (*program, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &program{}
	cmd.Stderr = writer(p.hear)
	// Its own settings must not come from whoever runs the tests.
	cmd.Env = withoutSettings(os.Environ())
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	address := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		found := false
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.hear(lines.Text() + "\n")
			if a := itsAddress.FindStringSubmatch(lines.Text()); a != nil && !found {
				found = true
				address <- a[1]
			}
		}
	}()
	p.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-read
		_ = cmd.Wait()
	})
	select {
	case p.url = <-address:
		return p, nil
	case <-read:
		_ = cmd.Wait()
		return nil, fmt.Errorf("doorstep %s stopped at once: %s", strings.Join(args, " "), p.text())
	case <-time.After(time.Minute):
		p.stop()
		return nil, fmt.Errorf("doorstep %s did not say where it is: %s", strings.Join(args, " "), p.text())
	}
}

var itsAddress = regexp.MustCompile(`^\s*(?:Doorstep demo|Address)\s+(http://\S+)`)

func (p *program) hear(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said.WriteString(text)
}

func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

type writer func(string)

func (w writer) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}

func withoutSettings(environment []string) []string {
	var kept []string
	for _, e := range environment {
		if !strings.HasPrefix(e, "DOORSTEP_") {
			kept = append(kept, e)
		}
	}
	return kept
}

// serve starts a server with an empty store of its own.
func serve() (*program, error) {
	folder, err := os.MkdirTemp("", "doorstep-e2e-")
	if err != nil {
		return nil, err
	}
	store := []string{"--data", filepath.Join(folder, "data"), "--keys", filepath.Join(folder, "keys")}
	p, err := start(append([]string{"serve", "--listen", "localhost:0"}, store...)...)
	if err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	p.store = store
	whenDone(func() { p.stop(); _ = os.RemoveAll(folder) })
	return p, nil
}

// shared is one server for all tests that need no store of their own; each makes
// a team of its own in it.
var shared = sync.OnceValues(serve)

// sharedDemo is one demo for all tests that leave its people as they are.
var sharedDemo = sync.OnceValues(func() (*program, error) {
	p, err := start("demo", "--listen", "localhost:0")
	if err == nil {
		whenDone(p.stop)
	}
	return p, err
})

// command runs another command beside the server, on the same store.
func (p *program) command(stdin string, args ...string) (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(path, append(args, p.store...)...)
	cmd.Env = withoutSettings(os.Environ())
	cmd.Stdin = strings.NewReader(stdin)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("doorstep %s: %w: %s", strings.Join(args, " "), err, text)
	}
	return string(text), nil
}

// account is who somebody is to Doorstep.
type account struct {
	name, email, password, id string
}

// team is a company of its own on a server.
type team struct {
	*program
	name string
}

var counted atomic.Int64

// newTeam is a team on the shared server that no other test knows.
func newTeam(t *testing.T) *team {
	t.Helper()
	p, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return &team{program: p, name: fmt.Sprintf("Northwind %d", counted.Add(1))}
}

// password is long enough (R13) and on no list.
const password = "seven quiet lanterns"

func newAccount(name string) account {
	first, _, _ := strings.Cut(strings.ToLower(name), " ")
	return account{name: name, email: fmt.Sprintf("%s-%d@example.test", first, counted.Add(1)), password: password}
}

// add puts somebody into the team from the console. The first is an owner.
func (x *team) add(t *testing.T, name, role string) account {
	t.Helper()
	a := newAccount(name)
	said, err := x.command(a.password+"\n", "user", "add", "--email", a.email, "--name", name, "--role", role, "--team", x.name, "--password-stdin")
	if err != nil {
		t.Fatal(err)
	}
	a.id = between(said, "id: ", "\n")
	return a
}

// invite adds somebody without a password, and has the path of the link for it.
func (x *team) invite(t *testing.T, name string) (account, string) {
	t.Helper()
	a := newAccount(name)
	said, err := x.command("", "user", "add", "--email", a.email, "--name", name, "--role", "member", "--team", x.name)
	if err != nil {
		t.Fatal(err)
	}
	return a, "/set-password/" + between(said, "/set-password/", "\n")
}

// between is what stands between two marks, "" when they do not.
func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, found := strings.Cut(text, after)
	if !found {
		return ""
	}
	return text
}

// patience is for one step of somebody who waits for a page, on a machine where
// the other tests hash passwords.
const patience = 20 * time.Second
