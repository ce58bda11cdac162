package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"doorstep/internal/words"
)

// ASVS 1.2.2, T-REDIR-1
func TestWayBack(t *testing.T) {
	w := newWorld(t)
	for from, want := range map[string]string{
		"/me": "/me", "/": "/", "/team?q=a&role=owner": "/team?q=a&role=owner", "/team/users/x/restart": "/team/users/x/restart",
		"/me/two-step/activate": "/me/two-step/activate",
		"":                      "", "me": "", "//evil.example": "", "///evil.example": "", "/\\evil.example": "", "\\/evil.example": "", "https://evil.example/me": "",
		"/me\t": "", "/%2f/evil.example": "", "/%5cevil.example": "", "/../me": "", "/me/../me": "", "/me/": "", "javascript:alert(1)": "", "/\n/evil.example": "",
		"/sign-in": "", "/sign-out": "", "/session/watch": "", "/me/confirm": "", "/setup": "", "/set-password/form": "", "/assets/app.css": "",
		"/me/two-step/activate/finish": "", "/nothing": "", "//": "", "/me@evil.example": "", "/" + strings.Repeat("a", 2000): "",
	} {
		if got := w.web.known.wayBack(from); got != want {
			t.Errorf("%q leads to %q, want %q", from, got, want)
		}
	}
	b := w.browser()
	b.get("/sign-in?next=" + url.QueryEscape("https://evil.example/"))
	b.send("/sign-in", "email", "elena@example.com", "password", testPassword).wants(t, 200, "/", "Hello, Elena Rossi")
}

// The way back survives the second step, a slow sign-in, and activation.
func TestWayBackIsKept(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.get("/team?q=carla")
	b.send("/sign-in", "email", "ana@example.com", "password", testPassword)
	w.clock.pass(16 * time.Minute)
	b.send("/sign-in/second-step", "code", w.code(w.people["ana"])).wants(t, 200, "/sign-in", w.says("step.timeout"))
	b.send("/sign-in", "email", "ana@example.com", "password", testPassword)
	b.send("/sign-in/second-step", "code", "12").wants(t, 422, "/sign-in/second-step", w.says("step.length", words.Args{"n": 2}))
	b.send("/sign-in/second-step", "code", w.code(w.people["ana"])).wants(t, 200, "/team", "Carla Nguyen")
	if b.page.at.RawQuery != "q=carla" {
		t.Errorf("at %s", b.page.at)
	}
}
