package core

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"
)

// A second address for the letters about an account (NIST SP 800-63B-4 §4.6): who
// takes over the one mailbox still cannot act unseen. It is for being told alone: no
// link to get in by ever goes there.
const (
	purposeNotifyAddress = "notification-address"
	notifyLinkLasts      = day

	// notifyAsksMost is how many letters a day somebody may have sent to addresses
	// that they typed: a stranger's mailbox is not theirs to fill.
	notifyAsksMost = 5
)

// NotifyAddress is a person's second address.
type NotifyAddress struct {
	Email        string // "" for none
	VerifiedAt   time.Time
	Waiting      string // asked for and not yet verified; "" for none
	WaitingUntil time.Time
}

type notifyRow struct {
	email, waiting      string
	verifiedAt, askedAt int64
	factors             []byte
}

// notifyAddressOf reads a person's row, all empty when there is none.
func notifyAddressOf(r reader, u *userRow) (n notifyRow, err error) {
	err = r.row(`SELECT email, verified_at, waiting, asked_at, factors FROM notification_addresses WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).
		Scan(&n.email, &n.verifiedAt, &n.waiting, &n.askedAt, &n.factors)
	if errors.Is(err, sql.ErrNoRows) {
		return notifyRow{}, nil
	}
	return n, err
}

func (n notifyRow) view(now time.Time) *NotifyAddress {
	v := &NotifyAddress{Email: n.email, VerifiedAt: at(n.verifiedAt)}
	if until := at(n.askedAt).Add(notifyLinkLasts); n.waiting != "" && now.Before(until) {
		v.Waiting, v.WaitingUntil = n.waiting, until
	}
	return v
}

// verifiedSecondAddress is where letters about a person go besides their own
// address; "" for nowhere.
func verifiedSecondAddress(r reader, u *userRow) (string, error) {
	n, err := notifyAddressOf(r, u)
	return n.email, err
}

// NotificationAddress is the actor's second address. Refuses: not-signed-in,
// password-change-required, activation-required.
func (c *Core) NotificationAddress(ctx context.Context, by Actor) (*NotifyAddress, error) {
	r := c.read(ctx)
	u, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	n, err := notifyAddressOf(r, u)
	if err != nil {
		return nil, err
	}
	return n.view(c.Now()), nil
}

// mayChangeNotifyAddress: whoever decides where the warnings go decides who is
// warned, so it takes what a change of the address itself takes (R8, R15).
func mayChangeNotifyAddress(u *userRow, s *sessionRow, now time.Time) error {
	if err := needFull(u, now); err != nil {
		return err
	}
	if err := needStepUp(u, s, now); err != nil {
		return err
	}
	if u.contained(now) {
		return refuse(Contained).with("at", at(u.containedUntil))
	}
	return nil
}

// SetNotificationAddress has a one-use link sent to a second address; the one that
// holds so far goes on until that link was used. The person hears of it where they
// are known already. Refuses: not-signed-in, session-ended, activation-required,
// recovery-session, step-up-required, contained, email-invalid, same-address,
// too-many-letters.
func (c *Core) SetNotificationAddress(ctx context.Context, by Actor, email string) (*NotifyAddress, error) {
	var now *NotifyAddress
	err := c.write(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := mayChangeNotifyAddress(u, s, t.now); err != nil {
			return err
		}
		email, err := readEmail(email)
		if err != nil {
			return err
		}
		if foldEmail(email) == foldEmail(u.email) {
			return refuseField(SameAddress, "email")
		}
		n, err := notifyAddressOf(t, u)
		if err != nil {
			return err
		}
		if foldEmail(n.email) == foldEmail(email) {
			now = n.view(t.now)
			t.nothingToRecord() // it is that one
			return nil
		}
		if now, err = t.askForNotifyAddress(by, u, n, email); err != nil {
			return err
		}
		return t.record(eventOf{event: EventNotificationAddressAsked, by: by, actor: u, target: u, details: map[string]any{"email": email}})
	})
	return now, err
}

func (t *tx) askForNotifyAddress(by Actor, u *userRow, n notifyRow, email string) (*NotifyAddress, error) {
	sent, err := t.lettersQueuedSince(LetterNotifyConfirm, u, t.now.Add(-day))
	if err != nil {
		return nil, err
	}
	if sent >= notifyAsksMost {
		r := refuseField(TooManyLetters, "email").with("n", notifyAsksMost)
		r.RetryAfter = day
		return nil, r
	}
	factors, err := t.factorsOf(u, u.passwordHash)
	if err != nil {
		return nil, err
	}
	if _, err := t.exec(`INSERT INTO notification_addresses (user_id, team_id, waiting, asked_at, factors) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id) DO UPDATE SET waiting = excluded.waiting, asked_at = excluded.asked_at, factors = excluded.factors`,
		u.id, u.teamID, email, ms(t.now), factors); err != nil {
		return nil, err
	}
	l, err := t.makeLink(purposeNotifyAddress, u, notifyLinkLasts)
	if err != nil {
		return nil, err
	}
	to := addresseeOf(u)
	to.email = email
	args := letterArgs(u, map[string]any{"at": l.ExpiresAt.Format(time.RFC3339)})
	if err := t.queueLetterTo(to, LetterNotifyConfirm, by.origin, args, &letterLink{"/notification-address/" + l.Token, l.ExpiresAt}); err != nil {
		return nil, err
	}
	n.waiting, n.askedAt = email, ms(t.now)
	return n.view(t.now), nil
}

// OpenNotificationLink exchanges the token of a link for a form of 15 minutes; it
// consumes nothing. Refuses: link-gone.
func (c *Core) OpenNotificationLink(ctx context.Context, token string) (form string, err error) {
	return c.openLink(ctx, purposeNotifyAddress, token)
}

// NotificationForm is what the form asks: shall letters about this account go there?
type NotificationForm struct{ Name, Account, Team, Email, Language string }

// NotificationForm reads it. Refuses: link-gone.
func (c *Core) NotificationForm(ctx context.Context, form string) (*NotificationForm, error) {
	r := c.read(ctx)
	l, err := c.linkByForm(r, purposeNotifyAddress, form)
	if err != nil {
		return nil, err
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, l.userID, l.teamID)
	if IsRefusal(err, Missing) {
		return nil, refuse(LinkGone)
	}
	if err != nil {
		return nil, err
	}
	n, err := notifyAddressOf(r, u)
	if err != nil {
		return nil, err
	}
	if n.waiting == "" {
		return nil, refuse(LinkGone)
	}
	return &NotificationForm{Name: u.name, Account: u.email, Team: u.teamName, Email: n.waiting, Language: u.language}, nil
}

// ConfirmNotificationAddress is what the button of that form does: whoever reads the
// mailbox agrees. It needs no session, since people read mail on another device, and
// gives none. A change of password, role or factors since the asking takes it back
// (T-RESET-3): it may have been somebody else's. Refuses: link-gone.
func (c *Core) ConfirmNotificationAddress(ctx context.Context, by Actor, form string) (email string, err error) {
	l, err := c.linkByForm(c.read(ctx), purposeNotifyAddress, form)
	if err != nil {
		return "", err
	}
	err = c.write(ctx, func(t *tx) error {
		u, err := t.lockUser(l.teamID, l.userID)
		if IsRefusal(err, Missing) {
			return refuse(LinkGone)
		}
		if err != nil {
			return err
		}
		if err := t.useLink(l); err != nil {
			return err
		}
		n, err := notifyAddressOf(t, u)
		if err != nil {
			return err
		}
		factors, err := t.factorsOf(u, u.passwordHash)
		if err != nil {
			return err
		}
		if email = n.waiting; email == "" || u.status != StatusActive || !bytes.Equal(factors, n.factors) || foldEmail(email) == foldEmail(u.email) {
			return refuse(LinkGone)
		}
		// Before the change, so that the address that is replaced hears of it, and after
		// it the new one.
		if err := t.queueLetter(LetterNotifyVerified, u, by.origin, map[string]any{"other": email}); err != nil {
			return err
		}
		if err := t.must(refuse(LinkGone), `UPDATE notification_addresses SET email = waiting, verified_at = $1, waiting = '', factors = $5
			WHERE user_id = $2 AND team_id = $3 AND waiting = $4`, ms(t.now), u.id, u.teamID, email, []byte{}); err != nil {
			return err
		}
		to := addresseeOf(u)
		to.email = email
		if err := t.queueLetterTo(to, LetterNotifyVerified, by.origin, letterArgs(u, map[string]any{"other": email}), nil); err != nil {
			return err
		}
		return t.record(eventOf{event: EventNotificationAddressVerified, by: by, actor: u, target: u, details: map[string]any{"email": email}})
	})
	return email, err
}

// RemoveNotificationAddress takes the second address away, and the one that waits.
// Both addresses are told. Refuses: what SetNotificationAddress refuses of the
// session.
func (c *Core) RemoveNotificationAddress(ctx context.Context, by Actor) error {
	return c.write(ctx, func(t *tx) error {
		u, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := mayChangeNotifyAddress(u, s, t.now); err != nil {
			return err
		}
		n, err := notifyAddressOf(t, u)
		if err != nil {
			return err
		}
		if n.email == "" && n.waiting == "" {
			t.nothingToRecord()
			return nil
		}
		return t.dropNotifyAddress(by, u, u, n)
	})
}

func (t *tx) dropNotifyAddress(by Actor, actor, u *userRow, n notifyRow) error {
	// The event first: its letter still goes to both.
	if err := t.record(eventOf{event: EventNotificationAddressRemoved, by: by, actor: actor, target: u, details: map[string]any{"email": n.email}}); err != nil {
		return err
	}
	if err := t.deleteLinksFor(purposeNotifyAddress, u); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM notification_addresses WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

// dropNotifyAddressSince drops one that has counted since a moment or later: whoever
// got in then may have added it, and would read of all that the person does against it.
func (t *tx) dropNotifyAddressSince(by Actor, u *userRow, since int64) error {
	n, err := notifyAddressOf(t, u)
	if err != nil || n.email == "" || n.verifiedAt < since {
		return err
	}
	return t.dropNotifyAddress(by, nil, u, n)
}
