package password

import (
	"math"
	"strings"
	"unicode/utf8"
)

// enough is how hard a password must be to guess, as log2 of the tries of
// somebody who knows the list, the tricks below and the person: 2²⁷, some 10⁸.
// It is far below what 15 random letters have (70) and four words drawn by dice
// (52): only what is really early on every attacker's list is refused, and an
// honest phrase never has to be fought for.
const enough = 27

// What the pieces cost that a password can be taken apart into, in bits.
const (
	joint  = 1   // one more piece
	repeat = 2   // the same again
	leet   = 2   // a word with digits and signs for letters
	gapNew = 4   // a sign between words
	gapOld = 0.5 // the same sign as before
	year   = 7   // 1900 to 2099
)

// tooEasy reports whether a folded password is within reach of fewer than 2^27
// guesses. own are words that only this person's attacker would try; nil for
// none.
//
// It looks at the password as it stands, and once more without the signs
// between words: "monkey-dragon-monkey" is three words and one habit.
func tooEasy(folded string, own map[string]float64) bool {
	if guessBits(folded, own) < enough {
		return true
	}
	var last rune
	gaps := 0.0
	for _, r := range folded {
		if compact(string(r)) != "" {
			continue
		}
		if r == last {
			gaps += gapOld
		} else {
			gaps += gapNew
		}
		last = r
	}
	return gaps > 0 && guessBits(compact(folded), own)+gaps < enough
}

// guessBits returns the cheapest way to put a folded password together from
// listed words (plain or in "leet" spelling), repetitions of what stands just
// before, walks (walk.go) and single runes, as log2 of the guesses. It stops
// counting at enough, so the answer is exact below that only; this is also what
// keeps long purpose-made texts quick.
func guessBits(folded string, own map[string]float64) float64 {
	list := words()
	spellings := [...]string{folded, unleetI.Replace(folded), unleetL.Replace(folded)}

	best := make([]float64, len(folded)+1)
	for i := range best {
		best[i] = math.Inf(1)
	}
	best[0] = 0
	reach := func(end int, bits float64) { best[end] = min(best[end], bits) }

	for i := 0; i < len(folded); {
		r, size := utf8.DecodeRuneInString(folded[i:])
		if best[i] >= enough {
			i += size
			continue
		}
		reach(i+size, best[i]+runeBits(r))

		for s, spelling := range spellings {
			for end := i + 1; end <= min(len(folded), i+maxWord); end++ {
				word := spelling[i:end]
				bits, listed := list[word]
				if b, known := own[word]; known {
					bits, listed = b, true
				}
				if !listed {
					continue
				}
				if s > 0 {
					if word == folded[i:end] {
						continue
					}
					bits += leet
				}
				reach(end, best[i]+bits+joint)
			}
		}
		for n := 3; n <= i && i+n <= len(folded); n++ {
			if folded[i:i+n] == folded[i-n:i] || folded[i:i+n] == folded[:n] { // the same again, or from the start again
				reach(i+n, best[i]+repeat+joint)
			}
		}
		if isYear(folded[i:]) {
			reach(i+4, best[i]+year+joint)
		}
		walks(folded[i:], func(length int, bits float64) { reach(i+length, best[i]+bits+joint) })
		i += size
	}
	return best[len(folded)]
}

// isYear reports whether text begins with a year of our time; "Summer2026" is
// what rules about yearly changes have taught people.
func isYear(text string) bool {
	return len(text) >= 4 && (text[:2] == "19" || text[:2] == "20") && digit(text[2]) && digit(text[3])
}

// runeBits is what one rune costs that belongs to nothing.
func runeBits(r rune) float64 {
	switch {
	case r >= '0' && r <= '9':
		return 3.3 // log2(10)
	case r >= 'a' && r <= 'z':
		return 4.7 // log2(26)
	default:
		return 6
	}
}

// The two readings of "leet" spelling differ in what a 1 is. Every replacement
// is one byte for one byte, so that all spellings are cut at the same places.
var (
	unleetI = strings.NewReplacer("0", "o", "1", "i", "!", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "8", "b")
	unleetL = strings.NewReplacer("0", "o", "1", "l", "!", "l", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "8", "b")
)
