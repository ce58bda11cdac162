package core

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// LetterKind names a letter; the mail room has its words.
type LetterKind string

const (
	LetterActivated       LetterKind = "activated"
	LetterDeactivated     LetterKind = "deactivated"
	LetterRestarted       LetterKind = "restarted"
	LetterRestartedOwners LetterKind = "restarted_owners"
	LetterCodeUsed        LetterKind = "code_used"
	LetterCodesLow        LetterKind = "codes_low"
	LetterCodesNone       LetterKind = "codes_none"
	LetterCodesNew        LetterKind = "codes_new"
	LetterReplay          LetterKind = "replay"
	LetterRoleChanged     LetterKind = "role_changed"
	LetterSuspended       LetterKind = "suspended"
	LetterBroughtBack     LetterKind = "brought_back"
	LetterRemoved         LetterKind = "removed"

	LetterDeviceRemembered LetterKind = "device_remembered"
	LetterDeviceReused     LetterKind = "device_reused"
	LetterPolicyChanged    LetterKind = "policy_changed"

	LetterNewDevice         LetterKind = "device"          // a sign-in with both steps
	LetterNewDevicePassword LetterKind = "device_password" // … with the password alone
	LetterPassVoid          LetterKind = "pass_void"
	LetterPassVoidOwners    LetterKind = "pass_void_owners"
	LetterLimit             LetterKind = "limit"
	LetterPersonLimit       LetterKind = "person_limit"
)

// Letter is one letter of the queue. Args hold what its sentences name; never a
// code, a key or a password (R10). At, Address and Device tell when and from where.
type Letter struct {
	ID        string // also its Message-ID: stable over every try to send it
	Kind      LetterKind
	Recipient string // the address
	Name      string
	Language  string // "" for the default
	At        time.Time
	Address   string
	Device    string
	Args      map[string]any
	Tries     int
}

const letterLease = time.Minute

// queueLetter puts a letter to a person into the queue, in this transaction.
// Somebody without an address that is theirs yet (invited) gets none.
func (t *tx) queueLetter(kind LetterKind, to *userRow, from Origin, args map[string]any) error {
	if to == nil || to.email == "" || to.status == StatusInvited {
		return nil
	}
	all := map[string]any{"email": to.email, "team": to.teamName, "address": from.Address, "device": from.Device}
	for k, v := range args {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write the letter %s: %w", kind, err)
	}
	_, err = t.exec(`INSERT INTO outbox (id, team_id, user_id, kind, recipient, name, language, args, state, run_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'ready', $9, $10)`,
		newID(), to.teamID, to.id, string(kind), to.email, to.name, to.language, string(text), ms(t.now), ms(t.now))
	if err != nil {
		return fmt.Errorf("queue the letter %s: %w", kind, err)
	}
	return nil
}

// queueLetterToOwners tells every active owner of the team but the person
// themself, who gets a letter of their own.
func (t *tx) queueLetterToOwners(kind LetterKind, about *userRow, from Origin, args map[string]any) error {
	return t.queueLetterToOwnersBut(about.id, kind, about, from, args)
}

// queueLetterToAllOwners tells every active owner of the team, the actor too.
func (t *tx) queueLetterToAllOwners(kind LetterKind, actor *userRow, from Origin, args map[string]any) error {
	return t.queueLetterToOwnersBut("", kind, actor, from, args)
}

func (t *tx) queueLetterToOwnersBut(except string, kind LetterKind, about *userRow, from Origin, args map[string]any) error {
	owners, err := listUsers(t, `u.team_id = $1 AND u.role = 'owner' AND u.status = 'active' AND u.id <> $2`, about.teamID, except)
	if err != nil {
		return err
	}
	for _, o := range owners {
		if err := t.queueLetter(kind, o, from, args); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) letterQueuedSince(kind LetterKind, to *userRow, since time.Time) (bool, error) {
	var n int
	err := t.row(`SELECT COUNT(*) FROM outbox WHERE team_id = $1 AND user_id = $2 AND kind = $3 AND created_at > $4`,
		to.teamID, to.id, string(kind), ms(since)).Scan(&n)
	return n > 0, err
}

// ClaimLetters takes up to limit waiting letters for a minute: a sender that dies
// in between loses none. Two senders never claim one letter at once.
func (c *Core) ClaimLetters(ctx context.Context, limit int) ([]Letter, error) {
	var letters []Letter
	err := c.keepCount(ctx, func(t *tx) error {
		letters = nil
		// The guard stands outside the sub-select too: PostgreSQL re-checks only the
		// outer WHERE after waiting for a row, and would hand it to a second worker.
		return t.each(`UPDATE outbox SET lease_until = $1, attempts = attempts + 1
			WHERE id IN (SELECT id FROM outbox WHERE state = 'ready' AND lease_until <= $2 AND run_at <= $2 ORDER BY run_at, id LIMIT $3)
			  AND state = 'ready' AND lease_until <= $2
			RETURNING id, kind, recipient, name, language, args, created_at, attempts`,
			[]any{ms(t.now.Add(letterLease)), ms(t.now), limit}, func(scan func(...any) error) error {
				var l Letter
				var kind, args string
				var created int64
				if err := scan(&l.ID, &kind, &l.Recipient, &l.Name, &l.Language, &args, &created, &l.Tries); err != nil {
					return err
				}
				l.Kind, l.At = LetterKind(kind), at(created)
				if err := json.Unmarshal([]byte(args), &l.Args); err != nil {
					return fmt.Errorf("read letter %s: %w", l.ID, err)
				}
				l.Address, _ = l.Args["address"].(string)
				l.Device, _ = l.Args["device"].(string)
				letters = append(letters, l)
				return nil
			})
	})
	slices.SortFunc(letters, func(a, b Letter) int { return cmp.Compare(a.ID, b.ID) }) // ids are in the order of time
	return letters, err
}

// LetterSent takes a letter off the queue.
func (c *Core) LetterSent(ctx context.Context, id string) error {
	return c.keepCount(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE outbox SET state = 'sent', sent_at = $1 WHERE id = $2 AND state = 'ready'`, ms(t.now), id)
		return err
	})
}
