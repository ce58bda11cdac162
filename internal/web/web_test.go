package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// ASVS 5.3.2
func TestAssets(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.get("/sign-in")
	addresses := []string{}
	for _, n := range append(page.all("link"), page.all("script")...) {
		addresses = append(addresses, attr(n, "href")+attr(n, "src"))
	}
	if len(addresses) != 3 {
		t.Errorf("assets of a page: %v", addresses)
	}
	for _, address := range addresses {
		a := b.get(address)
		if a.status != 200 || !strings.Contains(a.header.Get("Cache-Control"), "immutable") || a.header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", address, a.status, a.header)
		}
		if a := b.get(strings.Split(address, "?")[0]); strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s without its hash may be kept for good", address)
		}
		unchanged := b.request(http.MethodGet, address, nil, func(r *http.Request) { r.Header.Set("If-None-Match", a.header.Get("ETag")) })
		if unchanged.status != http.StatusNotModified {
			t.Errorf("%s again: %d", address, unchanged.status)
		}
	}
	if a := b.get("/favicon.ico"); a.header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("favicon: %v", a.header)
	}
	for _, path := range []string{"/assets/icons.html", "/assets/COMPONENTS.md", "/assets/x"} {
		if a := b.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// A template that is broken, or says what the catalog lacks, stops the start.
func TestBrokenTemplatesStopTheStart(t *testing.T) {
	w := newWorld(t)
	icons := fstest.MapFS{"icons.html": {Data: []byte(`{{define "icon-x"}}<svg></svg>{{end}}`)}}
	for text, wants := range map[string]string{
		`{{define "a"}}{{if}}{{end}}`:                               "missing value",
		`{{define "a"}}{{say "no.such.key"}}{{end}}`:                "no.such.key",
		`{{define "a"}}{{if .X}}{{say "no.such"}}{{end}}{{end}}`:    "no.such",
		`{{define "a"}}<p title="{{say "no.such"}}">{{end}}`:        "no.such",
		`{{define "a"}}{{with (say "no.such")}}{{.}}{{end}}{{end}}`: "no.such",
	} {
		_, err := w.web.readTemplates(fstest.MapFS{"templates/a.html": {Data: []byte(text)}}, icons)
		if err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The numbers of hints are those of core's refusals; the example of a recovery
// code has a typo, so that trying it costs nothing.
func TestHintsAreTrue(t *testing.T) {
	w := newWorld(t)
	_, link := w.add("gwen@example.com", "Gwen", core.RoleMember, "")
	b := w.browser()
	b.get(link)
	b.send("/set-password/form", "password", "short").wants(t, 422, "/set-password/form", w.says("setpw.short", words.Args{"n": core.PasswordShortest}))
	b.signIn("ana")
	path := "/team/users/" + w.people["carla"].id + "/restart"
	b.get(path)
	b.send(path, "reason", strings.Repeat("a", core.ReasonLongest+1), "verified_by", "other").wants(t, 422, path, w.says("re.reasonlong", words.Args{"n": core.ReasonLongest}))
	c := w.browser()
	c.get("/sign-in")
	if page := c.send("/sign-in", "email", "carla@example.com", "password", testPassword); !strings.Contains(page.text(), exampleCode) {
		t.Error("the page shows another example")
	}
	c.send("/sign-in/second-step", "code", exampleCode).wants(t, 422, "/sign-in/second-step", w.says("rec.typo"))
}

// The demo's pages stand in our frame, in the reader's language.
func TestFrame(t *testing.T) {
	w := makeWorld(t, worldOptions{demo: true})
	old := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/demo/inbox" {
			old.ServeHTTP(rw, r)
			return
		}
		w.web.Frame(rw, r, 200, w.web.Language(r).Say("demo.inbox"), "<h1>"+"Inbox"+"</h1>")
	})
	b := w.browser()
	b.signIn("ana")
	b.get("/demo/inbox?a=b")
	page := b.speaks("es")
	if page.at.RawQuery != "a=b" || !strings.HasPrefix(page.title(), "Buzón") || page.class("nav").Node == nil || page.class("demo-banner").Node == nil {
		t.Errorf("%s %s", page.at, page.text())
	}
	w.restart("carla")
	c := w.browser()
	scan := c.signIn("carla").find(func(n *html.Node) bool { return attr(n, "action") == "/demo/phone/scan" })
	if scan == nil || !strings.HasPrefix(attr(findIn(scan, "uri"), "value"), "otpauth://totp/") {
		t.Error("no button for the demo phone")
	}
	if strings.Contains(newWorld(t).browser().get("/sign-in").body, "/demo/") {
		t.Error("the demo shows outside of the demo")
	}
}

// Every route says what it needs, and stands in the table once.
func TestRoutesAreClassified(t *testing.T) {
	w := newWorld(t)
	if len(w.web.Routes()) < 30 {
		t.Errorf("%d routes", len(w.web.Routes()))
	}
	var paths []string
	for _, r := range w.web.Routes() {
		if r.Needs == "" || r.Handler == nil {
			t.Errorf("%s", r)
		}
		paths = append(paths, r.Method+" "+r.Path)
	}
	if slices.Sort(paths); len(slices.Compact(paths)) != len(w.web.Routes()) {
		t.Error("a route twice")
	}
}
