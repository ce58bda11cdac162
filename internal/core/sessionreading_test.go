package core

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// These tests are of readings that several requests share.

// slowReading is a reading that a test lets go on.
type slowReading struct {
	begun, goOn chan struct{}
	reads       atomic.Int64
}

func newSlowReading() *slowReading {
	return &slowReading{begun: make(chan struct{}, 1000), goOn: make(chan struct{})}
}

func (r *slowReading) read(ctx context.Context) (*answer, error) {
	r.reads.Add(1)
	r.begun <- struct{}{}
	select {
	case <-r.goOn:
		return &answer{session: sessionOf("carla"), until: 1 << 62}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// asks starts a request and returns what it will be answered.
func (m *memo) asks(ctx context.Context, r *slowReading) <-chan error {
	answered := make(chan error, 1)
	go func() {
		_, err := m.readOnce(ctx, aKey(1), m.now, r.read)
		answered <- err
	}()
	return answered
}

func (m *memo) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.reading)
}

func TestManyWhoAskAtOnceReadOnce(t *testing.T) {
	m, r := newMemo(), newSlowReading()
	first := m.asks(t.Context(), r)
	<-r.begun
	var rest []<-chan error
	for range 100 {
		rest = append(rest, m.asks(t.Context(), r))
	}
	time.Sleep(20 * time.Millisecond) // they ask; one more reading would be begun by now
	close(r.goOn)
	for _, answered := range append(rest, first) {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	if n := r.reads.Load(); n != 1 {
		t.Errorf("%d readings", n)
	}
	if m.waiting() != 0 {
		t.Error("a reading that is done is still shared")
	}
}

// Whoever comes a lease after a reading began may have been told by then that the
// session ended in between; whoever comes after a forgetting has been told so by
// this process.
func TestAReadingIsNotSharedForLongerThanItsAnswerMayLive(t *testing.T) {
	for what, happens := range map[string]func(*memo){
		"a lease later":      func(m *memo) { m.later(testLease) },
		"after a forgetting": func(m *memo) { m.forget("carla") },
	} {
		m, r := newMemo(), newSlowReading()
		early := m.asks(t.Context(), r)
		<-r.begun
		happens(m)
		late := m.asks(t.Context(), r)
		select {
		case <-r.begun:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: the old reading was shared", what)
		}
		close(r.goOn)
		if err := errors.Join(<-early, <-late); err != nil {
			t.Error(err)
		}
		if m.waiting() != 0 {
			t.Errorf("%s: a reading that is done is still shared", what)
		}
	}
}

// Whoever reads for all may hang up; the others still get their answer, also when
// that took longer than a lease.
func TestWhoeverReadsForOthersMayHangUp(t *testing.T) {
	for _, waited := range []time.Duration{0, testLease / 2, 2 * testLease} {
		m, r := newMemo(), newSlowReading()
		ctx, hangUp := context.WithCancel(t.Context())
		leader := m.asks(ctx, r)
		<-r.begun
		var others []<-chan error
		for range 20 {
			others = append(others, m.asks(t.Context(), r))
		}
		time.Sleep(10 * time.Millisecond) // they wait for the first
		m.later(waited)
		hangUp()
		if err := <-leader; !errors.Is(err, context.Canceled) {
			t.Errorf("after %v: the one that hung up was told %v", waited, err)
		}
		select {
		case <-r.begun: // one of the others reads now
		case <-time.After(5 * time.Second):
		}
		time.Sleep(10 * time.Millisecond) // and the rest wait for it
		close(r.goOn)
		for _, answered := range others {
			if err := <-answered; err != nil {
				t.Fatalf("after %v: somebody who did not hang up was told: %v", waited, err)
			}
		}
		if n := r.reads.Load(); n > 2 {
			t.Errorf("after %v: %d readings", waited, n)
		}
	}
}

// A storage that is away is asked once for all who wait, not once for each of them
// in turn.
func TestAFailureIsSharedToo(t *testing.T) {
	for _, quick := range []bool{true, false} {
		m := newMemo()
		away := errors.New("the storage is away")
		var reads atomic.Int64
		goOn := make(chan struct{})
		answers := make(chan error, 200)
		for range cap(answers) {
			go func() {
				_, err := m.readOnce(t.Context(), aKey(1), func() int64 { return 0 }, func(context.Context) (*answer, error) {
					reads.Add(1)
					<-goOn
					return nil, away
				})
				answers <- err
			}()
		}
		time.Sleep(50 * time.Millisecond) // all of them wait
		if !quick {
			m.later(2 * testLease)
		}
		close(goOn)
		for range cap(answers) {
			if err := <-answers; !errors.Is(err, away) {
				t.Fatal(err)
			}
		}
		if n := reads.Load(); n > 5 {
			t.Errorf("quick %v: a storage that is away was asked %d times", quick, n)
		}
	}
}

// A handler that panics while it reads must not leave the others waiting.
func TestAPanicWhileReading(t *testing.T) {
	m := newMemo()
	begun, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		defer func() { _ = recover() }()
		_, _ = m.readOnce(context.Background(), aKey(1), m.now, func(context.Context) (*answer, error) {
			close(begun)
			<-goOn
			panic("planted")
		})
	}()
	<-begun
	r := newSlowReading()
	close(r.goOn)
	answered := m.asks(t.Context(), r)
	time.Sleep(10 * time.Millisecond)
	close(goOn)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if m.waiting() != 0 {
		t.Error("a reading that is over is still shared")
	}
}
