package code

import (
	"regexp"
	"strings"
)

// Within says whether a text that people are to read seems to hold a code, a pass or
// a setup key. Whoever writes one into a comment or a request has been talked into it,
// or believes that it helps; either way it must not be kept. It looks for shapes and
// not for codes of somebody: a false alarm costs a sentence, a kept code an account.
//
// Six digits are a code by themselves or in groups, as apps show them. A longer run
// of groups is a phone number, a date or an amount.
func Within(text string) bool {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= '\u200B' && r <= '\u200F', r == '\u2060', r == '\uFEFF', r == '\u00AD':
			return -1
		case r == '\n', r == '\r':
			return '\n' // a code does not run over the end of a line, but a form may have broken one
		case between(r) && r != ' ':
			if isDash(r) {
				return '-'
			}
			return ' '
		}
		return ascii(r)
	}, text)
	if strings.Contains(clean, "otpauth://") {
		return true
	}
	for _, found := range digitRuns.FindAllStringSubmatch(clean, -1) {
		if sixDigits(found[1]) {
			return true
		}
	}
	for _, found := range grouped.FindAllStringSubmatch(clean, -1) {
		if hyphens := strings.Contains(found[1], "-"); looksLikeCode(found[1], hyphens) {
			return true
		}
	}
	for _, found := range oneWord.FindAllString(clean, -1) {
		if looksLikeCode(found, false) {
			return true
		}
	}
	for _, found := range keys.FindAllString(clean, -1) {
		if strings.ContainsAny(found, "234567") {
			return true
		}
	}
	return false
}

var (
	// A run of digits in groups; a letter, a dot or a colon beside it makes it
	// something else (a number of ours, an amount, a clock).
	digitRuns = regexp.MustCompile(`(?:^|[^0-9a-z.,:/#-])([0-9]+(?:[ -][0-9]+)*)(?:[^0-9a-z:/-]|$)`)
	// Three or four groups of four symbols: a pass or a recovery code.
	grouped = regexp.MustCompile(`(?:^|[^0-9a-z-])([0-9a-z]{4}(?:[ -]+[0-9a-z]{4}){2,3})(?:[^0-9a-z-]|$)`)
	oneWord = regexp.MustCompile(`\b(?:[0-9a-z]{16}|[0-9a-z]{12})\b`)
	// A setup key in Base32, whole or in groups of four.
	keys = regexp.MustCompile(`\b[a-z2-7]{26,}\b|\b[a-z2-7]{4}(?: [a-z2-7]{4}){6,}\b`)
)

func isDash(r rune) bool {
	return r == '-' || r >= '\u2010' && r <= '\u2015' || r == '\u2212' || r == '\uFF0D'
}

// sixDigits looks at a run of digits in groups: "634977", "634 977", "63 49 77".
func sixDigits(run string) bool {
	groups := strings.FieldsFunc(run, func(r rune) bool { return r == ' ' || r == '-' })
	switch len(groups) {
	case 1:
		return len(groups[0]) == 6
	case 2:
		return len(groups[0]) == 3 && len(groups[1]) == 3 || len(groups[0]) == 6 || len(groups[1]) == 6
	case 3:
		return !strings.Contains(run, "-") && len(groups[0]) == 2 && len(groups[1]) == 2 && len(groups[2]) == 2 // with hyphens it is a date
	}
	return false
}

// looksLikeCode: groups with hyphens and a digit among them are the shape that only
// our codes have; without hyphens four words of four letters have it too, so there
// the check symbol and a digit decide.
func looksLikeCode(found string, hyphens bool) bool {
	digit := strings.ContainsAny(found, "0123456789")
	if hyphens {
		return digit || Read(found).Problem == None || ReadPass(found).Problem == None
	}
	return digit && (Read(found).Problem == None || ReadPass(found).Problem == None)
}
