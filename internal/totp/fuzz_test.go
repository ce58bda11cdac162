package totp

import (
	"testing"
	"time"
)

// FuzzMatch: a text is right if and only if it is the code of a step of the window that
// is later than the last accepted one, and then that step is returned.
func FuzzMatch(f *testing.F) {
	now := time.Unix(1_800_000_010, 0)
	for _, seed := range []string{"", "123456", Code(rfcSecret, StepAt(now)), Code(rfcSecret, StepAt(now)-1), Code(rfcSecret, StepAt(now)-2), "12345", "1234567", "١٢٣٤٥٦", "-12345", "+12345", " 12345", "\x00\x00\x00\x00\x00\x00"} {
		f.Add(seed, int64(1_800_000_010), int64(-1))
		f.Add(seed, int64(1_800_000_010), StepAt(now))
		f.Add(seed, int64(0), StepAt(now)-1)
	}
	f.Fuzz(func(t *testing.T, text string, unix, after int64) {
		if unix < 60 || unix > 1<<40 {
			return
		}
		at := time.Unix(unix, 0)
		verdict, step := Match(rfcSecret, text, at, after)
		belongs, later := false, false
		for s := StepAt(at) - 1; s <= StepAt(at)+1; s++ {
			if Code(rfcSecret, s) == text {
				belongs, later = true, later || s > after
			}
		}
		want := Wrong
		switch {
		case later:
			want = Right
		case belongs:
			want = Used
		}
		if verdict != want || verdict == Right && (step <= after || Code(rfcSecret, step) != text) || verdict == Wrong && step != 0 {
			t.Fatalf("%q at %d after %d: %v of step %d, want %v", text, unix, after, verdict, step, want)
		}
		if v, _ := Match(rfcSecret[:8], text, at, after); v != Wrong {
			t.Fatalf("a key that was cut matches %q", text)
		}
	})
}
