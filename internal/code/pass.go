package code

import "unicode/utf8"

const (
	// PassSymbols is the length of a re-activation pass without hyphens. No recovery
	// code has it, so neither is ever taken for the other.
	PassSymbols = 12
	// PassBits is the entropy of a pass: enough for a secret that dies after 20 wrong
	// tries, or in days, and never stands alone.
	PassBits = 55
)

const _ = uint((PassSymbols-1)*bitsPerSymbol - PassBits)

// NewPass returns a new re-activation pass in its canonical form: 12 symbols of the
// alphabet without hyphens, the last one computed.
func NewPass() string { return random(PassSymbols) }

// DisplayPass returns a canonical pass as it is shown: three groups of four. What is
// not 12 symbols long comes back unchanged.
func DisplayPass(canonical string) string {
	if len(canonical) != PassSymbols {
		return canonical
	}
	return inGroups(canonical)
}

// ReadPass cleans a text typed into the field of the pass, like Read. Its Problem is
// None, Blank, WrongLengthRecovery for anything but 12 symbols, or Typo.
func ReadPass(text string) Reading {
	overlong := len(text) > maxText
	if overlong {
		text = text[:maxText]
	}
	clean, _ := tidy(text)
	typed := utf8.RuneCountInString(clean)
	switch {
	case typed == 0 && !overlong:
		return Reading{Kind: Empty, Problem: Blank}
	case typed != PassSymbols || overlong:
		return Reading{Kind: WrongLength, Typed: typed, Problem: WrongLengthRecovery}
	}
	canonical, ok := whole(clean, PassSymbols)
	if !ok {
		return Reading{Kind: Pass, Typed: typed, Problem: Typo}
	}
	return Reading{Kind: Pass, Canonical: canonical, Typed: typed}
}
