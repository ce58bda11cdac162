package db_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// TestDeadlockIsRetried: two transactions that take two rows in opposite orders. PostgreSQL ends one, which runs again.
//
// ASVS 15.4.3
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	d := open(t, db.Options{Postgres: dbtest.Postgres(t)})
	ctx := t.Context()
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0), (2, 'two', 0)`)
	var runs atomic.Int64
	var both sync.WaitGroup
	both.Add(2)
	race(2, func(i int) {
		first := true
		err := d.Write(ctx, func(tx *db.Tx) error {
			runs.Add(1)
			for step := range 2 {
				if _, err := tx.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = $1`, 1+(i+step)%2); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait() // until the other has its first row too
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	if n := runs.Load(); n != 3 {
		t.Errorf("%d runs, want 3", n)
	}
	if n := number(t, d, `SELECT SUM(n) FROM things`); n != 4 {
		t.Errorf("sum %d, want 4: a run counted twice or not at all", n)
	}
}

// TestRetryOnce: 40001 and 40P01 get one more try, even if fn hides the error; nothing else does.
func TestRetryOnce(t *testing.T) {
	d := open(t, db.Options{Postgres: dbtest.Postgres(t)})
	ctx := t.Context()
	for _, test := range []struct {
		state    string
		failures int // of the first runs
		hide     bool
		runs     int
		ok       bool
	}{
		{"40001", 1, false, 2, true},
		{"40P01", 1, true, 2, true},
		{"40001", 9, false, 2, false},
		{"23505", 1, false, 1, false},
		{"57014", 1, false, 1, false},
	} {
		runs := 0
		err := d.Write(ctx, func(tx *db.Tx) error {
			runs++
			if runs > test.failures {
				return nil
			}
			err := raise(ctx, tx, test.state)
			if test.hide {
				return errMine
			}
			return err
		})
		if runs != test.runs || (err == nil) != test.ok {
			t.Errorf("%s: %d runs, %v", test.state, runs, err)
		}
		if db.IsUnique(err) != (test.state == "23505") {
			t.Errorf("%s: IsUnique = %v", test.state, db.IsUnique(err))
		}
	}
}

// raise makes the server answer with a SQLSTATE.
func raise(ctx context.Context, tx *db.Tx, state string) error {
	_, err := tx.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '`+state+`'; END $$`)
	return err
}

// TestPoolSize: pool_max_conns in the address works (through sql.Open("pgx") it would fail at the first connection).
func TestPoolSize(t *testing.T) {
	t.Parallel()
	d := open(t, db.Options{Postgres: dbtest.Postgres(t) + "&pool_max_conns=3"})
	var most atomic.Int64
	race(12, func(int) {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			var n int64
			err := tx.QueryRow(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity, pg_sleep(0.01) WHERE query LIKE $1`, "%pg_stat_activity, pg_sleep%").Scan(&n)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	if n := most.Load(); n > 3 || n < 1 {
		t.Errorf("%d connections at once", n)
	}
}

// TestPostgresRefusals: sentences, and never the password.
func TestPostgresRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for address, want := range map[string]string{
		"postgres://u:hunter2@" + closed.Addr().String() + "/d":                              "cannot reach PostgreSQL at " + closed.Addr().String() + ": connect: connection refused",
		"postgres://u:hunter2@/d?host=" + url.QueryEscape(dir):                               "cannot reach PostgreSQL at " + dir,
		"postgres://u:hunter2@" + silent.Addr().String() + "/d?connect_timeout=1":            "cannot reach PostgreSQL at " + silent.Addr().String() + ": no answer in time",
		"postgres://u:hunter2@[::1/d":                                                        "address cannot be read",
		"postgres://u:hun/ter2@host:x/d":                                                     "address cannot be read",
		"postgres://u:hunter2@" + closed.Addr().String() + "/d?pool_max_conns=hunter2":       "address cannot be read",
		"postgres://u:hunter2@" + closed.Addr().String() + "/d?sslmode=disable&sslcert=gone": "cannot",
	} {
		begun := time.Now()
		d, err := db.Open(t.Context(), db.Options{Postgres: address})
		if err == nil {
			d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2@") {
			t.Errorf("the password is shown: %v", err)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("not one line: %v", err)
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("%s: took %v", address, took)
		}
		if strings.HasPrefix(want, "cannot reach") && !db.IsUnavailable(err) {
			t.Errorf("not unavailable: %v", err)
		}
	}
}

// TestServerGone: the server crashes and comes back. Meanwhile errors that IsUnavailable knows; afterwards the same DB
// works from the first call on, although every pooled connection is dead.
func TestServerGone(t *testing.T) {
	t.Parallel()
	c, err := dbtest.Start(dbtest.Settings{})
	if errors.Is(err, dbtest.ErrMissing) {
		dbtest.Postgres(t) // says so
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	d := open(t, db.Options{Postgres: c.URL()})
	ctx := t.Context()
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
	increment := func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = $1`, 1)
		return err
	}
	var n int64
	for round := range 2 {
		race(8, func(int) { d.Write(ctx, increment) }) // fill the pool
		before := number(t, d, `SELECT n FROM things`)
		err := d.Write(ctx, func(tx *db.Tx) error {
			if err := increment(tx); err != nil {
				return err
			}
			if err := c.Pause(); err != nil {
				t.Error(err)
			}
			return increment(tx)
		})
		if !db.IsUnavailable(err) {
			t.Errorf("crash in a transaction: %v", err)
		}
		for what, err := range map[string]error{
			"write": d.Write(ctx, increment),
			"read":  d.Read().QueryRow(ctx, `SELECT n FROM things`).Scan(&n),
			"ping":  d.Ping(ctx),
		} {
			if !db.IsUnavailable(err) {
				t.Errorf("%s without a server: %v", what, err)
			}
		}
		if err := c.Resume(); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			err = d.Write(ctx, increment)
		} else {
			err = d.Read().QueryRow(ctx, `SELECT n FROM things`).Scan(&n)
		}
		if err != nil {
			t.Errorf("the first call after the restart: %v", err)
		}
		if now := number(t, d, `SELECT n FROM things`); now != before+1-int64(round) {
			t.Errorf("n = %d after %d", now, before)
		}
	}
	// A restart between two calls, unnoticed.
	race(8, func(int) { d.Write(ctx, increment) })
	if err := errors.Join(c.Pause(), c.Resume()); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(ctx, increment); err != nil {
		t.Errorf("write after an unnoticed restart: %v", err)
	}
}

// TestDeadConnections: all pooled connections die at once and unnoticed (a restart, a proxy that forgets). The next call
// does not hear of it.
func TestDeadConnections(t *testing.T) {
	address := dbtest.Postgres(t)
	d, admin := open(t, db.Options{Postgres: address + "&application_name=victim"}), openEmpty(t, db.Options{Postgres: address})
	ctx := t.Context()
	for name, use := range map[string]func() error{
		"read":  func() error { return d.Read().QueryRow(ctx, countThings).Scan(new(int64)) },
		"write": func() error { return d.Write(ctx, func(tx *db.Tx) error { return addThing(ctx, tx, 1, "one") }) },
	} {
		race(8, func(int) { number(t, d, `SELECT COUNT(*) FROM pg_sleep(0.02)`) }) // fill the pool
		killed := number(t, admin, `SELECT COUNT(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity WHERE application_name = 'victim'`)
		if err := use(); err != nil || killed < 4 {
			t.Errorf("%s after %d connections died: %v", name, killed, err)
		}
	}
}

// TestVerifiedTLS: an address on another machine without an sslmode is not used in plain text.
//
// ASVS 12.3.1, ASVS 12.3.2
func TestVerifiedTLS(t *testing.T) {
	t.Parallel()
	// A name under .invalid never resolves, so nothing is sent; the sentence tells what would have been asked for.
	for address, hint := range map[string]bool{
		"postgres://u@db.invalid/d":                 true,
		"host=db.invalid user=u":                    true,
		"postgres://u@db.invalid/d?sslmode=disable": false,
		"postgres://u@localhost:1/d":                false,
		"postgres://u@[::1]:1/d":                    false,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		_, err := db.Open(ctx, db.Options{Postgres: address})
		cancel()
		if err == nil || strings.Contains(err.Error(), "TLS with a verified certificate") != hint {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestPostgresErrors: real answers of a real server.
func TestPostgresErrors(t *testing.T) {
	address := dbtest.Postgres(t)
	d := open(t, db.Options{Postgres: address})
	admin := openEmpty(t, db.Options{Postgres: address})
	ctx := t.Context()
	in := func(texts ...string) error {
		return d.Write(ctx, func(tx *db.Tx) error {
			for _, text := range texts {
				if _, err := tx.Exec(ctx, text); err != nil {
					return err
				}
			}
			return nil
		})
	}
	insert := `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`
	killed := func() error {
		return d.Write(ctx, func(tx *db.Tx) error {
			var pid int64
			if err := tx.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
				return err
			}
			exec(t, admin, fmt.Sprintf(`SELECT pg_terminate_backend(%d, 1000)`, pid))
			_, err := tx.Exec(ctx, insert)
			return err
		})
	}
	missing := func() error {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		u.Path = "/missing"
		_, err = db.Open(ctx, db.Options{Postgres: u.String()})
		return err
	}
	full := func() error { // its sorting must not touch the disk, but has to
		return in(`SET LOCAL work_mem = '64kB'`, `SET LOCAL temp_file_limit = '0'`,
			`SELECT COUNT(*) FROM (SELECT g FROM generate_series(1, 50000) g ORDER BY -g OFFSET 1) s`)
	}
	for name, test := range map[string]struct {
		err                 error
		unique, unavailable bool
	}{
		"administrator ends the connection": {killed(), false, true},
		"no such database (3D000)":          {missing(), false, true},
		"no temporary space (53400)":        {full(), false, true},
		"read only (25006)":                 {in(`SET TRANSACTION READ ONLY`, insert), false, true},
		"statement timeout (57014)":         {in(`SET LOCAL statement_timeout = 1`, `SELECT pg_sleep(5)`), false, true},
		"unique (23505)":                    {in(insert, insert), true, false},
		"foreign syntax (42601)":            {in(`SELEC 1`), false, false},
		"not null (23502)":                  {in(`INSERT INTO things (id, n) VALUES (9, 9)`), false, false},
	} {
		if test.err == nil || db.IsUnique(test.err) != test.unique || db.IsUnavailable(test.err) != test.unavailable {
			t.Errorf("%s: unique %v, unavailable %v: %v", name, db.IsUnique(test.err), db.IsUnavailable(test.err), test.err)
		}
	}
	if n := number(t, d, countThings); n != 0 {
		t.Errorf("%d rows are there", n)
	}
}
