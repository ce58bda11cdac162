package core

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// swept counts how often each chore was done. A chore may delete nothing, so it is
// its statement that is counted.
type swept struct {
	mu    sync.Mutex
	times map[string]int
	slow  time.Duration
}

func (s *swept) before(statement string) error {
	table, isChore := strings.CutPrefix(statement, "DELETE FROM ")
	table, _, _ = strings.Cut(table, " ")
	if !isChore || table == "help_messages" { // which go with their requests
		return nil
	}
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[table]++
	return nil
}

func (s *swept) take() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.times
	s.times = map[string]int{}
	return was
}

func (w *world) chores() int {
	if w.Engine() == "sqlite" {
		return len(chores) - 1 // nobody else writes down whose sessions changed
	}
	return len(chores)
}

// Of several replicas that sweep at once, one does each chore.
func TestAChoreIsDoneByOne(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		clock, s := &testClock{now: testStart}, &swept{times: map[string]int{}, slow: 2 * time.Millisecond}
		var replicas []*world
		for n := range 3 {
			replicas = append(replicas, i.process(Options{Exclusive: n == 0, Clock: clock.Now, BeforeStatement: s.before}))
		}
		for round := range 10 {
			if _, errs := race(6, func(n int) error { return replicas[n%3].Chores(t.Context()) }); len(errs) > 0 {
				t.Fatal(errs)
			}
			done := s.take()
			for table, times := range done {
				if times != 1 {
					t.Errorf("round %d: %s was swept %d times", round, table, times)
				}
			}
			if len(done) != replicas[0].chores() {
				t.Errorf("round %d: %d chores were done: %v", round, len(done), done)
			}
			clock.advance(choreLease - time.Millisecond)
			for _, w := range replicas {
				w.ok(w.Chores(t.Context()))
			}
			if done := s.take(); len(done) != 0 {
				t.Errorf("round %d: done again before its lease was over: %v", round, done)
			}
			clock.advance(time.Millisecond)
		}
	})
}

// A replica whose clock is wrong, in either direction and then right again, keeps
// the others from no chore for longer than a lease.
func TestAWrongClockStopsNoChore(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		right, wrong := &testClock{now: testStart}, &testClock{now: testStart}
		ofRight, ofWrong := &swept{times: map[string]int{}}, &swept{times: map[string]int{}}
		good := i.process(Options{Exclusive: true, Clock: right.Now, BeforeStatement: ofRight.before})
		bad := i.process(Options{Clock: wrong.Now, BeforeStatement: ofWrong.before})
		for _, away := range []time.Duration{time.Hour, -time.Hour, 30 * time.Second, -30 * time.Second, 20 * 365 * day, -20 * 365 * day} {
			wrong.advance(away)
			for round := range 3 {
				bad.ok(bad.Chores(t.Context()))
				right.advance(choreLease)
				wrong.advance(choreLease)
				good.ok(good.Chores(t.Context()))
				if done := ofRight.take(); len(done) != good.chores() {
					t.Errorf("beside a clock that is %v away, round %d: a lease later %d of %d chores are done", away, round, len(done), good.chores())
				}
				bad.ok(bad.Chores(t.Context()))
			}
			wrong.advance(-away) // it is set right
			right.advance(choreLease)
			wrong.advance(choreLease)
			ofWrong.take()
			bad.ok(bad.Chores(t.Context()))
			if done := ofWrong.take(); len(done) != bad.chores() {
				t.Errorf("after its clock (%v away) was set right: %d of %d chores are done", away, len(done), bad.chores())
			}
		}
	})
}

// A chore that fails gives its lease back: it is tried again a moment later, by
// whoever comes first, and the others are done all the same.
func TestAChoreThatFailsIsTriedAgain(t *testing.T) {
	eachInstallation(t, func(t *testing.T, i *installation) {
		clock, s := &testClock{now: testStart}, &swept{times: map[string]int{}}
		w := i.process(Options{Exclusive: true, Clock: clock.Now, BeforeStatement: func(statement string) error {
			if strings.HasPrefix(statement, "DELETE FROM links") {
				return errPlanted
			}
			return s.before(statement)
		}})
		other := i.process(Options{Clock: clock.Now, BeforeStatement: s.before})
		if err := w.Chores(t.Context()); err == nil || !strings.Contains(err.Error(), errPlanted.Error()) {
			t.Errorf("the failure is told as %v", err)
		}
		if done := s.take(); len(done) != w.chores()-1 || done["links"] != 0 {
			t.Errorf("done beside the one that failed: %v", done)
		}
		other.ok(other.Chores(t.Context()))
		if done := s.take(); len(done) != 1 || done["links"] != 1 {
			t.Errorf("done again: %v", done)
		}
	})
}
