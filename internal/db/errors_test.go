package db_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// TestErrorsAlike: the same mistakes are the same kind of error on both engines.
func TestErrorsAlike(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
		exec(t, d, `CREATE TABLE parts (id BIGINT PRIMARY KEY, thing BIGINT NOT NULL REFERENCES things (id), n BIGINT CHECK (n > 0))`)
		try := func(query string, args ...any) error {
			return d.Write(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, query, args...)
				return err
			})
		}
		for name, test := range map[string]struct {
			err    error
			unique bool
		}{
			"primary key":          {try(`INSERT INTO things (id, name, n) VALUES (1, 'two', 0)`), true},
			"unique column":        {try(`INSERT INTO things (id, name, n) VALUES (2, 'one', 0)`), true},
			"unique by update":     {try(`INSERT INTO things (id, name, n) VALUES (3, 'three', 0), (4, 'three', 0)`), true},
			"not null":             {try(`INSERT INTO things (id, n) VALUES (2, 0)`), false},
			"check":                {try(`INSERT INTO parts (id, thing, n) VALUES (1, 1, 0)`), false},
			"foreign key":          {try(`INSERT INTO parts (id, thing, n) VALUES (1, 2, 1)`), false},
			"no such table":        {try(`UPDATE nothing SET n = 1`), false},
			"syntax":               {try(`UPDATE UPDATE`), false},
			"parameter missing":    {try(`UPDATE things SET n = $1 WHERE id = $2`, 1), false},
			"somebody went away":   {fmt.Errorf("x: %w", context.Canceled), false},
			"nothing":              {nil, false},
			"no row":               {sql.ErrNoRows, false},
			"another's own error":  {errors.New("UNIQUE constraint failed; database is locked; SQLSTATE 23505"), false},
			"the transaction over": {sql.ErrTxDone, false},
		} {
			if test.err == nil && name != "nothing" {
				t.Errorf("%s: no error", name)
			}
			if db.IsUnique(test.err) != test.unique || db.IsUnavailable(test.err) {
				t.Errorf("%s: unique %v, unavailable %v: %v", name, db.IsUnique(test.err), db.IsUnavailable(test.err), test.err)
			}
			if wrapped := fmt.Errorf("add a thing: %w", test.err); test.unique && !db.IsUnique(wrapped) {
				t.Errorf("%s: not unique once wrapped", name)
			}
		}
		if n := number(t, d, `SELECT SUM(id) FROM things`); n != 1 {
			t.Errorf("something is left: %d", n)
		}
	})
}

// Text by kind, and by method.
type (
	name string
	mask struct{ text string }
)

func (m mask) Value() (driver.Value, error) { return m.text, nil }

// TestBadText: NUL bytes and invalid UTF-8 are refused alike, whatever they hide in, and are not repeated in the error.
func TestBadText(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		for _, bad := range []string{"sec\x00ret", "\x00", "sec\xffret", "\xed\xa0\x80", "sec\xc3"} {
			for _, arg := range []any{bad, &bad, name(bad), mask{bad}, &mask{bad}, sql.NullString{String: bad, Valid: true}, &sql.NullString{String: bad, Valid: true}} {
				writing := d.Write(ctx, func(tx *db.Tx) error {
					_, err := tx.Exec(ctx, `INSERT INTO things (id, name, n) VALUES ($1, $2, 0)`, 1, arg)
					return err
				})
				var n int64
				asking := d.Write(ctx, func(tx *db.Tx) error {
					return tx.QueryRow(ctx, `SELECT n FROM things WHERE name = $1`, arg).Scan(&n)
				})
				reading := d.Read().QueryRow(ctx, `SELECT n FROM things WHERE name = $1`, arg).Scan(&n)
				for _, err := range []error{writing, asking, reading} {
					if err == nil || isNoRows(err) || !strings.Contains(err.Error(), "UTF-8") || strings.Contains(err.Error(), "ret") {
						t.Errorf("%T %q: %v", arg, bad, err)
					}
				}
			}
		}
		var none *string
		var nobody *mask
		for i, good := range []any{"naïve ✓ \U0001F511", name("plain"), &[]string{"by pointer"}[0], sql.NullString{String: "valid", Valid: true}} {
			exec(t, d, `INSERT INTO things (id, name, n) VALUES ($1, $2, 0)`, i, good)
		}
		for _, null := range []any{nil, none, nobody, sql.NullString{}} {
			if n := exec(t, d, `UPDATE things SET name = 'x' WHERE name = $1`, null); n != 0 {
				t.Errorf("%T matched %d rows", null, n)
			}
		}
		if n := exec(t, d, `UPDATE things SET blob = $1`, []byte("any \x00\xff bytes")); n != 4 {
			t.Errorf("%d rows", n)
		}
		var back string
		if err := d.Read().QueryRow(ctx, `SELECT name FROM things WHERE id = 0`).Scan(&back); err != nil || back != "naïve ✓ \U0001F511" {
			t.Errorf("%q, %v", back, err)
		}
		// Inside the text of a query it is an error too, not a panic.
		if err := d.Read().QueryRow(ctx, "SELECT n FROM things WHERE name = 'a\x00b'").Scan(new(int64)); err == nil {
			t.Error("a NUL byte in a query went through")
		}
	})
}
