package core

import (
	"encoding/base32"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/db/dbtest/faulty"
	"doorstep/internal/totp"
)

// These tests are of several processes on one database: what one of them has
// answered to have ended, no other accepts (R5).

// runningClock starts at testStart and goes on by itself.
type runningClock struct {
	began time.Time
	set   atomic.Int64
}

func newRunningClock() *runningClock { return &runningClock{began: time.Now()} }

func (c *runningClock) Now() time.Time {
	return testStart.Add(time.Since(c.began) + time.Duration(c.set.Load()))
}

func (c *runningClock) advance(d time.Duration) { c.set.Add(int64(d)) }

// asker asks one process about sessions without pause, so that what that one could
// remember it does, as fresh as can be.
type asker struct {
	w        *world
	mu       sync.Mutex
	accepted map[string]time.Time // by token: when the last request was sent that was accepted
	tokens   []string
	stop     func()
}

func (w *world) keepsAsking(sessions ...*Session) *asker {
	a := &asker{w: w, accepted: map[string]time.Time{}}
	for _, s := range sessions {
		a.tokens = append(a.tokens, s.Token)
	}
	stop := make(chan struct{})
	var done sync.WaitGroup
	a.stop = sync.OnceFunc(func() {
		close(stop)
		done.Wait()
	})
	w.t.Cleanup(a.stop)
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, token := range a.tokens {
				a.ask(token)
			}
			time.Sleep(200 * time.Microsecond)
		}
	})
	return a
}

func (a *asker) ask(token string) {
	asked := time.Now()
	_, err := a.w.Session(a.w.ctx(), token)
	if err != nil && Refused(err) == nil {
		a.w.t.Error(err)
	}
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if asked.After(a.accepted[token]) {
		a.accepted[token] = asked
	}
}

// until waits until every session was accepted after now.
func (a *asker) until() {
	a.w.t.Helper()
	now := time.Now()
	for _, token := range a.tokens {
		for {
			a.mu.Lock()
			last := a.accepted[token]
			a.mu.Unlock()
			if last.After(now) {
				break
			}
			if time.Since(now) > 10*time.Second {
				a.w.t.Fatal("a session is refused that nobody ended")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// end says for how long after the answer a session was accepted; less than 0 is not
// at all.
func (a *asker) end(answered time.Time) time.Duration {
	for _, token := range a.tokens {
		a.ask(token) // at once, whatever the other goroutine is at
	}
	time.Sleep(a.w.sessions.lease / 2)
	a.stop()
	late := -time.Hour
	for _, token := range a.tokens {
		late = max(late, a.accepted[token].Sub(answered))
	}
	return late
}

// ending is one way in which sessions end.
type ending struct {
	name string
	// act opens sessions that are to end, hands them on, and then ends them.
	act func(w *world, handsOn func(...*Session)) error
}

func endings(clock *runningClock) []ending {
	code := func(w *world, name string) string {
		clock.advance(30 * time.Second) // a code is good once
		return totp.Code(w.cast[name].key, totp.StepAt(w.Now()))
	}
	change := func(c UserChange) func(*world, func(...*Session)) error {
		return func(w *world, handsOn func(...*Session)) error {
			handsOn(w.opens("carla"), w.opens("carla"))
			_, err := w.ChangeUser(w.ctx(), by(w.opens("ana")), w.cast["carla"].id, c)
			return err
		}
	}
	admin, suspended, active := RoleAdmin, StatusSuspended, StatusActive
	return []ending{
		{"signing out", func(w *world, handsOn func(...*Session)) error {
			s := w.opens("carla")
			handsOn(s)
			return w.SignOut(w.ctx(), by(s))
		}},
		{"ending one", func(w *world, handsOn func(...*Session)) error {
			s, other := w.opens("carla"), w.opens("carla")
			handsOn(other)
			_, err := w.EndSession(w.ctx(), by(s), other.ID)
			return err
		}},
		{"ending the others", func(w *world, handsOn func(...*Session)) error {
			s := w.opens("carla")
			handsOn(w.opens("carla"), w.opens("carla"))
			_, err := w.EndOtherSessions(w.ctx(), by(s))
			return err
		}},
		{"an owner ends them", func(w *world, handsOn func(...*Session)) error {
			handsOn(w.opens("carla"))
			_, err := w.EndUserSessions(w.ctx(), by(w.opens("ana")), w.cast["carla"].id)
			return err
		}},
		{"another role", change(UserChange{Role: &admin})},
		{"a suspension", change(UserChange{Status: &suspended})},
		{"bringing back", func(w *world, handsOn func(...*Session)) error {
			_, err := w.ChangeUser(w.ctx(), by(w.opens("ana")), w.cast["carla"].id, UserChange{Status: &active})
			return err
		}},
		{"stepping up", func(w *world, handsOn func(...*Session)) error {
			s := w.opens("carla")
			handsOn(s)
			_, err := w.StepUp(w.ctx(), by(s), testPassword, code(w, "carla"))
			return err
		}},
		{"deactivating", func(w *world, handsOn func(...*Session)) error {
			s := w.opens("carla")
			handsOn(s, w.opens("carla"))
			_, err := w.DeactivateTwoStep(w.ctx(), by(s), testPassword, code(w, "carla"))
			return err
		}},
		{"a restart", func(w *world, handsOn func(...*Session)) error {
			handsOn(w.opens("dmitri"), w.opens("dmitri"))
			_, err := w.RestartTwoStep(w.ctx(), by(w.opens("ana")), w.cast["dmitri"].id, goodReason)
			return err
		}},
		{"a restart from the console", func(w *world, handsOn func(...*Session)) error {
			handsOn(w.opens("bruno"), w.opens("bruno"))
			_, err := w.RestartFromConsole(w.ctx(), Console("test"), w.cast["bruno"].email, "lost phone")
			return err
		}},
		{"activating", func(w *world, handsOn func(...*Session)) error {
			s := w.opensWith("elena", sessionProof{secondStep: SecondStepNone, passwordAt: w.Now()})
			a, err := w.BeginActivation(w.ctx(), by(s))
			if err != nil {
				return err
			}
			key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Key)
			if err != nil {
				return err
			}
			if _, err := w.ConfirmActivation(w.ctx(), by(s), a.ID, totp.Code(key, totp.StepAt(w.Now()))); err != nil {
				return err
			}
			handsOn(s, w.opensWith("elena", sessionProof{secondStep: SecondStepNone, passwordAt: w.Now()}))
			_, err = w.FinishActivation(w.ctx(), by(s), a.ID, true)
			return err
		}},
		{"shorter sessions", func(w *world, handsOn func(...*Session)) error {
			s, half := w.opens("olga"), 30*time.Minute
			w.sql(`UPDATE sessions SET created_at = $1 WHERE id = $2`, ms(w.Now().Add(-time.Hour)), s.ID)
			handsOn(s)
			_, err := w.ChangePolicy(w.ctx(), by(w.opens("ana")), PolicyChange{SessionAbsolute: &half, SessionIdle: &half})
			return err
		}},
		{"removing somebody", func(w *world, handsOn func(...*Session)) error {
			handsOn(w.opens("olga"))
			return w.RemoveUser(w.ctx(), by(w.opens("ana")), w.cast["olga"].id)
		}},
	}
}

// TestWhatHasEndedIsAcceptedByNoOtherProcess goes through every way of ending a
// session, while another process remembers it: once with that one looking for
// changes, once without, when nothing but the lease ends what it remembers.
//
// ASVS 7.4.1, R5, P5
func TestWhatHasEndedIsAcceptedByNoOtherProcess(t *testing.T) {
	t.Parallel()
	for _, looks := range []bool{true, false} {
		eachInstallation(t, func(t *testing.T, i *installation) {
			t.Parallel()
			clock := newRunningClock()
			lease := 200 * time.Millisecond
			serving := i.process(Options{Exclusive: true, Clock: clock.Now, Lease: lease})
			ending := i.process(Options{Clock: clock.Now, Lease: lease}) // another replica, or a console's command
			serving.remembers(ending.opens("zoe"))
			if !looks {
				serving.looker.end()
			}
			for _, e := range endings(clock) {
				var asking *asker
				err := e.act(ending, func(sessions ...*Session) {
					asking = serving.keepsAsking(sessions...)
					asking.until()
				})
				answered := time.Now()
				if err != nil {
					t.Fatalf("%s: %v", e.name, err)
				}
				if asking == nil {
					continue
				}
				if late := asking.end(answered); late >= 0 {
					t.Errorf("%s (looks: %v): a session was accepted %v after it was answered that it had ended", e.name, looks, late)
				}
			}
		})
	}
}

// The same the other way: what a process ends itself it refuses at once, whether or
// not it had to wait for others.
func TestWhatHasEndedIsAcceptedByItsOwnProcessNoLonger(t *testing.T) {
	t.Parallel()
	eachInstallation(t, func(t *testing.T, i *installation) {
		t.Parallel()
		clock := newRunningClock()
		w := i.process(Options{Exclusive: true, Clock: clock.Now, Lease: 50 * time.Millisecond})
		w.remembers(w.opens("zoe"))
		for _, e := range endings(clock) {
			var asking *asker
			begun := time.Now()
			err := e.act(w, func(sessions ...*Session) {
				asking = w.keepsAsking(sessions...)
				asking.until()
				begun = time.Now()
			})
			answered := time.Now()
			if err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
			if asking == nil {
				continue
			}
			if late := asking.end(answered); late >= 0 {
				t.Errorf("%s: a session was accepted %v after it was answered that it had ended", e.name, late)
			}
			t.Logf("%s took %v", e.name, answered.Sub(begun).Round(time.Millisecond))
		}
	})
}

// Transactions do not commit in the order in which they begin. A look in between
// must not take one that is still open for one that it has seen.
func TestALookMissesNoTransactionThatCommitsLate(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, dbtest.Postgres(t))
	w := i.running(Options{})
	beside, err := db.Open(t.Context(), db.Options{Postgres: i.postgres})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	for round := range 5 {
		s := w.opens("carla")
		asking := w.keepsAsking(s)
		asking.until()
		err := beside.Write(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(t.Context(), `UPDATE sessions SET ended_at = 1, end_reason = 'signed_out' WHERE id = $1`, s.ID); err != nil {
				return err
			}
			for n := range 3 { // looks go by, and younger transactions commit
				time.Sleep(w.sessions.lease / looksPerLease)
				other := w.opens("dmitri")
				w.sql(fmt.Sprintf(`UPDATE sessions SET ended_at = %d WHERE id = '%s'`, n+1, other.ID))
			}
			asking.until()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		committed := time.Now()
		for w.live(s) {
			if time.Since(committed) > 5*time.Second {
				t.Fatal("accepted long after the transaction committed")
			}
		}
		if late := asking.end(committed); late >= w.sessions.lease {
			t.Errorf("round %d: accepted for %v after the commit", round, late)
		}
	}
}

// A look on a slow line vouches for the moment at which it began, and for no later one.
func TestASlowLookVouchesForWhenItBegan(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, dbtest.Postgres(t))
	wire := faulty.New(t, i.postgres)
	o := Options{Lease: 300 * time.Millisecond}
	near := i.running(o)
	o.Database = wire.Address()
	far := i.running(o)
	for range 2 {
		var all []*Session
		for _, name := range []string{"ana", "olga", "bruno", "carla", "dmitri", "zoe"} {
			all = append(all, near.opens(name))
		}
		asking := far.keepsAsking(all...)
		asking.until()
		time.Sleep(far.sessions.lease) // it looks, quickly
		wire.Delay(far.sessions.lease * 7 / 10)
		time.Sleep(far.sessions.lease) // and now each look takes so long
		race(len(all), func(n int) error {
			time.Sleep(time.Duration(n) * 37 * time.Millisecond) // at all moments of a look
			near.ok(near.SignOut(near.ctx(), by(all[n])))
			if far.live(all[n]) {
				t.Error("a session was accepted after its end was answered")
			}
			return nil
		})
		asking.stop()
		wire.Delay(0)
	}
}

// Whoever is told that a session has ended is told the truth about every process,
// also when it was somebody else who ended it, a moment ago.
func TestSigningOutTwiceAtOnce(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, dbtest.Postgres(t))
	lease := 400 * time.Millisecond
	remembering := i.running(Options{Lease: lease})
	first, second := i.running(Options{Lease: lease}), i.running(Options{Lease: lease})
	remembering.remembers(first.opens("zoe"))
	remembering.looker.end()
	for range 3 {
		s := first.opens("carla")
		asking := remembering.keepsAsking(s)
		asking.until()
		done := make(chan error)
		go func() { done <- first.SignOut(first.ctx(), by(s)) }()
		for second.live(s) {
			time.Sleep(time.Millisecond)
		}
		second.ok(second.SignOut(second.ctx(), by(s)))
		answered := time.Now()
		if late := asking.end(answered); late >= 0 {
			t.Errorf("a session was accepted %v after a second sign-out was answered", late)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A `serve` on SQLite does not wait for anybody when it ends a session; a command of
// the console beside it does, until `serve` has seen what it did.
func TestAConsoleBesideServe(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, "")
	lease := 100 * time.Millisecond
	serve := i.running(Options{Exclusive: true, Lease: lease})
	quickest := time.Hour
	for range 15 {
		console := i.opened(Options{Lease: lease}) // each command is a process of its own
		s, other := serve.opens("carla"), serve.opens("dmitri")
		asking := serve.keepsAsking(s)
		asking.until()
		begun := time.Now()
		_, err := console.RestartFromConsole(t.Context(), Console("test"), serve.cast["carla"].email, "lost phone")
		answered := time.Now()
		serve.ok(err)
		if late := asking.end(answered); late >= 0 {
			t.Errorf("serve accepted a session %v after the console had said that it ended", late)
		}
		if took := answered.Sub(begun); took < lease {
			t.Errorf("the console answered after %v, before a lease was over", took)
		}
		serve.ok(console.Close())
		begun = time.Now()
		serve.ok(serve.SignOut(serve.ctx(), by(other)))
		quickest = min(quickest, time.Since(begun))
		if serve.live(other) {
			t.Error("serve accepts what it ended itself")
		}
		serve.sql(`UPDATE users SET two_step = 'active', due_by = 0, due_reason = '', contained_until = 0 WHERE id = $1`, serve.cast["carla"].id)
	}
	if quickest >= lease {
		t.Errorf("serve waited at least %v for a console that remembers nothing", quickest)
	}
}

// Whoever is told again what was done a moment ago is told the truth about every
// process too.
func TestTheSameAnswerAgain(t *testing.T) {
	i := newInstallation(t, dbtest.Postgres(t))
	clock, lease := newRunningClock(), 400*time.Millisecond
	remembering := i.process(Options{Clock: clock.Now, Lease: lease})
	first, second := i.process(Options{Clock: clock.Now, Lease: lease}), i.process(Options{Clock: clock.Now, Lease: lease})
	remembering.remembers(first.opens("zoe"))
	remembering.looker.end()
	ana := first.opens("ana")
	own := first.opens("dmitri")
	suspended := StatusSuspended
	for what, act := range map[string]func(w *world, s *Session) error{
		"a session ended twice": func(w *world, s *Session) error {
			_, err := w.EndSession(w.ctx(), by(own), s.ID)
			if IsRefusal(err, Missing) {
				return nil // the page says that it is over already
			}
			return err
		},
		"a restart that was sent twice": func(w *world, _ *Session) error {
			request := goodReason
			request.CheckSeen = true
			_, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, request)
			return err
		},
		"a suspension that was sent twice": func(w *world, _ *Session) error {
			_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, UserChange{Status: &suspended})
			return err
		},
	} {
		first.sql(`UPDATE users SET status = 'active' WHERE id = $1`, first.cast["carla"].id)
		s := first.opens("carla")
		if what == "a session ended twice" {
			s = first.opens("dmitri")
		}
		asking := remembering.keepsAsking(s)
		asking.until()
		done := make(chan error)
		go func() { done <- act(first, s) }()
		for second.live(s) {
			time.Sleep(time.Millisecond)
		}
		second.ok(act(second, s))
		answered := time.Now()
		if late := asking.end(answered); late >= 0 {
			t.Errorf("%s: a session was accepted %v after the second answer", what, late)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
