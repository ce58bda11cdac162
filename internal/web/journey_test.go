package web

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

func (a *answer) wants(t *testing.T, status int, path, text string) {
	t.Helper()
	if a.status != status || a.at.Path != path || !strings.Contains(a.text(), text) {
		t.Errorf("got %d %s, want %d %s with %q:\n%s", a.status, a.at, status, path, text, a.text())
	}
}

// J1: scan, confirm, save codes, finish; only then is 2-step on.
func TestActivate(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	b.signIn("elena")
	other.signIn("elena")
	if !b.get("/me/two-step").link("/me/two-step/activate") {
		t.Fatal("no way to activate:\n" + b.page.text())
	}
	key := b.get("/me/two-step/activate").byID("key").text()
	if b.speaks("es"); b.page.byID("key").text() != key {
		t.Error("another language changed the key")
	}
	b.speaks("en")
	b.send("/me/two-step/activate", "code", "000000").wants(t, 422, "/me/two-step/activate", w.says("act.wrong"))
	if again := b.page.byID("key").text(); again != key {
		t.Error("a wrong code changed the key")
	}
	elena := w.people["elena"]
	elena.key = readKey(key)
	codes := b.send("/me/two-step/activate", "code", w.code(elena)).codes()
	if len(codes) != 10 {
		t.Fatalf("%d codes", len(codes))
	}
	if again := b.get("/me/two-step/activate").codes(); strings.Join(again, " ") != strings.Join(codes, " ") {
		t.Error("a reload shows other codes")
	}
	b.send("/me/two-step/activate/finish").wants(t, 422, "/me/two-step/activate/finish", w.says("codes.ackmissing"))
	if again := b.page.codes(); strings.Join(again, " ") != strings.Join(codes, " ") {
		t.Error("a forgotten box shows other codes")
	}
	fresh := w.browser()
	fresh.signIn("elena").wants(t, 200, "/", "Hello, Elena Rossi") // the password alone: it is not on yet
	before := w.cookie(b, sessionCookie)
	form := b.page
	b.send("/me/two-step/activate/finish", "saved", "true").wants(t, 200, "/", w.says("act.done"))
	b.page = form
	b.send("/me/two-step/activate/finish", "saved", "true").wants(t, 200, "/", "Hello, Elena Rossi") // sent twice
	if w.cookie(b, sessionCookie) == before {
		t.Error("the session kept its token")
	}
	other.get("/me").wants(t, 200, "/sign-in", w.says("ended.activated"))
	b.get("/me/two-step/activate").wants(t, 200, "/me/two-step", w.says("act.already"))
	if strings.Contains(b.page.body, codes[0]) || strings.Contains(b.page.body, key) {
		t.Error("a secret is shown again")
	}
}

// What the file and the paper with the codes say.
func TestCodesCanBeKept(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	b.get("/me/two-step/recovery-codes")
	codes := b.send("/me/two-step/recovery-codes").codes()
	file := b.page.find(func(n *html.Node) bool { return has(n, "download") })
	text, ok := strings.CutPrefix(attr(file, "href"), "data:text/plain;charset=utf-8,")
	if !ok {
		t.Fatalf("the link is %q", attr(file, "href"))
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if !strings.Contains(lines[0], "carla@example.com") || !strings.Contains(lines[0], "Northwind") || strings.Join(lines[2:], " ") != strings.Join(codes, " ") {
		t.Errorf("the file says:\n%s", text)
	}
	if name := attr(file, "download"); name != "northwind-recovery-codes-carla-nguyen-2026-05-12.txt" {
		t.Errorf("its name is %q", name)
	}
	// Sent twice, a set that nobody has saved yet is not replaced.
	b.post("/me/two-step/recovery-codes", url.Values{"csrf": {attr(findIn(b.page.doc, "csrf"), "value")}})
	if b.get("/me/two-step/recovery-codes"); strings.Join(b.page.codes(), " ") != strings.Join(codes, " ") {
		t.Error("sent twice made another set")
	}
	b.send("/me/two-step/recovery-codes/finish", "saved", "true").wants(t, 200, "/me/two-step", w.says("codes.renewed"))
	if b.get("/me/two-step/recovery-codes"); len(b.page.codes()) != 0 {
		t.Error("the codes are shown after they were said to be saved")
	}
}

// J2: one field takes either kind, however it is written.
func TestSecondStep(t *testing.T) {
	w := newWorld(t)
	for _, write := range []func(string) string{
		func(c string) string { return c },
		func(c string) string { return c[:3] + " " + c[3:] },
		func(c string) string { return " " + c[:3] + "-" + c[3:] },
	} {
		b := w.browser()
		b.get("/sign-in")
		b.send("/sign-in", "email", "CARLA@example.com", "password", testPassword).wants(t, 200, "/sign-in/second-step", "carla@example.com")
		form, code := b.page, write(w.code(w.people["carla"]))
		b.send("/sign-in/second-step", "code", code).wants(t, 200, "/", "Hello, Carla")
		b.page = form
		b.send("/sign-in/second-step", "code", code).wants(t, 200, "/", "Hello, Carla") // sent twice
	}
	b := w.browser()
	b.get("/sign-in")
	b.send("/sign-in", "email", "carla@example.com", "password", testPassword)
	paper := w.people["carla"].paper()
	b.send("/sign-in/second-step", "code", strings.ToUpper(strings.ReplaceAll(paper, "-", " "))).wants(t, 200, "/", w.says("rec.left", words.Args{"n": 9}))
	if !strings.Contains(b.page.news(), "1 hour") {
		t.Errorf("the banner says %q", b.page.news())
	}
	if b.get("/"); b.page.news() != "" {
		t.Error("the banner is there twice")
	}
}

// J3: in with code A, deactivate with B, in with the password, activate again.
//
// R3
func TestOwnReset(t *testing.T) {
	w := newWorld(t)
	other := w.browser()
	other.signIn("carla")
	b := w.browser()
	a := b.signInWithPaper("carla")
	if !b.page.link("/me") || !b.get("/me").link("/me/two-step") || !b.get("/me/two-step").link("/me/two-step/deactivate") {
		t.Fatal("a link of the journey is missing")
	}
	b.get("/me/two-step/deactivate").wants(t, 200, "/me/two-step/deactivate", w.says("off.hintrec"))
	b.send("/me/two-step/deactivate", "code", a).wants(t, 422, "/me/two-step/deactivate", w.says("off.same"))
	b.send("/me/two-step/deactivate", "code", w.people["carla"].paper()).wants(t, 200, "/sign-in", w.says("ended.deactivated"))
	other.get("/").wants(t, 200, "/sign-in", w.says("ended.deactivated"))
	b.send("/sign-in", "email", "carla@example.com", "password", testPassword).wants(t, 200, "/me/two-step/activate", w.says("act.duedeactivated"))
	for _, path := range []string{"/team", "/me", "/me/two-step", "/me/confirm", "/me/two-step/deactivate", "/"} {
		b.get(path).wants(t, 200, "/me/two-step/activate", w.says("err.due"))
	}
	if b.page.class("nav").Node != nil {
		t.Error("there is a menu before activation")
	}
	b.activate("carla").wants(t, 200, "/", w.says("act.done"))
}

// J4, J5: both menus hold the same items in the same order and lead to one page.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	carla, open := w.browser(), w.browser()
	carla.signIn("carla")
	open.signInWithPaper("carla")
	b := w.browser()
	b.signIn("ana")
	id := w.people["carla"].id
	b.get("/team").wants(t, 200, "/team", w.says("team.people", words.Args{"n": 6}))
	if !b.page.link("/team/users/" + id) {
		t.Error("the name is no link")
	}
	list := items(b.page, "actions-"+id)
	if options := items(b.get("/team/users/"+id), "options"); options != list || !strings.Contains(list, w.says("re.item")+" /team/users/"+id+"/restart") {
		t.Errorf("Actions: %s\nOptions: %s", list, options)
	}
	path := "/team/users/" + id + "/restart"
	page := b.get(path)
	for _, says := range []string{
		w.says("re.sessions", words.Args{"n": 2}), w.says("re.apps", words.Args{"n": 1}), w.says("re.codes", words.Args{"n": 9}),
		w.says("re.try", words.Args{"n": 9, "name": "Carla Nguyen"}), w.says("re.check", words.Args{"name": "Carla Nguyen"}),
	} {
		if !strings.Contains(page.text(), says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	b.send(path, "reason", `<script>alert("x")</script>`).wants(t, 422, path, w.says("re.verifiedmissing", words.Args{"name": "Carla Nguyen"}))
	if reason := attr(b.page.byID("reason").Node, "value"); reason != `<script>alert("x")</script>` || len(b.page.all("script")) != 1 {
		t.Errorf("the reason came back as %q", reason)
	}
	form := b.page
	done := w.says("re.done", words.Args{"name": "Carla Nguyen", "n": 2})
	b.send(path, "verified_by", "known_number", "reason", "Lost her phone").wants(t, 200, "/team/users/"+id, done)
	b.page = form
	b.send(path, "verified_by", "known_number", "reason", "Lost her phone").wants(t, 200, "/team/users/"+id, done)
	if n := strings.Count(b.page.text(), "Reason: Lost her phone"); n != 1 {
		t.Errorf("sent twice made %d restarts", n)
	}
	if b.get("/team/users/" + id); b.page.news() != "" {
		t.Error("the receipt is there twice")
	}
	for _, ended := range []*browser{carla, open} {
		ended.get("/me").wants(t, 200, "/sign-in", w.says("ended.restarted"))
	}
	// J6
	carla.send("/sign-in", "email", "carla@example.com", "password", testPassword).wants(t, 200, "/me/two-step/activate", w.says("act.duerestarted"))
	carla.activate("carla").wants(t, 200, "/me", "User information") // where she wanted to go
	w.clock.pass(time.Minute)
	b.page = form
	b.send(path, "verified_by", "known_number", "reason", "an old form").wants(t, 200, "/team/users/"+id, done)
}

// items are the lines of a menu: words and address, or words and reason.
func items(a *answer, id string) string {
	list := a.byID(id)
	if list.Node == nil {
		return ""
	}
	var lines []string
	each(list.Node, func(n *html.Node) {
		if n.Data == "a" || has(n, "aria-disabled") {
			lines = append(lines, node{n}.text()+" "+attr(n, "href"))
		}
	})
	return strings.Join(lines, "\n")
}

// The pass of a restart is on the page that answers the form, and nowhere else: not
// after a reload, not in a cookie, not on the person's page.
//
// R10
func TestPassIsShownOnce(t *testing.T) {
	w := newWorld(t)
	ana := w.browser()
	ana.signIn("ana")
	path := "/team/users/" + w.people["bruno"].id
	ana.get(path+"/restart").wants(t, 200, path+"/restart", w.says("re.pass", words.Args{"name": "Bruno Díaz"}))
	form := formOf(ana, "reason", "Lost his phone", "verified_by", "in_person")
	ana.post(path+"/restart", form).wants(t, 200, path+"/restart", w.says("pass.give", words.Args{"name": "Bruno Díaz"}))
	pass := ana.page.class("big-code").text()
	if len(pass) != 14 || strings.Contains(w.cookie(ana, noticeCookie), pass) {
		t.Fatalf("the pass %q", pass)
	}
	ana.post(path+"/restart", form).wants(t, 200, path, w.says("pass.shown"))
	for _, page := range []string{path, path + "/restart", "/"} {
		if ana.get(page); strings.Contains(ana.page.body, pass) {
			t.Errorf("%s shows the pass again", page)
		}
	}
	bruno := w.browser()
	bruno.signIn("bruno").wants(t, 200, "/me/two-step/activate", w.says("pass.title"))
	if strings.Contains(bruno.page.body, "otpauth") || bruno.page.byID("key").Node != nil {
		t.Error("a key is shown before the pass")
	}
	bruno.post("/me/two-step/activate/over", formOf(bruno)).wants(t, 403, "/me/two-step/activate/over", w.says("pass.title"))
	bruno.send("/me/two-step/activate/pass", "pass", strings.ToUpper(pass)).wants(t, 200, "/me/two-step/activate", w.says("pass.accepted"))
	bruno.activate("bruno").wants(t, 200, "/", w.says("act.done"))
}

// What is not possible stays in the menu and says why; its page refuses too.
func TestMenusSayWhyNot(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("bruno")
	b.get("/team")
	for who, why := range map[string]string{"ana": "no.rank", "bruno": "no.self", "elena": "no.nothing", "farid": "no.nothing"} {
		if list := items(b.page, "actions-"+w.people[who].id); !strings.Contains(list, w.says("re.item")+" "+w.says(why)) {
			t.Errorf("%s: %s", who, list)
		}
	}
	for who, status := range map[string]int{"ana": 403, "bruno": 403, "elena": 409, "zoe": 404} {
		if got := b.get("/team/users/" + w.people[who].id + "/restart"); got.status != status {
			t.Errorf("the restart of %s: %d", who, got.status)
		}
	}
	w.restart("bruno")
	b.signIn("bruno")
	b.activate("bruno")
	b.get("/team/users/"+w.people["carla"].id+"/restart").wants(t, 403, "/team/users/"+w.people["carla"].id+"/restart", w.says("refusal.contained.title"))
}

// Typed work outlives a step-up, and the session has a new token after it.
func TestStepUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	path := "/team/users/" + w.people["carla"].id + "/restart"
	b.get(path)
	w.clock.pass(11 * time.Minute)
	b.send(path, "verified_by", "video_call", "reason", "Perdió su teléfono «ayer»").wants(t, 403, path, w.says("up.for.restart", words.Args{"name": "Carla Nguyen"}))
	before := w.cookie(b, sessionCookie)
	b.send("/me/confirm", "password", "not the password", "code", w.code(w.people["ana"])).wants(t, 422, "/me/confirm", w.says("refusal.wrong-password"))
	paper := w.people["ana"].codes[0]
	b.send("/me/confirm", "password", testPassword, "code", paper).wants(t, 422, "/me/confirm", w.says("up.notrec"))
	b.send("/me/confirm", "password", testPassword, "code", w.code(w.people["ana"])).wants(t, 200, path, w.says("re.q", words.Args{"name": "Carla Nguyen"}))
	if w.cookie(b, sessionCookie) == before {
		t.Error("the session kept its token")
	}
	if got := attr(b.page.byID("reason").Node, "value"); got != "Perdió su teléfono «ayer»" {
		t.Errorf("the reason is %q", got)
	}
	checked := b.page.find(func(n *html.Node) bool { return has(n, "checked") })
	if checked == nil || attr(checked, "value") != "video_call" {
		t.Error("how it was made sure is lost")
	}
	w.clock.pass(11 * time.Minute)
	b.get(path).wants(t, 200, "/me/confirm", w.says("up.title"))

	code := w.browser()
	if code.signInWithPaper("ana") != paper || code.page.at.Path != "/" {
		t.Error("the recovery code that the step-up refused was spent")
	}
	code.get("/me/confirm").wants(t, 200, "/me/confirm", w.says("up.recsession"))
	code.get(path).wants(t, 403, path, w.says("refusal.recovery-session.title"))
}

// J10 and the beginning: the link works once, two browsers make one owner.
func TestSetup(t *testing.T) {
	w := makeWorld(t, worldOptions{empty: true})
	first, second := w.browser(), w.browser()
	for _, path := range []string{"/", "/sign-in", "/team", "/nothing"} {
		first.get(path).wants(t, 200, path, w.says("setup.none"))
	}
	link, err := w.core.MakeSetupLink(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	first.get("/setup/"+link.Token).wants(t, 200, "/setup", w.says("setup.title"))
	page := second.get("/setup/" + link.Token)
	page.wants(t, 200, "/setup", w.says("setup.title"))
	second.send("/setup", "team", "Northwind", "name", "Ana", "email", "ana@example.com", "password", testPassword).wants(t, 200, "/me/two-step/activate", w.says("act.duerequired"))
	if got := first.send("/setup", "team", "Other", "name", "Eve", "email", "eve@example.com", "password", testPassword); got.status != 409 {
		t.Errorf("the second browser: %d %s", got.status, got.text())
	}
	w.people["ana"] = &someone{email: "ana@example.com"}
	second.activate("ana").wants(t, 200, "/team/invite", w.says("act.done"))
	if !strings.Contains(second.page.text(), w.says("setup.second")) {
		t.Error("nothing about a second owner")
	}
	second.get("/").wants(t, 200, "/", w.says("home.begin.owner"))
	first.get("/sign-in").wants(t, 200, "/sign-in", w.says("signin.title"))
}

// A first password: opening the link uses nothing up, and signs nobody in.
func TestFirstPassword(t *testing.T) {
	w := newWorld(t)
	_, link := w.add("gwen@example.com", "Gwen Adams", core.RoleMember, "")
	b := w.browser()
	w.browser().get(link)
	b.get(link).wants(t, 200, "/set-password/form", w.says("welcome.title", words.Args{"team": "Northwind"}))
	b.send("/set-password/form", "password", "gwen-adams-gwen-adams").wants(t, 422, "/set-password/form", w.says("setpw.personal"))
	b.send("/set-password/form", "password", testPassword).wants(t, 200, "/sign-in", w.says("welcome.done"))
	if got := attr(b.page.byID("email").Node, "value"); got != "gwen@example.com" {
		t.Errorf("the address is %q", got)
	}
	b.send("/sign-in", "password", testPassword).wants(t, 200, "/", "Hello, Gwen Adams")
	w.browser().get(link).wants(t, 410, link, w.says("refusal.link-gone"))
}
