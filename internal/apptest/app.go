package apptest

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/edge"
	"doorstep/internal/server"
	"doorstep/internal/words"
)

// The engines.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Options of an App. The zero value is the cast on SQLite, over http.
type Options struct {
	Engine string
	State  *State // nil is the Cast
	HTTPS  bool
	Record bool // keep every answer, for Exchanges

	// What stands in front: the public address (port 0 is the App's own, without a
	// proxy), the proxies whose reports count, and the parent domain of the apps.
	// Hosts under localhost are on this computer.
	URL            string
	TrustedProxies []netip.Prefix
	AppsDomain     string

	NoMail bool // no mail server is set up; else Letters is what it got

	Dir string // where the SQLite file is; "" is a folder of the App's own

	// BeforeStatement fails a statement of core's, as a storage does that cannot.
	BeforeStatement func(query string) error
}

// App is one installation, started: what a process of `serve` holds, in a test.
type App struct {
	Core   *core.Core
	Clock  *Clock
	Engine string
	URL    string       // where it is reached, without a final slash
	Listen string       // where it listens: not the same behind a proxy
	Routes []edge.Route // everything that it answers

	t        testing.TB
	dir      string // of the SQLite file
	postgres string // the address, or ""
	state    *State
	words    *words.Catalog
	people   map[string]*Person
	letters  *letters
	log      *logBook
	server   *httptest.Server
	tape     *tape

	reaching sync.Once
	reach    *http.Transport

	opening sync.Once
	beside  *db.DB
	stopped bool
}

// Each runs a test on both engines.
func Each(t *testing.T, o Options, run func(t *testing.T, a *App)) {
	t.Helper()
	for _, engine := range []string{SQLite, Postgres} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			o := o
			o.Engine = engine
			run(t, Start(t, o))
		})
	}
}

// NeedPostgres leaves the test out on a machine without PostgreSQL, loudly, and
// fails it in CI: for a test that starts its Apps in subtests.
func NeedPostgres(t testing.TB) { t.Helper(); dbtest.Postgres(t) }

// Start starts an App, which ends with the test. Whatever the test looked for,
// it fails when Doorstep had a fault of its own: see Faults.
func Start(t testing.TB, o Options) *App {
	t.Helper()
	if o.Engine == "" {
		o.Engine = SQLite
	}
	if o.State == nil {
		cast, err := Cast()
		if err != nil {
			t.Fatalf("make the cast: %v", err)
		}
		o.State = cast
	}
	a := &App{
		Clock: &Clock{now: o.State.now}, Engine: o.Engine, t: t, dir: o.Dir, state: o.State,
		letters: &letters{}, log: &logBook{}, words: strictWords(t),
	}
	if a.dir == "" {
		a.dir = t.TempDir()
	}
	a.people = o.State.peopleFor(a.Clock)
	a.openCore(o)
	a.serve(o)
	t.Cleanup(func() {
		a.Stop()
		if faults := a.Faults(); len(faults) > 0 {
			t.Errorf("Doorstep had a fault of its own:\n%s", faults)
		}
		if t.Failed() {
			t.Logf("the end of the log:\n%s", a.log.end(30))
		}
	})
	return a
}

func (a *App) openCore(o Options) {
	a.t.Helper()
	options := core.Options{DataDir: a.dir, Keys: o.State.keys, Clock: a.Clock.Now, Log: a.log.logger(), BeforeStatement: o.BeforeStatement, Exclusive: true, Mail: !o.NoMail}
	if a.Engine == Postgres {
		a.postgres = dbtest.Postgres(a.t)
		options.Database = a.postgres
		options.Lease = 20 * time.Millisecond // every end of a session waits for it
	} else if err := os.WriteFile(filepath.Join(a.dir, "doorstep.db"), o.State.file, 0o600); err != nil {
		a.t.Fatal(err)
	}
	var err error
	if a.Core, err = core.Open(context.Background(), options); err != nil {
		a.t.Fatalf("open core: %v", err)
	}
	if a.Engine == Postgres {
		a.Restore()
	}
}

// Restore brings back what the App started with: its rows, its people, its time.
// That is far cheaper than another App.
func (a *App) Restore() {
	a.t.Helper()
	tables, err := a.state.tables()
	if err != nil {
		a.t.Fatalf("read the state: %v", err)
	}
	if err := put(context.Background(), tables, a.store()); err != nil {
		a.t.Fatal(err)
	}
	a.Core.Forget()
	a.Clock.set(a.state.now)
	a.people = a.state.peopleFor(a.Clock)
}

// serve puts the handler on a port of this computer.
func (a *App) serve(o Options) {
	a.t.Helper()
	a.tape = &tape{on: o.Record}
	a.server = httptest.NewUnstartedServer(nil)
	scheme := "http"
	if o.HTTPS {
		scheme = "https"
	}
	a.Listen = a.server.Listener.Addr().String()
	if a.URL = o.URL; a.URL == "" {
		a.URL = scheme + "://" + a.Listen
	} else if host, open := strings.CutSuffix(a.URL, ":0"); open {
		a.URL = host + a.Listen[strings.LastIndex(a.Listen, ":"):]
	}
	base, err := url.Parse(a.URL)
	if err != nil {
		a.t.Fatal(err)
	}
	h, routes, err := server.Handler(a.Core, a.words, base, a.log.logger(), server.Front{TrustedProxies: o.TrustedProxies, AppsDomain: o.AppsDomain})
	if err != nil {
		a.t.Fatalf("make the handler: %v", err)
	}
	a.Routes, a.server.Config.Handler = routes, h
	if o.HTTPS {
		a.server.StartTLS()
	} else {
		a.server.Start()
	}
	a.letters.base = a.URL
}

// Stop ends it before the test's end. What was stored stays.
func (a *App) Stop() {
	a.t.Helper()
	if a.stopped {
		return
	}
	a.stopped = true
	if a.reach != nil {
		a.reach.CloseIdleConnections()
	}
	// Connections that the server no longer has as its own are told by Shutdown alone,
	// which is not waited for.
	told, over := context.WithCancel(context.Background())
	over()
	_ = a.server.Config.Shutdown(told)
	a.server.CloseClientConnections() // a stream that somebody watches would keep it open
	a.server.Close()
	if err := a.Core.Close(); err != nil {
		a.t.Errorf("close core: %v", err)
	}
	if a.beside != nil {
		if err := a.beside.Close(); err != nil {
			a.t.Errorf("close the store: %v", err)
		}
	}
}

// Save stops the App and returns what it leaves behind, for other Apps to start
// from. SQLite only.
func (a *App) Save() *State {
	a.t.Helper()
	if a.Engine != SQLite {
		a.t.Fatal("only an App on SQLite can be saved")
	}
	a.Stop()
	file, err := os.ReadFile(filepath.Join(a.dir, "doorstep.db"))
	if err != nil {
		a.t.Fatal(err)
	}
	people := map[string]Person{}
	for key, p := range a.people {
		people[key] = *p
	}
	return newState(file, a.state.keys, people, a.Clock.Now())
}

// Pass lets time pass.
func (a *App) Pass(d time.Duration) { a.Clock.Pass(d) }

// Person is somebody of the cast, or somebody whom the test added.
func (a *App) Person(key string) *Person {
	a.t.Helper()
	p := a.people[key]
	if p == nil {
		a.t.Fatalf("there is no %s", key)
	}
	if p.ID == "" { // a newcomer: perhaps they have an account by now
		row := a.store().Read().QueryRow(context.Background(), `SELECT id FROM users WHERE email = $1`, p.Email)
		if err := row.Scan(&p.ID); err != nil && !errors.Is(err, sql.ErrNoRows) {
			a.t.Fatal(err)
		}
	}
	return p
}

// Newcomer is somebody who has no account yet, and makes one by a page.
func (a *App) Newcomer(key string) *Person {
	p := &Person{Email: key + "@example.com", Phone: &Phone{clock: a.Clock}}
	a.people[key] = p
	return p
}

// Knows says whether there is somebody of that name.
func (a *App) Knows(key string) bool { return a.people[key] != nil }

// Add adds somebody as `doorstep user add` does: with everybody's password, or
// without one, and then it returns the link with which they set it.
func (a *App) Add(key, name string, role core.Role, team string, withPassword bool) (link string) {
	a.t.Helper()
	n := core.NewUser{Email: key + "@example.com", Name: name, Role: role, Team: team}
	if withPassword {
		n.Password = Password
	}
	added, err := a.Core.AddUser(context.Background(), core.Console("test"), n)
	if err != nil {
		a.t.Fatalf("add %s: %v", key, err)
	}
	a.people[key] = &Person{
		ID: added.ID, Email: n.Email, Name: name, Team: added.Team.Name, TeamID: added.Team.ID, Role: role, Phone: &Phone{clock: a.Clock},
	}
	if added.Link == nil {
		return ""
	}
	return a.URL + "/set-password/" + added.Link.Token
}

// RestartFromConsole is `doorstep restart`.
func (a *App) RestartFromConsole(key, reason string) (*core.Restart, error) {
	a.t.Helper()
	return a.Core.RestartFromConsole(context.Background(), core.Console("test"), a.Person(key).Email, reason)
}

// BringBackFromConsole is `doorstep user bring-back`.
func (a *App) BringBackFromConsole(key, reason string) error {
	a.t.Helper()
	return a.Core.BringBackFromConsole(context.Background(), core.Console("test"), a.Person(key).Email, reason)
}

// SetupLink is what `doorstep setup-link` prints.
func (a *App) SetupLink() (string, error) {
	link, err := a.Core.MakeSetupLink(context.Background())
	if err != nil {
		return "", err
	}
	return a.URL + "/setup/" + link.Token, nil
}

// Words are the catalog in one language.
func (a *App) Words(l words.Language) words.Words { return a.words.In(l) }

// transport is how clients and browsers of this App reach it, and what else is
// under localhost: not every system resolves such names, and Go asks the system.
func (a *App) transport() http.RoundTripper {
	a.reaching.Do(func() {
		t := a.server.Client().Transport.(*http.Transport).Clone()
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return dial(ctx, network, address)
		}
		if t.TLSClientConfig != nil {
			t.TLSClientConfig.ServerName = "example.com" // the certificate's
		}
		a.reach = t
	})
	return &taped{a.reach, a.tape}
}
