package db_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// open opens a fresh database with one table and closes it with the test.
func open(t testing.TB, o db.Options) *db.DB {
	t.Helper()
	d := openEmpty(t, o)
	exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, n BIGINT NOT NULL, blob BYTEA, done BOOLEAN NOT NULL DEFAULT FALSE)`)
	return d
}

func openEmpty(t testing.TB, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// exec runs one statement in a transaction of its own and returns how many rows it changed.
func exec(t testing.TB, d *db.DB, query string, args ...any) (rows int64) {
	t.Helper()
	err := d.Write(context.Background(), func(tx *db.Tx) (err error) {
		rows, err = tx.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows
}

// number reads one number outside any transaction.
func number(t testing.TB, d *db.DB, query string, args ...any) (n int64) {
	t.Helper()
	if err := d.Read().QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// addThing is one INSERT.
func addThing(ctx context.Context, tx *db.Tx, id int64, name string) error {
	_, err := tx.Exec(ctx, `INSERT INTO things (id, name, n) VALUES ($1, $2, 0)`, id, name)
	return err
}

const countThings = `SELECT COUNT(*) FROM things`

// TestOneText: what dependencies.md promises of the SQL that both engines take.
func TestOneText(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		if want := strings.TrimPrefix(t.Name(), "TestOneText/"); d.Engine() != want {
			t.Errorf("Engine() = %q, want %q", d.Engine(), want)
		}
		exec(t, d, `INSERT INTO things (name, id, n, blob, done) VALUES ($2, $1, $1, $3, $4)`, int64(7), "seven", []byte("0123\x00\xff"), true)
		// Out of order and repeated parameters, RETURNING, BOOLEAN, ON CONFLICT.
		var name string
		var blob []byte
		var done bool
		err := d.Write(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(ctx, `UPDATE things SET n = $2 WHERE id = $1 AND n < $2 AND done RETURNING name, blob, done`, 7, 8).
				Scan(&name, &blob, &done)
		})
		if err != nil || name != "seven" || string(blob) != "0123\x00\xff" || !done {
			t.Errorf("got %q %q %v, %v", name, blob, done, err)
		}
		if n := exec(t, d, `INSERT INTO things (id, name, n) VALUES (7, 'other', 0) ON CONFLICT (id) DO NOTHING`); n != 0 {
			t.Errorf("ON CONFLICT DO NOTHING changed %d rows", n)
		}
		err = d.Read().QueryRow(ctx, `SELECT name FROM things WHERE id = $1`, 8).Scan(&name)
		if !isNoRows(err) {
			t.Errorf("no row: %v", err)
		}
		if err := d.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestNoDatabaseNamed(t *testing.T) {
	if _, err := db.Open(t.Context(), db.Options{}); err == nil {
		t.Error("opened nothing")
	}
}

// TestClose: it waits for the running transaction, and what comes later is unavailable, not a puzzle.
func TestClose(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		inside, finished := make(chan bool), make(chan error, 1)
		go func() {
			finished <- d.Write(ctx, func(tx *db.Tx) error {
				close(inside)
				time.Sleep(50 * time.Millisecond)
				return addThing(ctx, tx, 1, "one")
			})
		}()
		<-inside
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-finished; err != nil {
			t.Errorf("the running transaction: %v", err)
		}
		var n int64
		for what, err := range map[string]error{
			"write": d.Write(ctx, func(tx *db.Tx) error { return addThing(ctx, tx, 2, "two") }),
			"read":  d.Read().QueryRow(ctx, countThings).Scan(&n),
			"ping":  d.Ping(ctx),
		} {
			if !db.IsUnavailable(err) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
		if err := d.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		again := openEmpty(t, o)
		if n := number(t, again, countThings); n != 1 {
			t.Errorf("%d rows after opening again, want 1", n)
		}
		if o.SQLite != "" {
			again.Close()
			left, err := filepath.Glob(filepath.Join(filepath.Dir(o.SQLite), "*"))
			if err != nil || len(left) != 1 {
				t.Errorf("files left after Close: %q, %v", left, err)
			}
		}
	})
}

// isNoRows: it must pass through as it is.
func isNoRows(err error) bool { return err == sql.ErrNoRows }
