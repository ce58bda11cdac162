package db

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	sqlite3 "modernc.org/sqlite/lib"
)

// cannotOpen is one line for the person who started the program, with the driver's error, which may be many, behind it.
type cannotOpen struct {
	sentence string
	err      error
}

func (c *cannotOpen) Error() string { return c.sentence }
func (c *cannotOpen) Unwrap() error { return c.err }

// sqliteSentence says why a file cannot be opened.
func sqliteSentence(path string, err error) error {
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s is not a SQLite database: %w", path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("cannot write to the database %s or its folder (owner, mode, read-only disk?): %w", path, err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("the database %s is locked by another process: %w", path, err)
	}
	return fmt.Errorf("cannot open the database %s: %w", path, err)
}

// postgresSentence says why a server cannot be used. strict is true when TLS was our own demand.
func postgresSentence(config *pgxpool.Config, strict bool, err error) error {
	var places []string
	for _, host := range hosts(config) {
		if !strings.HasPrefix(host, "/") {
			host = net.JoinHostPort(host, strconv.Itoa(int(config.ConnConfig.Port)))
		}
		places = append(places, host)
	}
	where := "PostgreSQL at " + strings.Join(places, ", ")
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return &cannotOpen{err: err, sentence: fmt.Sprintf("%s does not let user %s into database %s: %s (SQLSTATE %s)",
			where, config.ConnConfig.User, config.ConnConfig.Database, answer.Message, answer.Code)}
	}
	hint := ""
	if strict {
		hint = " (that is another machine, so TLS with a verified certificate is demanded; sslmode=… in the address changes that)"
	}
	return &cannotOpen{err: err, sentence: "cannot reach " + where + ": " + networkReason(err) + hint}
}

// networkReason is the end of a driver's long story.
func networkReason(err error) string {
	var name *net.DNSError
	var operation *net.OpError
	switch {
	case errors.As(err, &name):
		return "no address found for " + name.Name
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &operation):
		return operation.Err.Error()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
