package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// speaks presses the button of a language, which sends the form that it belongs to.
func (b *browser) speaks(tag string, fields ...string) *answer {
	b.w.t.Helper()
	form := languageForm(b.page, tag)
	if form == nil {
		b.w.t.Fatalf("%s has no button for %s", b.page.at, tag)
	}
	return b.post(attr(form, "action"), filled(form, append([]string{languageField, tag}, fields...)...))
}

func languageForm(a *answer, tag string) *html.Node {
	button := a.find(func(n *html.Node) bool {
		return n.Data == "button" && attr(n, "name") == languageField && attr(n, "value") == tag
	})
	if button == nil {
		return nil
	}
	return a.byID(attr(button, "form")).Node
}

func (a *answer) lang() string { return attr(a.all("html")[0], "lang") }

// A language is chosen on any page, and the browser stays where it was.
func TestLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.accept = "pt-PT,pt;q=0.9"
	if b.get("/sign-in?next=%2Fteam"); b.page.lang() != "pt-BR" {
		t.Errorf("the browser wants pt, the page is %s", b.page.lang())
	}
	b.speaks("es", "email", "ana@example.com", "password", testPassword)
	if b.page.status != 200 || b.page.lang() != "es" || attr(b.page.byID("email").Node, "value") != "ana@example.com" || strings.Contains(b.page.body, testPassword) || b.page.problem() != "" {
		t.Errorf("%d in %s, %s", b.page.status, b.page.lang(), b.page.text())
	}
	b.send("/sign-in", "email", "x@example.com", "password", "wrong")
	b.speaks("en").wants(t, 200, "/sign-in", w.says("signin.title"))
	b.send("/sign-in", "email", "ana@example.com", "password", testPassword)
	if b.send("/sign-in/second-step", "code", w.code(w.people["ana"])); b.page.at.Path != "/team" {
		t.Errorf("the way back is lost: at %s", b.page.at)
	}
	if b.get("/team?q=carla"); b.speaks("es").at.RequestURI() != "/team?q=carla" || b.page.lang() != "es" {
		t.Errorf("at %s in %s", b.page.at, b.page.lang())
	}
	elsewhere := w.browser() // the setting goes with the person
	if elsewhere.signIn("ana").lang() != "es" {
		t.Errorf("the person's setting: %s", elsewhere.page.lang())
	}
	if elsewhere.get("/nothing"); elsewhere.speaks("pt-BR").status != 404 || elsewhere.page.at.Path != "/nothing" || elsewhere.page.lang() != "pt-BR" {
		t.Errorf("%d at %s in %s", elsewhere.page.status, elsewhere.page.at, elsewhere.page.lang())
	}
	for _, tag := range []string{"xx", "", "EN"} { // what is no language of ours is nothing to say
		a := elsewhere.post(languagePath, url.Values{languageField: {tag}})
		if a.status != http.StatusUnprocessableEntity || a.lang() != "pt-BR" {
			t.Errorf("%q: %d in %s", tag, a.status, a.lang())
		}
	}
	w.restart("carla")
	c := w.browser()
	key := c.signIn("carla").byID("key").text()
	if c.speaks("es").byID("key").text() != key || c.page.lang() != "es" {
		t.Error("in due: the key or the language")
	}
	empty := makeWorld(t, worldOptions{empty: true}).browser()
	if empty.get("/"); empty.speaks("es").lang() != "es" {
		t.Error("before there is an owner")
	}
}

// Nobody chooses for others, nor is led away; and a choice needs no session to be
// heard, but a token to become a person's setting.
func TestLanguageForged(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	b.request(http.MethodPost, languagePath, url.Values{languageField: {"es"}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if b.page.status != http.StatusForbidden || w.cookie(b, languageCookie) != "" {
		t.Errorf("from another site: %d", b.page.status)
	}
	for back, leads := range map[string]string{
		"//evil.example/x": "/", "https://evil.example/me": "/me", `/\evil.example`: "/", "javascript:alert(1)": "/", "/me?x=1&y=%26": "/me?x=1&y=%26", "/../../me": "/me", "": "/", "%zz": "/",
	} {
		a := b.post(languagePath, url.Values{languageField: {"es"}, "back": {back}})
		if a.at.Host != strings.TrimPrefix(w.server.URL, "http://") {
			t.Errorf("%q leads to %s", back, a.at)
		}
		if leads != "/" && a.at.RequestURI() != leads {
			t.Errorf("%q leads to %s, want %s", back, a.at.RequestURI(), leads)
		}
	}
	if other := w.browser(); other.signIn("ana").lang() != "en" {
		t.Error("a form without a token made a setting")
	}
	stale := b.post("/me/two-step/deactivate", url.Values{languageField: {"es"}, "csrf": {"x"}})
	if stale.status != http.StatusForbidden || stale.lang() != "es" {
		t.Errorf("a stale form: %d in %s", stale.status, stale.lang())
	}
}

// keepsWhatWasTyped goes through every page of the tour that somebody types into:
// the languages stand below the form's own button, which Enter presses, and send what
// was typed along.
func keepsWhatWasTyped(t *testing.T, s stop) {
	t.Helper()
	types := map[string]bool{}
	form := s.page.byID("typed").Node
	each(s.page.doc, func(n *html.Node) {
		if n.Data != "form" || attr(n, "method") != "post" || strings.HasPrefix(attr(n, "action"), "/demo/") {
			return
		}
		each(n, func(field *html.Node) {
			if isTyped(field) {
				types[attr(n, "id")] = true
			}
		})
	})
	if len(types) > 0 && form == nil {
		t.Error("no form on this page is the one that the languages go with")
	}
	for _, l := range words.Languages() {
		with := languageForm(s.page, string(l))
		switch {
		case with == nil:
			t.Errorf("no button for %s", l)
		case form != nil && with != form, form == nil && attr(with, "action") != languagePath:
			t.Errorf("%s goes with the form to %s", l, attr(with, "action"))
		}
	}
	if form == nil {
		return
	}
	first := s.page.find(func(n *html.Node) bool {
		return n.Data == "button" && attr(n, "type") == "submit" && (attr(n, "form") == "typed" || within(n, form))
	})
	if attr(first, "name") == languageField {
		t.Error("Enter would choose a language")
	}
}

func isTyped(n *html.Node) bool {
	switch {
	case n.Data == "textarea" || n.Data == "select":
		return true
	case n.Data != "input" || has(n, "readonly"):
		return false
	}
	return !slices.Contains([]string{"hidden", "submit", "button"}, attr(n, "type"))
}

func within(n, outer *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n == outer {
			return true
		}
	}
	return false
}

// newest are the newest events of a person's team.
func (w *world) newest(b *browser) []core.Event {
	w.t.Helper()
	s, err := w.core.Session(w.t.Context(), w.cookie(b, sessionCookie))
	if err != nil {
		w.t.Fatal(err)
	}
	events, err := w.core.Events(w.t.Context(), s.By(core.Origin{}), core.EventFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return events.Items
}

// What was typed into each form, and not sent, is on the page in the other language;
// secrets are not, and nothing was done.
func TestLanguageKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	carla := "/team/users/" + w.people["carla"].id
	for _, x := range []struct {
		path   string
		fields []string // name, what is typed
		secret []string
	}{
		{carla + "/restart", []string{"reason", "Lost her phone", "verified_by", "video_call"}, nil},
		{carla + "/rename", []string{"name", "Carla N."}, nil},
		{carla + "/role", []string{"role", "admin"}, nil},
		{"/team/invite", []string{"emails", "a@example.com\nb@example.com", "name", "Gwen", "role", "admin"}, nil},
		{"/team/import", []string{"text", "email\na@example.com"}, nil},
		{"/team/policy", []string{"session_idle", "7", "session_idle_unit", "minutes", "return_hosts", "wiki.example.com"}, nil},
		{"/me/email", []string{"email", "other@example.com"}, nil},
		{"/me/notification-address", []string{"email", "second@example.net"}, nil},
		{"/me/password", nil, []string{"password", "a secret that is typed"}},
		{"/me/two-step/deactivate", nil, []string{"code", "12 34 56 78"}},
		{"/me/confirm", nil, []string{"password", "a secret that is typed", "code", "12 34 56 78"}},
	} {
		b.get(x.path)
		before := w.newest(b)
		b.speaks("es", append(append([]string{}, x.fields...), x.secret...)...)
		if b.page.status != 200 || b.page.lang() != "es" || b.page.problem() != "" || b.page.at.Path != x.path {
			t.Errorf("%s: %d at %s in %s %s", x.path, b.page.status, b.page.at, b.page.lang(), b.page.problem())
			continue
		}
		holds := filled(b.page.byID("typed").Node)
		for i := 0; i < len(x.fields); i += 2 {
			if got := strings.ReplaceAll(holds.Get(x.fields[i]), "\r", ""); got != x.fields[i+1] {
				t.Errorf("%s: %s holds %q, typed was %q", x.path, x.fields[i], got, x.fields[i+1])
			}
		}
		for i := 1; i < len(x.secret); i += 2 {
			if strings.Contains(b.page.body, x.secret[i]) {
				t.Errorf("%s: the page gives back a secret", x.path)
			}
		}
		if after := w.newest(b); after[0].Event != core.EventLanguageChanged || after[1].ID != before[0].ID {
			t.Errorf("%s: to choose a language did %v", x.path, after[:2])
		}
		b.speaks("en")
	}
}
