package core

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// queueLink queues a letter with a one-use link to Carla, as a verb would.
func (w *world) queueLink(path string, lasts time.Duration) {
	w.t.Helper()
	w.ok(w.keepCount(w.ctx(), func(t *tx) error {
		u, err := oneUser(t, `u.id = $1`, w.cast["carla"].id)
		if err != nil {
			return err
		}
		return t.queueLinkLetter(LetterNotifyConfirm, u, Origin{Address: "192.0.2.7"}, nil, path, t.now.Add(lasts))
	}))
}

func (w *world) claim(n int) []Letter {
	w.t.Helper()
	letters, err := w.ClaimLetters(w.ctx(), 100)
	w.ok(err)
	if len(letters) != n {
		w.t.Fatalf("%d letters, want %d", len(letters), n)
	}
	return letters
}

// The token of a link is in no column that can be read, opens for its own letter
// alone, and is gone when the letter was sent or the link is over.
//
// P6
func TestTheLinkOfALetterIsSealed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.emptyOutbox()
		w.queueLink("/set-password/TOKEN-ONE", time.Hour)
		w.queueLink("/set-password/TOKEN-TWO", time.Hour)
		var sealed [][]byte
		w.ok(w.read(w.ctx()).each(`SELECT args, sealed_link FROM outbox WHERE state = 'ready'`, nil, func(scan func(...any) error) error {
			var args string
			var box []byte
			err := scan(&args, &box)
			if sealed = append(sealed, box); strings.Contains(args, "TOKEN") || bytes.Contains(box, []byte("TOKEN")) {
				t.Errorf("a token can be read: %s %q", args, box)
			}
			return err
		}))
		letters := w.claim(2)
		if letters[0].Link != "/set-password/TOKEN-ONE" || letters[1].Link != "/set-password/TOKEN-TWO" {
			t.Errorf("%q %q", letters[0].Link, letters[1].Link)
		}
		// One that was moved to another letter does not open there.
		if l, err := w.scanLetter(func(into ...any) error {
			err := w.read(w.ctx()).row(`SELECT id, team_id, user_id, kind, recipient, name, language, args, created_at, attempts, lease_until, sealed_link
				FROM outbox WHERE id = $1`, letters[0].ID).Scan(into...)
			*into[11].(*[]byte) = sealed[1]
			return err
		}); err != nil || l.Link != "" {
			t.Errorf("another letter's link opens: %q, %v", l.Link, err)
		}
		w.ok(w.LetterSent(w.ctx(), letters[0].ID))
		if n := w.count(`SELECT COUNT(*) FROM outbox WHERE LENGTH(sealed_link) > 0`); n != 1 {
			t.Errorf("%d links are kept, want the one that was not sent", n)
		}
		// What was not sent while its link worked is of no use, and is not tried.
		w.clock.advance(time.Hour)
		w.claim(0)
		if n := w.count(`SELECT COUNT(*) FROM outbox WHERE LENGTH(sealed_link) > 0`); n != 0 {
			t.Errorf("%d links are kept after they are over", n)
		}
		if n := w.count(`SELECT COUNT(*) FROM outbox WHERE state = 'dead' AND failure = 'link-over'`); n != 1 {
			t.Errorf("%d dead letters", n)
		}
	})
}

func TestALinkIsAPathOfOurs(t *testing.T) {
	for path, fine := range map[string]bool{
		"/set-password/abc_DEF-1": true, "": false, "set-password/x": false, "//evil.example/x": false, "https://evil.example": false, `/\evil.example`: false,
		"/x?next=y": false, "/x#y": false, "/x\r\ny": false, "/../x": false, "/x@evil.example": false,
	} {
		if isLinkPath(path) != fine {
			t.Errorf("%q: %v", path, !fine)
		}
	}
}

// A letter that fails waits longer each time, for about three days, and then an
// owner sees it.
//
// P7
func TestLettersAreTriedForThreeDays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.emptyOutbox()
		w.queueLink("/x/TOKEN", 30*day)
		began, waits := w.Now(), []time.Duration{}
		for tries := 1; ; tries++ {
			l := w.claim(1)[0]
			dead, err := w.LetterFailed(w.ctx(), l, LetterUnreachable, "")
			w.ok(err)
			if dead {
				break
			}
			w.claim(0) // not before its time
			wait := letterWait(tries)
			waits = append(waits, wait)
			w.clock.advance(wait - time.Millisecond)
			w.claim(0)
			w.clock.advance(time.Millisecond)
		}
		if lasted := w.Now().Sub(began); lasted < 71*time.Hour || lasted > 74*time.Hour {
			t.Errorf("given up after %v", lasted)
		}
		if waits[0] != time.Minute || waits[1] != 2*time.Minute || waits[6] != time.Hour || waits[len(waits)-1] != time.Hour {
			t.Errorf("waits %v", waits)
		}
		w.clock.advance(day)
		w.claim(0)
	})
}

// What the server refuses for good dies sooner, but not at the first word.
func TestARefusedLetterDiesSooner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.emptyOutbox()
		w.queueLink("/x/TOKEN", 30*day)
		for tries := 1; tries <= 3; tries++ {
			l := w.claim(1)[0]
			dead, err := w.LetterFailed(w.ctx(), l, LetterRefused, "550 no such mailbox\r\n"+strings.Repeat("x", 1000))
			w.ok(err)
			if dead != (tries == 3) {
				t.Fatalf("try %d: dead %v", tries, dead)
			}
			w.clock.advance(30 * time.Minute)
		}
		var reply string
		w.ok(w.read(w.ctx()).row(`SELECT reply FROM outbox WHERE state = 'dead'`).Scan(&reply))
		if !strings.HasPrefix(reply, "550 no such mailbox") || len(reply) > letterLongReply || strings.ContainsAny(reply, "\r\n") {
			t.Errorf("%q", reply)
		}
	})
}

// A sender that was too slow says nothing about a letter that another one has now.
func TestAnOldClaimMarksNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.emptyOutbox()
		w.queueLink("/x/TOKEN", 30*day)
		old := w.claim(1)
		w.clock.advance(letterLease)
		now := w.claim(1)
		if dead, err := w.LetterFailed(w.ctx(), old[0], LetterUnreachable, ""); err != nil || dead {
			t.Error(dead, err)
		}
		w.ok(w.ReturnLetters(w.ctx(), old))
		w.claim(0)
		// One that was not tried costs nothing and can be taken at once.
		w.ok(w.ReturnLetters(w.ctx(), now))
		if again := w.claim(1); again[0].Tries != now[0].Tries {
			t.Errorf("try %d, want %d", again[0].Tries, now[0].Tries)
		}
	})
}

func TestOldLettersAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.emptyOutbox()
		w.queueLink("/x/SENT", day)
		w.queueLink("/x/DEAD", day)
		letters := w.claim(2)
		w.ok(w.LetterSent(w.ctx(), letters[0].ID))
		w.clock.advance(day)
		w.claim(0)
		left := func() int { return w.count(`SELECT COUNT(*) FROM outbox`) }
		for _, step := range []struct {
			after time.Duration
			left  int
		}{{29 * day, 2}, {day, 1}, {59 * day, 1}, {2 * day, 0}} {
			w.clock.advance(step.after)
			w.ok(w.Chores(w.ctx()))
			if n := left(); n != step.left {
				t.Errorf("after %v more: %d letters, want %d", step.after, n, step.left)
			}
		}
	})
}

// emptyOutbox takes what the making of the cast queued out of the way.
func (w *world) emptyOutbox() {
	w.t.Helper()
	w.ok(w.keepCount(w.ctx(), func(t *tx) error { _, err := t.exec(`DELETE FROM outbox`); return err }))
}
