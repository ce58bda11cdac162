package db_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// TestQueueIsFair: writers get SQLite's writer in the order in which they came, and a cancelled one just leaves.
//
// ASVS 15.4.4
func TestQueueIsFair(t *testing.T) {
	path := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		d := open(t, db.Options{SQLite: path})
		release := make(chan bool)
		var group sync.WaitGroup
		group.Go(func() {
			err := d.Write(t.Context(), func(*db.Tx) error { <-release; return nil })
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()

		const writers, impatient = 30, 11
		ctx, cancel := context.WithCancel(t.Context())
		var order []int
		var left error
		for i := range writers {
			group.Go(func() {
				mine := t.Context()
				if i == impatient {
					mine = ctx
				}
				err := d.Write(mine, func(*db.Tx) error { order = append(order, i); return nil })
				if i == impatient {
					left = err
				} else if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // until writer i stands in the queue
		}
		cancel()
		synctest.Wait()
		if !errors.Is(left, context.Canceled) {
			t.Errorf("the cancelled writer: %v", left)
		}
		close(release)
		group.Wait()
		want := make([]int, 0, writers)
		for i := range writers {
			if i != impatient {
				want = append(want, i)
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("served in the order %v", order)
		}
	})
}

// TestQueueEndsWithClose: those who still wait hear that it is over.
func TestQueueEndsWithClose(t *testing.T) {
	path := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		d := open(t, db.Options{SQLite: path})
		release := make(chan bool)
		var group sync.WaitGroup
		group.Go(func() { d.Write(t.Context(), func(*db.Tx) error { <-release; return nil }) })
		synctest.Wait()
		group.Go(func() {
			if err := d.Write(t.Context(), func(*db.Tx) error { return nil }); !db.IsUnavailable(err) {
				t.Errorf("a waiting writer: %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() { d.Close() })
		synctest.Wait()
		close(release)
		group.Wait()
	})
}

// TestReadersDoNotWait: a reader goes on beside a transaction and sees what was committed before.
func TestReadersDoNotWait(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d := open(t, o)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := d.Write(ctx, func(tx *db.Tx) error {
			if err := addThing(ctx, tx, 1, "one"); err != nil {
				return err
			}
			race(20, func(int) {
				if n := number(t, d, countThings); n != 0 {
					t.Errorf("a reader sees %d uncommitted rows", n)
				}
			})
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if n := number(t, d, countThings); n != 1 {
			t.Errorf("%d rows after the commit", n)
		}
	})
}
