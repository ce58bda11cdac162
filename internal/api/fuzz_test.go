package api

import (
	"math"
	"testing"
	"time"
)

// FuzzLasting: a number of seconds is that time or one that no range has; it never
// overflows into another.
func FuzzLasting(f *testing.F) {
	for _, seed := range []int64{0, 1, -1, 600, math.MaxInt64, math.MinInt64, math.MaxInt64 / int64(time.Second), math.MaxInt64/int64(time.Second) + 1, 18446744074} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seconds int64) {
		d := *lasting(&seconds)
		if d < 0 && d != -1 || d >= 0 && int64(d/time.Second) != seconds || d == -1 && seconds >= 0 && seconds <= 200*365*86_400 {
			t.Fatalf("%d seconds are %v", seconds, d)
		}
	})
}
