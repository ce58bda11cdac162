package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// endPatience bounds a COMMIT or ROLLBACK that gets no answer (a PostgreSQL server that vanished from the network).
const endPatience = 10 * time.Second

// retryPause is what the loser of a deadlock waits before its second try.
const retryPause = 30 * time.Millisecond

// Write runs fn in one transaction: everything that it did is committed, or nothing.
//
// An error of fn rolls back and is returned as it is; a panic rolls back and goes on; ctx cancelled before the commit
// rolls back and returns its error. Once the commit has begun, ctx no longer stops it: somebody who hangs up must not
// leave it open whether a code is spent. A failed commit is always an error.
//
// On PostgreSQL fn runs a second time, once, when the first try ended in a deadlock (40P01) or a serialization failure
// (40001): it must be rerunnable (see the package comment).
func (d *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	again, err := d.try(ctx, fn)
	if again && pause(ctx) {
		_, err = d.try(ctx, fn)
	}
	if d.forget != nil && sqlState(err) == readOnlyServer {
		d.forget() // it was the primary once; new connections may find the new one
	}
	return err
}

// enter waits for the place at SQLite's writer, in the order of arrival: a Go channel serves those who wait first in,
// first out. SQLite's own waiting is a lottery (measured with 16 writers: the slowest took 1,423 ms, with the queue at
// most 102 ms). A channel and not a mutex, so that whoever is cancelled stops waiting.
func (d *DB) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, d.explain(ctx, "begin", err)
	}
	if d.isClosed() {
		return nil, d.explain(ctx, "begin", sql.ErrConnDone)
	}
	if d.queue == nil {
		return func() {}, nil
	}
	select {
	case d.queue <- struct{}{}:
		return func() { <-d.queue }, nil
	case <-ctx.Done():
		return nil, d.explain(ctx, "wait for the writer", ctx.Err())
	case <-d.closed:
		return nil, d.explain(ctx, "wait for the writer", sql.ErrConnDone)
	}
}

// try runs fn in a transaction. again is true when a second run may well succeed.
func (d *DB) try(ctx context.Context, fn func(*Tx) error) (again bool, err error) {
	conn, tx, cancel, err := d.begin(ctx)
	if err != nil {
		return deadlocked(err), d.explain(ctx, "begin", err)
	}
	defer conn.Close()
	defer cancel()

	t := &Tx{d: d, tx: tx}
	ended := false
	defer func() {
		if !ended { // fn panicked, or left by runtime.Goexit; the panic goes on by itself
			rollback(conn, tx, cancel)
		}
	}()

	err = fn(t)
	if err == nil && t.failed != nil {
		err = fmt.Errorf("database: a failed statement was passed over: %w", t.failed)
	}
	if err == nil && t.rowsOpen() {
		err = errRowsOpen
	}
	if err == nil && ctx.Err() != nil {
		err = d.explain(ctx, "commit", ctx.Err())
	}
	if err == nil && d.before != nil {
		if err = d.before("COMMIT"); err != nil {
			err = d.explain(ctx, "commit", err)
		}
	}
	if err != nil {
		ended = true
		rollback(conn, tx, cancel)
		return d.engine == postgresEngine && (deadlocked(err) || deadlocked(t.failed)), err
	}

	ended = true
	timer := time.AfterFunc(endPatience, cancel)
	err = tx.Commit()
	late := !timer.Stop()
	if err != nil {
		if late {
			err = &unavailable{why: "no answer to COMMIT, so its outcome is unknown", err: err}
		}
		if sqlState(err) == "" { // otherwise the server answered, and the connection is fine
			discard(conn)
		}
		return deadlocked(err), d.explain(context.WithoutCancel(ctx), "commit", err)
	}
	d.learn(conn, t.learned)
	return false, nil
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

// begin takes a connection and begins. The transaction's own context does not follow ctx (each statement does), so
// that the end of the transaction, in either direction, is never cut off by it; cancel is for an end without answer.
func (d *DB) begin(ctx context.Context) (*sql.Conn, *sql.Tx, context.CancelFunc, error) {
	conn, tx, cancel, err := d.beginOnce(ctx)
	if lostConnection(err) && d.forget != nil {
		// The server was restarted: all the pooled connections are dead, and nothing has been done yet.
		d.forget()
		conn, tx, cancel, err = d.beginOnce(ctx)
	}
	return conn, tx, cancel, err
}

func (d *DB) beginOnce(ctx context.Context) (*sql.Conn, *sql.Tx, context.CancelFunc, error) {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	follow := context.AfterFunc(ctx, cancel) // for BEGIN alone, which may wait for another process
	options := &sql.TxOptions{}
	if d.engine == postgresEngine {
		options.Isolation = sql.LevelReadCommitted
	}
	tx, err := conn.BeginTx(own, options)
	if !follow() && err == nil {
		rollback(conn, tx, cancel)
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		if lostConnection(err) || ctx.Err() != nil {
			discard(conn)
		}
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, nil, nil, err
	}
	return conn, tx, cancel, nil
}

// rollback undoes the transaction. When that fails, the connection may still be inside of it, and every later BEGIN on
// it would fail: it is thrown away, which undoes the transaction as well.
func rollback(conn *sql.Conn, tx *sql.Tx, cancel context.CancelFunc) {
	timer := time.AfterFunc(endPatience, cancel)
	defer timer.Stop()
	if err := tx.Rollback(); err != nil {
		discard(conn)
	}
}

func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// learn prepares the texts that a committed transaction used for the first time, while its place in the queue is still
// taken. One that cannot be prepared (a CREATE TABLE that has done its work) stays unprepared.
func (d *DB) learn(conn *sql.Conn, texts []string) {
	if len(texts) == 0 {
		return
	}
	if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) { // the handle has only this one
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, text := range texts {
		if changesRows(text) && d.writerTexts.known(text) == nil {
			_, _ = d.writerTexts.learn(ctx, text)
		}
	}
}
