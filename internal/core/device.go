package core

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"doorstep/internal/seal"
)

// Device is a browser that may skip the second step for a while, where the team's
// policy lets it.
type Device struct {
	ID                               string
	Device, Address                  string // the User-Agent and the address that it was remembered with
	CreatedAt, LastUsedAt, ExpiresAt time.Time
}

// RememberedDevice is what the browser keeps of it.
type RememberedDevice struct {
	Token     string
	ExpiresAt time.Time
}

const tokenOfDevice = "device"

// sentTwice is within what time the same token is a form that was sent twice, for
// which nobody has to be warned. It opens nothing either way.
const sentTwice = 10 * time.Second

// factorsOf is a fingerprint of all that a person proves themself with. A device is
// bound to it: whatever changes, by whichever verb, the device is worth nothing any
// more, also when nobody thought of deleting its row.
func (t *tx) factorsOf(u *userRow, passwordHash string) ([]byte, error) {
	h := []byte(u.teamID + "\x00" + u.id + "\x00" + string(u.role) + "\x00" + passwordHash)
	for _, query := range [...]string{
		`SELECT id FROM authenticators WHERE user_id = $1 AND team_id = $2 ORDER BY id`,
		`SELECT id FROM recovery_code_sets WHERE user_id = $1 AND team_id = $2 ORDER BY id`,
	} {
		err := t.each(query, []any{u.id, u.teamID}, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			h = append(append(h, 0), id...)
			return err
		})
		if err != nil {
			return nil, err
		}
		h = append(h, 0, 0)
	}
	return t.c.keys.MAC("factors", h), nil
}

// rememberDevice makes a device of this browser, in the transaction that accepted
// an authentication code. A recovery code remembers nothing: who has to use one may
// be at somebody else's computer. nil when the policy does not allow it.
func (t *tx) rememberDevice(by Actor, u *userRow) (*RememberedDevice, error) {
	policy, err := policyOf(t, u.teamID)
	if err != nil || policy.RememberDevices <= 0 {
		return nil, err
	}
	factors, err := t.factorsOf(u, u.passwordHash)
	if err != nil {
		return nil, err
	}
	id, d := newID(), &RememberedDevice{Token: seal.NewToken(), ExpiresAt: t.now.Add(policy.RememberDevices)}
	if _, err := t.exec(`INSERT INTO devices (id, team_id, user_id, token_hash, spent_hash, factors, device, address, created_at, last_used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)`,
		id, u.teamID, u.id, t.c.keys.TokenHash(tokenOfDevice, d.Token), []byte{}, factors, by.origin.Device, by.origin.Address, ms(t.now), ms(d.ExpiresAt)); err != nil {
		return nil, err
	}
	return d, t.record(eventOf{event: EventDeviceRemembered, by: by, actor: u, target: u, details: map[string]any{"device": id, "until": d.ExpiresAt.Format(time.RFC3339)}})
}

// useDevice lets a remembered device stand for the second step, and gives it a new
// token each time. A token that was used before comes from a copy of it, or from a
// browser that never got our answer: which of the two cannot be told, so the device
// is forgotten, the sessions that it opened end, and the second step is asked for.
// verified is the user as the password was compared with it. "" when the device is not good for it.
func (t *tx) useDevice(by Actor, u, verified *userRow, token string) (id string, next *RememberedDevice, err error) {
	if _, ok := keyOf(token, tokenOfDevice); !ok {
		return "", nil, nil
	}
	policy, err := policyOf(t, u.teamID)
	if err != nil || policy.RememberDevices <= 0 {
		return "", nil, err
	}
	var hash, factors []byte
	var createdAt, expiresAt, usedAt int64
	ours := t.c.keys.TokenHash(tokenOfDevice, token)
	err = t.row(`SELECT id, token_hash, factors, created_at, expires_at, last_used_at FROM devices WHERE user_id = $1 AND team_id = $2 AND (token_hash = $3 OR spent_hash = $3)`,
		u.id, u.teamID, ours).Scan(&id, &hash, &factors, &createdAt, &expiresAt, &usedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	now, err := t.factorsOf(u, verified.passwordHash)
	if err != nil {
		return "", nil, err
	}
	// A policy that was made shorter holds for what was remembered before it.
	until := min(expiresAt, createdAt+policy.RememberDevices.Milliseconds())
	switch {
	case ms(t.now) >= until, !bytes.Equal(factors, now):
		return "", nil, t.forgetDevice(u, id)
	case !bytes.Equal(hash, ours) && ms(t.now)-usedAt < sentTwice.Milliseconds():
		return "", nil, nil
	case !bytes.Equal(hash, ours):
		// Whoever came first may have been the thief, and is signed in.
		ended, err := t.endSessionsOfDevice(u, id, EndedDeviceReused)
		if err != nil {
			return "", nil, err
		}
		if err := t.record(eventOf{event: EventDeviceReused, by: by, actor: u, target: u, details: map[string]any{"device": id, "sessions_ended": ended}}); err != nil {
			return "", nil, err
		}
		return "", nil, t.forgetDevice(u, id)
	}
	next = &RememberedDevice{Token: seal.NewToken(), ExpiresAt: at(until)}
	if now, err = t.factorsOf(u, u.passwordHash); err != nil { // a rehash at this sign-in changes nothing that was proved
		return "", nil, err
	}
	return id, next, t.must(refuse(WrongCredentials), `UPDATE devices SET token_hash = $1, spent_hash = $2, factors = $3, last_used_at = $4 WHERE id = $5 AND user_id = $6 AND team_id = $7 AND token_hash = $2`,
		t.c.keys.TokenHash(tokenOfDevice, next.Token), ours, now, ms(t.now), id, u.id, u.teamID)
}

// Devices lists the actor's remembered devices, the newest first.
func (c *Core) Devices(ctx context.Context, by Actor) ([]Device, error) {
	r := c.read(ctx)
	u, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	team := u.teamID
	policy, err := policyOf(r, team)
	if err != nil || policy.RememberDevices <= 0 {
		return nil, err
	}
	var list []Device
	err = r.each(`SELECT id, device, address, created_at, last_used_at, expires_at FROM devices WHERE user_id = $1 AND team_id = $2 ORDER BY created_at DESC, id DESC`,
		[]any{by.session.User.ID, team}, func(scan func(...any) error) error {
			var d Device
			var created, used, expires int64
			if err := scan(&d.ID, &d.Device, &d.Address, &created, &used, &expires); err != nil {
				return err
			}
			expires = min(expires, created+policy.RememberDevices.Milliseconds())
			if ms(c.Now()) < expires {
				d.CreatedAt, d.LastUsedAt, d.ExpiresAt = at(created), at(used), at(expires)
				list = append(list, d)
			}
			return nil
		})
	return list, err
}

// ForgetDevice makes one of the actor's devices ask for the second step again.
// Sessions that it opened go on. Refuses: not-signed-in, session-ended,
// activation-required, not-found.
func (c *Core) ForgetDevice(ctx context.Context, by Actor, id string) error {
	if !isID(id) {
		return refuse(Missing)
	}
	return c.write(ctx, func(t *tx) error {
		u, _, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := needFull(u, t.now); err != nil {
			return err
		}
		if err := t.forgetDevice(u, id); err != nil {
			return err
		}
		return t.record(eventOf{event: EventDeviceForgotten, by: by, actor: u, target: u, details: map[string]any{"device": id}})
	})
}

func (t *tx) forgetDevice(u *userRow, id string) error {
	return t.must(refuse(Missing), `DELETE FROM devices WHERE id = $1 AND user_id = $2 AND team_id = $3`, id, u.id, u.teamID)
}

// deleteDevices forgets all devices of a person and returns how many could still
// skip the second step.
func (t *tx) deleteDevices(u *userRow) (live int, err error) {
	err = t.each(`DELETE FROM devices WHERE user_id = $1 AND team_id = $2 RETURNING expires_at`, []any{u.id, u.teamID}, func(scan func(...any) error) error {
		var expires int64
		err := scan(&expires)
		if expires > ms(t.now) {
			live++
		}
		return err
	})
	return live, err
}

// deleteDevicesOfTeam is for a policy that allows none any more.
func (t *tx) deleteDevicesOfTeam(teamID string) error {
	_, err := t.exec(`DELETE FROM devices WHERE team_id = $1 AND user_id IN (SELECT id FROM users WHERE team_id = $1)`, teamID)
	return err
}

// devicesOfTeam counts what deleteDevicesOfTeam would forget.
func devicesOfTeam(r reader, teamID string, now time.Time) (n int, err error) {
	err = r.row(`SELECT COUNT(*) FROM devices WHERE team_id = $1 AND user_id IN (SELECT id FROM users WHERE team_id = $1) AND expires_at > $2`, teamID, ms(now)).Scan(&n)
	return n, err
}

func devicesOf(r reader, u *userRow, now time.Time) (n int, err error) {
	err = r.row(`SELECT COUNT(*) FROM devices WHERE user_id = $1 AND team_id = $2 AND expires_at > $3`, u.id, u.teamID, ms(now)).Scan(&n)
	return n, err
}

func (t *tx) forgetOldDevices() error {
	_, err := t.exec(`DELETE FROM devices WHERE expires_at < $1`, ms(t.now))
	return err
}
