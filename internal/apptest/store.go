package apptest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"doorstep/internal/db"
)

// This file looks at what is stored, past core: for "nothing was changed", for
// "no secret is in it", and to carry a State over to PostgreSQL.

// tablesOf lists our tables in the order of their making, so that a row comes
// after those that it refers to.
func tablesOf(ctx context.Context, sqlite *db.DB) ([]string, error) {
	rows, err := sqlite.Read().Query(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' ORDER BY rowid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		tables = append(tables, name)
	}
	return tables, rows.Err()
}

// table is the rows of one table, as the engine hands them out.
type table struct {
	name    string
	columns []string
	types   []string
	rows    [][]any
}

func readTable(ctx context.Context, d *db.DB, name string) (*table, error) {
	rows, err := d.Read().Query(ctx, `SELECT * FROM `+name+` ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	t := &table{name: name}
	if t.columns, err = rows.Columns(); err != nil {
		return nil, err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	for _, column := range types {
		t.types = append(t.types, column.DatabaseTypeName())
	}
	for rows.Next() {
		values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range into {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		t.rows = append(t.rows, values)
	}
	return t, rows.Err()
}

// tablesIn reads all that a SQLite file holds.
func tablesIn(file []byte) ([]*table, error) {
	dir, err := os.MkdirTemp("", "doorstep-rows-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "doorstep.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return nil, err
	}
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{SQLite: path})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := tablesOf(ctx, d)
	if err != nil {
		return nil, err
	}
	var tables []*table
	for _, name := range names {
		t, err := readTable(ctx, d, name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// put makes a migrated database hold these rows and no others.
func put(ctx context.Context, tables []*table, to *db.DB) error {
	return to.Write(ctx, func(tx *db.Tx) error {
		guard, err := dropGuards(ctx, tx, to.Engine())
		if err != nil {
			return err
		}
		for _, t := range slices.Backward(tables) {
			if _, err := tx.Exec(ctx, `DELETE FROM `+t.name); err != nil {
				return err
			}
		}
		for _, again := range guard {
			if _, err := tx.Exec(ctx, again); err != nil {
				return err
			}
		}
		for _, t := range tables {
			if err := t.insert(ctx, tx); err != nil {
				return fmt.Errorf("put the rows of %s: %w", t.name, err)
			}
		}
		return nil
	})
}

// dropGuards does what only the owner of a database can: it takes the triggers off
// the audit log, and returns the statements that put them back.
func dropGuards(ctx context.Context, tx *db.Tx, engine string) (again []string, err error) {
	if engine == Postgres {
		_, err := tx.Exec(ctx, `ALTER TABLE audit_events DISABLE TRIGGER USER`)
		return []string{`ALTER TABLE audit_events ENABLE TRIGGER USER`}, err
	}
	rows, err := tx.Query(ctx, `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_events'`)
	if err != nil {
		return nil, err
	}
	var names []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		names, again = append(names, name), append(again, text)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := tx.Exec(ctx, `DROP TRIGGER `+name); err != nil {
			return nil, err
		}
	}
	return again, nil
}

func (t *table) insert(ctx context.Context, tx *db.Tx) error {
	marks := make([]string, len(t.columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	insert := `INSERT INTO ` + t.name + ` (` + strings.Join(t.columns, ", ") + `) VALUES (` + strings.Join(marks, ", ") + `)`
	for _, row := range t.rows {
		values := slices.Clone(row)
		for i, kind := range t.types {
			if n, isNumber := values[i].(int64); isNumber && kind == "BOOLEAN" {
				values[i] = n != 0
			}
			if b, isBytes := values[i].([]byte); isBytes && b == nil || kind == "BYTEA" && values[i] == nil {
				values[i] = []byte{} // no column of ours is NULL; an empty text of bytes comes back as nil
			}
		}
		if _, err := tx.Exec(ctx, insert, values...); err != nil {
			return err
		}
	}
	return nil
}

// Storage is where the App keeps everything.
func (a *App) Storage() db.Options {
	return db.Options{SQLite: filepath.Join(a.dir, "doorstep.db"), Postgres: a.postgres}
}

// store opens a second handle to the App's database, as somebody with a copy of
// it would.
func (a *App) store() *db.DB {
	a.t.Helper()
	a.opening.Do(func() {
		d, err := db.Open(context.Background(), a.Storage())
		if err != nil {
			a.t.Fatalf("open the store beside the program: %v", err)
		}
		a.beside = d
	})
	return a.beside
}

// Count runs a query that answers one number.
func (a *App) Count(query string, args ...any) int {
	a.t.Helper()
	var n int
	if err := a.store().Read().QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		a.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Change writes past core, as somebody does who can write the database and has not the
// keys.
func (a *App) Change(query string, args ...any) {
	a.t.Helper()
	err := a.store().Write(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		a.t.Fatalf("%s: %v", query, err)
	}
	a.Core.Forget()
}

// Events counts what the audit log says of an event about somebody.
func (a *App) Events(event, about string) int {
	a.t.Helper()
	return a.Count(`SELECT COUNT(*) FROM audit_events WHERE event = $1 AND target_id = $2`, event, a.Person(about).ID)
}

// Tables are the names of our tables.
func (a *App) Tables() []string {
	a.t.Helper()
	ctx := context.Background()
	if a.Engine == SQLite {
		tables, err := tablesOf(ctx, a.store())
		if err != nil {
			a.t.Fatal(err)
		}
		return tables
	}
	rows, err := a.store().Read().Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'goose_%' ORDER BY tablename`)
	if err != nil {
		a.t.Fatal(err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			a.t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		a.t.Fatal(err)
	}
	return tables
}

// Dump writes every row of every table but the named ones, bytes in hexadecimal:
// two equal dumps mean that nothing was changed. It leaves out the columns called
// version: taking a row's lock moves them, whatever is done under it; and what
// replicas tell each other about the sessions they have in memory. Rows have no order
// of their own, and a transaction that was rolled back may leave PostgreSQL another one.
func (a *App) Dump(except ...string) string {
	a.t.Helper()
	var b strings.Builder
	for _, name := range a.Tables() {
		if slices.Contains(except, name) || name == "session_changes" {
			continue
		}
		t, err := readTable(context.Background(), a.store(), name)
		if err != nil {
			a.t.Fatalf("read %s: %v", name, err)
		}
		var lines []string
		for _, row := range t.rows {
			var line strings.Builder
			for i, v := range row {
				if t.columns[i] == "version" {
					continue
				}
				if raw, is := v.([]byte); is || v == nil { // an empty text of bytes is read as nil, and put back as empty
					v = hex.EncodeToString(raw)
				}
				fmt.Fprintf(&line, "  %s=%v", t.columns[i], v)
			}
			lines = append(lines, line.String())
		}
		slices.Sort(lines)
		fmt.Fprintf(&b, "%s\n%s\n", name, strings.Join(lines, "\n"))
	}
	return b.String()
}

// Bytes is everything that the store keeps, as a thief of it would search it: on
// SQLite the files as they lie on the disk, on PostgreSQL every value of every
// table.
func (a *App) Bytes() []byte {
	a.t.Helper()
	all := []byte(a.Dump())
	if a.Engine != SQLite {
		for _, name := range a.Tables() {
			t, err := readTable(context.Background(), a.store(), name)
			if err != nil {
				a.t.Fatal(err)
			}
			for _, row := range t.rows {
				for _, v := range row {
					if raw, is := v.([]byte); is || v == nil { // an empty text of bytes is read as nil, and put back as empty
						all = append(all, raw...)
					}
				}
			}
		}
		return all
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "*"))
	if err != nil {
		a.t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			a.t.Fatal(err)
		}
		all = append(all, raw...)
	}
	return all
}

// Secrets are the values of all columns that hold bytes or the hash of a password, by
// where they stand: the digests, salts, hashes and sealed keys that are nobody's to see.
func (a *App) Secrets() map[string][]byte {
	a.t.Helper()
	secrets := map[string][]byte{}
	for _, name := range a.Tables() {
		if name == "user_words" { // parts of names, as bytes for their order's sake
			continue
		}
		t, err := readTable(context.Background(), a.store(), name)
		if err != nil {
			a.t.Fatal(err)
		}
		for n, row := range t.rows {
			for i, v := range row {
				raw, _ := v.([]byte)
				if text, is := v.(string); is && strings.HasSuffix(t.columns[i], "_hash") {
					raw = []byte(text)
				}
				if len(raw) >= 8 {
					secrets[fmt.Sprintf("%s.%s (row %d)", name, t.columns[i], n)] = raw
				}
			}
		}
	}
	return secrets
}
