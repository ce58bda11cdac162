package db_test

import (
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/db/dbtest/faulty"
)

// TestOutcomeUnknown: the one error after which a transaction may be committed is
// told from those after which it is not.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	straight := open(t, db.Options{Postgres: address})
	exec(t, straight, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
	wire := faulty.New(t, address)
	var atCommit func() error
	d, err := db.Open(t.Context(), db.Options{Postgres: wire.Address(), BeforeStatement: func(query string) error {
		if query == "COMMIT" && atCommit != nil {
			return atCommit()
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	add := func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE things SET n = n + 1 WHERE id = 1`)
		return err
	}
	soon := func() { time.AfterFunc(200*time.Millisecond, wire.Cut) }
	for _, c := range []struct {
		name          string
		fn            func(tx *db.Tx) error
		atCommit      func() error
		unknown, done bool
	}{
		{"the answer to COMMIT is lost", add, func() error { wire.Mute(); soon(); return nil }, true, true},
		{"COMMIT is on its way when the connection is cut", add, func() error { wire.Block(); soon(); return nil }, true, false},
		{"the connection is cut before", func(tx *db.Tx) error {
			if err := add(tx); err != nil {
				return err
			}
			wire.Cut()
			return add(tx)
		}, nil, false, false},
		{"the server ends the connection before", func(tx *db.Tx) error {
			var pid int64
			if err := tx.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
				return err
			}
			exec(t, straight, `SELECT pg_terminate_backend($1, 1000)`, pid)
			return add(tx)
		}, nil, false, false},
	} {
		atCommit = c.atCommit
		before := number(t, straight, `SELECT n FROM things`)
		err := d.Write(t.Context(), c.fn)
		wire.Mend()
		if !db.IsUnavailable(err) || db.IsOutcomeUnknown(err) != c.unknown {
			t.Errorf("%s: unavailable %v, outcome unknown %v: %v", c.name, db.IsUnavailable(err), db.IsOutcomeUnknown(err), err)
		}
		time.Sleep(50 * time.Millisecond) // what was blocked is lost with the connection
		if done := number(t, straight, `SELECT n FROM things`) != before; done != c.done {
			t.Errorf("%s: done %v", c.name, done)
		}
	}
}
