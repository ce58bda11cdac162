package core

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// A help request is a question, and a question changes nothing: it is answered with
// words alone, so that nobody who writes a convincing one gets anything else (J9). That
// of somebody signed in goes to their team's owners and admins. That of somebody who is
// not goes to whoever runs this server, where that one gave an address, and never to a
// team: a stranger's text could pass for a member's.

// HelpAbout is what a request is about.
type HelpAbout string

const (
	AboutSignIn  HelpAbout = "sign_in"
	AboutCodes   HelpAbout = "codes"
	AboutAccount HelpAbout = "account"
	AboutMessage HelpAbout = "message" // a call or a letter that was not expected
	AboutOther   HelpAbout = "other"
)

// HelpAboutValues lists them in the order in which pages offer them.
func HelpAboutValues() []HelpAbout {
	return []HelpAbout{AboutSignIn, AboutCodes, AboutAccount, AboutMessage, AboutOther}
}

// HelpState is what became of a request.
type HelpState string

const (
	HelpOpen     HelpState = "open"     // waits for an answer
	HelpAnswered HelpState = "answered" // whoever asked may write once more
	HelpClosed   HelpState = "closed"
)

const (
	helpOfPerson   = 10 // requests and additions; each sends letters to everybody who may answer
	helpOfPersonIn = day
	messagesMost   = 50 // in one request
	helpKept       = 365 * day
)

// HelpRequest is one, as those see it who wrote it or may answer it.
type HelpRequest struct {
	ID        string
	Number    string // for people to name it by
	From      User
	Mine      bool
	MayAnswer bool
	About     HelpAbout
	State     HelpState
	MadeAt    time.Time
	ChangedAt time.Time
	Messages  []HelpMessage // of a single one; the oldest first
}

// HelpMessage is one text in a request.
type HelpMessage struct {
	ByName string
	Answer bool // of somebody who may answer, not of whoever asked
	Text   string
	At     time.Time
}

// NewHelpRequest is what somebody writes.
type NewHelpRequest struct {
	About HelpAbout
	Text  string
}

func (q *NewHelpRequest) tidy() error {
	var about, text error
	if !slices.Contains(HelpAboutValues(), q.About) {
		about = refuseField(AboutMissing, "about")
	}
	q.Text, text = readText(q.Text, "text", TextLongest, false)
	return together(about, text)
}

// newNumber makes a number that is no code of any kind: a letter and seven digits.
func newNumber() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(10_000_000))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("R-%07d", n), nil
}

// mayAnswerHelp lists who answers the questions of a team's people: owners and admins
// but whoever asks, none of them locked out or just restarted.
func mayAnswerHelp(r reader, u *userRow, now time.Time) ([]*userRow, error) {
	users, err := listUsers(r, `u.team_id = $1 AND u.id <> $2 AND u.status = 'active' AND (u.role = 'owner' OR u.role = 'admin')`, u.teamID, u.id)
	return slices.DeleteFunc(users, func(a *userRow) bool { return a.closed(now) || a.contained(now) || a.state(now) == TwoStepDue }), err
}

// SubmitHelpRequest sends a question to the owners and admins of one's own team. Sent
// twice, it is one request. Refuses: not-signed-in, session-ended,
// password-change-required, activation-required, about-missing, text-missing,
// text-too-long, text-has-code, nobody-to-answer, too-many-help-requests.
func (c *Core) SubmitHelpRequest(ctx context.Context, by Actor, said NewHelpRequest) (*HelpRequest, error) {
	wrong := said.tidy()
	var made *HelpRequest
	err := c.write(ctx, func(t *tx) error {
		u, err := t.actingFull(by)
		if err != nil {
			return err
		}
		if wrong != nil {
			return wrong
		}
		if made, err = t.sameHelpRequest(u, said); err != nil || made != nil {
			t.nothingToRecord()
			return err
		}
		answering, err := mayAnswerHelp(t, u, t.now)
		if err != nil {
			return err
		}
		if len(answering) == 0 {
			return refuse(NobodyToAnswer)
		}
		if err := t.countHelp(u); err != nil {
			return err
		}
		made, err = t.createHelpRequest(by, u, said)
		return err
	})
	return made, err
}

// countHelp refuses: too-many-help-requests.
func (t *tx) countHelp(u *userRow) error {
	within, next, err := t.countWithin("help requests/"+u.id, helpOfPerson, helpOfPersonIn)
	if err == nil && !within {
		return waitFor(TooManyHelpRequests, next.Sub(t.now))
	}
	return err
}

// sameHelpRequest finds what a form sent twice has made already.
func (t *tx) sameHelpRequest(u *userRow, said NewHelpRequest) (*HelpRequest, error) {
	q := new(helpRow)
	err := t.row(`SELECT `+helpColumns+` FROM help_requests h WHERE h.team_id = $1 AND h.user_id = $2 AND h.about = $3 AND h.created_at > $4
		AND EXISTS (SELECT 1 FROM help_messages m WHERE m.request_id = h.id AND m.team_id = h.team_id AND m.text = $5) ORDER BY h.id DESC LIMIT 1`,
		u.teamID, u.id, string(said.About), ms(t.now.Add(-sameTextWithin)), said.Text).Scan(q.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return q.view(u, u, t.now), nil
}

func (t *tx) createHelpRequest(by Actor, u *userRow, said NewHelpRequest) (*HelpRequest, error) {
	number, err := newNumber()
	if err != nil {
		return nil, err
	}
	q := &helpRow{id: newID(), number: number, teamID: u.teamID, userID: u.id, about: said.About, state: HelpOpen, createdAt: ms(t.now), changedAt: ms(t.now)}
	if _, err := t.exec(`INSERT INTO help_requests (id, number, team_id, user_id, about, state, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, 'open', $6, $6)`,
		q.id, q.number, q.teamID, q.userID, string(q.about), q.createdAt); err != nil {
		return nil, err
	}
	if err := t.addHelpMessage(q, u, false, said.Text); err != nil {
		return nil, err
	}
	if err := t.queueHelpLetters(LetterHelpAsked, by, q, u, u, said.Text); err != nil {
		return nil, err
	}
	return q.view(u, u, t.now), t.record(eventOf{event: EventHelpRequestMade, by: by, actor: u, target: u, details: q.details()})
}

func (q *helpRow) details() map[string]any {
	return map[string]any{"request": q.id, "number": q.number, "about": q.about}
}

func (t *tx) addHelpMessage(q *helpRow, u *userRow, answer bool, text string) error {
	_, err := t.exec(`INSERT INTO help_messages (id, request_id, team_id, user_id, user_name, answer, text, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		newID(), q.id, q.teamID, u.id, u.name, answer, text, ms(t.now))
	return err
}

type helpRow struct {
	id, number, teamID, userID string
	about                      HelpAbout
	state                      HelpState
	createdAt, changedAt       int64
}

const helpColumns = `h.id, h.number, h.team_id, h.user_id, h.about, h.state, h.created_at, h.changed_at`

func (q *helpRow) fields() []any {
	return []any{&q.id, &q.number, &q.teamID, &q.userID, (*string)(&q.about), (*string)(&q.state), &q.createdAt, &q.changedAt}
}

func (q *helpRow) view(from, reader *userRow, now time.Time) *HelpRequest {
	return &HelpRequest{
		ID: q.id, Number: q.number, From: from.view(now), Mine: q.userID == reader.id, MayAnswer: q.mayBeAnsweredBy(reader, now),
		About: q.about, State: q.state, MadeAt: at(q.createdAt), ChangedAt: at(q.changedAt),
	}
}

func (q *helpRow) mayBeAnsweredBy(u *userRow, now time.Time) bool {
	return u.id != q.userID && u.role.rank() >= RoleAdmin.rank() && !u.contained(now)
}

// helpRequestFor reads a request for whoever may see it: whoever wrote it, and the
// owners and admins of the same team. Refuses: not-found.
func helpRequestFor(r reader, u *userRow, id string, now time.Time) (*helpRow, error) {
	if !isID(id) {
		return nil, refuse(Missing)
	}
	q := new(helpRow)
	err := r.row(`SELECT `+helpColumns+` FROM help_requests h WHERE h.id = $1 AND h.team_id = $2`, id, u.teamID).Scan(q.fields()...)
	if errors.Is(err, sql.ErrNoRows) || err == nil && q.userID != u.id && !q.mayBeAnsweredBy(u, now) {
		return nil, refuse(Missing)
	}
	return q, err
}

// WriteInHelpRequest adds a text: of whoever asked, which opens the request again, or
// an answer, which goes to them by letter. Sent twice, it is one text.
// Refuses: not-found (also another's), not-signed-in, session-ended,
// password-change-required, activation-required, recovery-session (answers),
// help-request-closed, text-missing, text-too-long, text-has-code,
// too-many-help-requests.
func (c *Core) WriteInHelpRequest(ctx context.Context, by Actor, id, text string) error {
	text, wrong := readText(text, "text", TextLongest, false)
	return c.write(ctx, func(t *tx) error {
		q, u, from, err := t.helpRequestToChange(by, id)
		if err != nil {
			return err
		}
		if q.state == HelpClosed {
			return refuse(HelpRequestClosed)
		}
		if wrong != nil {
			return wrong
		}
		answer := q.userID != u.id
		var same, all int
		if err := t.row(`SELECT COUNT(CASE WHEN user_id = $1 AND text = $2 AND created_at > $3 THEN 1 END), COUNT(*) FROM help_messages WHERE request_id = $4 AND team_id = $5`,
			u.id, text, ms(t.now.Add(-sameTextWithin)), q.id, q.teamID).Scan(&same, &all); err != nil {
			return err
		}
		if same > 0 {
			t.nothingToRecord()
			return nil
		}
		if all >= messagesMost {
			return refuse(HelpRequestClosed)
		}
		event, state, letter := EventHelpRequestAnswered, HelpAnswered, LetterHelpAnswered
		if !answer {
			event, state, letter = EventHelpRequestAdded, HelpOpen, LetterHelpAdded
			if err := t.countHelp(u); err != nil {
				return err
			}
		}
		if err := t.must(refuse(HelpRequestClosed), `UPDATE help_requests SET state = $1, changed_at = $2 WHERE id = $3 AND team_id = $4 AND state <> 'closed'`,
			string(state), ms(t.now), q.id, q.teamID); err != nil {
			return err
		}
		if err := t.addHelpMessage(q, u, answer, text); err != nil {
			return err
		}
		if err := t.queueHelpLetters(letter, by, q, u, from, text); err != nil {
			return err
		}
		return t.record(eventOf{event: event, by: by, actor: u, target: from, details: q.details()})
	})
}

// helpRequestToChange locks the writer, and whoever asked, and reads the request. An
// answer is trusted because of who gives it, so a session that a recovery code opened
// gives none (R8).
func (t *tx) helpRequestToChange(by Actor, id string) (q *helpRow, u, from *userRow, err error) {
	u, s, err := t.actingUser(by)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := needFull(u, t.now); err != nil {
		return nil, nil, nil, err
	}
	if q, err = helpRequestFor(t, u, id, t.now); err != nil {
		return nil, nil, nil, err
	}
	if q.userID == u.id {
		return q, u, u, nil
	}
	if s.secondStep == SecondStepRecoveryCode {
		return nil, nil, nil, refuse(RecoverySession)
	}
	from, err = oneUser(t, `u.id = $1 AND u.team_id = $2`, q.userID, q.teamID)
	return q, u, from, err
}

// CloseHelpRequest says that it is settled. Refuses: not-found (also another's),
// not-signed-in, session-ended, password-change-required, activation-required,
// recovery-session (of whoever did not ask).
func (c *Core) CloseHelpRequest(ctx context.Context, by Actor, id string) error {
	return c.write(ctx, func(t *tx) error {
		q, u, from, err := t.helpRequestToChange(by, id)
		if err != nil {
			return err
		}
		n, err := t.exec(`UPDATE help_requests SET state = 'closed', changed_at = $1 WHERE id = $2 AND team_id = $3 AND state <> 'closed'`, ms(t.now), q.id, q.teamID)
		if err != nil {
			return err
		}
		if n == 0 {
			t.nothingToRecord()
			return nil
		}
		return t.record(eventOf{event: EventHelpRequestClosed, by: by, actor: u, target: from, details: q.details()})
	})
}

// queueHelpLetters tells those who may answer, or whoever asked. The letter carries
// what was written, which is why it is queued here and not by the event: the audit log
// keeps no talk.
func (t *tx) queueHelpLetters(kind LetterKind, by Actor, q *helpRow, writer, from *userRow, text string) error {
	args := map[string]any{"by": writer.name, "name": from.name, "number": q.number, "request": q.id, "about": q.about, "text": text}
	if kind == LetterHelpAnswered {
		return t.queueLetter(kind, from, by.origin, args)
	}
	answering, err := mayAnswerHelp(t, from, t.now)
	if err != nil {
		return err
	}
	for _, a := range answering {
		if err := t.queueLetter(kind, a, by.origin, args); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) deleteHelpRequests(u *userRow) error {
	if _, err := t.exec(`DELETE FROM help_messages WHERE team_id = $1 AND request_id IN (SELECT id FROM help_requests WHERE user_id = $2 AND team_id = $1)`, u.teamID, u.id); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM help_requests WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

// forgetOldHelp drops requests that nobody has touched for a year.
func (t *tx) forgetOldHelp() error {
	before := ms(t.now.Add(-helpKept))
	if _, err := t.exec(`DELETE FROM help_messages WHERE request_id IN (SELECT id FROM help_requests WHERE changed_at < $1)`, before); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM help_requests WHERE changed_at < $1`, before)
	return err
}
