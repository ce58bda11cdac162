package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors are told apart by code (SQLSTATE, SQLite's extended result code), never by their sentence: sentences change
// with versions and with the server's language.

// unavailable marks an error of this package that passes when the database is back.
type unavailable struct {
	why     string
	err     error
	unknown bool // what was to be committed may be
}

func (u *unavailable) Error() string {
	if u.err == nil {
		return u.why
	}
	return u.why + ": " + u.err.Error()
}

func (u *unavailable) Unwrap() error { return u.err }

// IsUnique reports whether err says that a row with that key is already there.
func IsUnique(err error) bool {
	if state := sqlState(err); state != "" {
		return state == "23505"
	}
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return true
	}
	return false
}

// IsUnavailable reports whether err means that the database cannot do its work at the moment, although nothing is
// wrong with the question: disk full or read only, server gone or going, too many connections, waited too long, closed.
// The edges answer it with 503. It is to be asked about errors that came out of this package; a cancelled context
// (somebody went away) is not one of them, a passed deadline is.
func IsUnavailable(err error) bool {
	if err == nil {
		return false
	}
	var marked *unavailable
	if errors.As(err, &marked) {
		return true
	}
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) { // whatever the reason, a changed password too
		return true
	}
	if state := sqlState(err); state != "" {
		return unavailableState(state)
	}
	if code := sqliteCode(err); code != 0 {
		return unavailableCode(code)
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) ||
		errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, io.ErrUnexpectedEOF) || // pgx: the server hung up
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, context.DeadlineExceeded)
}

// readOnlyServer is the answer of a standby that has not been promoted (yet).
const readOnlyServer = "25006"

func unavailableState(state string) bool {
	switch state[:2] {
	case "08", // the connection
		"53", // disk full, out of memory, too many connections
		"58": // the server's disk
		return true
	}
	switch state {
	case "57P01", "57P02", "57P03", "57P04", "57P05", // shutting down, crashed, starting up, dropped, idle too long
		"57014", "55P03", "25P03", // the server's own time limits
		readOnlyServer,
		"40001", "40P01": // in each other's way, again after the second try
		return true
	}
	return false
}

func unavailableCode(code int) bool {
	switch code & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// IsOutcomeUnknown reports whether err means that the connection to PostgreSQL was lost between COMMIT and its answer:
// the transaction may be committed or not. Such an error is IsUnavailable as well. After every other error nothing is
// committed.
func IsOutcomeUnknown(err error) bool {
	var marked *unavailable
	return errors.As(err, &marked) && marked.unknown
}

// lostInCommit reports whether PostgreSQL may have committed although COMMIT ended with this error. What it answers, it
// knows, but for the answer that the server is going: it may have been waiting for a standby by then.
func lostInCommit(err error) bool {
	if state := sqlState(err); state != "" {
		return strings.HasPrefix(state, "57P")
	}
	// pgx calls an answer that was lost "conn closed" and safe to retry, as if nothing had been sent.
	return !errors.Is(err, pgx.ErrTxCommitRollback) && !errors.Is(err, pgx.ErrTxClosed) && !errors.Is(err, sql.ErrTxDone)
}

// lostConnection reports whether err says that the connection, not the statement, failed, so that another may do.
func lostConnection(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) { // there never was one
		return false
	}
	if state := sqlState(err); state != "" {
		return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "57P")
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed)
}

// deadlocked reports whether PostgreSQL ended this transaction so that another could go on.
func deadlocked(err error) bool {
	state := sqlState(err)
	return state == "40P01" || state == "40001"
}

// sqlState is PostgreSQL's five-character code, or "".
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) && len(e.Code) == 5 {
		return e.Code
	}
	return ""
}

// sqliteCode is SQLite's extended result code, or 0.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}
