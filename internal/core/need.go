package core

import "time"

// Need is what a route asks of whoever calls it. Every route has one; the verbs
// check again, under the lock of the rows that they decide about.
type Need string

const (
	NeedOpen           Need = "open"             // anybody
	NeedAttempt        Need = "attempt"          // a half-done sign-in
	NeedToken          Need = "token"            // a one-use link's form
	NeedSession        Need = "session"          // a session of any reach
	NeedActivation     Need = "activation"       // … that reaches activation
	NeedSignedIn       Need = "signed-in"        // a session of full reach
	NeedSteppedUp      Need = "stepped-up"       // … with password and authenticator proved within ten minutes
	NeedAdmin          Need = "admin"            // … of an owner or admin
	NeedOwner          Need = "owner"            // … of an owner
	NeedSteppedUpAdmin Need = "stepped-up admin" // both
	NeedProxy          Need = "proxy"            // asked by a reverse proxy
)

// Meets says whether a session is enough for a need; nil is yes. An unknown need
// is refused: errors deny.
// Refuses: not-signed-in, password-change-required, activation-required, admin-only, owner-only,
// recovery-session, step-up-required.
func (n Need) Meets(s *Session, now time.Time) *Refusal {
	switch n {
	case NeedOpen, NeedAttempt, NeedToken:
		return nil // the handler asks for the attempt or the form
	}
	if s == nil {
		return refuse(NotSignedIn)
	}
	if n == NeedSession {
		return nil
	}
	if s.Reach == ReachPassword {
		return refuse(PasswordChangeRequired)
	}
	if n == NeedActivation {
		return nil
	}
	if s.Reach != ReachFull {
		return refuse(ActivationRequired)
	}
	switch n {
	case NeedSignedIn:
		return nil
	case NeedAdmin, NeedSteppedUpAdmin:
		if s.User.Role.rank() < RoleAdmin.rank() {
			return refuse(AdminOnly)
		}
	case NeedOwner:
		if s.User.Role != RoleOwner {
			return refuse(OwnerOnly)
		}
	case NeedSteppedUp:
	default:
		return refuse(NotSignedIn)
	}
	if n == NeedSteppedUp || n == NeedSteppedUpAdmin {
		if s.SecondStep == SecondStepRecoveryCode {
			return refuse(RecoverySession)
		}
		if s.StepUpUntil(now).IsZero() {
			return refuse(StepUpRequired)
		}
	}
	return nil
}
