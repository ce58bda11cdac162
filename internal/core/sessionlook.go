package core

import (
	"cmp"
	"context"
	"time"

	"doorstep/internal/db"
)

// looker finds out, a few times a lease, whether another process changed what the
// memory holds: one small read for all sessions. On SQLite the file itself tells
// that somebody else wrote; on PostgreSQL a table that triggers fill tells whom it
// concerned.
type looker struct {
	c      *Core
	looked time.Time      // when the last good look began, by the process's own time
	mark   db.ForeignMark // SQLite
	since  string         // PostgreSQL: every transaction before this one is known
	stop   context.CancelFunc
	done   chan struct{}
}

func (c *Core) startLooking() {
	ctx, stop := context.WithCancel(context.Background())
	c.looker = &looker{c: c, stop: stop, done: make(chan struct{})}
	go c.looker.run(ctx)
}

func (l *looker) run(ctx context.Context) {
	defer close(l.done)
	pause := l.c.sessions.lease / looksPerLease
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !l.c.sessions.asked.Swap(false) { // nobody asked since the last look
			tick.Stop()
			select {
			case <-ctx.Done():
				return
			case <-l.c.sessions.wake:
			}
			tick.Reset(pause)
			continue
		}
		l.look(ctx)
	}
}

// look takes one look. After a failed one, or one that comes late, nothing is
// renewed: answers run out and are read anew.
func (l *looker) look(ctx context.Context) {
	m := l.c.sessions
	began, own, now := time.Now(), m.own(), l.c.clock().UnixMilli()
	ctx, cancel := context.WithTimeout(ctx, m.lease)
	defer cancel()
	changed, all, err := l.changes(ctx)
	if err != nil {
		l.looked = time.Time{}
		return
	}
	// What happened in a long pause may be written down no more; every answer from
	// before it has run out, or it would be one that this look cannot vouch for.
	if all || l.looked.IsZero() || began.Sub(l.looked) >= m.lease {
		m.forgetAll()
	}
	for _, id := range changed {
		m.forget(id)
	}
	l.looked = began
	m.confirm(own, now)
}

// changes says whose sessions other processes changed since the last good look;
// all means that it cannot say whose.
func (l *looker) changes(ctx context.Context) (users []string, all bool, err error) {
	if l.c.db.Engine() == "sqlite" {
		mark, err := l.c.db.ForeignMark(ctx)
		all := mark != l.mark
		l.mark = mark
		return nil, all, err
	}
	since := cmp.Or(l.since, endOfTransactions)
	var next string
	err = l.c.read(ctx).each(`SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT), COALESCE(c.user_id, '')
		FROM (SELECT 1) one LEFT JOIN session_changes c ON c.xid >= CAST(CAST($1 AS TEXT) AS xid8)`, []any{since},
		func(scan func(...any) error) error {
			var id string
			if err := scan(&next, &id); err != nil {
				return err
			}
			if id != "" {
				users = append(users, id)
			}
			return nil
		})
	if err != nil {
		return nil, false, err
	}
	all = l.since == ""
	l.since = next
	return users, all, nil
}

// endOfTransactions is the number that no transaction reaches: a first look needs
// no names, since it starts anew with everybody.
const endOfTransactions = "18446744073709551615"

func (l *looker) end() {
	l.stop()
	<-l.done
}

// forgetSessionChanges keeps the table of what replicas tell each other small. A
// day, by the database's own clock, is a hundred thousand times longer than a
// replica goes without looking.
func (t *tx) forgetSessionChanges() error {
	if t.c.db.Engine() != "postgres" {
		return nil
	}
	_, err := t.exec(`DELETE FROM session_changes WHERE at < now() - INTERVAL '1 day'`)
	return err
}
