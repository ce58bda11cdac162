package core

import (
	"context"
	"time"
)

// DeactivateTwoStep ends the actor's own 2-step, proved by a code: a session that
// a recovery code opened needs a different, unused recovery code or an
// authentication code (R3); any other takes either kind. The password is wanted
// too when it was proved more than ten minutes ago. Every session ends, this one
// as well; the state is `due`; the letter is queued: one transaction (R4).
// It returns how many sessions ended, the caller's included.
// Refuses: not-active, deactivation-paused, wrong-password, same-code (costs
// nothing), and what AcceptSecondStep refuses of a code.
func (c *Core) DeactivateTwoStep(ctx context.Context, by Actor, pass, text string) (sessionsEnded int, err error) {
	u, err := c.mayDeactivate(ctx, by)
	if err != nil {
		return 0, err
	}
	if _, err := readCode(text); err != nil {
		return 0, err // a typo costs nothing, not even the password's hash
	}
	passwordAt := by.session.PasswordAt
	if by.session.NeedsPassword(c.Now()) {
		passwordAt = c.Now()
		if _, err := c.provePassword(ctx, by, pass, EventSecondStepRefused); err != nil {
			return 0, err
		}
	}
	err = c.withCode(ctx, by, u, text, eitherKind, EventSecondStepRefused, func(t *tx, p *proof) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := deactivationAllowed(t, u, t.now); err != nil {
			return err // an owner may have paused it while the code was compared
		}
		if !t.now.Before(passwordAt.Add(stepUpLasts)) {
			return refuse(StepUpRequired)
		}
		if err := t.notTheSameCode(u, s, p); err != nil {
			return err
		}
		if _, err := t.useUp(by, u, p); err != nil {
			return err
		}
		gone, err := t.endTwoStep(by, u, u, EndedDeactivated, time.Time{}, DueDeactivated)
		if err != nil {
			return err
		}
		sessionsEnded = gone.sessions
		return t.record(eventOf{event: EventTwoStepDeactivated, by: by, actor: u, target: u, details: map[string]any{
			"sessions_ended": gone.sessions, "authenticators_removed": gone.authenticators, "recovery_codes_removed": gone.recoveryCodes,
			"remembered_devices_removed": gone.devices,
			"proved_by":                  p.kind,
		}})
	})
	return sessionsEnded, err
}

// mayDeactivate answers before anything is charged.
func (c *Core) mayDeactivate(ctx context.Context, by Actor) (*userRow, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	r := c.read(ctx)
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, err
	}
	return u, deactivationAllowed(r, u, c.Now())
}

// deactivationAllowed is for before and under the lock. Refuses: not-active,
// deactivation-paused.
func deactivationAllowed(r reader, u *userRow, now time.Time) error {
	if u.state(now) != TwoStepActive {
		return refuse(NotActive)
	}
	policy, err := policyOf(r, u.teamID)
	if err != nil {
		return err
	}
	if !policy.DeactivationAllowed {
		return refuse(DeactivationPaused)
	}
	return nil
}

// notTheSameCode keeps whoever saw one recovery code being typed from turning
// the account over with it: the code that opened the session proves nothing more.
func (t *tx) notTheSameCode(u *userRow, s *sessionRow, p *proof) error {
	if p.kind != SecondStepRecoveryCode || s.recoveryCodeID == "" {
		return nil
	}
	id, err := t.codeOfDigest(u, p.setID, p.digest)
	if err != nil {
		return err
	}
	if id == s.recoveryCodeID {
		return refuseField(SameCode, "code")
	}
	return nil
}
