package totp

import (
	"crypto/subtle"
	"time"
)

// Verdict is what Match thinks of a code.
type Verdict int

const (
	// Wrong is a code of no step in the window. It is the zero value, so that
	// whatever goes wrong denies.
	Wrong Verdict = iota
	// Used is the code of a step that is not later than the last accepted one.
	Used
	// Right is the code of a step that has not been accepted yet.
	Right
)

// String returns the verdict as one lower-case word, for test failures and logs.
func (v Verdict) String() string {
	switch v {
	case Right:
		return "right"
	case Used:
		return "used"
	default:
		return "wrong"
	}
}

// Match compares a code with the steps around a moment.
//
// The code is exactly six ASCII digits, already cleaned (package code does
// that, once, before anything keys on the text). The window is the step of at,
// the one before and the one after, and no other (RFC 6238 §5.2). after is the
// last step that was accepted from this authenticator, or -1 for none.
//
// It returns Right and the step to record, which is later than after; or Used
// and the step whose code it was; or Wrong and 0. Where one code happens to
// belong to two open steps the earlier one is returned: it spends less.
//
// Every step of the window is computed and compared in constant time, whatever
// the others gave, so that the time it takes tells nothing about the digits.
// A secret shorter than RFC 4226 §4 R6 allows matches nothing: a row that was
// emptied or cut must not become a secret that anybody can compute.
func Match(secret []byte, code string, at time.Time, after int64) (Verdict, int64) {
	if len(secret) < minSecret || !sixDigits(code) {
		return Wrong, 0
	}
	const window = 2*drift + 1
	var same [window]int
	first := StepAt(at) - drift
	for i := range same {
		same[i] = subtle.ConstantTimeCompare([]byte(Code(secret, first+int64(i))), []byte(code))
	}

	verdict, step := Wrong, int64(0)
	for i, s := range same {
		if s != 1 {
			continue
		}
		verdict, step = Used, first+int64(i)
		if step > after {
			return Right, step
		}
	}
	return verdict, step
}

// sixDigits keeps the comparison to what a code can be. Without it the empty
// text, or digits of another script, would be a question of what two libraries
// happen to do.
func sixDigits(code string) bool {
	if len(code) != Digits {
		return false
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return false
		}
	}
	return true
}
