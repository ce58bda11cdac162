package db

import (
	"context"
	"errors"
)

// writeShared is Write on SQLite.
func (d *DB) writeShared(ctx context.Context, unsynced bool, fn func(*Tx) error) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	if unsynced && d.open == nil {
		defer d.leave()
		_, err := d.try(ctx, true, fn)
		return err
	}
	b, err := d.join(ctx, fn)
	if b == nil {
		return err
	}
	d.await(b)
	switch {
	case b.again:
		return d.writeAlone(ctx, unsynced, fn)
	case b.err != nil:
		return d.explain(context.WithoutCancel(ctx), "commit", b.err)
	}
	return err
}

// writeAlone is the second try of a member whose batch came to nothing: with the changes of the others undone, and with
// nobody who could spoil it, so that its answer is its own.
func (d *DB) writeAlone(ctx context.Context, unsynced bool, fn func(*Tx) error) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.leave()
	d.commitOpen()
	_, err := d.try(ctx, unsynced, fn)
	return err
}

// join runs fn as a member of the open batch, or as the first of a new one, and gives the place on. It returns either
// the answer, and no batch, or the batch whose end decides and what the answer is if that is a commit.
//
// A refusal waits for the end too: it may rest on changes of other members, which the disk may yet refuse.
func (d *DB) join(ctx context.Context, fn func(*Tx) error) (*batch, error) {
	defer d.leave()
	b, err := d.openBatch(ctx)
	if err != nil {
		return nil, d.explain(ctx, "begin", err)
	}
	if err := b.admit(); err != nil {
		d.lose(b, err)
		return b, nil
	}
	t := &Tx{d: d, tx: b.tx}
	ended := false
	defer func() {
		if !ended { // fn panicked, or left by runtime.Goexit; the panic goes on by itself
			d.undo(b, t)
		}
	}()
	err = t.run(ctx, fn)
	ended = true
	if err == nil {
		d.keep(b, t)
	} else if alone := d.undo(b, t); alone || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, err
	}
	if b.members >= batchSize && d.open == b {
		d.commitOpen()
	}
	return b, err
}

// openBatch returns the open batch, or begins one.
func (d *DB) openBatch(ctx context.Context) (*batch, error) {
	if d.open == nil {
		in, err := d.begin(ctx, false)
		if err != nil {
			return nil, err
		}
		d.open = newBatch(in)
	}
	return d.open, nil
}

// keep makes the work of the last member a part of the batch.
func (d *DB) keep(b *batch, t *Tx) {
	if err := b.keep(); err != nil {
		d.lose(b, err)
		return
	}
	b.learned = append(b.learned, t.learned...)
}

// undo takes back what the last member did. alone is true when there was no other, and so is no batch any more.
func (d *DB) undo(b *batch, t *Tx) (alone bool) {
	if b.members == 1 {
		b.rollback()
		d.end(b, nil, false)
		b.close()
		return true
	}
	if t.rows != nil {
		t.rows.Close() // the work of others goes on, on the same connection
	}
	if err := b.undo(); err != nil {
		d.lose(b, err)
	}
	return false
}

// lose ends a batch that SQLite has undone by itself: a statement was cancelled while it wrote, the disk is full or
// broken. All the others did nothing wrong, and neither, it may be, did the last.
func (d *DB) lose(b *batch, err error) {
	b.rollback()
	d.end(b, err, true)
	b.close()
}

// commitOpen commits the open batch, if there is one. SQLite undoes what it cannot commit, so after an error each member
// of several may try alone: one whose work is too large, or breaks a rule that is checked at the end, must not fail all.
func (d *DB) commitOpen() {
	b := d.open
	if b == nil {
		return
	}
	err := b.commit()
	var unknown *unavailable
	d.end(b, err, err != nil && b.members > 1 && !errors.As(err, &unknown))
	if err == nil {
		b.learn(b.learned)
	}
	b.close()
}

// end tells the members.
func (d *DB) end(b *batch, err error, again bool) {
	d.open = nil
	b.err, b.again = err, again
	close(b.done)
}
