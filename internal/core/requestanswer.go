package core

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"doorstep/internal/code"
)

// Request is a restart request as those see it who may answer it.
type Request struct {
	ID                      string
	Person                  User
	Happened                Happened
	State                   RequestState
	MadeAt, ExpiresAt       time.Time
	Address, Device         string // from where it was asked
	AddressSeen, DeviceSeen bool   // the person signed in with both steps from there, or with such a browser, within SeenWithin
	TriesLeft               int    // at the match code

	AnsweredAt time.Time  // or ended
	AnsweredBy string     // a name; "" for nobody
	Reason     string     // of the answer
	Ended      RequestEnd // of RequestEnded
}

// SeenWithin is how far back it is looked whether a browser or an address is the person's.
const SeenWithin = browserForgotten

// RequestReasonShortest is how long the reason of an approval must be, in characters.
const RequestReasonShortest = 10

// RequestFilter is what a list of requests is asked for.
type RequestFilter struct {
	Open, Answered bool // which; neither is both
	Cursor         string
	Limit          int // 1–200; 0 is 50
}

// Requests is a page of requests, the newest first.
type Requests struct {
	Items []Request
	Next  string // cursor, "" at the end
}

// mayAnswerRequest says who sees and answers a person's request: whoever may restart them,
// also while there is nothing to restart any more.
// Refuses: admin-only, self, rank, contained.
func mayAnswerRequest(actor, target *userRow, now time.Time) error {
	if err := mayRestart(actor, target, now); !IsRefusal(err, NothingToRestart) {
		return err
	}
	return nil
}

// needAnswering reads the actor anew and refuses whoever answers nobody's request.
// Refuses: not-signed-in, activation-required, admin-only, contained.
func (c *Core) needAnswering(r reader, by Actor) (*userRow, error) {
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	if actor.contained(c.Now()) {
		return nil, refuse(Contained).with("at", at(actor.containedUntil))
	}
	return actor, nil
}

// whoseRequests is the rank of R7 as a condition: $1 is the team, $2 the actor, $3
// whether that is an owner.
const whoseRequests = `q.team_id = $1 AND q.user_id <> $2 AND EXISTS (SELECT 1 FROM users u WHERE u.id = q.user_id AND u.team_id = $1 AND (u.role = 'member' OR $3))`

// Requests lists the requests that the actor may answer or might have answered: an
// admin sees members' requests, an owner all but their own.
// Refuses: not-signed-in, activation-required, admin-only, contained, invalid-cursor.
func (c *Core) Requests(ctx context.Context, by Actor, f RequestFilter) (*Requests, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needAnswering(r, by)
	if err != nil {
		return nil, err
	}
	limit := min(max(f.Limit, 0), pageMost)
	if limit == 0 {
		limit = pageDefault
	}
	before := "z" // after every id, in every collation
	if f.Cursor != "" {
		if before = f.Cursor; !isID(before) {
			return nil, refuseField(InvalidCursor, "cursor")
		}
	}
	rows, err := listRequests(r, whoseRequests+` AND q.id < $4
		AND ($5 = (CASE WHEN q.state = 'open' AND q.expires_at > $6 THEN 1 ELSE 2 END) OR $5 = 0) ORDER BY q.id DESC LIMIT $7`,
		actor.teamID, actor.id, actor.role == RoleOwner, before, f.part(), ms(now), limit+1)
	if err != nil {
		return nil, err
	}
	page := &Requests{}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = rows[limit-1].id
	}
	page.Items, err = requestViews(r, actor.teamID, rows, now)
	return page, err
}

// requestViews adds whose they are, in one query whatever their number; who was
// removed meanwhile has none.
func requestViews(r reader, teamID string, rows []*requestRow, now time.Time) ([]Request, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	var ids []string
	for _, q := range rows {
		ids = append(ids, q.userID)
	}
	list, args := anyOf(ids, teamID)
	users, err := listUsers(r, ofTheTeam+` AND u.id IN `+list, args...)
	if err != nil {
		return nil, err
	}
	byID := map[string]*userRow{}
	for _, u := range users {
		byID[u.id] = u
	}
	var views []Request
	for _, q := range rows {
		if u := byID[q.userID]; u != nil {
			views = append(views, *q.view(u, now))
		}
	}
	return views, nil
}

func (f RequestFilter) part() int {
	switch {
	case f.Open == f.Answered:
		return 0
	case f.Open:
		return 1
	}
	return 2
}

func (q *requestRow) view(u *userRow, now time.Time) *Request {
	return &Request{
		ID: q.id, Person: u.view(now), Happened: q.happened, State: q.state(now), MadeAt: at(q.createdAt), ExpiresAt: at(q.expiresAt),
		Address: q.address, Device: q.device, AddressSeen: q.addressSeen, DeviceSeen: q.deviceSeen, TriesLeft: max(0, matchTries-q.tries),
		AnsweredAt: at(q.answeredAt), AnsweredBy: q.answeredBy, Reason: q.reason, Ended: q.endReason,
	}
}

// OpenRequests counts the requests that wait for the actor; 0 for whoever answers
// none. It is asked for every page of an owner or admin.
func (c *Core) OpenRequests(ctx context.Context, by Actor) (int, error) {
	s := by.session
	if s == nil || s.Reach != ReachFull || s.User.Role.rank() < RoleAdmin.rank() || c.Now().Before(s.User.ContainedUntil) {
		return 0, nil
	}
	var n int
	err := c.read(ctx).row(`SELECT COUNT(*) FROM restart_requests q WHERE q.state = 'open' AND q.expires_at > $4 AND `+whoseRequests,
		s.User.Team.ID, s.User.ID, s.User.Role == RoleOwner, ms(c.Now())).Scan(&n)
	return n, err
}

func requestByID(r reader, teamID, id string) (*requestRow, error) {
	if !isID(id) {
		return nil, refuse(Missing)
	}
	q := new(requestRow)
	err := r.row(`SELECT `+requestColumns+` FROM restart_requests q WHERE q.id = $1 AND q.team_id = $2`, id, teamID).Scan(q.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(Missing)
	}
	return q, err
}

// Request reads one request. Refuses: not-signed-in, activation-required,
// admin-only, contained, not-found (also another team's), self, rank.
func (c *Core) Request(ctx context.Context, by Actor, id string) (*Request, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needAnswering(r, by)
	if err != nil {
		return nil, err
	}
	q, err := requestByID(r, actor.teamID, id)
	if err != nil {
		return nil, err
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, q.userID, q.teamID)
	if err != nil {
		return nil, err
	}
	if err := mayAnswerRequest(actor, u, now); err != nil {
		return nil, err
	}
	return q.view(u, now), nil
}

// Approval is what the approver says: the match code as they heard it, and what
// every restart asks for.
type Approval struct {
	MatchCode  string
	Reason     string
	VerifiedBy VerifiedBy
}

// tidy checks what was said before anything is compared or counted.
// Refuses: match-code-length, match-code-six, verified-by-missing, reason-missing,
// reason-too-short, reason-too-long.
func (a Approval) tidy() (digits string, said RestartRequest, err error) {
	var match, reason error
	digits, ok, authentication := code.ReadMatch(a.MatchCode)
	switch {
	case authentication:
		// Whoever reads six digits out has been asked for the wrong thing; they are
		// neither compared nor kept.
		match = refuseField(MatchCodeSix, "match_code")
	case !ok:
		match = refuseField(MatchCodeLength, "match_code").with("n", code.MatchDigits)
	}
	said, err = RestartRequest{Reason: a.Reason, VerifiedBy: a.VerifiedBy}.tidy()
	if err == nil && seen(said.Reason) < RequestReasonShortest {
		reason = refuseField(ReasonTooShort, "reason").with("n", RequestReasonShortest)
	}
	return digits, said, together(match, err, reason)
}

// requestToAnswer locks the actor and the person, and reads the request under those
// locks. Refuses: admin-only, not-found, and what mayAnswerRequest and needStepUp refuse.
func (t *tx) requestToAnswer(by Actor, id string) (actor, target *userRow, q *requestRow, err error) {
	if by.session.User.Role.rank() < RoleAdmin.rank() {
		return nil, nil, nil, refuse(AdminOnly)
	}
	team := by.session.User.Team.ID
	if q, err = requestByID(t, team, id); err != nil {
		return nil, nil, nil, err
	}
	actor, target, s, err := t.actOnOther(by, q.userID)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := mayAnswerRequest(actor, target, t.now); err != nil {
		return nil, nil, nil, err
	}
	if err := needStepUp(actor, s, t.now); err != nil {
		return nil, nil, nil, err
	}
	q, err = requestByID(t, team, id)
	return actor, target, q, err
}

// waiting refuses what is over. Refuses: request-answered, with who did.
func (q *requestRow) waiting(now time.Time) error {
	if q.state(now) == RequestOpen {
		return nil
	}
	r := refuse(RequestAnswered)
	if q.answeredBy != "" {
		r = r.with("by", q.answeredBy)
	}
	return r
}

// ApproveRequest approves a request, which is a restart by the same code as any
// other; where the team wants a second approver for this person, it begins one that
// waits for them. The match code is charged before it is compared; the third wrong one ends
// the request. Sent twice, it answers with the same receipt.
// Refuses: not-signed-in, activation-required, recovery-session, step-up-required,
// not-found (also another team's), admin-only, self, rank, contained,
// request-answered, match-code-length, match-code-six, verified-by-missing,
// reason-missing, reason-too-short, reason-too-long (none of these counts as a
// try), wrong-match-code, match-codes-over, nothing-to-restart, restart-limit,
// person-limit, restart-waiting, no-second-approver, busy.
func (c *Core) ApproveRequest(ctx context.Context, by Actor, id string, a Approval) (*Restart, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	digits, said, unsaid := a.tidy()
	var q *requestRow
	var receipt *Restart
	err := c.keepCount(ctx, func(t *tx) (err error) {
		var actor, target *userRow
		if actor, target, q, err = t.requestToAnswer(by, id); err != nil {
			return err
		}
		if receipt, err = t.approvedAlready(q, actor, target); err != nil || receipt != nil {
			return err
		}
		if err := q.waiting(t.now); err != nil {
			return err
		}
		if unsaid != nil {
			return unsaid
		}
		return t.chargeMatchCode(q)
	})
	if err != nil || receipt != nil {
		return receipt, err
	}
	if !hmac.Equal(q.matchHash, c.matchHash(q.id, digits)) {
		return nil, c.wrongMatchCode(ctx, by, q)
	}
	err = c.restarting(ctx, by, q.userID, func(t *tx, pass *madePass) error {
		actor, target, q, err := t.requestToAnswer(by, id)
		if err != nil {
			return err
		}
		if err := q.waiting(t.now); err != nil {
			return err
		}
		receipt, err = t.approve(by, actor, target, q, said, pass)
		return err
	})
	if Refused(err) != nil { // the code was right
		return nil, errors.Join(err, c.keepCount(context.WithoutCancel(ctx), func(t *tx) error { return t.refundMatchCode(q) }))
	}
	if err != nil {
		return nil, err
	}
	return receipt, nil
}

// approve answers first, so that the restart, which ends open requests, finds none.
func (t *tx) approve(by Actor, actor, target *userRow, q *requestRow, said RestartRequest, pass *madePass) (*Restart, error) {
	if err := somethingToRestart(target, t.now); err != nil {
		return nil, err
	}
	if err := t.answerRequest(q, actor, RequestApproved, said.Reason); err != nil {
		return nil, err
	}
	receipt, err := t.beginOrRestart(by, actor, target, said, pass)
	if err != nil {
		return nil, err
	}
	if receipt.Waiting == nil {
		if err := t.nameRestart(q, receipt.ID); err != nil {
			return nil, err
		}
	}
	return receipt, t.record(eventOf{event: EventRequestApproved, by: by, actor: actor, target: target, reason: said.Reason, details: map[string]any{
		"request": q.id, "restart": receipt.ID, "verified_by": said.VerifiedBy,
	}})
}

// approvedAlready is the receipt for a form that the approver sent twice.
func (t *tx) approvedAlready(q *requestRow, actor, target *userRow) (*Restart, error) {
	if q.kept != RequestApproved || q.answeredByID != actor.id {
		return nil, nil
	}
	if q.restartID == "" {
		waiting, err := waitingFor(t, target, t.now)
		if err != nil || waiting == nil || waiting.byID != actor.id {
			return nil, err
		}
		return &Restart{PersonID: target.id, ByID: actor.id, ByName: actor.name, Reason: q.reason, At: at(q.answeredAt), Waiting: waiting.view(target, t.now)}, nil
	}
	history, err := restartsOf(t, target, 20)
	if err != nil {
		return nil, err
	}
	for _, r := range history {
		if r.ID == q.restartID {
			t.endsAccess() // the first may still be waiting for other processes to forget
			r.PassMade, err = passWanted(t, target)
			return &r, err
		}
	}
	return nil, nil
}

// wrongMatchCode records a wrong code, and with the third ends the request: whoever
// types was not told it by the browser that asked.
func (c *Core) wrongMatchCode(ctx context.Context, by Actor, q *requestRow) error {
	left := max(0, matchTries-q.tries)
	err := c.write(context.WithoutCancel(ctx), func(t *tx) error {
		actor, target, err := t.lockPair(q.teamID, by.session.User.ID, q.userID)
		if err != nil {
			return err
		}
		if err := t.record(eventOf{event: EventMatchCodeRefused, by: by, actor: actor, target: target, details: map[string]any{"request": q.id, "tries_left": left}}); err != nil {
			return err
		}
		if left > 0 {
			return nil
		}
		return t.endRequest(by, actor, target, RequestEnded, EndedByWrongCodes)
	})
	if err != nil {
		return err
	}
	if left == 0 {
		return refuse(MatchCodesOver)
	}
	r := refuseField(WrongMatchCode, "match_code").with("n", left)
	r.Counted, r.TriesLeft = true, left
	return r
}

// Refusing is what somebody says who refuses a request.
type Refusing struct {
	Reason string // may be ""
	// NotThem: it was not the person who asked. Then somebody else has their password:
	// half-done sign-ins end, and the next sign-in asks for a new password.
	NotThem bool
}

// RefuseRequest refuses a request; the person is told, and may ask again in an hour.
// Refuses: not-signed-in, activation-required, recovery-session, step-up-required,
// not-found (also another team's), admin-only, self, rank, contained,
// request-answered, reason-too-long.
func (c *Core) RefuseRequest(ctx context.Context, by Actor, id string, said Refusing) error {
	if by.session == nil {
		return refuse(NotSignedIn)
	}
	reason := strings.Join(strings.Fields(cut(said.Reason, 10*ReasonLongest)), " ")
	return c.write(ctx, func(t *tx) error {
		actor, target, q, err := t.requestToAnswer(by, id)
		if err != nil {
			return err
		}
		if q.kept == RequestRefused && q.answeredByID == actor.id {
			t.nothingToRecord() // the form was sent twice
			return nil
		}
		if err := q.waiting(t.now); err != nil {
			return err
		}
		if utf8.RuneCountInString(reason) > ReasonLongest {
			return refuseField(ReasonTooLong, "reason").with("n", ReasonLongest)
		}
		if err := t.answerRequest(q, actor, RequestRefused, reason); err != nil {
			return err
		}
		if said.NotThem {
			if err := t.deleteAttempts(target); err != nil {
				return err
			}
			if err := t.demandNewPassword(target); err != nil {
				return err
			}
		}
		return t.record(eventOf{event: EventRequestRefused, by: by, actor: actor, target: target, reason: reason, details: map[string]any{
			"request": q.id, "not_them": said.NotThem,
		}})
	})
}
