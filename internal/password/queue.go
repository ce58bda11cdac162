package password

import (
	"context"
	"errors"
)

// ErrBusy says that the queue for slow work is full. Nothing was done; the
// person may come back in some seconds (503 with Retry-After).
var ErrBusy = errors.New("too much slow work is waiting")

// queue bounds slow work: so much at once, so much waiting, the rest refused at
// once. Refusing is what keeps a flood of sign-ins from becoming a queue that
// outlives everybody's patience.
type queue struct {
	admitted chan struct{} // one place for each piece of work inside, running or waiting
	running  chan struct{} // one place for each that runs; Go wakes waiters in the order they came
}

func newQueue(parallel, waiting int) queue {
	parallel, waiting = max(parallel, 1), max(waiting, 0)
	return queue{
		admitted: make(chan struct{}, parallel+waiting),
		running:  make(chan struct{}, parallel),
	}
}

// do is Hasher.Do.
func (q queue) do(ctx context.Context, work func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case q.admitted <- struct{}{}:
	default:
		return ErrBusy
	}
	defer func() { <-q.admitted }()

	select {
	case q.running <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-q.running }() // before the place is given back, also when work panics

	if err := ctx.Err(); err != nil { // both could be ready, and select does not prefer
		return err
	}
	work()
	return nil
}
