package code

import "unicode"

// between reports whether r is something that stands between symbols and not
// one of them.
func between(r rune) bool {
	switch {
	case r == '-', r >= '\u2010' && r <= '\u2015', r == '\u2212': // hyphens, dashes, the minus sign
		return true
	case r == '\u00AD', r == '\uFF0D': // soft hyphen of a mail program, full-width hyphen of an input method
		return true
	case unicode.IsSpace(r), unicode.Is(unicode.Z, r): // also no-break, thin and ideographic spaces, line separators
		return true
	case r >= '\u200B' && r <= '\u200F', r == '\u2060', r == '\uFEFF': // zero-width spaces and direction marks of copied text
		return true
	}
	return false
}

// ascii returns the ASCII twin of a digit or letter in lower case, or r itself.
// It is a list and not NFKC or unicode.ToLower: those turn far more into ASCII
// (the Kelvin sign into k, ⑥ into 6) than a keyboard produces.
func ascii(r rune) rune {
	switch {
	case r >= '٠' && r <= '٩': // Arabic-Indic, U+0660
		r = r - '٠' + '0'
	case r >= '۰' && r <= '۹': // extended Arabic-Indic, U+06F0
		r = r - '۰' + '0'
	case r >= '０' && r <= '９', r >= 'Ａ' && r <= 'Ｚ', r >= 'ａ' && r <= 'ｚ': // full width, U+FF01 is !
		r = r - '\uFF01' + '!'
	}
	if r >= 'A' && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}
