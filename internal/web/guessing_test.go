package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// guesses types so many wrong second steps, each when the pause before it is over.
func (w *world) guesses(who string, n int, wrong func() string) {
	w.t.Helper()
	by := core.Nobody(core.Origin{Via: core.ViaPage, Address: "198.51.100.7"})
	for range n {
		in, err := w.core.BeginSignIn(w.t.Context(), by, w.people[who].email, testPassword, "")
		if err != nil {
			w.t.Fatal(err)
		}
		_, err = w.core.AcceptSecondStep(w.t.Context(), by, in.Attempt, wrong(), false)
		r := core.Refused(err)
		if r == nil {
			w.t.Fatalf("a wrong second step: %v", err)
		}
		w.clock.pass(r.RetryAfter)
	}
}

// What somebody sees whose app, codes, or both are blocked, and what owners see.
func TestBlockedInPages(t *testing.T) {
	w := newWorld(t)
	w.guesses("carla", 50, func() string { return "000000" })
	b := w.browser()
	a := b.password("carla")
	a.wants(t, http.StatusOK, "/sign-in/second-step", w.says("step.blocked"))
	a.wants(t, http.StatusOK, "/sign-in/second-step", w.says("step.labelrec"))
	if got := attr(a.byID("code").Node, "inputmode"); got != "text" {
		t.Errorf("a phone shows a keyboard for %s", got)
	}
	b.send("/sign-in/second-step", "code", w.code(w.people["carla"])).wants(t, http.StatusTooManyRequests, "/sign-in/second-step", w.says("refusal.authenticator-blocked"))
	b.send("/sign-in/second-step", "code", w.people["carla"].paper()).wants(t, http.StatusOK, newPasswordPath, w.says("setpw.must"))
	b.send(newPasswordPath, "password", "twelve green umbrellas").wants(t, http.StatusOK, "/", "")
	b.get("/me/two-step").wants(t, http.StatusOK, "/me/two-step", w.says("two.appblocked"))

	ana := w.browser()
	ana.signIn("ana")
	ana.get("/team").wants(t, http.StatusOK, "/team", w.says("st.blockedapp"))
	page := "/team/users/" + w.people["carla"].id
	a = ana.get(page)
	a.wants(t, http.StatusOK, page, w.says("user.blockedapp", words.Args{"name": "Carla Nguyen"}))
	if strings.Contains(a.text(), "Paused until") {
		t.Error("what is blocked is no pause")
	}
	a.wants(t, http.StatusOK, page, w.says("ev.authenticator.blocked", words.Args{"target": "Carla Nguyen"}))
}

// A browser that signed in before is not made to wait, and neither are two people who
// share it; its cookie is out of reach of scripts.
func TestKnownBrowserInPages(t *testing.T) {
	for _, https := range []bool{false, true} {
		w := makeWorld(t, worldOptions{https: https})
		b := w.browser()
		b.signIn("carla")
		first := w.cookie(b, browserCookie)
		b.signIn("bruno")
		both := w.cookie(b, browserCookie)
		if first == "" || !strings.HasSuffix(both, "."+first) || strings.Count(both, ".") != 1 {
			t.Fatalf("%q, then %q", first, both)
		}
		w.clock.pass(30 * time.Second)
		b.signIn("carla")
		if again := w.cookie(b, browserCookie); strings.Count(again, ".") != 1 || !strings.HasPrefix(again, first+".") {
			t.Errorf("%q after %q", again, both)
		}
		stranger := w.browser()
		for range 5 {
			stranger.post("/sign-in", url.Values{"email": {w.people["carla"].email}, "password": {"not the password at all"}})
		}
		a := stranger.password("carla")
		a.wants(t, http.StatusTooManyRequests, "/sign-in", w.says("refusal.too-many-tries", words.Args{"time": 30 * time.Second}))
		if got := a.header.Get("Retry-After"); got != "30" {
			t.Errorf("Retry-After is %q", got)
		}
		b.password("carla").wants(t, http.StatusOK, "/sign-in/second-step", "")

		plain := w.browser()
		plain.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		w.clock.pass(30 * time.Second)
		plain.post("/sign-in", url.Values{"email": {w.people["bruno"].email}, "password": {testPassword}})
		plain.get("/sign-in/second-step")
		a = plain.send("/sign-in/second-step", "code", w.code(w.people["bruno"]))
		found := false
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			if strings.HasSuffix(c.Name, browserCookie) {
				found = true
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != https || c.MaxAge != int((90*24*time.Hour).Seconds()) || strings.HasPrefix(c.Name, "__Host-") != https {
					t.Errorf("%v", c)
				}
			}
		}
		if !found {
			t.Errorf("no cookie: %v", a.header)
		}
	}
}

// Three right codes in a row end a pause, and the page says how far they are.
func TestUnlockInPages(t *testing.T) {
	w := newWorld(t)
	w.guesses("carla", 11, func() string { return "000000" })
	b := w.browser()
	b.password("carla")
	b.send("/sign-in/second-step", "code", "000000").wants(t, http.StatusUnprocessableEntity, "/sign-in/second-step", w.says("step.wait", words.Args{"time": time.Hour}))
	for _, says := range []string{"step.unlocktwo", "step.unlockone"} {
		b.send("/sign-in/second-step", "code", w.code(w.people["carla"])).wants(t, http.StatusTooManyRequests, "/sign-in/second-step", w.says(says))
	}
	b.send("/sign-in/second-step", "code", w.code(w.people["carla"])).wants(t, http.StatusOK, newPasswordPath, "")
}

// The password is blocked at an address that nobody owns too, and looks alike.
func TestBlockedPasswordInPages(t *testing.T) {
	w := newWorld(t)
	by := core.Nobody(core.Origin{Via: core.ViaPage, Address: "198.51.100.7"})
	var pages []string
	for _, email := range []string{w.people["carla"].email, "nobody@example.com"} {
		for range 100 {
			_, err := w.core.BeginSignIn(t.Context(), by, email, "not the password at all", "")
			r := core.Refused(err)
			if r == nil || r.Code != core.WrongCredentials {
				t.Fatalf("%s: %v", email, err)
			}
			w.clock.pass(r.RetryAfter + 6*time.Second) // which gives the address its tries back
		}
		b := w.browser()
		b.get("/sign-in")
		a := b.send("/sign-in", "email", email, "password", testPassword)
		a.wants(t, http.StatusTooManyRequests, "/sign-in", w.says("refusal.password-blocked"))
		if a.header.Get("Retry-After") != "" {
			t.Error("told to wait, which does not help")
		}
		pages = append(pages, strings.ReplaceAll(a.body, email, "EMAIL"))
	}
	if pages[0] != pages[1] {
		t.Errorf("the pages differ:\n%s\n%s", pages[0], pages[1])
	}
}
