package core

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/db/dbtest/faulty"
	"doorstep/internal/seal"
)

// These tests take the database away while people are signed in. For a lease they
// notice nothing; then they are told to come back, and never that they are signed
// out, nor let in on what nobody can know any more.

// outcome is how one request went.
type outcome struct {
	sent, answered time.Time
	token          string
	err            error
}

// visitors asks about sessions from many sides.
type visitors struct {
	mu       sync.Mutex
	outcomes []outcome
	stop     chan struct{}
	done     sync.WaitGroup
}

func (w *world) visitors(clients int, sessions ...*Session) *visitors {
	c := &visitors{stop: make(chan struct{})}
	for n := range clients {
		c.done.Go(func() {
			for i := n; ; i++ {
				select {
				case <-c.stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				o := outcome{token: sessions[i%len(sessions)].Token, sent: time.Now()}
				_, o.err = w.Session(context.Background(), o.token)
				o.answered = time.Now()
				c.mu.Lock()
				c.outcomes = append(c.outcomes, o)
				c.mu.Unlock()
			}
		})
	}
	return c
}

// end waits for everybody's answer.
func (c *visitors) end() []outcome {
	close(c.stop)
	c.done.Wait()
	return c.outcomes
}

// away is a database that cannot be had, in one way or another.
type away struct {
	name    string
	happens func(*faulty.Wire)
	lasts   time.Duration
}

var aways = []away{
	{"crashed", func(w *faulty.Wire) { w.Refuse(); w.Cut() }, 1500 * time.Millisecond},
	{"hung up", func(w *faulty.Wire) { w.Refuse(); w.HangUp() }, 1500 * time.Millisecond},
	{"cut, then silent", func(w *faulty.Wire) { w.Block(); w.Cut() }, readPatience + time.Second},
	{"silent", func(w *faulty.Wire) { w.Block() }, readPatience + time.Second},
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	for _, a := range aways {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			i := newInstallation(t, dbtest.Postgres(t))
			wire := faulty.New(t, i.postgres)
			w := i.running(Options{Database: wire.Address()})
			beside := i.running(Options{}) // a replica that is better off
			stays, ends := w.opens("carla"), w.opens("dmitri")
			w.remembers(stays)
			w.remembers(ends)

			everybody := w.visitors(8, stays, ends)
			time.Sleep(400 * time.Millisecond) // the first look, which forgets everything, is over
			begun := time.Now()
			a.happens(wire)
			signedOut := make(chan time.Time, 1)
			go func() {
				beside.ok(beside.SignOut(beside.ctx(), by(ends)))
				signedOut <- time.Now()
			}()
			time.Sleep(a.lasts)
			mended := time.Now()
			wire.Mend()
			ended := <-signedOut
			for { // nobody has to do anything
				if _, err := w.Session(w.ctx(), stays.Token); err == nil {
					break
				} else if !IsUnavailable(err) {
					t.Errorf("told while it comes back: %v", err)
				}
				if time.Since(mended) > 20*time.Second {
					t.Fatal("it does not come back")
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("there again after %v", time.Since(mended).Round(time.Millisecond))
			_, err := w.Session(w.ctx(), ends.Token)
			w.refused(err, SessionEnded)

			accepted, refused, unavailable := 0, 0, 0
			for _, o := range everybody.end() {
				r := Refused(o.err)
				switch {
				case o.err == nil:
					accepted++
					// Sent while nothing could be read, and answered before anything could:
					// that came from memory.
					if o.sent.Sub(begun) >= w.sessions.lease && o.answered.Before(mended) {
						t.Errorf("accepted %v after nothing could be read any more", o.sent.Sub(begun))
					}
					if o.token == ends.Token && o.sent.After(ended) {
						t.Errorf("accepted %v after its end was answered", o.sent.Sub(ended))
					}
				case r != nil:
					refused++
					if o.token != ends.Token || r.Code != SessionEnded || r.Reason != EndedSignedOut || o.answered.Before(begun) {
						t.Errorf("told to be signed out because nothing could be read: %v (%s)", r, r.Reason)
					}
				case IsUnavailable(o.err):
					unavailable++
				default:
					t.Errorf("told %v", o.err)
				}
			}
			t.Logf("%d accepted, %d refused, %d told to come back", accepted, refused, unavailable)
			if unavailable == 0 || accepted == 0 {
				t.Error("too little was asked to show anything")
			}
		})
	}
}

// A database that is slow makes nobody wait whose answer is in memory; nobody is
// let in on an answer that took too long to be true.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, dbtest.Postgres(t))
	wire := faulty.New(t, i.postgres)
	w := i.running(Options{Database: wire.Address()})
	beside := i.running(Options{})
	var all []*Session
	for range 6 {
		all = append(all, w.opens("carla"))
	}
	ends := all[0]
	for _, s := range all {
		w.remembers(s)
	}
	everybody := w.visitors(12, all...)
	time.Sleep(400 * time.Millisecond) // the first look, which forgets everything, is over
	wire.Delay(2 * time.Second)
	slow := time.Now()
	w.ok(beside.SignOut(beside.ctx(), by(ends)))
	ended := time.Now()
	time.Sleep(6 * time.Second)
	wire.Mend()
	mended := time.Now()
	for !w.live(all[1]) {
		t.Error("told to be signed out")
	}
	time.Sleep(200 * time.Millisecond)
	quick, waited, unavailable := 0, 0, 0
	for _, o := range everybody.end() {
		took := o.answered.Sub(o.sent)
		if took > readPatience+time.Second {
			t.Errorf("somebody waited for %v", took)
		}
		if o.token == ends.Token && o.sent.After(ended) && o.err == nil {
			t.Errorf("accepted %v after its end was answered", o.sent.Sub(ended))
		}
		if r := Refused(o.err); r != nil && o.token != ends.Token {
			t.Errorf("told to be signed out: %v", r)
		} else if r == nil && o.err != nil && !IsUnavailable(o.err) {
			t.Errorf("told %v", o.err)
		}
		switch {
		case o.sent.Before(slow) || o.answered.After(mended):
		case o.err == nil && took < 500*time.Millisecond:
			quick++
			if o.sent.Sub(slow) > w.sessions.lease {
				t.Errorf("answered quickly %v after everything became slow", o.sent.Sub(slow))
			}
		case o.err == nil:
			waited++
		case IsUnavailable(o.err):
			unavailable++
		}
	}
	t.Logf("while every answer took 2 s: %d answered from memory, %d after waiting, %d told to come back", quick, waited, unavailable)
	if quick == 0 || waited+unavailable == 0 {
		t.Error("too little was asked to show anything")
	}
}

// However many ask while the database is away, nobody waits for longer than a read
// may take, and then nothing is left of them.
func TestManyRequestsWhileTheDatabaseIsAway(t *testing.T) {
	i := newInstallation(t, dbtest.Postgres(t))
	wire := faulty.New(t, i.postgres)
	w := i.running(Options{Database: wire.Address()})
	s := w.opens("carla")
	w.remembers(s)
	others := func() int { return runtime.NumGoroutine() - 5*wire.Connections() } // the wire has its own
	before := others()
	for _, a := range []away{aways[0], aways[3]} {
		a.happens(wire)
		time.Sleep(w.sessions.lease)
		var most time.Duration
		var mu sync.Mutex
		const requests = 1000
		_, errs := race(requests, func(n int) error {
			token := s.Token
			if n%2 == 0 {
				token = seal.NewToken()
			}
			begun := time.Now()
			_, err := w.Session(w.ctx(), token)
			mu.Lock()
			defer mu.Unlock()
			most = max(most, time.Since(begun))
			return err
		})
		if len(errs) != requests {
			t.Errorf("%s: %d of %d were answered", a.name, requests-len(errs), requests)
		}
		for _, err := range errs {
			if !IsUnavailable(err) {
				t.Fatalf("%s: somebody was told %v", a.name, err)
			}
		}
		if most > readPatience+2*time.Second {
			t.Errorf("%s: somebody waited for %v", a.name, most)
		}
		if n := w.waitingReads(); n != 0 {
			t.Errorf("%s: %d readings are still shared", a.name, n)
		}
		wire.Mend()
		begun := time.Now()
		for ; ; time.Sleep(20 * time.Millisecond) {
			_, err := w.Session(w.ctx(), s.Token)
			if n := others(); err == nil && n < before+20 {
				t.Logf("%s: answered within %v; afterwards %d goroutines, before %d", a.name, most.Round(time.Millisecond), n, before)
				break
			}
			if time.Since(begun) > 30*time.Second {
				t.Fatalf("%s: %d goroutines before, %d half a minute after it came back (%v)", a.name, before, others(), err)
			}
		}
	}
}

func (w *world) waitingReads() int {
	w.sessions.mu.Lock()
	defer w.sessions.mu.Unlock()
	return len(w.sessions.reading)
}

// On SQLite another process that holds the file's lock keeps us from looking, and
// from ending anything, but not from answering.
func TestSessionsWhileAnotherProcessHoldsTheFile(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, "")
	w := i.running(Options{Exclusive: true, Lease: 200 * time.Millisecond})
	s, ends := w.opens("carla"), w.opens("dmitri")
	w.remembers(s)
	w.remembers(ends)
	beside, err := db.Open(t.Context(), db.Options{SQLite: filepath.Join(i.dir, "doorstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	everybody := w.visitors(4, s, ends)
	held, letGo := make(chan struct{}), make(chan struct{})
	var holding sync.WaitGroup
	holding.Go(func() {
		err := beside.Write(t.Context(), func(*db.Tx) error {
			close(held)
			<-letGo
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	signedOut := make(chan error, 1)
	go func() { signedOut <- w.SignOut(w.ctx(), by(ends)) }()
	time.Sleep(1500 * time.Millisecond)
	select {
	case err := <-signedOut:
		t.Errorf("ended while the file was locked: %v", err)
	default:
	}
	close(letGo)
	holding.Wait()
	w.ok(<-signedOut)
	ended := time.Now()
	if w.live(ends) {
		t.Error("accepted after its end was answered")
	}
	var longest time.Duration
	n := 0
	for _, o := range everybody.end() {
		n++
		longest = max(longest, o.answered.Sub(o.sent))
		if o.token == s.Token && o.err != nil || o.token == ends.Token && o.err == nil && o.sent.After(ended) {
			t.Errorf("%v after the end: %v", o.sent.Sub(ended), o.err)
		}
		if o.err != nil && !IsRefusal(o.err, SessionEnded) {
			t.Errorf("told %v", o.err)
		}
	}
	t.Logf("%d requests, the longest took %v", n, longest.Round(time.Millisecond))
	if longest > time.Second {
		t.Error("somebody had to wait for another process")
	}
}

// While nothing can be written, not even a look can be taken; people stay signed in
// for as long as they can be read, and what could not be ended is told to be so.
func TestSessionsWhileNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, "")
	full := make(chan struct{})
	w := i.running(Options{Exclusive: true, Lease: 50 * time.Millisecond, BeforeStatement: func(string) error {
		select {
		case <-full:
			return errPlanted
		default:
			return nil
		}
	}})
	s := w.opens("carla")
	w.remembers(s)
	close(full)
	for begun := time.Now(); time.Since(begun) < 4*w.sessions.lease; time.Sleep(time.Millisecond) {
		if !w.live(s) {
			t.Fatal("signed out because nothing can be written")
		}
	}
	if err := w.SignOut(w.ctx(), by(s)); err == nil || Refused(err) != nil {
		t.Errorf("signing out was answered with %v", err)
	}
	if !w.live(s) {
		t.Error("half signed out")
	}
}
