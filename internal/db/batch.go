package db

import (
	"context"
	"database/sql"
	"errors"

	sqlite3 "modernc.org/sqlite/lib"
)

// batchSize bounds how many members share a commit: the first of them waits for the last.
const batchSize = 128

// batch is a transaction of SQLite that several callers of Write share, because a commit costs a sync of the disk and
// the next transaction could not begin before. Whoever has the place at the writer runs its fn inside of it and gives
// the place on, with the batch left open, and stands at the end of the queue again. So everybody who was waiting by
// then becomes a member, and the first who gets the place a second time commits for all. Nobody waits for somebody who
// is not there yet, and one alone has the place back at once.
//
// Each fn stays on the goroutine of its caller, and between two of them the batch belongs to nobody: only who has the
// place at the writer touches it.
type batch struct {
	*transaction
	members int                  // that have begun, however they ended
	texts   map[string]*sql.Stmt // the batch's own statements
	learned []string             // by members whose work is kept

	done  chan struct{} // closed when it has ended; what follows is set before, and then never again
	err   error         // nil: it is committed
	again bool          // it came to nothing, and each member should try alone
}

// The batch's own statements, prepared when the database is opened.
const (
	beginAgain  = "BEGIN"
	savepoint   = "SAVEPOINT member"
	rollbackTo  = "ROLLBACK TO member"
	releaseLast = "RELEASE member"
)

var batchTexts = [...]string{beginAgain, savepoint, rollbackTo, releaseLast}

var errUndone = errors.New("SQLite has undone the transaction")

func newBatch(in *transaction) *batch {
	return &batch{transaction: in, texts: make(map[string]*sql.Stmt), done: make(chan struct{})}
}

// admit lets one more member begin. The first needs no savepoint, since what it undoes is all there is. That is cheaper
// for who stays alone, and keeps SQLite from remembering every page of large work.
func (b *batch) admit() error {
	b.members++
	if b.members == 1 {
		return nil
	}
	if b.members == 2 && sqliteCode(b.do(beginAgain)) != sqlite3.SQLITE_ERROR {
		// SQLite refuses BEGIN inside a transaction, and has no other question for whether there is one. Where there is
		// none any more, a savepoint would begin one, and its release would commit it.
		return errUndone
	}
	return b.do(savepoint)
}

// keep closes the last member's savepoint. Where SQLite undid the batch there is none, and so it fails; the same is true
// of undo.
func (b *batch) keep() error {
	if b.members == 1 {
		return nil
	}
	return b.do(releaseLast)
}

// undo takes back what was done since the last member's savepoint.
func (b *batch) undo() error {
	if err := b.do(rollbackTo); err != nil {
		return err
	}
	return b.do(releaseLast)
}

// do carries out one of the batch's own statements.
func (b *batch) do(text string) error {
	ctx := context.Background()
	stmt := b.texts[text]
	if stmt == nil {
		kept := b.d.writerTexts.known(text)
		if kept == nil { // the database has been closed meanwhile
			_, err := b.tx.ExecContext(ctx, text)
			return err
		}
		stmt = b.tx.StmtContext(ctx, kept)
		b.texts[text] = stmt
	}
	_, err := stmt.ExecContext(ctx)
	return err
}
