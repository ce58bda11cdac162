package core

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"doorstep/internal/seal"
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
	LetterBackupRestored   LetterKind = "backup_restored"

	LetterRoleChangedOwners LetterKind = "role_changed_owners"
	LetterSuspendedOwners   LetterKind = "suspended_owners"
	LetterBroughtBackOwners LetterKind = "brought_back_owners"
	LetterRemovedOwners     LetterKind = "removed_owners"
	LetterJoinedOwners      LetterKind = "joined_owners" // somebody accepted an invitation as owner or admin

	LetterActivatedAgain          LetterKind = "activated_again"
	LetterFrozen                  LetterKind = "frozen"
	LetterFrozenSole              LetterKind = "frozen_sole" // the only owner, for whom nobody of the team can do anything
	LetterFrozenOwners            LetterKind = "frozen_owners"
	LetterBroughtBackFrozen       LetterKind = "brought_back_frozen"
	LetterBroughtBackFrozenOwners LetterKind = "brought_back_frozen_owners"
	LetterNotMe                   LetterKind = "not_me"
	LetterNotMeOwners             LetterKind = "not_me_owners"
	LetterNotMeFrozenOwners       LetterKind = "not_me_frozen_owners"

	LetterNewDevice         LetterKind = "device"          // a sign-in with both steps
	LetterNewDevicePassword LetterKind = "device_password" // … with the password alone
	LetterPassVoid          LetterKind = "pass_void"
	LetterPassVoidOwners    LetterKind = "pass_void_owners"
	LetterLimit             LetterKind = "limit"
	LetterPersonLimit       LetterKind = "person_limit"

	LetterNotifyAsked    LetterKind = "notify_asked"
	LetterNotifyConfirm  LetterKind = "notify_confirm" // to the address that is to be verified, with the link
	LetterNotifyVerified LetterKind = "notify_verified"
	LetterNotifyRemoved  LetterKind = "notify_removed"
	LetterAsked          LetterKind = "asked"
	LetterAskedTeam      LetterKind = "asked_team"
	LetterAskRefused     LetterKind = "refused"

	LetterWrong           LetterKind = "wrong" // somebody may have your password
	LetterWrongOwners     LetterKind = "wrong_owners"
	LetterBlockedApp      LetterKind = "blocked_app"
	LetterBlockedCodes    LetterKind = "blocked_codes"
	LetterBlockedPassword LetterKind = "blocked_password"
	LetterInvite          LetterKind = "invite"       // to an address, with the link
	LetterInviteKnown     LetterKind = "invite_known" // to who has an account by it already
	LetterPasswordLink    LetterKind = "pwlink"
	LetterPasswordSet     LetterKind = "password_set" // with a link
	LetterPassword        LetterKind = "password"     // changed in a session
	LetterCodeUsedReset   LetterKind = "code_used_reset"
	LetterEmailConfirm    LetterKind = "email_confirm" // to the new address
	LetterEmailTaken      LetterKind = "email_taken"   // to an address that is somebody's
	LetterEmailAsked      LetterKind = "email_asked"   // to the present one
	LetterEmailChanged    LetterKind = "email_changed" // to the one before, with the way back
	LetterEmailNew        LetterKind = "email_new"     // to the one that holds now
	LetterEmailUndone     LetterKind = "email_undone"  // to both

	LetterHelpAsked    LetterKind = "help_asked" // a question of somebody of the team
	LetterHelpAdded    LetterKind = "help_added"
	LetterHelpAnswered LetterKind = "help_answered"
	LetterHelpStranger LetterKind = "help_stranger" // to whoever runs the server
)

// Letter is one letter of the queue. Args hold what its sentences name; never a
// code, a key or a password (R10). At, Address and Device tell when and from where.
type Letter struct {
	ID        string // also its Message-ID: stable over every try to send it
	Kind      LetterKind
	Recipient string // the address
	Name      string
	Language  string
	At        time.Time
	Address   string
	Device    string
	Args      map[string]any
	Link      string    // the path of its one-use link, below --url; "" for none
	NotMe     string    // the token of "this was not me"; see notme.go
	Tries     int       // with this one
	Until     time.Time // nobody else takes the letter before
}

// letterLease is how long a letter belongs to who claimed it: longer than sending
// all that was claimed with it can take, which the mail room's own test compares.
const letterLease = 5 * time.Minute

// addressee is whom a letter goes to. It need not be somebody's own address yet.
type addressee struct {
	teamID, userID        string // userID is "" for somebody without an account
	email, name, language string
}

func addresseeOf(u *userRow) addressee {
	return addressee{u.teamID, u.id, u.email, u.name, u.language}
}

// letterLink is the one-use link that a letter carries: its path with the token in
// it, such as "/set-password/TOKEN", and when it stops working. Where people reach
// us is for the mail room to put before it, from --url and nothing else: what a
// request says of hosts never gets into a letter.
type letterLink struct {
	path  string
	until time.Time
}

// queueLetter puts a letter to a person into the queue, in this transaction: to
// their own address and to the second one that they verified (NIST SP 800-63B-4
// §4.6). Somebody without an address that is theirs yet (invited) gets none.
func (t *tx) queueLetter(kind LetterKind, to *userRow, from Origin, args map[string]any) error {
	if to == nil || to.email == "" || to.status == StatusInvited {
		return nil
	}
	all := letterArgs(to, args)
	if err := t.queueLetterTo(addresseeOf(to), kind, from, all, nil); err != nil {
		return err
	}
	second, err := verifiedSecondAddress(t, to)
	if err != nil || second == "" || foldEmail(second) == foldEmail(to.email) {
		return err // they took the second for their own since
	}
	a := addresseeOf(to)
	a.email = second
	return t.queueLetterTo(a, kind, from, all, nil)
}

// queueLinkLetter queues a letter whose one link is a one-use link to the person's
// own address: forgotten password, "this was not me". It never goes to the second
// address, which is there to be told and not to get in by. The words of the kind
// name {link}; its shape in the mail room says carriesLink. The token is sealed for
// this letter and gone from the database when the letter is sent or the link is over.
func (t *tx) queueLinkLetter(kind LetterKind, to *userRow, from Origin, args map[string]any, path string, until time.Time) error {
	return t.queueLetterTo(addresseeOf(to), kind, from, letterArgs(to, args), &letterLink{path, until})
}

func letterArgs(to *userRow, args map[string]any) map[string]any {
	all := map[string]any{"email": to.email, "team": to.teamName}
	for k, v := range args {
		all[k] = v
	}
	return all
}

// queueLetterTo queues a letter to an address that is nobody's own yet: an
// invitation, an address to be verified. Its args name all that its sentences name.
func (t *tx) queueLetterTo(to addressee, kind LetterKind, from Origin, args map[string]any, link *letterLink) error {
	all := map[string]any{"address": from.Address, "device": from.Device}
	for k, v := range args {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write the letter %s: %w", kind, err)
	}
	id := newID()
	sealed, until := []byte{}, int64(0)
	if link != nil {
		if !isLinkPath(link.path) || link.until.IsZero() {
			return fmt.Errorf("queue the letter %s: its link is no path of ours, or has no end", kind)
		}
		if sealed, err = t.c.keys.Seal(placeOfLetterLink(to.teamID, to.userID, id), []byte(link.path)); err != nil {
			return err
		}
		until = ms(link.until)
	}
	_, err = t.exec(`INSERT INTO outbox (id, team_id, user_id, kind, recipient, name, language, args, state, run_at, created_at, sealed_link, link_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'ready', $9, $9, $10, $11)`,
		id, to.teamID, to.userID, string(kind), to.email, to.name, to.language, string(text), ms(t.now), sealed, until)
	if err != nil {
		return fmt.Errorf("queue the letter %s: %w", kind, err)
	}
	return nil
}

func placeOfLetterLink(teamID, userID, letterID string) seal.Place {
	return seal.Place{Kind: "letter link", Team: teamID, User: userID, Row: letterID}
}

// isLinkPath: a path of ours and a token, and nothing by which a mail program or a
// browser could take it for another host's.
func isLinkPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.Contains(path, "..") &&
		strings.Trim(path, "/-_.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == ""
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

// queueLettersOfRequest tells the person and everybody who may answer.
func (t *tx) queueLettersOfRequest(e eventOf) error {
	if err := t.queueLetter(LetterAsked, e.target, e.by.origin, nil); err != nil {
		return err
	}
	answering, err := mayAnswerFor(t, e.target, t.now)
	if err != nil {
		return err
	}
	for _, a := range answering {
		if err := t.queueLetter(LetterAskedTeam, a, e.by.origin, map[string]any{"name": e.target.name, "request": e.details["request"]}); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) letterQueuedSince(kind LetterKind, to *userRow, since time.Time) (bool, error) {
	n, err := t.lettersQueuedSince(kind, to, since)
	return n > 0, err
}

func (t *tx) lettersQueuedSince(kind LetterKind, to *userRow, since time.Time) (n int, err error) {
	err = t.row(`SELECT COUNT(*) FROM outbox WHERE team_id = $1 AND user_id = $2 AND kind = $3 AND created_at > $4`,
		to.teamID, to.id, string(kind), ms(since)).Scan(&n)
	return n, err
}

// MailConfigured says whether this server can send mail. Without it letters are
// printed where the operator sees them, so what waits for one says so, and an
// invitation shows its link.
func (c *Core) MailConfigured() bool { return c.mail }

// ClaimLetters takes up to limit waiting letters for five minutes: a sender that
// dies in between loses none. Two senders never claim one letter at once. A letter
// whose link is over is of no use to anybody and goes to the dead ones.
func (c *Core) ClaimLetters(ctx context.Context, limit int) ([]Letter, error) {
	var letters []Letter
	err := c.keepCount(ctx, func(t *tx) error {
		letters = nil
		if _, err := t.exec(`UPDATE outbox SET state = 'dead', dead_at = $1, failure = 'link-over', sealed_link = $2, link_until = 0
			WHERE state = 'ready' AND link_until > 0 AND link_until <= $1 AND lease_until <= $1`, ms(t.now), []byte{}); err != nil {
			return err
		}
		// The guard stands outside the sub-select too: PostgreSQL re-checks only the
		// outer WHERE after waiting for a row, and would hand it to a second worker.
		return t.each(`UPDATE outbox SET lease_until = $1, attempts = attempts + 1
			WHERE id IN (SELECT id FROM outbox WHERE state = 'ready' AND lease_until <= $2 AND run_at <= $2 ORDER BY run_at, id LIMIT $3)
			  AND state = 'ready' AND lease_until <= $2
			RETURNING id, team_id, user_id, kind, recipient, name, language, args, created_at, attempts, lease_until, sealed_link`,
			[]any{ms(t.now.Add(letterLease)), ms(t.now), limit}, func(scan func(...any) error) error {
				l, err := c.scanLetter(scan)
				if err == nil {
					letters = append(letters, l)
				}
				return err
			})
	})
	slices.SortFunc(letters, func(a, b Letter) int { return cmp.Compare(a.ID, b.ID) }) // ids are in the order of time
	return letters, err
}

func (c *Core) scanLetter(scan func(...any) error) (l Letter, err error) {
	var team, user, kind, args string
	var created, until int64
	var sealed []byte
	if err := scan(&l.ID, &team, &user, &kind, &l.Recipient, &l.Name, &l.Language, &args, &created, &l.Tries, &until, &sealed); err != nil {
		return l, err
	}
	l.Kind, l.At, l.Until = LetterKind(kind), at(created), at(until)
	l.NotMe = c.notMeToken(l.ID, user, l.Kind, created)
	if err := json.Unmarshal([]byte(args), &l.Args); err != nil {
		return l, fmt.Errorf("read letter %s: %w", l.ID, err)
	}
	l.Address, _ = l.Args["address"].(string)
	l.Device, _ = l.Args["device"].(string)
	if len(sealed) > 0 {
		// One that does not open leaves the letter without its link: the mail room
		// refuses to write it, and the letters behind it still go.
		if path, err := c.keys.Open(placeOfLetterLink(team, user, l.ID), sealed); err == nil {
			l.Link = string(path)
		}
	}
	return l, nil
}

// LetterSent takes a letter off the queue; the token of its link goes with it.
func (c *Core) LetterSent(ctx context.Context, id string) error {
	return c.keepCount(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE outbox SET state = 'sent', sent_at = $1, sealed_link = $3, failure = '', reply = '' WHERE id = $2 AND state = 'ready'`, ms(t.now), id, []byte{})
		return err
	})
}

// LetterFailure is why a letter could not be sent.
type LetterFailure string

const (
	LetterUnreachable LetterFailure = "unreachable" // no mail server could be talked to
	LetterDelayed     LetterFailure = "delayed"     // it said: later
	LetterRefused     LetterFailure = "refused"     // it said: never, of this address or this letter
	LetterUnwritable  LetterFailure = "unwritable"  // we could not put it into words
	LetterLinkOver    LetterFailure = "link-over"   // its link worked no longer
)

// How long a letter is tried. After each failure it waits a minute, doubling to an
// hour, which makes about three days: a mail server that is away for one loses
// nothing. What a server refuses for good is tried twice more all the same, since
// full or misconfigured ones say so by mistake.
const (
	letterFirstWait   = time.Minute
	letterLastWait    = time.Hour
	letterRefusedWait = 30 * time.Minute // the least wait after a refusal
	letterTries       = 77
	letterRefusals    = 3
	letterLongReply   = 200 // characters
)

func letterWait(tries int) time.Duration {
	wait := letterFirstWait
	for ; tries > 1 && wait < letterLastWait; tries-- {
		wait *= 2
	}
	return min(wait, letterLastWait)
}

// LetterFailed lets a claimed letter wait for its next try, or gives it up: an owner
// sees it then, and may have it sent again. reply is what the mail server answered.
// Whoever claimed it meanwhile, because this sender took too long, is left alone.
func (c *Core) LetterFailed(ctx context.Context, l Letter, why LetterFailure, reply string) (dead bool, err error) {
	err = c.keepCount(ctx, func(t *tx) error {
		refused, wait := 0, letterWait(l.Tries)
		if why == LetterRefused {
			refused, wait = 1, max(wait, letterRefusedWait)
		}
		var refusals int64
		err := t.each(`UPDATE outbox SET lease_until = 0, run_at = $1, failure = $2, reply = $3, refusals = refusals + $4
			WHERE id = $5 AND state = 'ready' AND attempts = $6 RETURNING refusals`,
			[]any{ms(t.now.Add(wait)), string(why), cut(reply, letterLongReply), refused, l.ID, l.Tries},
			func(scan func(...any) error) error { return scan(&refusals) })
		if err != nil || l.Tries < letterTries && refusals < letterRefusals {
			return err
		}
		n, err := t.exec(`UPDATE outbox SET state = 'dead', dead_at = $1 WHERE id = $2 AND state = 'ready' AND attempts = $3`, ms(t.now), l.ID, l.Tries)
		dead = n == 1
		return err
	})
	return dead, err
}

// ReturnLetters gives claimed letters back that were not tried at all, because the
// mail server could not be reached for another one. It costs them nothing.
func (c *Core) ReturnLetters(ctx context.Context, letters []Letter) error {
	return c.keepCount(ctx, func(t *tx) error {
		for _, l := range letters {
			if _, err := t.exec(`UPDATE outbox SET lease_until = 0, attempts = attempts - 1 WHERE id = $1 AND state = 'ready' AND attempts = $2`, l.ID, l.Tries); err != nil {
				return err
			}
		}
		return nil
	})
}

// requeueLetter gives a dead letter all its tries again. Of two owners one does it.
// Refuses: not-found, letter-not-dead, letter-link-gone.
func (t *tx) requeueLetter(teamID, id string) (kind, recipient string, err error) {
	var state, failure string
	var until int64
	err = t.row(`SELECT kind, recipient, state, failure, link_until FROM outbox WHERE id = $1 AND team_id = $2`, id, teamID).Scan(&kind, &recipient, &state, &failure, &until)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", "", refuse(Missing)
	case err != nil:
		return "", "", err
	case state != "dead":
		return "", "", refuse(LetterNotDead)
	case failure == string(LetterLinkOver) || until > 0 && until <= ms(t.now):
		return "", "", refuse(LetterLinkGone)
	}
	return kind, recipient, t.must(refuse(LetterNotDead), `UPDATE outbox SET state = 'ready', attempts = 0, refusals = 0, lease_until = 0, run_at = $1, dead_at = 0
		WHERE id = $2 AND team_id = $3 AND state = 'dead'`, ms(t.now), id, teamID)
}

// requeueLetters does it for all of a team's whose links still work.
func (t *tx) requeueLetters(teamID string) (int, error) {
	n, err := t.exec(`UPDATE outbox SET state = 'ready', attempts = 0, refusals = 0, lease_until = 0, run_at = $1, dead_at = 0
		WHERE team_id = $2 AND state = 'dead' AND failure <> 'link-over' AND (link_until = 0 OR link_until > $1)`, ms(t.now), teamID)
	return int(n), err
}

const (
	sentLettersKept = 30 * day // what was told when, for whoever asks; longer than any look back
	deadLettersKept = 90 * day
)

// forgetOldLetters also takes the tokens of links that work no longer.
func (t *tx) forgetOldLetters() error {
	if _, err := t.exec(`UPDATE outbox SET sealed_link = $2, link_until = 0, failure = CASE state WHEN 'dead' THEN 'link-over' ELSE failure END
		WHERE link_until > 0 AND link_until <= $1 AND state <> 'ready'`, ms(t.now), []byte{}); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM outbox WHERE state = 'sent' AND sent_at < $1 OR state = 'dead' AND dead_at < $2`,
		ms(t.now.Add(-sentLettersKept)), ms(t.now.Add(-deadLettersKept)))
	return err
}
