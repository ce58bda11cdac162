package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doorstep/internal/words"
)

// An owner tries a restart up to its last button, which is not there.
func TestTryingARestart(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	b.get("/").wants(t, 200, "/", w.says("home.begin.try"))
	path := "/team/users/" + w.people["carla"].id + "/restart?try=1"
	if !strings.Contains(b.page.body, `href="`+path+`"`) {
		t.Fatalf("no way to try it:\n%s", b.page.text())
	}
	page := b.get(path)
	page.wants(t, 200, "/team/users/"+w.people["carla"].id+"/restart", w.says("re.look.seen"))
	if strings.Contains(page.body, `action="/team/users/`) || !strings.Contains(page.text(), w.says("re.verified")) {
		t.Errorf("the try can do it, or shows too little:\n%s", page.text())
	}
	b.send("/put-away").wants(t, 200, "/", w.says("home.away.try"))
	if strings.Contains(b.page.body, "?try=1") {
		t.Error("it is still to be tried")
	}
	c := w.browser()
	c.signIn("carla") // with the same app
}

// What is put away by a member is gone from their page alone.
func TestHomeOfAMember(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	b.get("/").wants(t, 200, "/", w.says("home.safe"))
	if strings.Contains(b.page.text(), w.says("home.begin")) || !strings.Contains(b.page.body, `href="/me/sessions"`) {
		t.Errorf("%s", b.page.text())
	}
}

// The checks of the set-up say what the process found, and stop nobody.
func TestSetupChecks(t *testing.T) {
	w := makeWorld(t, worldOptions{empty: true})
	look := func() *answer {
		t.Helper()
		link, err := w.core.MakeSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return w.browser().get("/setup/" + link.Token)
	}
	page := look()
	for _, key := range []string{"setup.local", "setup.backup", "setup.nostop"} {
		page.wants(t, 200, "/setup", w.says(key))
	}
	if !strings.Contains(page.body, `data-clock="`) || !strings.Contains(page.body, `data-clock-is="wrong" hidden`) {
		t.Error("without the module the page claims to know the browser's clock")
	}
	w.web.place = Place{Data: "/var/lib/doorstep", Keys: "/etc/doorstep"}
	page = look()
	page.wants(t, 200, "/setup", w.says("setup.data", words.Args{"path": "/var/lib/doorstep"}))
	page.wants(t, 200, "/setup", w.says("setup.keysapart"))
	w.web.place = Place{Data: "/tmp/data", Keys: "/tmp/keys", Passing: true, KeysOpen: true}
	page = look()
	page.wants(t, 200, "/setup", w.says("setup.passing"))
	page.wants(t, 200, "/setup", w.says("setup.keysopen"))
	for address, key := range map[string]string{"http://id.example.com": "setup.http", "https://id.example.com": "setup.https", "https://192.0.2.7": "setup.number"} {
		v := &visit{web: &Web{url: parsed(t, address)}, core: w.core, words: w.web.words.In(words.English)}
		if c := v.checkScheme(); c.Text != w.says(key) || c.Look != (key != "setup.https") {
			t.Errorf("%s: %+v", address, c)
		}
	}
}

// Before the storage has answered once the server is starting; the page tries again.
func TestStarting(t *testing.T) {
	w := makeWorld(t, worldOptions{empty: true})
	w.log.wanted = true
	if err := w.core.Close(); err != nil {
		t.Fatal(err)
	}
	a := w.browser().get("/sign-in")
	if a.status != http.StatusServiceUnavailable || a.header.Get("Refresh") == "" || a.header.Get("Retry-After") == "" || !strings.Contains(a.text(), w.says("setup.starting")) {
		t.Errorf("%d %v\n%s", a.status, a.header, a.text())
	}
}

func parsed(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
