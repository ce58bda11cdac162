package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// asked is the page that asks an owner about somebody's activation after a restart.
func (w *world) asked(b *browser, who string) string {
	w.t.Helper()
	p, err := w.core.Person(w.t.Context(), w.sessionOf(b), w.people[who].id)
	if err != nil || p.AskedAbout == "" {
		w.t.Fatalf("asked about %+v: %v", p, err)
	}
	return wasThemPath(p.ID, p.AskedAbout)
}

func (w *world) sessionOf(b *browser) core.Actor {
	w.t.Helper()
	s, err := w.core.Session(w.t.Context(), w.cookie(b, sessionCookie))
	if err != nil {
		w.t.Fatal(err)
	}
	return s.By(core.Origin{Via: core.ViaPage})
}

// notMeLink is the path of the link in somebody's newest letter of a kind.
func (w *world) notMeLink(who string, kind core.LetterKind) (link string) {
	w.t.Helper()
	w.clock.pass(10 * time.Minute) // what was claimed before
	letters, err := w.core.ClaimLetters(w.t.Context(), 500)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range letters {
		if l.Kind == kind && l.Recipient == w.people[who].email {
			link = "/not-me/" + l.NotMe
		}
	}
	return link
}

func (tr *tour) freezing() {
	w := tr.world(worldOptions{})
	back := func(who string) {
		w.restart(who)
		c := tr.browser(w)
		c.signIn(who)
		c.activate(who)
	}
	ana, bruno := tr.browser(w), tr.browser(w)
	ana.signIn("ana")
	bruno.signIn("bruno")
	back("carla")
	carla := "/team/users/" + w.people["carla"].id
	tr.at("user-asked", ana.get(carla))
	page := w.asked(ana, "carla")
	tr.at("was-them", ana.get(page))
	form := formOf(ana, "answer", "no")
	tr.at("was-them-not-the-approver", bruno.get(page))
	tr.at("was-them-stale", ana.post(page, url.Values{"answer": {"no"}}))
	tr.at("was-them-nonsense", ana.post(page, url.Values{"csrf": form["csrf"], "answer": {"maybe"}}))
	tr.at("user-frozen", ana.post(page, form))
	tr.at("was-them-no", ana.get(page))
	form.Set("answer", "yes")
	tr.at("was-them-answered", ana.post(page, form))
	tr.at("was-them-missing", ana.get(wasThemPath(w.people["carla"].id, "none")))

	back("dmitri")
	page = w.asked(ana, "dmitri")
	tr.at("was-them-yes-done", ana.post(page, formOf(ana, "answer", "yes")))
	tr.at("was-them-yes", ana.get(page))
	w.clock.pass(core.WasThemLasts)
	back("dmitri")
	ana.signIn("ana")
	page = w.asked(ana, "dmitri")
	w.clock.pass(core.WasThemLasts)
	ana.signIn("ana")
	tr.at("was-them-late", ana.get(page))
}

func (tr *tour) disowning() {
	w := tr.world(worldOptions{})
	w.restart("carla")
	c := tr.browser(w)
	tr.at("not-me-gone", c.get("/not-me/nonsense"))
	tr.at("not-me-nothing", c.get("/not-me"))
	tr.at("not-me-restart", c.get(w.notMeLink("carla", core.LetterRestarted)))
	tr.at("not-me-frozen", c.send("/not-me"))
	tr.at("not-me-again", c.get("/not-me"))

	d := tr.browser(w)
	d.signIn("dmitri")
	d.get("/me/two-step/deactivate")
	d.send("/me/two-step/deactivate", "code", w.people["dmitri"].codes[0])
	e := tr.browser(w)
	tr.at("not-me", e.get(w.notMeLink("dmitri", core.LetterDeactivated)))
	tr.at("not-me-stale", e.post("/not-me", url.Values{}))
	e.get("/not-me")
	tr.at("not-me-done", e.send("/not-me"))
	tr.at("sign-in-not-me", d.get("/me"))
}

// "This was not me" works for whoever has the letter, signed in or not, and says so
// in the language of whoever reads it.
func TestNotMePage(t *testing.T) {
	w := newWorld(t)
	d := w.browser()
	d.signIn("dmitri")
	w.restart("carla")
	link := w.notMeLink("carla", core.LetterRestarted)
	d.get(link).wants(t, 200, "/not-me", w.says("notme.title"))
	if strings.Contains(d.page.body, strings.TrimPrefix(link, "/not-me/")) {
		t.Error("the token stands in the page")
	}
	d.send("/not-me").wants(t, 200, "/not-me", w.says("notme.frozen", words.Args{"email": w.people["carla"].email, "team": "Northwind"}))
	d.get("/me").wants(t, 200, "/me", w.says("me.title")) // it was Carla's letter, not his
}
