package totp

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Longest issuer and account in a key URI, in runes. They are only a label in
// somebody's app, and a longer text makes a QR code too fine for a phone.
const (
	maxIssuer  = 40
	maxAccount = 80
)

// URI returns the key URI that authenticator apps scan:
//
//	otpauth://totp/ISSUER:ACCOUNT?secret=KEY&issuer=ISSUER&algorithm=SHA1&digits=6&period=30
//
// The format is the "Key Uri Format" of Google Authenticator. A colon separates
// issuer from account, so neither may contain one: it is removed, like control
// and direction marks, which would let a team name forge another team's label.
// Everything but the unreserved characters of RFC 3986 §2.3 is percent-encoded,
// a space as %20: several apps show a "+" as it stands. algorithm, digits and
// period say what the apps assume anyway, because some ignore them.
//
// The result contains the secret. It belongs in the page that sets the
// authenticator up and nowhere else: no log, no mail, no address bar.
func URI(issuer, account string, secret []byte) string {
	issuer, account = label(issuer, maxIssuer), label(account, maxAccount)

	var uri strings.Builder
	uri.WriteString("otpauth://totp/")
	if issuer != "" {
		uri.WriteString(escape(issuer) + ":")
	}
	uri.WriteString(escape(account) + "?secret=" + Key(secret))
	if issuer != "" {
		uri.WriteString("&issuer=" + escape(issuer))
	}
	uri.WriteString("&algorithm=SHA1&digits=" + strconv.Itoa(Digits) + "&period=" + strconv.Itoa(Period))
	return uri.String()
}

// label drops what may not stand in a label and cuts it at limit runes.
func label(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == ':', r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsSpace(r): // also the line and paragraph separators
			return ' '
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > limit {
		text = strings.TrimSpace(string([]rune(text)[:limit-1])) + "…"
	}
	return text
}

// escape percent-encodes for the path and the query alike.
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
