package core

import (
	"strings"
	"unicode"
)

// Via names the edge through which a call came; it stands in the audit event.
type Via string

const (
	ViaPage    Via = "page"
	ViaAPI     Via = "api"
	ViaConsole Via = "console"
	ViaSystem  Via = "system"
)

// Origin says from where a call comes: the client's address, its device (the raw
// User-Agent) and the edge. Edges fill it in; core only writes it down.
type Origin struct {
	Via     Via
	Address string
	Device  string
}

// deviceLimit keeps a hostile User-Agent from filling rows and letters; those of
// phones have up to about 200 characters.
const deviceLimit = 256

func (o Origin) tidy() Origin {
	o.Address = cut(o.Address, 64)
	o.Device = cut(o.Device, deviceLimit)
	return o
}

// cut shortens a text from outside and drops what has no place in a row, a log
// line or a letter's subject: control characters, broken UTF-8, and what cannot
// be seen or turns the direction of what follows.
func cut(s string, runes int) string {
	s = strings.ToValidUTF8(s, "")
	var b strings.Builder
	n := 0
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f || r == 0x2028 || r == 0x2029 {
			r = ' '
		}
		if invisible(r) {
			continue
		}
		if n++; n > runes {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// invisible runes make two names that look alike differ, a blank reason pass for
// one, or a line read backwards. The joiners are part of how Persian, Hindi and
// emoji are written and stay.
func invisible(r rune) bool {
	switch r {
	case zeroWidthNonJoiner, zeroWidthJoiner:
		return false
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0:
		return true // fillers and blanks that are no spaces to Unicode
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r)
}

const zeroWidthNonJoiner, zeroWidthJoiner = 0x200c, 0x200d

// seen counts the runes of a text that leave something to look at.
func seen(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Mn, r) {
			n++
		}
	}
	return n
}

// Actor is who acts: somebody with a session, the server's console, or nobody
// yet. Only the constructors below make one.
type Actor struct {
	origin  Origin
	session *Session
	console string // the operating system's user name, for events

	browsers []string // tokens of a browser that says it signed in before
	keeps    bool     // it will keep one
}

// InBrowser adds what the browser keeps of earlier sign-ins, and says that it will
// keep one of this. It proves nothing about who acts: it only says whose guesses
// these are not.
func (a Actor) InBrowser(tokens ...string) Actor {
	a.browsers, a.keeps = tokens[:min(len(tokens), LaneTokens)], true
	return a
}

// By makes the actor of a signed-in request.
func (s *Session) By(o Origin) Actor { return Actor{origin: o.tidy(), session: s} }

// Nobody is the actor before anyone is signed in.
func Nobody(o Origin) Actor { return Actor{origin: o.tidy()} }

// Console is the operator at the server's own console. Only the room cli makes
// one (a test of the structure holds that), because it passes every rank.
func Console(osUser string) Actor {
	return Actor{origin: Origin{Via: ViaConsole}, console: cut("console: "+osUser, 80)}
}

// Session is the actor's session, nil for the console and for nobody.
func (a Actor) Session() *Session { return a.session }
