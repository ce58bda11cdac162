package core

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"doorstep/internal/db/dbtest"
)

// installation is one database with the cast in it that several processes open.
type installation struct {
	t        testing.TB
	made     *cast
	dir      string // of the SQLite file
	postgres string // an address, or ""
}

// eachInstallation runs a test on SQLite and on PostgreSQL.
func eachInstallation(t *testing.T, run func(t *testing.T, i *installation)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, newInstallation(t, "")) })
	t.Run("postgres", func(t *testing.T) { run(t, newInstallation(t, dbtest.Postgres(t))) })
}

func newInstallation(t testing.TB, postgres string) *installation {
	t.Helper()
	made, err := theCast()
	if err != nil {
		t.Fatalf("make the cast: %v", err)
	}
	i := &installation{t: t, made: made, dir: t.TempDir(), postgres: postgres}
	if err := os.WriteFile(filepath.Join(i.dir, "doorstep.db"), made.file, 0o600); err != nil {
		t.Fatal(err)
	}
	if postgres != "" {
		c := i.opened(Options{})
		copyRows(t, filepath.Join(i.dir, "doorstep.db"), c)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

func (i *installation) opened(o Options) *Core {
	i.t.Helper()
	o.DataDir, o.Database, o.Keys = i.dir, cmp.Or(o.Database, i.postgres), i.made.keys
	c, err := Open(context.Background(), o)
	if err != nil {
		i.t.Fatalf("open core: %v", err)
	}
	return c
}

// process is what one process of Doorstep holds, by a clock that a test moves: a
// `serve` on PostgreSQL, on SQLite the one `serve` with Exclusive and a console's
// command without.
func (i *installation) process(o Options) *world {
	i.t.Helper()
	clock := &testClock{now: testStart}
	if o.Clock == nil {
		o.Clock = clock.Now
	}
	w := i.running(o)
	w.clock = clock
	return w
}

// running is process by the computer's own clock, unless a clock is given.
func (i *installation) running(o Options) *world {
	i.t.Helper()
	w := &world{t: i.t, cast: i.made.people, fault: &fault{}}
	if o.BeforeStatement == nil {
		o.BeforeStatement = w.fault.before
	}
	w.Core = i.opened(o)
	i.t.Cleanup(func() {
		if err := w.Close(); err != nil && !errors.Is(err, errPlanted) {
			i.t.Errorf("close core: %v", err)
		}
	})
	return w
}

// opens makes a session without a password and without a code, which cost time.
func (w *world) opens(name string) *Session {
	w.t.Helper()
	return w.opensWith(name, sessionProof{secondStep: SecondStepAuthenticator, passwordAt: w.Now()})
}

func (w *world) opensWith(name string, proof sessionProof) *Session {
	w.t.Helper()
	var s *Session
	w.ok(w.keepCount(w.ctx(), func(t *tx) error {
		u, err := oneUser(t, `u.id = $1`, w.cast[name].id)
		if err != nil {
			return err
		}
		s, err = t.openSession(u, testOrigin, proof)
		return err
	}))
	return s
}

// sql changes rows past the verbs, and past this process's memory.
func (w *world) sql(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Migrations().ExecContext(w.ctx(), query, args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// remembered says whether a token is answered from memory now.
func (w *world) remembered(s *Session) bool {
	key, _ := keyOf(s.Token, tokenOfSession)
	return w.sessions.get(key, w.sessions.own(), w.Core.clock().UnixMilli()) != nil
}

// remembers asks until a session is answered from memory, so that the test is about it.
func (w *world) remembers(s *Session) {
	w.t.Helper()
	for begun := time.Now(); !w.remembered(s); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			w.t.Fatal("the session is never answered from memory")
		}
		_, err := w.Session(w.ctx(), s.Token)
		w.ok(err)
	}
}
