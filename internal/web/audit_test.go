package web

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

func TestAuditPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	if !b.signIn("ana").link("/team/audit") {
		t.Error("the menu has no audit log")
	}
	b.get("/team/policy")
	b.send("/team/policy", "two_step_required", "no", "grace", "0", "session_idle", "30", "session_idle_unit", "minutes", "pass_for", "everybody")
	w.restart("carla")
	b.get("/team/audit?event=policy.changed").wants(t, 200, "/team/audit", "changed the policy.")
	for _, text := range []string{
		w.says("audit.change", words.Args{"before": "Yes", "after": "No"}), w.says("audit.change", words.Args{"before": "7 days", "after": "None"}),
		w.says("audit.change", words.Args{"before": "1 hour", "after": "30 minutes"}), w.says("audit.change", words.Args{"before": "Owners and admins", "after": "Everybody"}),
		w.says("audit.weighty"), "policy.changed",
	} {
		if !strings.Contains(b.page.text(), text) {
			t.Errorf("the page does not say %q: %s", text, b.page.text())
		}
	}
	b.page.wantsFields(t, map[string]string{"event": "policy.changed", "q": "", "from": ""})

	// The permalink, and everything by and to the same people.
	b.get("/team/audit?target=carla&event=two_step.restarted")
	link := b.page.find(func(n *html.Node) bool { return strings.HasPrefix(attr(n, "href"), "/team/audit/0") })
	if link == nil {
		t.Fatal("no permalink")
	}
	b.get(attr(link, "href")).wants(t, 200, attr(link, "href"), w.says("audit.allto", words.Args{"name": w.people["carla"].name}))
	if !b.page.link("/team/audit?target=" + w.people["carla"].id) {
		t.Error("no way to the rest about Carla")
	}
	b.get("/team/audit/none").wants(t, 404, "/team/audit/none", w.says("err.notfound"))

	// What is wrong is said at its field, with what was typed.
	b.get("/team/audit?from=then&q=carla").wants(t, 422, "/team/audit", w.says("refusal.date-invalid"))
	b.page.wantsFields(t, map[string]string{"from": "then", "q": "carla"})
	b.get("/team/audit?q=nobody-at-all").wants(t, 200, "/team/audit", w.says("audit.none"))
	b.get("/team/audit?cursor=none").wants(t, 400, "/team/audit", w.says("refusal.invalid-cursor"))
	b.get("/team/audit?event=later.made").wants(t, 200, "/team/audit", "later.made")

	// Pages, with the filters kept.
	for range 4 {
		w.browser().signIn("bruno")
		w.clock.pass(31 * time.Second)
	}
	b.get("/team/audit/export?format=csv&event=session.started").wants(t, 200, "/team/audit/export", "session.started")
	b.get("/team/audit/export?format=pdf").wants(t, 422, "/team/audit/export", w.says("refusal.invalid-field", words.Args{"field": "format"}))

	carla := w.browser()
	carla.signIn("bruno")
	carla.get("/team/audit").wants(t, 200, "/team/audit", "signed in.")
	for _, path := range []string{"/team/audit", "/team/audit/export?format=csv"} {
		dmitri := w.browser()
		dmitri.signIn("elena")
		dmitri.get(path).wants(t, 403, strings.Split(path, "?")[0], w.says("refusal.admin-only"))
	}
}

// T-XSS-1, of the audit log: what stands in an event is text.
//
// ASVS 1.2.1, T-XSS-1
func TestAuditPageEscapes(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	const evil = `<script>alert(1)</script>"'><img src=x>`
	id, _ := w.add("evil@example.com", evil, core.RoleMember, testPassword)
	b.get("/team/audit?q="+id).wants(t, 200, "/team/audit", evil)
	if strings.Contains(b.page.body, "<script>alert") || strings.Contains(b.page.body, "<img src=x") {
		t.Error("markup of a name is markup of the page")
	}
}
