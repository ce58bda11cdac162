package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Who may not open a page is led where they can do something, or told who may.
func TestGuard(t *testing.T) {
	w := newWorld(t)
	nobody, member, due := w.browser(), w.browser(), w.browser()
	nobody.get("/me/two-step?keyboard=letters").wants(t, 200, "/sign-in", w.says("signin.title"))
	if got := nobody.page.at.Query().Get("next"); got != "/me/two-step?keyboard=letters" {
		t.Errorf("the way back is %q", got)
	}
	nobody.send("/sign-in", "email", "elena@example.com", "password", testPassword).wants(t, 200, "/me/two-step", w.says("two.title"))
	member.signIn("carla")
	for _, path := range []string{"/team", "/team/users/" + w.people["ana"].id, "/team/users/" + w.people["zoe"].id + "/restart"} {
		member.get(path).wants(t, 403, path, w.says("refusal.admin-only"))
	}
	if strings.Contains(member.get("/").body, `href="/team"`) {
		t.Error("the menu of a member has Team")
	}
	w.restart("dmitri")
	due.signIn("dmitri")
	due.post("/me/two-step/deactivate", url.Values{}).wants(t, 403, "/me/two-step/deactivate", w.says("refusal.activation-required"))
	due.get("/sign-out").wants(t, 200, "/sign-out", w.says("out.title"))
}

// The reason on the sign-in page comes from the session's row alone.
//
// ASVS 9.1.1
func TestReasonsCannotBeForged(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, query := range []string{"reason=restarted", "notice=restarted", "ended=restarted", "error=x", "s=ended.restarted"} {
		if b.get("/sign-in?" + query); b.page.news() != "" {
			t.Errorf("%s: %s", query, b.page.news())
		}
	}
	u, _ := url.Parse(w.server.URL)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: noticeCookie, Value: "eyJzIjoiYWN0LmRvbmUifQ.AAAA", Path: "/"}})
	if b.get("/sign-in"); b.page.news() != "" {
		t.Errorf("a forged notice: %s", b.page.news())
	}
	if w.cookie(b, noticeCookie) != "" {
		t.Error("the forged notice stays")
	}
}

func TestPlainPages(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	b.get("/nothing/at/all").wants(t, 404, "/nothing/at/all", w.says("err.notfound"))
	a := b.post("/team", nil)
	a.wants(t, 405, "/team", w.says("refusal.method-not-allowed"))
	if a.header.Get("Allow") != "GET" {
		t.Errorf("Allow: %s", a.header.Get("Allow"))
	}
	if a := b.request(http.MethodPut, "/me/two-step/activate/over", nil, func(*http.Request) {}); a.status != 405 {
		t.Errorf("PUT: %d", a.status)
	}
	big := b.post("/me/confirm", url.Values{"password": {strings.Repeat("x", 70<<10)}})
	big.wants(t, 413, "/me/confirm", w.says("refusal.too-large"))
	b.get("/sign-in")
	for range 6 {
		b.get("/sign-in")
		b.send("/sign-in", "email", "dmitri@example.com", "password", "wrong password")
	}
	if b.page.status != 429 || b.page.header.Get("Retry-After") != "30" {
		t.Errorf("%d, Retry-After %q", b.page.status, b.page.header.Get("Retry-After"))
	}
}

// A fault of ours is a number on the page and a line in the log; nothing was
// changed and nothing of it is shown.
//
// ASVS 16.3.4, ASVS 16.5.1
func TestFaults(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	b.get("/me/two-step/deactivate")
	w.log.wanted = true
	w.fault = func(query string) error {
		if strings.Contains(query, "audit_events") {
			return errors.New("the disk sings")
		}
		return nil
	}
	code := w.people["carla"].codes[0]
	a := b.send("/me/two-step/deactivate", "code", code)
	if a.status != 500 || strings.Contains(a.body, "sings") || strings.Contains(a.body, code) || !strings.Contains(w.log.text, "sings") {
		t.Errorf("%d\n%s\nlog: %s", a.status, a.text(), w.log.text)
	}
	w.fault = nil
	b.get("/me/two-step/deactivate")
	b.send("/me/two-step/deactivate", "code", code).wants(t, 200, "/sign-in", w.says("ended.deactivated"))

	if err := w.core.Close(); err != nil {
		t.Fatal(err)
	}
	if a := b.get("/me"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a closed store: %d %v\n%s", a.status, a.header, a.text())
	}
}
