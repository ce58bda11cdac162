package core

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Person is somebody of the team as owners and admins see them: numbers and
// states, never a secret (R10).
type Person struct {
	User
	RecoveryCodesLeft int
	PausedUntil       time.Time // too many wrong codes; zero when not
	Blocked           []string  // methods that must be set up anew: BlockedAuthenticator, …
	InvitedUntil      time.Time // until when the link works with which an invited person joins; zero when none does

	// Why the actor may not do it; nil when they may.
	MayNotRestart      *Refusal
	MayNotChangeRole   *Refusal
	MayNotChangeAccess *Refusal // suspend, bring back or remove
	MayNotChange       *Refusal // rename; and of an invitation, send it again or cancel it

	// The rest is read for one person only, not for lists.
	MayNotEndSessions *Refusal // why the actor may not sign this person out everywhere; nil when they may
	Sessions          int
	Authenticators    int
	Since             time.Time       // active since
	Restarts          []Restart       // the newest first, at most 20
	PassOpen          bool            // a re-activation pass is still to be used
	Waiting           *PendingRestart // a restart that waits for a second approver; nil for none, or not the actor's to know of
	Frozen            *Freeze         // nil when not
	AskedAbout        string          // the restart about which the actor is asked "was this them?"; "" for none
	Events            []Event         // what happened to or by this person, the newest first, at most 20
}

// TwoStepNotActive filters for everybody whose 2-step is not active: `off` and `due`.
const TwoStepNotActive TwoStep = "not_active"

// TwoStepGrace filters for those of `off` whose days to activate still run.
const TwoStepGrace TwoStep = "grace"

// TwoStepWaiting filters for whoever has not activated again after a restart, in time
// or not.
const TwoStepWaiting TwoStep = "waiting"

// PeopleFilter is what a list of people is asked for. TwoStep is off, active,
// due, TwoStepNotActive, TwoStepGrace, TwoStepWaiting, or "" for all.
type PeopleFilter struct {
	Query     string
	Role      Role
	TwoStep   TwoStep
	CodesLeft *int // of people with recovery codes, used up or not: exactly so many; nil for all
	Cursor    string
	Limit     int // 1–200; 0 is 50
}

// People is a page of people: in the order of their names or, of a search, in the
// order of what was found. A page can have fewer people than asked for, even none,
// and still neighbors: a walk looks at so many people only (lookMost).
type People struct {
	Items            []Person
	Next, Previous   string // cursors, "" at the ends
	Found            Count  // that the filter lets through, on all pages
	Total, NotActive Count  // of the whole team, whatever the filter
}

const (
	pageDefault = 50
	pageMost    = 200
)

// needTeam reads the actor anew and refuses whoever may not see the team.
// Refuses: not-signed-in, activation-required, admin-only.
func (c *Core) needTeam(r reader, by Actor) (*userRow, error) {
	actor, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	if actor.role.rank() < RoleAdmin.rank() {
		return nil, refuse(AdminOnly)
	}
	return actor, nil
}

// People lists the team. What it costs does not depend on the team's size.
// Refuses: admin-only, invalid-cursor, role-invalid, invalid-field.
func (c *Core) People(ctx context.Context, by Actor, f PeopleFilter) (*People, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	q, err := readQuestion(actor.teamID, f, now)
	if err != nil {
		return nil, err
	}
	ofOrder, from, err := c.readCursor(q, f.Cursor)
	if err != nil {
		return nil, err
	}
	total, notActive, err := q.measure(r)
	if err != nil {
		return nil, err
	}
	limit := min(max(f.Limit, 0), pageMost)
	if limit == 0 {
		limit = pageDefault
	}
	page, list, err := c.pageOf(r, q, narrowest(ofOrder), from, limit)
	if err != nil {
		return nil, err
	}
	page.Total, page.NotActive = total, notActive
	users, err := usersAt(r, q.teamID, list)
	if err != nil {
		return nil, err
	}
	page.Items, err = personsOf(r, actor, users, now)
	return page, err
}

// pageOf walks one page, turns a backward one round, and says how many there are in
// all and where the neighbors begin.
func (c *Core) pageOf(r reader, q *peopleQuestion, y *way, from start, limit int) (*People, []position, error) {
	most := limit + 1 // one too many says that there are more
	counting := !from.inside && len(q.ways) > 1
	if counting {
		most = CountMost + 1
	}
	w, err := q.walk(r, y, from, most)
	if err != nil {
		return nil, nil, err
	}
	p := &People{}
	if counting {
		p.Found = w.count()
	} else if p.Found, err = q.found(r); err != nil {
		return nil, nil, err
	}
	if len(w.list) > limit {
		w.list, w.edge, w.ended = w.list[:limit], w.list[limit-1], false
	}
	ahead, behind := &p.Next, &p.Previous
	if from.back {
		ahead, behind = behind, ahead
	}
	if !w.ended {
		*ahead = c.makeCursor(q.teamID, y.order, w.edge, from.back)
	}
	if from.inside {
		first := w.edge // nobody was met up to there
		if len(w.list) > 0 {
			first = w.list[0]
		}
		*behind = c.makeCursor(q.teamID, y.order, first, !from.back)
	}
	if from.back {
		slices.Reverse(w.list)
	}
	return p, w.list, nil
}

// found counts whom the question admits: along a way that holds nobody else they
// are counted already.
func (q *peopleQuestion) found(r reader) (Count, error) {
	if len(q.ways) == 1 {
		return q.ways[0].count(), nil
	}
	w, err := q.walk(r, narrowest(q.ways), start{}, CountMost+1)
	return w.count(), err
}

func (w *walked) count() Count {
	return Count{min(len(w.list), CountMost), !w.ended}
}

// usersAt reads the rows of people in the order of their places; who was removed
// meanwhile is not among them.
func usersAt(r reader, teamID string, list []position) ([]*userRow, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids, args := anyOf(idsOf(list), teamID)
	rows, err := listUsers(r, ofTheTeam+` AND u.id IN `+ids, args...)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*userRow, len(rows))
	for _, u := range rows {
		byID[u.id] = u
	}
	users := make([]*userRow, 0, len(rows))
	for _, p := range list {
		if u := byID[p.id]; u != nil {
			users = append(users, u)
		}
	}
	return users, nil
}

// A cursor is authenticated and names its team and its order: what comes back from a
// browser is never trusted to be what was handed out.
func (c *Core) makeCursor(teamID, order string, p position, back bool) string {
	direction := "n"
	if back {
		direction = "p"
	}
	body := direction + p.id + "\x00" + p.key
	return base64.RawURLEncoding.EncodeToString(append(c.cursorMAC(teamID, order, body), body...))
}

func (c *Core) cursorMAC(teamID, order, body string) []byte {
	return c.keys.MAC("cursor/"+teamID+"/"+order, []byte(body))[:12]
}

// readCursor returns where a walk begins, and the ways in whose order that is a
// place; without a cursor it is the beginning of any.
// Refuses: invalid-cursor, also one of another question.
func (c *Core) readCursor(q *peopleQuestion, cursor string) (ofOrder []*way, from start, err error) {
	if cursor == "" {
		return q.ways, start{}, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < 14 {
		return nil, start{}, refuseField(InvalidCursor, "cursor")
	}
	for _, y := range q.ways {
		if hmac.Equal(c.cursorMAC(q.teamID, y.order, string(raw[12:])), raw[:12]) {
			ofOrder = append(ofOrder, y)
		}
	}
	if len(ofOrder) == 0 {
		return nil, start{}, refuseField(InvalidCursor, "cursor")
	}
	from = start{inside: true, back: raw[12] == 'p'}
	from.id, from.key, _ = strings.Cut(string(raw[13:]), "\x00")
	return ofOrder, from, nil
}

// besideUsers is what lists say of people beside their own rows.
var besideUsers = `SELECT u.id,
	(SELECT COUNT(*) FROM authenticators a WHERE a.user_id = u.id AND a.team_id = $1 AND a.fails >= ` + strconv.FormatInt(mostCodes, 10) + `),
	(SELECT COUNT(*) FROM recovery_code_sets k WHERE k.user_id = u.id AND k.team_id = $1 AND k.fails >= ` + strconv.FormatInt(mostRecoveryCodes, 10) + `),
	(SELECT COUNT(*) FROM throttles h WHERE h.user_id = u.id AND h.team_id = $1 AND h.fails >= ` + strconv.FormatInt(mostPasswords, 10) + `),
	(SELECT COUNT(*) FROM recovery_codes c WHERE c.user_id = u.id AND c.team_id = $1 AND c.used_at = 0),
	(SELECT COALESCE(MAX(a.next_try_at), 0) FROM authenticators a WHERE a.user_id = u.id AND a.team_id = $1 AND a.next_try_at > $2 AND a.fails < ` + strconv.FormatInt(mostCodes, 10) + `),
	CASE WHEN u.status <> 'invited' THEN 0 ELSE
		(SELECT COALESCE(MAX(l.expires_at), 0) FROM links l WHERE l.user_id = u.id AND l.team_id = $1 AND l.purpose = $3 AND l.used_at = 0 AND l.expires_at > $2) END
	FROM users u WHERE ` + ofTheTeam + ` AND u.id IN `

// personsOf adds it, in one query whatever their number.
func personsOf(r reader, actor *userRow, users []*userRow, now time.Time) ([]Person, error) {
	if len(users) == 0 {
		return nil, nil
	}
	owners, err := activeOwners(r, actor.teamID, 2)
	if err != nil {
		return nil, err
	}
	people, places := make([]Person, len(users)), map[string]int{}
	var ids []string
	for i, u := range users {
		people[i] = Person{User: u.view(now)}
		people[i].mayNot(actor, u, owners, now)
		places[u.id] = i
		ids = append(ids, u.id)
	}
	list, args := anyOf(ids, actor.teamID, ms(now), purposePassword)
	err = r.each(besideUsers+list, args, func(scan func(...any) error) error {
		var id string
		var left, app, codes, password int
		var paused, invited int64
		if err := scan(&id, &app, &codes, &password, &left, &paused, &invited); err != nil {
			return err
		}
		p := &people[places[id]]
		p.Blocked = blockedOf(app > 0, codes > 0, password > 0)
		p.RecoveryCodesLeft, p.PausedUntil, p.InvitedUntil = left, at(paused), at(invited)
		return nil
	})
	return people, err
}

// mayNot says what the actor may not do with this person, of a team with so many
// owners (two are many).
func (p *Person) mayNot(actor, u *userRow, owners int, now time.Time) {
	p.MayNotRestart = Refused(mayRestart(actor, u, now))
	p.MayNotChangeRole = Refused(mayChangeRole(actor, now))
	p.MayNotChangeAccess = Refused(mayChangeAccess(actor, u, now))
	p.MayNotChange = Refused(outranks(actor, u))
	if !isLastOwner(u, owners) {
		return
	}
	for _, why := range []**Refusal{&p.MayNotChangeRole, &p.MayNotChangeAccess} {
		if *why == nil {
			*why = refuse(LastOwner)
		}
	}
}

// Person reads one person of the team. Refuses: admin-only, not-found (also
// another team's person, whatever the actor's role).
func (c *Core) Person(ctx context.Context, by Actor, userID string) (*Person, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	if !isID(userID) {
		return nil, refuse(Missing)
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, userID, actor.teamID)
	if err != nil {
		return nil, err
	}
	people, err := personsOf(r, actor, []*userRow{u}, now)
	if err != nil {
		return nil, err
	}
	p := &people[0]
	live, err := c.sessionsOf(r, u, now)
	if err != nil {
		return nil, err
	}
	p.Sessions = len(live)
	if p.MayNotEndSessions = Refused(mayEndSessions(actor, u)); by.session.SecondStep == SecondStepRecoveryCode {
		p.MayNotEndSessions = refuse(RecoverySession)
	}
	apps, err := authenticatorsOf(r, u)
	if err != nil {
		return nil, err
	}
	if p.Authenticators = len(apps); p.Authenticators > 0 {
		p.Since = apps[0].CreatedAt
	}
	if p.Restarts, err = restartsOf(r, u, 20); err != nil {
		return nil, err
	}
	if p.PassOpen, err = passWanted(r, u); err != nil {
		return nil, err
	}
	if p.Frozen, err = freezeOf(r, u); err != nil {
		return nil, err
	}
	if p.AskedAbout, err = openReactivation(r, actor, u, now); err != nil {
		return nil, err
	}
	waiting, err := waitingFor(r, u, now)
	if err != nil {
		return nil, err
	}
	if waiting != nil {
		if p.Waiting, err = waiting.shownTo(r, actor, by, now); err != nil && !IsRefusal(err, Missing) {
			return nil, err
		}
	}
	p.Events, err = eventsAbout(r, u, 20)
	return p, err
}
