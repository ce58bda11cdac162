package core

import (
	"context"
	"fmt"

	"doorstep/internal/code"
	"doorstep/internal/totp"
)

// Tries: everybody guesses at one counter at once. As many guesses are looked at
// as are free, and not one more (R13); a right answer gives no more than the rule says.

type tryAct struct {
	of    string // authenticator, recovery, password, pass
	right bool
}

type triesState struct{ fails int }

const (
	lookedAt heard = "looked at, and wrong"
	told     heard = "told to wait"
)

var triesModel = model{
	init: triesState{}, effects: []heard{accepted, lookedAt},
	step: func(state, act any, what heard) (bool, any) {
		s, a := state.(triesState), act.(tryAct)
		switch what {
		case accepted:
			if !a.right {
				return false, s
			}
			if a.of != "pass" { // which is given back the one try
				s.fails = 0
			}
			return true, s
		case lookedAt:
			s.fails++
			return s.fails <= freeTries, s
		case told:
			return s.fails >= freeTries, s
		}
		return false, s
	},
}

// playTries: three wrong and perhaps a right one at once, then eight wrong ones.
func playTries(h *played) {
	of := []string{"authenticator", "recovery", "password", "pass"}[h.number%4]
	g := h.guessedAt(of)
	rightOne := h.dice.n(8) // of four: half of the histories have none
	for round, people := range []int{4, 8} {
		var all []func()
		for who := range people {
			d, right, attempt := h.dice.fork(), round == 0 && who == rightOne, g.attempts[round*4+who]
			all = append(all, func() {
				d.pauses(300_000)
				h.tries(who, tryAct{of, right}, func(ctx context.Context) error {
					return whatItWas(g.guess(ctx, h.anywhere(d), attempt, right, who))
				})
			})
		}
		h.torment(all...)
	}
}

// whatItWas makes an answer one of the model's.
func whatItWas(err error) error {
	r := Refused(err)
	switch {
	case r == nil:
	case r.Counted:
		return refuse(Code(lookedAt))
	case r.RetryAfter > 0 && r.Code != ServerBusy:
		return refuse(Code(told))
	}
	return err
}

// guessed is somebody at whose counter others guess.
type guessed struct {
	*someone
	h        *played
	of       string
	session  *Session // of a pass
	attempts []string // one for each guess at a second step
}

func (h *played) guessedAt(of string) *guessed {
	g := &guessed{h: h, of: of, attempts: make([]string, 12)}
	h.arranges(func(t *tx) (err error) {
		if g.someone, err = h.arrives(t, new(Team), RoleMember, StatusActive); err != nil {
			return err
		}
		if of == "pass" {
			var both [2]*Session
			both, err = h.restarted(t, g.someone)
			g.session = both[0]
			return err
		}
		if err = h.active(t, g.someone); err != nil {
			return err
		}
		for i := range g.attempts {
			in, err := t.createAttempt(Nobody(testOrigin), g.userRow)
			if err != nil {
				return err
			}
			g.attempts[i] = in.Attempt
		}
		// The last one is used: a code that was right is as wrong as any.
		_, err = t.exec(`UPDATE recovery_codes SET used_at = 1 WHERE user_id = $1 AND digest = $2`, g.id, t.c.digest(thePaper().slow[3], g.id))
		return err
	})
	return g
}

func (g *guessed) guess(ctx context.Context, c *Core, attempt string, right bool, who int) (err error) {
	switch g.of {
	case "password":
		pass := testPassword
		if !right {
			pass = fmt.Sprintf("guessed wrongly by %d", who)
		}
		_, err = c.BeginSignIn(ctx, fromSomewhere(), g.email, pass, "")
	case "pass":
		pass := thePass().text
		if !right {
			pass = code.DisplayPass(code.NewPass())
		}
		err = c.AcceptPass(ctx, g.session.By(testOrigin), pass)
	case "recovery":
		text := thePaper().codes[0]
		if !right {
			text = thePaper().codes[3]
		}
		_, err = c.AcceptSecondStep(ctx, Nobody(testOrigin), attempt, text, false)
	default:
		text := g.h.codeOf(g.someone, 1)
		if !right {
			text = g.wrongDigits(who)
		}
		_, err = c.AcceptSecondStep(ctx, Nobody(testOrigin), attempt, text, false)
	}
	return err
}

// wrongDigits is a code of no step around now.
func (g *guessed) wrongDigits(who int) string {
	for n := who; ; n += 8 {
		digits, right := fmt.Sprintf("%06d", n), false
		for step := range int64(9) {
			right = right || digits == totp.Code(g.key, totp.StepAt(testStart)+step-4)
		}
		if !right {
			return digits
		}
	}
}
