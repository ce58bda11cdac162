package forward

import (
	"net/http"
	"strings"
	"unicode"

	"doorstep/internal/core"
)

// identify says who it is. Every header is there, an empty one too: some proxies
// keep what the client sent where an answer has nothing in its place.
func identify(h http.Header, s *core.Session) {
	u := &s.User
	values := [...]string{
		plain(u.ID), plain(u.Email), plain(u.Name), plain(string(u.Role)), plain(u.Team.ID), plain(string(s.SecondStep)),
	}
	all := values[:]
	h["Remote-User"] = all[0:1:1]
	h["Remote-Email"] = all[1:2:2]
	h["Remote-Name"] = all[2:3:3]
	h["Remote-Role"] = all[3:4:4]
	h["Remote-Team"] = all[4:5:5]
	h["Remote-Second-Step"] = all[5:6:6]
}

// plain is a text as a header can carry it: UTF-8, without whatever ends a line or
// steers a terminal, and without the marks that turn a line round.
func plain(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return strings.Map(dropMarks, strings.ToValidUTF8(text, "\uFFFD"))
		}
	}
	return text
}

func dropMarks(r rune) rune {
	if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
		return -1
	}
	return r
}
