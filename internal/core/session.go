package core

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
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

// Reach is how far a session reaches: everything, activation alone (R6), or a new
// password alone (R13).
type Reach string

const (
	ReachFull       Reach = "full"
	ReachActivation Reach = "activation"
	ReachPassword   Reach = "password"
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
	EndedPasswordChanged EndReason = "password_changed"
	EndedEmailUndone     EndReason = "email_undone"
	EndedSuspended       EndReason = "suspended"
	EndedRoleChanged     EndReason = "role_changed"
	EndedByAdministrator EndReason = "by_admin"
	EndedFrozen          EndReason = "frozen"
	EndedNotMe           EndReason = "not_me"
	EndedCodesRenewed    EndReason = "codes_renewed"
	EndedDeviceReused    EndReason = "device_reused"
	EndedRestored        EndReason = "restored" // a backup was put back
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
	Remembered bool // opened by the password alone, on a remembered device

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
	recoveryCodeID, deviceID string
	passwordAt, secondStepAt int64
	address, device          string
	createdAt, lastSeenAt    int64
	idle, expiresAt, endedAt int64
	endReason                EndReason
	passwordDue              bool // opened while a new password was demanded
}

const sessionColumns = `s.id, s.team_id, s.user_id, s.second_step, s.recovery_code_id, s.password_at, s.second_step_at, s.address, s.device,
	s.created_at, s.last_seen_at, s.idle_ms, s.expires_at, s.ended_at, s.end_reason, s.device_id, s.password_due`

func (s *sessionRow) fields() []any {
	return []any{
		&s.id, &s.teamID, &s.userID, (*string)(&s.secondStep), &s.recoveryCodeID, &s.passwordAt, &s.secondStepAt, &s.address, &s.device,
		&s.createdAt, &s.lastSeenAt, &s.idle, &s.expiresAt, &s.endedAt, (*string)(&s.endReason), &s.deviceID, &s.passwordDue,
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
		Address: s.address, Device: s.device, Remembered: s.deviceID != "", PasswordAt: at(s.passwordAt), SecondStepAt: at(s.secondStepAt),
	}
	switch {
	case s.passwordDue:
		v.Reach = ReachPassword
	case u.state(now) == TwoStepDue:
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

// sessionProof is what a session is opened with.
type sessionProof struct {
	secondStep     SecondStep
	recoveryCodeID string // of the code that was the second step
	deviceID       string // of the remembered device that took its place
	passwordAt     time.Time
}

// openSession makes a session, in the transaction that accepted the second step.
// How long it lives is the policy's to say, in the same statement.
func (t *tx) openSession(u *userRow, by Origin, proof sessionProof) (*Session, error) {
	row := &sessionRow{
		id: newID(), teamID: u.teamID, userID: u.id, secondStep: proof.secondStep, recoveryCodeID: proof.recoveryCodeID, deviceID: proof.deviceID,
		passwordAt: ms(proof.passwordAt), address: by.Address, device: by.Device, createdAt: ms(t.now), lastSeenAt: ms(t.now),
		passwordDue: u.passwordDue,
	}
	longest := RangeSessionAbsolute.Most
	switch proof.secondStep {
	case SecondStepRecoveryCode:
		longest = recoverySession
	case SecondStepAuthenticator:
		row.secondStepAt = ms(t.now)
	}
	token := seal.NewToken()
	err := t.row(`INSERT INTO sessions (id, team_id, user_id, token_hash, second_step, recovery_code_id, password_at, second_step_at, address, device, device_id,
			created_at, last_seen_at, password_due, idle_ms, expires_at)
		SELECT $1, team_id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $14, session_idle_ms, $11 + CASE WHEN session_absolute_ms < $12 THEN session_absolute_ms ELSE $12 END
		FROM policies WHERE team_id = $13 RETURNING idle_ms, expires_at`,
		row.id, row.userID, t.c.keys.TokenHash(tokenOfSession, token), string(row.secondStep), row.recoveryCodeID, row.passwordAt, row.secondStepAt,
		row.address, row.device, row.deviceID, row.createdAt, longest.Milliseconds(), row.teamID, row.passwordDue).Scan(&row.idle, &row.expiresAt)
	if err != nil {
		return nil, err
	}
	if err := t.signedIn(u); err != nil {
		return nil, err
	}
	s := row.view(u, t.now)
	s.Token = token
	return s, nil
}

// storeLastSeen writes a batch of last-seen times, in one order, so that two
// replicas that write the same sessions do not wait for each other crosswise.
func (t *tx) storeLastSeen(batch map[string]seenAt) error {
	for _, id := range slices.Sorted(maps.Keys(batch)) {
		if _, err := t.exec(`UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND team_id = $3 AND ended_at = 0 AND last_seen_at < $1`,
			batch[id].at, id, batch[id].teamID); err != nil {
			return err
		}
	}
	return nil
}

// actingUser locks the actor's own row and reads the session again under that
// lock: a session that was ended a moment ago does nothing more (R5), and one that
// has to choose a new password first does nothing else (R13). Refuses:
// not-signed-in, session-ended, password-change-required.
func (t *tx) actingUser(by Actor) (*userRow, *sessionRow, error) {
	u, s, err := t.actingUserOfAnyReach(by)
	if err == nil && s.passwordDue {
		return nil, nil, refuse(PasswordChangeRequired)
	}
	return u, s, err
}

// actingUserOfAnyReach is actingUser for the little that any session may do.
// Refuses: not-signed-in, session-ended.
func (t *tx) actingUserOfAnyReach(by Actor) (*userRow, *sessionRow, error) {
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
	s, err := t.liveSessionOfAnyReach(by, u)
	return u, s, err
}

// liveSession reads the actor's session under the lock of its user's row. Refuses:
// not-signed-in, session-ended, password-change-required.
func (t *tx) liveSession(by Actor, u *userRow) (*sessionRow, error) {
	s, err := t.liveSessionOfAnyReach(by, u)
	if err == nil && s.passwordDue {
		return nil, refuse(PasswordChangeRequired)
	}
	return s, err
}

func (t *tx) liveSessionOfAnyReach(by Actor, u *userRow) (*sessionRow, error) {
	s := new(sessionRow)
	err := t.row(`SELECT `+sessionColumns+` FROM sessions s WHERE s.id = $1 AND s.user_id = $2 AND s.team_id = $3`,
		by.session.ID, u.id, u.teamID).Scan(s.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(NotSignedIn)
	}
	if err != nil {
		return nil, err
	}
	s.lastSeenAt = max(s.lastSeenAt, t.c.seen.of(s.id))
	if why := whyOver(s, u, t.now); why != "" {
		return nil, sessionEnded(why)
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

// whoReads is the actor of a verb that only reads, as their row is now (R6).
// Refuses: not-signed-in, not-found, activation-required.
func (c *Core) whoReads(r reader, by Actor) (*userRow, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	if by.session.Reach == ReachPassword {
		return nil, refuse(PasswordChangeRequired)
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, err
	}
	return u, needFull(u, c.Now())
}

// endSessions ends a user's sessions, all but one, and returns how many of them
// were alive.
func (t *tx) endSessions(u *userRow, why EndReason, except string) (int, error) {
	t.endsAccess()
	alive := 0
	err := t.each(`UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE user_id = $3 AND team_id = $4 AND id <> $5 AND ended_at = 0
		RETURNING id, expires_at, last_seen_at, idle_ms`,
		[]any{ms(t.now), string(why), u.id, u.teamID, except}, func(scan func(...any) error) error {
			var s sessionRow
			if err := scan(&s.id, &s.expiresAt, &s.lastSeenAt, &s.idle); err != nil {
				return err
			}
			s.lastSeenAt = max(s.lastSeenAt, t.c.seen.of(s.id))
			if s.over(t.now) == "" {
				alive++
			}
			return nil
		})
	return alive, err
}

// endSessionsOfDevice ends those that a remembered device opened without a second step.
func (t *tx) endSessionsOfDevice(u *userRow, deviceID string, why EndReason) (int64, error) {
	t.endsAccess()
	return t.exec(`UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE user_id = $3 AND team_id = $4 AND device_id = $5 AND ended_at = 0`,
		ms(t.now), string(why), u.id, u.teamID, deviceID)
}

// replaceToken gives a session a new token; the old one is dead. It happens
// whenever a session gains rights, so that a token that leaked before is worth
// no more than it was.
func (t *tx) replaceToken(s *sessionRow) (string, error) {
	t.endsAccess()
	token := seal.NewToken()
	return token, t.must(refuse(NotSignedIn), `UPDATE sessions SET token_hash = $1, second_step = $2, password_at = $3, second_step_at = $4, last_seen_at = $5, password_due = $8
		WHERE id = $6 AND team_id = $7 AND ended_at = 0`,
		t.c.keys.TokenHash(tokenOfSession, token), string(s.secondStep), s.passwordAt, s.secondStepAt, ms(t.now), s.id, s.teamID, s.passwordDue)
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
		t.endsAccess() // "it is over already" too is true of every process once it is said
		u, own, err := t.actingUserOfAnyReach(by)
		if err != nil {
			return err
		}
		if id != own.id {
			if own.passwordDue {
				return refuse(PasswordChangeRequired)
			}
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
// Refuses: not-signed-in, not-found, activation-required.
func (c *Core) Sessions(ctx context.Context, by Actor) ([]Session, error) {
	r := c.read(ctx)
	u, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	return c.sessionsOf(r, u, c.Now())
}

func (c *Core) sessionsOf(r reader, u *userRow, now time.Time) ([]Session, error) {
	var live []Session
	err := r.each(`SELECT `+sessionColumns+` FROM sessions s WHERE s.user_id = $1 AND s.team_id = $2 AND s.ended_at = 0 ORDER BY s.created_at DESC, s.id DESC`,
		[]any{u.id, u.teamID}, func(scan func(...any) error) error {
			s := new(sessionRow)
			if err := scan(s.fields()...); err != nil {
				return err
			}
			s.lastSeenAt = max(s.lastSeenAt, c.seen.of(s.id))
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
	t.endsAccess()
	_, err := t.exec(`DELETE FROM sessions WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

// shortenSessions makes the live sessions of a team obey a shorter time without
// activity or in all.
func (t *tx) shortenSessions(teamID string, idle, absolute time.Duration) error {
	t.endsAccess()
	t.team = true
	_, err := t.exec(`UPDATE sessions SET idle_ms = CASE WHEN idle_ms > $1 THEN $1 ELSE idle_ms END,
			expires_at = CASE WHEN expires_at > created_at + $2 THEN created_at + $2 ELSE expires_at END
		WHERE team_id = $3 AND ended_at = 0 AND (idle_ms > $1 OR expires_at > created_at + $2)
			AND user_id IN (SELECT id FROM users WHERE team_id = $3)`,
		idle.Milliseconds(), absolute.Milliseconds(), teamID)
	return err
}

// sessionsEndedBy counts the live sessions of a team that shortenSessions would end
// at once. The time when one was last seen may stand in memory alone.
func (c *Core) sessionsEndedBy(r reader, teamID string, idle, absolute time.Duration, now time.Time) (n int, err error) {
	err = r.each(`SELECT id, second_step, created_at, last_seen_at, idle_ms, expires_at FROM sessions
		WHERE team_id = $1 AND ended_at = 0 AND expires_at > $2 AND (created_at + $3 <= $2 OR last_seen_at + $4 <= $2)
			AND user_id IN (SELECT id FROM users WHERE team_id = $1)`,
		[]any{teamID, ms(now), absolute.Milliseconds(), idle.Milliseconds()}, func(scan func(...any) error) error {
			var s sessionRow
			if err := scan(&s.id, (*string)(&s.secondStep), &s.createdAt, &s.lastSeenAt, &s.idle, &s.expiresAt); err != nil {
				return err
			}
			s.lastSeenAt = max(s.lastSeenAt, c.seen.of(s.id))
			if s.over(now) != "" {
				return nil
			}
			s.idle, s.expiresAt = min(s.idle, idle.Milliseconds()), min(s.expiresAt, s.createdAt+absolute.Milliseconds())
			if s.over(now) != "" {
				n++
			}
			return nil
		})
	return n, err
}
