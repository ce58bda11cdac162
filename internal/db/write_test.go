package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

var errMine = errors.New("mine")

// TestGuardedUpdate: of 100 who want the same step, one gets it.
//
// ASVS 15.4.2
func TestGuardedUpdate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'step', 0)`)
		var winners atomic.Int64
		race(100, func(int) {
			err := d.Write(ctx, func(tx *db.Tx) error {
				n, err := tx.Exec(ctx, `UPDATE things SET n = $1 WHERE id = $2 AND n < $1`, 41, 1)
				if err == nil && n == 1 {
					winners.Add(1)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		if n := winners.Load(); n != 1 {
			t.Errorf("%d winners", n)
		}
	})
}

// TestChargeFirst: 300 wrong guesses at once against a limit of 5 are compared 5 times, because each is counted in a
// committed statement of its own before the comparison.
//
// P2
func TestChargeFirst(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'fails', 0)`)
		var compared atomic.Int64
		race(300, func(int) {
			var fails int64
			err := d.Write(ctx, func(tx *db.Tx) error {
				return tx.QueryRow(ctx, `UPDATE things SET n = n + 1 WHERE id = $1 AND n < $2 RETURNING n`, 1, 5).Scan(&fails)
			})
			switch {
			case err == nil:
				compared.Add(1)
			case !isNoRows(err):
				t.Error(err)
			}
		})
		if n := compared.Load(); n != 5 {
			t.Errorf("%d comparisons, want 5", n)
		}
	})
}

// TestRollback: however fn ends, half of it is never there, and the next Write works.
//
// ASVS 2.3.3
func TestRollback(t *testing.T) {
	long := `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000) SELECT COUNT(*) FROM c`
	endings := []struct {
		name string
		end  func(ctx context.Context, cancel func(), tx *db.Tx) error
		want error
	}{
		{"error", func(context.Context, func(), *db.Tx) error { return errMine }, errMine},
		{"panic", func(context.Context, func(), *db.Tx) error { panic(errMine) }, nil},
		{"goexit", func(context.Context, func(), *db.Tx) error { runtime.Goexit(); return nil }, nil},
		{"cancelled, and fn does not notice", func(_ context.Context, cancel func(), _ *db.Tx) error { cancel(); return nil }, context.Canceled},
		{"cancelled between statements", func(ctx context.Context, cancel func(), tx *db.Tx) error {
			cancel()
			return addThing(ctx, tx, 2, "two")
		}, context.Canceled},
		{"cancelled in a statement", func(ctx context.Context, cancel func(), tx *db.Tx) error {
			time.AfterFunc(30*time.Millisecond, cancel)
			var n int64
			return tx.QueryRow(ctx, long).Scan(&n)
		}, context.Canceled},
		{"failed statement passed over", func(ctx context.Context, _ func(), tx *db.Tx) error {
			if err := addThing(ctx, tx, 1, "again"); !db.IsUnique(err) {
				return fmt.Errorf("not unique: %w", err)
			}
			if err := addThing(ctx, tx, 3, "three"); err == nil {
				return errors.New("a statement after a failed one was carried out")
			}
			return nil
		}, nil},
		{"rows left open", func(ctx context.Context, _ func(), tx *db.Tx) error {
			_, err := tx.Query(ctx, `SELECT id FROM things`)
			return err
		}, nil},
		{"statement while rows are open", func(ctx context.Context, _ func(), tx *db.Tx) error {
			rows, err := tx.Query(ctx, `SELECT id FROM things`)
			if err != nil {
				return err
			}
			defer rows.Close()
			return addThing(ctx, tx, 4, "four")
		}, nil},
	}
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		for _, e := range endings {
			t.Run(strings.ReplaceAll(e.name, " ", "-"), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var err error
				var panicked any
				done := make(chan bool)
				go func() { // of its own, for Goexit
					defer close(done)
					defer func() { panicked = recover() }()
					err = errors.New("never returned")
					err = d.Write(ctx, func(tx *db.Tx) error {
						if err := addThing(ctx, tx, 1, "one"); err != nil {
							return err
						}
						return e.end(ctx, cancel, tx)
					})
				}()
				<-done
				if err == nil || e.want != nil && !errors.Is(err, e.want) {
					t.Errorf("Write returned %v, want %v", err, e.want)
				}
				if e.want == errMine && err != errMine {
					t.Errorf("fn's error was changed: %v", err)
				}
				if (panicked != nil) != (e.name == "panic") || panicked != nil && panicked != errMine {
					t.Errorf("panic with %v", panicked)
				}
				if n := number(t, d, countThings); n != 0 {
					t.Errorf("%d rows are there", n)
				}
			})
		}
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
	})
}

// TestFailTheKth: fails every statement of a transaction in turn, and the commit; each time everything is as before.
//
// ASVS 2.3.3, P7, P8
func TestFailTheKth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		var k, seen atomic.Int64
		o.BeforeStatement = func(string) error {
			if seen.Add(1) == k.Load() {
				return errMine
			}
			return nil
		}
		d := open(t, o)
		ctx := t.Context()
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 5)`)
		work := func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = $1`, 1); err != nil {
				return err
			}
			for id := range int64(3) {
				if err := addThing(ctx, tx, 10+id, fmt.Sprint("new ", id)); err != nil {
					return err
				}
			}
			var n int64
			return tx.QueryRow(ctx, `DELETE FROM things WHERE id = $1 RETURNING n`, 10).Scan(&n)
		}
		const statements = 5
		for i := int64(1); i <= statements+1; i++ {
			k.Store(i)
			seen.Store(0)
			if err := d.Write(ctx, work); !errors.Is(err, errMine) {
				t.Errorf("statement %d fails: %v", i, err)
			}
			if sum := number(t, d, `SELECT SUM(id * 100 + n) FROM things`); sum != 105 {
				t.Errorf("statement %d failed and left something: %d", i, sum)
			}
		}
		k.Store(0)
		seen.Store(0)
		if err := d.Write(ctx, work); err != nil {
			t.Error(err)
		}
		if n := seen.Load(); n != statements+1 {
			t.Errorf("the hook was called %d times, want %d", n, statements+1)
		}
		if n := number(t, d, countThings); n != 3 {
			t.Errorf("%d rows, want 3", n)
		}
	})
}

// TestCommitError: a constraint that is checked at COMMIT. The caller must not hear "done".
func TestCommitError(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		exec(t, d, `CREATE TABLE parts (id BIGINT PRIMARY KEY, thing BIGINT NOT NULL REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)`)
		for range 3 {
			err := d.Write(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO parts (id, thing) VALUES (1, 99)`)
				return err
			})
			if err == nil || db.IsUnique(err) || db.IsUnavailable(err) {
				t.Errorf("commit: %v", err)
			}
		}
		if n := number(t, d, `SELECT COUNT(*) FROM parts`); n != 0 {
			t.Errorf("%d rows are there", n)
		}
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (99, 'late', 0)`)
		exec(t, d, `INSERT INTO parts (id, thing) VALUES (1, 99)`)
	})
}

// TestCommitIsNotCutOff: who hangs up during COMMIT does not leave it open whether it happened.
func TestCommitIsNotCutOff(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		ctx, cancel := context.WithCancel(t.Context())
		var armed atomic.Bool
		o.BeforeStatement = func(query string) error {
			if query == "COMMIT" && armed.Load() {
				cancel()
			}
			return nil
		}
		d := open(t, o)
		armed.Store(true)
		err := d.Write(ctx, func(tx *db.Tx) error { return addThing(ctx, tx, 1, "one") })
		if n := number(t, d, countThings); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

// TestStorm: many at once, some cancelled at a random moment. What was reported is what is stored.
func TestStorm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'sum', 0)`)
		var stored atomic.Int64
		race(24, func(worker int) {
			for i := range 15 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%3 == 0 {
					time.AfterFunc(time.Duration(worker*i)*100*time.Microsecond, cancel)
				}
				err := d.Write(ctx, func(tx *db.Tx) error {
					if _, err := tx.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = $1`, 1); err != nil {
						return err
					}
					return addThing(ctx, tx, int64(100*worker+i+1000), fmt.Sprint(worker, "/", i))
				})
				if err == nil {
					stored.Add(1)
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				var n int64
				if err := d.Read().QueryRow(ctx, countThings).Scan(&n); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
		n, rows := number(t, d, `SELECT n FROM things WHERE id = 1`), number(t, d, countThings)-1
		if n != stored.Load() || rows != n {
			t.Errorf("reported %d, counted %d, rows %d", stored.Load(), n, rows)
		}
	})
}

// TestBatchStorm: many at once on SQLite, ending in every way. What each hears is what a fresh reader sees.
func TestBatchStorm(t *testing.T) {
	t.Parallel()
	d := open(t, db.Options{SQLite: dbtest.SQLite(t)})
	exec(t, d, `CREATE TABLE parts (id BIGINT PRIMARY KEY, thing BIGINT NOT NULL REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)`)
	const writers, each = 24, 25
	race(writers, func(worker int) {
		for i := range each {
			id := int64(worker*each + i)
			ctx, cancel := context.WithCancel(t.Context())
			write := d.Write
			if (worker+i)%4 == 0 {
				write = d.WriteUnsynced
			}
			end := (7*worker + 3*i) % 40
			err := errMine // a panic
			func() {
				defer func() { _ = recover() }()
				err = write(ctx, func(tx *db.Tx) error {
					if err := addThing(ctx, tx, id, fmt.Sprint("thing ", id)); err != nil {
						return err
					}
					switch end {
					case 0, 1:
						return errMine
					case 2:
						panic(errMine)
					case 3:
						_, err := tx.Exec(ctx, `INSERT INTO parts (id, thing) VALUES ($1, -1)`, id)
						return err
					case 4: // while it writes
						time.AfterFunc(time.Duration(id%50)*100*time.Microsecond, cancel)
						_, err := tx.Exec(ctx, `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000000)
							INSERT INTO things (id, name, n) SELECT 1000000 + x, 'endless ' || x, 0 FROM c`)
						return err
					case 5, 6, 7:
						time.AfterFunc(time.Duration(id%50)*20*time.Microsecond, cancel)
					}
					return nil
				})
			}()
			if n := number(t, d, `SELECT COUNT(*) FROM things WHERE id = $1`, id); (n == 1) != (err == nil) {
				t.Errorf("ending %d: %d are there, and Write said %v", end, n, err)
			}
			if (end > 7 && err != nil) || (end < 5 && err == nil) {
				t.Errorf("ending %d: %v", end, err)
			}
			cancel()
		}
	})
	if n := number(t, d, `SELECT (SELECT COUNT(*) FROM parts) + (SELECT COUNT(*) FROM things WHERE id > 1000000)`); n != 0 {
		t.Errorf("%d rows too many", n)
	}
}

// race runs f in n goroutines that start together.
func race(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan bool)
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
