package db

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strconv"
)

// ForeignMark is a mark of what other processes have committed: two marks that are
// equal say that none of them committed anything between the two. This process's
// own commits do not change it.
type ForeignMark struct{ connection, version int64 }

// ForeignMark takes the mark now. SQLite only: a server that many processes write
// to has one of its own that changes all the time.
//
// It is read on the writer's connection, because SQLite tells each connection of
// the commits of all others, and every other one of ours does not write. A mark
// holds for that one connection; should it be replaced, the marks differ.
func (d *DB) ForeignMark(ctx context.Context) (ForeignMark, error) {
	var m ForeignMark
	err := d.WriteUnsynced(ctx, func(t *Tx) error {
		t.quiet = true
		if err := t.QueryRow(ctx, "PRAGMA data_version").Scan(&m.version); err != nil {
			return err
		}
		// The temporary schema is the connection's own, and so is this number in it.
		if err := t.QueryRow(ctx, "PRAGMA temp.user_version").Scan(&m.connection); err != nil {
			return err
		}
		if m.connection != 0 {
			return nil
		}
		m.connection = int64(randomNumber())
		_, err := t.Exec(ctx, "PRAGMA temp.user_version = "+strconv.FormatInt(m.connection, 10))
		return err
	})
	return m, err
}

// randomNumber is never 0 and fits into SQLite's 32 bits.
func randomNumber() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])>>1 | 1
}
