package core

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// This file shuts an account that may be in somebody else's hands, and opens it
// again. Shutting is quick and needs little; opening is an owner's or the console's.

// FreezeReason is who said that an account is in the wrong hands.
type FreezeReason string

const (
	FrozenNotThem FreezeReason = "not_them" // the approver of a restart, or an owner
	FrozenNotMe   FreezeReason = "not_me"   // somebody who reads the person's mail
)

// Freeze is why an account is frozen.
type Freeze struct {
	Why    FreezeReason
	ByName string // "" for somebody who read a letter
	At     time.Time
}

// freeze ends all that an account can do. Sessions, remembered devices, half-done
// sign-ins and activations and links are over. The second step goes too, for it may
// be the impostor's own, and the account is closed, so that nothing stands open
// behind the password alone: only another restart opens it. A new password is
// wanted, and the account is suspended until an owner brings it back.
// The last active owner is not suspended (R11); closed they are all the same, until a
// restart from the server's console, which needs nobody of the team. So whoever reads
// a letter can keep a sole owner out until somebody goes to the server, and no longer.
// The caller has locked the team's row, then the person's.
func (t *tx) freeze(by Actor, actor, target *userRow, why FreezeReason, details map[string]any) error {
	if frozen, err := freezeOf(t, target); err != nil || frozen != nil {
		t.endsAccess()
		t.nothingToRecord()
		return err
	}
	gone, err := t.endTwoStep(by, actor, target, EndedFrozen, t.now, DueRestarted)
	if err != nil {
		return err
	}
	for _, forget := range []func(*userRow) error{t.revokeLinks, t.forgetBrowsers, t.deleteLanes, t.demandNewPassword, t.closeReactivations} {
		if err := forget(target); err != nil {
			return err
		}
	}
	policy, err := policyOf(t, target.teamID)
	if err != nil {
		return err
	}
	if err := t.contain(target, laterOf(at(target.containedUntil), t.now.Add(policy.Containment))); err != nil {
		return err
	}
	sole := t.keepAnOwner(target)
	if sole != nil && !IsRefusal(sole, LastOwner) {
		return sole
	}
	if sole == nil {
		if err := t.suspendFrozen(actor, target, why); err != nil {
			return err
		}
	}
	all := map[string]any{
		"why": why, "suspended": sole == nil, "sessions_ended": gone.sessions, "authenticators_removed": gone.authenticators,
		"recovery_codes_removed": gone.recoveryCodes, "remembered_devices_removed": gone.devices,
	}
	for name, value := range details {
		all[name] = value
	}
	return t.record(eventOf{event: EventUserFrozen, by: by, actor: actor, target: target, details: all})
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *tx) suspendFrozen(actor, target *userRow, why FreezeReason) error {
	name := ""
	if actor != nil {
		name = actor.name
	}
	if _, err := t.exec(`INSERT INTO freezes (id, team_id, user_id, why, by_name, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		newID(), target.teamID, target.id, string(why), name, ms(t.now)); err != nil {
		return err
	}
	return t.setProfile(target, target.name, target.role, StatusSuspended)
}

// freezeOf reads why an account is frozen; nil when it is not.
func freezeOf(r reader, u *userRow) (*Freeze, error) {
	var f Freeze
	var when int64
	err := r.row(`SELECT why, by_name, at FROM freezes WHERE user_id = $1 AND team_id = $2 AND ended_at = 0`, u.id, u.teamID).
		Scan((*string)(&f.Why), &f.ByName, &when)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	f.At = at(when)
	return &f, err
}

// endFreeze takes the mark off an account that is brought back, and says whether
// there was one. What was taken away stays away: a restart is still needed.
func (t *tx) endFreeze(u *userRow) (was bool, err error) {
	n, err := t.exec(`UPDATE freezes SET ended_at = $1 WHERE user_id = $2 AND team_id = $3 AND ended_at = 0`, ms(t.now), u.id, u.teamID)
	return n > 0, err
}

// needOwnerToThaw: an admin who was talked into a restart is not talked into undoing
// its end as well. Refuses: owner-only.
func (t *tx) needOwnerToThaw(actor, target *userRow) error {
	if actor.role == RoleOwner {
		return nil
	}
	frozen, err := freezeOf(t, target)
	if err == nil && frozen != nil {
		err = refuse(OwnerOnly)
	}
	return err
}

// lastFrozen is when the account was last frozen or brought back after it; 0 for never.
func lastFrozen(r reader, u *userRow) (when int64, err error) {
	err = r.row(`SELECT COALESCE(MAX(CASE WHEN ended_at > at THEN ended_at ELSE at END), 0) FROM freezes WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&when)
	return when, err
}

// BringBackFromConsole ends a suspension, also that of a freeze, for a team in which
// nobody is left who could. Recorded and mailed like any other. Refuses: not-found,
// not-suspended, reason-missing, reason-too-long.
func (c *Core) BringBackFromConsole(ctx context.Context, by Actor, email, reason string) error {
	if by.console == "" {
		return refuse(NotSignedIn)
	}
	found, err := userByEmail(c.read(ctx), email)
	if err != nil {
		return err
	}
	said, err := RestartRequest{Reason: reason, VerifiedBy: VerifiedOther}.tidy()
	if err != nil {
		return err
	}
	return c.write(ctx, func(t *tx) error {
		if err := t.lockTeam(found.teamID); err != nil {
			return err
		}
		u, err := t.lockUser(found.teamID, found.id)
		if err != nil {
			return err
		}
		if u.status != StatusSuspended {
			return refuse(NotSuspended)
		}
		return t.bringBack(by, nil, u, said.Reason)
	})
}

// bringBack makes a suspended account active again.
func (t *tx) bringBack(by Actor, actor, target *userRow, reason string) error {
	frozen, err := t.endFreeze(target)
	if err != nil {
		return err
	}
	if err := t.setProfile(target, target.name, target.role, StatusActive); err != nil {
		return err
	}
	return t.record(eventOf{event: EventUserBroughtBack, by: by, actor: actor, target: target, reason: reason, details: map[string]any{"frozen": frozen}})
}
