package web

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// people goes through the pages that change who is in the team.
func (tr *tour) people() {
	w := tr.world(worldOptions{})
	b, bruno := tr.browser(w), tr.browser(w)
	b.signIn("ana")
	bruno.signIn("bruno")
	carla, farid := "/team/users/"+w.people["carla"].id, "/team/users/"+w.people["farid"].id
	for _, act := range []string{"role", "rename", "suspend", "remove"} {
		tr.at("user-"+act, b.get(carla+"/"+act))
		tr.at("user-"+act+"-rank", bruno.get("/team/users/"+w.people["ana"].id+"/"+act))
	}
	tr.at("user-role-refused", b.post(carla+"/role", formOfPage(b.get(carla+"/role"), "role", "king")))
	tr.at("user-rename-refused", b.post(carla+"/rename", formOfPage(b.get(carla+"/rename"), "name", " ")))
	b.get(carla + "/rename")
	tr.at("user-renamed", b.send(carla+"/rename", "name", "Carla <b>Núñez</b>"))
	b.get(carla + "/suspend")
	tr.at("user-suspended-now", b.send(carla+"/suspend"))
	tr.at("user-bringback", b.get(carla+"/bringback"))
	tr.at("user-back", b.send(carla+"/bringback"))
	b.get(carla + "/role")
	tr.at("user-role-changed", b.send(carla+"/role", "role", "admin"))
	own := "/team/users/" + w.people["ana"].id + "/role"
	tr.at("user-role-last-owner", b.get(own))

	tr.at("invite", b.get("/team/invite"))
	tr.at("invite-empty", b.send("/team/invite"))
	tr.at("invite-some", b.send("/team/invite", "emails", "nora@example.com, <b>\ncarla@example.com\nfarid@example.com", "role", "member"))
	tr.at("invite-links", b.send("/team/invite", "emails", "gil@example.com", "name", "Gil"))
	tr.at("invite-admin", bruno.get("/team/invite"))
	w.clock.pass(11 * time.Minute)
	b.get("/team/invite")
	tr.at("confirm-invite", b.send("/team/invite", "emails", "hal@example.com", "role", "owner"))
	tr.at("invite-again-typed", b.send("/me/confirm", "password", testPassword, "code", w.code(w.people["ana"])))
	b.get(farid)
	tr.at("user-invited-again", b.send(farid+"/invite-again"))
	tr.at("user-invited-canceled", b.send(farid+"/cancel-invitation"))

	tr.at("import", b.get("/team/import"))
	tr.at("import-empty", b.send("/team/import"))
	tr.at("import-look", b.send("/team/import", "text", "email;name;role\nivo@example.com;Ivo;member\n<i>;x;\nkim@example.com;;king\n"))
	look := b.page.at.Path
	tr.at("import-bad", b.send(look))
	tr.at("import-done", b.send(look, "leave_out_bad", "true"))
	tr.at("import-receipt", b.get(look))
	b.get("/team/import")
	tr.at("import-nobody", b.send("/team/import", "text", "email\nx\n"))
	look = b.page.at.Path
	w.clock.pass(59 * time.Minute)
	b.signIn("ana")
	w.clock.pass(time.Minute)
	tr.at("import-over", b.get(look))
	tr.at("team-two-step-waiting", b.get("/team?two_step=waiting"))
	tr.at("team-one-code", b.get("/team?recovery_codes_left=1"))
	tr.at("team-codes-refused", b.get("/team?recovery_codes_left=some"))
}

func formOfPage(page *answer, fields ...string) url.Values {
	return filled(page.find(func(n *html.Node) bool {
		return n.Data == "form" && attr(n, "method") == "post" && attr(n, "action") != "/sign-out"
	}), fields...)
}

// Invited in the pages, handed over, joined, looked after, removed.
func TestInviteToRemove(t *testing.T) {
	w := makeWorld(t, worldOptions{noMail: true})
	ana := w.browser()
	ana.signIn("ana")
	ana.get("/team/invite")
	page := ana.send("/team/invite", "emails", "nora@example.com; bad\ncarla@example.com", "role", "member")
	page.wants(t, 422, "/team/invite", w.says("inv.made", words.Args{"n": 1}))
	page.wants(t, 422, "/team/invite", w.says("inv.bad", words.Args{"email": "bad"}))
	page.wants(t, 422, "/team/invite", w.says("inv.already", words.Args{"email": "carla@example.com"}))
	if left := textOf(page.byID("emails").Node); left != "bad\ncarla@example.com" {
		t.Errorf("%q is left in the field", left)
	}
	link := page.find(func(n *html.Node) bool { return n.Data == "code" && strings.HasPrefix(attr(n, "id"), "link-") })
	if link == nil {
		t.Fatal("no link to hand over")
	}
	nora := w.browser()
	nora.get(strings.TrimPrefix(textOf(link), w.server.URL)).wants(t, 200, "/set-password/form", w.says("welcome.title", words.Args{"team": "Northwind"}))
	nora.send("/set-password/form", "name", " ", "password", testPassword).wants(t, 422, "/set-password/form", w.says("refusal.name-missing"))
	nora.send("/set-password/form", "name", "nora", "password", testPassword).wants(t, 200, "/sign-in", w.says("welcome.done"))
	nora.send("/sign-in", "email", "nora@example.com", "password", testPassword).wants(t, 200, "/", w.says("home.title", words.Args{"name": "nora"}))

	list := ana.get("/team?q=nora")
	row := list.find(func(n *html.Node) bool { return n.Data == "a" && attr(n, "class") == "row-link" })
	at := attr(row, "href")
	ana.get(at + "/rename")
	ana.send(at+"/rename", "name", "Nora Diaz").wants(t, 200, at, w.says("user.rename.done", words.Args{"name": "Nora Diaz"}))
	ana.get(at + "/role")
	ana.send(at+"/role", "role", "admin").wants(t, 200, at, w.says("user.role.done", words.Args{"name": "Nora Diaz", "role": w.says("role.admin")}))
	nora.get("/").wants(t, 200, "/sign-in", "")
	ana.get(at + "/suspend")
	ana.send(at+"/suspend").wants(t, 200, at, w.says("user.suspend.done", words.Args{"name": "Nora Diaz"}))
	ana.get(at+"/suspend").wants(t, 200, at, "") // she is so already
	if list := items(ana.page, "options"); !strings.Contains(list, w.says("team.bringback")) || strings.Contains(list, w.says("team.suspend")) {
		t.Errorf("the menu: %s", list)
	}
	ana.get(at + "/bringback")
	ana.send(at+"/bringback").wants(t, 200, at, w.says("user.bringback.done", words.Args{"name": "Nora Diaz"}))
	ana.get(at + "/remove")
	ana.send(at+"/remove").wants(t, 200, "/team", w.says("user.remove.done", words.Args{"name": "Nora Diaz"}))
	ana.get(at).wants(t, 404, at, "")
}

// The items of the menu stand in one order, and say why not.
func TestPeopleInMenus(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("bruno")
	b.get("/team")
	order := []string{"team.view", "team.role", "re.item", "team.suspend", "team.remove"}
	list, from := items(b.page, "actions-"+w.people["carla"].id), 0
	for _, key := range order {
		found := strings.Index(list[from:], w.says(key))
		if found < 0 {
			t.Fatalf("%s is not there, or not in its place: %s", key, list)
		}
		from += found
	}
	for who, why := range map[string][2]string{
		"carla": {"team.role", "no.rank"}, "ana": {"team.remove", "no.rank"}, "bruno": {"team.suspend", "no.self"}, "farid": {"team.suspend", "no.invited"},
	} {
		if list := items(b.page, "actions-"+w.people[who].id); !strings.Contains(list, w.says(why[0])+" "+w.says(why[1])) {
			t.Errorf("%s: %s", who, list)
		}
	}
	ana := w.browser()
	ana.signIn("ana")
	ana.get("/team/users/" + w.people["ana"].id)
	if list := items(ana.page, "options"); !strings.Contains(list, w.says("team.role")+" "+w.says("no.lastowner")) {
		t.Errorf("the only owner: %s", list)
	}
}

// A file that a browser uploads, to the end; sent again it says the same.
func TestImportPage(t *testing.T) {
	w := makeWorld(t, worldOptions{noMail: true})
	b := w.browser()
	b.signIn("ana")
	b.get("/team/import")
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, values := range formOfPage(b.page) {
		if name != "file" {
			_ = form.WriteField(name, values[0])
		}
	}
	part, err := form.CreateFormFile("file", "people.csv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(part, "email;name;role\r\nnora@example.com;N\xfa\xf1ez;member\r\nbad;;\r\n")
	form.Close()
	r, err := http.NewRequest(http.MethodPost, w.server.URL+"/team/import", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	page := b.do(r)
	look := page.at.Path
	for _, said := range []string{w.says("csv.ready", words.Args{"n": 1}), w.says("csv.guessed"), "Núñez", w.says("csv.line", words.Args{"n": 3}), w.says("inv.bad", words.Args{"email": "bad"})} {
		page.wants(t, 200, look, said)
	}
	b.send(look).wants(t, 409, look, w.says("refusal.import-has-bad-lines", words.Args{"n": 1}))
	b.send(look, "leave_out_bad", "true").wants(t, 200, look, w.says("inv.made", words.Args{"n": 1}))
	if b.page.find(func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "link-") }) == nil {
		t.Error("no link to hand over")
	}
	b.get(look).wants(t, 200, look, w.says("csv.wereleftout", words.Args{"n": 1}))
	if b.page.find(func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "link-") }) != nil {
		t.Error("the link is shown twice")
	}
	if got := b.get(look + "/left-out"); got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") || !strings.Contains(got.body, "bad,,,") {
		t.Errorf("left out: %d %v %q", got.status, got.header, got.body)
	}
	if got := b.get("/team/import-example"); !strings.HasPrefix(got.body, "email,name,role\n") {
		t.Errorf("the example: %q", got.body)
	}
}

// The list as a file has who the filters let through, and no formula.
//
// ASVS 1.2.10, ASVS 5.4.1, ASVS 5.4.2
func TestExportPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	w.add("hal@example.com", "=HYPERLINK(1)", core.RoleMember, "")
	b.get("/team?role=member")
	link := b.page.find(func(n *html.Node) bool { return n.Data == "a" && strings.HasPrefix(attr(n, "href"), "/team/export") })
	got := b.get(attr(link, "href"))
	if !strings.Contains(got.header.Get("Content-Disposition"), `attachment; filename="people-2026-`) || !strings.Contains(got.body, "'=HYPERLINK(1)") || strings.Contains(got.body, "Ana Souza") || strings.Count(got.body, "\n") != 6 {
		t.Errorf("%v\n%s", got.header, got.body)
	}
	carla := w.browser()
	carla.signIn("carla")
	carla.get("/team/export").wants(t, 403, "/team/export", w.says("refusal.admin-only.title"))
}

// The panel names who is a single point of failure, and its numbers lead to the people.
func TestReadinessPanel(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	b.get("/team").wants(t, 200, "/team", w.says("ready.single", words.Args{"name": "Ana Souza"}))
	for range 9 {
		w.browser().signInWithPaper("carla")
	}
	b.get("/team").wants(t, 200, "/team", w.says("ready.onecode", words.Args{"n": 1}))
	b.get("/team?recovery_codes_left=1").wants(t, 200, "/team", "Carla Nguyen")
	if strings.Contains(b.page.text(), "Dmitri") || strings.Contains(b.page.text(), w.says("ready.title")) {
		t.Error("the filter lets others through, or the panel stands there too")
	}
}
