package core

import (
	"context"
	"time"
)

// UserChange is what an owner or admin changes of a person; nil leaves it.
type UserChange struct {
	Name   *string
	Role   *Role
	Status *Status // active or suspended
}

// ChangeUser changes a person's name, role or status. Roles are an owner's to
// change; roles and status need a step-up. A change of role or a suspension ends
// the person's sessions. A team always keeps an owner (R11): the
// team's row is locked first, so two owners cannot demote each other at once.
// Refuses: not-signed-in, activation-required, admin-only, owner-only, rank,
// self, contained, step-up-required, recovery-session, not-found, last-owner,
// name-missing, name-too-long, role-invalid, status-invalid.
func (c *Core) ChangeUser(ctx context.Context, by Actor, userID string, change UserChange) (*Person, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	err := c.write(ctx, func(t *tx) error {
		if err := t.lockTeam(by.session.User.Team.ID); err != nil {
			return err
		}
		actor, target, s, err := t.actOnOther(by, userID)
		if err != nil {
			return err
		}
		if change.Name != nil {
			if err := t.rename(by, actor, target, *change.Name); err != nil {
				return err
			}
		}
		if change.Role != nil && *change.Role != target.role {
			if err := t.changeRole(by, actor, target, s, *change.Role); err != nil {
				return err
			}
		}
		if change.Status != nil && *change.Status != target.status {
			if err := t.changeStatus(by, actor, target, s, *change.Status); err != nil {
				return err
			}
		}
		if t.recorded == 0 {
			t.endsAccess()      // whoever made it so may still be waiting for other processes to forget
			t.nothingToRecord() // a change to what already is
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p, err := c.Person(ctx, by, userID)
	if Refused(err) != nil || IsUnavailable(err) {
		// Done, and not to be seen: the actor just gave up their own role, or the
		// database went away after the commit. An error would say that nothing was changed.
		return nil, nil
	}
	return p, err
}

// outranks: an owner may act on anyone, an admin on members only.
func outranks(actor, target *userRow) error {
	if actor.role.rank() < RoleAdmin.rank() {
		return refuse(AdminOnly)
	}
	if actor.role != RoleOwner && target.role.rank() >= actor.role.rank() && actor.id != target.id {
		return refuse(Rank)
	}
	return nil
}

func (t *tx) rename(by Actor, actor, target *userRow, name string) error {
	name, err := readName(name, "name", NameMissing)
	if err != nil || name == target.name {
		return err
	}
	if err := outranks(actor, target); err != nil {
		return err
	}
	if err := t.setProfile(target, name, target.role, target.status); err != nil {
		return err
	}
	return t.record(eventOf{event: EventUserRenamed, by: by, actor: actor, target: target})
}

// mayChangeRole is for the verb and for the menu that offers it.
// Refuses: owner-only, contained.
func mayChangeRole(actor *userRow, now time.Time) error {
	if actor.role != RoleOwner {
		return refuse(OwnerOnly)
	}
	return actor.notContained(now)
}

// notContained. Refuses: contained.
func (u *userRow) notContained(now time.Time) error {
	if u.contained(now) {
		return refuse(Contained).with("at", at(u.containedUntil))
	}
	return nil
}

// mayChangeAccess is whether somebody may suspend, bring back or remove a person.
// These take access away and still ask for all of it: a stolen or just-restarted
// owner's session could shut every defender out. Refuses: self, admin-only, rank,
// contained.
func mayChangeAccess(actor, target *userRow, now time.Time) error {
	if actor.id == target.id {
		return refuse(Self)
	}
	if err := outranks(actor, target); err != nil {
		return err
	}
	return actor.notContained(now)
}

func (t *tx) changeRole(by Actor, actor, target *userRow, s *sessionRow, role Role) error {
	if role.rank() < 0 {
		return refuseField(RoleInvalid, "role")
	}
	if err := mayChangeRole(actor, t.now); err != nil {
		return err
	}
	if err := needStepUp(actor, s, t.now); err != nil {
		return err
	}
	if err := t.keepAnOwner(target); err != nil {
		return err
	}
	from := target.role
	if err := t.setProfile(target, target.name, role, target.status); err != nil {
		return err
	}
	if role == RoleOwner && target.twoStep == TwoStepOff && target.dueBy != 0 { // owners have no days of grace
		if err := t.setTwoStep(target, TwoStepDue, time.Time{}, DuePolicy); err != nil {
			return err
		}
	}
	if _, err := t.endSessions(target, EndedRoleChanged, ""); err != nil {
		return err
	}
	if _, err := t.deleteDevices(target); err != nil {
		return err
	}
	return t.record(eventOf{event: EventRoleChanged, by: by, actor: actor, target: target, details: map[string]any{"from": from, "to": role}})
}

func (t *tx) changeStatus(by Actor, actor, target *userRow, s *sessionRow, status Status) error {
	if status != StatusActive && status != StatusSuspended || target.status == StatusInvited {
		return refuseField(StatusInvalid, "status")
	}
	if err := mayChangeAccess(actor, target, t.now); err != nil {
		return err
	}
	if err := needStepUp(actor, s, t.now); err != nil {
		return err
	}
	if status == StatusActive {
		if err := t.needOwnerToThaw(actor, target); err != nil {
			return err
		}
		return t.bringBack(by, actor, target, "")
	}
	if err := t.keepAnOwner(target); err != nil {
		return err
	}
	if err := t.setProfile(target, target.name, target.role, status); err != nil {
		return err
	}
	if _, err := t.endSessions(target, EndedSuspended, ""); err != nil {
		return err
	}
	if err := t.deleteAttempts(target); err != nil {
		return err
	}
	if err := t.revokeLinks(target); err != nil { // or what was asked for before would happen after
		return err
	}
	if err := t.endRequest(by, actor, target, RequestEnded, EndedBySuspension); err != nil {
		return err
	}
	if err := t.deleteActivations(target); err != nil {
		return err
	}
	if _, err := t.deleteDevices(target); err != nil {
		return err
	}
	return t.record(eventOf{event: EventUserSuspended, by: by, actor: actor, target: target})
}

// RemoveUser takes a person out of the team for good; the audit log keeps their
// name. Refuses: what ChangeUser refuses of a suspension, and step-up-required.
func (c *Core) RemoveUser(ctx context.Context, by Actor, userID string) error {
	if by.session == nil {
		return refuse(NotSignedIn)
	}
	return c.write(ctx, func(t *tx) error {
		if err := t.lockTeam(by.session.User.Team.ID); err != nil {
			return err
		}
		actor, target, s, err := t.actOnOther(by, userID)
		if err != nil {
			return err
		}
		if err := mayChangeAccess(actor, target, t.now); err != nil {
			return err
		}
		if err := needStepUp(actor, s, t.now); err != nil {
			return err
		}
		if err := t.keepAnOwner(target); err != nil {
			return err
		}
		if err := t.record(eventOf{event: EventUserRemoved, by: by, actor: actor, target: target}); err != nil {
			return err
		}
		if err := t.endRequest(by, actor, target, RequestEnded, EndedByRemoval); err != nil {
			return err
		}
		return t.erase(target)
	})
}

// erase deletes a person with all that is theirs, but for what the audit log says.
func (t *tx) erase(u *userRow) error {
	if err := t.clearSecondStep(u); err != nil {
		return err
	}
	if err := t.deleteRequests(u); err != nil {
		return err
	}
	if err := t.eraseHelp(u); err != nil {
		return err
	}
	if err := t.deleteLinks(u); err != nil {
		return err
	}
	if err := t.forgetGuesses(u); err != nil {
		return err
	}
	if err := t.deleteSessions(u); err != nil {
		return err
	}
	return t.deleteUser(u)
}

// keepAnOwner refuses to take the last active owner away (R11). The team's row
// is locked by the caller, so the count holds until the commit.
func (t *tx) keepAnOwner(target *userRow) error {
	owners, err := activeOwners(t, target.teamID, 2)
	if err != nil || !isLastOwner(target, owners) {
		return err
	}
	return refuse(LastOwner)
}

// activeOwners counts them, as far as it is asked for.
func activeOwners(r reader, teamID string, most int) (n int, err error) {
	err = r.row(`SELECT COUNT(*) FROM (SELECT id FROM users WHERE team_id = $1 AND role = 'owner' AND status = 'active' LIMIT $2) AS counted`, teamID, most).Scan(&n)
	return n, err
}

func isLastOwner(u *userRow, owners int) bool {
	return u.role == RoleOwner && u.status == StatusActive && owners < 2
}

// mayEndSessions is for the verb and for the page that offers it. Nobody outranks
// an owner, whom a restart signs out everywhere.
// Refuses: self, owners-sessions, rank.
func mayEndSessions(actor, target *userRow) error {
	switch {
	case actor.id == target.id:
		return refuse(Self)
	case target.role == RoleOwner:
		return refuse(OwnersSessions)
	case target.role.rank() >= actor.role.rank():
		return refuse(Rank)
	}
	return nil
}

// EndUserSessions ends all sessions of a person below the actor's rank.
// Refuses: not-found, admin-only, and what mayEndSessions refuses.
func (c *Core) EndUserSessions(ctx context.Context, by Actor, userID string) (ended int, err error) {
	if by.session == nil {
		return 0, refuse(NotSignedIn)
	}
	err = c.write(ctx, func(t *tx) error {
		actor, target, _, err := t.actOnOther(by, userID)
		if err != nil {
			return err
		}
		if err := mayEndSessions(actor, target); err != nil {
			return err
		}
		if ended, err = t.endSessions(target, EndedByAdministrator, ""); err != nil {
			return err
		}
		if err := t.deleteAttempts(target); err != nil {
			return err
		}
		return t.record(eventOf{event: EventSessionsEnded, by: by, actor: actor, target: target, details: map[string]any{"sessions_ended": ended}})
	})
	return ended, err
}
