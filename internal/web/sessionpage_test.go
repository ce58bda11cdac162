package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// formOf is what any form of this person's pages carries, with more fields.
func formOf(b *browser, fields ...string) url.Values {
	b.w.t.Helper()
	s, err := b.w.core.Session(b.w.t.Context(), b.w.cookie(b, sessionCookie))
	if err != nil {
		b.w.t.Fatal(err)
	}
	v := &visit{web: b.w.web, core: b.w.core, session: s}
	values := url.Values{"csrf": {v.tokenFor(s.ID)}}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return values
}

// lines are the rows of the page that end or forget something, by their button.
func (a *answer) lines(action string) (texts, ids []string) {
	each(a.doc, func(n *html.Node) {
		if n.Data != "li" {
			return
		}
		each(n, func(form *html.Node) {
			if form.Data == "form" && attr(form, "action") == action {
				texts = append(texts, node{n}.text())
				for _, name := range []string{"session", "device"} {
					if id := attr(findIn(form, name), "value"); id != "" {
						ids = append(ids, id)
					}
				}
			}
		})
	})
	return texts, ids
}

const safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"

// ASVS 7.5.2
func TestSessionsPage(t *testing.T) {
	w := newWorld(t)
	b, phone, program := w.browser(), w.browser(), w.browser()
	b.signIn("carla")
	if !b.get("/me").link("/me/sessions") {
		t.Error("User information has no link to the sessions")
	}
	b.get("/me/sessions").wants(t, 200, "/me/sessions", w.says("sess.only"))
	if strings.Contains(b.page.body, `action="/me/sessions/others"`) {
		t.Error("there are others to end, and only this one")
	}
	phone.agent, program.agent = safari, `"><script>Bank/1.0`
	phone.signInWithPaper("carla")
	w.clock.pass(2 * time.Minute)
	program.signIn("carla")
	b.get("/me/sessions")
	rows, ids := b.page.lines("/me/sessions/end")
	if len(rows) != 3 {
		t.Fatalf("%d sessions:\n%s", len(rows), b.page.text())
	}
	for i, want := range [][]string{
		{"Firefox on Linux", w.says("sess.this"), w.says("sess.how.authenticator"), "12 May 2026, 14:05 UTC", "127.0.0.1 (the server's own computer)", w.says("sess.end", words.Args{"device": "Firefox on Linux"})},
		{`"><script>Bank/1.0`, w.says("sess.how.authenticator"), w.says("sess.last", words.Args{"at": "just now"})},
		{"Safari on iOS", w.says("sess.how.recovery_code"), w.says("sess.last", words.Args{"at": "2 minutes ago"}), w.says("sess.end", words.Args{"device": "Safari on iOS"})},
	} {
		for _, text := range want {
			if !strings.Contains(rows[i], text) {
				t.Errorf("line %d does not say %q: %s", i, text, rows[i])
			}
		}
		if i > 0 && strings.Contains(rows[i], w.says("sess.this")) {
			t.Errorf("line %d is this device too: %s", i, rows[i])
		}
	}

	// One that is somebody else's, or is over already, is no error and ends nothing.
	ana := w.browser()
	ana.signIn("ana")
	_, hers := ana.get("/me/sessions").lines("/me/sessions/end")
	for _, id := range []string{hers[0], "none", "", strings.Repeat("x", 300)} {
		b.post("/me/sessions/end", formOf(b, "session", id)).wants(t, 200, "/me/sessions", w.says("sess.already"))
	}
	ana.get("/me").wants(t, 200, "/me", "ana@example.com")
	b.post("/me/sessions/end", formOf(b, "session", ids[2])).wants(t, 200, "/me/sessions", w.says("sess.endedone", words.Args{"device": "Safari on iOS"}))
	b.post("/me/sessions/end", formOf(b, "session", ids[2])).wants(t, 200, "/me/sessions", w.says("sess.already"))
	phone.get("/me").wants(t, 200, "/sign-in", w.says("ended.elsewhere"))

	b.send("/me/sessions/others").wants(t, 200, "/me/sessions", w.says("sess.ended", words.Args{"n": 1}))
	program.get("/me").wants(t, 200, "/sign-in", w.says("ended.elsewhere"))
	b.post("/me/sessions/others", formOf(b)).wants(t, 200, "/me/sessions", w.says("sess.endednone"))
	// This one ends like any sign-out.
	b.send("/me/sessions/end").wants(t, 200, "/sign-in", w.says("ended.signed_out"))
}

// A session that idled out is in no list; its button on an older page is no error.
func TestSessionIdledOut(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	other.signIn("carla")
	b.signIn("carla")
	_, ids := b.get("/me/sessions").lines("/me/sessions/end")
	w.clock.pass(40 * time.Minute)
	b.get("/me")
	w.clock.pass(40 * time.Minute)
	b.post("/me/sessions/end", formOf(b, "session", ids[1])).wants(t, 200, "/me/sessions", w.says("sess.already"))
	if rows, _ := b.page.lines("/me/sessions/end"); len(rows) != 1 {
		t.Errorf("%d sessions", len(rows))
	}
}

// A form from before a new sign-in changes nothing; its page is shown again, and
// its language links lead to the page and not to where the form was sent.
func TestSessionsFormIsStale(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	page := b.post("/me/sessions/others", url.Values{"csrf": {"x"}})
	page.wants(t, 403, "/me/sessions/others", w.says("refusal.form-stale"))
	if form := languageForm(page, "es"); attr(findIn(form, "back"), "value") != "/me/sessions" {
		t.Error("the language links lead elsewhere")
	}
	w.restart("carla")
	b.post("/me/sessions/others", url.Values{"csrf": {"x"}})
	if got := b.page.at.Query().Get("next"); b.page.at.Path != "/sign-in" || got != "/me/sessions" {
		t.Errorf("an ended session is led to %s", b.page.at)
	}
}

// ASVS 7.4.5
func TestUserSessions(t *testing.T) {
	w := newWorld(t)
	b, carla := w.browser(), w.browser()
	b.signIn("bruno")
	carla.signIn("carla")
	path := "/team/users/" + w.people["carla"].id
	if !b.get(path).link(path + "/sessions") {
		t.Error("no way to sign Carla out:\n" + b.page.text())
	}
	b.get(path+"/sessions").wants(t, 200, path+"/sessions", w.says("user.sessions.q", words.Args{"name": "Carla Nguyen"}))
	if strings.Contains(b.page.text(), w.says("user.sessions.devices")) {
		t.Error("it speaks of remembered devices, and the team has none")
	}
	form := b.page
	another := b.get(path + "/sessions")
	b.page = form
	b.send(path+"/sessions").wants(t, 200, path, w.says("user.sessions.ended", words.Args{"n": 1, "name": "Carla Nguyen"}))
	if b.page.link(path + "/sessions") {
		t.Error("nothing is open, and there is a way to end it")
	}
	carla.get("/me").wants(t, 200, "/sign-in", w.says("ended.by_admin"))
	b.page = form // pressed twice is pressed once, and another page is another press
	b.send(path+"/sessions").wants(t, 200, path, w.says("user.sessions.ended", words.Args{"n": 1, "name": "Carla Nguyen"}))
	b.page = another
	b.send(path+"/sessions").wants(t, 200, path, w.says("user.sessions.endednone", words.Args{"name": "Carla Nguyen"}))
}

// What the page does not offer core refuses, and what it offers core does: for
// everybody who may see the team, to everybody in it.
func TestUserSessionsByRank(t *testing.T) {
	w := newWorld(t)
	for who, role := range map[string]core.Role{"gwen": core.RoleOwner, "hugo": core.RoleAdmin} {
		id, _ := w.add(who+"@example.com", strings.ToUpper(who), role, testPassword)
		w.people[who] = &someone{id: id, email: who + "@example.com"}
		b := w.browser()
		if b.signIn(who); b.page.at.Path == "/me/two-step/activate" {
			b.activate(who)
		}
	}
	all := []string{"ana", "gwen", "bruno", "hugo", "carla"}
	byCode := map[string]string{}
	for _, who := range all {
		byCode[who] = "no.recovery"
	}
	for name, whyNot := range map[string]map[string]string{ // keys of what is said in place of the way
		"ana":         {"ana": "no.self", "gwen": "no.owner"},
		"bruno":       {"ana": "no.owner", "gwen": "no.owner", "bruno": "no.self", "hugo": "no.rank"},
		"ana by code": byCode,
	} {
		b := w.browser()
		if who, paper := strings.CutSuffix(name, " by code"); paper {
			b.signInWithPaper(who)
		} else {
			b.signIn(who)
		}
		for _, whom := range all {
			w.browser().signIn(whom) // somebody to sign out
			why, path := whyNot[whom], "/team/users/"+w.people[whom].id
			page, status := b.get(path), 200
			if why != "" {
				status = 403
				if !strings.Contains(page.text(), w.says(why)) {
					t.Errorf("%s to %s: the page does not say %q", name, whom, w.says(why))
				}
			}
			if offered := page.link(path + "/sessions"); offered != (why == "") {
				t.Errorf("%s to %s: offered %v", name, whom, offered)
			}
			if got := b.get(path + "/sessions"); got.status != status {
				t.Errorf("%s to %s: the page answers %d", name, whom, got.status)
			}
			got := b.post(path+"/sessions", formOf(b))
			if got.status != status {
				t.Errorf("%s to %s, sent: %d", name, whom, got.status)
			}
			if why == "no.owner" && !strings.Contains(got.text(), w.says("refusal.owners-sessions")) {
				t.Errorf("%s to %s: %s", name, whom, got.text())
			}
		}
	}
}
