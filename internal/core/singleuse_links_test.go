package core

import (
	"context"
	"fmt"
)

// Links: of everybody who holds the same link, one sets a password. Whoever is told
// that they did find theirs to be the one that signs in, and the code of whoever was
// too late is not spent.

type linkAct struct {
	does  string // begin (a reset), open, use, take back, sign in, code
	with  int    // which password; 0 is the one before
	paper int    // which recovery code besides; -1 is none
}

type linksState struct {
	reset    bool // of a forgotten password, not an invitation
	gone     bool // used, replaced or taken back
	joined   bool // there is a password at all
	password int
	papers   [4]bool
}

var (
	resetsState = linksState{reset: true, joined: true}
	linksModel  = model{
		init: linksState{}, effects: []heard{accepted},
		step: func(state, act any, what heard) (bool, any) {
			s, a := state.(linksState), act.(linkAct)
			switch a.does {
			case "begin":
				return true, resetsState
			case "open":
				return what == accepted && !s.gone || Code(what) == LinkGone && s.gone, s
			case "take back":
				if what == accepted {
					right := s.reset || !s.gone // a newer link can be asked for at any time
					s.gone = true
					return right, s
				}
				return (Code(what) == NotInvited || Code(what) == Missing) && s.gone, s
			case "sign in":
				return (what == accepted) == (s.joined && s.password == a.with) && (what == accepted || Code(what) == WrongCredentials), s
			case "code":
				if what == accepted {
					right := !s.papers[a.paper]
					s.papers[a.paper] = true
					return right, s
				}
				return Code(what) == WrongRecoveryCode && s.papers[a.paper], s
			}
			switch Code(what) { // use
			case Code(accepted):
				if s.gone || a.paper >= 0 && s.papers[a.paper] {
					return false, s
				}
				s.gone, s.joined, s.password = true, true, a.with
				if a.paper >= 0 {
					s.papers[a.paper] = true
				}
				return true, s
			case LinkGone, Missing:
				return s.gone, s
			case WrongRecoveryCode:
				return a.paper >= 0 && s.papers[a.paper], s
			case RecoveryWait:
				return a.paper >= 0, s
			}
			return false, s
		},
	}
)

// linked is somebody for whom there is a link.
type linked struct {
	*someone
	h        *played
	reset    bool // for a forgotten password; else an invitation
	twoStep  bool // … with a code besides
	token    string
	inviting *Session // of whoever may take the invitation back
}

func (h *played) linked(kind int) *linked {
	l := &linked{h: h, reset: kind > 0, twoStep: kind > 1}
	h.arranges(func(t *tx) error {
		team, status, purpose := Team{}, StatusInvited, purposePassword
		if l.reset {
			status, purpose = StatusActive, purposeReset
		}
		owner, err := h.arrives(t, &team, RoleOwner, StatusActive)
		if err != nil {
			return err
		}
		if err := h.active(t, owner); err != nil {
			return err
		}
		if l.inviting, err = h.opened(t, owner); err != nil {
			return err
		}
		if l.someone, err = h.arrives(t, &team, RoleMember, status); err != nil {
			return err
		}
		if l.twoStep {
			if err := h.active(t, l.someone); err != nil {
				return err
			}
		}
		made, err := t.makeLink(purpose, l.userRow, resetLinkLasts)
		if err == nil {
			l.token = made.Token
		}
		return err
	})
	return l
}

// passwordOf is the n-th one that somebody chooses; 0 is the one before.
func passwordOf(n int) string {
	if n == 0 {
		return testPassword
	}
	return fmt.Sprintf("%s number %d", testPassword, n)
}

func (l *linked) open(who int, c *Core) (form string) {
	l.h.does(who, linkAct{does: "open"}, func(ctx context.Context) (err error) {
		if l.reset {
			form, err = c.OpenResetLink(ctx, l.token)
		} else {
			form, err = c.OpenPasswordLink(ctx, l.token)
		}
		return err
	})
	return form
}

func (l *linked) use(who int, c *Core, form string) {
	a, text := linkAct{does: "use", with: who + 1, paper: -1}, ""
	if l.twoStep {
		a.paper = who % 2 // two of three have the same
		text = thePaper().codes[a.paper]
	}
	l.h.does(who, a, func(ctx context.Context) (err error) {
		if l.reset {
			_, err = c.SetForgottenPassword(ctx, Nobody(testOrigin), form, passwordOf(a.with), text)
		} else {
			_, err = c.SetFirstPassword(ctx, Nobody(testOrigin), form, "", passwordOf(a.with))
		}
		return err
	})
}

func (l *linked) takeBack(who int, c *Core) {
	l.h.does(who, linkAct{does: "take back"}, func(ctx context.Context) error {
		if l.reset {
			return c.AskPasswordReset(ctx, fromSomewhere(), l.email) // a newer link takes its place
		}
		return c.CancelInvitation(ctx, l.inviting.By(testOrigin), l.id)
	})
}

func playLinks(h *played) {
	const people = 3
	l := h.linked((h.number + 2) % 3)
	if l.reset {
		h.does(people, linkAct{does: "begin"}, func(context.Context) error { return nil })
	}
	var all []func()
	for who := range people {
		d := h.dice.fork()
		form := l.open(who, h.clean.Core)
		all = append(all, func() {
			d.pauses(3_000_000) // the hash takes longer than anything else
			if d.n(3) == 0 {
				l.open(who, h.anywhere(d))
			}
			l.use(who, h.anywhere(d), form)
		})
	}
	if h.dice.n(4) == 0 {
		d := h.dice.fork()
		all = append(all, func() {
			d.pauses(60_000_000)
			l.takeBack(people, h.anywhere(d))
		})
	}
	h.torment(all...)
	h.forgiven(l.someone)
	l.open(people, h.clean.Core)
	l.use(people, h.clean.Core, l.open(people, h.clean.Core))
	h.forgiven(l.someone)
	for with := range people + 2 {
		h.does(people, linkAct{does: "sign in", with: with}, func(ctx context.Context) error {
			_, err := h.clean.BeginSignIn(ctx, fromSomewhere(), l.email, passwordOf(with), "")
			return err
		})
	}
	for paper := 0; l.twoStep && paper < 2; paper++ {
		var token string
		h.arranges(func(t *tx) error {
			in, err := t.createAttempt(Nobody(testOrigin), l.userRow)
			if err == nil {
				token = in.Attempt
			}
			return err
		})
		h.does(people, linkAct{does: "code", paper: paper}, func(ctx context.Context) error {
			_, err := h.clean.AcceptSecondStep(ctx, Nobody(testOrigin), token, thePaper().codes[paper], false)
			return err
		})
	}
}
