package core

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"doorstep/internal/code"
	"doorstep/internal/seal"
	"doorstep/internal/totp"
)

// Activation is a pending activation, as shown to its owner, in the session that
// began it and nowhere else: somebody else who knows the password does not see
// the key that the person is scanning.
type Activation struct {
	ID        string
	Key       string   // Base32, for typing
	URI       string   // otpauth://…, for the QR code
	Codes     []string // ten recovery codes, once a right code has confirmed the app
	ExpiresAt time.Time
}

// activationLasts is how long an activation may take; then it leaves no trace.
const activationLasts = time.Hour

type activationRow struct {
	id                       string
	state                    string
	sealedKey, sealedCodes   []byte
	confirmedStep, expiresAt int64
	confirmedAt              int64
}

const activationColumns = `id, state, sealed_key, sealed_codes, confirmed_step, confirmed_at, expires_at`

func (a *activationRow) fields() []any {
	return []any{&a.id, &a.state, &a.sealedKey, &a.sealedCodes, &a.confirmedStep, &a.confirmedAt, &a.expiresAt}
}

func placeOfActivation(kind string, u *userRow, id string) seal.Place {
	return seal.Place{Kind: kind, Team: u.teamID, User: u.id, Row: id}
}

// mayActivate: from `due` (the sign-in has just proved the password) or from
// `off` with the password proved within ten minutes.
// Refuses: already-active, step-up-required, account-closed.
func mayActivate(u *userRow, s *sessionRow, now time.Time) error {
	switch {
	case u.closed(now):
		return refuse(AccountClosed)
	case u.state(now) == TwoStepActive:
		return refuse(AlreadyActive)
	case u.state(now) == TwoStepOff && s.view(u, now).StepUpUntil(now).IsZero():
		return refuse(StepUpRequired)
	}
	return nil
}

// BeginActivation makes a new key. A pending activation of this user, here or on
// another device, ends: the newer one counts. After a restart that wants a pass,
// AcceptPass comes first. Refuses: not-signed-in, already-active, step-up-required,
// account-closed, pass-required, pass-void.
func (c *Core) BeginActivation(ctx context.Context, by Actor) (*Activation, error) {
	return c.activation(ctx, by, true)
}

// CurrentActivation shows the pending activation of this session, with the same
// key and QR code as before, and begins one when there is none.
func (c *Core) CurrentActivation(ctx context.Context, by Actor) (*Activation, error) {
	return c.activation(ctx, by, false)
}

func (c *Core) activation(ctx context.Context, by Actor, anew bool) (*Activation, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	var pending *activationRow
	var u *userRow
	err := c.write(ctx, func(t *tx) error {
		var s *sessionRow
		var err error
		if u, s, err = t.actingUser(by); err != nil {
			return err
		}
		pending, err = pendingActivation(t, u, s.id, t.now)
		if err == nil && !anew {
			switch {
			case u.closed(t.now):
				return refuse(AccountClosed)
			case u.state(t.now) == TwoStepActive:
				return refuse(AlreadyActive)
			}
			t.nothingToRecord()
			return needPass(t, u, s.id)
		}
		if err != nil && !IsRefusal(err, ActivationExpired) {
			return err
		}
		if err := mayActivate(u, s, t.now); err != nil {
			return err
		}
		if err := needPass(t, u, s.id); err != nil {
			return err
		}
		if err := t.deleteActivations(u); err != nil {
			return err
		}
		if pending, err = t.createActivation(u, s); err != nil {
			return err
		}
		return t.record(eventOf{event: EventActivationBegan, by: by, actor: u, target: u})
	})
	if err != nil {
		return nil, err
	}
	return c.showActivation(u, pending)
}

func (t *tx) createActivation(u *userRow, s *sessionRow) (*activationRow, error) {
	a := &activationRow{id: newID(), state: "begun", expiresAt: ms(t.now.Add(activationLasts)), sealedCodes: []byte{}}
	var err error
	if a.sealedKey, err = t.c.keys.Seal(placeOfActivation("activation-key", u, a.id), totp.NewSecret()); err != nil {
		return nil, err
	}
	_, err = t.exec(`INSERT INTO activations (id, team_id, user_id, session_id, state, sealed_key, sealed_codes, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		a.id, u.teamID, u.id, s.id, a.state, a.sealedKey, a.sealedCodes, ms(t.now), a.expiresAt)
	return a, err
}

// pendingActivation reads the session's own. Refuses: activation-expired.
func pendingActivation(r reader, u *userRow, sessionID string, now time.Time) (*activationRow, error) {
	a := new(activationRow)
	err := r.row(`SELECT `+activationColumns+` FROM activations
		WHERE user_id = $1 AND team_id = $2 AND session_id = $3 AND state IN ('begun', 'confirmed') AND expires_at > $4`,
		u.id, u.teamID, sessionID, ms(now)).Scan(a.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(ActivationExpired)
	}
	return a, err
}

func (c *Core) showActivation(u *userRow, a *activationRow) (*Activation, error) {
	key, err := c.keys.Open(placeOfActivation("activation-key", u, a.id), a.sealedKey)
	if err != nil {
		return nil, err
	}
	v := &Activation{ID: a.id, Key: totp.Key(key), URI: totp.URI(u.teamName, u.email, key), ExpiresAt: at(a.expiresAt)}
	if a.state == "confirmed" {
		set, err := c.openCodes(u, a)
		if err != nil {
			return nil, err
		}
		v.Codes = set.Codes
	}
	return v, nil
}

func (c *Core) openCodes(u *userRow, a *activationRow) (codeSet, error) {
	plain, err := c.keys.Open(placeOfActivation("activation-codes", u, a.id), a.sealedCodes)
	if err != nil {
		return codeSet{}, err
	}
	return unmarshalCodes(plain)
}

// pendingByID finds the pending activation that the caller names, and says which
// of the two it is when it is not there. Refuses: activation-expired,
// activation-replaced, already-active.
func (c *Core) pendingByID(ctx context.Context, by Actor, id string) (*userRow, *activationRow, error) {
	if by.session == nil {
		return nil, nil, refuse(NotSignedIn)
	}
	r, now := c.read(ctx), c.Now()
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case u.closed(now):
		return nil, nil, refuse(AccountClosed)
	case u.state(now) == TwoStepActive:
		return nil, nil, refuse(AlreadyActive)
	}
	a, err := pendingActivation(r, u, by.session.ID, now)
	if err != nil {
		return nil, nil, err
	}
	if a.id != id {
		return nil, nil, refuse(ActivationReplaced)
	}
	return u, a, nil
}

// ConfirmActivation proves that the app works, with its current code, and shows
// the recovery codes. 2-step is not on yet: only FinishActivation does that. A
// wrong code keeps the key. Confirming again shows the same codes.
// Refuses: activation-expired, activation-replaced, already-active, code-empty,
// code-length, wrong-code, authenticator-wait, pass-required, pass-void, busy.
func (c *Core) ConfirmActivation(ctx context.Context, by Actor, id, text string) (*Activation, error) {
	u, a, err := c.pendingByID(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if a.state == "confirmed" {
		return c.showActivation(u, a)
	}
	reading, err := readCode(text)
	if err != nil {
		return nil, err
	}
	if reading.Kind != code.Authentication {
		return nil, refuseField(RecoveryCodeRefused, "code")
	}
	step, err := c.compareActivation(ctx, by, u, a, reading.Canonical)
	if err != nil {
		return nil, err
	}
	set, err := c.makeCodes(ctx, u.id)
	if err != nil {
		return nil, err
	}
	plain, err := set.marshal()
	if err != nil {
		return nil, err
	}
	sealed, err := c.keys.Seal(placeOfActivation("activation-codes", u, a.id), plain)
	if err != nil {
		return nil, err
	}
	err = c.write(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := mayActivate(u, s, t.now); err != nil && !IsRefusal(err, StepUpRequired) {
			return err
		}
		if err := needPass(t, u, s.id); err != nil {
			return err
		}
		if err := t.must(refuse(ActivationReplaced), `UPDATE activations SET state = 'confirmed', sealed_codes = $1, confirmed_step = $2, confirmed_at = $3, fails = 0, next_try_at = 0
			WHERE id = $4 AND user_id = $5 AND team_id = $6 AND session_id = $7 AND state = 'begun' AND expires_at > $3`,
			sealed, step, ms(t.now), a.id, u.id, u.teamID, s.id); err != nil {
			return err
		}
		return t.record(eventOf{event: EventActivationConfirmed, by: by, actor: u, target: u})
	})
	if IsRefusal(err, ActivationReplaced) {
		// Sent twice at once: the other one made the codes, and these are never shown.
		if u, a, err := c.pendingByID(ctx, by, id); err == nil && a.state == "confirmed" {
			return c.showActivation(u, a)
		}
	}
	if err != nil {
		return nil, err
	}
	a.state, a.sealedCodes = "confirmed", sealed
	return c.showActivation(u, a)
}

// compareActivation charges a try at the pending key, then compares.
func (c *Core) compareActivation(ctx context.Context, by Actor, u *userRow, a *activationRow, digits string) (int64, error) {
	var ch charge
	err := c.keepCount(ctx, func(t *tx) error {
		found := false
		err := t.each(`UPDATE activations SET `+chargeSet+` WHERE id = $2 AND user_id = $3 AND team_id = $4 AND state = 'begun' AND next_try_at <= $1 AND expires_at > $1 RETURNING fails, next_try_at`,
			[]any{ms(t.now), a.id, u.id, u.teamID}, func(scan func(...any) error) error {
				found = true
				return scan(&ch.fails, &ch.nextTryAt)
			})
		if err != nil || found {
			return err
		}
		var until int64
		err = t.row(`SELECT next_try_at FROM activations WHERE id = $1 AND user_id = $2 AND team_id = $3 AND state = 'begun'`, a.id, u.id, u.teamID).Scan(&until)
		if errors.Is(err, sql.ErrNoRows) {
			return refuse(ActivationReplaced)
		}
		if err != nil {
			return err
		}
		return waiting(TooManyTries, t.now, until)
	})
	if err != nil {
		return 0, err
	}
	verdict, step, err := c.compareCode(placeOfActivation("activation-key", u, a.id), a.sealedKey, digits, 0)
	if err != nil { // nothing was compared: the try is given back
		return 0, errors.Join(err, c.keepCount(context.WithoutCancel(ctx), func(t *tx) error {
			_, err := t.exec(`UPDATE activations SET fails = fails - 1, next_try_at = 0 WHERE id = $1 AND user_id = $2 AND team_id = $3 AND fails > 0`, a.id, u.id, u.teamID)
			return err
		}))
	}
	if verdict != totp.Right {
		return 0, c.refusedCode(ctx, by, u, EventSecondStepRefused, ch, refuseField(WrongCode, "code"))
	}
	return step, nil
}

// FinishActivation turns 2-step on: from now on, and not before, a second step is
// asked for. Every other session ends, this one gets a new token, the code that
// confirmed the app is used up (R1), and the recovery codes are never shown again.
// Refuses: not-saved, activation-not-confirmed, activation-expired,
// activation-replaced, already-active, account-closed, pass-required, pass-void.
func (c *Core) FinishActivation(ctx context.Context, by Actor, id string, saved bool) (*Session, error) {
	u, a, err := c.pendingByID(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if a.state != "confirmed" {
		return nil, refuse(ActivationNotProved)
	}
	if !saved {
		return nil, refuseField(NotSaved, "saved")
	}
	key, err := c.keys.Open(placeOfActivation("activation-key", u, a.id), a.sealedKey)
	if err != nil {
		return nil, err
	}
	set, err := c.openCodes(u, a)
	if err != nil {
		return nil, err
	}
	var finished *Session
	err = c.write(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := mayActivate(u, s, t.now); err != nil && !IsRefusal(err, StepUpRequired) {
			return err
		}
		if err := t.must(refuse(ActivationReplaced), `DELETE FROM activations WHERE id = $1 AND user_id = $2 AND team_id = $3 AND session_id = $4 AND state = 'confirmed' AND expires_at > $5`,
			a.id, u.id, u.teamID, s.id, ms(t.now)); err != nil {
			return err
		}
		passed, err := t.usePass(u, s.id)
		if err != nil {
			return err
		}
		again := u.dueReason == DueRestarted
		if err := t.setTwoStep(u, TwoStepActive, time.Time{}, ""); err != nil {
			return err
		}
		if err := t.clearSecondStep(u); err != nil {
			return err
		}
		if err := t.revokeLinks(u); err != nil { // asked for behind the password alone, by whoever knew it
			return err
		}
		if err := t.createAuthenticator(u, "", key, a.confirmedStep); err != nil {
			return err
		}
		if err := t.storeCodes(u, set); err != nil {
			return err
		}
		newBrowser, err := t.noteBrowser(u, by.origin.Device)
		if err != nil {
			return err
		}
		if again {
			if err := t.noteReactivation(by, u, !newBrowser); err != nil {
				return err
			}
		}
		ended, err := t.endSessions(u, EndedActivated, s.id)
		if err != nil {
			return err
		}
		s.secondStep, s.secondStepAt = SecondStepAuthenticator, a.confirmedAt
		token, err := t.replaceToken(s)
		if err != nil {
			return err
		}
		finished = s.view(u, t.now)
		finished.Token = token
		return t.record(eventOf{event: EventTwoStepActivated, by: by, actor: u, target: u, details: map[string]any{"sessions_ended": ended, "pass": passed}})
	})
	if err != nil {
		return nil, err
	}
	return finished, nil
}

// clearSecondStep removes what is left of an earlier second step; in `off` and
// `due` there is nothing, and one transaction makes sure of it.
func (t *tx) clearSecondStep(u *userRow) error {
	if _, err := t.deleteAuthenticators(u); err != nil {
		return err
	}
	if _, err := t.deleteRecoveryCodes(u); err != nil {
		return err
	}
	if _, err := t.deleteDevices(u); err != nil {
		return err
	}
	if err := t.deleteActivations(u); err != nil {
		return err
	}
	if err := t.deletePass(u); err != nil {
		return err
	}
	return t.deleteAttempts(u)
}

// keepShownCodes keeps a renewed set readable to this session, sealed, until it
// says that it saved them or the hour is over: a reload must show the same codes.
func (t *tx) keepShownCodes(u *userRow, s *sessionRow, set codeSet) error {
	if err := t.deleteActivations(u); err != nil {
		return err
	}
	set.Digests, set.Salt = nil, nil
	plain, err := set.marshal()
	if err != nil {
		return err
	}
	id := newID()
	sealed, err := t.c.keys.Seal(placeOfActivation("activation-codes", u, id), plain)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO activations (id, team_id, user_id, session_id, state, sealed_key, sealed_codes, created_at, expires_at)
		VALUES ($1, $2, $3, $4, 'renewed', $5, $6, $7, $8)`, id, u.teamID, u.id, s.id, []byte{}, sealed, ms(t.now), ms(t.now.Add(activationLasts)))
	return err
}

// ShownRecoveryCodes are the codes of a renewed set that this session has not
// yet said it saved; nil when there are none.
func (c *Core) ShownRecoveryCodes(ctx context.Context, by Actor) ([]string, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	r := c.read(ctx)
	a, u := new(activationRow), &userRow{id: by.session.User.ID, teamID: by.session.User.Team.ID}
	err := r.row(`SELECT `+activationColumns+` FROM activations WHERE user_id = $1 AND team_id = $2 AND session_id = $3 AND state = 'renewed' AND expires_at > $4`,
		u.id, u.teamID, by.session.ID, ms(c.Now())).Scan(a.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	set, err := c.openCodes(u, a)
	return set.Codes, err
}

// FinishRecoveryCodes takes the renewed set from view for good. Refuses: not-saved.
func (c *Core) FinishRecoveryCodes(ctx context.Context, by Actor, saved bool) error {
	if !saved {
		return refuseField(NotSaved, "saved")
	}
	return c.keepCount(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM activations WHERE user_id = $1 AND team_id = $2 AND session_id = $3 AND state = 'renewed'`, u.id, u.teamID, s.id)
		return err
	})
}

func (t *tx) deleteActivations(u *userRow) error {
	_, err := t.exec(`DELETE FROM activations WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

func (t *tx) forgetOldActivations() error {
	_, err := t.exec(`DELETE FROM activations WHERE expires_at <= $1`, ms(t.now))
	return err
}
