package web

import (
	"context"
	"encoding/base32"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/seal"
	"doorstep/internal/totp"
	"doorstep/internal/words"
	"doorstep/internal/words/wordstest"
)

// The pages are tested on a real core with a fresh SQLite file. Hashing the
// passwords and recovery codes of a team takes seconds, so it is done once a
// process, and each test starts from a copy.

const testPassword = "paper-and-spruce"

var testStart = time.Date(2026, 5, 12, 14, 5, 0, 0, time.UTC)

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// someone is a person with a phone and a sheet of paper.
type someone struct {
	id, email, name string
	key             []byte
	codes           []string // unused ones
	pass            string   // of their newest restart, "" for none
}

type saved struct {
	at     time.Time // where its clock stands
	people map[string]someone
	keys   *seal.Keys
	file   []byte
}

// theTeam: Ana owns Northwind, Bruno is its admin, Carla and Dmitri are members
// with active 2-step, Elena has days of grace, Farid is invited. Zoe owns a team
// of her own.
var theTeam = sync.OnceValues(func() (*saved, error) {
	dir, err := os.MkdirTemp("", "doorstep-web-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := &saved{at: testStart, people: map[string]someone{}, keys: seal.NewKeysForTest()}
	clock := &testClock{now: testStart.Add(-2 * time.Hour)}
	c, err := core.Open(context.Background(), core.Options{DataDir: dir, Keys: s.keys, Clock: clock.Now, Exclusive: true})
	if err != nil {
		return nil, err
	}
	for _, n := range []struct {
		name, team string
		role       core.Role
		state      string
	}{
		{"Ana Souza", "Northwind", core.RoleOwner, "active"},
		{"Bruno Díaz", "Northwind", core.RoleAdmin, "active"},
		{"Carla Nguyen", "Northwind", core.RoleMember, "active"},
		{"Dmitri Orlov", "Northwind", core.RoleMember, "active"},
		{"Elena Rossi", "Northwind", core.RoleMember, "off"},
		{"Farid Khan", "Northwind", core.RoleMember, "invited"},
		{"Zoe Blake", "Elsewhere", core.RoleOwner, "active"},
	} {
		who := strings.ToLower(strings.Fields(n.name)[0])
		p, err := s.make(c, who+"@example.com", n.name, n.team, n.role, n.state)
		if err != nil {
			return nil, err
		}
		s.people[who] = p
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	s.file, err = os.ReadFile(filepath.Join(dir, "doorstep.db"))
	return s, err
})

func (s *saved) make(c *core.Core, email, name, team string, role core.Role, state string) (someone, error) {
	ctx, origin := context.Background(), core.Origin{Via: core.ViaPage, Address: "203.0.113.7", Device: "Mozilla/5.0"}
	p := someone{email: email, name: name}
	n := core.NewUser{Email: email, Name: name, Role: role, Team: team, Password: testPassword}
	if state == "invited" {
		n.Password = ""
	}
	added, err := c.AddUser(ctx, core.Console("test"), n)
	if err != nil {
		return p, err
	}
	p.id = added.ID
	if state != "active" {
		return p, nil
	}
	in, err := c.BeginSignIn(ctx, core.Nobody(origin), email, testPassword, "")
	if err != nil {
		return p, err
	}
	by := in.Session.By(origin)
	a, err := c.BeginActivation(ctx, by)
	if err != nil {
		return p, err
	}
	p.key = readKey(a.Key)
	if a, err = c.ConfirmActivation(ctx, by, a.ID, totp.Code(p.key, totp.StepAt(c.Now()))); err != nil {
		return p, err
	}
	p.codes = a.Codes
	_, err = c.FinishActivation(ctx, by, a.ID, true)
	return p, err
}

func readKey(text string) []byte {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		panic(err)
	}
	return key
}

// world is one installation with its pages on a port of this computer.
type world struct {
	t      *testing.T
	core   *core.Core
	dir    string
	clock  *testClock
	people map[string]*someone
	web    *Web
	server *httptest.Server
	log    *faultLog
	fault  func(query string) error // fails a statement, while it is set
}

type worldOptions struct {
	empty   bool // nobody is there yet
	demo    bool
	https   bool
	noMail  bool
	contact string // of whoever runs the server
	from    *saved // another beginning than theTeam
}

func newWorld(t *testing.T) *world { return makeWorld(t, worldOptions{}) }

func makeWorld(t *testing.T, o worldOptions) *world {
	t.Helper()
	team, err := theTeam()
	if err != nil {
		t.Fatalf("make the team: %v", err)
	}
	if o.from != nil {
		team = o.from
	}
	dir := t.TempDir()
	if !o.empty {
		if err := os.WriteFile(filepath.Join(dir, "doorstep.db"), team.file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, dir: dir, clock: &testClock{now: team.at}, people: map[string]*someone{}, log: &faultLog{t: t}}
	for who, p := range team.people {
		p.codes = append([]string(nil), p.codes...)
		w.people[who] = &p
	}
	if w.core, err = core.Open(context.Background(), core.Options{DataDir: dir, Keys: team.keys, Clock: w.clock.Now, BeforeStatement: w.before, Exclusive: true, Mail: !o.noMail, Contact: o.contact}); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewUnstartedServer(nil)
	address := &url.URL{Scheme: "http", Host: w.server.Listener.Addr().String()}
	if o.https {
		address.Scheme = "https"
	}
	w.web, err = New(Options{Core: w.core, Words: wordstest.Strict(t), URL: address, Log: slog.New(w.log), Demo: o.demo})
	if err != nil {
		t.Fatal(err)
	}
	mux, err := edge.Table(w.web.Routes())
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", w.web.NotFound())
	w.server.Config.Handler = edge.Headers(o.https, edge.LimitBody(mux))
	if o.https {
		w.server.StartTLS()
	} else {
		w.server.Start()
	}
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		w.server.Close()
		_ = w.core.Close()
	})
	return w
}

func (w *world) before(query string) error {
	if w.fault == nil {
		return nil
	}
	return w.fault(query)
}

// faultLog fails the test that met a fault of ours, unless it asked for one.
type faultLog struct {
	t      *testing.T
	wanted bool
	text   string
}

func (f *faultLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (f *faultLog) WithAttrs([]slog.Attr) slog.Handler           { return f }
func (f *faultLog) WithGroup(string) slog.Handler                { return f }
func (f *faultLog) Handle(_ context.Context, r slog.Record) error {
	f.text += r.Message
	r.Attrs(func(a slog.Attr) bool { f.text += " " + a.String(); return true })
	if !f.wanted {
		f.t.Errorf("log: %s", f.text)
	}
	return nil
}

// code is what this person's phone shows. Each is accepted once, so the clock
// goes on by one code first.
func (w *world) code(p *someone) string {
	w.clock.pass(30 * time.Second)
	return totp.Code(p.key, totp.StepAt(w.clock.Now()))
}

// paper takes a recovery code off somebody's sheet.
func (p *someone) paper() string {
	code := p.codes[0]
	p.codes = p.codes[1:]
	return code
}

// browser keeps cookies, follows redirects, and sends the forms of the page that
// it is on.
type browser struct {
	w      *world
	client *http.Client
	agent  string
	accept string // Accept-Language
	page   *answer
}

type answer struct {
	status int
	header http.Header
	at     *url.URL
	body   string
	wire   int // bytes of it that were sent
	doc    *html.Node
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	client := *w.server.Client()
	client.Jar = jar
	return &browser{w: w, client: &client, agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", accept: "en"}
}

func (b *browser) do(r *http.Request) *answer {
	b.w.t.Helper()
	r.Header.Set("User-Agent", b.agent)
	r.Header.Set("Accept-Language", b.accept)
	if r.Header["Accept-Encoding"] == nil {
		r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	}
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" && r.Method == http.MethodGet {
		r.Header.Set("Sec-Fetch-Site", "none") // typed into the address bar
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if _, err := copyAll(&text, resp); err != nil {
		b.w.t.Fatal(err)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, at: resp.Request.URL, body: text.String(), wire: text.Len()}
	if resp.Header.Get("Content-Encoding") == "gzip" && a.wire > 0 {
		a.body = unzipped(b.w.t, a.body)
	}
	if a.doc, err = html.Parse(strings.NewReader(a.body)); err != nil {
		b.w.t.Fatal(err)
	}
	b.page = a
	return a
}

func (b *browser) get(path string) *answer {
	b.w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.w.server.URL+path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(path string, values url.Values) *answer {
	b.w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.w.server.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// request sends anything, with a change before it goes out.
func (b *browser) request(method, path string, values url.Values, change func(*http.Request)) *answer {
	b.w.t.Helper()
	r, err := http.NewRequest(method, b.w.server.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if path == "/session/watch" {
		r.URL.RawQuery = "once=1"
	}
	change(r)
	return b.do(r)
}

// send fills in the form of this page that goes to action, and sends it with
// everything that it holds already.
func (b *browser) send(action string, fields ...string) *answer {
	b.w.t.Helper()
	form := b.page.find(func(n *html.Node) bool { return n.Data == "form" && attr(n, "action") == action })
	if form == nil {
		b.w.t.Fatalf("%s has no form to %s:\n%s", b.page.at, action, b.page.text())
	}
	return b.post(action, filled(form, fields...))
}

// filled is a form's content as a browser sends it, with fields name, value, ….
func filled(form *html.Node, fields ...string) url.Values {
	values := url.Values{}
	each(form, func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") != "" {
			switch attr(n, "type") {
			case "checkbox", "radio":
				if !has(n, "checked") {
					return
				}
			}
			values.Set(attr(n, "name"), attr(n, "value"))
		}
		if n.Data == "textarea" {
			values.Set(attr(n, "name"), textOf(n))
		}
		if n.Data == "option" && has(n, "selected") {
			values.Set(attr(n.Parent, "name"), attr(n, "value"))
		}
	})
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return values
}

// signIn goes the whole way with the phone; in off and due the password is all.
func (b *browser) signIn(who string) *answer {
	b.w.t.Helper()
	p := b.w.people[who]
	b.get("/sign-in")
	b.send("/sign-in", "email", p.email, "password", testPassword)
	if b.page.at.Path == "/sign-in/second-step" {
		b.send("/sign-in/second-step", "code", b.w.code(p))
	}
	return b.page
}

// signInWithPaper goes it with a recovery code, and returns that code.
func (b *browser) signInWithPaper(who string) string {
	b.w.t.Helper()
	p := b.w.people[who]
	code := p.paper()
	b.get("/sign-in")
	b.send("/sign-in", "email", p.email, "password", testPassword)
	b.send("/sign-in/second-step", "code", code)
	return code
}

// activate finishes the activation that the browser is on.
func (b *browser) activate(who string) *answer {
	b.w.t.Helper()
	p := b.w.people[who]
	if b.page.at.Path != "/me/two-step/activate" {
		b.get("/me/two-step/activate")
	}
	if p.pass != "" && b.page.byID("pass").Node != nil {
		b.send("/me/two-step/activate/pass", "pass", p.pass)
	}
	p.key = readKey(b.page.byID("key").text())
	b.send("/me/two-step/activate", "code", b.w.code(p))
	p.codes = b.page.codes()
	return b.send("/me/two-step/activate/finish", "saved", "true")
}

// restart restarts somebody's 2-step through core, as an owner elsewhere would.
func (w *world) restart(who string) {
	w.t.Helper()
	r, err := w.core.RestartFromConsole(context.Background(), core.Console("test"), w.people[who].email, "lost the phone")
	if err != nil {
		w.t.Fatal(err)
	}
	w.people[who].pass = r.Pass
}

// add adds somebody from the console; without a password it returns their link.
func (w *world) add(email, name string, role core.Role, password string) (id, link string) {
	w.t.Helper()
	added, err := w.core.AddUser(context.Background(), core.Console("test"), core.NewUser{Email: email, Name: name, Role: role, Team: "Northwind", Password: password})
	if err != nil {
		w.t.Fatal(err)
	}
	if added.Link != nil {
		link = "/set-password/" + added.Link.Token
	}
	return added.ID, link
}

func (w *world) cookie(b *browser, kind string) string {
	u, _ := url.Parse(w.server.URL)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == w.web.cookies.name(kind) {
			return c.Value
		}
	}
	return ""
}

var english = func() words.Words {
	c, err := words.Load()
	if err != nil {
		panic(err)
	}
	return c.In(words.English)
}()

func (w *world) says(key string, args ...words.Args) string { return english.Say(key, args...) }
