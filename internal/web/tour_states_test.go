package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// The states of the tour that somebody meets only when much has happened before.

// auditing is a log with something of nearly everything in it.
func (tr *tour) auditing() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	b.signIn("ana")
	b.get("/team/policy")
	b.send("/team/policy", "two_step_required", "no", "grace", "0", "session_idle", "30", "session_idle_unit", "minutes", "return_hosts", "wiki.example.com")
	w.restart("carla")
	w.restart("dmitri")
	tr.at("audit", b.get("/team/audit"))
	tr.at("audit-some", b.get("/team/audit?target=carla&event=two_step.restarted"))
	tr.at("audit-event", b.get(attr(b.page.find(func(n *html.Node) bool { return strings.HasPrefix(attr(n, "href"), "/team/audit/0") }), "href")))
	tr.at("audit-none", b.get("/team/audit?q=nobody-at-all"))
	tr.at("audit-later-word", b.get("/team/audit?event=later.made"))
	tr.at("audit-refused", b.get("/team/audit?from=then&to=2026-01-01&q=carla"))
	tr.at("audit-cursor", b.get("/team/audit?cursor=none"))
	tr.at("audit-missing", b.get("/team/audit/none"))
	tr.at("audit-export-refused", b.get("/team/audit/export?format=pdf"))
	member := tr.browser(w)
	member.signIn("elena")
	tr.at("audit-member", member.get("/team/audit"))
}

// effects are a policy that was looked at before it was saved.
func (tr *tour) effects() {
	w := tr.world(worldOptions{})
	b, carla := tr.browser(w), tr.browser(w)
	b.signIn("ana")
	b.get("/team/policy")
	form := formOf(b)
	look := func(fields ...string) *answer {
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		return b.post("/team/policy/effect", form)
	}
	tr.at("policy-effect-none", look())
	tr.at("policy-effect", look("two_step_required", "no", "deactivation_allowed", "no", "remember_devices", "30", "second_approver", "yes"))
	tr.at("policy-effect-refused", look("restarts_per_hour", "many"))
	look("restarts_per_hour", "1")
	b.send("/team/policy")
	carla.signIn("carla")
	tr.at("deactivate-paused", carla.get("/me/two-step/deactivate"))

	for _, who := range []string{"carla", "dmitri"} { // of whom the second is one too many in an hour
		path := "/team/users/" + w.people[who].id
		b.get(path + "/restart")
		b.send(path+"/restart", "reason", "Lost the phone", "verified_by", "in_person")
	}
	tr.at("restart-limit", b.page)
}

// neverMade has the shape of a recovery code, and was given to nobody.
const neverMade = "0000-0000-0000-0000"

// theGuessed is a team after two hundred wrong passwords and codes, which take their
// time, so they are tried once for all languages.
var theGuessed struct {
	sync.Mutex
	*saved
}

func guessed(t *testing.T) *saved {
	theGuessed.Lock()
	defer theGuessed.Unlock()
	if theGuessed.saved != nil {
		return theGuessed.saved
	}
	w := newWorld(t)
	by := core.Nobody(core.Origin{Via: core.ViaPage, Address: "198.51.100.7"})
	for range 100 {
		_, err := w.core.BeginSignIn(t.Context(), by, "nobody@example.com", "not the password at all", "")
		w.clock.pass(core.Refused(err).RetryAfter + 6*time.Second)
	}
	authentication, recovery := func() string { return "000000" }, func() string { return neverMade }
	w.guesses("carla", 50, authentication)
	w.guesses("bruno", 20, recovery)
	w.guesses("zoe", 20, recovery)
	w.guesses("zoe", 50, authentication)
	w.guesses("dmitri", 11, authentication)
	team, err := theTeam()
	if err == nil {
		err = w.core.Close()
	}
	after := &saved{at: w.clock.Now(), keys: team.keys, people: team.people}
	if err == nil {
		after.file, err = os.ReadFile(filepath.Join(w.dir, "doorstep.db"))
	}
	if err != nil {
		t.Fatal(err)
	}
	theGuessed.saved = after
	return after
}

// blocked is what wrong codes and passwords lead to in the end, and the way out.
func (tr *tour) blocked() {
	w := tr.world(worldOptions{from: guessed(tr.t)})
	d, b, c, z, n, ana := tr.browser(w), tr.browser(w), tr.browser(w), tr.browser(w), tr.browser(w), tr.browser(w)
	d.password("dmitri")
	d.send("/sign-in/second-step", "code", "000000")
	for _, name := range []string{"second-step-unlock-two", "second-step-unlock-one"} {
		tr.at(name, d.send("/sign-in/second-step", "code", w.code(w.people["dmitri"])))
	}
	tr.at("new-password-warned", d.send("/sign-in/second-step", "code", w.code(w.people["dmitri"])))

	tr.at("second-step-app-blocked", b.password("carla"))
	tr.at("second-step-app-blocked-code", b.send("/sign-in/second-step", "code", w.code(w.people["carla"])))
	ana.signIn("ana")
	tr.at("team-blocked", ana.get("/team"))
	tr.at("user-blocked", ana.get("/team/users/"+w.people["carla"].id))
	b.send("/sign-in/second-step", "code", w.people["carla"].paper())
	b.send(newPasswordPath, "password", "twelve green umbrellas")
	tr.at("two-step-app-blocked", b.get("/me/two-step"))
	tr.at("second-step-codes-blocked", c.password("bruno"))
	tr.at("second-step-blocked", z.password("zoe"))
	tr.at("ask-blocked", z.get("/sign-in/ask"))
	n.get("/sign-in")
	tr.at("sign-in-blocked", n.send("/sign-in", "email", "nobody@example.com", "password", testPassword), testPassword)

	fresh := tr.world(worldOptions{})
	u := tr.browser(fresh)
	used := fresh.code(fresh.people["carla"])
	u.password("carla")
	u.send("/sign-in/second-step", "code", used)
	u.password("carla")
	tr.at("second-step-used", u.send("/sign-in/second-step", "code", used), used)
	tr.at("second-step-no-such-code", u.send("/sign-in/second-step", "code", neverMade), neverMade)
}

// answering is a request for a restart that is answered with its match code, or with wrong ones.
func (tr *tour) answering() {
	w := tr.world(worldOptions{})
	ana, carla := tr.browser(w), tr.browser(w)
	ana.signIn("ana")
	carla.asks("carla", "lost_phone")
	right := strings.ReplaceAll(carla.page.class("big-code").text(), " ", "")
	wrong := "0000"
	if right == wrong {
		wrong = "1111"
	}
	answer := func(code string) *answer {
		return ana.send(ana.page.at.Path+"/approve", "match_code", code, "verified_by", "video_call", "reason", "Read out on a call")
	}
	ana.get(w.openRequest(tr.t, ana, "carla"))
	path := ana.page.at.Path
	tr.at("request-wrong", answer(wrong), wrong)
	ana.get(path)
	tr.at("request-approved", answer(right))
	tr.at("request-over", ana.get(path))
	tr.at("sign-in-answered", carla.get("/sign-in/ask"))

	dmitri := tr.browser(w)
	dmitri.asks("dmitri", "new_phone")
	path = w.openRequest(tr.t, ana, "dmitri")
	for range 3 {
		ana.get(path)
		answer("000" + wrong[:1])
	}
	tr.at("request-ended", ana.page)
	tr.at("ask-ended", dmitri.get("/sign-in/ask"))
	tr.at("requests-after", ana.get("/team/requests"))
}

// alone is an owner whose team is nobody else yet.
func (tr *tour) alone() {
	w := tr.world(worldOptions{noMail: true})
	zoe := tr.browser(w)
	tr.at("home-alone", zoe.signIn("zoe"))
	tr.at("team-alone", zoe.get("/team"))
	tr.at("invite-no-mail", zoe.get("/team/invite"))
	tr.at("invite-no-mail-links", zoe.send("/team/invite", "emails", "nora@example.com\ngil@example.com"))
	tr.at("own-email-no-mail", zoe.get("/me/email"))
	tr.at("second-address-no-mail", zoe.get(notifyPath))
	elena := tr.browser(w)
	elena.signIn("elena")
	elena.get("/me/two-step/activate")
	tr.at("two-step-begun", elena.get("/me/two-step"))
}

// faults are ours: the page has a number, or says that the server cannot now.
func (tr *tour) faults() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	b.signIn("carla")
	w.log.wanted = true
	b.get("/me/two-step/deactivate")
	w.fault = func(query string) error {
		if strings.Contains(query, "audit_events") {
			return errors.New("the disk sings")
		}
		return nil
	}
	code := w.people["carla"].codes[0]
	tr.at("fault", b.send("/me/two-step/deactivate", "code", code), code)
	w.fault = nil
	if err := w.core.Close(); err != nil {
		tr.t.Fatal(err)
	}
	tr.at("unavailable", b.get("/me"))
	tr.at("unavailable-sign-in", tr.browser(w).post("/sign-in", url.Values{"email": {"carla@example.com"}, "password": {testPassword}}))
}

// notOfThePages are addresses that answer with something else than a page.
var notOfThePages = []string{
	"/team/export",
	"/.well-known/change-password", "/assets/{name}", "/favicon.ico", "/session/watch", "/healthz", "/readyz",
	"/team/import-example", "/team/import/{id}/left-out",
}

// goesEverywhere: no page is left out of what is looked at, and no kind of answer.
func goesEverywhere(t *testing.T, stops []stop) {
	w := newWorld(t)
	seen, statuses, names := map[string]bool{}, map[int]bool{}, map[string]bool{}
	for _, s := range stops {
		if names[s.name] {
			t.Errorf("two states are called %q", s.name)
		}
		names[s.name] = true
		seen[w.web.known.pattern(s.page.at)] = true
		statuses[s.page.status] = true
	}
	for _, r := range w.web.Routes() {
		if r.Method == http.MethodGet && !seen[r.Path] && !slices.Contains(notOfThePages, r.Path) && !strings.HasSuffix(r.Path, "/{token}") {
			t.Errorf("the tour never is at %s: it needs a stop in tour_test.go", r.Path)
		}
	}
	for _, status := range []int{200, 400, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503} {
		if !statuses[status] {
			t.Errorf("no page of the tour answers %d", status)
		}
	}
}

// keepStops leaves the pages in a folder for the browser tests, which look at each of
// them: everything that a browser got, and the files that the pages ask for.
func keepStops(t *testing.T, folder string, lang words.Language, stops []stop) {
	type kept struct {
		Name, Path string
		Status     int
		Policy     string // of what the page may load
		Body       string
	}
	var list []kept
	for _, s := range stops {
		list = append(list, kept{s.name, s.page.at.RequestURI(), s.page.status, s.page.header.Get("Content-Security-Policy"), s.page.body})
		keep(t, filepath.Join(folder, string(lang)+"-"+s.name+".html"), s.page.body)
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	b := newWorld(t).browser()
	for _, asset := range []string{"app.css", "app.js", "favicon.svg"} {
		keep(t, filepath.Join(folder, asset), b.get("/assets/"+asset).body)
	}
	keep(t, filepath.Join(folder, string(lang)+".json"), string(text)) // last: whoever sees it finds the rest
}
