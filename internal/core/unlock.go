package core

import (
	"context"
	"errors"
	"time"

	"doorstep/internal/totp"
)

// Unlock by proof (R13): three right codes in a row, from time steps that follow on
// each other, typed while an authenticator waits, end its pause; the third is the
// second step as well. Whoever guesses at somebody's codes makes them wait; whoever
// holds the app does not have to. Guessing three in a row is 10^-17.
//
// It is no second way to guess. A wrong code here counts among the 50 that block the
// authenticator, begins the row anew, and pauses this way of its own for a quarter of
// an hour, which doubles up to a day. A right one is used up (R1) and opens nothing.
const (
	codesToUnlock   = 3
	firstUnlockWait = 15 * time.Minute
	longUnlockWait  = day
)

// unlockWait is how long this way is closed after so many wrong codes on it.
func unlockWait(wrong int64) time.Duration {
	wait := firstUnlockWait
	for i := int64(1); i < wrong && wait < longUnlockWait; i++ {
		wait *= 2
	}
	return min(wait, longUnlockWait)
}

// unlockTry is one try that has been counted, and the row as it stood before it.
type unlockTry struct {
	lane            string
	inARow          int
	lastStep, wrong int64
	behindPassword  bool // for whom a miss counts as one behind a right password
}

// signedInLane is the lane of everybody who holds a session of the account.
const signedInLane = "signed-in"

// unlockLane keeps rows apart: a stranger's wrong code begins nobody else's anew.
func (c *Core) unlockLane(ctx context.Context, by Actor, u *userRow) (string, error) {
	if by.session != nil {
		return signedInLane, nil
	}
	known, err := c.laneOf(c.read(ctx), by, u)
	return known.id, err
}

// unlockWith takes a code while the authenticator waits: wait is the refusal that
// everybody hears who does not finish the row with it, with how many more would.
func (c *Core) unlockWith(ctx context.Context, by Actor, u *userRow, digits, refusedEvent string, wait *Refusal) (*proof, error) {
	lane, err := c.unlockLane(ctx, by, u)
	if err != nil {
		return nil, err
	}
	p := &proof{kind: SecondStepAuthenticator, unlock: &unlockTry{lane: lane}}
	var sealedKey []byte
	var lastStep int64
	err = c.keepUnsynced(ctx, func(t *tx) (err error) {
		if p.authenticatorID, sealedKey, lastStep, p.charge, err = t.chargeWaiting(u); err != nil {
			return err
		}
		return t.chargeUnlock(u, p)
	})
	if IsRefusal(err, AuthenticatorWait) {
		return nil, wait // nothing was compared
	}
	if err != nil {
		return nil, err
	}
	verdict, step, err := c.compareCode(placeOfKey(u, p.authenticatorID), sealedKey, digits, lastStep)
	switch {
	case err != nil:
		return nil, errors.Join(err, c.refund(ctx, u, p))
	case verdict == totp.Used:
		// While a pause runs nobody learns that a code was right once (T-ENUM-3).
		return nil, errors.Join(c.refund(ctx, u, p), wait)
	case verdict != totp.Right:
		return nil, c.missedUnlock(ctx, by, u, refusedEvent, p, wait)
	}
	row := 1
	if p.unlock.inARow > 0 && step == p.unlock.lastStep+1 {
		row = p.unlock.inARow + 1
	}
	p.step = step
	if row >= codesToUnlock {
		return p, nil
	}
	err = c.keepCount(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.acceptStepWaiting(u, p.authenticatorID, step); err != nil {
			return err
		}
		return t.keepRow(u, p, row)
	})
	if IsRefusal(err, CodeUsed) {
		return nil, errors.Join(c.refund(ctx, u, p), wait)
	}
	if err != nil {
		return nil, err
	}
	return nil, wait.with("unlock", codesToUnlock-row)
}

// missedUnlock records a wrong code of a row, which begins anew.
func (c *Core) missedUnlock(ctx context.Context, by Actor, u *userRow, refusedEvent string, p *proof, wait *Refusal) error {
	err := c.keepCount(context.WithoutCancel(ctx), func(t *tx) error {
		_, err := t.exec(`UPDATE unlocks SET in_a_row = 0 WHERE authenticator_id = $1 AND lane = $2 AND user_id = $3 AND team_id = $4`,
			p.authenticatorID, p.unlock.lane, u.id, u.teamID)
		return err
	})
	if err != nil {
		return err
	}
	p.unlock.behindPassword = behindPassword(refusedEvent)
	if err := c.missed(ctx, by, u, EventUnlockRefused, p, refuseField(WrongCode, "code")); Refused(err) == nil {
		return err
	}
	if p.charge.blocks() {
		wait.RetryAfter, wait.Blocked = 0, true
		wait.Code = AuthenticatorBlocked
	}
	return wait
}

// chargeUnlock counts a try on this way, which is closed to everybody of the lane
// until it is given back: one code at a time is compared. Refuses: authenticator-wait.
func (t *tx) chargeUnlock(u *userRow, p *proof) error {
	if _, err := t.exec(`INSERT INTO unlocks (authenticator_id, lane, team_id, user_id) VALUES ($1, $2, $3, $4) ON CONFLICT (authenticator_id, lane) DO NOTHING`,
		p.authenticatorID, p.unlock.lane, u.teamID, u.id); err != nil {
		return err
	}
	var inARow, wrong int64
	if err := t.row(`SELECT in_a_row, last_step, wrong FROM unlocks WHERE authenticator_id = $1 AND lane = $2 AND user_id = $3 AND team_id = $4`,
		p.authenticatorID, p.unlock.lane, u.id, u.teamID).Scan(&inARow, &p.unlock.lastStep, &wrong); err != nil {
		return err
	}
	p.unlock.inARow, p.unlock.wrong = int(inARow), wrong+1
	return t.must(refuseField(AuthenticatorWait, "code"), `UPDATE unlocks SET wrong = $1, next_try_at = $2
		WHERE authenticator_id = $3 AND lane = $4 AND user_id = $5 AND team_id = $6 AND next_try_at <= $7 AND wrong = $8`,
		wrong+1, ms(t.now.Add(unlockWait(wrong+1))), p.authenticatorID, p.unlock.lane, u.id, u.teamID, ms(t.now), wrong)
}

// keepRow gives the try back and keeps how far the row came.
func (t *tx) keepRow(u *userRow, p *proof, row int) error {
	_, err := t.exec(`UPDATE unlocks SET in_a_row = $1, last_step = $2, wrong = wrong - 1, next_try_at = 0
		WHERE authenticator_id = $3 AND lane = $4 AND user_id = $5 AND team_id = $6 AND wrong = $7`,
		row, p.step, p.authenticatorID, p.unlock.lane, u.id, u.teamID, p.unlock.wrong)
	return err
}

// refundUnlock leaves the row as it stood before a try that counts for nothing.
func (t *tx) refundUnlock(u *userRow, p *proof) error {
	_, err := t.exec(`UPDATE unlocks SET wrong = wrong - 1, next_try_at = 0
		WHERE authenticator_id = $1 AND lane = $2 AND user_id = $3 AND team_id = $4 AND wrong = $5`,
		p.authenticatorID, p.unlock.lane, u.id, u.teamID, p.unlock.wrong)
	return err
}

// unlocked ends the pause for everybody, in the transaction that accepts the third code.
func (t *tx) unlocked(by Actor, u *userRow) error {
	if err := t.deleteUnlocks(u); err != nil {
		return err
	}
	return t.record(eventOf{event: EventAuthenticatorUnlocked, by: by, actor: u, target: u})
}

func (t *tx) deleteUnlocks(u *userRow) error {
	_, err := t.exec(`DELETE FROM unlocks WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}
