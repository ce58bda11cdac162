package demo

import (
	"sync"
	"time"
)

// Clock is core's clock in a demo: it stands where the story is, and once the
// story is told it is the real one.
type Clock struct {
	mu    sync.Mutex
	stood time.Time // zero when running
}

// NewClock makes a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{stood: t} }

// Now is the time on it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stood.IsZero() {
		return time.Now()
	}
	return c.stood
}

// set moves a clock that stands. It never goes back: core, like everybody,
// expects that what happens later has a later time.
func (c *Clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stood.IsZero() && t.After(c.stood) {
		c.stood = t
	}
}

// run makes it the real clock, for good.
func (c *Clock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stood = time.Time{}
}
