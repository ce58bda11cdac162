package web

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"doorstep/internal/core"
)

// TestFieldsAsManagersReadThem: what a field takes, in the words that browsers and
// password managers know; whom a new password is for; and nothing asked twice.
func TestFieldsAsManagersReadThem(t *testing.T) {
	w := newWorld(t)
	w.remembers(month)
	b, newcomer := w.browser(), w.browser()
	_, link := w.add("gwen@example.com", "Gwen", core.RoleMember, "")
	field := func(page *answer, name string, want map[string]string, never ...string) {
		t.Helper()
		n := page.find(func(n *html.Node) bool { return n.Data == "input" && attr(n, "name") == name })
		if n == nil {
			t.Errorf("%s has no field %s", page.at, name)
			return
		}
		for k, v := range want {
			if attr(n, k) != v {
				t.Errorf("%s at %s: %s is %q, not %q", name, page.at, k, attr(n, k), v)
			}
		}
		for _, k := range append(never, "maxlength", "pattern", "onpaste") {
			if has(n, k) {
				t.Errorf("%s at %s has %s", name, page.at, k)
			}
		}
	}
	page := b.get("/sign-in")
	field(page, "email", map[string]string{"autocomplete": "username", "spellcheck": "false", "autocapitalize": "none"})
	field(page, "password", map[string]string{"autocomplete": "current-password", "type": "password"})
	page = b.password("carla")
	code := map[string]string{"type": "text", "inputmode": "numeric", "autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
	field(page, "code", code)
	field(page, "remember", map[string]string{"type": "checkbox"}, "checked")
	field(page, "username", map[string]string{"autocomplete": "username", "value": "carla@example.com", "tabindex": "-1"})
	// Both ways on stand in the open, after the field, and letters on the keyboard are a link.
	var order []string
	each(page.doc, func(n *html.Node) {
		switch {
		case n.Data == "details":
			t.Error("something of the second step is folded away")
		case attr(n, "name") == "code":
			order = append(order, "code")
		case n.Data == "h2":
			order = append(order, node{n}.text())
		case n.Data == "a" && strings.HasPrefix(attr(n, "href"), "/sign-in/ask"):
			order = append(order, "ask")
		}
	})
	if got, want := strings.Join(order, ", "), "code, "+w.says("step.nophone")+", ask"; got != want {
		t.Errorf("the second step reads %s, not %s", got, want)
	}
	if letters := page.find(func(n *html.Node) bool { return attr(n, "data-keyboard") == "code" }); letters == nil || attr(letters.Parent, "class") != "coarse-only" {
		t.Error("no link for letters, on touch screens alone")
	}
	code["inputmode"] = "text"
	field(b.get("/sign-in/second-step?keyboard=letters"), "code", code)

	owner := w.browser()
	owner.signIn("ana")
	for _, page := range []*answer{newcomer.get(link), owner.get("/me/password")} {
		field(page, "password", map[string]string{"autocomplete": "new-password", "type": "password"})
		passwords := 0
		for _, n := range page.all("input") {
			if attr(n, "type") == "password" {
				passwords++
			}
		}
		if passwords != 1 {
			t.Errorf("%s asks %d times for the password", page.at, passwords)
		}
	}
	field(owner.page, "username", map[string]string{"autocomplete": "username", "value": "ana@example.com"})

	// The table of people keeps what it is where it is drawn as cards.
	team := owner.get("/team")
	for tag, role := range map[string]string{"table": "table", "tr": "row", "td": "cell"} {
		for _, n := range team.all(tag) {
			if attr(n, "role") != role {
				t.Errorf("<%s> is no %s", tag, role)
			}
		}
	}
	for _, n := range team.all("th") {
		if attr(n, "scope") == "" {
			t.Errorf("the heading %q is of nothing", node{n}.text())
		}
	}
	if len(team.all("caption")) != 1 {
		t.Error("the table has no caption")
	}
}
