package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/demo"
)

// browser fills in forms without a script, as somebody at the demo does.
type browser struct {
	t    *testing.T
	base string
	http *http.Client
	at   string // the path of the page
	page string
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	t.Cleanup(client.CloseIdleConnections)
	return &browser{t: t, base: base, http: client}
}

func (b *browser) took(res *http.Response, err error) *browser {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.at, b.page = res.Request.URL.Path, string(body)
	if res.StatusCode >= 500 || strings.Contains(b.page, "⟦") {
		b.t.Errorf("%s answers %d:\n%s", b.at, res.StatusCode, b.page)
	}
	return b
}

func (b *browser) open(path string) *browser {
	b.t.Helper()
	return b.took(b.http.Get(b.base + path))
}

// submit sends the page's form that goes to action, with its hidden fields.
func (b *browser) submit(action string, fields ...string) *browser {
	b.t.Helper()
	doc, err := html.Parse(strings.NewReader(b.page))
	if err != nil {
		b.t.Fatal(err)
	}
	values, found := url.Values{}, false
	for form := range doc.Descendants() {
		if form.Data != "form" || attr(form, "action") != action {
			continue
		}
		found = true
		for n := range form.Descendants() {
			if n.Data == "input" && attr(n, "type") == "hidden" {
				values.Set(attr(n, "name"), attr(n, "value"))
			}
		}
	}
	if !found {
		b.t.Fatalf("%s has no form to %s:\n%s", b.at, action, b.page)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return b.took(b.http.PostForm(b.base+action, values))
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (b *browser) shows(what string) string {
	b.t.Helper()
	m := regexp.MustCompile(what).FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("%s shows no %s:\n%s", b.at, what, b.page)
	}
	return m[len(m)-1]
}

func (b *browser) signIn(email string) *browser {
	b.t.Helper()
	return b.open("/sign-in").submit("/sign-in", "email", email, "password", demo.Password)
}

// startDemo runs the demo in a folder where it must leave nothing.
func startDemo(t *testing.T) *running {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	c := settings(t)
	c.Data, c.Keys = "", ""
	return start(t, c, func(ctx context.Context, o Options) error { return Demo(ctx, o, core.Console("test")) })
}

// The demo from its printout to its end: the four guided tasks can be done, the
// phone scans, letters arrive, and nothing is kept.
func TestDemo(t *testing.T) {
	s := startDemo(t)
	if !strings.Contains(s.out.String(), "  Inbox           "+s.base+"/demo/inbox\n") {
		t.Errorf("%s", s.out)
	}
	b := newBrowser(t, s.base)
	for _, path := range []string{"/demo", "/demo/inbox", "/demo/phone", "/demo/phone/paper", "/demo"} {
		b.open(path).shows("demo-banner")
	}
	for _, l := range []string{"es", "pt-BR", "en"} {
		b.submit("/language", "lang", l).shows(`<html lang="` + l + `"`)
	}
	// Each task is ticked off by what happened, not by a click on the list.
	done := func(n string) {
		t.Helper()
		if got := newBrowser(t, s.base).open("/demo").shows(`Done: (\d) of 4`); got != n {
			t.Errorf("%s tasks done, want %s", got, n)
		}
	}
	done("0")
	activateAsElena(t, s)
	done("1")
	recoverAsDmitri(t, s)
	done("2")
	ana := restartCarlaAsAna(t, s)
	done("3")
	newBrowser(t, s.base).open("/team/audit") // who may not read it has not read it
	done("3")
	ana.open("/team/audit").shows("Carla")
	done("4")
	ana.open("/demo/inbox").shows("You have done them all")
	ana.open("/demo/phone").shows("You have done them all")
	fresh := newBrowser(t, s.base).open("/demo/as/bruno")
	if fresh.at != "/sign-in" {
		t.Errorf("signing in as Bruno leads to %s", fresh.at)
	}
	fresh.shows(`value="bruno@demo\.example"`)
	if status, _ := s.get("/demo/as/nobody"); status != http.StatusNotFound {
		t.Errorf("/demo/as/nobody answers %d", status)
	}
	demoLetters(t, s)
	demoPhone(t, s)
	http.DefaultClient.CloseIdleConnections()
	s.ends()
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Errorf("the demo left %v, %v", left, err)
	}
}

func activateAsElena(t *testing.T, s *running) {
	t.Helper()
	b := newBrowser(t, s.base).signIn("elena@demo.example").open("/me/two-step/activate")
	b.submit("/demo/phone/scan")
	if b.at != "/me/two-step/activate" {
		t.Errorf("scanning leads to %s", b.at)
	}
	code := b.shows(`Scanned\. Now type the code (\d{6}) on the activation page\.`)
	b.submit("/me/two-step/activate", "code", code).shows(`<code>[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}</code>`)
	b.submit("/me/two-step/activate/finish", "saved", "true").shows("2-step authentication is active")
	b.open("/demo/phone").shows("Northwind: elena@demo.example")
}

func recoverAsDmitri(t *testing.T, s *running) {
	t.Helper()
	b := newBrowser(t, s.base).open("/demo/phone/paper")
	sheet := b.shows(`(?s)Recovery codes of Dmitri Volkov.*?</ul>`)
	unused := regexp.MustCompile(`<code>([^<]+)</code>`).FindAllStringSubmatch(sheet, -1)
	if len(unused) != 2 || strings.Count(sheet, "<s>") != 8 {
		t.Fatalf("Dmitri's sheet: %s", sheet)
	}
	b.signIn("dmitri@demo.example").submit("/sign-in/second-step", "code", unused[0][1])
	b.open("/me/two-step/deactivate").submit("/me/two-step/deactivate", "code", unused[1][1])
	if b.at != "/sign-in" {
		t.Errorf("deactivating leads to %s:\n%s", b.at, b.page)
	}
}

func restartCarlaAsAna(t *testing.T, s *running) *browser {
	t.Helper()
	b := newBrowser(t, s.base).open("/demo/phone")
	code := strings.ReplaceAll(b.shows(`Northwind: ana@demo\.example">(\d{3} \d{3})<`), " ", "")
	b.signIn("ana@demo.example").submit("/sign-in/second-step", "code", code).open("/team")
	path := b.shows(`href="(/team/users/[0-9a-f-]+)"[^>]*>Carla`)
	b.open(path + "/restart").shows("1 session ends")
	b.submit(path+"/restart", "reason", "She lost her phone", "verified_by", "in_person")
	b.shows("Carla")
	return b
}

func demoLetters(t *testing.T, s *running) {
	t.Helper()
	b := newBrowser(t, s.base).open("/demo/inbox?to=carla@demo.example")
	letter := b.shows(`href="(/demo/inbox/[0-9a-f-]+)"><strong>Your 2-step authentication was restarted`)
	b.open(letter).shows("Ana Duarte restarted it. Reason: She lost her phone.")
	res, err := http.Get(s.base + letter + "/html")
	if err != nil {
		t.Fatal(err)
	}
	b.took(res, nil).shows("Ana Duarte restarted it")
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "sandbox") || strings.Contains(policy, "allow-scripts") {
		t.Errorf("policy of a letter: %s", policy)
	}
	for _, path := range []string{"/demo/inbox/nothing", "/demo/inbox/nothing/html"} {
		if status, _ := s.get(path); status != http.StatusNotFound {
			t.Errorf("%s answers %d", path, status)
		}
	}
}

func demoPhone(t *testing.T, s *running) {
	t.Helper()
	b := newBrowser(t, s.base).open("/demo/phone")
	b.submit("/demo/phone", "key", "not a key").shows("That is not a setup key")
	if strings.Contains(b.page, "not a key") {
		t.Error("what was typed is written back")
	}
	b.submit("/demo/phone", "key", "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP").shows("is on the phone now")
	// Another site cannot break the phone.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/demo/phone/drop", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusForbidden {
		t.Fatalf("dropped from another site: %v, %v", res, err)
	}
	res.Body.Close()
	b.submit("/demo/phone/drop").shows("The phone is broken")
	b.shows("No account on this phone yet")
}

// Stopped while the story is being told, the demo ends without a word and leaves
// nothing.
func TestDemoStoppedEarly(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	c := settings(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := &tape{}
	if err := Demo(ctx, Options{Config: c, Out: out, Err: io.Discard}, core.Console("test")); err != nil || out.String() != "" {
		t.Errorf("%v %q", err, out)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// A name that leads elsewhere is noticed when it has been listened on, and before
// anything is made.
func TestDemoListensHere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	c := settings(t)
	c.Listen = ":0" // as if a name had led there
	out := &tape{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // should it start after all
	err := Demo(ctx, Options{Config: c, Out: out, Err: io.Discard}, core.Console("test"))
	if bad := new(config.Error); !errors.As(err, &bad) || out.String() != "" {
		t.Errorf("%v %q", err, out)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
