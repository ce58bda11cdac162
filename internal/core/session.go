package core

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"doorstep/internal/seal"
)

// SecondStep is what was really proved when a session was opened.
type SecondStep string

const (
	SecondStepNone          SecondStep = "none"
	SecondStepAuthenticator SecondStep = "authenticator"
	SecondStepRecoveryCode  SecondStep = "recovery_code"
)

// Reach is how far a session reaches: everything, or activation alone (R6).
type Reach string

const (
	ReachFull       Reach = "full"
	ReachActivation Reach = "activation"
)

// EndReason is why a session ended; the sign-in page tells the person.
type EndReason string

const (
	EndedSignedOut       EndReason = "signed_out"
	EndedIdle            EndReason = "idle"
	EndedAbsolute        EndReason = "absolute"
	EndedRecovery        EndReason = "recovery" // the hour of a session that a recovery code opened
	EndedElsewhere       EndReason = "elsewhere"
	EndedActivated       EndReason = "activated"
	EndedDeactivated     EndReason = "deactivated"
	EndedRestarted       EndReason = "restarted"
	EndedPasswordSet     EndReason = "password_set"
	EndedSuspended       EndReason = "suspended"
	EndedRoleChanged     EndReason = "role_changed"
	EndedByAdministrator EndReason = "by_admin"
)

// Session is a signed-in browser or client.
type Session struct {
	ID         string
	Token      string // only when it was just made or replaced
	User       User
	SecondStep SecondStep
	Reach      Reach
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time // idle or absolute, whichever comes first
	Address    string
	Device     string

	PasswordAt   time.Time // when the password was last proved
	SecondStepAt time.Time // when an authenticator's code was last proved; zero for never
}

// recoverySession is how long a session lives that a recovery code opened (R8).
const recoverySession = time.Hour

// seenEvery is how often at most a session's last-seen time is written.
const seenEvery = time.Minute

// sessionGrace is how long an ended session's row still tells why it ended.
const sessionGrace = 30 * day

type sessionRow struct {
	id, teamID, userID       string
	secondStep               SecondStep
	recoveryCodeID           string
	passwordAt, secondStepAt int64
	address, device          string
	createdAt, lastSeenAt    int64
	idle, expiresAt, endedAt int64
	endReason                EndReason
}

const sessionColumns = `s.id, s.team_id, s.user_id, s.second_step, s.recovery_code_id, s.password_at, s.second_step_at, s.address, s.device,
	s.created_at, s.last_seen_at, s.idle_ms, s.expires_at, s.ended_at, s.end_reason`

func (s *sessionRow) fields() []any {
	return []any{
		&s.id, &s.teamID, &s.userID, (*string)(&s.secondStep), &s.recoveryCodeID, &s.passwordAt, &s.secondStepAt, &s.address, &s.device,
		&s.createdAt, &s.lastSeenAt, &s.idle, &s.expiresAt, &s.endedAt, (*string)(&s.endReason),
	}
}

// over is the one function that computes a session's end: "" while it lives,
// else why it does not. Expiry comes from the row alone.
func (s *sessionRow) over(now time.Time) EndReason {
	switch n := ms(now); {
	case s.endedAt != 0:
		return s.endReason
	case n >= s.expiresAt && s.secondStep == SecondStepRecoveryCode:
		return EndedRecovery
	case n >= s.expiresAt:
		return EndedAbsolute
	case n >= s.lastSeenAt+s.idle:
		return EndedIdle
	}
	return ""
}

func (s *sessionRow) view(u *userRow, now time.Time) *Session {
	v := &Session{
		ID: s.id, User: u.view(now), SecondStep: s.secondStep, Reach: ReachFull,
		CreatedAt: at(s.createdAt), LastSeenAt: at(s.lastSeenAt), ExpiresAt: at(min(s.expiresAt, s.lastSeenAt+s.idle)),
		Address: s.address, Device: s.device, PasswordAt: at(s.passwordAt), SecondStepAt: at(s.secondStepAt),
	}
	if u.state(now) == TwoStepDue {
		v.Reach = ReachActivation
	}
	return v
}

// StepUpUntil is until when the session may do what needs a step-up (R8): the
// password and an authenticator's code within ten minutes, or the password alone
// while 2-step is `off` or `due`. Zero when it may not.
func (s *Session) StepUpUntil(now time.Time) time.Time {
	proved := s.PasswordAt
	if s.User.TwoStep == TwoStepActive {
		if s.SecondStep != SecondStepAuthenticator {
			return time.Time{} // a recovery code, a link or a remembered device never counts
		}
		if s.SecondStepAt.Before(proved) {
			proved = s.SecondStepAt
		}
	}
	if until := proved.Add(stepUpLasts); now.Before(until) {
		return until
	}
	return time.Time{}
}

// NeedsPassword says whether the password must be typed again for an act that
// wants it proved within ten minutes.
func (s *Session) NeedsPassword(now time.Time) bool {
	return !now.Before(s.PasswordAt.Add(stepUpLasts))
}

const tokenOfSession = "session"

// openSession makes a session, in the transaction that accepted the second step.
func (t *tx) openSession(u *userRow, by Origin, proved SecondStep, recoveryCodeID string, passwordAt time.Time) (*Session, error) {
	policy, err := policyOf(t, u.teamID)
	if err != nil {
		return nil, err
	}
	lives := policy.SessionAbsolute
	row := &sessionRow{
		id: newID(), teamID: u.teamID, userID: u.id, secondStep: proved, recoveryCodeID: recoveryCodeID,
		passwordAt: ms(passwordAt), address: by.Address, device: by.Device,
		createdAt: ms(t.now), lastSeenAt: ms(t.now), idle: policy.SessionIdle.Milliseconds(),
	}
	switch proved {
	case SecondStepRecoveryCode:
		lives = min(lives, recoverySession)
	case SecondStepAuthenticator:
		row.secondStepAt = ms(t.now)
	}
	row.expiresAt = ms(t.now.Add(lives))
	token := seal.NewToken()
	if _, err := t.exec(`INSERT INTO sessions (id, team_id, user_id, token_hash, second_step, recovery_code_id, password_at, second_step_at, address, device, created_at, last_seen_at, idle_ms, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		row.id, row.teamID, row.userID, t.c.keys.TokenHash(tokenOfSession, token), string(row.secondStep), row.recoveryCodeID, row.passwordAt, row.secondStepAt,
		row.address, row.device, row.createdAt, row.lastSeenAt, row.idle, row.expiresAt); err != nil {
		return nil, err
	}
	if err := t.signedIn(u); err != nil {
		return nil, err
	}
	s := row.view(u, t.now)
	s.Token = token
	return s, nil
}

// Session answers "who is this request?". Refuses: not-signed-in (no such
// token), session-ended with the reason.
func (c *Core) Session(ctx context.Context, token string) (*Session, error) {
	row, u, err := c.sessionByToken(ctx, token)
	if err != nil {
		return nil, err
	}
	now := c.Now()
	if why := row.over(now); why != "" {
		return nil, sessionEnded(why)
	}
	if u.status != StatusActive {
		return nil, sessionEnded(EndedSuspended)
	}
	if ms(now)-row.lastSeenAt >= seenEvery.Milliseconds() {
		row.lastSeenAt = ms(now)
		if err := c.seen(ctx, row); err != nil {
			// A full disk must not sign people out: they keep reading, and the
			// session only looks idle for longer than it is.
			c.log.WarnContext(ctx, "a session's last-seen time was not written", "error", err)
		}
	}
	return row.view(u, now), nil
}

func sessionEnded(why EndReason) *Refusal {
	r := refuse(SessionEnded)
	r.Reason = why
	return r
}

func (c *Core) seen(ctx context.Context, s *sessionRow) error {
	return c.keepCount(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND team_id = $3 AND ended_at = 0 AND last_seen_at < $1`, s.lastSeenAt, s.id, s.teamID)
		return err
	})
}

func (c *Core) sessionByToken(ctx context.Context, token string) (*sessionRow, *userRow, error) {
	if token == "" {
		return nil, nil, refuse(NotSignedIn)
	}
	s, u := new(sessionRow), new(userRow)
	err := c.read(ctx).row(`SELECT `+sessionColumns+`, `+userColumns+` FROM sessions s
		JOIN users u ON u.id = s.user_id AND u.team_id = s.team_id JOIN teams t ON t.id = u.team_id
		WHERE s.token_hash = $1`, c.keys.TokenHash(tokenOfSession, token)).Scan(append(s.fields(), u.fields()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, refuse(NotSignedIn)
	}
	return s, u, err
}

// Watch says whether a session still lives, without counting as activity: an
// open page that only watches must idle out. Refuses: not-signed-in,
// session-ended.
func (c *Core) Watch(ctx context.Context, token string) error {
	row, u, err := c.sessionByToken(ctx, token)
	if err != nil {
		return err
	}
	if why := row.over(c.Now()); why != "" {
		return sessionEnded(why)
	}
	if u.status != StatusActive {
		return sessionEnded(EndedSuspended)
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
	why := row.over(now)
	if why == "" && u.status != StatusActive {
		why = EndedSuspended
	}
	if row.endedAt != 0 && now.Sub(at(row.endedAt)) > day {
		return ""
	}
	return why
}

// actingUser locks the actor's own row and reads the session again under that
// lock: a session that was ended a moment ago does nothing more (R5). Refuses:
// not-signed-in, session-ended.
func (t *tx) actingUser(by Actor) (*userRow, *sessionRow, error) {
	if by.session == nil {
		return nil, nil, refuse(NotSignedIn)
	}
	u, err := t.lockUser(by.session.User.Team.ID, by.session.User.ID)
	if IsRefusal(err, Missing) {
		return nil, nil, sessionEnded(EndedByAdministrator)
	}
	if err != nil {
		return nil, nil, err
	}
	s, err := t.liveSession(by, u)
	return u, s, err
}

// liveSession reads the actor's session under the lock of its user's row.
func (t *tx) liveSession(by Actor, u *userRow) (*sessionRow, error) {
	s := new(sessionRow)
	err := t.row(`SELECT `+sessionColumns+` FROM sessions s WHERE s.id = $1 AND s.user_id = $2 AND s.team_id = $3`,
		by.session.ID, u.id, u.teamID).Scan(s.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(NotSignedIn)
	}
	if err != nil {
		return nil, err
	}
	if why := s.over(t.now); why != "" {
		return nil, sessionEnded(why)
	}
	if u.status != StatusActive {
		return nil, sessionEnded(EndedSuspended)
	}
	return s, nil
}

// needFull refuses sessions whose reach is activation alone (R6).
func needFull(u *userRow, now time.Time) error {
	if u.state(now) == TwoStepDue {
		return refuse(ActivationRequired)
	}
	return nil
}

// endSessions ends a user's sessions, all but one, and returns how many of them
// were alive.
func (t *tx) endSessions(u *userRow, why EndReason, except string) (int, error) {
	alive := 0
	err := t.each(`UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE user_id = $3 AND team_id = $4 AND id <> $5 AND ended_at = 0
		RETURNING expires_at, last_seen_at, idle_ms`,
		[]any{ms(t.now), string(why), u.id, u.teamID, except}, func(scan func(...any) error) error {
			var s sessionRow
			if err := scan(&s.expiresAt, &s.lastSeenAt, &s.idle); err != nil {
				return err
			}
			if s.over(t.now) == "" {
				alive++
			}
			return nil
		})
	return alive, err
}

// replaceToken gives a session a new token; the old one is dead. It happens
// whenever a session gains rights, so that a token that leaked before is worth
// no more than it was.
func (t *tx) replaceToken(s *sessionRow) (string, error) {
	token := seal.NewToken()
	return token, t.must(refuse(NotSignedIn), `UPDATE sessions SET token_hash = $1, second_step = $2, password_at = $3, second_step_at = $4, last_seen_at = $5
		WHERE id = $6 AND team_id = $7 AND ended_at = 0`,
		t.c.keys.TokenHash(tokenOfSession, token), string(s.secondStep), s.passwordAt, s.secondStepAt, ms(t.now), s.id, s.teamID)
}

// SignOut ends the actor's session. An ended one is no error.
func (c *Core) SignOut(ctx context.Context, by Actor) error {
	if by.session == nil {
		return nil
	}
	_, err := c.endOwn(ctx, by, by.session.ID, EndedSignedOut)
	if IsRefusal(err, SessionEnded) || IsRefusal(err, NotSignedIn) || IsRefusal(err, Missing) {
		return nil
	}
	return err
}

// EndSession ends one session of the actor's own. Refuses: not-found.
func (c *Core) EndSession(ctx context.Context, by Actor, id string) (ended int, err error) {
	return c.endOwn(ctx, by, id, EndedElsewhere)
}

func (c *Core) endOwn(ctx context.Context, by Actor, id string, why EndReason) (ended int, err error) {
	if !isID(id) {
		return 0, refuse(Missing)
	}
	err = c.write(ctx, func(t *tx) error {
		u, own, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if id != own.id {
			if err := needFull(u, t.now); err != nil {
				return err
			}
		}
		if err := t.must(refuse(Missing), `UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id = $3 AND user_id = $4 AND team_id = $5 AND ended_at = 0`,
			ms(t.now), string(why), id, u.id, u.teamID); err != nil {
			return err
		}
		ended = 1
		return t.record(eventOf{event: EventSessionEnded, by: by, actor: u, target: u, details: map[string]any{"session": id}})
	})
	return ended, err
}

// EndOtherSessions ends every session of the actor's own but this one.
func (c *Core) EndOtherSessions(ctx context.Context, by Actor) (ended int, err error) {
	err = c.write(ctx, func(t *tx) error {
		u, own, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := needFull(u, t.now); err != nil {
			return err
		}
		if ended, err = t.endSessions(u, EndedElsewhere, own.id); err != nil {
			return err
		}
		return t.record(eventOf{event: EventSessionsEnded, by: by, actor: u, target: u, details: map[string]any{"sessions_ended": ended}})
	})
	return ended, err
}

// Sessions lists the actor's live sessions, the newest first.
func (c *Core) Sessions(ctx context.Context, by Actor) ([]Session, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	r := c.read(ctx)
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, err
	}
	return sessionsOf(r, u, c.Now())
}

func sessionsOf(r reader, u *userRow, now time.Time) ([]Session, error) {
	var live []Session
	err := r.each(`SELECT `+sessionColumns+` FROM sessions s WHERE s.user_id = $1 AND s.team_id = $2 AND s.ended_at = 0 ORDER BY s.created_at DESC, s.id DESC`,
		[]any{u.id, u.teamID}, func(scan func(...any) error) error {
			s := new(sessionRow)
			if err := scan(s.fields()...); err != nil {
				return err
			}
			if s.over(now) == "" {
				live = append(live, *s.view(u, now))
			}
			return nil
		})
	return live, err
}

func (t *tx) forgetOldSessions() error {
	_, err := t.exec(`DELETE FROM sessions WHERE expires_at < $1`, ms(t.now.Add(-sessionGrace)))
	return err
}

func (t *tx) deleteSessions(u *userRow) error {
	_, err := t.exec(`DELETE FROM sessions WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}
