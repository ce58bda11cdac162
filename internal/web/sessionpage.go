package web

import (
	"slices"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// sessionsPage is where somebody is signed in, this browser first, and which
// devices skip the second step: ending one does not end the other.
type sessionsPage struct {
	common
	Sessions []sessionLine
	Devices  []deviceLine
}

// sessionLine is one session, in words.
type sessionLine struct {
	ID, Name    string // Name is browser and system
	Short       string // of the name, for the button
	Here        bool
	Last, Since time.Time
	Place, How  string
}

func showSessions(v *visit) error {
	live, err := v.core.Sessions(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &sessionsPage{common: v.common(v.say("sess.title"))}
	p.Main = "mid"
	for _, s := range live {
		name := edge.Device(v.words, s.Device)
		p.Sessions = append(p.Sessions, sessionLine{
			ID: s.ID, Name: name, Short: shortName(name), Here: s.ID == v.session.ID, Last: s.LastSeenAt, Since: s.CreatedAt,
			Place: edge.Place(v.words, s.Address), How: v.say(howOpened(&s)),
		})
	}
	slices.SortStableFunc(p.Sessions, func(a, b sessionLine) int { return rank(b.Here) - rank(a.Here) })
	if p.Devices, err = v.devices(); err != nil {
		return err
	}
	return v.show("sessions", p)
}

func rank(first bool) int {
	if first {
		return 1
	}
	return 0
}

// shortName keeps what a button says to a line or two where a client calls itself
// by many words; what it belongs to stands beside it in full.
func shortName(name string) string {
	if r := []rune(name); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return name
}

// howOpened is the key of what proved the session.
func howOpened(s *core.Session) string {
	if s.Remembered {
		return "sess.how.remembered"
	}
	return "sess.how." + string(s.SecondStep)
}

// endSession ends one of one's own sessions. One that is over already is no
// mistake of whoever looks at an older page.
func endSession(v *visit) error {
	id := v.sent("session")
	if id == v.session.ID {
		return signOut(v)
	}
	live, err := v.core.Sessions(v.ctx(), v.by())
	if err != nil {
		return err
	}
	says := notice{Says: "sess.already"}
	for _, s := range live {
		if s.ID == id {
			says = notice{Says: "sess.endedone", With: map[string]string{"device": edge.Device(v.words, s.Device)}}
		}
	}
	_, err = v.core.EndSession(v.ctx(), v.by(), id)
	if core.IsRefusal(err, core.Missing) {
		says, err = notice{Says: "sess.already"}, nil
	}
	if err != nil {
		return err
	}
	v.tell(says)
	return v.see("/me/sessions")
}

func endOtherSessions(v *visit) error {
	n, err := v.core.EndOtherSessions(v.ctx(), v.by())
	if err != nil {
		return err
	}
	v.tellEnded("sess.ended", n)
	return v.see("/me/sessions")
}

// tellEnded says how many sessions ended; none has a sentence of its own.
func (v *visit) tellEnded(says string, n int) {
	if n == 0 {
		says += "none"
	}
	v.tell(notice{Says: says, N: n})
}
