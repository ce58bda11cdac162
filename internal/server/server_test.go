package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/words/wordstest"
)

// tape is what the operator reads, while it is being written.
type tape struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *tape) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// running is a server of a test.
type running struct {
	t        *testing.T
	base     string
	out, log *tape
	stop     context.CancelFunc
	done     chan error
}

// settings are those of a test: folders of its own, any free port.
func settings(t *testing.T) config.Config {
	t.Helper()
	dir := t.TempDir()
	return config.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"), LogFormat: "text", LogLevel: slog.LevelDebug,
	}
}

// start runs serve, or whatever is given, until the test ends it.
func start(t *testing.T, c config.Config, serve func(context.Context, Options) error) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &running{t: t, out: &tape{}, log: &tape{}, stop: stop, done: make(chan error, 1)}
	go func() { s.done <- serve(ctx, Options{Config: c, Version: "test", Out: s.out, Err: s.log}) }()
	t.Cleanup(func() { stop() })
	address := regexp.MustCompile(`(?m)^  (?:Address|Doorstep demo) +(http://\S+)`)
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if m := address.FindStringSubmatch(s.out.String()); m != nil {
			s.base = m[1]
			return s
		}
		select {
		case err := <-s.done:
			t.Fatalf("did not start: %v\n%s", err, s.log)
		default:
		}
	}
	t.Fatalf("did not say its address:\n%s", s.out)
	return nil
}

// ends stops the server and returns how long that took.
func (s *running) ends() time.Duration {
	s.t.Helper()
	began := time.Now()
	s.stop()
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("ended with %v", err)
		}
	case <-time.After(stopPatience + 5*time.Second):
		s.t.Fatal("does not stop")
	}
	return time.Since(began)
}

func (s *running) get(path string) (int, string) {
	s.t.Helper()
	res, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// withOwner puts Ana into a store before a server opens it.
func withOwner(t *testing.T, c config.Config) {
	t.Helper()
	store, err := core.Open(t.Context(), core.Options{DataDir: c.Data, KeysDir: c.Keys})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.AddUser(t.Context(), core.Console("test"), core.NewUser{
		Email: "ana@example.com", Name: "Ana", Role: core.RoleOwner, Team: "Northwind", Password: "paper-and-spruce",
	}); err != nil {
		t.Fatal(err)
	}
}

// A server that is stopped ends its streams, leaves no goroutine behind, and lets
// the next one have the port and the file.
//
// ASVS 1.4.3
func TestStartAndStop(t *testing.T) {
	c := settings(t)
	withOwner(t, c)
	before := runtime.NumGoroutine()
	for range 2 {
		s := start(t, c, Serve)
		for _, path := range []string{"/healthz", "/readyz"} {
			if status, body := s.get(path); status != http.StatusOK || body != "ok\n" {
				t.Errorf("%s answers %d %q", path, status, body)
			}
		}
		kept := keep(t, s)
		streams := []io.ReadCloser{watch(t, s, "text/event-stream"), watch(t, s, "*/*")}
		if took := s.ends(); took > 3*time.Second {
			t.Errorf("took %s to stop, with two pages open", took)
		}
		for _, stream := range streams {
			if _, err := io.ReadAll(stream); err != nil {
				t.Errorf("the stream ended with %v", err)
			}
			stream.Close()
		}
		if n, err := kept.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("a proxy's kept connection: %d bytes and %v", n, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// keep is a proxy's connection after two questions.
func keep(t *testing.T, s *running) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := bufio.NewReader(conn)
	for range 2 {
		if _, err := io.WriteString(conn, "GET /forward-auth HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if answer, err := http.ReadResponse(r, nil); err != nil || answer.StatusCode != http.StatusUnauthorized {
			t.Fatal(answer, err)
		}
	}
	return conn
}

// watch signs in and opens the stream that a page holds open. Not every client says
// what it accepts.
func watch(t *testing.T, s *running, accept string) io.ReadCloser {
	t.Helper()
	res, err := http.Post(s.base+"/api/v1/sign-in", "application/json", strings.NewReader(`{"email":"ana@example.com","password":"paper-and-spruce"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var signedIn struct{ Session struct{ Token string } }
	if err := json.NewDecoder(res.Body).Decode(&signedIn); err != nil || signedIn.Session.Token == "" {
		t.Fatalf("sign-in: %d, %v", res.StatusCode, err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/session/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	r.AddCookie(&http.Cookie{Name: "doorstep", Value: signedIn.Session.Token})
	res, err = http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the watch answers %d", res.StatusCode)
	}
	if strings.Contains(s.log.String(), signedIn.Session.Token) {
		t.Error("the log holds a session's token")
	}
	return res.Body
}

// Alive is not ready: without its storage the process must not be killed, only
// left alone.
//
// ASVS 16.5.1
func TestNotReady(t *testing.T) {
	c := settings(t)
	store, err := core.Open(t.Context(), core.Options{DataDir: c.Data, KeysDir: c.Keys})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	h := handlerOver(t, store, "http://localhost")
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		rw := httptest.NewRecorder()
		h.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, path, nil))
		if rw.Code != want || strings.Contains(rw.Body.String(), "sql") {
			t.Errorf("%s answers %d %q, want %d", path, rw.Code, rw.Body, want)
		}
	}
}

func handlerOver(t *testing.T, store *core.Core, base string) http.Handler {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	o := edgeOptions{core: store, words: wordstest.Strict(t), url: u, log: slog.New(slog.DiscardHandler), version: "test"}
	e, err := newEdges(o)
	if err != nil {
		t.Fatal(err)
	}
	h, err := e.handler(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What nobody owns is a page for browsers and a problem document below /api/v1/,
// and every answer carries the headers.
//
// ASVS 4.1.1
func TestTheRest(t *testing.T) {
	c := settings(t)
	withOwner(t, c)
	store, err := core.Open(t.Context(), core.Options{DataDir: c.Data, KeysDir: c.Keys})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := handlerOver(t, store, "https://id.example.com")
	for _, c := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/nowhere", 404, "text/html; charset=utf-8"},
		{"GET", "/demo", 404, "text/html; charset=utf-8"},
		{"GET", "/demo/phone", 404, "text/html; charset=utf-8"},
		{"POST", "/demo/phone/scan", 404, "text/html; charset=utf-8"},
		{"DELETE", "/sign-in", 405, "text/html; charset=utf-8"},
		{"GET", "/api/v1/nowhere", 404, "application/problem+json"},
		{"GET", "/api/v1/sign-in", 405, "application/problem+json"},
		{"PROPFIND", "/api/v1/sign-in", 405, "application/problem+json"},
		{"get", "/api/v1/session", 405, "application/problem+json"},
		{"XXXX", "/api/v1/openapi.json", 405, "application/problem+json"},
		{"PROPFIND", "/api/v1/nowhere", 404, "application/problem+json"},
		{"PROPFIND", "/sign-in", 405, "text/html; charset=utf-8"},
		{"GET", "/sign-in", 200, "text/html; charset=utf-8"},
		{"GET", "/healthz", 200, "text/plain; charset=utf-8"},
	} {
		rw := httptest.NewRecorder()
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Host = "id.example.com"
		h.ServeHTTP(rw, r)
		if got := rw.Header().Get("Content-Type"); rw.Code != c.status || got != c.contentType {
			t.Errorf("%s %s answers %d %s, want %d %s", c.method, c.path, rw.Code, got, c.status, c.contentType)
		}
		for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Strict-Transport-Security"} {
			if rw.Header().Get(header) == "" {
				t.Errorf("%s %s has no %s", c.method, c.path, header)
			}
		}
	}
}

func TestRefusesToStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := settings(t)
	c.Listen = taken.Addr().String()
	if err := Serve(t.Context(), Options{Config: c, Out: io.Discard, Err: io.Discard}); err == nil || !strings.Contains(err.Error(), "another program already listens on "+c.Listen) {
		t.Errorf("%v", err)
	}
	c.Listen = "192.0.2.1:0"
	if err := Serve(t.Context(), Options{Config: c, Out: io.Discard, Err: io.Discard}); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("%v", err)
	}
}

// Whoever logs a secret by mistake finds it taken out, in groups and in both forms.
//
// ASVS 16.2.5
func TestLogTakesSecretsOut(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		log := NewLog(&b, config.Config{LogFormat: format, LogLevel: slog.LevelInfo})
		log.With("session_token", "hush").WithGroup("form").Info("a line",
			"password", "hush", "newPassword", "hush", "code", "hush", "recovery_code", "hush", "client-secret", "hush", "api_key", "hush",
			"Authorization", "hush", "link", "hush", slog.Group("inner", "key", "hush"), "bytes", []byte("fine"))
		if strings.Contains(b.String(), "hush") {
			t.Errorf("%s", b.String())
		}
		b.Reset()
		log.Info("a line", "status_code", "seen", "keys", "seen", "encoded", "seen", "user", "seen")
		if strings.Count(b.String(), "seen") != 4 {
			t.Errorf("%s", b.String())
		}
	}
}
