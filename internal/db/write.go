package db

import (
	"context"
	"fmt"
	"time"
)

// retryPause is what the loser of a deadlock waits before its second try.
const retryPause = 30 * time.Millisecond

// Write runs fn in one transaction: everything that it did is committed and synced, or nothing.
//
// An error of fn rolls back and is returned as it is; a panic rolls back and goes on; ctx cancelled before the commit
// rolls back and returns its error. Once the commit has begun, ctx no longer stops it: somebody who hangs up must not
// leave it open whether a code is spent. On SQLite that is from the moment when fn's work is ready to be committed
// together with that of others who wait. A failed commit is always an error.
//
// fn may run a second time, once: on PostgreSQL when the first try ended in a deadlock (40P01) or a serialization
// failure (40001), on SQLite when a commit shared with others came to nothing. It must be rerunnable (see the package
// comment).
func (d *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	return d.write(ctx, false, fn)
}

// WriteUnsynced is Write for what may be forgotten in a power cut, but at no other time: all or nothing, and seen by
// every process once it returns, as with Write, and a crash of this process loses nothing. Only the disk is not waited
// for. The next commit of a Write carries it to the disk.
func (d *DB) WriteUnsynced(ctx context.Context, fn func(*Tx) error) error {
	return d.write(ctx, true, fn)
}

func (d *DB) write(ctx context.Context, unsynced bool, fn func(*Tx) error) error {
	if d.engine == sqliteEngine {
		return d.writeShared(ctx, unsynced, fn)
	}
	if err := d.ready(ctx); err != nil {
		return err
	}
	again, err := d.try(ctx, unsynced, fn)
	if again && pause(ctx) {
		_, err = d.try(ctx, unsynced, fn)
	}
	if sqlState(err) == readOnlyServer {
		d.forget() // it was the primary once; new connections may find the new one
	}
	return err
}

// try runs fn in a transaction of its own. again is true when a second run may well succeed.
func (d *DB) try(ctx context.Context, unsynced bool, fn func(*Tx) error) (again bool, err error) {
	in, err := d.begin(ctx, unsynced)
	if err != nil {
		return deadlocked(err), d.explain(ctx, "begin", err)
	}
	defer in.close()

	t := &Tx{d: d, tx: in.tx}
	ended := false
	defer func() {
		if !ended { // fn panicked, or left by runtime.Goexit; the panic goes on by itself
			in.rollback()
		}
	}()
	err = t.run(ctx, fn)
	ended = true
	if err != nil {
		in.rollback()
		return d.engine == postgresEngine && (deadlocked(err) || deadlocked(t.failed)), err
	}
	if err := in.commit(); err != nil {
		return deadlocked(err), d.explain(context.WithoutCancel(ctx), "commit", err)
	}
	in.learn(t.learned)
	return false, nil
}

// run runs fn and says whether what it did may be committed.
func (t *Tx) run(ctx context.Context, fn func(*Tx) error) error {
	defer func() { t.over = true }() // SQLite's transaction may go on, with the work of somebody else
	if err := fn(t); err != nil {
		return err
	}
	open := t.rowsOpen()
	switch {
	case t.failed != nil:
		return fmt.Errorf("database: a failed statement was passed over: %w", t.failed)
	case open:
		return errRowsOpen
	case ctx.Err() != nil:
		return t.d.explain(ctx, "commit", ctx.Err())
	case t.d.before == nil || t.quiet:
		return nil
	}
	return t.d.explain(ctx, "commit", t.d.before("COMMIT"))
}

// pause lets the winner of a deadlock go on: a loser that comes back at once takes the row again before the winner has
// woken up, and loses again. It returns false when there is nobody left to try for.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
