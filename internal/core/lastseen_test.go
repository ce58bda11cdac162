package core

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted counts what is written of last-seen times, and in how many transactions.
type counted struct {
	rows, commits atomic.Int64
	mu            sync.Mutex
	open          bool // a transaction that writes some
	fails         atomic.Bool
}

func (c *counted) before(statement string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasPrefix(statement, "UPDATE sessions SET last_seen_at"):
		if c.fails.Load() {
			return errPlanted
		}
		c.rows.Add(1)
		c.open = true
	case statement == "COMMIT" && c.open:
		c.commits.Add(1)
		c.open = false
	}
	return nil
}

// writes waits until nothing is left to be written.
func (w *world) seenIsWritten() {
	w.t.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		w.seen.mu.Lock()
		left := len(w.seen.times)
		w.seen.mu.Unlock()
		if left == 0 {
			return
		}
		if time.Since(begun) > 10*time.Second {
			w.t.Fatalf("%d last-seen times are still not written", left)
		}
	}
}

func (w *world) lastSeenInRow(s *Session) time.Time {
	w.t.Helper()
	var seen int64
	w.ok(w.read(w.ctx()).row(`SELECT last_seen_at FROM sessions WHERE id = $1`, s.ID).Scan(&seen))
	return at(seen)
}

// A busy session costs one write a minute, and many busy sessions one transaction.
func TestLastSeenIsWrittenOnceAMinuteAndTogether(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		writes := &counted{}
		w := i.process(Options{Exclusive: true, BeforeStatement: writes.before})
		var busy []*Session
		for range 120 {
			busy = append(busy, w.opens("carla"))
		}
		ask := func() {
			for _, s := range busy {
				if _, err := w.Session(w.ctx(), s.Token); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 4 { // not a minute yet
			ask()
			w.clock.advance(14 * time.Second)
		}
		if n := writes.rows.Load(); n != 0 {
			t.Errorf("%d written within the first minute", n)
		}
		for minute := range int64(2) {
			before := writes.commits.Load()
			w.clock.advance(time.Minute)
			asked := w.Now()
			for range 3 {
				ask()
				w.clock.advance(10 * time.Second)
			}
			w.seenIsWritten()
			if n := writes.rows.Load(); n != (minute+1)*int64(len(busy)) {
				t.Errorf("minute %d: %d written for %d sessions", minute, n, len(busy))
			}
			if n := writes.commits.Load() - before; n > 10 {
				t.Errorf("minute %d: %d transactions", minute, n)
			}
			if seen := w.lastSeenInRow(busy[7]); !seen.Equal(asked) {
				t.Errorf("minute %d: seen at %v, the row says %v", minute, asked, seen)
			}
		}
	})
}

// Who was here a moment ago is shown so, written or not; what an ended session was
// last seen stays.
func TestLastSeenIsShownBeforeItIsWritten(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		writes := &counted{}
		writes.fails.Store(true) // the storage takes no last-seen time for now
		w := i.process(Options{Exclusive: true, Lease: 20 * time.Millisecond, BeforeStatement: writes.before})
		s, other := w.opens("carla"), w.opens("carla")
		w.clock.advance(59 * time.Minute)
		seen := w.Now()
		_, err := w.Session(w.ctx(), s.Token)
		w.ok(err)
		list, err := w.Sessions(w.ctx(), by(s))
		w.ok(err)
		for _, shown := range list {
			if want := map[string]time.Time{s.ID: seen, other.ID: testStart}[shown.ID]; !shown.LastSeenAt.Equal(want) {
				t.Errorf("a session that was seen at %v is listed with %v", want, shown.LastSeenAt)
			}
		}
		w.clock.advance(2 * time.Minute) // past the hour that the row allows
		if !w.live(s) || w.live(other) {
			t.Error("being seen is not counted until it is written")
		}
		if _, err := w.EndOtherSessions(w.ctx(), by(s)); err != nil {
			t.Errorf("a verb does not know yet that the session was seen: %v", err)
		}
		if row := w.lastSeenInRow(s); !row.Equal(testStart) {
			t.Fatalf("written although it could not be: %v", row)
		}
		writes.fails.Store(false)
		w.seenIsWritten()
		if row := w.lastSeenInRow(s); row.Before(seen) {
			t.Errorf("when there is room again the row says %v", row)
		}

		w.clock.advance(2 * time.Minute)
		writes.fails.Store(true)
		before := w.lastSeenInRow(s)
		_, err = w.Session(w.ctx(), s.Token)
		w.ok(err)
		w.ok(w.SignOut(w.ctx(), by(s)))
		writes.fails.Store(false)
		w.seenIsWritten()
		if row := w.lastSeenInRow(s); !row.Equal(before) || w.live(s) {
			t.Errorf("an ended session was seen again: %v, then %v", before, row)
		}
	})
}

// A clean stop loses nothing of it.
func TestLastSeenIsWrittenAtTheEnd(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		clock := &testClock{now: testStart}
		first := i.opened(Options{Exclusive: true, Clock: clock.Now})
		w := &world{Core: first, t: t, clock: clock, cast: i.made.people}
		var busy []*Session
		for range 700 { // more than a batch
			busy = append(busy, w.opens("carla"))
		}
		clock.advance(2 * time.Minute)
		seen := w.Now()
		for _, s := range busy {
			if _, err := w.Session(w.ctx(), s.Token); err != nil {
				t.Fatal(err)
			}
		}
		w.ok(first.Close())
		second := i.process(Options{Exclusive: true, Clock: clock.Now})
		if n := second.count(`SELECT COUNT(*) FROM sessions WHERE last_seen_at = $1`, ms(seen)); n != len(busy) {
			t.Errorf("of %d sessions %d were written as seen", len(busy), n)
		}
	})
}

// While nothing can be written for long, what is kept in memory is bounded, and
// nobody is signed out for it.
func TestLastSeenTimesAreBounded(t *testing.T) {
	l := newLastSeen()
	for n := range seenLimit + 1000 {
		l.note(&sessionRow{id: string([]rune{rune(n%1000 + 256), rune(n/1000 + 256)}), teamID: "t", lastSeenAt: 1})
	}
	if len(l.times) != seenLimit {
		t.Errorf("%d are kept, not %d", len(l.times), seenLimit)
	}
	l.note(&sessionRow{id: string([]rune{256, 256}), teamID: "t", lastSeenAt: 7}) // one that is there
	l.note(&sessionRow{id: string([]rune{256, 256}), teamID: "t", lastSeenAt: 5}) // never back
	if got := l.of(string([]rune{256, 256})); got != 7 {
		t.Errorf("seen at %d, not 7", got)
	}
	taken := l.some()
	if len(taken) != seenBatch {
		t.Errorf("a batch of %d", len(taken))
	}
	for id := range taken { // seen once more while it is being written
		l.note(&sessionRow{id: id, teamID: "t", lastSeenAt: 9})
		break
	}
	l.written(taken)
	if want := seenLimit - seenBatch + 1; len(l.times) != want {
		t.Errorf("%d are left to be written, not %d", len(l.times), want)
	}
}
