package core

import (
	"context"
	"errors"
	"time"
)

// stepUpLasts is for how long a proof of password and code counts (R8).
const stepUpLasts = 10 * time.Minute

// needStepUp refuses an act that needs password and authenticator proved within
// ten minutes. Refuses: recovery-session, step-up-required.
func needStepUp(u *userRow, s *sessionRow, now time.Time) error {
	if s.secondStep == SecondStepRecoveryCode {
		return refuse(RecoverySession)
	}
	if s.view(u, now).StepUpUntil(now).IsZero() {
		return refuse(StepUpRequired)
	}
	return nil
}

// StepUp proves password and authentication code anew (the password alone while
// 2-step is `off` or `due`). The session gets a new token; the old one is dead.
// Refuses: recovery-session, wrong-password, too-many-tries, and what
// AcceptSecondStep refuses of a code; a recovery code is refused and not spent.
func (c *Core) StepUp(ctx context.Context, by Actor, pass, text string) (*Session, error) {
	if err := by.typedBoth(pass, text); err != nil {
		return nil, err
	}
	u, err := c.provePassword(ctx, by, pass, EventStepUpRefused)
	if err != nil {
		return nil, err
	}
	now := c.Now()
	var stepped *Session
	finish := func(t *tx, p *proof) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if s.secondStep == SecondStepRecoveryCode {
			return refuse(RecoverySession)
		}
		if p != nil {
			if _, err := t.useUp(by, u, p); err != nil {
				return err
			}
			s.secondStep, s.secondStepAt = SecondStepAuthenticator, ms(t.now)
		} else if u.state(t.now) == TwoStepActive {
			return refuseField(CodeEmpty, "code") // activated on another device a moment ago
		}
		s.passwordAt = ms(now)
		token, err := t.replaceToken(s)
		if err != nil {
			return err
		}
		stepped = s.view(u, t.now)
		stepped.Token = token
		return t.record(eventOf{event: EventStepUpPassed, by: by, actor: u, target: u})
	}
	if u.state(now) == TwoStepActive {
		err = c.withCode(ctx, by, u, text, authenticatorOnly, EventStepUpRefused, finish)
	} else {
		err = c.write(ctx, func(t *tx) error { return finish(t, nil) })
	}
	if err != nil {
		return nil, err
	}
	return stepped, nil
}

// typedBoth hears of an empty form before anything is counted.
func (a Actor) typedBoth(pass, text string) error {
	if a.session == nil || a.session.SecondStep == SecondStepRecoveryCode || pass != "" {
		return nil
	}
	missing := error(refuseField(PasswordMissing, "password"))
	if a.session.User.TwoStep != TwoStepActive {
		return missing
	}
	_, wrongCode := readCode(text)
	return together(missing, wrongCode)
}

// provePassword compares the password of the signed-in actor. Its counter is one for
// whoever holds a session: strangers at the sign-in page cannot make them wait. Refuses: recovery-session is left to the caller;
// not-signed-in, password-missing, wrong-password, too-many-tries, password-blocked,
// busy.
func (c *Core) provePassword(ctx context.Context, by Actor, pass, refusedEvent string) (*userRow, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	if refusedEvent == EventStepUpRefused && by.session.SecondStep == SecondStepRecoveryCode {
		return nil, refuse(RecoverySession)
	}
	if pass == "" {
		return nil, refuseField(PasswordMissing, "password") // no guess, so no try
	}
	u, err := oneUser(c.read(ctx), `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, err
	}
	own := c.triesSignedIn(u)
	ch, err := c.chargedPassword(ctx, own)
	if r := Refused(err); r != nil {
		r.Field = "password"
		return nil, r
	}
	if err != nil {
		return nil, err
	}
	ok, _, err := c.verifyPassword(ctx, u, pass)
	if err != nil {
		return nil, errors.Join(err, c.refundedPassword(ctx, err, own, ch))
	}
	if !ok {
		return nil, c.refusedPassword(ctx, by, u, refusedEvent, ch, refuseField(WrongPassword, "password"))
	}
	return u, c.keepCount(ctx, func(t *tx) error { return t.clearPassword(own) })
}
