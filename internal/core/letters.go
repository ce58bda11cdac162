package core

import (
	"context"
	"time"
)

// DeadLetter is a letter that was given up, as an owner may see it: that there is
// one, to whom, since when and why. Never what it says, nor its link.
type DeadLetter struct {
	ID, Recipient, Name string
	Kind                LetterKind
	QueuedAt, GivenUpAt time.Time
	Tries               int
	Why                 LetterFailure
	Reply               string // the mail server's own words, "" for none
	HasLink             bool   // a one-use link, for which somebody waits
	MayNotResend        *Refusal
}

// deadLettersShown is how many an owner sees, the newest first.
const deadLettersShown = 100

// DeadLetters lists the team's letters that could not be delivered, and how many
// there are. Refuses: not-signed-in, activation-required, owner-only.
func (c *Core) DeadLetters(ctx context.Context, by Actor) (list []DeadLetter, total int, err error) {
	if r := NeedOwner.Meets(by.session, c.Now()); r != nil {
		return nil, 0, r
	}
	r, team := c.read(ctx), by.session.User.Team.ID
	if err := r.row(`SELECT COUNT(*) FROM outbox WHERE team_id = $1 AND state = 'dead'`, team).Scan(&total); err != nil {
		return nil, 0, err
	}
	err = r.each(`SELECT id, recipient, name, kind, created_at, dead_at, attempts, failure, reply, link_until FROM outbox
		WHERE team_id = $1 AND state = 'dead' ORDER BY dead_at DESC, id DESC LIMIT $2`, []any{team, deadLettersShown},
		func(scan func(...any) error) error {
			var l DeadLetter
			var queued, dead, until int64
			if err := scan(&l.ID, &l.Recipient, &l.Name, (*string)(&l.Kind), &queued, &dead, &l.Tries, (*string)(&l.Why), &l.Reply, &until); err != nil {
				return err
			}
			l.QueuedAt, l.GivenUpAt, l.HasLink = at(queued), at(dead), until > 0 || l.Why == LetterLinkOver
			if l.Why == LetterLinkOver || until > 0 && until <= ms(c.Now()) {
				l.MayNotResend = refuse(LetterLinkGone)
			}
			list = append(list, l)
			return nil
		})
	return list, total, err
}

// HasDeadLetters says whether there is something for the team's owners to look at.
// Everybody else hears of nothing.
func (c *Core) HasDeadLetters(ctx context.Context, by Actor) (bool, error) {
	if NeedOwner.Meets(by.session, c.Now()) != nil {
		return false, nil
	}
	var n int
	err := c.read(ctx).row(`SELECT COUNT(*) FROM (SELECT id FROM outbox WHERE team_id = $1 AND state = 'dead' LIMIT 1) AS dead`, by.session.User.Team.ID).Scan(&n)
	return n > 0, err
}

// ResendLetter puts a letter that was given up back into the queue, under the same
// Message-ID and with all its tries. Refuses: not-signed-in, session-ended,
// activation-required, recovery-session, owner-only, not-found, letter-not-dead,
// letter-link-gone.
func (c *Core) ResendLetter(ctx context.Context, by Actor, id string) error {
	if !isID(id) {
		return refuse(Missing)
	}
	return c.write(ctx, func(t *tx) error {
		u, s, err := t.actingOwner(by)
		if err != nil {
			return err
		}
		kind, recipient, err := t.requeueLetter(u.teamID, id)
		if err != nil {
			return err
		}
		if s.secondStep == SecondStepRecoveryCode {
			return refuse(RecoverySession) // R8: it deactivates its own 2-step and nothing else
		}
		return t.record(eventOf{event: EventLetterResent, by: by, actor: u, team: u.teamID, details: map[string]any{"letter": id, "kind": kind, "to": recipient}})
	})
}

// ResendLetters is ResendLetter for all of the team's that can be sent again, after
// a mail server was away for longer than they are tried; and how many those were.
// Refuses: what ResendLetter refuses of the actor.
func (c *Core) ResendLetters(ctx context.Context, by Actor) (n int, err error) {
	err = c.write(ctx, func(t *tx) error {
		u, s, err := t.actingOwner(by)
		if err != nil {
			return err
		}
		if n, err = t.requeueLetters(u.teamID); err != nil {
			return err
		}
		switch {
		case n == 0:
			t.nothingToRecord()
			return nil
		case s.secondStep == SecondStepRecoveryCode:
			return refuse(RecoverySession) // R8, as above; what was put back is undone with the refusal
		}
		return t.record(eventOf{event: EventLetterResent, by: by, actor: u, team: u.teamID, details: map[string]any{"letters": n}})
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// actingOwner is actingUser for what is an owner's alone. Refuses: not-signed-in,
// session-ended, activation-required, owner-only.
func (t *tx) actingOwner(by Actor) (*userRow, *sessionRow, error) {
	u, s, err := t.actingUser(by)
	if err != nil {
		return nil, nil, err
	}
	if err := needFull(u, t.now); err != nil {
		return nil, nil, err
	}
	if u.role != RoleOwner {
		return nil, nil, refuse(OwnerOnly)
	}
	return u, s, nil
}
