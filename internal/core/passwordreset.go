package core

import (
	"context"
	"slices"
	"time"
)

// How often links for a forgotten password are asked for. Beyond the first nothing
// is sent and nothing said: the link that was sent last stays good, so that nobody
// keeps a person from theirs by asking again and again. The second is told, for it
// says nothing about any account.
const (
	resetLinksAPerson  = 5
	resetAsksAnAddress = 30
	resetAsksIn        = time.Hour
)

const forPasswordReset = "password_reset"

// ResetLinkLasts is for how long a link for a forgotten password works.
const ResetLinkLasts = resetLinkLasts

// AskPasswordReset sends a one-use link to whoever forgot their password. The answer
// is the same for every address, at the same cost (R12): one look-up, the same
// statements, one commit. The link goes to the account's own address and to no other,
// and to nobody who is suspended or has yet to join. Asking changes nothing but that
// the newer link takes the place of the older.
// Refuses: email-invalid, too-many-tries (of the client's address), no-mail.
func (c *Core) AskPasswordReset(ctx context.Context, by Actor, email string) error {
	if !c.MailConfigured() {
		return refuse(NoMail)
	}
	email, err := readEmail(email)
	if err != nil {
		return err
	}
	u, err := userByEmail(c.read(ctx), email)
	if err != nil && !IsRefusal(err, Missing) {
		return err
	}
	return c.write(ctx, func(t *tx) error {
		within, next, err := t.countWithin("reset asks/"+by.origin.Address, resetAsksAnAddress, resetAsksIn)
		if err != nil {
			return err
		}
		if !within {
			r := refuse(TooManyTries)
			r.RetryAfter = max(next.Sub(t.now), time.Second)
			return r
		}
		if within, _, err = t.countWithin("reset links/"+foldEmail(email), resetLinksAPerson, resetAsksIn); err != nil {
			return err
		}
		found, sent, err := t.sendResetLink(by, u, within)
		if err != nil {
			return err
		}
		return t.record(eventOf{event: EventPasswordLinkAsked, by: by, target: found, details: map[string]any{"sent": sent}})
	})
}

// sendResetLink does for an address that nobody owns what it does for one that
// somebody does, as far as the clock can tell: the row to lock is not there, and the
// link belongs to nobody.
func (t *tx) sendResetLink(by Actor, u *userRow, within bool) (found *userRow, sent bool, err error) {
	team, id := "nobody", "nobody"
	if u != nil {
		team, id = u.teamID, u.id
	}
	found, err = t.lockUser(team, id)
	if IsRefusal(err, Missing) {
		found, err = nil, nil
	}
	if err != nil || !within {
		return found, false, err
	}
	to := found
	if to != nil && to.status != StatusActive {
		to = nil
	}
	link, err := t.makeLink(purposeReset, to, resetLinkLasts)
	if err != nil {
		return found, false, err
	}
	if to == nil {
		_, err := t.letterQueuedSince(LetterPasswordLink, &userRow{}, t.now) // in the place of the letter
		return found, false, err
	}
	return found, true, t.queueLinkLetter(LetterPasswordLink, to, by.origin, nil, "/set-password/"+link.Token, link.ExpiresAt)
}

// OpenResetLink exchanges the token of a link for a form of 15 minutes; it consumes
// nothing. Refuses: link-gone.
func (c *Core) OpenResetLink(ctx context.Context, token string) (form string, err error) {
	return c.openLink(ctx, purposeReset, token)
}

// ResetForm is whom a form for a forgotten password is for, and what it asks for.
type ResetForm struct {
	Email, Name, Language string
	Code                  bool // 2-step is active: a code besides the password
	Recovery              bool // … for which there are recovery codes
}

// ResetForm reads it. Refuses: link-gone.
func (c *Core) ResetForm(ctx context.Context, form string) (*ResetForm, error) {
	_, u, err := c.userOfResetForm(ctx, form)
	if err != nil {
		return nil, err
	}
	methods, _, err := methodsOf(c.read(ctx), u)
	return &ResetForm{
		Email: u.email, Name: u.name, Language: u.language, Code: u.state(c.Now()) == TwoStepActive,
		Recovery: slices.Contains(methods, string(SecondStepRecoveryCode)),
	}, err
}

func (c *Core) userOfResetForm(ctx context.Context, form string) (*linkRow, *userRow, error) {
	r := c.read(ctx)
	l, err := c.linkByForm(r, purposeReset, form)
	if err != nil {
		return nil, nil, err
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, l.userID, l.teamID)
	if IsRefusal(err, Missing) || err == nil && u.status != StatusActive {
		return nil, nil, refuse(LinkGone)
	}
	return l, u, err
}

// SetForgottenPassword sets the new password of somebody who holds a link; where
// 2-step is active a mailbox alone changes nothing, and a code is asked for too, of
// either kind, with the counters and waits of the second step (J7, R9). It signs
// nobody in and leaves 2-step as it is. Every session ends, every remembered device
// and half-done sign-in is forgotten, the waits after wrong passwords are over, and
// what demanded a new password is satisfied. form is what OpenResetLink gave, or the
// link's own token. It also serves whose password was disabled.
// Refuses: link-gone, password-…, password-same (where a new one was demanded), busy,
// and what AcceptSecondStep refuses of a code.
func (c *Core) SetForgottenPassword(ctx context.Context, by Actor, form, pass, text string) (email string, err error) {
	if form, err = c.formOf(ctx, purposeReset, form); err != nil {
		return "", err
	}
	l, u, err := c.userOfResetForm(ctx, form)
	if err != nil {
		return "", err
	}
	code := u.state(c.Now()) == TwoStepActive
	var wrongCode error
	if code {
		_, wrongCode = readCode(text)
	}
	if err := together(checkPassword(pass, u.email, u.name, u.teamName), wrongCode); err != nil {
		return "", err
	}
	reset := passwordReset{by: by, link: l, user: u}
	if reset.hash, reset.same, err = c.hashOther(ctx, u, pass); err != nil {
		return "", err
	}
	if reset.same && !u.passwordDue {
		// Nobody hears here what the present password is: it is set like any other.
		if reset.hash, err = c.hashPassword(ctx, pass); err != nil {
			return "", err
		}
	}
	if code {
		return u.email, c.withCode(ctx, by, u, text, eitherKind, EventPasswordResetRefused, reset.set)
	}
	return u.email, c.write(ctx, func(t *tx) error { return reset.set(t, nil) })
}

// passwordReset is one that has been read and hashed.
type passwordReset struct {
	by   Actor
	link *linkRow
	user *userRow
	hash string
	same bool // as the present one
}

func (r passwordReset) set(t *tx, p *proof) error {
	u, err := t.lockUser(r.user.teamID, r.user.id)
	if err != nil {
		return orGone(err)
	}
	if err := t.useLink(r.link); err != nil {
		return err
	}
	// Since it was read: suspended, another password, restarted or deactivated (the
	// code proves nothing any more), activated (a code is missing).
	switch active := u.state(t.now) == TwoStepActive; {
	case u.status != StatusActive, u.passwordHash != r.user.passwordHash, !active && p != nil:
		return refuse(LinkGone)
	case active && p == nil:
		return refuseField(CodeEmpty, "code")
	}
	provedBy := SecondStepNone
	if p != nil {
		if _, err := t.useUp(r.by, u, p); err != nil {
			return err
		}
		provedBy = p.kind
	}
	if r.same && u.passwordDue { // after the code: whoever has only the mailbox learns no password
		return refuseField(PasswordSame, "password")
	}
	ended, err := t.newPassword(r.by, u, r.hash, EndedPasswordSet, "")
	if err != nil {
		return err
	}
	if provedBy == SecondStepRecoveryCode {
		left, err := recoveryCodesLeft(t, u)
		if err != nil {
			return err
		}
		if err := t.record(eventOf{event: EventRecoveryCodeUsed, by: r.by, actor: u, target: u, details: map[string]any{"recovery_codes_left": left, "for": forPasswordReset}}); err != nil {
			return err
		}
	}
	return t.record(eventOf{event: EventPasswordReset, by: r.by, actor: u, target: u, details: map[string]any{"sessions_ended": ended, "second_step": provedBy}})
}
