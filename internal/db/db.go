package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	sqliteEngine   = "sqlite"
	postgresEngine = "postgres"
)

// closePatience bounds how long Close waits for work that is still going on: a forgotten Rows must not keep a server
// from stopping.
const closePatience = 5 * time.Second

// Options say which database to open and how.
type Options struct {
	// SQLite is the path of the database file, for example data/doorstep.db. A missing folder is made (mode 0700), and
	// a missing file too (mode 0600).
	SQLite string
	// Postgres is a postgres:// URL. When it is set, SQLite and Exclusive are ignored. pool_max_conns=N in it sets the
	// size of the pool (otherwise 10). A host that is another machine is asked for TLS with a verified certificate
	// (sslmode=verify-full) unless the URL names an sslmode.
	Postgres string
	// Exclusive is for `serve`: it takes the lock file beside the SQLite file, and fails when another process has it.
	// The console's commands open without it and work beside a running `serve`.
	Exclusive bool
	// BeforeStatement is for tests only. It is called before every statement inside Write with its text, and with
	// "COMMIT" before the commit; an error from it fails that statement.
	BeforeStatement func(query string) error
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	engine string
	writer *sql.DB // SQLite: exactly one connection. PostgreSQL: the pool.
	reader *sql.DB // SQLite: several connections that cannot write. PostgreSQL: the same as writer.

	// Texts seen before, prepared, per handle. Nil on PostgreSQL, where pgx keeps its own on each connection.
	writerTexts, readerTexts *statements

	queue  chan struct{} // SQLite: the one place at the writer. Nil on PostgreSQL.
	open   *batch        // SQLite: what the last one at the writer left to be committed. Only who has the place touches it.
	before func(query string) error
	probe  func(context.Context) error // is the database readable right now?
	forget func()                      // PostgreSQL: drop every pooled connection, because one was found dead
	finish func() error                // closes what is under the *sql.DBs: the pool, the lock file

	closed  chan struct{}
	closing sync.Once
}

// Open opens the database and makes sure that it answers. ctx bounds the opening only.
//
// Errors are sentences for the person who started the program; they never contain a password.
func Open(ctx context.Context, o Options) (*DB, error) {
	var d *DB
	var err error
	switch {
	case o.Postgres != "":
		d, err = openPostgres(ctx, o)
	case o.SQLite != "":
		d, err = openSQLite(ctx, o)
	default:
		return nil, errors.New("no database named: neither a SQLite file nor a PostgreSQL address")
	}
	if err != nil {
		return nil, err
	}
	d.before = o.BeforeStatement
	d.closed = make(chan struct{})
	return d, nil
}

// Close ends the use of the database. It lets the transaction that is running finish, for at most five seconds, and
// commits what waits to be committed; work that comes later fails with an error that IsUnavailable knows. Calling it
// again does nothing.
func (d *DB) Close() error {
	var err error
	d.closing.Do(func() {
		close(d.closed)
		if d.queue != nil {
			select {
			case d.queue <- struct{}{}: // never given back
				d.commitOpen()
			case <-time.After(closePatience):
			}
		}
		d.readerTexts.close()
		d.writerTexts.close()
		// The writer last: the last connection of a SQLite file folds the WAL into it, and one that cannot write cannot.
		if d.reader != d.writer {
			err = d.reader.Close()
		}
		err = errors.Join(err, d.writer.Close(), d.finish())
	})
	if err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Engine is "sqlite" or "postgres".
func (d *DB) Engine() string { return d.engine }

// Migrations is the handle that migrations run on. On SQLite it has a single connection: whoever holds a transaction
// or rows of it open makes every Write wait. Nothing but migrations and tests should use it.
func (d *DB) Migrations() *sql.DB { return d.writer }

// Read gives access outside any transaction. On SQLite it sees what was committed before each statement began, and
// waits for no writer.
func (d *DB) Read() *Reader { return &Reader{d: d} }

// Ping reports whether the database can be read now.
func (d *DB) Ping(ctx context.Context) error {
	return d.explain(ctx, "ping", d.probe(ctx))
}

func (d *DB) isClosed() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

// explain says what was being done. It marks what fails because of Close, which database/sql tells by sentence only,
// and gives back the context's own error: pgx turns "context already done" into "bad connection", and a person who went
// away would look like a server that is gone.
func (d *DB) explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if over := ctx.Err(); over != nil && !errors.Is(err, over) {
		return fmt.Errorf("database: %s: %w (%s)", doing, over, err.Error())
	}
	if d.isClosed() {
		return fmt.Errorf("database: %s: %w", doing, &unavailable{why: "closed", err: err})
	}
	return fmt.Errorf("database: %s: %w", doing, err)
}

// exists says whether the file is still where it was opened. It never opens it: closing a second descriptor of a live
// SQLite file drops the locks that SQLite holds through the first.
func exists(path string) error {
	if _, err := os.Stat(path); err != nil {
		return &unavailable{why: "the database file cannot be found", err: err}
	}
	return nil
}
