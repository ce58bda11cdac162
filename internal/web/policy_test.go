package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// holds is what a field of the page has in it: the text, or the choice.
func (a *answer) holds(id string) string {
	n := a.byID(id).Node
	switch {
	case n == nil:
		return "⟨no field⟩"
	case n.Data == "textarea":
		return node{n}.text()
	case n.Data == "select":
		value := ""
		each(n, func(o *html.Node) {
			if has(o, "selected") {
				value = attr(o, "value")
			}
		})
		return value
	}
	return attr(n, "value")
}

func (a *answer) wantsFields(t *testing.T, want map[string]string) {
	t.Helper()
	for id, value := range want {
		if got := a.holds(id); got != value {
			t.Errorf("%s holds %q, want %q", id, got, value)
		}
	}
}

func TestPolicyPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	if !b.signIn("ana").link("/team/policy") {
		t.Error("the menu has no Policy")
	}
	b.get("/team/policy").wants(t, 200, "/team/policy", w.says("pol.risk"))
	b.page.wantsFields(t, map[string]string{
		"session_idle": "1", "session_idle_unit": "hours", "session_absolute": "1", "session_absolute_unit": "days",
		"remember_devices": "0", "remember_devices_unit": "days", "return_hosts": "",
	})
	current := b.page.find(func(n *html.Node) bool { return attr(n, "aria-current") == "page" })
	if attr(current, "href") != "/team/policy" || strings.Count(b.page.body, `aria-current="true"`) != 1 { // and the language
		t.Errorf("the menu is at %q", attr(current, "href"))
	}
	old := b.page
	b.send("/team/policy", "session_idle", " 90 ", "session_idle_unit", "minutes", "remember_devices", "14", "return_hosts", "Wiki.example.com\r\n\r\nb.example.com:8443\r\n").
		wants(t, 200, "/team/policy", w.says("pol.saved"))
	b.page.wantsFields(t, map[string]string{
		"session_idle": "90", "session_idle_unit": "minutes", "remember_devices": "14", "return_hosts": "b.example.com:8443 wiki.example.com",
	})

	// Whoever saved meanwhile is not overwritten: the page shows what holds now.
	b.page = old
	b.send("/team/policy", "session_idle", "5").wants(t, 409, "/team/policy", w.says("refusal.policy-changed"))
	b.page.wantsFields(t, map[string]string{"session_idle": "90", "session_idle_unit": "minutes"})
	b.send("/team/policy", "session_idle", "5", "session_idle_unit", "hours").wants(t, 200, "/team/policy", w.says("pol.saved"))
	b.page.wantsFields(t, map[string]string{"session_idle": "5", "session_idle_unit": "hours", "remember_devices": "14"})
}

// What is refused says why, all at once, and keeps what was typed.
func TestPolicyRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	b.get("/team/policy")
	hosts := "wiki.example.com\nhttps://<b>evil</b>"
	b.send("/team/policy", "session_idle", "3", "session_idle_unit", "minutes", "session_absolute", "40", "remember_devices", "some", "return_hosts", hosts).
		wants(t, 422, "/team/policy", w.says("refusal.host-invalid", words.Args{"host": "https://<b>evil</b>"}))
	for _, text := range []string{w.says("pol.idle") + ": Choose a time from 5 minutes to 1 day", "15 minutes to 30 days", "1 day to 30 days"} {
		if !strings.Contains(b.page.problem(), text) {
			t.Errorf("the summary does not say %q: %s", text, b.page.problem())
		}
	}
	b.page.wantsFields(t, map[string]string{
		"session_idle": "3", "session_idle_unit": "minutes", "session_absolute": "40", "session_absolute_unit": "days",
		"remember_devices": "some", "return_hosts": strings.ReplaceAll(hosts, "\n", " "),
	})
	if attr(b.page.byID("session_idle").Node, "aria-invalid") != "true" || b.page.byID("session_idle-error").Node == nil {
		t.Error("the field itself says nothing")
	}
	for _, typed := range []string{"", "-1", "1.5", "1e3", "99999999999999999999", "1000000", "0"} {
		if got := b.send("/team/policy", "session_idle", typed, "session_idle_unit", "days", "session_absolute", "1", "remember_devices", "0", "return_hosts", ""); got.status != 422 {
			t.Errorf("%q: %d", typed, got.status)
		}
	}
	b.send("/team/policy", "session_idle", "1", "session_idle_unit", "weeks").wants(t, 422, "/team/policy", "5 minutes to 1 day")
	// Longer than the whole session: said in the unit that leaves nothing over.
	b.send("/team/policy", "session_idle", "10", "session_idle_unit", "hours", "session_absolute", "90", "session_absolute_unit", "minutes").
		wants(t, 422, "/team/policy", "5 minutes to 90 minutes")
	if n := strings.Count(b.page.problem(), w.says("refusal.out-of-range", words.Args{"min": "5 minutes", "max": "90 minutes"})); n != 1 {
		t.Errorf("it is said %d times: %s", n, b.page.problem())
	}
	b.send("/team/policy", "session_idle", "30", "session_idle_unit", "hours", "session_absolute", "1", "session_absolute_unit", "days")
	if n := strings.Count(b.page.problem(), "Choose"); n != 1 {
		t.Errorf("one field, %d sentences: %s", n, b.page.problem())
	}
	b.get("/team/policy").wants(t, 200, "/team/policy", w.says("pol.what"))
	b.page.wantsFields(t, map[string]string{"session_idle": "1", "session_idle_unit": "hours", "return_hosts": ""})
}

// A unit that the page does not offer was set by the API: nothing is rounded.
func TestPolicyOfOddTimes(t *testing.T) {
	for _, x := range []struct {
		lasts  time.Duration
		n      int
		unit   string
		choice string
	}{
		{0, 0, "days", "days"}, {48 * time.Hour, 2, "days", "days"}, {36 * time.Hour, 36, "hours", "hours days"}, {25*time.Hour + time.Minute, 1501, "minutes", "minutes days"},
	} {
		n, unit, choice := asTyped(x.lasts, []string{"days"})
		if n != x.n || unit != x.unit || strings.Join(choice, " ") != x.choice {
			t.Errorf("%s: %d %s of %v", x.lasts, n, unit, choice)
		}
	}
	w := newWorld(t)
	w.remembers(36 * time.Hour)
	b := w.browser()
	b.signIn("ana")
	b.get("/team/policy").wantsFields(t, map[string]string{"remember_devices": "36", "remember_devices_unit": "hours"})
	b.send("/team/policy", "session_idle", "2").wants(t, 200, "/team/policy", w.says("pol.saved"))
	b.page.wantsFields(t, map[string]string{"remember_devices": "36", "remember_devices_unit": "hours", "session_idle": "2"})
}

// Saving asks for a step-up, and what was typed is there again after it: also what
// was emptied, and the version that the form showed.
func TestPolicyStepUp(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	b.signIn("ana")
	b.get("/team/policy")
	b.send("/team/policy", "return_hosts", "wiki.example.com")
	b.get("/team/policy")
	w.clock.pass(11 * time.Minute)
	b.send("/team/policy", "session_idle", "45", "session_idle_unit", "minutes", "return_hosts", "").wants(t, 403, "/team/policy", w.says("up.for.policy"))
	if !b.page.link("/team/policy") {
		t.Error("Cancel does not lead back to the policy")
	}
	b.send("/me/confirm", "password", "not the password", "code", "123456").wants(t, 422, "/me/confirm", w.says("refusal.wrong-password"))
	b.send("/me/confirm", "password", testPassword, "code", w.code(w.people["ana"])).wants(t, 200, "/team/policy", w.says("nav.policy"))
	b.page.wantsFields(t, map[string]string{"session_idle": "45", "session_idle_unit": "minutes", "return_hosts": ""})

	form := b.page
	other.signIn("ana")
	other.get("/team/policy")
	other.send("/team/policy", "session_idle", "3")
	b.page = form
	b.send("/team/policy").wants(t, 409, "/team/policy", w.says("refusal.policy-changed"))
	b.page.wantsFields(t, map[string]string{"session_idle": "3", "return_hosts": "wiki.example.com"})

	// The most hosts there may be, of a usual length, survive a step-up; a text that
	// is too long for it is not cut, which would be saved as all of it.
	var hosts []string
	for i := range core.ReturnHostsMost {
		hosts = append(hosts, fmt.Sprintf("application-%02d.intranet.example.com", i))
	}
	for i, x := range []struct{ typed, kept string }{
		{strings.Join(hosts, "\r\n"), strings.Join(hosts, " ")},
		{strings.Repeat("x", carriedRoom), "wiki.example.com"},
	} {
		w.clock.pass(11 * time.Minute)
		b.get("/team/policy")
		b.send("/team/policy", "session_absolute", "2", "return_hosts", x.typed)
		b.send("/me/confirm", "password", testPassword, "code", w.code(w.people["ana"])).wants(t, 200, "/team/policy", w.says("nav.policy"))
		b.page.wantsFields(t, map[string]string{"session_absolute": "2", "return_hosts": x.kept})
		if said := b.page.news() == w.says("up.toolong"); said != (i == 1) {
			t.Errorf("case %d: the page says %q", i, b.page.news())
		}
	}
}

// Who cannot change it reads it, and is told why.
func TestPolicyIsRead(t *testing.T) {
	w := newWorld(t)
	w.remembers(month)
	bruno, code, ana, carla := w.browser(), w.browser(), w.browser(), w.browser()
	bruno.signIn("bruno")
	code.signInWithPaper("ana")
	for b, why := range map[*browser]string{bruno: w.says("pol.owneronly"), code: w.says("refusal.recovery-session")} {
		b.get("/team/policy").wants(t, 200, "/team/policy", why)
		for _, text := range []string{w.says("pol.idle"), "1 hour", "1 day", "30 days", w.says("pol.risk"), w.says("pol.hosts.none")} {
			if !strings.Contains(b.page.text(), text) {
				t.Errorf("the page does not say %q", text)
			}
		}
		if strings.Contains(b.page.body, `action="/team/policy"`) {
			t.Error("there is a form")
		}
		if got := b.post("/team/policy", formOf(b, "session_idle", "2", "session_idle_unit", "hours")); got.status != 403 {
			t.Errorf("sent all the same: %d", got.status)
		}
	}
	bruno.page.wants(t, 403, "/team/policy", w.says("refusal.owner-only"))
	carla.signIn("carla")
	carla.get("/team/policy").wants(t, 403, "/team/policy", w.says("refusal.admin-only"))
	if carla.get("/").link("/team/policy") {
		t.Error("the menu of a member has Policy")
	}
	w.restart("ana")
	ana.signIn("ana")
	ana.activate("ana")
	ana.get("/team/policy").wants(t, 200, "/team/policy", "13 May 2026")
	ana.post("/team/policy", formOf(ana, "session_idle", "2", "session_idle_unit", "hours")).wants(t, 403, "/team/policy", "13 May 2026")
	bruno.get("/team/policy").wants(t, 200, "/team/policy", "1 hour")
}

// A shorter time holds at once.
func TestPolicyHoldsAtOnce(t *testing.T) {
	w := newWorld(t)
	ana, carla := w.browser(), w.browser()
	ana.signIn("ana")
	carla.signIn("carla")
	ana.get("/team/policy")
	ana.send("/team/policy", "session_idle", "10", "session_idle_unit", "minutes")
	w.clock.pass(10 * time.Minute)
	carla.get("/me").wants(t, 200, "/sign-in", w.says("ended.idle"))
}

// Look at the effect says the numbers, keeps what was typed and saves nothing.
func TestPolicyEffectPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	b.get("/team/policy").wants(t, 200, "/team/policy", w.says("pol.look"))
	b.page.wantsFields(t, map[string]string{
		"two_step_required": "yes", "grace": "7", "grace_unit": "days", "activation_window": "3", "activation_window_unit": "days", "containment": "1",
		"containment_unit": "days", "pass_for": "owners_and_admins", "second_approver": "no", "restarts_per_hour": "5", "deactivation_allowed": "yes",
	})
	for _, text := range []string{"Default: Yes.", "Default: 7 days.", "From 1 day to 30 days", "Default: Owners and admins.", "Default: 5.", "From 1 to 100."} {
		if !strings.Contains(b.page.text(), text) {
			t.Errorf("beside the settings there is no %q", text)
		}
	}
	form := b.page
	look := func(fields ...string) *answer {
		t.Helper()
		form := b.page.find(func(n *html.Node) bool { return n.Data == "form" && attr(n, "action") == "/team/policy" })
		return b.post("/team/policy/effect", filled(form, fields...))
	}
	look("two_step_required", "no", "deactivation_allowed", "no", "restarts_per_hour", "9").
		wants(t, 200, "/team/policy/effect", w.says("pol.effect.unsaved"))
	for _, text := range []string{
		"people no longer have to activate", "people can no longer deactivate", w.says("pol.effect.weaker", words.Args{"setting": w.says("pol.required")}), w.says("pol.weaker"),
	} {
		if !strings.Contains(b.page.text(), text) {
			t.Errorf("the effect does not say %q: %s", text, b.page.news())
		}
	}
	b.page.wantsFields(t, map[string]string{"two_step_required": "no", "restarts_per_hour": "9", "deactivation_allowed": "no", "grace": "7"})
	b.send("/team/policy").wants(t, 200, "/team/policy", w.says("pol.saved"))
	b.page.wantsFields(t, map[string]string{"two_step_required": "no", "restarts_per_hour": "9", "deactivation_allowed": "no"})
	look().wants(t, 200, "/team/policy/effect", w.says("pol.effect.same"))
	look("pass_for", "everybody").wants(t, 200, "/team/policy/effect", w.says("pol.effect.nobody"))
	look("restarts_per_hour", "many").wants(t, 422, "/team/policy/effect", w.says("refusal.number-out-of-range", words.Args{"min": 1, "max": 100}))
	b.page.wantsFields(t, map[string]string{"restarts_per_hour": "many"})

	// Whoever saved meanwhile is seen before anything is counted.
	b.page = form
	look("grace", "1").wants(t, 409, "/team/policy/effect", w.says("refusal.policy-changed"))
	b.page.wantsFields(t, map[string]string{"two_step_required": "no", "grace": "7"})

	// Threat mode, as the person's page says it.
	carla := w.browser()
	carla.signIn("carla")
	carla.get("/me/two-step/deactivate").wants(t, 200, "/me/two-step/deactivate", w.says("refusal.deactivation-paused"))
	if strings.Contains(carla.page.body, `action="/me/two-step/deactivate"`) {
		t.Error("there is a form")
	}
	carla.post("/me/two-step/deactivate", formOf(carla, "code", "123456")).wants(t, 403, "/me/two-step/deactivate", w.says("refusal.deactivation-paused"))
}
