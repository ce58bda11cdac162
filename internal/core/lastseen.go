package core

import (
	"context"
	"sync"
	"time"
)

// lastSeen holds the times at which sessions were last used until they are
// written, many in one transaction: at most one write a minute for each session,
// and none in the way of a request.
type lastSeen struct {
	mu    sync.Mutex
	times map[string]seenAt // by session
	stop  context.CancelFunc
	done  chan struct{}
}

type seenAt struct {
	teamID string
	at     int64
}

const (
	// seenPause is how often they are written.
	seenPause = time.Second
	// seenLimit bounds them while the storage is away: then a session looks idle for
	// longer than it is.
	seenLimit = 1 << 16
	seenBatch = 500 // in one transaction
)

func newLastSeen() *lastSeen { return &lastSeen{times: map[string]seenAt{}} }

func (l *lastSeen) note(s *sessionRow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.times) < seenLimit || l.times[s.id].at != 0 {
		l.times[s.id] = seenAt{s.teamID, max(s.lastSeenAt, l.times[s.id].at)}
	}
}

// of is when a session was last used, as far as it is not written yet; else 0.
func (l *lastSeen) of(id string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.times[id].at
}

// some takes a batch out of what is to be written, without forgetting it.
func (l *lastSeen) some() map[string]seenAt {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch := make(map[string]seenAt, min(len(l.times), seenBatch))
	for id, seen := range l.times {
		if len(batch) == seenBatch {
			break
		}
		batch[id] = seen
	}
	return batch
}

func (l *lastSeen) written(batch map[string]seenAt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, seen := range batch {
		if l.times[id] == seen {
			delete(l.times, id)
		}
	}
}

// writeLastSeen writes what is to be written. A full disk must not sign people
// out: what cannot be written now is tried again a second later.
func (c *Core) writeLastSeen(ctx context.Context) error {
	for {
		batch := c.seen.some()
		if len(batch) == 0 {
			return nil
		}
		// Not synced: a power cut may take back when somebody was last seen.
		err := c.keepUnsynced(ctx, func(t *tx) error { return t.storeLastSeen(batch) })
		if err != nil {
			return err
		}
		c.seen.written(batch)
		if len(batch) < seenBatch {
			return nil
		}
	}
}

func (c *Core) startWritingLastSeen() {
	ctx, stop := context.WithCancel(context.Background())
	c.seen.stop, c.seen.done = stop, make(chan struct{})
	go func() {
		defer close(c.seen.done)
		tick := time.NewTicker(seenPause)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := c.writeLastSeen(ctx); err != nil && ctx.Err() == nil {
				c.log.WarnContext(ctx, "when sessions were last used was not written; it is tried again", "error", err)
			}
		}
	}()
}

// end writes the rest, for at most a second.
func (l *lastSeen) end(c *Core) error {
	l.stop()
	<-l.done
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.writeLastSeen(ctx)
}
