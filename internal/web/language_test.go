package web

import (
	"testing"

	"golang.org/x/net/html"
)

// Language links keep the page and its query, and the choice.
func TestLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.accept = "pt-PT,pt;q=0.9"
	b.get("/sign-in?next=%2Fteam")
	if got := attr(b.page.all("html")[0], "lang"); got != "pt-BR" {
		t.Errorf("the browser wants pt, the page is %s", got)
	}
	b.get(languageLinkOf(b.page, "es"))
	if b.page.at.String() != w.server.URL+"/sign-in?next=%2Fteam" || attr(b.page.all("html")[0], "lang") != "es" {
		t.Errorf("at %s in %s", b.page.at, attr(b.page.all("html")[0], "lang"))
	}
	b.send("/sign-in", "email", "x@example.com", "password", "wrong")
	b.get(languageLinkOf(b.page, "en")).wants(t, 200, "/sign-in", w.says("signin.title"))
	if b.page.at.Query().Get("next") != "/team" {
		t.Error("the refused form lost the way back")
	}
	b.send("/sign-in", "email", "ana@example.com", "password", testPassword)
	b.send("/sign-in/second-step", "code", w.code(w.people["ana"]))
	b.get("/team?q=carla&lang=es")
	if b.page.at.RawQuery != "q=carla" {
		t.Errorf("at %s", b.page.at)
	}
	elsewhere := w.browser() // the setting goes with the person
	elsewhere.signIn("ana")
	if got := attr(elsewhere.page.all("html")[0], "lang"); got != "es" {
		t.Errorf("the person's setting: %s", got)
	}
	for _, path := range []string{"/nothing?lang=pt-BR", "/me?lang=xx"} {
		if elsewhere.get(path); elsewhere.page.at.RawQuery != "" {
			t.Errorf("at %s", elsewhere.page.at)
		}
	}
	w.restart("carla")
	c := w.browser()
	c.signIn("carla")
	key := c.page.byID("key").text()
	c.get("/me/two-step/activate?lang=es")
	if c.page.byID("key").text() != key || attr(c.page.all("html")[0], "lang") != "es" {
		t.Error("in due: the key or the language")
	}
}

func languageLinkOf(a *answer, tag string) string {
	return attr(a.find(func(n *html.Node) bool { return attr(n, "hreflang") == tag }), "href")
}
