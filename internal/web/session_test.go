package web

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

func TestCookies(t *testing.T) {
	for _, https := range []bool{false, true} {
		w := makeWorld(t, worldOptions{https: https})
		b := w.browser()
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		a := b.post("/sign-in", url.Values{"email": {"elena@example.com"}, "password": {testPassword}})
		r := http.Response{Header: a.header}
		seen := false
		for _, c := range r.Cookies() {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != https || c.MaxAge > 0 || strings.HasPrefix(c.Name, "__Host-") != https {
				t.Errorf("%v", c)
			}
			seen = seen || c.Name == map[bool]string{false: "doorstep", true: "__Host-doorstep"}[https] && c.Value != ""
		}
		if !seen || a.header.Get("Location") != "/" {
			t.Errorf("https %v: %v", https, a.header)
		}
	}
}

// Signing in anew ends the session that this browser had, and no other.
func TestSigningInAnew(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	b.signIn("carla")
	other.signIn("carla")
	old := w.cookie(b, sessionCookie)
	b.get("/sign-in").wants(t, 200, "/sign-in", w.says("signin.as", words.Args{"email": "carla@example.com"}))
	b.signIn("elena")
	if _, err := w.core.Session(context.Background(), old); !core.IsRefusal(err, core.SessionEnded) {
		t.Errorf("the old session: %v", err)
	}
	other.get("/me").wants(t, 200, "/me", "carla@example.com")
}

// J6: an open page hears within two seconds that its session has ended.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	stream, err := b.client.Get(w.server.URL + "/session/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if kind := stream.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("the stream is %q", kind)
	}
	heard := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "event:") {
				heard <- lines.Text()
				return
			}
		}
		heard <- "the end"
	}()
	if a := b.get("/session/watch?once=1"); a.status != http.StatusNoContent {
		t.Errorf("alive: %d", a.status)
	}
	began := time.Now()
	w.restart("carla")
	select {
	case event := <-heard:
		if event != "event: ended" || time.Since(began) > 2*time.Second {
			t.Errorf("%q after %s", event, time.Since(began))
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was heard")
	}
	for _, path := range []string{"/session/watch?once=1", "/session/watch"} {
		if a := b.get(path); a.status != http.StatusUnauthorized {
			t.Errorf("%s of an ended session: %d", path, a.status)
		}
	}
	if a := w.browser().get("/session/watch?once=1"); a.status != http.StatusUnauthorized {
		t.Errorf("nobody: %d", a.status)
	}
}

// To be watched is no activity: an open page idles out like any other.
func TestWatchingIsNoActivity(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	for range 61 {
		w.clock.pass(time.Minute)
		b.get("/session/watch?once=1")
	}
	b.get("/me").wants(t, 200, "/sign-in", w.says("ended.idle"))
}
