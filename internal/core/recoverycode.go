package core

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"doorstep/internal/code"
	"doorstep/internal/password"
)

const (
	codesInSet = 10
	// FewCodes is from how many codes left down people are told what that means (R16).
	FewCodes = 2
)

// codeSet is a set before it is stored: the codes as the person sees them, and
// the digests that will be kept of them.
type codeSet struct {
	Codes   []string
	Salt    []byte
	Digests [][]byte
}

// digest is what is stored of a code: HMAC(pepper, argon2id(code, salt of the
// set)), bound to its user so that a row moved to another user matches nothing.
func (c *Core) digest(slow [32]byte, userID string) []byte {
	return c.keys.MAC("recovery-code/"+userID, slow[:])
}

// makeCodes makes a set; ten slow hashes, so never inside a transaction.
// Refuses: busy.
func (c *Core) makeCodes(ctx context.Context, userID string) (codeSet, error) {
	set := codeSet{Salt: code.NewSalt()}
	for range codesInSet {
		canonical := code.New()
		var slow [32]byte
		if err := c.slowly(ctx, func() { slow = code.Slow(canonical, set.Salt) }); err != nil {
			return codeSet{}, err
		}
		set.Codes = append(set.Codes, code.Display(canonical))
		set.Digests = append(set.Digests, c.digest(slow, userID))
	}
	return set, nil
}

// slowly runs a hash in the bounded queue that passwords use too. Refuses: busy.
func (c *Core) slowly(ctx context.Context, work func()) error {
	return asBusy(c.hasher.Do(ctx, work))
}

func asBusy(err error) error {
	if errors.Is(err, password.ErrBusy) {
		r := refuse(ServerBusy)
		r.RetryAfter = busyWait
		return r
	}
	return err
}

// chargeRecoveryCodes counts a try at a user's set of recovery codes, before
// any comparison. Refuses: recovery-wait, recovery-blocked, second-step-blocked,
// wrong-recovery-code (there is no set).
func (t *tx) chargeRecoveryCodes(u *userRow) (setID string, salt []byte, ch charge, err error) {
	ch.most = mostRecoveryCodes
	err = t.each(`UPDATE recovery_code_sets SET `+chargeSet+` WHERE user_id = $2 AND team_id = $3 AND next_try_at <= $1 AND fails < $4 RETURNING id, salt, fails, next_try_at`,
		[]any{ms(t.now), u.id, u.teamID, mostRecoveryCodes}, func(scan func(...any) error) error {
			return scan(&setID, &salt, &ch.fails, &ch.nextTryAt)
		})
	if err != nil || setID != "" {
		return setID, salt, ch, err
	}
	var fails, until int64
	err = t.row(`SELECT fails, next_try_at FROM recovery_code_sets WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&fails, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, ch, refuseField(WrongRecoveryCode, "code")
	}
	if err != nil {
		return "", nil, ch, err
	}
	if fails >= mostRecoveryCodes {
		return "", nil, ch, t.blocked(RecoveryBlocked, u)
	}
	return "", nil, ch, t.waitingHere(RecoveryWait, u, until)
}

func (t *tx) refundRecoveryCodes(u *userRow, setID string, ch charge) error {
	_, err := t.exec(`UPDATE recovery_code_sets SET fails = fails - 1, next_try_at = CASE WHEN next_try_at = $1 THEN 0 ELSE next_try_at END
		WHERE id = $2 AND user_id = $3 AND team_id = $4 AND fails > 0`, ch.nextTryAt, setID, u.id, u.teamID)
	return err
}

// spendRecoveryCode uses a code up: one guarded statement, one winner (R2).
// Refuses: wrong-recovery-code, also when it was used before.
func (t *tx) spendRecoveryCode(u *userRow, setID string, digest []byte) (id string, left int, err error) {
	err = t.each(`UPDATE recovery_codes SET used_at = $1 WHERE user_id = $2 AND team_id = $3 AND set_id = $4 AND digest = $5 AND used_at = 0 RETURNING id`,
		[]any{ms(t.now), u.id, u.teamID, setID, digest}, func(scan func(...any) error) error { return scan(&id) })
	if err != nil {
		return "", 0, err
	}
	if id == "" {
		return "", 0, refuseField(WrongRecoveryCode, "code")
	}
	if _, err := t.exec(`UPDATE recovery_code_sets SET fails = 0, next_try_at = 0 WHERE id = $1 AND user_id = $2 AND team_id = $3`, setID, u.id, u.teamID); err != nil {
		return "", 0, err
	}
	left, err = t.countCodes(u)
	return id, left, err
}

// countCodes keeps the number of unused codes where people are found by it. The
// user's row is locked by whoever changes their codes.
func (t *tx) countCodes(u *userRow) (left int, err error) {
	if left, err = recoveryCodesLeft(t, u); err != nil {
		return 0, err
	}
	_, err = t.exec(`INSERT INTO codes_left (user_id, team_id, n) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE SET n = excluded.n`, u.id, u.teamID, left)
	return left, err
}

// codeOfDigest finds which code of the set this is, used or not: deactivation
// tells "the one you signed in with" from a wrong one.
func (t *tx) codeOfDigest(u *userRow, setID string, digest []byte) (id string, err error) {
	err = t.each(`SELECT id FROM recovery_codes WHERE user_id = $1 AND team_id = $2 AND set_id = $3 AND digest = $4`,
		[]any{u.id, u.teamID, setID, digest}, func(scan func(...any) error) error { return scan(&id) })
	return id, err
}

func recoveryCodesLeft(r reader, u *userRow) (int, error) {
	var n int
	err := r.row(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND team_id = $2 AND used_at = 0`, u.id, u.teamID).Scan(&n)
	return n, err
}

// recoveryCodesBlocked says whether the set works no more: too many wrong codes.
func recoveryCodesBlocked(r reader, u *userRow) (blocked bool, err error) {
	err = r.row(`SELECT COUNT(*) > 0 FROM recovery_code_sets WHERE user_id = $1 AND team_id = $2 AND fails >= $3`, u.id, u.teamID, mostRecoveryCodes).Scan(&blocked)
	return blocked, err
}

// codesMadeAt is when a user's set was made; zero for none.
func codesMadeAt(r reader, u *userRow) (time.Time, error) {
	var made int64
	err := r.row(`SELECT COALESCE(MAX(created_at), 0) FROM recovery_code_sets WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&made)
	return at(made), err
}

// storeCodes replaces a user's set.
func (t *tx) storeCodes(u *userRow, set codeSet) error {
	if _, err := t.deleteRecoveryCodes(u); err != nil {
		return err
	}
	setID := newID()
	if _, err := t.exec(`INSERT INTO recovery_code_sets (id, team_id, user_id, salt, created_at) VALUES ($1, $2, $3, $4, $5)`,
		setID, u.teamID, u.id, set.Salt, ms(t.now)); err != nil {
		return err
	}
	for _, digest := range set.Digests {
		if _, err := t.exec(`INSERT INTO recovery_codes (id, team_id, user_id, set_id, digest) VALUES ($1, $2, $3, $4, $5)`,
			newID(), u.teamID, u.id, setID, digest); err != nil {
			return err
		}
	}
	_, err := t.countCodes(u)
	return err
}

// deleteRecoveryCodes removes a user's set and returns how many were unused.
func (t *tx) deleteRecoveryCodes(u *userRow) (unused int, err error) {
	err = t.each(`DELETE FROM recovery_codes WHERE user_id = $1 AND team_id = $2 RETURNING used_at`, []any{u.id, u.teamID}, func(scan func(...any) error) error {
		var used int64
		if err := scan(&used); err != nil {
			return err
		}
		if used == 0 {
			unused++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if _, err := t.exec(`DELETE FROM codes_left WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID); err != nil {
		return 0, err
	}
	_, err = t.exec(`DELETE FROM recovery_code_sets WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return unused, err
}

// RenewRecoveryCodes makes a new set; the old one is dead at once. The codes stay
// readable to this session, sealed, for an hour or until FinishRecoveryCodes.
// Refuses: step-up-required, recovery-session, not-active, busy.
func (c *Core) RenewRecoveryCodes(ctx context.Context, by Actor) ([]string, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	// Before the ten slow hashes, or whoever may not could crowd the queue with them;
	// the transaction asks again.
	if by.session.User.TwoStep != TwoStepActive {
		return nil, refuse(NotActive)
	}
	if r := NeedSteppedUp.Meets(by.session, c.Now()); r != nil {
		return nil, r
	}
	set, err := c.makeCodes(ctx, by.session.User.ID)
	if err != nil {
		return nil, err
	}
	err = c.write(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if u.state(t.now) != TwoStepActive {
			return refuse(NotActive)
		}
		if err := needStepUp(u, s, t.now); err != nil {
			return err
		}
		if err := t.storeCodes(u, set); err != nil {
			return err
		}
		if err := t.keepShownCodes(u, s, set); err != nil {
			return err
		}
		// One of them may have been opened with a code of the set that is dead now.
		ended, err := t.endSessions(u, EndedCodesRenewed, s.id)
		if err != nil {
			return err
		}
		return t.record(eventOf{event: EventRecoveryCodesMade, by: by, actor: u, target: u, details: map[string]any{"sessions_ended": ended}})
	})
	if err != nil {
		return nil, err
	}
	return set.Codes, nil
}

func (s codeSet) marshal() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write a set of recovery codes: %w", err)
	}
	return b, nil
}

func unmarshalCodes(b []byte) (s codeSet, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("read a set of recovery codes: %w", err)
	}
	return s, nil
}
