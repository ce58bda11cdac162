package core

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// These tests are of the memory alone: its own time is moved by hand, and what is
// "read" is made up, so every order of events can be had.

const testLease = time.Second

// later lets the memory's own time pass.
func (m *sessionCache) later(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began = m.began.Add(-d)
}

// memo is a memory with a clock that goes as its own time does, or is set wrong.
type memo struct {
	*sessionCache
	set time.Duration // how far the clock was set away
}

func newMemo() *memo {
	m := &memo{sessionCache: newSessionCache(testLease)}
	m.remote = true
	return m
}

func (m *memo) now() int64 { return (time.Duration(m.own()) + m.set + 1e9*time.Second).Milliseconds() }

func aKey(n uint64) (key answerKey) {
	binary.LittleEndian.PutUint64(key[:], n)
	return key
}

// inOneSet has the same eight places for every n.
func inOneSet(n byte) answerKey { return answerKey{31: n} }

// spread is a key like a hash: the places of consecutive n have nothing to do with
// each other (splitmix64).
func spread(n uint64) answerKey {
	n *= 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return aKey(n ^ n>>31)
}

func sessionOf(user string) *Session { return &Session{ID: "of " + user, User: User{ID: user}} }

// learns reads a session of a user as a request does that finds none in memory.
func (m *memo) learns(t testing.TB, key answerKey, user string) *Session {
	t.Helper()
	s, err := m.readOnce(t.Context(), key, m.now, func(context.Context) (*answer, error) {
		return &answer{session: sessionOf(user), until: m.now() + time.Hour.Milliseconds()}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keeps is learns without the reading, for very many.
func (m *memo) keeps(key answerKey, s *Session) {
	own := m.own()
	m.put(&answer{key: key, session: s, readAt: own, drift: m.now() - own/1e6, until: 1 << 62}, m.forgotten.Load())
}

func (m *memo) knows(key answerKey) bool { return m.get(key, m.own(), m.now()) != nil }

func TestAnAnswerLivesForOneLease(t *testing.T) {
	m := newMemo()
	m.learns(t, aKey(1), "carla")
	m.later(testLease - 100*time.Millisecond)
	if !m.knows(aKey(1)) {
		t.Error("forgotten before its time")
	}
	m.later(100 * time.Millisecond)
	if m.knows(aKey(1)) {
		t.Error("remembered for more than a lease")
	}
	m.later(time.Hour)
	if m.knows(aKey(1)) {
		t.Error("an old answer came back")
	}
}

// It counts from when the reading began: whoever ended the session a moment later
// has told everybody so one lease after that.
func TestALeaseBeginsWithTheReading(t *testing.T) {
	m := newMemo()
	_, err := m.readOnce(t.Context(), aKey(1), m.now, func(context.Context) (*answer, error) {
		m.later(testLease * 3 / 4) // a slow database
		return &answer{session: sessionOf("carla"), until: m.now() + time.Hour.Milliseconds()}, nil
	})
	if err != nil || !m.knows(aKey(1)) {
		t.Fatal("not remembered", err)
	}
	m.later(testLease / 4)
	if m.knows(aKey(1)) {
		t.Error("its lease began when the answer came")
	}
}

func TestALookRenewsAllThatItFoundUnchanged(t *testing.T) {
	m := newMemo()
	m.learns(t, aKey(1), "carla")
	for range 10 {
		m.later(testLease / 2)
		m.confirm(m.own(), m.now())
	}
	if !m.knows(aKey(1)) {
		t.Error("not renewed")
	}
	m.later(testLease / 2)
	m.learns(t, aKey(2), "dmitri") // read after the last look: that one says nothing about it
	m.later(testLease / 2)
	if m.knows(aKey(1)) || !m.knows(aKey(2)) {
		t.Error("an answer lives from the later of its reading and the last look")
	}
}

// A clock that was set, or a machine that slept, is no measure of a lease.
func TestAnOddClockIsNotTrusted(t *testing.T) {
	for _, set := range []time.Duration{time.Hour, -time.Hour, testLease, -testLease, 30 * day, -30 * day} {
		m := newMemo()
		m.learns(t, aKey(1), "carla")
		m.set = set
		if m.knows(aKey(1)) {
			t.Errorf("answered from memory after the clock was set by %v", set)
		}
		m.confirm(m.own(), m.now())
		if set < 0 && !m.knows(aKey(1)) {
			t.Errorf("not answered after a look by the new clock (%v)", set)
		}
		m.set = 0
		if m.knows(aKey(1)) {
			t.Errorf("answered from memory after the clock was set back by %v", -set)
		}
	}
}

func TestAnAnswerHoldsInItsSpanOfTimeOnly(t *testing.T) {
	m := newMemo()
	now := m.now()
	_, err := m.readOnce(t.Context(), aKey(1), m.now, func(context.Context) (*answer, error) {
		return &answer{session: sessionOf("elena"), from: now - 100, until: now + 100}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int64]bool{now - 101: false, now - 100: true, now + 99: true, now + 100: false} {
		if got := m.get(aKey(1), m.own(), at) != nil; got != want {
			t.Errorf("%d ms from now: %v", at-now, got)
		}
	}
}

func TestForgettingAUser(t *testing.T) {
	m := newMemo()
	others := 0
	for n := range uint64(200) {
		m.learns(t, aKey(n), fmt.Sprintf("user %d", n%2*(1+n))) // half of them of one user
	}
	m.forget("user 0")
	for n := range uint64(200) {
		switch known := m.knows(aKey(n)); {
		case n%2 == 0 && known:
			t.Fatalf("session %d of the user is still known", n)
		case n%2 == 1 && !known:
			others++ // shares an epoch
		}
	}
	if others > 3 {
		t.Errorf("%d sessions of others were forgotten too", others)
	}
	m.learns(t, aKey(0), "user 0")
	if !m.knows(aKey(0)) {
		t.Error("what was read after the forgetting is not kept")
	}
	m.forgetAll()
	for n := range uint64(200) {
		if m.knows(aKey(n)) {
			t.Fatal("not everything was forgotten")
		}
	}
}

// What was read before a session ended must not be kept after it was forgotten,
// however long the reading took.
func TestAReadingThatAForgettingOvertookIsNotKept(t *testing.T) {
	for what, forget := range map[string]func(*memo){
		"of the user": func(m *memo) { m.forget("carla") },
		"of all":      func(m *memo) { m.forgetAll() },
	} {
		m := newMemo()
		s, err := m.readOnce(t.Context(), aKey(1), m.now, func(context.Context) (*answer, error) {
			a := &answer{session: sessionOf("carla"), until: m.now() + time.Hour.Milliseconds()} // as the row was
			forget(m)                                                                            // it is ended meanwhile
			return a, nil
		})
		if err != nil || s == nil {
			t.Fatal(err)
		}
		if m.knows(aKey(1)) {
			t.Errorf("a forgetting %s was overtaken by an older answer", what)
		}
		m.confirm(m.own(), m.now())
		if m.knows(aKey(1)) {
			t.Errorf("a forgetting %s: a look brought it back", what)
		}
	}
}

func TestTheLongestUnusedIsGivenUp(t *testing.T) {
	m := newMemo()
	for n := range byte(cacheWays) {
		m.learns(t, inOneSet(n), "carla")
		m.later(time.Millisecond)
	}
	m.later(testLease / 4)
	for n := range byte(cacheWays) {
		if n != 3 && !m.knows(inOneSet(n)) {
			t.Fatalf("%d is not known", n)
		}
	}
	m.learns(t, inOneSet(99), "dmitri")
	for n := range byte(cacheWays) {
		if m.knows(inOneSet(n)) != (n != 3) {
			t.Errorf("session %d: known is %v", n, n == 3)
		}
	}
	m.learns(t, inOneSet(99), "dmitri") // replaced in its own place
	if !m.knows(inOneSet(99)) || !m.knows(inOneSet(0)) {
		t.Error("replacing an answer cost another its place")
	}
}

// People at work keep their places while crowds come by once.
func TestAWorkingSetStays(t *testing.T) {
	m := newMemo()
	somebody, passerBy := sessionOf("somebody"), sessionOf("a passer-by")
	var working []answerKey
	for n := range uint64(4000) {
		working = append(working, spread(n))
		m.keeps(working[n], somebody)
	}
	for round := range uint64(50) {
		for n := range uint64(2000) {
			m.keeps(spread(1e6+1e4*round+n), passerBy)
		}
		m.later(testLease / 4)
		m.confirm(m.own(), m.now())
		lost := 0
		for _, key := range working {
			if !m.knows(key) {
				lost++
				m.keeps(key, somebody)
			}
		}
		if lost > len(working)/500 { // chance puts a few where it is crowded
			t.Fatalf("%d of %d lost their places", lost, len(working))
		}
	}
}

// Memory is bounded whoever signs in: 200,000 answers take no more room than fit.
func TestTheMemoryIsBounded(t *testing.T) {
	m := newMemo()
	next := uint64(0)
	fill := func(n int) {
		for range n {
			text := strings.Repeat("x", 36+36+36+40+30+40+deviceLimit)
			s := &Session{ID: text[:36], Address: text[36:76], Device: text[76 : 76+deviceLimit]}
			s.User = User{ID: text[:36], Email: text[:40], Name: text[:30], Team: Team{ID: text[:36], Name: text[:30]}}
			m.keeps(spread(next), s)
			next++
		}
	}
	before := heap()
	fill(200_000)
	full := heap() - before
	fill(50_000)
	more := heap() - before
	t.Logf("%d places full: %d MB, %d bytes a session", cacheSets*cacheWays, full>>20, full/(cacheSets*cacheWays))
	if full > 64<<20 || more > full+full/10 {
		t.Errorf("200,000 answers take %d MB, 250,000 take %d", full>>20, more>>20)
	}
	runtime.KeepAlive(m)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestNoAnswerOutlivesItsForgetting lets readers, forgetters and looks race: once a
// forgetting has returned, nobody is given what was true before it.
//
// ASVS 15.4.1, R5, P5
func TestNoAnswerOutlivesItsForgetting(t *testing.T) {
	m := newMemo()
	const users = 8
	var truth, told [users]atomic.Int64
	names := make([]string, users)
	for u := range names {
		names[u] = fmt.Sprintf("user %d", u)
	}
	var stop atomic.Bool
	var forgetters, readers sync.WaitGroup
	var answers, fromMemory, changes atomic.Int64
	for f := range 2 {
		forgetters.Go(func() {
			for n := f; !stop.Load(); n++ {
				u := n % users
				v := truth[u].Add(1) // the commit
				if n%50 == 0 {
					m.forgetAll()
				} else {
					m.forget(names[u])
				}
				for was := told[u].Load(); was < v && !told[u].CompareAndSwap(was, v); was = told[u].Load() {
				}
				changes.Add(1)
				m.confirm(m.own(), m.now())
				if n%64 == 0 {
					time.Sleep(50 * time.Microsecond) // or nothing would ever be remembered
				}
				runtime.Gosched()
			}
		})
	}
	for r := range 4 {
		readers.Go(func() {
			for n := r; !stop.Load(); n++ {
				u := n % users
				key := answerKey{0: byte(n % (3 * users)), 31: byte(u)}
				known := told[u].Load()
				s := m.get(key, m.own(), m.now())
				if s != nil {
					fromMemory.Add(1)
				} else {
					var err error
					s, err = m.readOnce(t.Context(), key, m.now, func(context.Context) (*answer, error) {
						s := sessionOf(names[u])
						v := truth[u].Load()
						runtime.Gosched()
						s.ExpiresAt = time.UnixMilli(v)
						return &answer{session: s, until: 1 << 62}, nil
					})
					if err != nil {
						t.Error(err)
						return
					}
				}
				answers.Add(1)
				if s.ExpiresAt.UnixMilli() < known {
					t.Errorf("user %d: answered as of change %d, after everybody had been told of %d", u, s.ExpiresAt.UnixMilli(), known)
					stop.Store(true)
				}
			}
		})
	}
	time.Sleep(time.Second)
	stop.Store(true)
	readers.Wait()
	forgetters.Wait()
	t.Logf("%d answers, %d of them from memory, %d changes", answers.Load(), fromMemory.Load(), changes.Load())
	if fromMemory.Load() < 1000 || changes.Load() < 1000 {
		t.Error("too little raced")
	}
}
