package core

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"doorstep/internal/seal"
)

// Step is what comes next for somebody who signs in. Next decides it; every edge
// asks and none decides.
type Step string

const (
	StepSecondStep Step = "second_step_required"
	StepActivation Step = "activation_required"
	StepSignedIn   Step = "signed_in"
	StepPassword   Step = "password_change_required"
	StepClosed     Step = "account_closed"
)

// Standing is what Next looks at.
type Standing struct {
	TwoStep          TwoStep
	Closed           bool // the window after a restart has passed (R15)
	SecondStepProved bool
	PasswordDue      bool // somebody else may have the password (R13)
}

// Next says what comes after a right password, or after the second step. It is
// pure, so that a table can test every case of it.
func Next(s Standing) Step {
	switch {
	case s.Closed:
		return StepClosed
	case s.TwoStep == TwoStepActive && !s.SecondStepProved:
		return StepSecondStep
	case s.PasswordDue:
		// After the second step: whoever else has the password must not be the one who
		// replaces it. Before activation: an app is added to an account, and a password
		// that is known to somebody else is no proof of whose app it is.
		return StepPassword
	case s.TwoStep == TwoStepActive, s.TwoStep == TwoStepOff:
		return StepSignedIn
	}
	return StepActivation // `due`, and whatever this version does not know
}

// SignIn is how far a sign-in came.
type SignIn struct {
	Next              Step
	Attempt           string   // the attempt's token, while a second step is wanted
	Methods           []string // "authenticator", "recovery_code": what can be used for it
	ExpiresAt         time.Time
	Session           *Session // when signed in, or with the reach of what comes next
	UsedRecoveryCode  bool
	RecoveryCodesLeft int
	Browser           *Lane             // what it keeps of a full sign-in, for Actor.InBrowser of the next; nil leaves what it holds
	Remembered        *RememberedDevice // what the browser keeps from now on instead of what it held; nil leaves it
}

// attemptLasts is how long the second step may take.
const attemptLasts = 15 * time.Minute

const tokenOfAttempt = "attempt"

// busyWait is what people are told to wait when hashing is at its limit.
const busyWait = 2 * time.Second

// BeginSignIn takes the password, the first step. Half signed in is another kind
// of object than a session: the answer to an account with active 2-step is an
// attempt, whose token opens nothing but the second step.
// An unknown address, a wrong password and a suspended account look the same and
// cost the same: one look-up, one charge, one hash, one event (R12).
// device is the token of a remembered device, "" for none: a good one takes the
// place of the second step, a bad one changes nothing.
// Refuses: wrong-credentials, too-many-tries, account-closed (after a right
// password only), password-blocked, busy.
func (c *Core) BeginSignIn(ctx context.Context, by Actor, email, pass, device string) (*SignIn, error) {
	u, err := userByEmail(c.read(ctx), email)
	if err != nil && !IsRefusal(err, Missing) {
		return nil, err
	}
	own, ch, err := c.chargedSignIn(ctx, by, u, email)
	if err != nil {
		return nil, err
	}
	ok, rehashed, err := c.verifyPassword(ctx, u, pass)
	if err != nil {
		return nil, errors.Join(err, c.refundedSignIn(ctx, by, err, own, ch))
	}
	if u == nil || !ok || u.status != StatusActive {
		return nil, c.refusedSignIn(ctx, by, u, own, ch)
	}
	var result *SignIn
	err = c.write(ctx, func(t *tx) error {
		result, err = t.afterPassword(by, u, rehashed, own, device)
		return err
	})
	switch {
	case IsRefusal(err, WrongCredentials):
		return nil, c.refusedSignIn(ctx, by, u, own, ch)
	case err == nil:
		c.forgiveAddress(by, own)
	}
	if err == nil && result.Next == StepClosed {
		return nil, refuse(AccountClosed)
	}
	return result, err
}

// chargedSignIn counts a try at the counter that this browser has: its own lane where
// it signed in before, else that of everybody at this address, behind the limit of
// where the try comes from. Nothing slow has happened when it refuses.
func (c *Core) chargedSignIn(ctx context.Context, by Actor, u *userRow, email string) (own tries, ch charge, err error) {
	known, err := c.laneOf(c.read(ctx), by, u)
	if err != nil {
		return own, ch, err
	}
	if known.id != "" {
		own = c.triesInLane(u, known.id)
		if ch, err = c.chargedPassword(ctx, own); !IsRefusal(err, PasswordBlocked) {
			return own, ch, err
		}
	}
	own = c.triesAt(u, email)
	if err := c.addresses.take(by.origin.Address, c.Now()); err != nil {
		return own, ch, err
	}
	if ch, err = c.chargedPassword(ctx, own); err != nil {
		c.forgiveAddress(by, own)
	}
	return own, ch, err
}

// forgiveAddress gives the address a try back that was no wrong password.
func (c *Core) forgiveAddress(by Actor, own tries) {
	if own.browser == "" {
		c.addresses.giveBack(by.origin.Address)
	}
}

func (c *Core) chargedPassword(ctx context.Context, own tries) (ch charge, err error) {
	// Waiting is committed too: the row of an address that nobody owns is made here.
	err = c.keepUnsynced(ctx, func(t *tx) error {
		ch, err = t.chargePassword(own)
		return err
	})
	return ch, err
}

// refundedPassword gives the try back when the server, not the caller, stopped
// before the comparison.
func (c *Core) refundedPassword(ctx context.Context, cause error, own tries, ch charge) error {
	if errors.Is(cause, context.Canceled) {
		return nil // hanging up is not an error of ours, or it would be a free try
	}
	return c.keepCount(context.WithoutCancel(ctx), func(t *tx) error { return t.refundPassword(own, ch) })
}

func (c *Core) refundedSignIn(ctx context.Context, by Actor, cause error, own tries, ch charge) error {
	if !errors.Is(cause, context.Canceled) {
		c.forgiveAddress(by, own)
	}
	return c.refundedPassword(ctx, cause, own, ch)
}

// verifyPassword compares, at equal cost for somebody without a password. It
// returns a new hash when the stored one was made with weaker parameters.
func (c *Core) verifyPassword(ctx context.Context, u *userRow, pass string) (ok bool, rehashed string, err error) {
	if u == nil || u.passwordHash == "" {
		return false, "", asBusy(c.hasher.VerifyNobody(ctx, pass))
	}
	ok, rehash, err := c.hasher.Verify(ctx, u.passwordHash, pass)
	if err != nil {
		return false, "", asBusy(err)
	}
	if ok && rehash {
		if rehashed, err = c.hasher.Hash(ctx, pass); err != nil {
			return false, "", asBusy(err)
		}
	}
	return ok, rehashed, nil
}

// refusedSignIn records a refused first step. One at an address that nobody
// owns is recorded too, under no team: both ways cost the same.
func (c *Core) refusedSignIn(ctx context.Context, by Actor, u *userRow, own tries, ch charge) error {
	if own.browser == "" {
		return c.refusedPassword(ctx, by, u, EventSignInRefused, ch, refuse(WrongCredentials))
	}
	err := c.write(context.WithoutCancel(ctx), func(t *tx) error {
		if ch.blocks() {
			if err := t.closeLane(own); err != nil {
				return err
			}
		}
		return t.record(eventOf{event: EventSignInRefused, by: by, target: u, details: map[string]any{"in_a_row": ch.fails, "known_browser": true}})
	})
	if err != nil {
		return err
	}
	closed := ch.blocks()
	ch.most = 0 // a lane that is closed blocks no password
	r := ch.wrong(refuse(WrongCredentials))
	if closed {
		r.RetryAfter = 0 // the next try is a stranger's
	}
	return r
}

// refusedPassword records a wrong password, and that it was the last try.
func (c *Core) refusedPassword(ctx context.Context, by Actor, u *userRow, event string, ch charge, r *Refusal) error {
	err := c.write(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.record(eventOf{event: event, by: by, target: u, details: map[string]any{"in_a_row": ch.fails, "kind": string(r.Code)}}); err != nil || !ch.blocks() {
			return err
		}
		return t.record(eventOf{event: EventPasswordBlocked, by: by, target: u, details: map[string]any{"in_a_row": ch.fails}})
	})
	if err != nil {
		return err
	}
	return ch.wrong(r)
}

// afterPassword stores what the right password led to.
func (t *tx) afterPassword(by Actor, verified *userRow, rehashed string, own tries, device string) (*SignIn, error) {
	u, err := t.lockUser(verified.teamID, verified.id)
	if err != nil || u.status != StatusActive || u.passwordHash != verified.passwordHash {
		// Removed, suspended or given another password while the hash was computed.
		if err != nil && !IsRefusal(err, Missing) {
			return nil, err
		}
		return nil, refuse(WrongCredentials)
	}
	if rehashed != "" {
		if err := t.storePasswordHash(u, rehashed, u.status); err != nil {
			return nil, err
		}
	}
	if err := t.clearPassword(own); err != nil {
		return nil, err
	}
	standing := Standing{TwoStep: u.state(t.now), Closed: u.closed(t.now), PasswordDue: u.passwordDue}
	next := Next(standing)
	var deviceID string
	var remembered *RememberedDevice
	if next == StepSecondStep {
		if deviceID, remembered, err = t.useDevice(by, u, verified, device); err != nil {
			return nil, err
		}
		standing.SecondStepProved = deviceID != "" // proved on this device, some time ago
		next = Next(standing)
	}
	switch next {
	case StepClosed:
		// Committed, not refused here: the password was right, and its tries are over.
		return &SignIn{Next: next}, t.record(eventOf{event: EventSignInRefused, by: by, actor: u, target: u, details: map[string]any{"closed": true}})
	case StepSecondStep:
		t.nothingToRecord() // an attempt is no change of the account; its outcome is recorded
		return t.createAttempt(by, u)
	}
	firstEver, newBrowser := u.lastSignInAt == 0, false
	if next == StepSignedIn {
		if newBrowser, err = t.noteBrowser(u, by.origin.Device); err != nil {
			return nil, err
		}
	}
	if err := t.endRequest(by, u, u, RequestEnded, EndedBySignIn); err != nil {
		return nil, err
	}
	s, err := t.openSession(u, by.origin, sessionProof{secondStep: SecondStepNone, passwordAt: t.now, deviceID: deviceID})
	if err != nil {
		return nil, err
	}
	var browser *Lane
	if deviceID != "" { // which passed the second step once
		if browser, err = t.openLane(by, u); err != nil {
			return nil, err
		}
	}
	return &SignIn{Next: next, Session: s, ExpiresAt: s.ExpiresAt, Remembered: remembered, Browser: browser}, t.record(eventOf{
		event: EventSessionStarted, by: by, actor: u, target: u, details: map[string]any{
			"session": s.ID, "second_step": s.SecondStep, "remembered_device": s.Remembered, "new_browser": newBrowser && !firstEver,
		},
	})
}

func (t *tx) createAttempt(by Actor, u *userRow) (*SignIn, error) {
	token, expires := seal.NewToken(), t.now.Add(attemptLasts)
	if _, err := t.exec(`INSERT INTO sign_in_attempts (team_id, user_id, token_hash, address, device, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		u.teamID, u.id, t.c.keys.TokenHash(tokenOfAttempt, token), by.origin.Address, by.origin.Device, ms(t.now), ms(expires)); err != nil {
		return nil, err
	}
	methods, _, err := methodsOf(t, u)
	return &SignIn{Next: StepSecondStep, Attempt: token, Methods: methods, ExpiresAt: expires}, err
}

// methodsOf says what can prove a user's second step: what is blocked cannot.
func methodsOf(r reader, u *userRow) (methods []string, codesLeft int, err error) {
	apps, err := authenticatorsOf(r, u)
	if err != nil {
		return nil, 0, err
	}
	if slices.ContainsFunc(apps, func(a Authenticator) bool { return !a.Blocked }) {
		methods = append(methods, string(SecondStepAuthenticator))
	}
	if codesLeft, err = recoveryCodesLeft(r, u); err != nil || codesLeft == 0 {
		return methods, codesLeft, err
	}
	blocked, err := recoveryCodesBlocked(r, u)
	if !blocked {
		methods = append(methods, string(SecondStepRecoveryCode))
	}
	return methods, codesLeft, err
}

// Attempt is a half-done sign-in, as its page shows it.
type Attempt struct {
	Email, Language string
	Methods         []string // what can be used for it
	AppBlocked      bool     // too many wrong codes …
	CodesBlocked    bool     // … of either kind
	ExpiresAt       time.Time
	RememberFor     time.Duration // for how long the team lets this device be remembered; 0 is not at all
}

type attemptRow struct {
	hash                 []byte
	teamID, userID       string
	createdAt, expiresAt int64
	codesLeft            int // recovery codes
}

// attemptByToken reads an attempt, its user, and how many recovery codes that one
// has, all at once. Refuses: attempt-over.
func (c *Core) attemptByToken(r reader, token string) (*attemptRow, *userRow, error) {
	a, u := attemptRow{hash: c.keys.TokenHash(tokenOfAttempt, token)}, new(userRow)
	err := r.row(`SELECT a.team_id, a.user_id, a.created_at, a.expires_at,
			(SELECT COUNT(*) FROM recovery_codes k WHERE k.user_id = a.user_id AND k.team_id = a.team_id AND k.used_at = 0), `+userColumns+`
		FROM sign_in_attempts a JOIN users u ON u.id = a.user_id AND u.team_id = a.team_id JOIN teams t ON t.id = u.team_id WHERE a.token_hash = $1`, a.hash).
		Scan(append([]any{&a.teamID, &a.userID, &a.createdAt, &a.expiresAt, &a.codesLeft}, u.fields()...)...)
	if errors.Is(err, sql.ErrNoRows) || err == nil && ms(c.Now()) >= a.expiresAt {
		return nil, nil, refuse(AttemptOver)
	}
	return &a, u, err
}

// Attempt reads a half-done sign-in. Refuses: attempt-over.
func (c *Core) Attempt(ctx context.Context, token string) (*Attempt, error) {
	r := c.read(ctx)
	a, u, err := c.attemptByToken(r, token)
	if err != nil {
		return nil, err
	}
	methods, _, err := methodsOf(r, u)
	if err != nil {
		return nil, err
	}
	out := &Attempt{Email: u.email, Language: u.language, Methods: methods, ExpiresAt: at(a.expiresAt)}
	if out.AppBlocked = !slices.Contains(methods, string(SecondStepAuthenticator)); !slices.Contains(methods, string(SecondStepRecoveryCode)) {
		if out.CodesBlocked, err = recoveryCodesBlocked(r, u); err != nil {
			return nil, err
		}
	}
	policy, err := policyOf(r, u.teamID)
	out.RememberFor = policy.RememberDevices
	return out, err
}

// AcceptSecondStep takes the second step of a sign-in, an authentication code or
// a recovery code in one text, and opens the session. remember asks to skip it on
// this device from now on, which an authentication code alone can.
// Refuses: attempt-over, code-empty, code-length, recovery-code-length,
// recovery-code-typo (none of these four counts as a try), wrong-code,
// wrong-recovery-code, code-used, authenticator-wait, recovery-wait,
// authenticator-blocked, recovery-blocked, second-step-blocked, busy.
func (c *Core) AcceptSecondStep(ctx context.Context, by Actor, attempt, text string, remember bool) (*SignIn, error) {
	a, u, err := c.attemptByToken(c.read(ctx), attempt)
	if err != nil {
		return nil, err
	}
	var result *SignIn
	err = c.withCode(ctx, by, u, text, eitherKind, EventSecondStepRefused, func(t *tx, p *proof) error {
		u, err := t.lockUserSigningIn(u.teamID, u.id)
		if IsRefusal(err, Missing) {
			return refuse(AttemptOver)
		}
		if err != nil {
			return err
		}
		// The attempt goes first: one attempt opens one session, and a restart, a
		// deactivation or a new password has taken it away.
		if err := t.must(refuse(AttemptOver), `DELETE FROM sign_in_attempts WHERE token_hash = $1 AND user_id = $2 AND team_id = $3 AND expires_at > $4`, a.hash, u.id, u.teamID, ms(t.now)); err != nil {
			return err
		}
		if u.status != StatusActive || u.state(t.now) != TwoStepActive {
			return refuse(AttemptOver)
		}
		used, err := t.useUp(by, u, p)
		if err != nil {
			return err
		}
		newBrowser, err := t.noteBrowser(u, by.origin.Device)
		if err != nil {
			return err
		}
		if err := t.endRequest(by, u, u, RequestEnded, EndedBySignIn); err != nil {
			return err
		}
		s, err := t.openSession(u, by.origin, sessionProof{secondStep: p.kind, recoveryCodeID: used.codeID, passwordAt: at(a.createdAt)})
		if err != nil {
			return err
		}
		result = &SignIn{
			Next:             Next(Standing{TwoStep: u.state(t.now), SecondStepProved: true, PasswordDue: u.passwordDue}),
			Session:          s,
			ExpiresAt:        s.ExpiresAt,
			UsedRecoveryCode: p.kind == SecondStepRecoveryCode,
		}
		if result.Browser, err = t.openLane(by, u); err != nil {
			return err
		}
		if result.RecoveryCodesLeft = a.codesLeft; result.UsedRecoveryCode {
			if result.RecoveryCodesLeft, err = recoveryCodesLeft(t, u); err != nil {
				return err
			}
		}
		if remember && p.kind == SecondStepAuthenticator {
			if result.Remembered, err = t.rememberDevice(by, u); err != nil {
				return err
			}
		}
		if result.UsedRecoveryCode {
			if err := t.record(eventOf{event: EventRecoveryCodeUsed, by: by, actor: u, target: u, details: map[string]any{"recovery_codes_left": result.RecoveryCodesLeft}}); err != nil {
				return err
			}
		}
		return t.record(eventOf{event: EventSessionStarted, by: by, actor: u, target: u, details: map[string]any{"session": s.ID, "second_step": s.SecondStep, "new_browser": newBrowser}})
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (t *tx) deleteAttempts(u *userRow) error {
	_, err := t.exec(`DELETE FROM sign_in_attempts WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

func (t *tx) forgetOldAttempts() error {
	_, err := t.exec(`DELETE FROM sign_in_attempts WHERE expires_at < $1`, ms(t.now))
	return err
}
