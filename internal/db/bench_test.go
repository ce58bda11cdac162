package db_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// BenchmarkRead is a look-up by key, as for a session.
func BenchmarkRead(b *testing.B) {
	for engine, fresh := range both() {
		b.Run(engine, func(b *testing.B) {
			d := open(b, fresh(b))
			exec(b, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				var name string
				for pb.Next() {
					if err := d.Read().QueryRow(context.Background(), `SELECT name FROM things WHERE id = $1`, 1).Scan(&name); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkWrite is a guarded update and an insert with 16 writers at once; slowest-ms is the longest that one waited.
func BenchmarkWrite(b *testing.B) {
	for engine, fresh := range both() {
		b.Run(engine, func(b *testing.B) {
			d := open(b, fresh(b))
			ctx := context.Background()
			exec(b, d, `INSERT INTO things (id, name, n) VALUES (-1, 'one', 0)`)
			slowest := make([]time.Duration, 16)
			b.ResetTimer()
			race(len(slowest), func(worker int) {
				for i := range b.N/len(slowest) + 1 {
					begun := time.Now()
					err := d.Write(ctx, func(tx *db.Tx) error {
						if _, err := tx.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = $1`, -1); err != nil {
							return err
						}
						id := int64(i*len(slowest) + worker)
						return addThing(ctx, tx, id, time.Duration(id).String())
					})
					if err != nil {
						b.Error(err)
					}
					slowest[worker] = max(slowest[worker], time.Since(begun))
				}
			})
			worst := time.Duration(0)
			for _, s := range slowest {
				worst = max(worst, s)
			}
			b.ReportMetric(float64(worst.Milliseconds()), "slowest-ms")
		})
	}
}

// BenchmarkCommit is one guarded update in a transaction of its own, by one writer and by 32 at once. PostgreSQL syncs
// like SQLite only with DOORSTEP_TEST_POSTGRES_FSYNC=on.
func BenchmarkCommit(b *testing.B) {
	for engine, fresh := range both() {
		for _, writers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/writers=%d", engine, writers), func(b *testing.B) {
				commit(b, open(b, fresh(b)), writers, (*db.DB).Write)
			})
		}
	}
}

// BenchmarkUnsyncedCommit is the same with WriteUnsynced.
func BenchmarkUnsyncedCommit(b *testing.B) {
	for engine, fresh := range both() {
		b.Run(engine+"/writers=1", func(b *testing.B) {
			commit(b, open(b, fresh(b)), 1, (*db.DB).WriteUnsynced)
		})
	}
}

func commit(b *testing.B, d *db.DB, writers int, write func(*db.DB, context.Context, func(*db.Tx) error) error) {
	ctx := context.Background()
	for id := range writers {
		exec(b, d, `INSERT INTO things (id, name, n) VALUES ($1, $2, 0)`, id, fmt.Sprint(id))
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	race(writers, func(id int) {
		for left.Add(-1) >= 0 {
			err := write(d, ctx, func(tx *db.Tx) error {
				n, err := tx.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = $1`, id)
				if err == nil && n != 1 {
					err = fmt.Errorf("%d rows", n)
				}
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
}

// both engines; the options are made anew for every run of the benchmark.
func both() map[string]func(b *testing.B) db.Options {
	return map[string]func(b *testing.B) db.Options{
		"sqlite":   func(b *testing.B) db.Options { return db.Options{SQLite: dbtest.SQLite(b)} },
		"postgres": func(b *testing.B) db.Options { return db.Options{Postgres: dbtest.Postgres(b)} },
	}
}
