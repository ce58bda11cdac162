package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

var errRowsOpen = errors.New("database: the rows of an earlier query of this transaction are still open")

// Tx is a transaction of Write. It is for one goroutine, and dead once fn has returned.
type Tx struct {
	d  *DB
	tx *sql.Tx

	quiet  bool  // not a caller's: BeforeStatement is not told
	failed error // the first failed statement: from then on everything is refused
	over   bool  // fn has returned

	rows *sql.Rows // of the last query

	// SQLite only.
	prepared map[string]*sql.Stmt // of this transaction, by text
	learned  []string             // texts to prepare once the writer is free
}

// Query runs a query. The caller closes the rows, before the next statement, and asks their Err.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.query(ctx, query, args)
}

// QueryRow runs a query for one row. Errors, sql.ErrNoRows among them, come from Scan, which must be called.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) Row {
	rows, err := t.query(ctx, query, args)
	return Row{rows: rows, err: err, ctx: ctx, d: t.d, tx: t}
}

// Exec runs a statement and returns the number of rows that it changed.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.check(ctx, query, args); err != nil {
		return 0, err
	}
	var result sql.Result
	var err error
	if stmt := t.statement(ctx, query); stmt != nil {
		result, err = stmt.ExecContext(ctx, args...)
	} else {
		result, err = t.tx.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return 0, t.fail(t.d.explain(ctx, "write", err))
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, t.fail(t.d.explain(ctx, "count changed rows", err))
	}
	return n, nil
}

func (t *Tx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if err := t.check(ctx, query, args); err != nil {
		return nil, err
	}
	var rows *sql.Rows
	var err error
	if stmt := t.statement(ctx, query); stmt != nil {
		rows, err = stmt.QueryContext(ctx, args...)
	} else {
		rows, err = t.tx.QueryContext(ctx, query, args...)
	}
	if err != nil {
		return nil, t.fail(t.d.explain(ctx, "query", err))
	}
	t.rows = rows
	return rows, nil
}

// check is what comes before every statement.
func (t *Tx) check(ctx context.Context, query string, args []any) error {
	if t.over {
		return t.d.explain(ctx, "use a transaction that is over", sql.ErrTxDone)
	}
	open := t.rowsOpen()
	if t.failed != nil {
		return fmt.Errorf("database: the transaction has already failed: %w", t.failed)
	}
	if open {
		return t.fail(errRowsOpen)
	}
	if t.d.before != nil && !t.quiet {
		if err := t.d.before(query); err != nil {
			return t.fail(t.d.explain(ctx, "before a statement", err))
		}
	}
	if err := checkText(args); err != nil {
		return t.fail(t.d.explain(ctx, "write", err))
	}
	return nil
}

// rowsOpen: PostgreSQL has one conversation per connection and would refuse. SQLite would go on, but two cursors of one
// prepared statement are one cursor, and the second use of a text would silently move the first.
//
// Rows that ended early because of an error are a failed statement, whether fn asked for that error or not.
func (t *Tx) rowsOpen() bool {
	if t.rows == nil {
		return false
	}
	if _, err := t.rows.Columns(); err == nil { // database/sql's only way to ask
		return true
	}
	// A context's error may come later than the last row, and undoes nothing.
	if err := t.rows.Err(); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		_ = t.fail(t.d.explain(context.Background(), "read a row", err))
	}
	t.rows = nil
	return false
}

func (t *Tx) fail(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// statement returns the prepared form of a text for this transaction, or nil. A text that is new cannot be prepared
// now, since the handle's only connection is ours: it is noted and prepared after the commit.
func (t *Tx) statement(ctx context.Context, query string) *sql.Stmt {
	if t.d.writerTexts == nil {
		return nil
	}
	if stmt := t.prepared[query]; stmt != nil {
		return stmt
	}
	kept := t.d.writerTexts.known(query)
	if kept == nil {
		t.learned = append(t.learned, query)
		return nil
	}
	if t.prepared == nil {
		t.prepared = make(map[string]*sql.Stmt)
	}
	stmt := t.tx.StmtContext(ctx, kept)
	t.prepared[query] = stmt
	return stmt
}
