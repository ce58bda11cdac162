package core

import (
	"context"

	"doorstep/internal/password"
)

// PasswordShortest is how long a password must be, in characters (R13).
const PasswordShortest = password.MinLength

// checkPassword judges a new password. Refuses: password-too-short, -too-long,
// -common, -personal, each with the field.
func checkPassword(pass string, personal ...string) error {
	switch password.Check(pass, personal...) {
	case password.TooShort:
		return refuseField(PasswordTooShort, "password").with("n", password.MinLength)
	case password.TooLong:
		return refuseField(PasswordTooLong, "password").with("n", password.MaxLength)
	case password.Common:
		return refuseField(PasswordCommon, "password")
	case password.Personal:
		return refuseField(PasswordPersonal, "password")
	}
	return nil
}

func (c *Core) hashPassword(ctx context.Context, pass string) (string, error) {
	hash, err := c.hasher.Hash(ctx, pass)
	return hash, asBusy(err)
}

// OpenPasswordLink exchanges the token of a set-password link for a form of 15
// minutes; it consumes nothing. Refuses: link-gone.
func (c *Core) OpenPasswordLink(ctx context.Context, token string) (form string, err error) {
	return c.openLink(ctx, purposePassword, token)
}

// PasswordForm is whom a set-password form is for.
type PasswordForm struct {
	Email, Name, Team, Language string
	Joining                     bool // the first password: a welcome
}

// PasswordForm reads it. Refuses: link-gone.
func (c *Core) PasswordForm(ctx context.Context, form string) (*PasswordForm, error) {
	_, u, err := c.userOfPasswordForm(ctx, form)
	if err != nil {
		return nil, err
	}
	return &PasswordForm{Email: u.email, Name: u.name, Team: u.teamName, Language: u.language, Joining: u.status == StatusInvited}, nil
}

func (c *Core) userOfPasswordForm(ctx context.Context, form string) (*linkRow, *userRow, error) {
	r := c.read(ctx)
	l, err := c.linkByForm(r, purposePassword, form)
	if err != nil {
		return nil, nil, err
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, l.userID, l.teamID)
	// A link only ever sets a first password: the one for a forgotten password
	// asks for the second step too, and comes with its own verb (R9).
	if IsRefusal(err, Missing) || err == nil && u.status != StatusInvited {
		return nil, nil, refuse(LinkGone)
	}
	return l, u, err
}

// SetFirstPassword takes the password of somebody who was added or invited, and by
// what name they go; "" leaves the one that whoever invited them typed. It
// signs nobody in. form is what OpenPasswordLink gave, or the link's own token.
// Refuses: link-gone, name-missing, name-too-long, email-taken (joined elsewhere meanwhile),
// password-…, busy.
func (c *Core) SetFirstPassword(ctx context.Context, by Actor, form, name, pass string) (email string, err error) {
	if form, err = c.formOf(ctx, purposePassword, form); err != nil {
		return "", err
	}
	l, u, err := c.userOfPasswordForm(ctx, form)
	if err != nil {
		return "", err
	}
	wrongName := error(nil)
	if name == "" {
		name = u.name
	} else {
		name, wrongName = readName(name, "name", NameMissing)
	}
	if err := together(wrongName, checkPassword(pass, u.email, u.name, name, u.teamName)); err != nil {
		return "", err
	}
	hash, err := c.hashPassword(ctx, pass)
	if err != nil {
		return "", err
	}
	return u.email, c.write(ctx, func(t *tx) error {
		u, err := t.lockUser(u.teamID, u.id)
		if err != nil {
			return err
		}
		if u.status != StatusInvited {
			return refuse(LinkGone)
		}
		if err := t.useLink(l); err != nil {
			return err
		}
		if err := t.claimAddress(u); err != nil {
			return err
		}
		if err := t.setPasswordHash(u, hash, StatusActive); err != nil {
			return err
		}
		if err := t.setProfile(u, name, u.role, u.status); err != nil {
			return err
		}
		if _, err := t.endSessions(u, EndedPasswordSet, ""); err != nil {
			return err
		}
		return t.record(eventOf{event: EventUserJoined, by: by, actor: u, target: u})
	})
}

// newPassword stores what a person chose and ends what rested on the one before it:
// sessions (all but one), remembered devices, half-done sign-ins, a restart request
// that somebody made with it, links, and what was guessed at the old one.
func (t *tx) newPassword(by Actor, u *userRow, hash string, why EndReason, except string) (sessionsEnded int, err error) {
	if err := t.setNewPassword(u, hash); err != nil {
		return 0, err
	}
	if sessionsEnded, err = t.endSessions(u, why, except); err != nil {
		return 0, err
	}
	if _, err := t.deleteDevices(u); err != nil {
		return 0, err
	}
	if err := t.deleteAttempts(u); err != nil {
		return 0, err
	}
	if err := t.endRequest(by, u, u, RequestEnded, EndedByPassword); err != nil {
		return 0, err
	}
	if err := t.revokeLinks(u); err != nil {
		return 0, err
	}
	return sessionsEnded, t.forgetGuesses(u)
}

// hashOther hashes a password that is to replace the present one, and says whether
// it is the same: that would leave things as they are for whoever knows it.
func (c *Core) hashOther(ctx context.Context, u *userRow, pass string) (hash string, same bool, err error) {
	if same, _, err = c.verifyPassword(ctx, u, pass); err != nil || same {
		return "", same, err
	}
	hash, err = c.hashPassword(ctx, pass)
	return hash, false, err
}
