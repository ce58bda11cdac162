package api

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/seal"
	"doorstep/internal/totp"
	"doorstep/internal/words/wordstest"
)

// The tests drive the API over the same mux that the server uses, on a real core.
// The people are made once a process; every test starts from a copy of the file.

const testPassword = "paper-and-spruce"

var testStart = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// castMember is somebody as their own phone and paper know them, signed in.
type castMember struct {
	id, email string
	key       []byte
	codes     []string
	token     string // of a fresh session, stepped up where that is possible
	session   string
}

type cast struct {
	people map[string]castMember
	keys   *seal.Keys
	file   []byte
}

// theCast: Ana owns Northwind, Bruno is an admin, Carla a member, and Zoe owns
// another team, all with active 2-step (ten slow hashes each). The owners Dora and
// Olga must activate; the admin Berta, the members Dmitri and Elena, and Yan in
// the other team have days of grace; Farid is invited.
var theCast = sync.OnceValues(func() (*cast, error) {
	dir, err := os.MkdirTemp("", "doorstep-api-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, keys := context.Background(), seal.NewKeysForTest()
	c, err := core.Open(ctx, core.Options{DataDir: dir, Keys: keys, Clock: func() time.Time { return testStart.Add(-time.Minute) }, Exclusive: true})
	if err != nil {
		return nil, err
	}
	made := &cast{people: map[string]castMember{}, keys: keys}
	for _, who := range []struct {
		name, team string
		role       core.Role
		active     bool
	}{
		{"Ana", "Northwind", core.RoleOwner, true},
		{"Olga", "Northwind", core.RoleOwner, false},
		{"Bruno", "Northwind", core.RoleAdmin, true},
		{"Berta", "Northwind", core.RoleAdmin, false},
		{"Carla", "Northwind", core.RoleMember, true},
		{"Dmitri", "Northwind", core.RoleMember, false},
		{"Dora", "Northwind", core.RoleOwner, false},
		{"Elena", "Northwind", core.RoleMember, false},
		{"Zoe", "Elsewhere", core.RoleOwner, true},
		{"Yan", "Elsewhere", core.RoleMember, false},
	} {
		m, err := made.add(ctx, c, who.name, who.team, who.role, who.active)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", who.name, err)
		}
		made.people[strings.ToLower(who.name)] = m
	}
	farid, err := c.AddUser(ctx, core.Console("test"), core.NewUser{Email: "farid@example.com", Name: "Farid", Role: core.RoleMember, Team: "Northwind"})
	if err != nil {
		return nil, err
	}
	made.people["farid"] = castMember{id: farid.ID, email: "farid@example.com"}
	if err := c.Close(); err != nil {
		return nil, err
	}
	made.file, err = os.ReadFile(filepath.Join(dir, "doorstep.db"))
	return made, err
})

func (made *cast) add(ctx context.Context, c *core.Core, name, team string, role core.Role, active bool) (castMember, error) {
	m := castMember{email: strings.ToLower(name) + "@example.com"}
	added, err := c.AddUser(ctx, core.Console("test"), core.NewUser{Email: m.email, Name: name, Role: role, Team: team, Password: testPassword})
	if err != nil {
		return m, err
	}
	m.id = added.ID
	from := core.Origin{Via: core.ViaAPI, Address: "192.0.2.7", Device: "a test"}
	in, err := c.BeginSignIn(ctx, core.Nobody(from), m.email, testPassword, "")
	if err != nil {
		return m, err
	}
	s := in.Session
	if active {
		by := s.By(from)
		a, err := c.BeginActivation(ctx, by)
		if err != nil {
			return m, err
		}
		m.key = keyOf(a.Key)
		if a, err = c.ConfirmActivation(ctx, by, a.ID, totp.Code(m.key, totp.StepAt(c.Now()))); err != nil {
			return m, err
		}
		m.codes = a.Codes
		if s, err = c.FinishActivation(ctx, by, a.ID, true); err != nil {
			return m, err
		}
	}
	m.token, m.session = s.Token, s.ID
	return m, nil
}

func keyOf(text string) []byte {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		panic(err)
	}
	return key
}

// world is one installation in a test.
type world struct {
	t     testing.TB
	core  *core.Core
	api   *API
	mux   http.Handler
	clock *testClock
	cast  map[string]castMember
	log   *bytes.Buffer // everything, at debug level
	fail  func(query string) error
}

func newWorld(t testing.TB) *world {
	t.Helper()
	made, err := theCast()
	if err != nil {
		t.Fatalf("make the cast: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "doorstep.db"), made.file, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: &testClock{now: testStart}, cast: map[string]castMember{}, log: new(bytes.Buffer)}
	for name, m := range made.people {
		w.cast[name] = m
	}
	log := slog.New(slog.NewTextHandler(&locked{to: w.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.core, err = core.Open(t.Context(), core.Options{DataDir: dir, Keys: made.keys, Clock: w.clock.Now, Log: log, Exclusive: true, Mail: true, BeforeStatement: func(q string) error {
		if w.fail != nil {
			return w.fail(q)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.core.Close() })
	if w.api, err = New(Options{Core: w.core, Words: wordstest.Strict(t), Log: log, Version: "dev"}); err != nil {
		t.Fatal(err)
	}
	mux, err := edge.Table(w.api.Routes())
	if err != nil {
		t.Fatal(err)
	}
	w.mux = edge.Log(log, edge.LimitBody(mux))
	return w
}

type locked struct {
	mu sync.Mutex
	to io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// code is what a person's phone shows next, after what was used before.
func (w *world) code(who string) string {
	w.clock.advance(totp.Period * time.Second)
	return totp.Code(w.cast[who].key, totp.StepAt(w.clock.Now()))
}

// reply is an answer.
type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// call sends a request: body is nil, a text as it is, or anything to be written as JSON.
func (w *world) call(method, path, token string, body any, headers ...string) *reply {
	w.t.Helper()
	text, isText := body.(string)
	if body != nil && !isText {
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		text = string(b)
	}
	r := httptest.NewRequest(method, base+path, strings.NewReader(text))
	if text == "" {
		r = httptest.NewRequest(method, base+path, http.NoBody)
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.send(r)
}

// send checks what holds of every answer, too.
func (w *world) send(r *http.Request) *reply {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	a := &reply{t: w.t, what: r.Method + " " + r.URL.Path, status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	if a.raw != "" && (a.status >= 400 || strings.Contains(a.header.Get("Content-Type"), "json") && !strings.Contains(a.header.Get("Content-Type"), "ndjson")) {
		if err := json.Unmarshal(rec.Body.Bytes(), &a.body); err != nil {
			w.t.Fatalf("%s: %d %q is no JSON: %v", a.what, a.status, a.raw, err)
		}
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		w.t.Errorf("%s: Cache-Control %q", a.what, got)
	}
	if len(rec.Result().Cookies()) != 0 || a.header.Get("Access-Control-Allow-Origin") != "" {
		w.t.Errorf("%s: sets a cookie or lets other origins in", a.what)
	}
	if a.status >= 400 {
		a.isProblem()
	}
	return a
}

func (a *reply) isProblem() {
	a.t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("%s: %d with Content-Type %q", a.what, a.status, got)
	}
	if a.body["status"] != float64(a.status) || !strings.HasPrefix(a.text("type"), "urn:doorstep:problem:") || a.text("title") == "" || a.text("detail") == "" {
		a.t.Errorf("%s: %d with a problem of another kind: %s", a.what, a.status, a.raw)
	}
	if challenge := a.header.Get("WWW-Authenticate"); (a.status == 401) != (challenge == "Bearer") {
		a.t.Errorf("%s: %d with WWW-Authenticate %q", a.what, a.status, challenge)
	}
	seconds, waits := a.body["retry_after_seconds"]
	if after := a.header.Get("Retry-After"); waits != (after != "") || waits && fmt.Sprint(seconds) != after {
		a.t.Errorf("%s: Retry-After %q, retry_after_seconds %v", a.what, after, seconds)
	}
}

func (a *reply) text(path string) string {
	a.t.Helper()
	s, _ := a.at(path).(string)
	return s
}

// at reads a value at a path such as session.token.
func (a *reply) at(path string) any {
	var v any = a.body
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (a *reply) items() []map[string]any {
	a.t.Helper()
	list, ok := a.body["items"].([]any)
	if !ok {
		a.t.Fatalf("%s: items is no list: %s", a.what, a.raw)
	}
	var items []map[string]any
	for _, i := range list {
		items = append(items, i.(map[string]any))
	}
	return items
}

// is checks the status.
func (a *reply) is(status int) *reply {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, want %d: %s", a.what, a.status, status, a.raw)
	}
	return a
}

// refused checks status and type of a problem.
func (a *reply) refused(status int, code core.Code) *reply {
	a.t.Helper()
	a.is(status)
	if got := a.text("type"); got != edge.ProblemType(code) {
		a.t.Fatalf("%s: %s, want %s", a.what, a.raw, code)
	}
	return a
}

// problemCode is the code of a refused answer, "" of another.
func (a *reply) problemCode() core.Code {
	code, _ := strings.CutPrefix(a.text("type"), "urn:doorstep:problem:")
	return core.Code(code)
}

func (a *reply) keys(at string, want ...string) *reply {
	a.t.Helper()
	var m map[string]any
	if at == "" {
		m = a.body
	} else {
		m, _ = a.at(at).(map[string]any)
	}
	got, wanted := map[string]bool{}, map[string]bool{}
	for k := range m {
		got[k] = true
	}
	for _, k := range want {
		wanted[k] = true
		if !got[k] {
			a.t.Errorf("%s: %q lacks %q: %s", a.what, at, k, a.raw)
		}
	}
	for k := range got {
		if !wanted[k] {
			a.t.Errorf("%s: %q has %q: %s", a.what, at, k, a.raw)
		}
	}
	return a
}

type object = map[string]any

// password is the first step.
func (w *world) password(who string) *reply {
	w.t.Helper()
	return w.call("POST", "/sign-in", "", object{"email": w.cast[who].email, "password": testPassword})
}

// signIn signs somebody in all the way and returns the token.
func (w *world) signIn(who, code string) string {
	w.t.Helper()
	a := w.password(who).is(200)
	if code == "" {
		return a.text("session.token")
	}
	return w.call("POST", "/sign-in/second-step", "", object{"attempt": a.text("attempt"), "code": code}).is(200).text("session.token")
}

var errDisk = errors.New("the test's disk")
