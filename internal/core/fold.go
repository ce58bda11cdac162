package core

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// foldName makes the key by which names are found and put in order: "Díaz" is
// found by "diaz". Folding happens here and not in SQL because the two engines
// fold and sort text differently.
func foldName(s string) string {
	if isASCII(s) { // most are, and there is nothing to strip
		return strings.ToLower(strings.Join(strings.Fields(s), " "))
	}
	strip := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), runes.Remove(runes.In(unicode.Cf)), norm.NFC)
	out, _, err := transform.String(strip, s)
	if err != nil {
		out = s
	}
	return strings.ToLower(strings.Join(strings.Fields(out), " "))
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// foldEmail makes the key of an address: one account an address, however it is
// typed. Only case and surrounding spaces fold; dots and plus signs are the
// mail server's business.
func foldEmail(s string) string { return strings.ToLower(norm.NFC.String(strings.TrimSpace(s))) }

const (
	emailLimit = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
	nameLimit  = 100
)

// readEmail checks an address. Refuses: email-invalid.
func readEmail(s string) (string, error) {
	s = strings.TrimSpace(s)
	a, err := mail.ParseAddress(s)
	domain := s[strings.LastIndex(s, "@")+1:]
	if err != nil || a.Address != s || len(s) > emailLimit || strings.ContainsAny(s, " \t\r\n,;<>\"") || cut(s, emailLimit) != s ||
		domain == "" || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") {
		return "", refuseField(EmailInvalid, "email")
	}
	return s, nil
}

// readName checks a person's or a team's name. Refuses: missing, name-too-long.
func readName(s, field string, missing Code) (string, error) {
	s = strings.Join(strings.Fields(cut(s, 10*nameLimit)), " ")
	if seen(s) == 0 {
		return "", refuseField(missing, field)
	}
	if len([]rune(s)) > nameLimit {
		return "", refuseField(NameTooLong, field).with("n", nameLimit)
	}
	return s, nil
}
