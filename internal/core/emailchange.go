package core

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// A change of address is a way to take an account over for good: whoever has the
// mailbox gets the links. So the new mailbox has to confirm, and the one before it
// is told twice and can take it back for three days.

// emailAsksAPerson bounds the letters that somebody can have sent to strangers.
const (
	emailAsksAPerson = 5
	emailAsksIn      = time.Hour
)

// Until when the links of a change of address work.
const (
	EmailLinkLasts = emailLinkLasts
	UndoLinkLasts  = undoLinkLasts
)

// emailChange is a row. It carries the addresses that its links confirm and restore.
type emailChange struct {
	id, teamID, userID  string
	fromEmail, toEmail  string
	changedAt, undoneAt int64
}

// AskEmailChange asks for another address of the actor's own. The new address gets
// a link that confirms it, the present one is told. An address that is somebody's is
// answered in the same way: only a letter to it says so.
// Refuses: not-signed-in, activation-required, contained (R15), recovery-session,
// step-up-required, email-invalid, email-same, too-many-tries, no-mail.
func (c *Core) AskEmailChange(ctx context.Context, by Actor, email string) error {
	if by.session == nil {
		return refuse(NotSignedIn)
	}
	if !c.MailConfigured() {
		return refuse(NoMail)
	}
	return c.write(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := needFull(u, t.now); err != nil {
			return err
		}
		if u.contained(t.now) {
			return refuse(Contained).with("at", at(u.containedUntil))
		}
		if err := needStepUp(u, s, t.now); err != nil {
			return err
		}
		if email, err = readEmail(email); err != nil {
			return err
		}
		if email == u.email {
			return refuseField(EmailSame, "email")
		}
		within, next, err := t.countWithin("email changes/"+u.id, emailAsksAPerson, emailAsksIn)
		if err != nil {
			return err
		}
		if !within {
			r := refuse(TooManyTries)
			r.RetryAfter = max(next.Sub(t.now), time.Second)
			return r
		}
		return t.askEmailChange(by, u, email)
	})
}

func (t *tx) askEmailChange(by Actor, u *userRow, email string) error {
	link, err := t.makeLink(purposeEmail, u, emailLinkLasts)
	if err != nil {
		return err
	}
	id := newID()
	if _, err := t.exec(`INSERT INTO email_changes (id, team_id, user_id, confirm_link, from_email, from_key, to_email, to_key, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		id, u.teamID, u.id, link.id, u.email, foldEmail(u.email), email, foldEmail(email), ms(t.now)); err != nil {
		return err
	}
	free, err := addressFree(t, foldEmail(email), u.id, t.now)
	if err != nil {
		return err
	}
	there, kind, carries := addresseeOf(u), LetterEmailTaken, (*letterLink)(nil)
	there.email, there.name = email, "" // it may be a stranger's
	if free {
		kind, carries = LetterEmailConfirm, &letterLink{"/email/confirm/" + link.Token, link.ExpiresAt}
	}
	if err := t.queueLetterTo(there, kind, by.origin, letterArgs(u, map[string]any{"to": email, "at": link.ExpiresAt}), carries); err != nil {
		return err
	}
	if err := t.queueLetter(LetterEmailAsked, u, by.origin, map[string]any{"to": email}); err != nil {
		return err
	}
	return t.record(eventOf{event: EventEmailChangeAsked, by: by, actor: u, target: u, details: map[string]any{"change": id, "to": email}})
}

// addressFree says whether an address can become somebody's: it is nobody else's, and
// nobody else can still take it back. Otherwise an intruder could give the address
// that they took away to an account of their own, and the way back would be blocked.
func addressFree(r reader, key, userID string, now time.Time) (bool, error) {
	var n int
	err := r.row(`SELECT (SELECT COUNT(*) FROM users WHERE email_key = $1 AND id <> $2)
		+ (SELECT COUNT(*) FROM email_changes WHERE from_key = $1 AND undo_until > $3 AND undone_at = 0 AND user_id <> $2)`, key, userID, ms(now)).Scan(&n)
	return n == 0, err
}

// mayHaveAddress refuses an address that is not free. Refuses: email-taken.
func (t *tx) mayHaveAddress(email, userID string) error {
	free, err := addressFree(t, foldEmail(email), userID, t.now)
	if err != nil || free {
		return err
	}
	return refuseField(EmailTaken, "email")
}

// OpenEmailLink exchanges the token of a link that confirms an address for a form; it
// consumes nothing. Refuses: link-gone.
func (c *Core) OpenEmailLink(ctx context.Context, token string) (form string, err error) {
	return c.openLink(ctx, purposeEmail, token)
}

// OpenUndoLink is the same for a link that takes a change back. Refuses: link-gone.
func (c *Core) OpenUndoLink(ctx context.Context, token string) (form string, err error) {
	return c.openLink(ctx, purposeUndo, token)
}

// EmailForm is what a form about a change of address shows.
type EmailForm struct{ From, To, Language string }

// EmailForm reads the form that confirms an address. Refuses: link-gone.
func (c *Core) EmailForm(ctx context.Context, form string) (*EmailForm, error) {
	return c.emailForm(ctx, purposeEmail, form)
}

// UndoForm reads the form that takes a change back. Refuses: link-gone.
func (c *Core) UndoForm(ctx context.Context, form string) (*EmailForm, error) {
	return c.emailForm(ctx, purposeUndo, form)
}

func (c *Core) emailForm(ctx context.Context, purpose, form string) (*EmailForm, error) {
	r := c.read(ctx)
	l, err := c.linkByForm(r, purpose, form)
	if err != nil {
		return nil, err
	}
	ch, err := emailChangeOf(r, purpose, l)
	if err != nil {
		return nil, err
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, ch.userID, ch.teamID)
	if err != nil {
		return nil, err
	}
	if purpose == purposeEmail && foldEmail(u.email) != foldEmail(ch.fromEmail) {
		return nil, refuse(LinkGone)
	}
	return &EmailForm{From: ch.fromEmail, To: ch.toEmail, Language: u.language}, nil
}

// emailChangeOf reads the change behind a link, while there is something for it to do.
// Refuses: link-gone.
func emailChangeOf(r reader, purpose string, l *linkRow) (*emailChange, error) {
	column := "confirm_link"
	if purpose == purposeUndo {
		column = "undo_link"
	}
	ch := new(emailChange)
	err := r.row(`SELECT id, team_id, user_id, from_email, to_email, changed_at, undone_at FROM email_changes WHERE `+column+` = $1 AND user_id = $2 AND team_id = $3`,
		l.id, l.userID, l.teamID).Scan(&ch.id, &ch.teamID, &ch.userID, &ch.fromEmail, &ch.toEmail, &ch.changedAt, &ch.undoneAt)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (ch.undoneAt != 0 || (ch.changedAt != 0) != (purpose == purposeUndo)) {
		return nil, refuse(LinkGone)
	}
	return ch, err
}

// ConfirmEmailChange makes the new address the account's: from now on it signs in,
// and the one before does not. The one before is told, with a link that takes the
// change back for three days. Links that went to it are dead. form is what
// OpenEmailLink gave, or the link's own token.
// Refuses: link-gone, email-taken.
func (c *Core) ConfirmEmailChange(ctx context.Context, by Actor, form string) (email string, err error) {
	return c.changeByLink(ctx, purposeEmail, form, func(t *tx, u *userRow, ch *emailChange) (string, error) {
		// Another change was quicker, or the account was restarted in between (R15).
		if u.status != StatusActive || u.contained(t.now) || foldEmail(u.email) != foldEmail(ch.fromEmail) {
			return "", refuse(LinkGone)
		}
		if err := t.mayHaveAddress(ch.toEmail, u.id); IsRefusal(err, EmailTaken) {
			return "", refuse(EmailTaken) // of a form without that field
		} else if err != nil {
			return "", err
		}
		before := u.email
		if err := t.setEmail(u, ch.toEmail); err != nil {
			return "", err
		}
		if err := t.revokeLinks(u); err != nil {
			return "", err
		}
		undo, err := t.addLink(purposeUndo, u.teamID, u.id, undoLinkLasts)
		if err != nil {
			return "", err
		}
		if err := t.must(refuse(LinkGone), `UPDATE email_changes SET changed_at = $1, undo_link = $2, undo_until = $3 WHERE id = $4 AND user_id = $5 AND team_id = $6 AND changed_at = 0`,
			ms(t.now), undo.id, ms(undo.ExpiresAt), ch.id, u.id, u.teamID); err != nil {
			return "", err
		}
		there := addresseeOf(u)
		there.email = before
		if err := t.queueLetterTo(there, LetterEmailChanged, by.origin, letterArgs(u, map[string]any{"email": before, "to": u.email, "at": undo.ExpiresAt}), &letterLink{"/email/undo/" + undo.Token, undo.ExpiresAt}); err != nil {
			return "", err
		}
		if err := t.queueLetter(LetterEmailNew, u, by.origin, map[string]any{"from": before}); err != nil {
			return "", err
		}
		return u.email, t.record(eventOf{event: EventEmailChanged, by: by, actor: u, target: u, details: map[string]any{"change": ch.id, "from": before, "to": u.email}})
	})
}

// UndoEmailChange takes a change of address back, for whoever has the mailbox before
// it. It restores and takes away, and gives nothing: the address is the one before,
// later changes are undone with it, every session ends, remembered devices, half-done
// sign-ins and links are forgotten, and the next sign-in asks for a new password.
// form is what OpenUndoLink gave, or the link's own token. Refuses: link-gone,
// email-taken.
func (c *Core) UndoEmailChange(ctx context.Context, by Actor, form string) (email string, err error) {
	return c.changeByLink(ctx, purposeUndo, form, func(t *tx, u *userRow, ch *emailChange) (string, error) {
		after := u.email
		if err := t.setEmail(u, ch.fromEmail); err != nil {
			return "", err
		}
		if _, err := t.exec(`UPDATE email_changes SET undone_at = $1 WHERE user_id = $2 AND team_id = $3 AND undone_at = 0 AND (id = $4 OR changed_at >= $5)`,
			ms(t.now), u.id, u.teamID, ch.id, ch.changedAt); err != nil {
			return "", err
		}
		ended, err := t.endSessions(u, EndedEmailUndone, "")
		if err != nil {
			return "", err
		}
		if _, err := t.deleteDevices(u); err != nil {
			return "", err
		}
		if err := t.deleteAttempts(u); err != nil {
			return "", err
		}
		if err := t.revokeLinks(u); err != nil {
			return "", err
		}
		if err := t.demandNewPassword(u); err != nil {
			return "", err
		}
		if err := t.dropNotifyAddressSince(by, u, ch.changedAt); err != nil {
			return "", err
		}
		if err := t.queueLetter(LetterEmailUndone, u, by.origin, map[string]any{"from": after}); err != nil {
			return "", err
		}
		if there := addresseeOf(u); after != u.email {
			there.email = after
			if err := t.queueLetterTo(there, LetterEmailUndone, by.origin, letterArgs(u, map[string]any{"from": after}), nil); err != nil {
				return "", err
			}
		}
		return u.email, t.record(eventOf{event: EventEmailUndone, by: by, actor: u, target: u, details: map[string]any{
			"change": ch.id, "from": after, "to": u.email, "sessions_ended": ended,
		}})
	})
}

// changeByLink runs an act that a link allows, and uses the link up with it.
func (c *Core) changeByLink(ctx context.Context, purpose, form string, act func(*tx, *userRow, *emailChange) (string, error)) (email string, err error) {
	if form, err = c.formOf(ctx, purpose, form); err != nil {
		return "", err
	}
	l, err := c.linkByForm(c.read(ctx), purpose, form)
	if err != nil {
		return "", err
	}
	err = c.write(ctx, func(t *tx) error {
		u, err := t.lockUser(l.teamID, l.userID)
		if err != nil {
			return orGone(err)
		}
		if err := t.useLink(l); err != nil {
			return err
		}
		ch, err := emailChangeOf(t, purpose, l)
		if err != nil {
			return err
		}
		email, err = act(t, u, ch)
		return err
	})
	return email, err
}

func (t *tx) forgetOldEmailChanges() error {
	_, err := t.exec(`DELETE FROM email_changes WHERE asked_at < $1 AND undo_until < $1`, ms(t.now.Add(-30*day)))
	return err
}
