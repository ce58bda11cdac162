package password

import (
	"math"
	"strings"
)

// A walk is a run of symbols that a hand or a head makes by rule: "aaaa",
// "123456", "a1b2c3d4", "1qaz2wsx", "zaq12wsxcde3". It costs little however long
// it is.
const (
	minWalk   = 4   // symbols; shorter runs turn up in honest words
	maxPeriod = 4   // steps after which the steps repeat
	walkBits  = 4   // that it is a walk and where it starts
	stepBits  = 3   // each step of the pattern that repeats
	keyBits   = 0.5 // one key further in the same direction
	turnBits  = 2   // a change of direction
)

// walks reports each walk that text begins with: its length in bytes and what
// it costs to guess, in bits. All symbols of a walk are ASCII.
func walks(text string, found func(length int, bits float64)) {
	for period := 1; period <= maxPeriod; period++ {
		repeating(text, period, codeStep, found)
		repeating(text, period, keyStep, found)
	}
	neighbours(text, found)
}

// step is the way from one symbol to the next.
type step struct{ down, right int }

// repeating finds a run whose steps repeat with the period. It must go round
// twice to count.
func repeating(text string, period int, way func(a, b byte) (step, bool), found func(int, float64)) {
	var steps []step
	for i := 1; i < len(text); i++ {
		s, ok := way(text[i-1], text[i])
		if n := len(steps); !ok || n >= period && steps[n-period] != s {
			return
		}
		steps = append(steps, s)
		if length := i + 1; length >= minWalk && len(steps) >= 2*period {
			found(length, walkBits+float64(stepBits*period)+math.Log2(float64(length)))
		}
	}
}

// neighbours finds a run over keys that touch.
func neighbours(text string, found func(int, float64)) {
	bits := float64(walkBits + 1)
	var last step
	for i := 1; i < len(text); i++ {
		s, ok := keyStep(text[i-1], text[i])
		if !ok || s.down < -1 || s.down > 1 || s.right < -1 || s.right > 1 || s == (step{}) {
			return
		}
		if s == last {
			bits += keyBits
		} else {
			bits += turnBits
		}
		last = s
		if i+1 >= minWalk {
			found(i+1, bits)
		}
	}
}

// codeStep is the way in the alphabet, or among the digits, where 0 follows 9.
func codeStep(a, b byte) (step, bool) {
	if a > 127 || b > 127 {
		return step{}, false
	}
	if digit(a) && digit(b) {
		return step{right: (int(b) - int(a) + 10) % 10}, true
	}
	return step{right: int(b) - int(a)}, true
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// keyStep is the way on the keyboard, in rows and columns.
func keyStep(a, b byte) (step, bool) {
	from, to := keyAt[a], keyAt[b]
	if from.row == 0 || to.row == 0 {
		return step{}, false
	}
	return step{down: to.row - from.row, right: to.column - from.column}, true
}

// key is a place on the keyboard; rows count from 1, so the zero key is none.
type key struct{ row, column int }

// keyAt is the common part of the English, Spanish and Brazilian keyboards, with
// what shift makes of the digits on the English one.
var keyAt = func() (at [256]key) {
	for row, keys := range []string{"1234567890-= !@#$%^&*()_+", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./"} {
		plain, shifted, _ := strings.Cut(keys, " ")
		for column := range len(plain) {
			at[plain[column]] = key{row + 1, column}
		}
		for column := range len(shifted) {
			at[shifted[column]] = key{row + 1, column}
		}
	}
	return at
}()
