package core

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/seal"
	"doorstep/internal/totp"
)

// The tests of core run on real engines. Making seven people with their hashes
// takes over a second, so it is done once a process, on SQLite, and every test
// starts from a copy of those rows.

const testPassword = "paper-and-spruce"

var testStart = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// testClock is a clock that a test moves.
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

// castMember is somebody as their own phone and paper know them.
type castMember struct {
	id, email, team string
	key             []byte
	codes           []string
}

type cast struct {
	people map[string]castMember
	keys   *seal.Keys
	file   []byte
}

// theCast: Ana and Olga own Northwind, Bruno is its admin, Carla and Dmitri are
// members with active 2-step, Elena has days of grace, Farid is invited; Zoe
// owns another team.
var theCast = sync.OnceValues(func() (*cast, error) {
	dir, err := os.MkdirTemp("", "doorstep-cast-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	clock := &testClock{now: testStart.Add(-time.Hour)}
	keys := seal.NewKeysForTest()
	c, err := Open(context.Background(), Options{DataDir: dir, Keys: keys, Clock: clock.Now, Exclusive: true})
	if err != nil {
		return nil, err
	}
	made := &cast{people: map[string]castMember{}, keys: keys}
	for _, who := range []struct {
		name, team string
		role       Role
		active     bool
	}{
		{"Ana", "Northwind", RoleOwner, true},
		{"Olga", "Northwind", RoleOwner, true},
		{"Bruno", "Northwind", RoleAdmin, true},
		{"Carla", "Northwind", RoleMember, true},
		{"Dmitri", "Northwind", RoleMember, true},
		{"Elena", "Northwind", RoleMember, false},
		{"Zoe", "Elsewhere", RoleOwner, true},
	} {
		m, err := made.add(c, who.name, who.team, who.role, who.active)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", who.name, err)
		}
		made.people[strings.ToLower(who.name)] = m
	}
	farid, err := c.AddUser(context.Background(), Console("test"), NewUser{Email: "farid@example.com", Name: "Farid", Role: RoleMember, Team: "Northwind"})
	if err != nil {
		return nil, err
	}
	made.people["farid"] = castMember{id: farid.ID, email: "farid@example.com", team: farid.Team.ID}
	if _, err := c.db.Migrations().Exec(`DELETE FROM outbox`); err != nil {
		return nil, err
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	made.file, err = os.ReadFile(filepath.Join(dir, "doorstep.db"))
	return made, err
})

func (made *cast) add(c *Core, name, team string, role Role, active bool) (castMember, error) {
	ctx := context.Background()
	m := castMember{email: strings.ToLower(name) + "@example.com"}
	added, err := c.AddUser(ctx, Console("test"), NewUser{Email: m.email, Name: name, Role: role, Team: team, Password: testPassword})
	if err != nil {
		return m, err
	}
	m.id, m.team = added.ID, added.Team.ID
	if !active {
		return m, nil
	}
	in, err := c.BeginSignIn(ctx, Nobody(testOrigin), m.email, testPassword, "")
	if err != nil {
		return m, err
	}
	return m, activateAs(ctx, c, in.Session, &m)
}

// activateAs does what a person with an app does, and signs out.
func activateAs(ctx context.Context, c *Core, s *Session, m *castMember) error {
	by := s.By(testOrigin)
	a, err := c.BeginActivation(ctx, by)
	if err != nil {
		return err
	}
	if m.key, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Key); err != nil {
		return err
	}
	if a, err = c.ConfirmActivation(ctx, by, a.ID, totp.Code(m.key, totp.StepAt(c.Now()))); err != nil {
		return err
	}
	m.codes = a.Codes
	fresh, err := c.FinishActivation(ctx, by, a.ID, true)
	if err != nil {
		return err
	}
	return c.SignOut(ctx, fresh.By(testOrigin))
}

var testOrigin = Origin{Via: ViaAPI, Address: "192.0.2.7", Device: "a test"}

// world is one installation in a test.
type world struct {
	*Core
	t     testing.TB
	clock *testClock
	cast  map[string]castMember
	fault *fault
}

// fault fails the k-th statement of the next transactions.
type fault struct {
	mu   sync.Mutex
	left int // statements until the failing one; 0 is off
	seen int
	on   bool
}

var errPlanted = errors.New("planted failure")

func (f *fault) before(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on {
		return nil
	}
	f.seen++
	if f.left > 0 && f.seen == f.left {
		return errPlanted
	}
	return nil
}

func (f *fault) arm(k int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.left, f.seen = true, k, 0
}

func (f *fault) disarm() (seen int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = false
	return f.seen
}

// each runs a test on SQLite and on PostgreSQL, in a world of its own.
func each(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, newWorld(t, "")) })
	t.Run("postgres", func(t *testing.T) { run(t, newWorld(t, dbtest.Postgres(t))) })
}

func newWorld(t testing.TB, postgres string) *world {
	t.Helper()
	made, err := theCast()
	if err != nil {
		t.Fatalf("make the cast: %v", err)
	}
	w := &world{t: t, clock: &testClock{now: testStart}, cast: map[string]castMember{}, fault: &fault{}}
	for name, m := range made.people {
		w.cast[name] = m
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "doorstep.db"), made.file, 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{DataDir: dir, Keys: made.keys, Clock: w.clock.Now, Database: postgres, BeforeStatement: w.fault.before, Exclusive: true, Mail: true}
	if postgres != "" {
		o.Lease = 20 * time.Millisecond // every end of a session waits for it
	}
	w.Core, err = Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open core: %v", err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close core: %v", err)
		}
	})
	if postgres != "" {
		copyRows(t, filepath.Join(dir, "doorstep.db"), w.Core)
	}
	return w
}

// copyRows carries the cast's rows over to another engine.
func copyRows(t testing.TB, file string, to *Core) {
	t.Helper()
	ctx := context.Background()
	from, err := db.Open(ctx, db.Options{SQLite: file})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	for _, table := range allTables {
		rows, err := from.Read().Query(ctx, `SELECT * FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		types, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		marks := make([]string, len(columns))
		for i := range marks {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		insert := `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES (` + strings.Join(marks, ", ") + `)`
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range into {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, column := range types {
				if n, isNumber := values[i].(int64); isNumber && column.DatabaseTypeName() == "BOOLEAN" {
					values[i] = n != 0
				}
				if b, isBytes := values[i].([]byte); isBytes && b == nil {
					values[i] = []byte{} // no column is NULL; SQLite hands an empty text of bytes back as nil
				}
			}
			if _, err := to.db.Migrations().ExecContext(ctx, insert, values...); err != nil {
				t.Fatalf("copy %s: %v", table, err)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

var allTables = []string{
	"teams", "policies", "users", "user_words", "authenticators", "recovery_code_sets", "recovery_codes", "activations", "sign_in_attempts",
	"sessions", "throttles", "links", "restarts", "passes", "pending_restarts", "audit_events", "outbox",
	"return_hosts", "devices", "chores",
	"codes_left", "imports", "invitation_counts",
	"known_browsers", "reactivations", "freezes", "not_me_reports",
	"restart_requests",
	"lanes", "unlocks", "strange_misses", "guess_warnings",
	"email_changes", "put_away",
	"article_votes", "article_comments", "help_requests", "help_messages",
}

// snapshot is every row of every table, for "nothing was changed".
func (w *world) snapshot(except ...string) string {
	w.t.Helper()
	var b strings.Builder
tables:
	for _, table := range allTables {
		for _, e := range except {
			if e == table {
				continue tables
			}
		}
		var lines []string
		rows, err := w.db.Read().Query(context.Background(), `SELECT * FROM `+table+` ORDER BY 1`)
		if err != nil {
			w.t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range into {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.t.Fatal(err)
			}
			lines = append(lines, fmt.Sprint(values...))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n%s\n", table, strings.Join(lines, "\n"))
	}
	return b.String()
}

func (w *world) ctx() context.Context { return context.Background() }

// now's authentication code of somebody.
func (w *world) code(name string) string { return w.codeAt(name, 0) }

func (w *world) codeAt(name string, steps int64) string {
	return totp.Code(w.cast[name].key, totp.StepAt(w.clock.Now())+steps)
}

// attempt signs in as far as the second step.
func (w *world) attempt(name string) string {
	w.t.Helper()
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, testPassword, "")
	if err != nil {
		w.t.Fatalf("sign in as %s: %v", name, err)
	}
	if in.Next != StepSecondStep {
		w.t.Fatalf("sign in as %s: next is %s", name, in.Next)
	}
	return in.Attempt
}

// signIn signs in with the app, in a fresh time step.
func (w *world) signIn(name string) *Session {
	w.t.Helper()
	w.clock.advance(30 * time.Second)
	in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt(name), w.code(name), false)
	if err != nil {
		w.t.Fatalf("second step of %s: %v", name, err)
	}
	return in.Session
}

// signInWithCode signs in with the n-th recovery code.
func (w *world) signInWithCode(name string, n int) *Session {
	w.t.Helper()
	in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt(name), w.cast[name].codes[n], false)
	if err != nil {
		w.t.Fatalf("second step of %s: %v", name, err)
	}
	return in.Session
}

// letsThePasswordBe takes back that a new password is asked for, in a test of
// something else.
func (w *world) letsThePasswordBe(name string) {
	w.t.Helper()
	_, err := w.db.Migrations().Exec(`UPDATE users SET password_due = FALSE WHERE id = $1`, w.cast[name].id)
	w.ok(err)
	w.Forget()
}

func by(s *Session) Actor { return s.By(testOrigin) }

// refused checks that err is the refusal.
func (w *world) refused(err error, code Code) *Refusal {
	w.t.Helper()
	r := Refused(err)
	if r == nil || r.Code != code {
		w.t.Fatalf("got %v, want the refusal %s", err, code)
	}
	return r
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// live says whether a session's token still opens anything.
func (w *world) live(s *Session) bool {
	w.t.Helper()
	_, err := w.Session(w.ctx(), s.Token)
	if err != nil && Refused(err) == nil {
		w.t.Fatal(err)
	}
	return err == nil
}

// count runs a counting query.
func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.read(w.ctx()).row(query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// events counts a person's events of a kind.
func (w *world) events(name, event string) int {
	return w.count(`SELECT COUNT(*) FROM audit_events WHERE target_id = $1 AND event = $2`, w.cast[name].id, event)
}

// letters counts a person's letters of a kind.
func (w *world) letters(name string, kind LetterKind) int {
	return w.count(`SELECT COUNT(*) FROM outbox WHERE user_id = $1 AND kind = $2`, w.cast[name].id, string(kind))
}

var goodReason = RestartRequest{Reason: "lost phone, called back on the known number", VerifiedBy: VerifiedKnownNumber}

// race runs n calls at once and returns how many did not fail.
func race(n int, call func(i int) error) (won int, errs []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			err := call(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				errs = append(errs, err)
			}
		})
	}
	close(start)
	wg.Wait()
	return won, errs
}
