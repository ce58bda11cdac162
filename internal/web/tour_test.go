package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// stop is one page in one state.
type stop struct {
	name   string
	page   *answer
	secret []string // what was typed and must not come back
}

// tour goes through every page in every state, in one language.
type tour struct {
	t     *testing.T
	lang  words.Language
	stops []stop
}

func (tr *tour) world(o worldOptions) *world { return makeWorld(tr.t, o) }

func (tr *tour) browser(w *world) *browser {
	b := w.browser()
	b.accept = string(tr.lang)
	return b
}

func (tr *tour) at(name string, page *answer, secret ...string) {
	tr.stops = append(tr.stops, stop{name, page, secret})
}

func everyPage(t *testing.T, lang words.Language) []stop {
	tr := &tour{t: t, lang: lang}
	tr.signingIn()
	tr.secondStep()
	tr.passwords()
	tr.own()
	tr.sessions()
	tr.devices()
	tr.policy()
	tr.letters()
	tr.notifyAddress()
	tr.activating()
	tr.passes()
	tr.waiting()
	tr.codes()
	tr.leaving()
	tr.team()
	tr.people()
	tr.restarting()
	tr.freezing()
	tr.requesting()
	tr.disowning()
	tr.helping()
	tr.beginning()
	tr.auditing()
	tr.effects()
	tr.blocked()
	tr.answering()
	tr.alone()
	tr.faults()
	tr.refusals()
	return tr.stops
}

func (tr *tour) signingIn() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	tr.at("sign-in", b.get("/sign-in"))
	tr.at("sign-in-empty", b.send("/sign-in"))
	const wrong = "not-the-right-one-at-all"
	tr.at("sign-in-wrong", b.send("/sign-in", "email", "ana@example.com", "password", wrong), wrong)
	for range 4 {
		b.send("/sign-in", "email", "ana@example.com", "password", wrong)
	}
	tr.at("sign-in-pause", b.page, wrong)
	tr.at("sign-in-wait", b.send("/sign-in", "email", "ana@example.com", "password", wrong), wrong)

	c := tr.browser(w)
	c.signIn("carla")
	tr.at("sign-in-already", c.get("/sign-in"))
	tr.at("sign-out", c.get("/sign-out"))
	tr.at("sign-out-stale", c.post("/sign-out", url.Values{}))
	c.get("/sign-out")
	tr.at("sign-in-out", c.send("/sign-out"))

	d := tr.browser(w)
	d.signIn("dmitri")
	w.restart("dmitri")
	tr.at("sign-in-restarted", d.get("/me"))
	w.clock.pass(100 * time.Hour)
	d.send("/sign-in", "email", w.people["dmitri"].email, "password", testPassword)
	tr.at("sign-in-closed", d.page)

	e := tr.browser(w)
	e.signIn("carla")
	w.clock.pass(2 * time.Hour)
	tr.at("sign-in-idle", e.get("/me"))
	e.send("/sign-in", "email", w.people["carla"].email, "password", testPassword)
	w.clock.pass(20 * time.Minute)
	tr.at("sign-in-timeout", e.send("/sign-in/second-step", "code", "123456"), "123456")
}

func (tr *tour) secondStep() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	b.get("/sign-in?next=%2Fme")
	tr.at("second-step", b.send("/sign-in", "email", w.people["carla"].email, "password", testPassword))
	tr.at("second-step-letters", b.get("/sign-in/second-step?keyboard=letters"))
	tr.at("second-step-empty", b.send("/sign-in/second-step"))
	tr.at("second-step-length", b.send("/sign-in/second-step", "code", "12345"), "12345")
	tr.at("second-step-typo", b.send("/sign-in/second-step", "code", exampleCode))
	for i := range 5 {
		tr.at(fmt.Sprintf("second-step-wrong-%d", i+1), b.send("/sign-in/second-step", "code", "987654"), "987654")
	}
	tr.at("second-step-wait", b.send("/sign-in/second-step", "code", "987654"), "987654")
	tr.at("second-step-stale", b.post("/sign-in/second-step", url.Values{"code": {"987654"}}), "987654")

	for range 9 {
		tr.browser(w).signInWithPaper("dmitri")
	}
	last := tr.browser(w)
	last.signInWithPaper("dmitri")
	tr.at("home-last-code", last.page)
	tr.at("two-step-no-codes", last.get("/me/two-step"))
	tr.at("deactivate-no-codes", last.get("/me/two-step/deactivate"))
	none := tr.browser(w)
	none.get("/sign-in")
	tr.at("second-step-no-codes", none.send("/sign-in", "email", w.people["dmitri"].email, "password", testPassword))
	tr.at("home-no-codes", none.send("/sign-in/second-step", "code", w.code(w.people["dmitri"])))
}

func (tr *tour) own() {
	w := tr.world(worldOptions{})
	ana, elena, carla := tr.browser(w), tr.browser(w), tr.browser(w)
	tr.at("home-owner", ana.signIn("ana"))
	tr.at("me", ana.get("/me"))
	tr.at("two-step", ana.get("/me/two-step"))
	tr.at("home-grace", elena.signIn("elena"))
	tr.at("two-step-off", elena.get("/me/two-step"))
	tr.at("home-member", carla.signIn("carla"))

	code := tr.browser(w)
	code.signInWithPaper("carla")
	tr.at("home-after-code", code.page)
	tr.at("two-step-by-code", code.get("/me/two-step"))
	for range 7 {
		code.signInWithPaper("carla")
	}
	tr.at("home-few-codes", code.page)
	tr.at("home-few-codes-later", code.get("/"))
	tr.at("two-step-few-codes", code.get("/me/two-step"))
	tr.at("confirm-by-code", code.get("/me/confirm"))
}

func (tr *tour) sessions() {
	w := tr.world(worldOptions{})
	ana, carla, other := tr.browser(w), tr.browser(w), tr.browser(w)
	carla.signIn("carla")
	tr.at("sessions-only", carla.get("/me/sessions"))
	tr.at("sessions-none-else", carla.post("/me/sessions/others", formOf(carla)))
	other.agent = "curl/8.5.0"
	other.signIn("carla")
	w.clock.pass(3 * time.Minute)
	tr.at("sessions", carla.get("/me/sessions"))
	tr.at("sessions-stale", carla.post("/me/sessions/end", url.Values{"session": {"x"}}))
	tr.at("sessions-already", carla.post("/me/sessions/end", formOf(carla, "session", "x")))
	tr.at("sessions-ended", carla.send("/me/sessions/others"))
	for range 3 {
		tr.browser(w).signInWithPaper("carla")
	}
	ana.signIn("ana")
	path := "/team/users/" + w.people["carla"].id
	tr.at("user-with-sessions", ana.get(path))
	tr.at("user-sessions", ana.get(path+"/sessions"))
	tr.at("user-sessions-ended", ana.send(path+"/sessions"))
	ana.get(path + "/sessions")
	tr.at("user-sessions-none", ana.page)
	tr.at("user-sessions-ended-none", ana.send(path+"/sessions"))
	w.add("gwen@example.com", "Gwen Adams", core.RoleOwner, testPassword)
	tr.at("user-sessions-self", ana.get("/team/users/"+w.people["ana"].id+"/sessions"))
	bruno, code := tr.browser(w), tr.browser(w)
	bruno.signIn("bruno")
	tr.at("user-sessions-rank", bruno.get("/team/users/"+w.people["ana"].id+"/sessions"))
	tr.at("user-of-rank", bruno.get("/team/users/"+w.people["ana"].id))
	code.signInWithPaper("ana")
	tr.at("user-sessions-by-code", code.get(path+"/sessions"))
	tr.at("user-by-code", code.get("/team/users/"+w.people["bruno"].id))
}

func (tr *tour) devices() {
	w := tr.world(worldOptions{})
	w.remembers(30 * 24 * time.Hour)
	b := tr.browser(w)
	b.get("/sign-in")
	tr.at("second-step-remember", b.send("/sign-in", "email", w.people["carla"].email, "password", testPassword))
	tr.at("second-step-remember-refused", b.send("/sign-in/second-step", "code", "987654", "remember", "true"), "987654")
	b.send("/sign-in/second-step", "code", w.code(w.people["carla"]))
	tr.at("sessions-devices", b.get("/me/sessions"))
	b.send("/me/sessions/end")
	b.signIn("carla")
	tr.at("sessions-on-device", b.get("/me/sessions"))
	tr.at("restart-devices", func() *answer {
		ana := tr.browser(w)
		ana.signIn("ana")
		tr.at("user-sessions-devices", ana.get("/team/users/"+w.people["carla"].id+"/sessions"))
		return ana.get("/team/users/" + w.people["carla"].id + "/restart")
	}())
	tr.at("sessions-forgotten", b.send("/me/sessions/forget"))
	tr.at("sessions-forgotten-already", b.post("/me/sessions/forget", formOf(b, "device", "x")))
}

func (tr *tour) policy() {
	w := tr.world(worldOptions{})
	b, bruno, code := tr.browser(w), tr.browser(w), tr.browser(w)
	b.signIn("ana")
	tr.at("policy", b.get("/team/policy"))
	old := b.page
	tr.at("policy-refused", b.send("/team/policy", "session_idle", "2", "session_idle_unit", "minutes", "remember_devices", "lots", "return_hosts", "wiki.example.com\nhttps://<b>"))
	tr.at("policy-saved", b.send("/team/policy", "session_idle", "2", "session_idle_unit", "hours", "remember_devices", "14", "return_hosts", "wiki.example.com\nb.example.com:8443"))
	b.page = old
	tr.at("policy-changed", b.send("/team/policy", "session_idle", "3"))
	w.clock.pass(11 * time.Minute)
	tr.at("confirm-policy", b.send("/team/policy", "session_idle", "4"))
	tr.at("policy-again", b.send("/me/confirm", "password", testPassword, "code", w.code(w.people["ana"])), testPassword)
	bruno.signIn("bruno")
	tr.at("policy-admin", bruno.get("/team/policy"))
	tr.at("policy-admin-sent", bruno.post("/team/policy", formOf(bruno, "session_idle", "1", "session_idle_unit", "hours")))
	code.signInWithPaper("ana")
	tr.at("policy-by-code", code.get("/team/policy"))
	w.restart("ana")
	b.signIn("ana")
	b.activate("ana")
	tr.at("policy-contained", b.get("/team/policy"))
}

func (tr *tour) activating() {
	w := tr.world(worldOptions{demo: true})
	w.restart("carla")
	b := tr.browser(w)
	tr.at("activate-restarted", b.signIn("carla"))
	tr.at("activate-due", b.get("/me"))
	tr.at("cross-site-activate", b.request(http.MethodGet, "/me/two-step/activate", nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }))
	b.get(b.page.hrefOf("/me/two-step/activate"))
	tr.at("activate-wrong", b.send("/me/two-step/activate", "code", "000000"), "000000")
	tr.at("activate-over", b.send("/me/two-step/activate/over"))
	old := b.page
	b.send("/me/two-step/activate/over")
	b.page = old
	tr.at("activate-newer", b.send("/me/two-step/activate", "code", "000000"), "000000")
	b.get("/me/two-step/activate")
	old = b.page
	w.clock.pass(50 * time.Minute)
	b.get("/me/two-step/activate")
	w.clock.pass(15 * time.Minute)
	b.page = old
	tr.at("activate-expired", b.send("/me/two-step/activate", "code", "000000"))
	b.get("/me/two-step/activate")
	w.people["carla"].key = readKey(b.page.byID("key").text())
	tr.at("codes", b.send("/me/two-step/activate", "code", w.code(w.people["carla"])))
	tr.at("codes-not-saved", b.send("/me/two-step/activate/finish"))
	tr.at("home-contained", b.send("/me/two-step/activate/finish", "saved", "true"))
	tr.at("two-step-already", b.get("/me/two-step/activate"))

	o := tr.browser(w)
	o.signIn("elena")
	w.clock.pass(11 * time.Minute)
	tr.at("confirm-activate", o.get("/me/two-step/activate"))
	tr.at("activate-off", o.send("/me/confirm", "password", testPassword), testPassword)
}

func (tr *tour) passes() {
	w := tr.world(worldOptions{})
	a := tr.browser(w)
	a.signIn("ana")
	bruno := "/team/users/" + w.people["bruno"].id
	tr.at("restart-pass", a.get(bruno+"/restart"))
	form := formOf(a, "reason", "Lost his phone", "verified_by", "in_person")
	tr.at("receipt", a.post(bruno+"/restart", form))
	w.people["bruno"].pass = a.page.class("big-code").text()
	tr.at("receipt-again", a.post(bruno+"/restart", form), w.people["bruno"].pass)
	tr.at("restart-pass-open", a.get(bruno+"/restart"))
	b := tr.browser(w)
	tr.at("pass", b.signIn("bruno"))
	tr.at("pass-empty", b.send("/me/two-step/activate/pass"))
	tr.at("pass-length", b.send("/me/two-step/activate/pass", "pass", "634977"), "634977")
	tr.at("pass-typo", b.send("/me/two-step/activate/pass", "pass", "7k3m-q9wd-2xhx"), "7k3m-q9wd-2xhx")
	const wrong = "0000-0000-0000"
	tr.at("pass-wrong", b.send("/me/two-step/activate/pass", "pass", wrong), wrong)
	b.send("/me/two-step/activate/pass", "pass", wrong)
	tr.at("pass-left", b.send("/me/two-step/activate/pass", "pass", wrong), wrong)
	b.send("/me/two-step/activate/pass", "pass", wrong)
	tr.at("pass-pause", b.send("/me/two-step/activate/pass", "pass", wrong), wrong)
	tr.at("pass-wait", b.send("/me/two-step/activate/pass", "pass", w.people["bruno"].pass), w.people["bruno"].pass)
	w.clock.pass(time.Minute)
	tr.at("pass-accepted", b.send("/me/two-step/activate/pass", "pass", w.people["bruno"].pass), w.people["bruno"].pass)
	c := tr.browser(w)
	c.signIn("bruno")
	for range 15 { // five were wrong above, of which none was given back
		w.clock.pass(55 * time.Minute)
		c.get("/me/two-step/activate")
		if c.page.byID("pass").Node == nil {
			c.signIn("bruno")
		}
		w.clock.pass(6 * time.Minute)
		c.send("/me/two-step/activate/pass", "pass", wrong)
	}
	tr.at("pass-void", c.page)
	tr.at("pass-void-later", c.get("/me/two-step/activate"))
}

func (tr *tour) waiting() {
	w := tr.world(worldOptions{})
	a := tr.browser(w)
	a.signIn("ana")
	tr.at("waiting-none", a.get(waitingPath))
	ana, err := w.core.Session(context.Background(), w.cookie(a, sessionCookie))
	if err != nil {
		tr.t.Fatal(err)
	}
	on := true
	if _, err := w.core.ChangePolicy(context.Background(), ana.By(core.Origin{}), core.PolicyChange{SecondApprover: &on}); err != nil {
		tr.t.Fatal(err)
	}
	bruno := "/team/users/" + w.people["bruno"].id
	tr.at("restart-second", a.get(bruno+"/restart"))
	tr.at("restart-no-second", a.send(bruno+"/restart", "reason", "Lost his phone", "verified_by", "in_person"))
	second := core.RoleOwner
	if _, err := w.core.ChangeUser(context.Background(), ana.By(core.Origin{}), w.people["dmitri"].id, core.UserChange{Role: &second}); err != nil {
		tr.t.Fatal(err)
	}
	w.clock.pass(25 * time.Hour) // who became an owner within a day is no second approver
	a.signIn("ana")
	a.get(bruno + "/restart")
	tr.at("user-waiting", a.send(bruno+"/restart", "reason", "Lost his phone", "verified_by", "in_person"))
	tr.at("team-waiting", a.get("/team"))
	tr.at("waiting", a.get(waitingPath))
	tr.at("requests-restart", a.get("/team/requests"))
	own := a.page.hrefOf(waitingPath + "/")
	tr.at("second-own", a.get(own))
	tr.at("second-same", a.post(own+"/approve", formOf(a)))
	o := tr.browser(w)
	o.signIn("dmitri")
	tr.at("second", o.get(own))
	form := formOf(o)
	o.get(bruno + "/restart")
	tr.at("restart-already-waiting", o.send(bruno+"/restart", "reason", "Lost his phone", "verified_by", "other"))
	tr.at("second-receipt", o.post(own+"/approve", form))
	w.people["bruno"].pass = o.page.class("big-code").text()
	tr.at("second-receipt-again", o.post(own+"/approve", form), w.people["bruno"].pass)
	tr.at("second-over", o.get(own))
	a.get(bruno + "/restart")
	a.send(bruno+"/restart", "reason", "Lost it again", "verified_by", "in_person")
	a.get(waitingPath)
	a.get(a.page.hrefOf(waitingPath + "/"))
	tr.at("second-withdrawn", a.send(a.page.at.Path+"/refuse"))
}

func (tr *tour) codes() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	b.signIn("carla")
	tr.at("recovery-codes", b.get("/me/two-step/recovery-codes"))
	tr.at("recovery-codes-stale", b.post("/me/two-step/recovery-codes", url.Values{}))
	b.get("/me/two-step/recovery-codes")
	tr.at("recovery-codes-new", b.send("/me/two-step/recovery-codes"))
	tr.at("recovery-codes-not-saved", b.send("/me/two-step/recovery-codes/finish"))
	tr.at("two-step-renewed", b.send("/me/two-step/recovery-codes/finish", "saved", "true"))
}

func (tr *tour) leaving() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	a := b.signInWithPaper("carla")
	tr.at("deactivate-by-code", b.get("/me/two-step/deactivate"))
	tr.at("deactivate-same", b.send("/me/two-step/deactivate", "code", a), a)
	tr.at("deactivate-typo", b.send("/me/two-step/deactivate", "code", exampleCode))
	w.clock.pass(11 * time.Minute)
	tr.at("deactivate-password", b.get("/me/two-step/deactivate"))
	tr.at("deactivate-wrong-password", b.send("/me/two-step/deactivate", "password", "wrong-horse-battery", "code", w.people["carla"].codes[0]), "wrong-horse-battery", w.people["carla"].codes[0])
	tr.at("deactivate-again", b.send("/me/two-step/deactivate", "password", testPassword, "code", a), testPassword, a)
	second := w.people["carla"].paper()
	tr.at("sign-in-deactivated", b.send("/me/two-step/deactivate", "password", testPassword, "code", second), testPassword, second)
	b.send("/sign-in", "email", w.people["carla"].email, "password", testPassword)
	tr.at("activate-deactivated", b.page)
	app := tr.browser(w)
	app.signIn("dmitri")
	tr.at("deactivate-by-app", app.get("/me/two-step/deactivate"))
}

func (tr *tour) team() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	b.signIn("ana")
	ctx, by := context.Background(), core.Console("test")
	w.restart("carla")
	w.add("gwen@example.com", "Gwen Adams", core.RoleMember, testPassword)
	ana, err := w.core.Session(ctx, w.cookie(b, sessionCookie))
	if err != nil {
		tr.t.Fatal(err)
	}
	suspended := core.StatusSuspended
	gwen, err := w.core.People(ctx, ana.By(core.Origin{}), core.PeopleFilter{Query: "gwen"})
	if err != nil {
		tr.t.Fatal(err)
	}
	if _, err := w.core.ChangeUser(ctx, ana.By(core.Origin{}), gwen.Items[0].ID, core.UserChange{Status: &suspended}); err != nil {
		tr.t.Fatal(err)
	}
	_ = by
	tr.at("team", b.get("/team"))
	tr.at("team-filtered", b.get("/team?role=member&two_step=off"))
	tr.at("team-nobody", b.get("/team?q=zoe"))
	tr.at("team-no-filter", b.get("/team?role=owner&two_step=off"))
	tr.at("team-cursor", b.get("/team?cursor=none"))
	tr.at("team-role", b.get("/team?role=king"))
	for _, who := range []string{"ana", "carla", "dmitri", "elena", "farid"} {
		tr.at("user-"+who, b.get("/team/users/"+w.people[who].id))
	}
	tr.at("user-suspended", b.get("/team/users/"+gwen.Items[0].ID))
	w.clock.pass(30 * time.Minute)
	for range 5 {
		wrong := tr.browser(w)
		wrong.get("/sign-in")
		wrong.send("/sign-in", "email", w.people["dmitri"].email, "password", testPassword)
		wrong.send("/sign-in/second-step", "code", "000000")
	}
	tr.at("user-paused", b.get("/team/users/"+w.people["dmitri"].id))
	bruno := tr.browser(w)
	bruno.signIn("bruno")
	tr.at("team-admin", bruno.get("/team"))
	tr.at("user-other-team", bruno.get("/team/users/"+w.people["zoe"].id))
	w.clock.pass(100 * time.Hour)
	bruno.signIn("bruno")
	tr.at("user-closed", bruno.get("/team/users/"+w.people["carla"].id))

	for i := range 55 {
		w.add(fmt.Sprintf("p%02d@example.com", i), fmt.Sprintf("Person %02d", i), core.RoleMember, "")
	}
	tr.at("team-many", bruno.get("/team"))
	next := ""
	each(bruno.page.doc, func(n *html.Node) {
		if attr(n, "rel") == "next" {
			next = attr(n, "href")
		}
	})
	tr.at("team-last", bruno.get(next))
	tr.at("audit-many", bruno.get("/team/audit"))
	if n := len(bruno.page.all("time")); n < 50 {
		tr.t.Errorf("the audit log shows %d events", n)
	}
}

func (tr *tour) restarting() {
	w := tr.world(worldOptions{})
	tr.browser(w).signIn("carla")
	b := tr.browser(w)
	b.signIn("ana")
	carla := "/team/users/" + w.people["carla"].id
	tr.at("restart", b.get(carla+"/restart"))
	tr.at("restart-no-reason", b.send(carla+"/restart", "verified_by", "known_number"))
	tr.at("restart-not-verified", b.send(carla+"/restart", "reason", "Lost her phone <on> the train", "verified_by", ""))
	w.clock.pass(11 * time.Minute)
	tr.at("confirm-restart", b.send(carla+"/restart", "reason", "Lost her phone on the train", "verified_by", "known_number"))
	tr.at("confirm-wrong-password", b.send("/me/confirm", "password", "wrong-horse-battery", "code", "123456"), "wrong-horse-battery", "123456")
	tr.at("confirm-wrong-code", b.send("/me/confirm", "password", testPassword, "code", "123456"), testPassword, "123456")
	paper := w.people["ana"].codes[0]
	tr.at("confirm-recovery-code", b.send("/me/confirm", "password", testPassword, "code", paper), paper)
	tr.at("restart-again", b.send("/me/confirm", "password", testPassword, "code", w.code(w.people["ana"])))
	tr.at("user-restarted", b.send(carla+"/restart"))
	tr.at("restart-waiting", b.get(carla+"/restart"))
	old := b.page
	w.restart("carla")
	b.page = old
	tr.at("restart-meanwhile", b.send(carla+"/restart", "reason", "again", "verified_by", "other"))
	tr.at("restart-self", b.get("/team/users/"+w.people["ana"].id+"/restart"))
	tr.at("restart-nothing", b.get("/team/users/"+w.people["elena"].id+"/restart"))
	bruno := tr.browser(w)
	bruno.signIn("bruno")
	tr.at("restart-rank", bruno.get("/team/users/"+w.people["ana"].id+"/restart"))
	tr.at("restart-missing", bruno.get("/team/users/"+w.people["zoe"].id+"/restart"))
	code := tr.browser(w)
	code.signInWithPaper("ana")
	tr.at("restart-by-code", code.get("/team/users/"+w.people["dmitri"].id+"/restart"))
	member := tr.browser(w)
	member.signIn("dmitri")
	tr.at("team-member", member.get("/team"))
	w.restart("bruno")
	bruno.signIn("bruno")
	bruno.activate("bruno")
	tr.at("restart-contained", bruno.get("/team/users/"+w.people["dmitri"].id+"/restart"))
	tr.at("user-contained", bruno.get("/team/users/"+w.people["dmitri"].id))
}

func (tr *tour) beginning() {
	w := tr.world(worldOptions{empty: true})
	b := tr.browser(w)
	tr.at("no-owner", b.get("/team"))
	tr.at("no-owner-setup", b.get("/setup"))
	tr.at("setup-gone", b.get("/setup/nonsense"))
	link, err := w.core.MakeSetupLink(context.Background())
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.at("setup", b.get("/setup/"+link.Token))
	tr.at("setup-team", b.send("/setup", "name", "Ana", "email", "ana@example.com", "password", testPassword), testPassword)
	tr.at("setup-short", b.send("/setup", "team", "Northwind", "password", "short-one"), "short-one")
	tr.at("activate-owner", b.send("/setup", "password", testPassword), testPassword)
	tr.at("setup-used", tr.browser(w).get("/setup"))

	_, welcome := w.add("farid@example.com", "Farid Khan", core.RoleMember, "")
	f := tr.browser(w)
	tr.at("set-password", f.get(welcome))
	tr.at("set-password-common", f.send("/set-password/form", "password", "passwordpassword"), "passwordpassword")
	tr.at("set-password-stale", f.post("/set-password/form", url.Values{"password": {testPassword}}), testPassword)
	f.get("/set-password/form")
	tr.at("sign-in-welcome", f.send("/set-password/form", "password", testPassword), testPassword)
	tr.at("set-password-gone", tr.browser(w).get(welcome))
}

func (tr *tour) refusals() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	tr.at("not-found-out", b.get("/nothing/here"))
	b.signIn("carla")
	tr.at("not-found", b.get("/nothing/here"))
	tr.at("not-allowed", b.post("/team", nil))
	r, _ := http.NewRequest(http.MethodPost, w.server.URL+"/sign-out", strings.NewReader("csrf=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	tr.at("cross-origin", b.do(r))
	tr.at("too-large", b.post("/sign-in", url.Values{"email": {strings.Repeat("a", 70<<10)}}))
	tr.at("bad-request", b.get("/me?a=%zz"))
}

// TestEveryPage holds what is true of every page in every state and language.
// With PAGES=folder it leaves them there, to be looked at.
//
// ASVS 6.2.6, ASVS 6.2.7, ASVS 7.4.4, NIST 3.1.1.2(managers)
func TestEveryPage(t *testing.T) {
	for _, lang := range words.Languages() {
		t.Run(string(lang), func(t *testing.T) {
			t.Parallel()
			stops := everyPage(t, lang)
			for _, s := range stops {
				t.Run(s.name, func(t *testing.T) { wellMade(t, lang, s) })
			}
			if lang == words.English {
				goesEverywhere(t, stops)
			}
			if folder := os.Getenv("PAGES"); folder != "" {
				keepStops(t, folder, lang, stops)
			}
		})
	}
}

func keep(t *testing.T, file, text string) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wellMade(t *testing.T, lang words.Language, s stop) {
	p := s.page
	withinBudget(t, s)
	compressedAsItMay(t, s)
	keepsWhatWasTyped(t, s)
	if p.header.Get("Content-Type") != "text/html; charset=utf-8" || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", p.header)
	}
	if n := len(p.all("h1")); n != 1 {
		t.Errorf("%d headings h1", n)
	}
	if p.title() == "" || !strings.Contains(p.title(), p.h1()) {
		t.Errorf("title %q, heading %q", p.title(), p.h1())
	}
	failed := p.class("error-summary").Node != nil
	if failed != strings.HasPrefix(p.title(), english.Say("err.prefix")) && lang == words.English {
		t.Errorf("title %q, problem %q", p.title(), p.problem())
	}
	if got := attr(p.all("html")[0], "lang"); got != string(lang) {
		t.Errorf("lang %q", got)
	}
	for _, mark := range []string{"⟦", "<no value>", "%!", "ZgotmplZ"} {
		if strings.Contains(p.body, mark) {
			t.Errorf("holds %q", mark)
		}
	}
	for _, secret := range append(s.secret, testPassword) {
		if strings.Contains(p.body, secret) {
			t.Errorf("gives back a secret: %q", secret)
		}
	}
	ids := map[string]bool{}
	each(p.doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("the id %q twice", id)
			}
			ids[id] = true
		}
	})
	focus := 0
	each(p.doc, func(n *html.Node) {
		if has(n, "autofocus") {
			focus++
		}
		element(t, p, n, ids)
	})
	if focus > 1 {
		t.Errorf("%d things want the focus", focus)
	}
}

// element holds what is true of one element.
func element(t *testing.T, p *answer, n *html.Node, ids map[string]bool) {
	t.Helper()
	for _, a := range n.Attr {
		switch {
		case a.Key == "style", strings.HasPrefix(a.Key, "on"), a.Key == "required", a.Key == "maxlength", a.Key == "pattern", a.Key == "disabled":
			t.Errorf("<%s %s>", n.Data, a.Key)
		case a.Key == "aria-describedby" || a.Key == "aria-labelledby" || a.Key == "for" || a.Key == "popovertarget" || a.Key == "data-copy" || a.Key == "data-said" || a.Key == "data-show":
			for _, id := range strings.Fields(a.Val) {
				if !ids[id] {
					t.Errorf("<%s %s=%q> names nothing", n.Data, a.Key, a.Val)
				}
			}
			if a.Val == "" {
				t.Errorf("<%s %s> is empty", n.Data, a.Key)
			}
		case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
			if !ids[a.Val[1:]] {
				t.Errorf("a link to %s leads nowhere", a.Val)
			}
		}
	}
	switch n.Data {
	case "style":
		t.Error("<style>")
	case "script":
		if n.FirstChild != nil || !strings.HasPrefix(attr(n, "src"), "/assets/") {
			t.Error("an inline script")
		}
	case "button":
		if attr(n, "type") == "" {
			t.Error("a button without a type")
		}
	case "form":
		open := strings.HasPrefix(attr(n, "action"), "/help/") && !strings.Contains(p.body, `class="who"`) // nobody is signed in
		if !open && attr(n, "method") == "post" && !slices.Contains([]string{"/sign-in", "/forgot-password", languagePath}, attr(n, "action")) && !strings.HasPrefix(attr(n, "action"), "/demo/") && attr(findIn(n, "csrf"), "value") == "" {
			t.Errorf("the form to %s has no token", attr(n, "action"))
		}
	case "input", "select", "textarea":
		kind := attr(n, "type")
		if kind == "hidden" || attr(n, "aria-hidden") == "true" {
			return
		}
		labeled := false
		for c := n.Parent; c != nil; c = c.Parent {
			labeled = labeled || c.Data == "label"
		}
		each(p.doc, func(l *html.Node) {
			labeled = labeled || l.Data == "label" && attr(l, "for") == attr(n, "id") && attr(n, "id") != ""
		})
		if !labeled {
			t.Errorf("<%s name=%q> has no label", n.Data, attr(n, "name"))
		}
		if attr(n, "name") == "password" && kind != "password" || kind == "password" && (has(n, "value") || attr(n, "autocomplete") == "") || attr(n, "name") == "code" && has(n, "value") {
			t.Errorf("<input name=%q> %v", attr(n, "name"), n.Attr)
		}
	}
}

func findIn(form *html.Node, name string) *html.Node {
	found := &html.Node{}
	each(form, func(n *html.Node) {
		if attr(n, "name") == name {
			found = n
		}
	})
	return found
}

func (tr *tour) helping() {
	w := tr.world(worldOptions{contact: "operator@example.net"})
	nobody, carla, ana, half := tr.browser(w), tr.browser(w), tr.browser(w), tr.browser(w)
	tr.at("help", nobody.get("/help"))
	tr.at("help-found", nobody.get("/help?q=2FA"))
	tr.at("help-none", nobody.get("/help?q=zeppelin"))
	tr.at("help-gone", nobody.get("/help/no-such-article"))
	for _, a := range w.core.Articles(string(tr.lang), "") {
		tr.at("help-"+a.Slug, nobody.get("/help/"+a.Slug))
	}
	nobody.get("/help/activate")
	tr.at("help-voted", nobody.post("/help/activate/vote", url.Values{"helpful": {"yes"}}))
	tr.at("help-request-signed-out", nobody.get("/help/requests/new"))
	tr.at("help-request-signed-out-empty", nobody.send("/help/requests/new"))
	tr.at("help-request-signed-out-locked", nobody.send("/help/requests/new", "email", "who@example.net", "about", "sign_in", "text", "I am locked out."))
	tr.at("help-request-signed-out-sent", nobody.send("/help/requests/new", "anyway", "true"))

	carla.signIn("carla")
	carla.get("/help/activate")
	tr.at("help-voted-no", carla.post("/help/activate/vote", formOf(carla, "helpful", "no")))
	tr.at("help-missing-code", carla.post("/help/activate/vote", formOf(carla, "helpful", "no", "missing", "It was 634977")))
	carla.get("/help/activate")
	carla.post("/help/activate/vote", formOf(carla, "helpful", "no", "missing", "Pictures of the app"))
	tr.at("help-comment-code", carla.post("/help/activate/comments", formOf(carla, "text", "Mine is 634977")))
	tr.at("help-comment-empty", carla.post("/help/activate/comments", formOf(carla, "text", "")))
	tr.at("help-commented", carla.post("/help/activate/comments", formOf(carla, "text", "Take the app that Bruno uses.\n\nIt copies itself to a new phone.")))
	tr.at("help-request-new", carla.get("/help/requests/new"))
	tr.at("help-request-empty", carla.send("/help/requests/new"))
	tr.at("help-request-code", carla.send("/help/requests/new", "about", "codes", "text", "The code 634977 does not work"))
	tr.at("help-request-sent", carla.send("/help/requests/new", "about", "codes", "text", "Which app do we use here?"))
	request := carla.page.at.Path
	tr.at("help-yours", carla.get("/help"))

	ana.signIn("ana")
	tr.at("help-owner", ana.get("/help/activate"))
	comment := regexp.MustCompile(`name="comment" value="([^"]+)"`).FindStringSubmatch(ana.page.body)[1]
	tr.at("help-hidden", ana.post("/help/activate/comments/hide", formOf(ana, "comment", comment, "hidden", "true")))
	tr.at("help-hidden-mine", carla.get("/help/activate"))
	tr.at("help-deleted", carla.post("/help/activate/comments/delete", formOf(carla, "comment", comment)))
	tr.at("help-questions", ana.get("/team/requests"))
	tr.at("help-question", ana.get(request))
	tr.at("help-answer-empty", ana.send(request+"/messages"))
	tr.at("help-answered", ana.send(request+"/messages", "text", "Any. I use the one on the list."))
	tr.at("help-answer", carla.get(request))
	tr.at("help-closed", carla.send(request+"/close"))

	half.get("/sign-in")
	half.send("/sign-in", "email", w.people["carla"].email, "password", testPassword)
	tr.at("help-request-half", half.get("/help/requests/new"))
	w.restart("dmitri")
	due := tr.browser(w)
	due.signIn("dmitri")
	tr.at("help-due", due.get("/help/activate"))
	tr.at("help-request-due", due.get("/help/requests/new"))

	none := tr.browser(tr.world(worldOptions{}))
	tr.at("help-request-nowhere", none.get("/help/requests/new"))
}
