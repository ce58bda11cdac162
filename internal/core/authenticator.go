package core

import (
	"database/sql"
	"errors"
	"time"

	"doorstep/internal/seal"
	"doorstep/internal/totp"
)

// Authenticator is an authenticator app of a user; its key is never in it.
type Authenticator struct {
	ID, Kind, Name string
	CreatedAt      time.Time
	LastUsedAt     time.Time
	Blocked        bool // too many wrong codes: it works no more
}

func placeOfKey(u *userRow, id string) seal.Place {
	return seal.Place{Kind: "authenticator", Team: u.teamID, User: u.id, Row: id}
}

// chargeAuthenticator counts a try at an authentication code, before any
// comparison, and returns what the comparison needs. The counter is on the
// authenticator's row: tries from all browsers, sign-ins and replicas share it.
// Refuses: authenticator-wait, authenticator-blocked, second-step-blocked, not-active
// (there is none).
func (t *tx) chargeAuthenticator(u *userRow) (id string, sealedKey []byte, lastStep int64, ch charge, err error) {
	ch.most = mostCodes
	err = t.each(`UPDATE authenticators SET `+chargeSet+`
		WHERE user_id = $2 AND team_id = $3 AND next_try_at <= $1 AND fails < $4 RETURNING id, sealed_key, last_step, fails, next_try_at`,
		[]any{ms(t.now), u.id, u.teamID, mostCodes}, func(scan func(...any) error) error {
			return scan(&id, &sealedKey, &lastStep, &ch.fails, &ch.nextTryAt)
		})
	if err != nil || id != "" {
		return id, sealedKey, lastStep, ch, err
	}
	var fails, until int64
	err = t.row(`SELECT fails, next_try_at FROM authenticators WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&fails, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, 0, ch, refuse(NotActive)
	}
	if err != nil {
		return "", nil, 0, ch, err
	}
	if fails >= mostCodes {
		return "", nil, 0, ch, t.blocked(AuthenticatorBlocked, u)
	}
	return "", nil, 0, ch, t.waitingHere(AuthenticatorWait, u, until)
}

// refundAuthenticator gives back what a charge took: the try was right, or it
// was never compared.
func (t *tx) refundAuthenticator(u *userRow, id string, ch charge) error {
	_, err := t.exec(`UPDATE authenticators SET fails = fails - 1, next_try_at = CASE WHEN next_try_at = $1 THEN 0 ELSE next_try_at END
		WHERE id = $2 AND user_id = $3 AND team_id = $4 AND fails > 0`, ch.nextTryAt, id, u.id, u.teamID)
	return err
}

// acceptStep uses a time step up (RFC 6238 §5.2: a code is accepted once). Only
// a later step than the last accepted one passes, so A, B, A is refused too.
func (t *tx) acceptStep(u *userRow, id string, step int64) error {
	return t.must(refuseField(CodeUsed, "code"), `UPDATE authenticators SET last_step = $1, fails = 0, next_try_at = 0, last_used_at = $2
		WHERE id = $3 AND user_id = $4 AND team_id = $5 AND last_step < $1`, step, ms(t.now), id, u.id, u.teamID)
}

// raiseLastStep sets the last accepted step ahead, never back.
func (t *tx) raiseLastStep(u *userRow, step int64) error {
	_, err := t.exec(`UPDATE authenticators SET last_step = $1 WHERE user_id = $2 AND team_id = $3 AND last_step < $1`, step, u.id, u.teamID)
	return err
}

func (t *tx) createAuthenticator(u *userRow, name string, key []byte, step int64) error {
	id := newID()
	sealed, err := t.c.keys.Seal(placeOfKey(u, id), key)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO authenticators (id, team_id, user_id, kind, name, sealed_key, last_step, created_at) VALUES ($1, $2, $3, 'app', $4, $5, $6, $7)`,
		id, u.teamID, u.id, name, sealed, step, ms(t.now))
	return err
}

func (t *tx) deleteAuthenticators(u *userRow) (int, error) {
	n, err := t.exec(`DELETE FROM authenticators WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	if err != nil {
		return 0, err
	}
	return int(n), t.deleteUnlocks(u) // after the authenticator: in the order of unlock.go
}

func authenticatorsOf(r reader, u *userRow) ([]Authenticator, error) {
	var list []Authenticator
	err := r.each(`SELECT id, kind, name, created_at, last_used_at, fails FROM authenticators WHERE user_id = $1 AND team_id = $2 ORDER BY created_at, id`,
		[]any{u.id, u.teamID}, func(scan func(...any) error) error {
			var a Authenticator
			var created, used, fails int64
			if err := scan(&a.ID, &a.Kind, &a.Name, &created, &used, &fails); err != nil {
				return err
			}
			a.CreatedAt, a.LastUsedAt, a.Blocked = at(created), at(used), fails >= mostCodes
			list = append(list, a)
			return nil
		})
	return list, err
}

// compareCode opens the key and looks for the code in the window of one step to
// either side. An undecryptable key is an error, and errors deny (P8).
func (c *Core) compareCode(place seal.Place, sealedKey []byte, digits string, lastStep int64) (totp.Verdict, int64, error) {
	key, err := c.keys.Open(place, sealedKey)
	if err != nil {
		return totp.Wrong, 0, err
	}
	verdict, step := totp.Match(key, digits, c.Now(), lastStep)
	return verdict, step, nil
}

// chargeWaiting counts a try at an authenticator that waits, for whoever proves with
// codes in a row that it is theirs (unlock.go). The pause goes on as it was. In its first
// second the codes that began it may still be on their way to being used: none of the
// same moment takes their step from them. Refuses:
// authenticator-wait when there is none to end.
func (t *tx) chargeWaiting(u *userRow) (id string, sealedKey []byte, lastStep int64, ch charge, err error) {
	ch = charge{nextTryAt: -1, most: mostCodes} // of no pause, so that a refund ends none
	err = t.each(`UPDATE authenticators SET fails = fails + 1
		WHERE user_id = $1 AND team_id = $2 AND next_try_at > $3 AND next_try_at - `+pauseOf+` + 1000 <= $3 AND fails < $4 RETURNING id, sealed_key, last_step, fails`,
		[]any{u.id, u.teamID, ms(t.now), mostCodes}, func(scan func(...any) error) error {
			return scan(&id, &sealedKey, &lastStep, &ch.fails)
		})
	if err == nil && id == "" {
		err = refuseField(AuthenticatorWait, "code")
	}
	return id, sealedKey, lastStep, ch, err
}

// acceptStepWaiting uses a time step up and gives the try back, but leaves the pause.
func (t *tx) acceptStepWaiting(u *userRow, id string, step int64) error {
	return t.must(refuseField(CodeUsed, "code"), `UPDATE authenticators SET last_step = $1, fails = fails - 1
		WHERE id = $2 AND user_id = $3 AND team_id = $4 AND last_step < $1 AND fails > 0`, step, id, u.id, u.teamID)
}
