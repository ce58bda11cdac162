package password

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestTheQueue fills it to the brim: exactly parallel run, exactly queue wait,
// the next is refused at once, and everything that was let in runs in the end.
//
// ASVS 15.2.2
func TestTheQueue(t *testing.T) {
	for _, v := range []struct{ parallel, queue, wantParallel, wantQueue int }{
		{1, 0, 1, 0}, {1, 3, 1, 3}, {2, 5, 2, 5}, {4, 64, 4, 64}, {0, -1, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := NewHasher(pepper("k"), "id", v.parallel, v.queue)
			var running, done atomic.Int32
			open := make(chan struct{})
			var group sync.WaitGroup
			for range v.wantParallel + v.wantQueue {
				group.Go(func() {
					err := h.Do(t.Context(), func() {
						running.Add(1)
						<-open
						running.Add(-1)
					})
					if err == nil {
						done.Add(1)
					}
				})
			}
			synctest.Wait() // everybody runs or waits
			if got := int(running.Load()); got != v.wantParallel {
				t.Errorf("%+v: %d run at once", v, got)
			}
			for range 3 {
				if err := h.Do(t.Context(), func() { t.Error("refused work was done") }); !errors.Is(err, ErrBusy) {
					t.Errorf("%+v: one more: %v", v, err)
				}
			}
			close(open)
			group.Wait()
			if got := int(done.Load()); got != v.wantParallel+v.wantQueue {
				t.Errorf("%+v: %d were done", v, got)
			}
			if err := h.Do(t.Context(), func() {}); err != nil {
				t.Errorf("%+v: afterwards: %v", v, err)
			}
		})
	}
}

// TestWaitingCanBeGivenUp: whoever leaves makes room, and their work is not done.
func TestWaitingCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(pepper("k"), "id", 1, 1)
		open := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() { _ = h.Do(t.Context(), func() { <-open }) })
		synctest.Wait()

		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error)
		go func() { left <- h.Do(ctx, func() { t.Error("the work of one who left was done") }) }()
		synctest.Wait()
		if err := h.Do(t.Context(), func() {}); !errors.Is(err, ErrBusy) {
			t.Errorf("while one waits: %v", err)
		}
		cancel(errors.New("the browser went away"))
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the one who left: %v", err)
		}

		group.Go(func() {
			if err := h.Do(t.Context(), func() {}); err != nil {
				t.Errorf("the place that became free: %v", err)
			}
		})
		synctest.Wait()
		close(open)
		group.Wait()
	})
}

// TestTurnsComeInOrder: nobody who came later goes first.
//
// ASVS 15.4.4
func TestTurnsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(pepper("k"), "id", 1, 10)
		open := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() { _ = h.Do(t.Context(), func() { <-open }) })
		synctest.Wait()
		var order []int
		for i := range 10 {
			group.Go(func() { _ = h.Do(t.Context(), func() { order = append(order, i) }) })
			synctest.Wait()
		}
		close(open)
		group.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("order %v", order)
			}
		}
	})
}

// TestAPanicGivesThePlaceBack, or one bad request after another would close the
// queue for ever.
func TestAPanicGivesThePlaceBack(t *testing.T) {
	h := NewHasher(pepper("k"), "id", 1, 0)
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = h.Do(t.Context(), func() { panic("work") })
		}()
	}
	if err := h.Do(t.Context(), func() {}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestHashesShareTheQueue: Hash, Verify and VerifyNobody are slow work too.
func TestHashesShareTheQueue(t *testing.T) {
	h := NewHasher(pepper("k"), "ab12cd34", 1, 0)
	phc := cheap(h, "right")
	err := h.Do(t.Context(), func() {
		_, hashErr := h.Hash(t.Context(), "right")
		_, _, verifyErr := h.Verify(t.Context(), phc, "right")
		nobodyErr := h.VerifyNobody(t.Context(), "right")
		for _, err := range []error{hashErr, verifyErr, nobodyErr} {
			if !errors.Is(err, ErrBusy) {
				t.Errorf("while the only place is taken: %v", err)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}
