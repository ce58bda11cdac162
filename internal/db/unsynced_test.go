package db_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// syncing is how the engine syncs the commit of the transaction that it is asked in.
func syncing(tx *db.Tx, d *db.DB) (s string, err error) {
	query := `PRAGMA synchronous`
	if d.Engine() == "postgres" {
		query = `SHOW synchronous_commit`
	}
	err = tx.QueryRow(context.Background(), query).Scan(&s)
	return s, err
}

// TestUnsynced: however an unsynced transaction ends, the next Write is synced again; and apart from the sync it is one
// like any other.
func TestUnsynced(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		endings := map[string]func(ctx context.Context, cancel func(), tx *db.Tx) error{
			"done":                              func(context.Context, func(), *db.Tx) error { return nil },
			"error":                             func(context.Context, func(), *db.Tx) error { return errMine },
			"panic":                             func(context.Context, func(), *db.Tx) error { panic(errMine) },
			"goexit":                            func(context.Context, func(), *db.Tx) error { runtime.Goexit(); return nil },
			"cancelled, and fn does not notice": func(_ context.Context, cancel func(), _ *db.Tx) error { cancel(); return nil },
			"cancelled in a statement": func(ctx context.Context, cancel func(), tx *db.Tx) error {
				time.AfterFunc(30*time.Millisecond, cancel)
				_, err := tx.Exec(ctx, `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000000)
					UPDATE things SET n = (SELECT COUNT(*) FROM c)`)
				return err
			},
			"failed statement": func(ctx context.Context, _ func(), tx *db.Tx) error { return addThing(ctx, tx, 1, "again") },
			"rows left open": func(ctx context.Context, _ func(), tx *db.Tx) error {
				_, err := tx.Query(ctx, `SELECT id FROM things`)
				return err
			},
			"failed commit": func(ctx context.Context, _ func(), tx *db.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO parts (id, thing) VALUES (1, 99)`)
				return err
			},
			"ended by itself": func(ctx context.Context, _ func(), tx *db.Tx) error {
				_, err := tx.Exec(ctx, `ROLLBACK`)
				return errors.Join(err, errMine)
			},
		}
		d := open(t, o)
		on, off := "2", "1"
		if d.Engine() == "postgres" {
			on, off = "on", "off"
		}
		exec(t, d, `CREATE TABLE parts (id BIGINT PRIMARY KEY, thing BIGINT NOT NULL REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)`)
		for name, end := range endings {
			done := make(chan bool)
			go func() { // of its own, for Goexit
				defer close(done)
				defer func() {
					if panicked := recover(); (panicked == errMine) != (name == "panic") {
						t.Errorf("%s: panic with %v", name, panicked)
					}
				}()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err := d.WriteUnsynced(ctx, func(tx *db.Tx) error {
					if s, err := syncing(tx, d); err != nil || s != off {
						t.Errorf("%s: inside of WriteUnsynced it is %q, %v", name, s, err)
					}
					if err := addThing(ctx, tx, 1, "one"); err != nil {
						return err
					}
					return end(ctx, cancel, tx)
				})
				if (err == nil) != (name == "done") {
					t.Errorf("%s: %v", name, err)
				}
			}()
			<-done
			want := int64(0)
			if name == "done" {
				want = 1
			}
			if n := number(t, d, countThings); n != want {
				t.Errorf("%s: %d things", name, n)
			}
			race(3, func(int) { // on PostgreSQL, several connections
				err := d.Write(t.Context(), func(tx *db.Tx) error {
					s, err := syncing(tx, d)
					if s != on {
						t.Errorf("%s: inside of the next Write it is %q", name, s)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
			exec(t, d, `DELETE FROM things`)
		}
	})
}

// TestUnsyncedCannotBegin: the connection syncs again also when there was no transaction.
func TestUnsyncedCannotBegin(t *testing.T) {
	path := dbtest.SQLite(t)
	d, other := open(t, db.Options{SQLite: path}), openEmpty(t, db.Options{SQLite: path})
	if _, err := d.Migrations().Exec(`PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	err := other.Write(t.Context(), func(*db.Tx) error {
		for _, wait := range []time.Duration{time.Minute, 0, 20 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			if err := d.WriteUnsynced(ctx, func(*db.Tx) error { return nil }); !db.IsUnavailable(err) {
				t.Errorf("begun beside another writer: %v", err)
			}
			cancel()
			var s string
			if err := d.Migrations().QueryRow(`PRAGMA synchronous`).Scan(&s); err != nil || s != "2" {
				t.Errorf("synchronous = %s, %v", s, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestUnsyncedJoins: where a synced transaction waits for its commit, an unsynced one goes with it.
func TestUnsyncedJoins(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		for id := range int64(4) {
			l.stand(func() {
				err := l.d.WriteUnsynced(t.Context(), func(tx *db.Tx) error {
					if s, err := syncing(tx, l.d); err != nil || s != "2" {
						t.Errorf("synchronous = %s, %v", s, err)
					}
					return addThing(t.Context(), tx, id+1, fmt.Sprint("thing ", id))
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		l.goOn()
		l.wantThings(0, 1, 2, 3, 4)
		if n := l.commits.Load(); n != 1 {
			t.Errorf("%d commits", n)
		}
	})
}

// TestKilled: what a process has reported as done, synced or not, is there after it was killed, and nothing by halves.
//
// P1
func TestKilled(t *testing.T) {
	t.Parallel()
	path := dbtest.SQLite(t)
	d := open(t, db.Options{SQLite: path})
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (0, 'sum', 0)`)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	reported := 0
	for round := range 3 {
		cmd := child(t, path, fmt.Sprint("write ", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var names []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if name, is := strings.CutPrefix(lines.Text(), "done "); is {
				names = append(names, name)
			}
			if len(names) == 300 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait()
		reported += len(names)
		d := openEmpty(t, db.Options{SQLite: path})
		for _, name := range names {
			if n := number(t, d, `SELECT COUNT(*) FROM things WHERE name = $1`, name); n != 1 {
				t.Errorf("%q was reported as done, %d are there", name, n)
			}
		}
		sum, rows := number(t, d, `SELECT n FROM things WHERE id = 0`), number(t, d, countThings)-1
		if sum != rows || rows < int64(reported) {
			t.Errorf("counted %d, rows %d, reported %d", sum, rows, reported)
		}
		t.Logf("reported %d, found %d", reported, rows)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// childWrites is the process that is killed: 16 writers, who say what is done.
func childWrites(t *testing.T, d *db.DB, round string) {
	race(16, func(worker int) {
		for i := range 100_000 {
			write := d.Write
			if i%4 == 3 {
				write = d.WriteUnsynced
			}
			name := fmt.Sprint(round, "/", worker, "/", i)
			err := write(t.Context(), func(tx *db.Tx) error {
				if _, err := tx.Exec(t.Context(), `UPDATE things SET n = n + 1 WHERE id = 0`); err != nil {
					return err
				}
				_, err := tx.Exec(t.Context(), `INSERT INTO things (id, name, n) SELECT MAX(id) + 1, $1, 0 FROM things`, name)
				return err
			})
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Println("done " + name)
		}
	})
}
