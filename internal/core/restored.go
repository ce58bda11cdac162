package core

import (
	"context"
	"fmt"

	"doorstep/internal/totp"
)

// Restored is what AfterRestore did, in numbers.
type Restored struct {
	People        int
	SessionsEnded int
	Told          int // who has recovery codes, or owns a team
}

// AfterRestore is for whoever has put a backup back: an older state, in which what was
// used or revoked since is good again (P9). What a thief could hold of it is ended:
// sessions, half-done sign-ins and activations, links, remembered devices, browsers that
// were known. Every authenticator's last accepted step is set to now, so that no code
// that was ever shown opens anything. Which recovery codes were used since the backup
// nobody can know: they stay, for whoever lost a phone has nothing else, and everybody
// who has any is told to make new ones. Done again, it does the same again.
//
// Each person is a transaction of their own: one that is interrupted is run again.
// Refuses: reason-missing, reason-too-long.
func (c *Core) AfterRestore(ctx context.Context, by Actor, reason string) (*Restored, error) {
	if by.console == "" {
		return nil, refuse(NotSignedIn)
	}
	request, err := RestartRequest{Reason: reason, VerifiedBy: VerifiedOther}.tidy()
	if err != nil {
		return nil, err
	}
	everybody, err := listUsers(c.read(ctx), `TRUE ORDER BY u.id`)
	if err != nil {
		return nil, fmt.Errorf("list everybody: %w", err)
	}
	var done Restored
	for _, u := range everybody {
		var ended int
		var told bool
		err := c.write(ctx, func(t *tx) (err error) {
			ended, told, err = t.afterRestore(by, u, request.Reason)
			return err
		})
		if IsRefusal(err, Missing) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		done.People++
		done.SessionsEnded += ended
		if told {
			done.Told++
		}
	}
	return &done, nil
}

func (t *tx) afterRestore(by Actor, found *userRow, reason string) (ended int, told bool, err error) {
	u, err := t.lockUser(found.teamID, found.id)
	if err != nil {
		return 0, false, err
	}
	if ended, err = t.endSessions(u, EndedRestored, ""); err != nil {
		return 0, false, err
	}
	devices, err := t.deleteDevices(u)
	if err != nil {
		return 0, false, err
	}
	for _, end := range []func(*userRow) error{t.deleteAttempts, t.deleteActivations, t.deleteLinks, t.deleteLanes, t.passAllSteps} {
		if err := end(u); err != nil {
			return 0, false, err
		}
	}
	codes, err := recoveryCodesLeft(t, u)
	if err != nil {
		return 0, false, err
	}
	told = u.status == StatusActive && (codes > 0 || u.role == RoleOwner)
	return ended, told, t.record(eventOf{event: EventBackupRestored, by: by, target: u, reason: reason, details: map[string]any{
		"sessions_ended": ended, "remembered_devices_removed": devices, "recovery_codes_left": codes, "told": told,
	}})
}

// passAllSteps lets no code count that an app has shown by now, or shows in the step
// that is taken ahead of time.
func (t *tx) passAllSteps(u *userRow) error {
	return t.raiseLastStep(u, totp.StepAt(t.now)+1)
}
