package db

import (
	"context"
	"database/sql"
)

// Reader reads outside any transaction. It is safe for concurrent use. On SQLite a statement that changes something
// fails; on PostgreSQL it would be committed by itself, so don't.
type Reader struct{ d *DB }

// Query runs a query. The caller closes the rows and asks their Err.
func (r *Reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := r.query(ctx, query, args)
	if lostConnection(err) && ctx.Err() == nil && r.d.forget != nil && !r.d.isClosed() {
		// The server was restarted: all the pooled connections are dead, and reading twice harms nobody.
		r.d.forget()
		rows, err = r.query(ctx, query, args)
	}
	return rows, r.d.explain(ctx, "read", err)
}

// QueryRow runs a query for one row. Errors, sql.ErrNoRows among them, come from Scan, which must be called.
func (r *Reader) QueryRow(ctx context.Context, query string, args ...any) Row {
	rows, err := r.Query(ctx, query, args...)
	return Row{rows: rows, err: err, ctx: ctx, d: r.d}
}

func (r *Reader) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if err := checkText(args); err != nil {
		return nil, err
	}
	kept := r.d.readerTexts
	if kept == nil {
		return r.d.reader.QueryContext(ctx, query, args...)
	}
	stmt := kept.known(query)
	if stmt == nil {
		var err error
		if stmt, err = kept.learn(ctx, query); err != nil {
			return nil, err
		}
	}
	if stmt == nil {
		return r.d.reader.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

// Row is the answer of QueryRow.
type Row struct {
	rows *sql.Rows
	err  error
	ctx  context.Context // of the query; only to tell errors apart
	d    *DB
	tx   *Tx // nil outside a transaction
}

// Scan copies the first row's columns into dest and lets go of the rest. Without a row it returns sql.ErrNoRows itself.
func (r Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return r.fail(err)
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return r.fail(err)
	}
	// An error may still be waiting behind the first row, for example a constraint checked at the statement's end.
	if err := r.rows.Close(); err != nil {
		return r.fail(err)
	}
	return nil
}

func (r Row) fail(err error) error {
	err = r.d.explain(r.ctx, "read a row", err)
	if r.tx != nil {
		return r.tx.fail(err)
	}
	return err
}
