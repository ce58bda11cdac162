package core

import (
	"context"
)

// ChangePassword replaces the actor's own password. The step-up has just asked for
// the old one. Every other session ends, remembered devices and links are forgotten,
// and this session gets a new token.
// Refuses: not-signed-in, activation-required, recovery-session, step-up-required,
// password-…, password-same, busy.
func (c *Core) ChangePassword(ctx context.Context, by Actor, pass string) (s *Session, sessionsEnded int, err error) {
	if by.session == nil {
		return nil, 0, refuse(NotSignedIn)
	}
	if r := NeedSteppedUp.Meets(by.session, c.Now()); r != nil {
		return nil, 0, r // before a hash is computed for it
	}
	return c.ownPassword(ctx, by, pass, func(t *tx) (*userRow, *sessionRow, error) {
		u, s, err := t.actingUser(by)
		if err != nil {
			return nil, nil, err
		}
		if err := needFull(u, t.now); err != nil {
			return nil, nil, err
		}
		return u, s, needStepUp(u, s, t.now)
	})
}

// ChooseNewPassword is for a session that reaches nothing else: somebody else may
// have the password that it was opened with (R13). The session goes on, with a new
// token, to what comes next. Refuses: not-signed-in, no-password-due, password-by-link,
// password-…, password-same, busy.
func (c *Core) ChooseNewPassword(ctx context.Context, by Actor, pass string) (*SignIn, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	if by.session.Reach != ReachPassword {
		return nil, refuse(NoPasswordDue)
	}
	if r := c.NewPasswordByLink(by.session); r != nil {
		return nil, r
	}
	var next Step
	s, _, err := c.ownPassword(ctx, by, pass, func(t *tx) (*userRow, *sessionRow, error) {
		u, s, err := t.actingUserOfAnyReach(by)
		if err != nil {
			return nil, nil, err
		}
		if !s.passwordDue {
			return nil, nil, refuse(NoPasswordDue)
		}
		next = Next(Standing{TwoStep: u.state(t.now), Closed: u.closed(t.now), SecondStepProved: true})
		if next == StepClosed {
			return nil, nil, refuse(AccountClosed)
		}
		s.passwordDue, s.passwordAt = false, ms(t.now)
		return u, s, nil
	})
	if err != nil {
		return nil, err
	}
	return &SignIn{Next: next, Session: s, ExpiresAt: s.ExpiresAt}, nil
}

// NewPasswordByLink says that a session may not choose the password that is demanded,
// since it proved nothing but the one that somebody else may have: without 2-step, or
// after a restart. Whoever was quicker would be the one who replaces it, and "this was
// not me" would hand the account over. The mailbox decides then; nil where there is
// no mail, or a second step was proved. Refuses: password-by-link.
func (c *Core) NewPasswordByLink(s *Session) *Refusal {
	if s == nil || s.Reach != ReachPassword || s.SecondStep != SecondStepNone || s.Remembered || !c.MailConfigured() {
		return nil
	}
	return refuse(PasswordByLink)
}

// ownPassword sets it for the session that acts; who may, and what becomes of the
// session, is the caller's to say, under the lock.
func (c *Core) ownPassword(ctx context.Context, by Actor, pass string, may func(*tx) (*userRow, *sessionRow, error)) (*Session, int, error) {
	before, err := oneUser(c.read(ctx), `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, 0, err
	}
	if err := checkPassword(pass, before.email, before.name, before.teamName); err != nil {
		return nil, 0, err
	}
	hash, same, err := c.hashOther(ctx, before, pass)
	if err != nil {
		return nil, 0, err
	}
	var set *Session
	var ended int
	err = c.write(ctx, func(t *tx) error {
		u, s, err := may(t)
		if err != nil {
			return err
		}
		if same {
			return refuseField(PasswordSame, "password")
		}
		u.passwordHash = before.passwordHash // whoever set another one meanwhile ended this session too
		if ended, err = t.newPassword(by, u, hash, EndedPasswordChanged, s.id); err != nil {
			return err
		}
		token, err := t.replaceToken(s)
		if err != nil {
			return err
		}
		set = s.view(u, t.now)
		set.Token = token
		return t.record(eventOf{event: EventPasswordChanged, by: by, actor: u, target: u, details: map[string]any{"sessions_ended": ended}})
	})
	return set, ended, err
}
