package core

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
)

// "This was not me": every letter about a change to an account carries a link with
// which whoever reads the letter can take access away, and nothing else. It needs no
// sign-in, for the reader may be shut out already. So it is made for the case that a
// stranger reads the letter: one letter works once; it answers for every letter
// before it too; and three a day are enough.

const (
	// NotMeLasts is for how long the link of a letter works.
	NotMeLasts = 7 * day
	// notMeMost is how many letters of one person count within a day.
	notMeMost = 3
	notMeMAC  = 16 // bytes
)

// notMeToken is signed and no row: whose letter it is, which one, of what kind and
// when. It is made when the letter is put into words, and stored nowhere. "" where
// there is nothing of one's own account to take away.
func (c *Core) notMeToken(letterID, userID string, kind LetterKind, createdAt int64) string {
	letter, err := uuid.Parse(letterID)
	user, err2 := uuid.Parse(userID)
	if errors.Join(err, err2) != nil || kind == LetterRemoved {
		return ""
	}
	body := append(letter[:], user[:]...)
	body = append(binary.BigEndian.AppendUint64(body, uint64(createdAt)), kind...)
	return base64.RawURLEncoding.EncodeToString(append(c.keys.MAC("not-me", body)[:notMeMAC], body...))
}

type notMeLetter struct {
	id, userID string
	kind       LetterKind
	at         int64
}

// readNotMe reads a token. Refuses: link-gone.
func (c *Core) readNotMe(token string) (*notMeLetter, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cut(token, 256))
	const head = 16 + 16 + 8
	if err != nil || len(raw) <= notMeMAC+head {
		return nil, refuse(LinkGone)
	}
	body := raw[notMeMAC:]
	if !hmac.Equal(raw[:notMeMAC], c.keys.MAC("not-me", body)[:notMeMAC]) {
		return nil, refuse(LinkGone)
	}
	l := &notMeLetter{
		id: uuid.UUID(body[:16]).String(), userID: uuid.UUID(body[16:32]).String(),
		at: int64(binary.BigEndian.Uint64(body[32:head])), kind: LetterKind(body[head:]),
	}
	if !c.Now().Before(at(l.at).Add(NotMeLasts)) {
		return nil, refuse(LinkGone)
	}
	return l, nil
}

// freezes: who did not ask for a restart did not activate after it either.
func (l *notMeLetter) freezes() bool { return l.kind == LetterRestarted }

// NotMe is what the page of such a link shows.
type NotMe struct {
	Email, Name, Team, Language string
	Letter                      LetterKind
	At                          time.Time // when the letter was written
	Freezes                     bool      // it closes the account, and does not only end its sessions
	Sole                        bool      // … of the only owner: the console opens it again, and nobody of the team
	Done                        bool      // this letter, or one after it, was answered so already
	SessionsEnded               int       // of ReportNotMe
}

// OpenNotMe reads what a letter's link is about. It consumes nothing: mail scanners
// open links too (R9). Refuses: link-gone.
func (c *Core) OpenNotMe(ctx context.Context, token string) (*NotMe, error) {
	l, err := c.readNotMe(token)
	if err != nil {
		return nil, err
	}
	r := c.read(ctx)
	u, err := oneUser(r, `u.id = $1`, l.userID)
	if IsRefusal(err, Missing) {
		return nil, refuse(LinkGone)
	}
	if err != nil {
		return nil, err
	}
	done, _, err := l.answered(r, u, c.Now())
	if err != nil {
		return nil, err
	}
	return l.view(r, u, done)
}

func (l *notMeLetter) view(r reader, u *userRow, done bool) (*NotMe, error) {
	v := &NotMe{Email: u.email, Name: u.name, Team: u.teamName, Language: u.language, Letter: l.kind, At: at(l.at), Freezes: l.freezes(), Done: done}
	owners, err := activeOwners(r, u.teamID, 2)
	v.Sole = isLastOwner(u, owners)
	return v, err
}

// answered says whether the letter is answered for: itself, or by the answer to a
// later one, since which no session is left that was open before. And how many of
// the person's letters were answered today.
func (l *notMeLetter) answered(r reader, u *userRow, now time.Time) (done bool, today int, err error) {
	var itself int
	var handled int64
	if err := r.row(`SELECT COALESCE(SUM(CASE WHEN letter_id = $4 THEN 1 ELSE 0 END), 0), COALESCE(MAX(at), 0), COALESCE(SUM(CASE WHEN at > $3 THEN 1 ELSE 0 END), 0)
		FROM not_me_reports WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID, ms(now.Add(-day)), l.id).Scan(&itself, &handled, &today); err != nil {
		return false, 0, err
	}
	frozen, err := lastFrozen(r, u)
	return itself > 0 || l.at < max(handled, frozen), today, err
}

// ReportNotMe is what somebody does who did not do what their letter tells. Sessions,
// remembered devices, links and whatever is half done end, and the next sign-in asks
// for a new password; after a restart that they did not ask for the account is frozen.
// The owners are told. Said again, it changes nothing.
// Refuses: link-gone, too-many-reports.
func (c *Core) ReportNotMe(ctx context.Context, by Actor, token string) (*NotMe, error) {
	l, err := c.readNotMe(token)
	if err != nil {
		return nil, err
	}
	found, err := oneUser(c.read(ctx), `u.id = $1`, l.userID)
	if IsRefusal(err, Missing) {
		return nil, refuse(LinkGone)
	}
	if err != nil {
		return nil, err
	}
	var done *NotMe
	err = c.write(ctx, func(t *tx) error {
		if err := t.lockTeam(found.teamID); err != nil {
			return err
		}
		u, err := t.lockUser(found.teamID, found.id)
		if IsRefusal(err, Missing) {
			return refuse(LinkGone)
		}
		if err != nil {
			return err
		}
		if done, err = l.view(t, u, true); err != nil {
			return err
		}
		again, today, err := l.answered(t, u, t.now)
		switch {
		case err != nil:
			return err
		case again:
			t.endsAccess() // the first may still be waiting for other processes to forget
			t.nothingToRecord()
			return nil
		case today >= notMeMost:
			r := refuse(TooManyReports)
			r.RetryAfter = day
			return r
		}
		if err := t.must(refuse(LinkGone), `INSERT INTO not_me_reports (letter_id, team_id, user_id, kind, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (letter_id) DO NOTHING`,
			l.id, u.teamID, u.id, string(l.kind), ms(t.now)); err != nil {
			return err
		}
		done.SessionsEnded, err = t.disown(by, u, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// disown takes away what somebody else may hold of an account.
func (t *tx) disown(by Actor, u *userRow, l *notMeLetter) (ended int, err error) {
	why := EndedNotMe
	if l.freezes() {
		why = EndedFrozen
	}
	if ended, err = t.endSessions(u, why, ""); err != nil {
		return 0, err
	}
	details := map[string]any{"letter": l.kind, "sessions_ended": ended, "freezes": l.freezes()}
	if err := t.record(eventOf{event: EventNotMeReported, by: by, target: u, details: details}); err != nil {
		return 0, err
	}
	if err := t.dropNotifyAddressSince(by, u, l.at); err != nil {
		return 0, err
	}
	if l.freezes() {
		return ended, t.freeze(by, nil, u, FrozenNotMe, details)
	}
	if _, err := t.deleteDevices(u); err != nil {
		return 0, err
	}
	for _, forget := range []func(*userRow) error{t.deleteAttempts, t.deleteActivations, t.revokeLinks, t.deleteLanes, t.demandNewPassword} {
		if err := forget(u); err != nil {
			return 0, err
		}
	}
	if err := t.endRequest(by, nil, u, RequestEnded, EndedByNotMe); err != nil {
		return 0, err
	}
	if l.kind == LetterNewDevice || l.kind == LetterNewDevicePassword {
		if err := t.forgetBrowsers(u); err != nil {
			return 0, err
		}
	}
	return ended, nil
}
