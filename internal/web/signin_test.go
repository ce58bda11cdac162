package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doorstep/internal/core"
)

// R12: unknown, wrong and suspended give the same bytes.
//
// ASVS 6.3.8, R12
func TestSignInTellsNothing(t *testing.T) {
	w := newWorld(t)
	owner := w.browser()
	owner.signIn("ana")
	s, err := w.core.Session(context.Background(), w.cookie(owner, sessionCookie))
	if err != nil {
		t.Fatal(err)
	}
	suspended := core.StatusSuspended
	if _, err := w.core.ChangeUser(context.Background(), s.By(core.Origin{}), w.people["elena"].id, core.UserChange{Status: &suspended}); err != nil {
		t.Fatal(err)
	}
	for tries := range 6 {
		var pages []string
		for _, email := range []string{"nobody@example.com", "carla@example.com", "elena@example.com"} {
			b := w.browser()
			b.get("/sign-in")
			pass := testPassword
			if email == "carla@example.com" {
				pass = "not the right password"
			}
			a := b.send("/sign-in", "email", email, "password", pass)
			if a.status != 401 && a.status != 429 || len(a.header.Values("Set-Cookie")) > 0 {
				t.Fatalf("%s: %d %v", email, a.status, a.header)
			}
			pages = append(pages, strings.ReplaceAll(a.body, email, "EMAIL"))
		}
		if pages[0] != pages[1] || pages[1] != pages[2] {
			t.Fatalf("try %d: the pages differ", tries+1)
		}
	}
}

// Nothing but the second step is open to who is half signed in.
//
// P3
func TestHalfSignedIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.get("/sign-in")
	b.send("/sign-in", "email", "carla@example.com", "password", testPassword)
	if w.cookie(b, sessionCookie) != "" {
		t.Fatal("there is a session")
	}
	attempt := w.cookie(b, attemptCookie)
	forged := w.browser()
	for _, r := range w.web.Routes() {
		switch r.Needs {
		case core.NeedOpen, core.NeedAttempt, core.NeedToken:
			continue
		}
		path := strings.NewReplacer("{$}", "", "{id}", w.people["carla"].id).Replace(r.Path)
		for _, x := range []*browser{b, forged} {
			a := x.request(r.Method, path, url.Values{"csrf": {"x"}}, func(req *http.Request) {
				if x == forged {
					req.AddCookie(&http.Cookie{Name: "doorstep", Value: attempt})
				}
			})
			if path != "/session/watch" && a.at.Path != "/sign-in" || path == "/session/watch" && a.status == 200 && x == b {
				t.Errorf("%s %s: %d %s", r.Method, path, a.status, a.at)
			}
		}
	}
}
