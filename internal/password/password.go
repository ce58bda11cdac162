// Package password judges new passwords and keeps stored ones as salted slow
// hashes.
//
// It owns the length rules, the list of common passwords and the judgement built
// on it (common.go, guess.go), the stored form (phc.go) and the queue that
// bounds how much slow work runs at once (queue.go). It must not know whose
// password it is, where the hash is stored, how many tries are left, or the
// pepper's key: that half of the hash comes in as a function.
//
// There are no rules of composition and no expiry (NIST SP 800-63B-4 §3.1.1.2):
// length, and not being among the first that an attacker would try.
package password

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MinLength and MaxLength bound a password, in runes after NFC. 15 because a
	// password stands alone wherever 2-step is not active yet (NIST SP 800-63B-4
	// §3.1.1.2: 15 for single-factor use; 64 is the least upper bound allowed).
	MinLength = 15
	MaxLength = 256

	// maxBytes is checked before anything else looks at the text.
	maxBytes = 1024
)

// Problem is why a new password is refused; "" is none.
type Problem string

const (
	// TooShort is fewer than MinLength runes.
	TooShort Problem = "too_short"
	// TooLong is more than MaxLength runes or 1,024 bytes.
	TooLong Problem = "too_long"
	// Common is one that an attacker tries early: a listed password, listed words
	// put together, a repetition, a walk over the keyboard.
	Common Problem = "common"
	// Personal is one built on the person's name or e-mail address or on the team.
	Personal Problem = "personal"
)

// Normalize returns the password in Unicode NFC, so that an accent typed as one
// key and one typed as two make the same password (NIST SP 800-63B-4 §3.1.1.2).
// Nothing else is changed: case, spaces and every other rune count.
func Normalize(p string) string { return norm.NFC.String(p) }

// Check judges a new password. personal is what an attacker knows of the person:
// name, e-mail address, the team's name; empty texts are fine.
//
// The whole password is judged, never a part of it. It takes a few milliseconds
// at most, for purpose-made texts too.
func Check(p string, personal ...string) Problem {
	if len(p) > maxBytes {
		return TooLong
	}
	p = Normalize(p)
	switch n := utf8.RuneCountInString(p); {
	case n < MinLength:
		return TooShort
	case n > MaxLength:
		return TooLong
	}
	folded, own := fold(p), personalWords(personal)
	switch {
	case own.namedIn(folded): // first, because it is the reason that helps most
		return Personal
	case tooEasy(folded, nil):
		return Common
	case tooEasy(folded, own.words):
		return Personal
	}
	return ""
}
