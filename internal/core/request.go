package core

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"doorstep/internal/code"
	"doorstep/internal/db"
	"doorstep/internal/seal"
)

// A restart request is how somebody who can use no second step asks their team for
// a restart (J8). It is made after the right password alone, so everything about it
// assumes that the asker may be an impostor: the team is told from where it came,
// the approver types four digits that only the asking browser shows and so has
// spoken to whoever holds it, and the person is told at once.

// Happened is what the person says has happened.
type Happened string

const (
	LostPhone       Happened = "lost_phone"
	NewPhone        Happened = "new_phone"
	SomethingElse   Happened = "other"
	requestLasts             = 72 * time.Hour
	pauseAfter               = time.Hour // a refusal
	asksADay                 = 5         // each sends letters to everybody who may answer
	matchTries               = 3
	tokenOfRequest           = "restart request"
	requestsKept             = 365 * day // the audit log keeps what happened for good
	sweptAtOnce              = 100
	historyLookedAt          = 500
)

// HappenedValues lists them in the order in which pages offer them.
func HappenedValues() []Happened { return []Happened{LostPhone, NewPhone, SomethingElse} }

// RequestState is what became of a request.
type RequestState string

const (
	RequestNone      RequestState = "none" // never asked, or nothing to say of it any more
	RequestOpen      RequestState = "open"
	RequestApproved  RequestState = "approved"
	RequestRefused   RequestState = "refused"
	RequestWithdrawn RequestState = "withdrawn"
	RequestExpired   RequestState = "expired" // nobody answered
	RequestEnded     RequestState = "ended"   // by something else: see RequestEnd
)

// RequestEnd is why a request ended that nobody answered.
type RequestEnd string

const (
	EndedBySignIn       RequestEnd = "signed_in"
	EndedByRestart      RequestEnd = "restarted"
	EndedByDeactivation RequestEnd = "deactivated"
	EndedByFreeze       RequestEnd = "frozen"
	EndedByNotMe        RequestEnd = "not_me"
	EndedBySuspension   RequestEnd = "suspended"
	EndedByRemoval      RequestEnd = "removed"
	EndedByPassword     RequestEnd = "password_changed"
	EndedByWrongCodes   RequestEnd = "wrong_match_codes"
)

type requestRow struct {
	id, teamID, userID       string
	tokenHash, matchHash     []byte
	tries                    int
	happened                 Happened
	address, device          string
	addressSeen, deviceSeen  bool
	createdAt, expiresAt     int64
	kept                     RequestState
	answeredAt               int64
	answeredByID, answeredBy string
	reason                   string
	endReason                RequestEnd
	restartID                string
}

const requestColumns = `q.id, q.team_id, q.user_id, q.token_hash, q.match_hash, q.tries, q.happened, q.address, q.device, q.address_seen, q.device_seen,
	q.created_at, q.expires_at, q.state, q.answered_at, q.answered_by_id, q.answered_by_name, q.reason, q.end_reason, q.restart_id`

func (q *requestRow) fields() []any {
	return []any{
		&q.id, &q.teamID, &q.userID, &q.tokenHash, &q.matchHash, &q.tries, (*string)(&q.happened), &q.address, &q.device, &q.addressSeen, &q.deviceSeen,
		&q.createdAt, &q.expiresAt, (*string)(&q.kept), &q.answeredAt, &q.answeredByID, &q.answeredBy, &q.reason, (*string)(&q.endReason), &q.restartID,
	}
}

// state is the one place that says what a request is now: one whose time is over is
// expired before anybody has written so.
func (q *requestRow) state(now time.Time) RequestState {
	if q.kept == RequestOpen && ms(now) >= q.expiresAt {
		return RequestExpired
	}
	return q.kept
}

// Ask is a person's own request, as the page on which they asked shows it.
type Ask struct {
	State             RequestState
	ID                string
	Token             string // only when it was just made: what this browser keeps of it
	MatchCode         string // four digits, for the browser that asked while the request is open; else ""
	Happened          Happened
	MadeAt, ExpiresAt time.Time
	Ended             RequestEnd // of RequestEnded
	// MayNotAsk is why no new request can be made now (sole-owner, request-open,
	// request-pause); nil when one can.
	MayNotAsk *Refusal
}

// matchCode is made from the token that only the asking browser has: no row shows it.
func (c *Core) matchCode(token string) string {
	n := binary.BigEndian.Uint64(c.keys.MAC("match code", []byte(token)))
	return fmt.Sprintf("%0*d", code.MatchDigits, n%10_000)
}

func (c *Core) matchHash(requestID, digits string) []byte {
	return c.keys.MAC("match code of a request", []byte(requestID+"\x00"+digits))
}

// Asked reads the request of whoever has come as far as the second step. token is
// what the browser that asked keeps; without it nobody sees the match code, so that
// whoever else knows the password cannot read it out. Refuses: attempt-over.
func (c *Core) Asked(ctx context.Context, attempt, token string) (*Ask, error) {
	r, now := c.read(ctx), c.Now()
	_, u, err := c.attemptByToken(r, attempt)
	if err != nil {
		return nil, err
	}
	list, err := requestsOf(r, u)
	if err != nil {
		return nil, err
	}
	refused, err := mayAsk(r, u, list, now)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0].state(now) != RequestOpen && ms(now) >= list[0].expiresAt+requestLasts.Milliseconds() {
		return &Ask{State: RequestNone, MayNotAsk: refused}, nil
	}
	a := c.askOf(list[0], token, now)
	a.MayNotAsk = refused
	if a.State == RequestApproved && list[0].restartID == "" {
		a.State, err = secondAnswer(r, u, now)
	}
	return a, err
}

func (c *Core) askOf(q *requestRow, token string, now time.Time) *Ask {
	a := &Ask{State: q.state(now), ID: q.id, Happened: q.happened, MadeAt: at(q.createdAt), ExpiresAt: at(q.expiresAt), Ended: q.endReason}
	if a.State == RequestOpen && token != "" && hmac.Equal(q.tokenHash, c.keys.TokenHash(tokenOfRequest, token)) {
		a.MatchCode = c.matchCode(token)
	}
	return a
}

// AskWasApproved says whether the request that this browser made has led to a restart,
// or another restart ended it: then that took its attempt away, and not the time.
func (c *Core) AskWasApproved(ctx context.Context, token string) (bool, error) {
	if _, ok := keyOf(token, tokenOfRequest); !ok {
		return false, nil
	}
	var n int
	err := c.read(ctx).row(`SELECT COUNT(*) FROM restart_requests q WHERE q.token_hash = $1 AND q.state <> 'open' AND EXISTS
		(SELECT 1 FROM restarts r WHERE r.user_id = q.user_id AND r.team_id = q.team_id AND r.at >= q.answered_at AND q.answered_at > 0)`, c.keys.TokenHash(tokenOfRequest, token)).Scan(&n)
	return n > 0, err
}

// mayAsk says why somebody can make no request now; nil when they can.
// Refuses: sole-owner, request-open, request-pause.
func mayAsk(r reader, u *userRow, newestFirst []*requestRow, now time.Time) (*Refusal, error) {
	if len(newestFirst) > 0 && newestFirst[0].state(now) == RequestOpen {
		return refuse(RequestIsOpen), nil
	}
	answering, err := mayAnswerFor(r, u, now)
	if err != nil {
		return nil, err
	}
	if len(answering) == 0 {
		return refuse(SoleOwner), nil
	}
	until, today := int64(0), 0
	for _, q := range newestFirst {
		if q.kept == RequestRefused {
			until = max(until, q.answeredAt+pauseAfter.Milliseconds())
		}
		if again := q.createdAt + day.Milliseconds(); again > ms(now) {
			if today++; today == asksADay {
				until = max(until, again)
			}
		}
	}
	if until > ms(now) {
		paused := refuse(RequestPause)
		paused.RetryAfter = at(until).Sub(now)
		return paused, nil
	}
	return nil, nil
}

// mayAnswerFor lists who may answer somebody's request: whom R7 lets restart them,
// and who is not locked out themself.
func mayAnswerFor(r reader, u *userRow, now time.Time) ([]*userRow, error) {
	where := `u.team_id = $1 AND u.id <> $2 AND u.status = 'active' AND u.role = 'owner'`
	if u.role == RoleMember {
		where = `u.team_id = $1 AND u.id <> $2 AND u.status = 'active' AND (u.role = 'owner' OR u.role = 'admin')`
	}
	users, err := listUsers(r, where, u.teamID, u.id)
	return slices.DeleteFunc(users, func(a *userRow) bool { return a.closed(now) }), err
}

// AskTeam asks the team for a restart, for whoever has come as far as the second
// step. token is that of an earlier request of this browser, "" for none: while
// that one is open, asking again answers with it.
// Refuses: attempt-over, happened-missing, sole-owner, request-open, request-pause.
func (c *Core) AskTeam(ctx context.Context, by Actor, attempt, token string, happened Happened) (*Ask, error) {
	a, u, err := c.attemptByToken(c.read(ctx), attempt)
	if err != nil {
		return nil, err
	}
	var ask *Ask
	err = c.write(ctx, func(t *tx) error {
		u, err := t.lockAsking(a, u)
		if err != nil {
			return err
		}
		list, err := requestsOf(t, u)
		if err != nil {
			return err
		}
		if len(list) > 0 && list[0].state(t.now) == RequestOpen {
			if ask = c.askOf(list[0], token, t.now); ask.MatchCode != "" {
				t.nothingToRecord() // asked twice: the same request
				return nil
			}
		}
		refused, err := mayAsk(t, u, list, t.now)
		if err != nil {
			return err
		}
		if refused != nil {
			return refused
		}
		if !slices.Contains(HappenedValues(), happened) {
			return refuseField(HappenedMissing, "happened")
		}
		if len(list) > 0 && list[0].kept == RequestOpen { // its time is over, and nobody wrote so yet
			if err := t.endRequest(by, nil, u, RequestExpired, ""); err != nil {
				return err
			}
		}
		ask, err = t.createRequest(by, u, happened)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ask, nil
}

// lockAsking locks the person of an attempt and makes sure that the attempt is
// still there: a restart or a new password has taken it away. Refuses: attempt-over.
func (t *tx) lockAsking(a *attemptRow, u *userRow) (*userRow, error) {
	u, err := t.lockUser(u.teamID, u.id)
	if IsRefusal(err, Missing) {
		return nil, refuse(AttemptOver)
	}
	if err != nil {
		return nil, err
	}
	var n int
	if err := t.row(`SELECT COUNT(*) FROM sign_in_attempts WHERE token_hash = $1 AND user_id = $2 AND team_id = $3 AND expires_at > $4`,
		a.hash, u.id, u.teamID, ms(t.now)).Scan(&n); err != nil {
		return nil, err
	}
	if n == 0 || u.status != StatusActive || u.state(t.now) != TwoStepActive {
		return nil, refuse(AttemptOver)
	}
	return u, nil
}

func (t *tx) createRequest(by Actor, u *userRow, happened Happened) (*Ask, error) {
	token := seal.NewToken()
	q := &requestRow{
		id: newID(), teamID: u.teamID, userID: u.id, tokenHash: t.c.keys.TokenHash(tokenOfRequest, token), happened: happened,
		address: by.origin.Address, device: by.origin.Device, createdAt: ms(t.now), expiresAt: ms(t.now.Add(requestLasts)), kept: RequestOpen,
	}
	q.matchHash = t.c.matchHash(q.id, t.c.matchCode(token))
	var err error
	if q.addressSeen, q.deviceSeen, err = t.seenBefore(u, by.origin); err != nil {
		return nil, err
	}
	_, err = t.exec(`INSERT INTO restart_requests (id, team_id, user_id, token_hash, match_hash, happened, address, device, address_seen, device_seen, created_at, expires_at, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open')`,
		q.id, q.teamID, q.userID, q.tokenHash, q.matchHash, string(q.happened), q.address, q.device, q.addressSeen, q.deviceSeen, q.createdAt, q.expiresAt)
	if db.IsUnique(err) {
		return nil, refuse(RequestIsOpen)
	}
	if err != nil {
		return nil, err
	}
	ask := t.c.askOf(q, token, t.now)
	ask.Token = token
	return ask, t.record(eventOf{event: EventRequestMade, by: by, target: u, details: map[string]any{
		"request": q.id, "happened": q.happened, "address_seen": q.addressSeen, "device_seen": q.deviceSeen,
	}})
}

// seenBefore says whether the person has signed in with a second step, or activated
// theirs, from this address, and with such a browser, within 90 days. The password
// alone does not count: that is what an impostor has.
func (t *tx) seenBefore(u *userRow, from Origin) (address, device bool, err error) {
	if from.Device != "" {
		if device, err = t.c.browserSeen(t, u, from.Device); err != nil {
			return false, false, err
		}
	}
	err = t.each(`SELECT event, details FROM audit_events WHERE team_id = $1 AND target_id = $2 AND at > $3 AND (event = $4 OR event = $7) AND address = $5 ORDER BY at DESC LIMIT $6`,
		[]any{u.teamID, u.id, ms(t.now.Add(-SeenWithin)), EventSessionStarted, from.Address, historyLookedAt, EventTwoStepActivated}, func(scan func(...any) error) error {
			var event, details string
			if err := scan(&event, &details); err != nil {
				return err
			}
			address = address || event == EventTwoStepActivated || provedSecondStep(details)
			return nil
		})
	return address && from.Address != "", device, err
}

// provedSecondStep reads it from the details of a session.started.
func provedSecondStep(details string) bool {
	var d struct {
		SecondStep SecondStep `json:"second_step"`
	}
	return json.Unmarshal([]byte(details), &d) == nil && (d.SecondStep == SecondStepAuthenticator || d.SecondStep == SecondStepRecoveryCode)
}

// WithdrawAsk takes the person's open request back. Any browser that knows the
// password may: it takes nothing from anybody who could use it.
// Refuses: attempt-over, no-request.
func (c *Core) WithdrawAsk(ctx context.Context, by Actor, attempt string) error {
	a, u, err := c.attemptByToken(c.read(ctx), attempt)
	if err != nil {
		return err
	}
	return c.write(ctx, func(t *tx) error {
		u, err := t.lockAsking(a, u)
		if err != nil {
			return err
		}
		if err := t.endRequest(by, nil, u, RequestWithdrawn, ""); err != nil {
			return err
		}
		if t.recorded == 0 {
			return refuse(NoRequest)
		}
		return nil
	})
}

// endRequest ends the person's open request, if there is one, and records it. It
// stands in every transaction by which somebody gets in, or may not any more: a
// request that outlived those would be approved for nobody.
func (t *tx) endRequest(by Actor, actor, u *userRow, as RequestState, why RequestEnd) error {
	var id string
	err := t.row(`UPDATE restart_requests SET state = CASE WHEN expires_at <= $3 THEN 'expired' ELSE CAST($1 AS TEXT) END, end_reason = $2, answered_at = $3
		WHERE user_id = $4 AND team_id = $5 AND state = 'open' AND (CAST($1 AS TEXT) <> 'expired' OR expires_at <= $3) RETURNING id, state`,
		string(as), string(why), ms(t.now), u.id, u.teamID).Scan(&id, (*string)(&as))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	event := EventRequestEnded
	switch as {
	case RequestWithdrawn:
		event = EventRequestWithdrawn
	case RequestExpired:
		event, by, actor = EventRequestExpired, systemActor(), nil
	}
	return t.record(eventOf{event: event, by: by, actor: actor, target: u, details: map[string]any{"request": id, "why": why}})
}

// answerRequest writes an answer, once: whoever was faster has it.
// Refuses: request-answered.
func (t *tx) answerRequest(q *requestRow, actor *userRow, as RequestState, reason string) error {
	return t.must(refuse(RequestAnswered), `UPDATE restart_requests SET state = $1, answered_at = $2, answered_by_id = $3, answered_by_name = $4, reason = $5
		WHERE id = $6 AND team_id = $7 AND state = 'open' AND expires_at > $2`,
		string(as), ms(t.now), actor.id, actor.name, reason, q.id, q.teamID)
}

func (t *tx) nameRestart(q *requestRow, restartID string) error {
	_, err := t.exec(`UPDATE restart_requests SET restart_id = $1 WHERE id = $2 AND team_id = $3`, restartID, q.id, q.teamID)
	return err
}

// chargeMatchCode counts a try at the match code before it is compared.
// Refuses: request-answered.
func (t *tx) chargeMatchCode(q *requestRow) error {
	err := t.row(`UPDATE restart_requests SET tries = tries + 1 WHERE id = $1 AND team_id = $2 AND state = 'open' AND expires_at > $3 AND tries < $4 RETURNING tries`,
		q.id, q.teamID, ms(t.now), matchTries).Scan(&q.tries)
	if errors.Is(err, sql.ErrNoRows) {
		return refuse(RequestAnswered)
	}
	return err
}

// refundMatchCode gives a try back whose code was right.
func (t *tx) refundMatchCode(q *requestRow) error {
	_, err := t.exec(`UPDATE restart_requests SET tries = tries - 1 WHERE id = $1 AND team_id = $2 AND state = 'open' AND tries > 0`, q.id, q.teamID)
	return err
}

func (t *tx) deleteRequests(u *userRow) error {
	_, err := t.exec(`DELETE FROM restart_requests WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

// requestsOf reads somebody's requests that still matter, the newest first.
func requestsOf(r reader, u *userRow) ([]*requestRow, error) {
	return listRequests(r, `q.user_id = $1 AND q.team_id = $2 ORDER BY q.created_at DESC, q.id DESC LIMIT $3`, u.id, u.teamID, 2*asksADay)
}

func listRequests(r reader, where string, args ...any) ([]*requestRow, error) {
	var list []*requestRow
	err := r.each(`SELECT `+requestColumns+` FROM restart_requests q WHERE `+where, args, func(scan func(...any) error) error {
		q := new(requestRow)
		list = append(list, q)
		return scan(q.fields()...)
	})
	return list, err
}

// expireRequests ends what nobody answered, and drops what is long over.
func (t *tx) expireRequests() error {
	over, err := listRequests(t, `q.state = 'open' AND q.expires_at <= $1 ORDER BY q.id LIMIT $2`, ms(t.now), sweptAtOnce)
	if err != nil {
		return err
	}
	for _, q := range over {
		u, err := oneUser(t, `u.id = $1 AND u.team_id = $2`, q.userID, q.teamID)
		if err != nil {
			return err
		}
		if err := t.endRequest(systemActor(), nil, u, RequestExpired, ""); err != nil {
			return err
		}
	}
	_, err = t.exec(`DELETE FROM restart_requests WHERE state <> 'open' AND created_at < $1`, ms(t.now.Add(-requestsKept)))
	return err
}

// systemActor is the program itself: its chores.
func systemActor() Actor { return Actor{origin: Origin{Via: ViaSystem}} }
