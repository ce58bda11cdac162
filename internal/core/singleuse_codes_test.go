package core

import "context"

// Codes: one person with an app, recovery codes, half-done sign-ins and a session.
// Everybody submits the same few codes on whatever surface takes them.

type codeAct struct {
	surface string // sign-in, step-up, deactivation
	attempt int    // of a sign-in
	step    int    // of an authentication code, 1 to 3; 0 for a recovery code …
	paper   int    // … which is this one
}

// codesState: which of them were used.
type codesState struct {
	lastStep int
	papers   [4]bool
	attempts [24]bool
	off      bool
}

var codesModel = model{
	init: codesState{}, effects: []heard{accepted},
	step: func(state, act any, what heard) (bool, any) {
		s, a := state.(codesState), act.(codeAct)
		byPaper := a.step == 0
		switch Code(what) {
		case Code(accepted):
			if s.off || byPaper && s.papers[a.paper] || !byPaper && a.step <= s.lastStep || a.surface == "sign-in" && s.attempts[a.attempt] {
				return false, s
			}
			if byPaper {
				s.papers[a.paper] = true
			} else {
				s.lastStep = a.step
			}
			if a.surface == "sign-in" {
				s.attempts[a.attempt] = true
			}
			s.off = a.surface == "deactivation"
			return true, s
		case CodeUsed:
			return !byPaper && a.step <= s.lastStep, s
		case WrongRecoveryCode:
			return byPaper && (s.papers[a.paper] || s.off), s
		case AttemptOver:
			return a.surface == "sign-in" && (s.attempts[a.attempt] || s.off), s
		case NotActive, SessionEnded:
			return s.off, s
		case AuthenticatorWait, RecoveryWait, TooManyTries:
			return true, s // nothing was looked at
		}
		return false, s
	},
}

func playCodes(h *played) {
	var p *someone
	var session *Session
	h.arranges(func(t *tx) (err error) {
		if p, err = h.arrives(t, new(Team), RoleMember, StatusActive); err != nil {
			return err
		}
		if err = h.active(t, p); err != nil {
			return err
		}
		session, err = h.opened(t, p)
		return err
	})
	attempts := 0
	halfDone := func(n int) (tokens []string) {
		h.arranges(func(t *tx) error {
			tokens = nil
			for range n {
				in, err := t.createAttempt(Nobody(testOrigin), p.userRow)
				if err != nil {
					return err
				}
				tokens = append(tokens, in.Attempt)
			}
			return nil
		})
		attempts += n
		return tokens
	}
	submits := func(c *Core, who int, a codeAct, token string) {
		text := thePaper().codes[a.paper]
		if a.step > 0 {
			text = h.codeOf(p, a.step-1)
		}
		h.does(who, a, func(ctx context.Context) (err error) {
			switch a.surface {
			case "sign-in":
				_, err = c.AcceptSecondStep(ctx, Nobody(testOrigin), token, text, false)
			case "step-up":
				_, err = c.StepUp(ctx, session.By(testOrigin), testPassword, text)
			case "deactivation":
				_, err = c.DeactivateTwoStep(ctx, session.By(testOrigin), "", text)
			}
			return err
		})
	}
	const people = 4 // as many as may be wrong at once before a pause
	for round := range 3 {
		h.forgiven(p)
		first := attempts
		tokens := halfDone(people)
		byPaper, what := h.dice.n(2) == 0, h.dice.n(3)
		var all []func()
		for who := range people {
			d := h.dice.fork()
			a := codeAct{surface: "sign-in", attempt: first + d.n(3), step: min(1+round+d.n(2), 3)}
			if d.n(3) == 0 {
				a.step, a.paper = 0, d.n(2)
			}
			switch what {
			case 0: // one code, each in a sign-in of their own
				if a.step, a.paper, a.attempt = round+1, 0, first+who; byPaper {
					a.step, a.paper = 0, round%2
				}
			case 1: // one sign-in
				a.attempt = first
			}
			switch {
			case a.step > 0 && d.n(8) == 0:
				a.surface, a.attempt = "step-up", 0
			case round == 2 && d.n(8) == 0:
				a.surface, a.attempt = "deactivation", 0
			}
			all = append(all, func() {
				d.pauses(500_000)
				token := ""
				if a.surface == "sign-in" {
					token = tokens[a.attempt-first]
				}
				submits(h.anywhere(d), who, a, token)
			})
		}
		h.torment(all...)
	}
	// In the end each is submitted once more, alone.
	h.forgiven(p)
	first := attempts
	tokens := halfDone(5)
	for n, a := range []codeAct{{step: 1}, {paper: 0}, {step: 2}, {paper: 1}, {step: 3}} {
		a.surface, a.attempt = "sign-in", first+n
		submits(h.clean.Core, people, a, tokens[n])
	}
}
