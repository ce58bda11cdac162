package totp

import (
	"testing"
	"time"
)

var rfcSecret = []byte("12345678901234567890")

// at returns a moment in the middle of a step.
func at(step int64) time.Time { return time.Unix(step*Period+Period/2, 0) }

// TestTheWindowIsThreeSteps is T-BF-2: the step of now, one before, one after.
//
// ASVS 6.5.5, T-BF-2, R1
func TestTheWindowIsThreeSteps(t *testing.T) {
	const now = 58_000_000
	for off := int64(-4); off <= 4; off++ {
		verdict, step := Match(rfcSecret, Code(rfcSecret, now+off), at(now), -1)
		if inside := off >= -1 && off <= 1; inside != (verdict == Right) || inside && step != now+off {
			t.Errorf("code of step %+d: %v, step %+d", off, verdict, step-now)
		}
	}

	code := Code(rfcSecret, now)
	first := time.Unix(now*Period, 0)
	for _, v := range []struct {
		after time.Duration // since the code's step began
		want  Verdict
	}{
		{-Period*time.Second - 1, Wrong},
		{-Period * time.Second, Right},
		{0, Right},
		{2*Period*time.Second - 1, Right},
		{2 * Period * time.Second, Wrong},
		{60 * time.Second, Wrong},
		{-60 * time.Second, Wrong},
	} {
		if got, _ := Match(rfcSecret, code, first.Add(v.after), -1); got != v.want {
			t.Errorf("%v after the beginning of its step: %v, want %v", v.after, got, v.want)
		}
	}
}

// TestACodeIsRightOnce follows T-REPLAY-1, -2 and -5 as far as this package goes.
//
// T-REPLAY-1, T-REPLAY-2, T-REPLAY-5, R1
func TestACodeIsRightOnce(t *testing.T) {
	const now = 58_000_000
	a, b := Code(rfcSecret, now-1), Code(rfcSecret, now)
	verdict, last := Match(rfcSecret, a, at(now), -1)
	if verdict != Right || last != now-1 {
		t.Fatalf("A: %v %d", verdict, last)
	}
	if verdict, step := Match(rfcSecret, a, at(now), last); verdict != Used || step != now-1 {
		t.Errorf("A again: %v %d", verdict, step)
	}
	if verdict, last = Match(rfcSecret, b, at(now), last); verdict != Right || last != now {
		t.Fatalf("B: %v %d", verdict, last)
	}
	if verdict, _ := Match(rfcSecret, a, at(now), last); verdict != Used {
		t.Errorf("A, B, A: the second A is %v", verdict)
	}
	for _, seconds := range []time.Duration{29, 31, 45} {
		if verdict, _ := Match(rfcSecret, b, time.Unix(now*Period, 0).Add(seconds*time.Second), last); verdict != Used {
			t.Errorf("B again %d s into its life: %v", seconds, verdict)
		}
	}
	if verdict, _ := Match(rfcSecret, b, time.Unix(now*Period, 0).Add(60*time.Second), last); verdict != Wrong {
		t.Errorf("B after its window: %v, want wrong", verdict)
	}
	if verdict, step := Match(rfcSecret, Code(rfcSecret, now+1), at(now), now+1); verdict != Used || step != now+1 {
		t.Errorf("a clock that was turned back: %v %d, want used", verdict, step)
	}
}

// TestOneCodeOfTwoSteps uses two neighbouring steps that happen to share a code.
func TestOneCodeOfTwoSteps(t *testing.T) {
	const first = 910737
	code := Code(rfcSecret, first)
	if code != Code(rfcSecret, first+1) {
		t.Fatal("the two steps do not share a code after all")
	}
	for _, v := range []struct {
		after   int64
		verdict Verdict
		step    int64
	}{
		{-1, Right, first},
		{first - 1, Right, first},
		{first, Right, first + 1}, // the first is used, the second is not
		{first + 1, Used, first + 1},
	} {
		if verdict, step := Match(rfcSecret, code, at(first), v.after); verdict != v.verdict || step != v.step {
			t.Errorf("after %d: %v %d, want %v %d", v.after, verdict, step, v.verdict, v.step)
		}
	}
}

// TestMatchAgainstTheObvious compares with the definition, written the short way.
func TestMatchAgainstTheObvious(t *testing.T) {
	for i := range int64(3000) {
		now, after := 1_000_000+i*7, 1_000_000+i*7-3+i%7
		code := Code(rfcSecret, now-3+i%7)
		wantVerdict, wantStep := Wrong, int64(0)
		for s := now + 1; s >= now-1; s-- {
			if Code(rfcSecret, s) == code && s > after {
				wantVerdict, wantStep = Right, s
			}
		}
		for s := now - 1; s <= now+1 && wantVerdict != Right; s++ {
			if Code(rfcSecret, s) == code {
				wantVerdict, wantStep = Used, s
			}
		}
		if verdict, step := Match(rfcSecret, code, at(now), after); verdict != wantVerdict || step != wantStep {
			t.Fatalf("now %d after %d code %s: %v %d, want %v %d", now, after, code, verdict, step, wantVerdict, wantStep)
		}
	}
}

func TestWhatIsNotSixDigitsIsWrong(t *testing.T) {
	const now = 58_000_000
	code := Code(rfcSecret, now)
	for _, text := range []string{
		"", " ", code[:5], code + "0", "0" + code, code + " ", " " + code, code[:3] + " " + code[3:], "-" + code[1:],
		"١٢٣٤٥٦", code + "\x00", "1e5000", "0x1234", code[:5] + "O",
	} {
		if verdict, step := Match(rfcSecret, text, at(now), -1); verdict != Wrong || step != 0 {
			t.Errorf("Match(%q) = %v %d", text, verdict, step)
		}
	}
}

// TestAnEmptySecretMatchesNothing: HMAC takes an empty key without a word, and
// then everybody can compute the code of a row that lost its secret.
//
// P8
func TestAnEmptySecretMatchesNothing(t *testing.T) {
	const now = 58_000_000
	for size := range minSecret {
		secret := make([]byte, size)
		if verdict, _ := Match(secret, Code(secret, now), at(now), -1); verdict != Wrong {
			t.Errorf("a secret of %d bytes: %v", size, verdict)
		}
	}
	secret := make([]byte, minSecret)
	if verdict, _ := Match(secret, Code(secret, now), at(now), -1); verdict != Right {
		t.Errorf("a secret of %d bytes: %v", minSecret, verdict)
	}
}

func TestVerdictsInWords(t *testing.T) {
	var zero Verdict
	if zero != Wrong || Wrong.String() != "wrong" || Used.String() != "used" || Right.String() != "right" {
		t.Error("the zero verdict must deny, and each must say its name")
	}
}

func BenchmarkMatch(b *testing.B) {
	for b.Loop() {
		Match(rfcSecret, "000000", at(58_000_000), -1)
	}
}
