package core

import (
	"context"
	"strings"
	"time"
)

// An invitation is a person of the team who has no password yet, and a link with
// which they choose one. The address stays free for others until then: whoever
// invites an address learns nothing of other teams by it, and takes nothing from them.
const (
	invitationLasts = passwordLinkLasts

	// InvitationsPerDay is how many invitations a team sends within a day; each is a
	// letter to somebody who did not ask for it.
	InvitationsPerDay = 1000
	// invitationsToOne is how many of them go to one address.
	invitationsToOne = 5
)

// Invitee is somebody to invite. Without a name they go by the first part of their
// address, until they say otherwise.
type Invitee struct {
	Email, Name string
	Role        Role
}

// Invitation is what became of an Invitee.
type Invitation struct {
	Invitee             // as it was read; of a refused one as it was given
	ID        string    // the person's
	ExpiresAt time.Time // until when the link works
	Link      *Link     // to hand over where no mail is set up; nil when a letter is on its way
	Refused   *Refusal  // why this one was not sent
}

// InvitePeople invites people, each for itself: one that is refused says so in its
// own answer and does not stop the others. An address that belongs to another team
// is answered like any other; its owner is told why the invitation cannot be accepted.
// Refuses: not-signed-in, activation-required, recovery-session, admin-only,
// owner-only (an admin invites members only), contained, role-invalid, and
// step-up-required for roles above member; of a single one email-invalid,
// name-too-long, already-in-team, already-invited, too-many-invitations.
func (c *Core) InvitePeople(ctx context.Context, by Actor, role Role, people []Invitee) ([]Invitation, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	var sent []Invitation
	err := c.write(ctx, func(t *tx) error {
		sent = nil
		actor, s, err := t.inviting(by)
		if err != nil {
			return err
		}
		if err := mayInvite(actor, role); err != nil {
			return err
		}
		if err := stepUpFor(role, actor, s, t.now); err != nil {
			return err
		}
		for _, one := range people {
			one.Role = role
			invitation, err := t.invite(by, actor, one)
			if r := Refused(err); r != nil {
				invitation = &Invitation{Invitee: one, Refused: r}
			} else if err != nil {
				return err
			}
			sent = append(sent, *invitation)
		}
		if t.recorded == 0 {
			t.nothingToRecord() // all were refused
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sent, nil
}

// inviting locks the team, in which no address is invited twice at once, and the actor.
// Refuses: not-signed-in, activation-required, admin-only, recovery-session, contained.
func (t *tx) inviting(by Actor) (*userRow, *sessionRow, error) {
	if err := t.lockTeam(by.session.User.Team.ID); err != nil {
		return nil, nil, err
	}
	actor, s, err := t.actingUser(by)
	if err != nil {
		return nil, nil, err
	}
	if err := needFull(actor, t.now); err != nil {
		return nil, nil, err
	}
	if actor.role.rank() < RoleAdmin.rank() {
		return nil, nil, refuse(AdminOnly)
	}
	if s.secondStep == SecondStepRecoveryCode {
		return nil, nil, refuse(RecoverySession)
	}
	return actor, s, actor.notContained(t.now)
}

// mayInvite. Refuses: role-invalid, owner-only.
func mayInvite(actor *userRow, role Role) error {
	switch {
	case role.rank() < 0:
		return refuseField(RoleInvalid, "role")
	case actor.role != RoleOwner && role != RoleMember:
		return refuseField(OwnerOnly, "role")
	}
	return nil
}

// stepUpFor: whoever joins with a role above member can act on others, so giving it
// needs what a change of role does (R8). Refuses: step-up-required.
func stepUpFor(role Role, actor *userRow, s *sessionRow, now time.Time) error {
	if role == RoleMember {
		return nil
	}
	return needStepUp(actor, s, now)
}

// tidy. Refuses: email-invalid, name-too-long.
func (i Invitee) tidy() (Invitee, error) {
	var wrongEmail, wrongName error
	email, wrongEmail := readEmail(i.Email)
	if seen(cut(i.Name, nameLimit)) == 0 {
		i.Name, _, _ = strings.Cut(cut(email, nameLimit), "@")
	} else {
		i.Name, wrongName = readName(i.Name, "name", NameMissing)
	}
	if wrongEmail != nil {
		return i, together(wrongEmail, wrongName)
	}
	i.Email = email
	return i, wrongName
}

// invite is one invitation. The team's row is locked.
func (t *tx) invite(by Actor, actor *userRow, one Invitee) (*Invitation, error) {
	one, err := one.tidy()
	if err != nil {
		return nil, err
	}
	if err := notYetInTeam(t, actor.teamID, one.Email); err != nil {
		return nil, err
	}
	if err := t.countInvitation(actor.teamID, one.Email); err != nil {
		return nil, err
	}
	u, err := t.createUser(newUser{
		team: Team{actor.teamID, actor.teamName}, email: one.Email, name: one.Name, role: one.Role, status: StatusInvited,
		language: actor.language, unclaimed: true,
	})
	if err != nil {
		return nil, err
	}
	return t.sendInvitation(by, actor, u, EventUserInvited)
}

// notYetInTeam. Refuses: already-in-team, already-invited.
func notYetInTeam(r reader, teamID, email string) error {
	found, err := inTeam(r, teamID, email)
	if err != nil {
		return err
	}
	return alreadyThere(found[foldEmail(email)])
}

// alreadyThere. Refuses: already-in-team, already-invited.
func alreadyThere(u *userRow) error {
	code := AlreadyInTeam
	switch {
	case u == nil:
		return nil
	case u.status == StatusInvited:
		code = AlreadyInvited
	}
	return refuseField(code, "email").with("email", u.email).with("person", u.id)
}

// sendInvitation makes the link, which replaces an earlier one, and hands it to a
// letter or, where no mail is set up, to whoever invites.
func (t *tx) sendInvitation(by Actor, actor, u *userRow, event string) (*Invitation, error) {
	link, err := t.makeLink(purposePassword, u, invitationLasts)
	if err != nil {
		return nil, err
	}
	done := &Invitation{Invitee: Invitee{u.email, u.name, u.role}, ID: u.id, ExpiresAt: link.ExpiresAt}
	if err := t.record(eventOf{event: event, by: by, actor: actor, target: u, details: map[string]any{"role": u.role}}); err != nil {
		return nil, err
	}
	if !t.c.MailConfigured() {
		done.Link = link
		return done, nil
	}
	return done, t.mailInvitation(by, actor, u, link)
}

// SendInvitationAgain sends an invited person a new link; the earlier one is dead.
// Refuses: what InvitePeople refuses, not-found, rank, not-invited.
func (c *Core) SendInvitationAgain(ctx context.Context, by Actor, userID string) (*Invitation, error) {
	var sent *Invitation
	err := c.onInvited(ctx, by, userID, func(t *tx, actor, target *userRow, s *sessionRow) error {
		if err := stepUpFor(target.role, actor, s, t.now); err != nil {
			return err
		}
		err := t.countInvitation(target.teamID, target.email)
		if err != nil {
			return err
		}
		sent, err = t.sendInvitation(by, actor, target, EventInvitationSentAgain)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sent, nil
}

// CancelInvitation takes an invitation back: the person is gone and the link is dead.
// Refuses: not-found, admin-only, rank, contained, recovery-session, not-invited.
func (c *Core) CancelInvitation(ctx context.Context, by Actor, userID string) error {
	return c.onInvited(ctx, by, userID, func(t *tx, actor, target *userRow, _ *sessionRow) error {
		if err := t.record(eventOf{event: EventInvitationCanceled, by: by, actor: actor, target: target}); err != nil {
			return err
		}
		return t.erase(target)
	})
}

// onInvited does something to somebody who has not accepted yet.
func (c *Core) onInvited(ctx context.Context, by Actor, userID string, act func(t *tx, actor, target *userRow, s *sessionRow) error) error {
	if by.session == nil {
		return refuse(NotSignedIn)
	}
	return c.write(ctx, func(t *tx) error {
		actor, target, s, err := t.actOnOther(by, userID)
		if err != nil {
			return err
		}
		if err := outranks(actor, target); err != nil {
			return err
		}
		if err := actor.notContained(t.now); err != nil {
			return err
		}
		if target.status != StatusInvited {
			return refuse(NotInvited).with("name", target.name)
		}
		return act(t, actor, target, s)
	})
}

// countInvitation counts one more within a day, unless there were enough. What is
// counted of an address is what this team sent to it: a number over all teams would
// tell that others wrote to it too. Refuses: too-many-invitations.
func (t *tx) countInvitation(teamID, email string) error {
	for _, count := range []struct {
		of   string
		most int
	}{{"address/" + foldEmail(email), invitationsToOne}, {"team", InvitationsPerDay}} {
		subject := t.c.keys.MAC("invitations/"+teamID, []byte(count.of))
		if _, err := t.exec(`INSERT INTO invitation_counts (subject, sent, since) VALUES ($1, 0, $2) ON CONFLICT (subject) DO NOTHING`, subject, ms(t.now)); err != nil {
			return err
		}
		yesterday := ms(t.now.Add(-day))
		n, err := t.exec(`UPDATE invitation_counts SET sent = CASE WHEN since <= $1 THEN 1 ELSE sent + 1 END, since = CASE WHEN since <= $1 THEN $2 ELSE since END
			WHERE subject = $3 AND (since <= $1 OR sent < $4)`, yesterday, ms(t.now), subject, count.most)
		if err != nil {
			return err
		}
		if n == 1 {
			continue
		}
		var since int64
		if err := t.row(`SELECT since FROM invitation_counts WHERE subject = $1`, subject).Scan(&since); err != nil {
			return err
		}
		r := refuse(TooManyInvitations).with("n", count.most).with("email", email)
		r.RetryAfter = max(at(since).Add(day).Sub(t.now), time.Second)
		return r
	}
	return nil
}

func (t *tx) forgetOldInvitationCounts() error {
	_, err := t.exec(`DELETE FROM invitation_counts WHERE since < $1`, ms(t.now.Add(-day)))
	return err
}

// mailInvitation writes to the address; or, where somebody has an account by it in
// another team, to them, that it cannot be accepted: the link goes nowhere. What the
// inviter's device and address are is nobody's business who is not in the team.
func (t *tx) mailInvitation(by Actor, actor, u *userRow, link *Link) error {
	from := Origin{Via: by.origin.Via}
	args := map[string]any{"by": actor.name, "team": actor.teamName, "email": u.email, "at": link.ExpiresAt}
	known, err := userByEmail(t, u.email)
	switch {
	case IsRefusal(err, Missing) || err == nil && known.id == u.id:
		return t.queueLetterTo(addresseeOf(u), LetterInvite, from, args, &letterLink{"/set-password/" + link.Token, link.ExpiresAt})
	case err != nil:
		return err
	}
	recent, err := t.letterQueuedSince(LetterInviteKnown, known, t.now.Add(-day))
	if err != nil || recent {
		return err
	}
	return t.queueLetter(LetterInviteKnown, known, from, args)
}
