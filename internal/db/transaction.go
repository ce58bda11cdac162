package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// endPatience bounds a COMMIT or ROLLBACK that gets no answer (a PostgreSQL server that vanished from the network).
const endPatience = 10 * time.Second

// transaction is one that has begun, on a connection that it has to itself.
type transaction struct {
	d      *DB
	conn   *sql.Conn
	tx     *sql.Tx
	cancel context.CancelFunc // for an end without answer
	normal bool               // SQLite: synchronous is NORMAL on this connection, and has to be FULL again
}

// begin takes a connection and begins. The transaction's own context does not follow ctx (each statement does), so
// that the end of the transaction, in either direction, is never cut off by it.
func (d *DB) begin(ctx context.Context, unsynced bool) (*transaction, error) {
	t, err := d.beginOnce(ctx, unsynced)
	if lostConnection(err) && d.forget != nil {
		// The server was restarted: all the pooled connections are dead, and nothing has been done yet.
		d.forget()
		t, err = d.beginOnce(ctx, unsynced)
	}
	return t, err
}

func (d *DB) beginOnce(ctx context.Context, unsynced bool) (*transaction, error) {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t := &transaction{d: d, conn: conn, cancel: cancel}
	follow := context.AfterFunc(ctx, cancel) // for BEGIN alone, which may wait for another process
	err = t.start(own, unsynced)
	if !follow() && err == nil {
		t.rollback()
		err = ctx.Err()
	}
	if err == nil {
		return t, nil
	}
	if lostConnection(err) || ctx.Err() != nil {
		discard(conn)
	}
	t.syncAgain()
	t.close()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, err
}

// start sends BEGIN, and what makes an unsynced transaction one. PostgreSQL takes that inside of it, SQLite before.
func (t *transaction) start(ctx context.Context, unsynced bool) (err error) {
	postgres := t.d.engine == postgresEngine
	options := &sql.TxOptions{}
	if postgres {
		options.Isolation = sql.LevelReadCommitted
	}
	if unsynced && !postgres {
		t.normal = true
		// A PRAGMA takes effect while it is prepared, so a kept statement would do nothing.
		if _, err := t.conn.ExecContext(ctx, "PRAGMA synchronous = NORMAL"); err != nil {
			return err
		}
	}
	if t.tx, err = t.conn.BeginTx(ctx, options); err != nil {
		return err
	}
	if unsynced && postgres {
		if _, err := t.tx.ExecContext(ctx, "SET LOCAL synchronous_commit TO off"); err != nil {
			t.rollback()
			return err
		}
	}
	return nil
}

func (t *transaction) commit() error {
	timer := time.AfterFunc(endPatience, t.cancel)
	err := t.tx.Commit()
	late := !timer.Stop()
	if err != nil {
		if late || t.d.engine == postgresEngine && lostInCommit(err) {
			err = &unavailable{why: "no answer to COMMIT, so its outcome is unknown", err: err, unknown: true}
		}
		if sqlState(err) == "" { // otherwise the server answered, and the connection is fine
			discard(t.conn)
		}
	}
	t.syncAgain()
	return err
}

// rollback undoes the transaction. When that fails, the connection may still be inside of it, and every later BEGIN on
// it would fail: it is thrown away, which undoes the transaction as well.
func (t *transaction) rollback() {
	timer := time.AfterFunc(endPatience, t.cancel)
	defer timer.Stop()
	if err := t.tx.Rollback(); err != nil {
		discard(t.conn)
	}
	t.syncAgain()
}

// syncAgain makes the connection wait for the disk at every COMMIT again. One of which that is not certain is thrown
// away: the next Write would say "synced" and be wrong.
func (t *transaction) syncAgain() {
	if !t.normal {
		return
	}
	t.normal = false
	if _, err := t.conn.ExecContext(context.Background(), "PRAGMA synchronous = FULL"); err != nil {
		discard(t.conn)
	}
}

// close gives the connection back.
func (t *transaction) close() {
	t.cancel()
	t.conn.Close()
}

func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// learn prepares the texts that a committed transaction used for the first time, while its place in the queue is still
// taken. One that cannot be prepared (a CREATE TABLE that has done its work) stays unprepared.
func (t *transaction) learn(texts []string) {
	if len(texts) == 0 {
		return
	}
	if err := t.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) { // the handle has only this one
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, text := range texts {
		if changesRows(text) && t.d.writerTexts.known(text) == nil {
			_, _ = t.d.writerTexts.learn(ctx, text)
		}
	}
}
