package core

import (
	"bytes"
	"context"
	"encoding/base64"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/seal"
)

// These tests are of what core answers from its memory of sessions, over a real
// database.

// raced says whether the race detector looks on; it allocates on its own account.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

func TestAnAnswerFromMemoryAllocatesNothing(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.running(Options{Exclusive: true})
		s := w.opens("carla")
		apps := w.AppsToken(s)
		_, err := w.AppsSession(w.ctx(), apps)
		w.ok(err)
		w.remembers(s)
		for what, ask := range map[string]func() (*Session, error){
			"a session's token": func() (*Session, error) { return w.Session(context.Background(), s.Token) },
			"an apps token":     func() (*Session, error) { return w.AppsSession(context.Background(), apps) },
		} {
			first, err := ask()
			w.ok(err)
			fromMemory := 0
			allocations := testing.AllocsPerRun(2000, func() {
				if again, _ := ask(); again == first {
					fromMemory++
				}
			})
			if allocations > 0 && !raced() {
				t.Errorf("%s: %v allocations", what, allocations)
			}
			if fromMemory < 1900 {
				t.Errorf("%s: only %d of 2,000 answers came from memory", what, fromMemory)
			}
		}
	})
}

// Whoever shares a reading gets the very same answer: so many answers, so many reads.
func TestManyRequestsOfOneSessionReadItsRowOnce(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.running(Options{Exclusive: true})
		w.remembers(w.opens("dmitri")) // the first look, which forgets everything, is over
		for round := range 20 {
			s := w.opens("carla")
			var mu sync.Mutex
			reads := map[*Session]int{}
			won, errs := race(200, func(int) error {
				got, err := w.Session(w.ctx(), s.Token)
				mu.Lock()
				defer mu.Unlock()
				reads[got]++
				return err
			})
			// One, as a rule; the memory may be full at this place.
			if won != 200 || len(reads) > 20 {
				t.Errorf("round %d: %d of 200 answered by %d readings of the row: %v", round, won, len(reads), errs)
			}
		}
	})
}

// What is refused is not remembered: who signs in is in at once, and strangers
// take no room.
func TestARefusalIsNotRemembered(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.process(Options{Exclusive: true})
		other := i.process(Options{}) // signs people in as well
		for range 5 {
			s := other.opens("carla")
			fresh := seal.NewToken() // no session's yet
			for range 3 {
				_, err := w.Session(w.ctx(), fresh)
				w.refused(err, NotSignedIn)
			}
			other.sql(`UPDATE sessions SET token_hash = $1 WHERE id = $2`, w.keys.TokenHash(tokenOfSession, fresh), s.ID)
			if got, err := w.Session(w.ctx(), fresh); err != nil || got.ID != s.ID {
				t.Fatalf("a session that has just been opened: %v", err)
			}
		}
		before := w.places()
		for range 1000 {
			_, err := w.Session(w.ctx(), seal.NewToken())
			w.refused(err, NotSignedIn)
		}
		if after := w.places(); after != before || len(w.sessions.reading) != 0 {
			t.Errorf("strangers took %d places, %d readings are left", after-before, len(w.sessions.reading))
		}
	})
}

// places counts the answers that are kept.
func (w *world) places() (n int) {
	for set := range w.sessions.places {
		for i := range w.sessions.places[set] {
			if w.sessions.places[set][i].Load() != nil {
				n++
			}
		}
	}
	return n
}

// Where no look can be taken, an answer is never older than a lease.
func TestWithoutLooksAnswersRunOut(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.running(Options{Exclusive: true, Lease: 250 * time.Millisecond})
		s := w.opens("carla")
		w.remembers(w.opens("dmitri"))
		w.looker.end()
		old := 0
		for n := range 3 {
			for w.remembered(s) {
				time.Sleep(time.Millisecond)
			}
			w.remembers(s) // as fresh as can be
			name := strings.Repeat("Carla", n+2)
			w.sql(`UPDATE users SET name = $1 WHERE id = $2`, name, w.cast["carla"].id) // past this process's memory
			changed := time.Now()
			for {
				asked := time.Now()
				got, err := w.Session(w.ctx(), s.Token)
				w.ok(err)
				if got.User.Name == name {
					break
				}
				if old++; asked.Sub(changed) >= w.sessions.lease {
					t.Fatalf("asked %v after a change, core answered as of before it", asked.Sub(changed))
				}
			}
		}
		if old == 0 {
			t.Error("the session was never answered from memory; this shows nothing")
		}
	})
}

// A look that fails, or that comes too late, renews nothing and forgets what it
// cannot vouch for.
func TestAfterALostLookEverythingIsReadAnew(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.running(Options{Exclusive: true})
		s := w.opens("carla")
		w.looker.end()
		ctx, cancel := context.WithCancel(w.ctx())
		cancel()
		for what, happens := range map[string]func(){
			"a look failed":   func() { w.looker.look(ctx) },
			"a look was late": func() { w.looker.looked = w.looker.looked.Add(-w.sessions.lease) },
		} {
			w.looker.look(w.ctx())
			w.remembers(s)
			w.looker.look(w.ctx())
			if !w.remembered(s) {
				t.Fatalf("%s: a look in time forgot what nobody changed", what)
			}
			happens()
			w.looker.look(w.ctx())
			if w.remembered(s) {
				t.Errorf("%s, and the next renewed answers from before it", what)
			}
		}
	})
}

// at the very millisecond at which a session or its user changes by time alone, the
// answer from memory does.
func TestWhatTimeChangesIsExactFromMemory(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.process(Options{Exclusive: true})
		at := func(d time.Duration) int64 { return ms(w.clock.Now().Add(d)) }
		w.remembers(w.opens("dmitri")) // the first look is over

		// edge goes to a millisecond before the turn, makes sure that memory answers,
		// takes the one step, and asks again.
		edge := func(s *Session, after time.Duration) (before, then *Session, err error) {
			t.Helper()
			w.clock.advance(after - time.Millisecond)
			w.remembers(s)
			before, err = w.Session(w.ctx(), s.Token)
			w.ok(err)
			w.clock.advance(time.Millisecond)
			then, err = w.Session(w.ctx(), s.Token)
			return before, then, err
		}

		s := w.opens("carla")
		w.sql(`UPDATE sessions SET idle_ms = 20000 WHERE id = $1`, s.ID)
		_, _, err := edge(s, 20*time.Second)
		if r := w.refused(err, SessionEnded); r.Reason != EndedIdle {
			t.Errorf("at its idle end a session is refused for %q", r.Reason)
		}

		s = w.opens("carla")
		w.sql(`UPDATE sessions SET expires_at = $1 WHERE id = $2`, at(30*time.Second), s.ID)
		_, _, err = edge(s, 30*time.Second)
		if r := w.refused(err, SessionEnded); r.Reason != EndedAbsolute {
			t.Errorf("at its absolute end a session is refused for %q", r.Reason)
		}

		s = w.opensWith("carla", sessionProof{secondStep: SecondStepRecoveryCode, passwordAt: w.Now()})
		w.sql(`UPDATE sessions SET expires_at = $1 WHERE id = $2`, at(30*time.Second), s.ID)
		_, _, err = edge(s, 30*time.Second)
		if r := w.refused(err, SessionEnded); r.Reason != EndedRecovery {
			t.Errorf("at its end a session of a recovery code is refused for %q", r.Reason)
		}

		s = w.opensWith("elena", sessionProof{secondStep: SecondStepNone, passwordAt: w.Now()})
		w.sql(`UPDATE users SET due_by = $1 WHERE id = $2`, at(40*time.Second), w.cast["elena"].id)
		w.Forget()
		before, then, err := edge(s, 40*time.Second)
		w.ok(err)
		if before.Reach != ReachFull || then.Reach != ReachActivation || then.User.TwoStep != TwoStepDue {
			t.Errorf("as the days of grace end the reach goes from %s to %s (%s)", before.Reach, then.Reach, then.User.TwoStep)
		}
		w.remembers(s)
		w.clock.advance(-time.Millisecond) // a clock that is set back, by as little
		if back, err := w.Session(w.ctx(), s.Token); err != nil || back.Reach != ReachFull {
			t.Errorf("set back, the reach is not what the row says: %v", err)
		}
		w.clock.advance(time.Millisecond)

		s = w.opens("carla")
		w.sql(`UPDATE users SET contained_until = $1 WHERE id = $2`, at(50*time.Second), w.cast["carla"].id)
		w.Forget()
		before, then, err = edge(s, 50*time.Second)
		w.ok(err)
		if before.User.ContainedUntil.IsZero() || !then.User.ContainedUntil.IsZero() {
			t.Errorf("contained until %v, then until %v", before.User.ContainedUntil, then.User.ContainedUntil)
		}

		s = w.opens("carla")
		w.sql(`UPDATE users SET two_step = 'due', due_reason = 'restarted', due_by = $1 WHERE id = $2`, at(50*time.Second), w.cast["carla"].id)
		w.Forget()
		before, then, err = edge(s, 50*time.Second)
		w.ok(err)
		if before.User.Closed || !then.User.Closed {
			t.Errorf("closed is %v, then %v", before.User.Closed, then.User.Closed)
		}
	})
}

// A clock that jumps by an hour changes the answer as it would if nothing were
// remembered, at once and in both directions.
func TestAClockThatJumpsWhileASessionIsRemembered(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.process(Options{Exclusive: true})
		w.remembers(w.opens("dmitri"))
		for range 3 {
			s := w.opens("carla")
			w.remembers(s)
			w.clock.advance(time.Hour)
			_, err := w.Session(w.ctx(), s.Token)
			if r := w.refused(err, SessionEnded); r.Reason != EndedIdle {
				t.Errorf("refused for %q", r.Reason)
			}
			w.clock.advance(-time.Hour)
			if !w.live(s) {
				t.Error("the clock is right again, and the session stays refused")
			}
			w.remembers(s)
			w.clock.advance(-time.Hour)
			if !w.live(s) {
				t.Error("a clock that was set back ended a session")
			}
			w.remembers(s)
			w.clock.advance(time.Hour)
			if !w.live(s) {
				t.Error("the clock is right again, and the session is refused")
			}
			w.ok(w.SignOut(w.ctx(), by(s)))
			for _, jump := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour} {
				w.clock.advance(jump)
				if w.live(s) {
					t.Errorf("a jump of %v revived an ended session", jump)
				}
			}
		}
	})
}

// A new token takes the old one's place in the same moment, in memory too (R8).
//
// ASVS 7.2.4
func TestAReplacedTokenIsDeadAtOnce(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.process(Options{Exclusive: true, Lease: 100 * time.Millisecond})
		other := i.process(Options{Lease: 100 * time.Millisecond})
		for range 3 {
			w.clock.advance(30 * time.Second)
			other.clock.advance(30 * time.Second)
			old := w.opens("carla")
			apps := w.AppsToken(old)
			w.remembers(old)
			if w.shared {
				other.remembers(old)
			}
			_, err := w.AppsSession(w.ctx(), apps)
			w.ok(err)
			fresh, err := w.StepUp(w.ctx(), by(old), testPassword, w.code("carla"))
			w.ok(err)
			for _, process := range []*world{w, other} {
				_, err = process.Session(w.ctx(), old.Token)
				w.refused(err, NotSignedIn)
				_, err = process.AppsSession(w.ctx(), apps)
				w.refused(err, NotSignedIn)
				got, err := process.Session(w.ctx(), fresh.Token)
				w.ok(err)
				if got.ID != old.ID || got.Token != "" || got.StepUpUntil(w.Now()).IsZero() {
					t.Errorf("the new token is answered with %+v", got)
				}
			}
		}
	})
}

// The token for apps says who signed in and is good for nothing else.
//
// ASVS 9.2.3, NIST 5.1.2
func TestAppsToken(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		w := i.process(Options{Exclusive: true, Lease: 20 * time.Millisecond})
		s := w.opens("carla")
		apps := w.AppsToken(s)
		got, err := w.AppsSession(w.ctx(), apps)
		w.ok(err)
		if got.ID != s.ID || got.User.ID != w.cast["carla"].id || got.Token != "" {
			t.Errorf("answered with %+v", got)
		}
		w.remembers(s)
		for _, token := range []string{apps, s.Token, s.ID} {
			_, asApps := w.AppsSession(w.ctx(), token)
			_, asSession := w.Session(w.ctx(), token)
			if (asApps == nil) != (token == apps) || (asSession == nil) != (token == s.Token) {
				t.Errorf("%.8s… as an apps token: %v, as a session's: %v", token, asApps, asSession)
			}
		}
		read, err := w.Session(w.ctx(), s.Token)
		w.ok(err)
		if token := w.AppsToken(read); token != "" {
			t.Error("a session that was looked up gives out an apps token")
		}
		if len(apps) > longestToken || strings.Trim(apps, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			t.Errorf("%q does not fit a cookie, or is longer than what is read", apps)
		}

		other := w.opens("dmitri")
		id, mac, _ := strings.Cut(apps, ".")
		otherID, otherMAC, _ := strings.Cut(w.AppsToken(other), ".")
		for _, bad := range []string{
			otherID + "." + mac, id + "." + otherMAC, id + ".", id, "." + mac, mac + "." + id, apps + "A", apps[:len(apps)-1],
			strings.ToUpper(id) + "." + mac, id + "." + strings.Repeat("A", len(mac)), strings.Repeat("A", 96), apps + "." + mac, " " + apps, apps + " ",
			id + "." + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0}, 32)), strings.Repeat("\x00", 50), strings.Repeat("é", 30), "",
		} {
			_, err := w.AppsSession(w.ctx(), bad)
			w.refused(err, NotSignedIn)
		}
		for at := range apps { // one symbol at a time
			bad := []byte(apps)
			bad[at] ^= 1
			if _, err := w.AppsSession(w.ctx(), string(bad)); err == nil {
				t.Errorf("%q passes for %q", bad, apps)
			}
		}
		// It ends with its session.
		_, err = w.AppsSession(w.ctx(), apps)
		w.ok(err)
		w.ok(w.SignOut(w.ctx(), by(s)))
		_, err = w.AppsSession(w.ctx(), apps)
		if r := w.refused(err, SessionEnded); r.Reason != EndedSignedOut {
			t.Errorf("refused for %q", r.Reason)
		}
	})
}

// Close leaves nobody behind.
//
// ASVS 1.4.3
func TestCloseEndsWhatOpenBegan(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		ours := func() string {
			all := make([]byte, 1<<20)
			var left []string
			for stack := range strings.SplitSeq(string(all[:runtime.Stack(all, true)]), "\n\n") {
				if strings.Contains(stack, "core.(*looker)") || strings.Contains(stack, "core.(*Core)") || strings.Contains(stack, "db.(*DB)") {
					left = append(left, stack)
				}
			}
			return strings.Join(left, "\n\n")
		}
		before := runtime.NumGoroutine()
		for n := range 10 {
			c := i.opened(Options{Exclusive: true})
			if n%2 == 0 { // one with a looker that never woke up, and one that is awake
				if _, err := c.Session(t.Context(), seal.NewToken()); !IsRefusal(err, NotSignedIn) {
					t.Fatal(err)
				}
			}
			begun := time.Now()
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > 3*time.Second {
				t.Errorf("closing took %v", took)
			}
			for ours() != "" {
				if time.Since(begun) > 10*time.Second {
					t.Fatalf("left behind:\n%s", ours())
				}
				time.Sleep(time.Millisecond)
			}
		}
		for begun := time.Now(); runtime.NumGoroutine() > before+3; time.Sleep(10 * time.Millisecond) {
			if time.Since(begun) > 10*time.Second {
				t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
			}
		}
	})
}
