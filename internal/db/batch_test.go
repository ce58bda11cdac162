package db_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"modernc.org/sqlite"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// line lets writers form a queue at SQLite's writer, so that it is certain who shares a commit with whom.
type line struct {
	t       *testing.T
	d       *db.DB
	commits atomic.Int64
	refuse  atomic.Bool // the next COMMIT fails
	group   sync.WaitGroup
	release chan bool
}

// inLine runs a test in a bubble, in which a queue can be waited for. The first writer is there already, and stays until
// run calls goOn.
func inLine(t *testing.T, o db.Options, run func(t *testing.T, l *line)) {
	t.Helper()
	if o.SQLite == "" {
		o.SQLite = dbtest.SQLite(t)
	}
	synctest.Test(t, func(t *testing.T) {
		l := &line{t: t, d: open(t, o), release: make(chan bool)}
		l.watch(func() bool { return l.refuse.Swap(false) })
		l.write(func(tx *db.Tx) error {
			<-l.release
			return addThing(t.Context(), tx, 0, "first")
		})
		run(t, l)
	})
}

// watch counts the commits of SQLite itself; one for which stop is true fails. It holds for the present connection.
func (l *line) watch(stop func() bool) {
	l.t.Helper()
	conn, err := l.d.Migrations().Conn(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		c.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
			if stop() {
				return 1
			}
			l.commits.Add(1)
			return 0
		})
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// stand runs work on a goroutine of its own and returns when it waits in the queue.
func (l *line) stand(work func()) {
	l.group.Go(work)
	synctest.Wait()
}

// write is a writer who must succeed.
func (l *line) write(fn func(*db.Tx) error) {
	l.stand(func() {
		if err := l.d.Write(l.t.Context(), fn); err != nil {
			l.t.Error(err)
		}
	})
}

// add is a writer who adds a thing, and returns how often it ran.
func (l *line) add(id int64) (runs *atomic.Int64) {
	runs = new(atomic.Int64)
	l.write(func(tx *db.Tx) error {
		runs.Add(1)
		return addThing(l.t.Context(), tx, id, fmt.Sprint("thing ", id))
	})
	return runs
}

// goOn lets the first writer finish and waits for all.
func (l *line) goOn() {
	close(l.release)
	l.group.Wait()
}

// things are the ids that a reader sees.
func things(t testing.TB, d *db.DB) (ids []int64) {
	t.Helper()
	rows, err := d.Read().Query(context.Background(), `SELECT id FROM things ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func (l *line) wantThings(want ...int64) {
	l.t.Helper()
	if got := things(l.t, l.d); !slices.Equal(got, want) {
		l.t.Errorf("things %v, want %v", got, want)
	}
}

// TestWaitingWritersShareACommit, up to a bound.
func TestWaitingWritersShareACommit(t *testing.T) {
	for _, test := range []struct{ waiting, commits int64 }{{0, 1}, {1, 1}, {32, 1}, {127, 1}, {128, 2}, {300, 3}} {
		inLine(t, db.Options{}, func(t *testing.T, l *line) {
			want := []int64{0}
			for i := range test.waiting {
				l.add(i + 1)
				want = append(want, i+1)
			}
			l.goOn()
			if n := l.commits.Load(); n != test.commits {
				t.Errorf("%d writers waited: %d commits, want %d", test.waiting, n, test.commits)
			}
			l.wantThings(want...)
		})
	}
}

// TestThirtyTwoWriters, as they come.
func TestThirtyTwoWriters(t *testing.T) {
	l := &line{t: t, d: open(t, db.Options{SQLite: dbtest.SQLite(t)})}
	l.watch(func() bool { return false })
	const each = 30
	race(32, func(worker int) {
		for i := range each {
			err := l.d.Write(t.Context(), func(tx *db.Tx) error {
				runtime.Gosched() // with one processor and no real disk, nobody else would ever come
				return addThing(t.Context(), tx, int64(worker*each+i), fmt.Sprint(worker, " ", i))
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	if n := len(things(t, l.d)); n != 32*each {
		t.Errorf("%d things", n)
	}
	if n := l.commits.Load(); n > 32*each/4 {
		t.Errorf("%d commits for %d writes", n, 32*each)
	} else {
		t.Logf("%d commits for %d writes", n, 32*each)
	}
}

// TestWhoComesLaterWaits: during a commit a new queue forms, which shares the next one, in its order.
func TestWhoComesLaterWaits(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		committing := make(chan bool)
		first := true
		close(l.release)
		l.group.Wait()
		l.watch(func() bool {
			if first {
				first = false
				<-committing
			}
			return false
		})
		l.commits.Store(0)
		var order []int
		for i := range 20 {
			l.write(func(*db.Tx) error { order = append(order, i); return nil })
		}
		if !slices.Equal(order, []int{0}) {
			t.Errorf("during the commit of the first, %v have run", order)
		}
		close(committing)
		l.group.Wait()
		if n := l.commits.Load(); n != 2 || !slices.IsSorted(order) || len(order) != 20 {
			t.Errorf("%d commits, in the order %v", n, order)
		}
	})
}

// TestMembersAreApart: whatever one does, it undoes its own work only. And nobody hears "done" or "no" before it is
// certain.
func TestMembersAreApart(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		ctx := t.Context()
		ends := map[string]func(tx *db.Tx, cancel func()) error{
			"refusal":  func(*db.Tx, func()) error { return errMine },
			"panic":    func(*db.Tx, func()) error { panic(errMine) },
			"goexit":   func(*db.Tx, func()) error { runtime.Goexit(); return nil },
			"canceled": func(_ *db.Tx, cancel func()) error { cancel(); return nil },
			"rows open": func(tx *db.Tx, _ func()) error {
				_, err := tx.Query(ctx, `DELETE FROM things WHERE id >= 0 RETURNING id`)
				return err
			},
			"not unique": func(tx *db.Tx, _ func()) error {
				if err := addThing(ctx, tx, 1000, "thing 1000"); err != nil {
					return err
				}
				return addThing(ctx, tx, 1000, "again")
			},
			"passed over": func(tx *db.Tx, _ func()) error {
				_ = addThing(ctx, tx, 1, "again")
				return nil
			},
		}
		want := []int64{0}
		id := int64(0)
		for name, end := range ends {
			l.add(id + 1)
			l.stand(func() {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				var err error
				defer func() {
					panicked := recover()
					if (panicked == errMine) != (name == "panic") {
						t.Errorf("%s: panic with %v", name, panicked)
					}
					switch name {
					case "panic", "goexit":
						return
					case "canceled": // and waits for nobody
						if !errors.Is(err, context.Canceled) {
							t.Errorf("%s: %v", name, err)
						}
						return
					case "refusal":
						if err != errMine {
							t.Errorf("%s: %v", name, err)
						}
					}
					if err == nil {
						t.Errorf("%s: no error", name)
					}
					if n := len(things(t, l.d)); n == 0 {
						t.Errorf("%s: answered before the commit", name)
					}
				}()
				err = l.d.Write(ctx, func(tx *db.Tx) error {
					if _, err := tx.Exec(ctx, `UPDATE things SET n = 99 WHERE id >= 0`); err != nil {
						return err
					}
					if err := addThing(ctx, tx, id+2, fmt.Sprint("thing ", id+2)); err != nil {
						return err
					}
					return end(tx, cancel)
				})
			})
			l.add(id + 3)
			want = append(want, id+1, id+3)
			id += 3
		}
		l.goOn()
		l.wantThings(want...)
		if n := number(t, l.d, `SELECT COUNT(*) FROM things WHERE n <> 0`); n != 0 {
			t.Errorf("%d things were changed", n)
		}
		if n := l.commits.Load(); n != 1 {
			t.Errorf("%d commits", n)
		}
	})
}

// TestFirstMemberFails: alone it hears so at once, and those behind it are not concerned.
func TestFirstMemberFails(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		l.goOn()
		for _, end := range []func() error{func() error { return errMine }, func() error { runtime.Goexit(); return nil }} {
			l.release = make(chan bool)
			l.stand(func() {
				err := errMine
				defer func() {
					if err != errMine {
						t.Error(err)
					}
				}()
				err = l.d.Write(t.Context(), func(tx *db.Tx) error {
					<-l.release
					if err := addThing(t.Context(), tx, 1, "one"); err != nil {
						return err
					}
					return end()
				})
			})
			id := int64(len(things(t, l.d)) + 1)
			l.add(id)
			l.goOn()
		}
		l.wantThings(0, 2, 3)
	})
}

// midStatement is called by the SQL function mid_statement.
var midStatement atomic.Pointer[func()]

func init() {
	sqlite.MustRegisterScalarFunction("mid_statement", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if call := midStatement.Load(); call != nil && args[0] == int64(3) {
			(*call)()
		}
		return args[0], nil
	})
}

// endlessInsert writes until it is stopped.
const endlessInsert = `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000)
	INSERT INTO things (id, name, n) SELECT 1000 + x, 'endless ' || x, mid_statement(x) FROM c`

// TestCancelledMember: who hangs up in the middle of a statement that writes makes SQLite undo the whole batch. The work
// of the others is done all the same, once.
func TestCancelledMember(t *testing.T) {
	for _, place := range []int64{1, 5, 9} {
		inLine(t, db.Options{}, func(t *testing.T, l *line) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			call := func() { cancel() }
			midStatement.Store(&call)
			defer midStatement.Store(nil)
			runs := make(map[int64]*atomic.Int64)
			want := []int64{0}
			refusals := 0
			for id := int64(1); id <= 9; id++ {
				if id == place {
					l.stand(func() {
						err := l.d.Write(ctx, func(tx *db.Tx) error {
							_, err := tx.Exec(ctx, endlessInsert)
							return err
						})
						if !errors.Is(err, context.Canceled) {
							t.Errorf("who hung up: %v", err)
						}
					})
					continue
				}
				if id == 4 { // might have decided on what is undone now
					l.stand(func() {
						err := l.d.Write(t.Context(), func(tx *db.Tx) error {
							refusals++
							return errMine
						})
						if err != errMine {
							t.Error(err)
						}
					})
					continue
				}
				runs[id] = l.add(id)
				want = append(want, id)
			}
			l.goOn()
			l.wantThings(want...)
			for id, n := range runs {
				want := int64(1)
				if id < place {
					want = 2
				}
				if n.Load() != want {
					t.Errorf("%d hung up, %d ran %d times, want %d", place, id, n.Load(), want)
				}
			}
			if (refusals == 2) != (place > 4) {
				t.Errorf("%d hung up, the refused one ran %d times", place, refusals)
			}
		})
	}
}

// TestCancelledReading: a statement that only reads can be cancelled without harm to the others.
func TestCancelledReading(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		call := func() { cancel() }
		midStatement.Store(&call)
		defer midStatement.Store(nil)
		before := l.add(1)
		l.stand(func() {
			err := l.d.Write(ctx, func(tx *db.Tx) error {
				if err := addThing(ctx, tx, 2, "two"); err != nil {
					return err
				}
				return tx.QueryRow(ctx, `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000)
					SELECT SUM(mid_statement(x)) FROM c`).Scan(new(int64))
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("who hung up: %v", err)
			}
		})
		after := l.add(3)
		l.goOn()
		l.wantThings(0, 1, 3)
		if n := l.commits.Load(); n != 1 || before.Load() != 1 || after.Load() != 1 {
			t.Errorf("%d commits, %d and %d runs", n, before.Load(), after.Load())
		}
	})
}

// TestCancelledMemberWaitsForNobody: it has its answer, whatever becomes of the others.
func TestCancelledMemberWaitsForNobody(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		answered := make(chan bool)
		l.stand(func() {
			ctx, cancel := context.WithCancel(t.Context())
			err := l.d.Write(ctx, func(*db.Tx) error { cancel(); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			close(answered)
		})
		l.write(func(*db.Tx) error { <-answered; return nil })
		l.goOn()
		l.wantThings(0)
	})
}

// TestImpatientMember: whose work waits for the commit waits, whatever its context says; when that commit comes to
// nothing, it does not try again.
func TestImpatientMember(t *testing.T) {
	for _, fails := range []bool{false, true} {
		inLine(t, db.Options{}, func(t *testing.T, l *line) {
			ctx, cancel := context.WithCancel(t.Context())
			l.refuse.Store(fails)
			l.stand(func() {
				err := l.d.Write(ctx, func(tx *db.Tx) error { return addThing(ctx, tx, 1, "one") })
				if fails != errors.Is(err, context.Canceled) || fails != (err != nil) {
					t.Errorf("fails %v: %v", fails, err)
				}
			})
			l.write(func(tx *db.Tx) error {
				cancel()
				return addThing(t.Context(), tx, 2, "two")
			})
			l.goOn()
			if fails {
				l.wantThings(0, 2)
			} else {
				l.wantThings(0, 1, 2)
			}
		})
	}
}

// TestFailedSharedCommit: each member tries alone then, and what it hears is true.
func TestFailedSharedCommit(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		l.refuse.Store(true)
		var runs []*atomic.Int64
		for id := range int64(9) {
			runs = append(runs, l.add(id+1))
		}
		l.goOn()
		l.wantThings(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		for _, n := range runs {
			if n.Load() != 2 {
				t.Errorf("%d runs", n.Load())
			}
		}
	})
	// Alone, there is nobody to be blamed.
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		l.goOn()
		l.refuse.Store(true)
		runs := 0
		err := l.d.Write(t.Context(), func(tx *db.Tx) error { runs++; return addThing(t.Context(), tx, 1, "one") })
		if err == nil || runs != 1 {
			t.Errorf("%d runs, %v", runs, err)
		}
		l.wantThings(0)
	})
}

// TestGuiltyMember: one breaks a constraint that is checked at COMMIT, one refuses because of what it saw of that.
func TestGuiltyMember(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		ctx := t.Context()
		l.write(func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `CREATE TABLE parts (id BIGINT PRIMARY KEY, thing BIGINT NOT NULL REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)`)
			return err
		})
		l.goOn()
		l.release = make(chan bool)
		l.write(func(tx *db.Tx) error { <-l.release; return nil })
		l.add(1)
		l.stand(func() {
			err := l.d.Write(ctx, func(tx *db.Tx) error {
				if err := addThing(ctx, tx, 2, "guilty"); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `INSERT INTO parts (id, thing) VALUES (1, 99)`)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") {
				t.Errorf("the guilty one: %v", err)
			}
		})
		l.write(func(tx *db.Tx) error { // must not answer because of a thing that never was
			var n int64
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM things WHERE name = 'guilty'`).Scan(&n); err != nil || n > 0 {
				return errors.Join(err, errMine)
			}
			return addThing(ctx, tx, 3, "three")
		})
		l.goOn()
		l.wantThings(0, 1, 3)
	})
}

// TestLargeMember: one fills the disk, at which SQLite undoes the whole batch.
func TestLargeMember(t *testing.T) {
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		ctx := t.Context()
		l.add(1)
		l.stand(func() {
			err := l.d.Write(ctx, func(tx *db.Tx) error {
				if err := tx.QueryRow(ctx, `PRAGMA max_page_count = 20`).Scan(new(int64)); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `INSERT INTO things (id, name, n, blob) VALUES (2, 'large', 0, $1)`, make([]byte, 1<<20))
				return err
			})
			if !db.IsUnavailable(err) {
				t.Errorf("the large one: %v", err)
			}
		})
		l.add(3)
		l.goOn()
		l.wantThings(0, 1, 3)
	})
}

// TestUnnoticedEnd: SQLite has undone the first member's transaction, and nobody noticed. The next one must not begin a
// transaction of its own by its savepoint.
func TestUnnoticedEnd(t *testing.T) {
	for _, ending := range []string{"ROLLBACK", "COMMIT"} {
		inLine(t, db.Options{}, func(t *testing.T, l *line) {
			l.goOn()
			l.release = make(chan bool)
			l.write(func(tx *db.Tx) error {
				select {
				case <-l.release: // the second run
					return nil
				default:
				}
				<-l.release
				_, err := tx.Exec(t.Context(), ending)
				return err
			})
			runs := l.add(1)
			l.goOn()
			l.wantThings(0, 1)
			if n := runs.Load(); n > 1 {
				t.Errorf("%s: the second ran %d times", ending, n)
			}
		})
	}
}

// TestCloseCommits what waits to be committed.
func TestCloseCommits(t *testing.T) {
	path := dbtest.SQLite(t)
	inLine(t, db.Options{SQLite: path}, func(t *testing.T, l *line) {
		l.stand(func() {
			if err := l.d.Close(); err != nil {
				t.Error(err)
			}
		})
		l.goOn()
	})
	if n := len(things(t, openEmpty(t, db.Options{SQLite: path}))); n != 1 {
		t.Errorf("%d things", n)
	}
}

// TestTxIsDead once fn has returned, even while others still use the transaction.
func TestTxIsDead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		var kept *db.Tx
		for _, end := range []error{nil, errMine} {
			err := d.Write(t.Context(), func(tx *db.Tx) error { kept = tx; return end })
			if err != end {
				t.Fatal(err)
			}
			err = addThing(t.Context(), kept, 1, "one")
			_, reading := kept.Query(t.Context(), `SELECT 1`)
			if err == nil || reading == nil {
				t.Errorf("a transaction that is over took a statement: %v, %v", err, reading)
			}
		}
		if n := number(t, d, countThings); n != 0 {
			t.Errorf("%d things", n)
		}
	})
	inLine(t, db.Options{}, func(t *testing.T, l *line) {
		var kept *db.Tx
		l.write(func(tx *db.Tx) error { kept = tx; return nil })
		l.write(func(*db.Tx) error {
			if err := addThing(t.Context(), kept, 1, "one"); err == nil {
				t.Error("a transaction that is over wrote into another")
			}
			return nil
		})
		l.goOn()
		l.wantThings(0)
	})
}

// TestRowsThatFail: an error behind the first row, for which fn does not ask, fails the transaction too.
func TestRowsThatFail(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx := t.Context()
		exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0), (2, 'two', 0), (3, 'three', 0)`)
		query := `SELECT 1 / (1000 - g) FROM generate_series(1, 2000) g`
		if o.SQLite != "" { // which divides by zero
			query = `SELECT ABS(id - 2 - 9223372036854775807) FROM things ORDER BY id DESC`
		}
		for _, add := range []bool{false, true} {
			err := d.Write(ctx, func(tx *db.Tx) error {
				rows, err := tx.Query(ctx, query)
				if err != nil {
					t.Errorf("failed too early: %v", err)
					return err
				}
				for rows.Next() {
				}
				if rows.Err() == nil {
					t.Error("no row failed")
				}
				if !add {
					return nil
				}
				if err := addThing(ctx, tx, 4, "four"); err == nil {
					t.Error("a statement after it was carried out")
				}
				return nil
			})
			if err == nil || db.IsUnavailable(err) {
				t.Errorf("add %v: %v", add, err)
			}
		}
		if n := number(t, d, countThings); n != 3 {
			t.Errorf("%d things", n)
		}
	})
}
