package core

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

// This file answers "who is this request?": from memory (sessioncache.go) where an
// answer is fresh enough, else from one row.

// Session answers "who is this request?", from memory where the answer is less
// than a lease old (see sessioncache.go). What it returns is shared: nobody
// changes it. Refuses: not-signed-in (no such token), session-ended with the reason.
func (c *Core) Session(ctx context.Context, token string) (*Session, error) {
	return c.answered(ctx, token, tokenOfSession)
}

// answered is Session for either kind of token.
func (c *Core) answered(ctx context.Context, token, kind string) (*Session, error) {
	key, ok := keyOf(token, kind)
	if !ok {
		return nil, refuse(NotSignedIn)
	}
	c.sessions.noteAsked()
	own, now := c.moment()
	if s := c.sessions.get(key, own, now); s != nil {
		return s, nil
	}
	return c.sessions.readOnce(ctx, key, func() int64 { return c.clock().UnixMilli() }, func(ctx context.Context) (*answer, error) {
		row, u, err := c.sessionRow(ctx, token, kind)
		if err != nil {
			return nil, err
		}
		now := c.Now()
		if why := whyOver(row, u, now); why != "" {
			return nil, sessionEnded(why)
		}
		if ms(now)-row.lastSeenAt >= seenEvery.Milliseconds() {
			row.lastSeenAt = ms(now)
			c.seen.note(row)
		}
		from, until := looksAlike(row, u, now)
		view := row.view(u, now)
		view.pack()
		return &answer{session: view, from: from, until: until}, nil
	})
}

// moment is now by the process's own time and by the clock, read once where they
// are one.
func (c *Core) moment() (own, now int64) {
	if c.realClock {
		t := time.Now()
		return int64(t.Sub(c.sessions.began)), t.UnixMilli()
	}
	return c.sessions.own(), c.clock().UnixMilli()
}

// pack moves what every answer to a proxy says into one piece of memory: ten
// thousand busy sessions do not fit into a processor's cache, and each piece of one
// is a wait.
func (s *Session) pack() {
	parts := [...]*string{&s.User.ID, &s.User.Email, &s.User.Name, &s.User.Team.ID}
	all := s.User.ID + s.User.Email + s.User.Name + s.User.Team.ID
	for _, part := range parts {
		*part, all = all[:len(*part)], all[len(*part):]
	}
	s.User.Role, s.SecondStep = known(s.User.Role, RoleOwner, RoleAdmin, RoleMember), known(s.SecondStep, SecondStepNone, SecondStepAuthenticator, SecondStepRecoveryCode)
}

// known is the constant that equals a text, in the place of its copy from a row.
func known[T ~string](text T, constants ...T) T {
	if i := slices.Index(constants, text); i >= 0 {
		return constants[i]
	}
	return text
}

// longestToken is of the two kinds the one for apps.
const longestToken = 96

// keyOf hashes a token that looks like one of ours. What does not is not worth a read.
func keyOf(token, kind string) (key answerKey, ok bool) {
	if len(token) < 32 || len(token) > longestToken {
		return key, false
	}
	var text [longestToken + 1]byte
	text[0] = kind[0]
	n := copy(text[1:], token)
	return sha256.Sum256(text[:n+1]), true
}

// looksAlike is the span of time around now in which a session and its user look
// as they do now: nothing runs out in it, and the session's last-seen time need
// not be written again.
func looksAlike(s *sessionRow, u *userRow, now time.Time) (from, until int64) {
	from, until = 0, min(s.expiresAt, s.lastSeenAt+s.idle, s.lastSeenAt+seenEvery.Milliseconds())
	for _, turn := range [...]int64{u.dueBy, u.containedUntil} {
		if turn <= ms(now) {
			from = max(from, turn)
		} else {
			until = min(until, turn)
		}
	}
	return from, until
}

// whyOver adds to the session's own end that of its user.
func whyOver(s *sessionRow, u *userRow, now time.Time) EndReason {
	if why := s.over(now); why != "" {
		return why
	}
	if u.status != StatusActive {
		return EndedSuspended
	}
	return ""
}

func sessionEnded(why EndReason) *Refusal {
	r := refuse(SessionEnded)
	r.Reason = why
	return r
}

// checkedColumns are what the check needs of a session and its user: every column
// more, and every table more, is felt where many sessions are in use.
const checkedColumns = `s.id, s.second_step, s.password_at, s.second_step_at, s.address, s.device, s.created_at, s.last_seen_at,
	s.idle_ms, s.expires_at, s.ended_at, s.end_reason, s.device_id, s.password_due,
	u.id, u.team_id, u.email, u.name, u.role, u.status, u.language, u.theme,
	u.two_step, u.due_by, u.due_reason, u.contained_until, u.created_at, u.last_sign_in_at`

const checkedRows = ` FROM sessions s JOIN users u ON u.id = s.user_id AND u.team_id = s.team_id WHERE `

func checkedFields(s *sessionRow, u *userRow) []any {
	return []any{
		&s.id, (*string)(&s.secondStep), &s.passwordAt, &s.secondStepAt, &s.address, &s.device, &s.createdAt, &s.lastSeenAt,
		&s.idle, &s.expiresAt, &s.endedAt, (*string)(&s.endReason), &s.deviceID, &s.passwordDue,
		&u.id, &u.teamID, &u.email, &u.name, (*string)(&u.role), (*string)(&u.status), &u.language, &u.theme,
		(*string)(&u.twoStep), &u.dueBy, (*string)(&u.dueReason), &u.containedUntil, &u.createdAt, &u.lastSignInAt,
	}
}

// sessionRow reads the row behind a token. Refuses: not-signed-in.
func (c *Core) sessionRow(ctx context.Context, token, kind string) (*sessionRow, *userRow, error) {
	s, u := new(sessionRow), new(userRow)
	r, fields := c.read(ctx), checkedFields(s, u)
	var err error
	if kind == tokenOfApps {
		id, _, _ := strings.Cut(token, ".")
		if !isID(id) {
			return nil, nil, refuse(NotSignedIn)
		}
		var hash []byte
		err = r.row(`SELECT `+checkedColumns+`, s.token_hash`+checkedRows+`s.id = $1`, id).Scan(append(fields, &hash)...)
		if err == nil && !hmac.Equal([]byte(token), []byte(c.appsToken(s.id, hash))) {
			return nil, nil, refuse(NotSignedIn)
		}
	} else {
		err = r.row(`SELECT `+checkedColumns+checkedRows+`s.token_hash = $1`, c.keys.TokenHash(tokenOfSession, token)).Scan(fields...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, refuse(NotSignedIn)
	}
	if err != nil {
		return nil, nil, err
	}
	s.teamID, s.userID = u.teamID, u.id
	s.lastSeenAt = max(s.lastSeenAt, c.seen.of(s.id))
	u.teamName, err = c.teamNames.of(r, u.teamID, c.Now())
	return s, u, err
}

const tokenOfApps = "apps"

// AppsToken makes the weaker token that tells a reverse proxy, and nobody else,
// who signed in: it goes into a cookie that every app under a parent domain gets
// to see. It is no row of its own but follows from the session's, so it dies with
// it and whenever its token is replaced. "" for a session without its token.
func (c *Core) AppsToken(s *Session) string {
	if s.Token == "" {
		return ""
	}
	return c.appsToken(s.ID, c.keys.TokenHash(tokenOfSession, s.Token))
}

func (c *Core) appsToken(id string, hash []byte) string {
	return id + "." + base64.RawURLEncoding.EncodeToString(c.keys.MAC("apps/"+id, hash))
}

// AppsSession is Session for the token of AppsToken. A page never asks it.
// Refuses: not-signed-in, session-ended with the reason.
func (c *Core) AppsSession(ctx context.Context, token string) (*Session, error) {
	return c.answered(ctx, token, tokenOfApps)
}

// Watch says whether a session still lives, without counting as activity: an
// open page that only watches must idle out. Refuses: not-signed-in,
// session-ended.
func (c *Core) Watch(ctx context.Context, token string) error {
	row, u, err := c.sessionByToken(ctx, token)
	if err != nil {
		return err
	}
	if why := whyOver(row, u, c.Now()); why != "" {
		return sessionEnded(why)
	}
	return nil
}

// WhyEnded tells whoever holds the token of an ended session why it ended; ""
// when the token is unknown or still lives, or it ended more than a day ago.
func (c *Core) WhyEnded(ctx context.Context, token string) EndReason {
	row, u, err := c.sessionByToken(ctx, token)
	if err != nil {
		return ""
	}
	now := c.Now()
	if row.endedAt != 0 && now.Sub(at(row.endedAt)) > day {
		return ""
	}
	return whyOver(row, u, now)
}

func (c *Core) sessionByToken(ctx context.Context, token string) (*sessionRow, *userRow, error) {
	if _, ok := keyOf(token, tokenOfSession); !ok {
		return nil, nil, refuse(NotSignedIn)
	}
	return c.sessionRow(ctx, token, tokenOfSession)
}
