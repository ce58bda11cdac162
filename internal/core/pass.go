package core

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"time"

	"doorstep/internal/code"
)

// A restart leaves the account behind its password alone until it is activated
// again (R15). Where the team wants one, a re-activation pass closes that gap: the
// approver hands it to the person over a channel of their own, and no key is shown
// before it was typed. It belongs to one restart, ends with that one's window, and
// is used up when the activation is finished, so that one broken off can be resumed.

// passTries is how many wrong tries make a pass void. With 55 bits, 20 guesses by
// somebody who knows the password hit once in 10¹⁵.
const passTries = 20

// madePass is a pass before it is stored: the text for the approver's eyes, and what
// is kept of it. Like a recovery code's, the digest is a keyed hash of a slow one:
// whoever has stolen database and pepper would go through 55 bits of a fast hash
// within the window.
type madePass struct {
	shown        string
	salt, digest []byte
}

// makePass makes one; a slow hash, so never inside a transaction. Refuses: busy.
func (c *Core) makePass(ctx context.Context, userID string) (*madePass, error) {
	canonical := code.NewPass()
	p := &madePass{shown: code.DisplayPass(canonical), salt: code.NewSalt()}
	var err error
	p.digest, err = c.digestPass(ctx, userID, canonical, p.salt)
	return p, err
}

func (c *Core) digestPass(ctx context.Context, userID, canonical string, salt []byte) ([]byte, error) {
	var slow [32]byte
	if err := c.slowly(ctx, func() { slow = code.Slow(canonical, salt) }); err != nil {
		return nil, err
	}
	return c.keys.MAC("pass/"+userID, slow[:]), nil
}

// wantsPass says whether the policy wants a pass after a restart of somebody in this role.
func (p Policy) wantsPass(role Role) bool {
	switch p.PassFor {
	case PassForNobody:
		return false
	case PassForOwnersAndAdmins:
		return role.rank() >= RoleAdmin.rank()
	}
	return true
}

// errPassWanted rolls a restart back that turned out to want a pass.
var errPassWanted = errors.New("core: this restart wants a pass, and none was made")

// restarting runs a restart: whoever may approve one says it in act, and act calls
// restart. The pass is only hashed after a first run has shown, under all locks,
// that there will be a restart and that it wants one. Who is refused for a limit is
// an alarm to the owners besides.
func (c *Core) restarting(ctx context.Context, by Actor, userID string, act func(t *tx, pass *madePass) error) error {
	err := c.write(ctx, func(t *tx) error { return act(t, nil) })
	if errors.Is(err, errPassWanted) {
		var pass *madePass
		if pass, err = c.makePass(ctx, userID); err != nil {
			return err
		}
		err = c.write(ctx, func(t *tx) error { return act(t, pass) })
	}
	if IsRefusal(err, RestartLimit) || IsRefusal(err, PersonLimit) {
		return errors.Join(err, c.limitMet(ctx, by, userID, Refused(err)))
	}
	return err
}

// storePass keeps the pass of a restart; the one before it is gone with endTwoStep.
func (t *tx) storePass(u *userRow, restartID string, pass *madePass, until time.Time) error {
	_, err := t.exec(`INSERT INTO passes (user_id, team_id, restart_id, salt, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		u.id, u.teamID, restartID, pass.salt, pass.digest, ms(t.now), ms(until))
	return err
}

func (t *tx) deletePass(u *userRow) error {
	_, err := t.exec(`DELETE FROM passes WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

// passWanted says whether a pass stands before this person's activation: whether
// their newest restart made one.
func passWanted(r reader, u *userRow) (bool, error) {
	var n int
	err := r.row(`SELECT COUNT(*) FROM passes WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&n)
	return n > 0, err
}

// needPass refuses an activation that wants a pass which this session has not
// typed. Whoever knows only the password sees no key and disturbs nothing.
// Refuses: pass-required, pass-void.
func needPass(r reader, u *userRow, sessionID string) error {
	var accepted string
	var fails int64
	err := r.row(`SELECT session_id, fails FROM passes WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&accepted, &fails)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case fails >= passTries:
		return refuse(PassVoid)
	case accepted == "" || accepted != sessionID:
		return refuseField(PassRequired, "pass")
	}
	return nil
}

// usePass uses the pass up, in the transaction that turns 2-step on: one guarded
// statement, one winner. It says whether there was one.
// Refuses: pass-required, pass-void.
func (t *tx) usePass(u *userRow, sessionID string) (bool, error) {
	n, err := t.exec(`DELETE FROM passes WHERE user_id = $1 AND team_id = $2 AND session_id = $3 AND session_id <> '' AND fails < $4 AND expires_at > $5`,
		u.id, u.teamID, sessionID, passTries, ms(t.now))
	if err != nil || n == 1 {
		return n == 1, err
	}
	if err := needPass(t, u, sessionID); err != nil {
		return false, err
	}
	wanted, err := passWanted(t, u)
	if err == nil && wanted {
		err = refuse(AccountClosed) // the window has passed in this moment
	}
	return false, err
}

// readPass reads a typed pass. Refuses: pass-empty, pass-length, pass-typo; none of
// them counts as a try.
func readPass(text string) (string, error) {
	r := code.ReadPass(text)
	switch r.Problem {
	case code.None:
		return r.Canonical, nil
	case code.Blank:
		return "", refuseField(PassEmpty, "pass")
	case code.Typo:
		return "", refuseField(PassTypo, "pass")
	}
	return "", refuseField(PassLength, "pass").with("n", r.Typed)
}

// AcceptPass takes the pass that the approver handed over, for this session: from
// now on it may see a key and activate. The pass is not used up by it; typed in
// another session, it counts there and here no longer. Where none is wanted there
// is nothing to accept. A try is charged before the comparison.
// Refuses: not-signed-in, account-closed, pass-empty, pass-length, pass-typo,
// wrong-pass, pass-wait, pass-void, busy.
func (c *Core) AcceptPass(ctx context.Context, by Actor, text string) error {
	if by.session == nil {
		return refuse(NotSignedIn)
	}
	canonical, typo := readPass(text)
	var u *userRow
	var p chargedPass
	err := c.keepCount(ctx, func(t *tx) error {
		var err error
		if u, _, err = t.actingUser(by); err != nil {
			return err
		}
		if u.closed(t.now) {
			return refuse(AccountClosed)
		}
		if wanted, err := passWanted(t, u); err != nil || !wanted {
			return err
		}
		if typo != nil {
			return typo
		}
		p, err = t.chargePass(u)
		return err
	})
	if err != nil || p.restartID == "" {
		return err
	}
	digest, err := c.digestPass(ctx, u.id, canonical, p.salt)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return err // hanging up is not an error of ours, or it would be a free try
		}
		return errors.Join(err, c.keepCount(context.WithoutCancel(ctx), func(t *tx) error { return t.refundPass(u, p) }))
	}
	if !hmac.Equal(digest, p.digest) {
		return c.refusedPass(ctx, by, u, p)
	}
	return c.write(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		// Not when a newer restart has another pass by now, nor when others have made
		// this one void in the meantime.
		if err := t.must(refuse(PassVoid), `UPDATE passes SET session_id = $1, fails = fails - 1, next_try_at = CASE WHEN next_try_at = $2 THEN 0 ELSE next_try_at END
			WHERE user_id = $3 AND team_id = $4 AND restart_id = $5 AND (fails < $6 OR fails = $7) AND expires_at > $8`,
			s.id, p.charge.nextTryAt, u.id, u.teamID, p.restartID, passTries, p.charge.fails, ms(t.now)); err != nil {
			return err
		}
		return t.record(eventOf{event: EventPassAccepted, by: by, actor: u, target: u})
	})
}

// chargedPass is a pass at which a try has been counted.
type chargedPass struct {
	restartID    string
	salt, digest []byte
	charge       charge
}

// chargePass counts a try, before any comparison. Refuses: pass-wait, pass-void.
func (t *tx) chargePass(u *userRow) (p chargedPass, err error) {
	err = t.each(`UPDATE passes SET `+chargeSet+` WHERE user_id = $2 AND team_id = $3 AND next_try_at <= $1 AND fails < $4 AND expires_at > $1
		RETURNING restart_id, salt, digest, fails, next_try_at`,
		[]any{ms(t.now), u.id, u.teamID, passTries}, func(scan func(...any) error) error {
			return scan(&p.restartID, &p.salt, &p.digest, &p.charge.fails, &p.charge.nextTryAt)
		})
	if err != nil || p.restartID != "" {
		return p, err
	}
	var fails, until int64
	if err := t.row(`SELECT fails, next_try_at FROM passes WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&fails, &until); err != nil {
		return p, err
	}
	if fails >= passTries {
		return p, refuse(PassVoid)
	}
	r := waiting(PassWait, t.now, until)
	r.Field = "pass"
	return p, r
}

// refundPass gives a try back that was never compared.
func (t *tx) refundPass(u *userRow, p chargedPass) error {
	_, err := t.exec(`UPDATE passes SET fails = fails - 1, next_try_at = CASE WHEN next_try_at = $1 THEN 0 ELSE next_try_at END
		WHERE user_id = $2 AND team_id = $3 AND restart_id = $4 AND fails > 0`, p.charge.nextTryAt, u.id, u.teamID, p.restartID)
	return err
}

// refusedPass records a wrong pass; the last one that is allowed makes it void, and
// ends what was begun with it.
func (c *Core) refusedPass(ctx context.Context, by Actor, u *userRow, p chargedPass) error {
	void := p.charge.fails >= passTries
	err := c.write(context.WithoutCancel(ctx), func(t *tx) error {
		u, err := t.lockUser(u.teamID, u.id)
		if err != nil {
			return err
		}
		event := EventPassRefused
		if void {
			event = EventPassVoided
			if err := t.deleteActivations(u); err != nil {
				return err
			}
		}
		return t.record(eventOf{event: event, by: by, target: u, details: map[string]any{"in_a_row": p.charge.fails}})
	})
	switch {
	case err != nil:
		return err
	case void:
		return refuse(PassVoid)
	}
	return p.charge.wrong(refuseField(WrongPass, "pass"))
}
