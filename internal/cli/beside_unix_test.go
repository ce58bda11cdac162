//go:build unix

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"doorstep/internal/db/dbtest"
)

// These tests are of real processes beside each other: a session that one of them
// has said to have ended is refused by the other at once, even by one that was
// stopped meanwhile and has its memory from before.

const besidePassword = "violet-harbor-anvil-7"

// program is the program as processes run it; TestMain makes this binary be it.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "doorstep")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// installed is a place for processes.
type installed struct {
	t       *testing.T
	program string
	args    []string // where everything is
}

func (i *installed) command(args ...string) *exec.Cmd {
	c := exec.Command(i.program, append(args, i.args...)...)
	c.Env = append(os.Environ(), "DOORSTEP_LOG_LEVEL=warn")
	return c
}

// does runs a command of the console.
func (i *installed) does(stdin string, args ...string) error {
	i.t.Helper()
	c := i.command(args...)
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// serving is a `serve`.
type serving struct {
	*exec.Cmd
	t    *testing.T
	base string
}

func (i *installed) serve() *serving {
	i.t.Helper()
	port, err := freePort()
	if err != nil {
		i.t.Fatal(err)
	}
	s := &serving{Cmd: i.command("serve", "--listen", "127.0.0.1:"+port), t: i.t, base: "http://127.0.0.1:" + port}
	var out bytes.Buffer
	s.Stdout, s.Stderr = &out, &out
	if err := s.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() {
		s.signal(syscall.SIGCONT)
		s.signal(syscall.SIGTERM)
		if err := s.Wait(); err != nil || i.t.Failed() {
			i.t.Errorf("serve: %v\n%s", err, out.String())
		}
	})
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := s.ask(http.MethodGet, "/readyz", "", nil); status == http.StatusOK {
			return s
		}
		if time.Since(begun) > 20*time.Second {
			i.t.Fatal("serve is not ready")
		}
	}
}

func (s *serving) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.Process.Signal(signal); err != nil {
		s.t.Error(err)
	}
}

func (s *serving) ask(method, path, token string, body any) (status int, answer map[string]any) {
	s.t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, s.base+path, content)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer got.Body.Close()
	_ = json.NewDecoder(got.Body).Decode(&answer)
	return got.StatusCode, answer
}

func (s *serving) signIn() (token string) {
	s.t.Helper()
	status, answer := s.ask(http.MethodPost, "/api/v1/sign-in", "", map[string]string{"email": "ana@example.com", "password": besidePassword})
	session, _ := answer["session"].(map[string]any)
	token, _ = session["token"].(string)
	if token == "" {
		s.t.Fatalf("sign in: %d %v", status, answer)
	}
	return token
}

// knows asks so often that the answer is in memory, and has been renewed there.
func (s *serving) knows(token string) {
	s.t.Helper()
	for begun := time.Now(); time.Since(begun) < 300*time.Millisecond; time.Sleep(5 * time.Millisecond) {
		if status, _ := s.ask(http.MethodGet, "/api/v1/session", token, nil); status != http.StatusOK {
			s.t.Fatalf("a session that nobody ended is answered with %d", status)
		}
	}
}

func (s *serving) refuses(token, because string) {
	s.t.Helper()
	status, answer := s.ask(http.MethodGet, "/api/v1/session", token, nil)
	if status != http.StatusUnauthorized || answer["reason"] != because {
		s.t.Errorf("after its end was answered a session is answered with %d %v", status, answer)
	}
}

func install(t *testing.T, where ...string) *installed {
	t.Helper()
	dir := t.TempDir()
	i := &installed{t: t, program: program(t), args: append([]string{"--data", filepath.Join(dir, "data"), "--keys", filepath.Join(dir, "keys")}, where...)}
	if err := i.does(besidePassword+"\n", "user", "add", "--email", "ana@example.com", "--name", "Ana", "--role", "owner", "--team", "Northwind", "--password-stdin"); err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAConsoleBesideServe(t *testing.T) {
	t.Parallel()
	i := install(t)
	s := i.serve()
	for round := range 6 {
		token := s.signIn()
		s.knows(token)
		frozen := round%2 == 1
		if frozen {
			s.signal(syscall.SIGSTOP)
		}
		err := i.does("", "restart", "ana@example.com", "--reason", "lost phone")
		if frozen {
			s.signal(syscall.SIGCONT)
		}
		if err != nil {
			if frozen { // it was stopped just when it had the file's lock
				continue
			}
			t.Fatal(err)
		}
		s.refuses(token, "restarted")
	}
}

func TestTwoServesOnOnePostgres(t *testing.T) {
	t.Parallel()
	i := install(t, "--database", dbtest.Postgres(t))
	one, two := i.serve(), i.serve()
	for round := range 6 {
		token := one.signIn()
		one.knows(token)
		two.knows(token)
		frozen := round%2 == 1
		if frozen {
			two.signal(syscall.SIGSTOP)
		}
		begun := time.Now()
		status, answer := one.ask(http.MethodDelete, "/api/v1/session", token, nil)
		took := time.Since(begun)
		if frozen {
			two.signal(syscall.SIGCONT)
		}
		if status != http.StatusNoContent {
			t.Fatalf("sign out: %d %v", status, answer)
		}
		two.refuses(token, "signed_out")
		one.refuses(token, "signed_out")
		if took < 500*time.Millisecond {
			t.Errorf("signing out was answered after %v, before another replica's memory can have run out", took)
		}
	}
}
