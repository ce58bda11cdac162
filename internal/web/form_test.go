package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doorstep/internal/core"
)

// T-CSRF-1: every form × {no token, another session's, in the address only,
// another site} is refused and changes nothing.
//
// ASVS 3.5.1, ASVS 9.1.1, NIST 5.1(csrf), T-CSRF-1
func TestFormTokens(t *testing.T) {
	w := newWorld(t)
	waiting := w.restartThatWaits()
	w.restart("dmitri") // somebody in due, for the forms of an activation
	asked := w.browser()
	asked.get("/sign-in")
	asked.send("/sign-in", "email", "carla@example.com", "password", testPassword)
	ask, err := w.core.AskTeam(context.Background(), core.Nobody(core.Origin{}), w.cookie(asked, attemptCookie), "", core.LostPhone)
	if err != nil {
		t.Fatal(err)
	}
	who := map[bool]string{true: "dmitri", false: "ana"}
	for _, r := range w.web.Routes() {
		if r.Method != http.MethodPost || r.Needs == core.NeedOpen || r.Needs == core.NeedToken {
			continue
		}
		b, other := w.browser(), w.browser()
		b.get("/sign-in")
		activating := strings.HasPrefix(r.Path, "/me/two-step/activate")
		if r.Needs == core.NeedAttempt {
			b.send("/sign-in", "email", "carla@example.com", "password", testPassword)
		} else {
			b.signIn(who[activating])
		}
		other.signIn("elena")
		token := attr(findIn(other.get("/sign-out").doc, "csrf"), "value")
		own := attr(findIn(b.page.doc, "csrf"), "value")
		if own == "" || own == token {
			t.Fatalf("%s: the token of the page is %q", r.Path, own)
		}
		path := strings.NewReplacer("{id}", w.people["carla"].id, "{article}", "activate").Replace(r.Path)
		if strings.Contains(r.Path, "/requests/") {
			path = strings.ReplaceAll(r.Path, "{id}", ask.ID)
		}
		if strings.HasPrefix(r.Path, waitingPath) {
			path = strings.ReplaceAll(r.Path, "{id}", waiting)
		}
		session := w.cookie(b, sessionCookie)
		for name, send := range map[string]func() *answer{
			"none":           func() *answer { return b.post(path, url.Values{"code": {"x"}}) },
			"another":        func() *answer { return b.post(path, url.Values{"csrf": {token}}) },
			"in the address": func() *answer { return b.post(path+"?csrf="+url.QueryEscape(own), url.Values{}) },
			"another site": func() *answer {
				return b.request(r.Method, path, url.Values{"csrf": {own}}, func(req *http.Request) { req.Header.Set("Sec-Fetch-Site", "cross-site") })
			},
			"a site beside it": func() *answer {
				return b.request(r.Method, path, url.Values{"csrf": {own}}, func(req *http.Request) { req.Header.Set("Sec-Fetch-Site", "same-site") })
			},
			"another origin": func() *answer {
				return b.request(r.Method, path, url.Values{"csrf": {own}}, func(req *http.Request) { req.Header.Set("Origin", "null") })
			},
		} {
			if a := send(); a.status != http.StatusForbidden {
				t.Errorf("%s with a token %s: %d %s", path, name, a.status, a.at)
			}
		}
		if r.Needs != core.NeedAttempt {
			if _, err := w.core.Session(context.Background(), session); err != nil {
				t.Errorf("%s: the session did not survive: %v", path, err)
			}
		}
	}
}

// The sign-in form has nobody to bind a token to; the cross-origin check holds it.
//
// ASVS 3.5.1, ASVS 7.6.2
func TestNobodySignsOthersIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	a := b.request(http.MethodPost, "/sign-in", url.Values{"email": {"elena@example.com"}, "password": {testPassword}}, func(r *http.Request) {
		r.Header.Set("Origin", "https://evil.example")
	})
	a.wants(t, 403, "/sign-in", w.says("refusal.cross-origin"))
	if w.cookie(b, sessionCookie) != "" {
		t.Error("signed in by another site")
	}
}

// A stale form comes back with what was typed, but for secrets.
func TestStaleForm(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	path := "/team/users/" + w.people["carla"].id + "/restart"
	form := b.get(path)
	b.signIn("ana") // in another tab
	b.page = form
	b.send(path, "reason", "Lost her phone", "verified_by", "other").wants(t, 403, path, w.says("refusal.form-stale"))
	if got := attr(b.page.byID("reason").Node, "value"); got != "Lost her phone" {
		t.Errorf("the reason is %q", got)
	}
	if b.send(path).at.Path != "/team/users/"+w.people["carla"].id {
		t.Errorf("sent again: %s", b.page.problem())
	}
}

// restartThatWaits is the id of one that Ana began, of Bruno's 2-step, and that waits
// for Dmitri, who is made an owner for it.
func (w *world) restartThatWaits() string {
	w.t.Helper()
	ctx, b := context.Background(), w.browser()
	b.signIn("ana")
	ana, err := w.core.Session(ctx, w.cookie(b, sessionCookie))
	if err != nil {
		w.t.Fatal(err)
	}
	by, on, owner := ana.By(core.Origin{}), true, core.RoleOwner
	_, policy := w.core.ChangePolicy(ctx, by, core.PolicyChange{SecondApprover: &on})
	_, role := w.core.ChangeUser(ctx, by, w.people["dmitri"].id, core.UserChange{Role: &owner})
	r, err := w.core.RestartTwoStep(ctx, by, w.people["bruno"].id, core.RestartRequest{Reason: "lost the phone", VerifiedBy: core.VerifiedInPerson})
	if err := errors.Join(policy, role, err); err != nil || r.Waiting == nil {
		w.t.Fatal(r, err)
	}
	return r.Waiting.ID
}
