package core

import (
	"context"
	"time"
)

// TwoStepStatus is how a person's own 2-step stands.
type TwoStepStatus struct {
	State             TwoStep
	Authenticators    []Authenticator
	RecoveryCodesLeft int
	RecoveryCodesOf   int       // how many a set has
	DueBy             time.Time // until when it may wait, or when the account closes; zero for neither
	DueReason         DueReason
	Since             time.Time // when the app was added; zero unless active
	Paused            bool      // the team has paused deactivation
	CodesBlocked      bool      // too many wrong recovery codes: the set works no more
	OpenedByCode      bool      // a recovery code opened this session: it deactivates with a different one
	PassWanted        *Refusal  // why no activation can begin before a re-activation pass was typed; nil when none is wanted
}

// TwoStepStatus reads the actor's own 2-step.
func (c *Core) TwoStepStatus(ctx context.Context, by Actor) (*TwoStepStatus, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	r, now := c.read(ctx), c.Now()
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, err
	}
	s := &TwoStepStatus{
		State: u.state(now), RecoveryCodesOf: codesInSet, DueBy: at(u.dueBy), DueReason: u.dueReason,
		OpenedByCode: by.session.SecondStep == SecondStepRecoveryCode,
	}
	if s.Authenticators, err = authenticatorsOf(r, u); err != nil {
		return nil, err
	}
	if len(s.Authenticators) > 0 {
		s.Since = s.Authenticators[0].CreatedAt
	}
	if s.RecoveryCodesLeft, err = recoveryCodesLeft(r, u); err != nil {
		return nil, err
	}
	if err := needPass(r, u, by.session.ID); err != nil {
		if s.PassWanted = Refused(err); s.PassWanted == nil {
			return nil, err
		}
	}
	if s.CodesBlocked, err = recoveryCodesBlocked(r, u); err != nil {
		return nil, err
	}
	policy, err := policyOf(r, u.teamID)
	s.Paused = !policy.DeactivationAllowed
	return s, err
}

// removed is what leaving `active` takes away, in numbers.
type removed struct{ sessions, authenticators, recoveryCodes, devices int }

// endTwoStep is the half that deactivation and restart share (R4): factors, codes,
// remembered devices, half-done sign-ins and activations gone, every session and an
// open restart request ended, state `due`.
func (t *tx) endTwoStep(by Actor, actor, u *userRow, why EndReason, dueBy time.Time, reason DueReason) (removed, error) {
	var r removed
	var err error
	if r.authenticators, err = t.deleteAuthenticators(u); err != nil {
		return r, err
	}
	if r.recoveryCodes, err = t.deleteRecoveryCodes(u); err != nil {
		return r, err
	}
	if r.devices, err = t.deleteDevices(u); err != nil {
		return r, err
	}
	if err := t.deleteActivations(u); err != nil {
		return r, err
	}
	if err := t.deletePass(u); err != nil {
		return r, err
	}
	if err := t.deleteAttempts(u); err != nil {
		return r, err
	}
	if err := t.revokeLinks(u); err != nil {
		return r, err
	}
	end := EndedByRestart
	switch why {
	case EndedDeactivated:
		end = EndedByDeactivation
	case EndedFrozen:
		end = EndedByFreeze
	}
	if err := t.endRequest(by, actor, u, RequestEnded, end); err != nil {
		return r, err
	}
	if r.sessions, err = t.endSessions(u, why, ""); err != nil {
		return r, err
	}
	return r, t.setTwoStep(u, TwoStepDue, dueBy, reason)
}
