package apptest

import (
	"sync"
	"time"

	"doorstep/internal/totp"
)

// Clock is the clock of an App. It stands still until a test moves it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is what core asks.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Pass moves it forward.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *Clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// toStep moves it to the beginning of a time step of authentication codes, if
// that is later than now.
func (c *Clock) toStep(step int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if begin := time.Unix(step*totp.Period, 0).UTC(); c.now.Before(begin) {
		c.now = begin
	}
}
