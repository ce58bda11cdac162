package password

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	minOwnWord = 3 // runes; shorter ones say nothing
	ownBits    = 1 // what a word of the person's costs to guess
	anywhere   = 6 // runes from which a name counts inside other words too
)

// own is what an attacker of this one person tries first.
type own struct {
	// names are whole values without signs, their words set apart by one space: the
	// name, the e-mail address and the part before its @, the team.
	names []string
	// words are the pieces of the values, as guessBits takes them.
	words map[string]float64
}

// personalWords prepares the values that Check was given.
func personalWords(values []string) own {
	o := own{words: map[string]float64{}}
	add := func(name string) {
		if whole := compact(name); utf8.RuneCountInString(whole) >= minOwnWord {
			o.names = append(o.names, strings.Join(fieldsOf(name), " "))
			o.words[whole] = ownBits
		}
	}
	for _, v := range values {
		v = fold(v)
		add(v)
		pieces := v
		if local, domain, isAddress := strings.Cut(v, "@"); isAddress {
			add(local)
			if dot := strings.LastIndexByte(domain, '.'); dot >= 0 {
				domain = domain[:dot] // "com" says nothing
			}
			pieces = local + " " + domain
		}
		for _, word := range fieldsOf(pieces) {
			if utf8.RuneCountInString(word) >= minOwnWord {
				o.words[word] = ownBits
			}
		}
	}
	return o
}

// namedIn reports whether a whole name stands in the folded password: a long one
// anywhere, a short one only as words of its own. Rose may write "prose".
func (o own) namedIn(folded string) bool {
	whole := compact(folded)
	apart := " " + strings.Join(fieldsOf(folded), " ") + " "
	for _, name := range o.names {
		together := strings.ReplaceAll(name, " ", "")
		if utf8.RuneCountInString(together) >= anywhere && strings.Contains(whole, together) {
			return true
		}
		if strings.Contains(apart, " "+name+" ") || strings.Contains(apart, " "+together+" ") {
			return true
		}
	}
	return false
}

// fieldsOf splits at everything that is neither letter nor digit.
func fieldsOf(folded string) []string {
	return strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
