package code

import (
	"strings"
	"unicode/utf8"
)

// Kind says which of the two codes a text is. No text is both: a kind charges
// only its own counter of tries, so a text that could be either would let one
// guess hit two targets.
type Kind int

const (
	// Empty is a text without a symbol in it.
	Empty Kind = iota
	// Authentication is six digits from an app.
	Authentication
	// Recovery is 16 symbols, well formed or mistyped (see Reading.Problem).
	Recovery
	// WrongLength is a text too short or too long to tell which code was meant.
	WrongLength
	// Pass is 12 symbols, well formed or mistyped; only ReadPass finds one.
	Pass
)

// String returns the kind as a word, for test failures and logs.
func (k Kind) String() string {
	return [...]string{"empty", "authentication", "recovery", "wrong length", "pass"}[k]
}

// Problem says why a text is not a code. A text with a problem is never compared
// with anything and costs no try.
type Problem int

const (
	// None is a well-formed code of the Reading's kind.
	None Problem = iota
	// Blank is nothing typed.
	Blank
	// WrongLengthDigits is digits only, but neither 6 nor 16 of them.
	WrongLengthDigits
	// WrongLengthRecovery is a text with more than digits in it, not 16 symbols.
	WrongLengthRecovery
	// Typo is 16 symbols of which the check symbol says that one is wrong or two
	// are swapped, or one of which no recovery code contains.
	Typo
)

// String returns the problem as words, for test failures and logs.
func (p Problem) String() string {
	return [...]string{"none", "blank", "wrong length (digits)", "wrong length (recovery code)", "typo"}[p]
}

// Reading is what a typed text turned out to be.
type Reading struct {
	Kind Kind
	// Canonical is six ASCII digits, or 16 symbols of the alphabet. It is empty
	// whenever Problem is not None: what is not a code cannot be compared.
	Canonical string
	// Typed is the number of symbols after cleaning, for "you typed 15 of 16".
	// Of an over-long text only the beginning is counted.
	Typed   int
	Problem Problem
}

// maxText bounds the work on one text, in bytes. The longest honest one, 16
// full-width symbols with spaces between them, is not a hundred.
const maxText = 200

// Read cleans a typed text and says which code it is.
//
// This is the only place that cleans codes: a second one would, sooner or later,
// count "12 34 56" and "123456" as two tries or two used codes. It drops spaces
// of every kind, hyphens and dashes, invisible marks that come along when
// copying, makes full-width letters and full-width and Arabic-Indic digits
// ASCII, and ignores case. In a recovery code o is 0 and i and l are 1; in six
// digits they are not, because a letter there means the wrong thing was typed.
// There is no Unicode normalisation: what is not listed is not a code.
//
// Exactly six digits are an authentication code, 16 symbols a recovery code
// (all digits or not), everything else neither.
func Read(text string) Reading {
	overlong := len(text) > maxText
	if overlong {
		text = text[:maxText]
	}
	clean, digitsOnly := tidy(text)
	typed := utf8.RuneCountInString(clean)

	switch {
	case typed == 0 && !overlong:
		return Reading{Kind: Empty, Problem: Blank}
	case typed == 6 && digitsOnly && !overlong:
		return Reading{Kind: Authentication, Canonical: clean, Typed: typed}
	case typed == Symbols && !overlong:
		canonical, ok := whole(clean, Symbols)
		if !ok {
			return Reading{Kind: Recovery, Typed: typed, Problem: Typo}
		}
		return Reading{Kind: Recovery, Canonical: canonical, Typed: typed}
	case digitsOnly && typed > 0:
		return Reading{Kind: WrongLength, Typed: typed, Problem: WrongLengthDigits}
	default:
		return Reading{Kind: WrongLength, Typed: typed, Problem: WrongLengthRecovery}
	}
}

// tidy drops what people and programs put between symbols, makes the rest lower
// case ASCII where it has an ASCII twin, and says whether only digits were left.
func tidy(text string) (clean string, digitsOnly bool) {
	digitsOnly = true
	clean = strings.Map(func(r rune) rune {
		if between(r) {
			return -1
		}
		r = ascii(r)
		if r < '0' || r > '9' {
			digitsOnly = false
		}
		return r
	}, text)
	return clean, digitsOnly
}

// whole reads n tidied symbols; it says no when one of them is not in the alphabet
// or the check symbol does not fit.
func whole(clean string, n int) (canonical string, ok bool) {
	clean = strings.Map(func(r rune) rune {
		switch r {
		case 'o':
			return '0'
		case 'i', 'l':
			return '1'
		}
		return r
	}, clean)
	if len(clean) != n { // something that is not ASCII is left
		return "", false
	}
	values := make([]byte, n)
	for i := range values {
		v := strings.IndexByte(alphabet, clean[i])
		if v < 0 {
			return "", false
		}
		values[i] = byte(v)
	}
	return clean, checkSum(values) == 0
}
