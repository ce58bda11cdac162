package core

import (
	"context"
	"encoding/base64"
	"fmt"
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
	InvitedUntil      time.Time // until when the link works with which an invited person joins; zero when none does
	MayNotRestart     *Refusal  // why the actor may not restart this person; nil when they may

	// The rest is read for one person only, not for lists.
	Sessions       int
	Authenticators int
	Since          time.Time // active since
	Restarts       []Restart // the newest first, at most 20
	Events         []Event   // what happened to or by this person, the newest first, at most 20
}

// TwoStepNotActive filters for everybody whose 2-step is not active: `off` and `due`.
const TwoStepNotActive TwoStep = "not_active"

// PeopleFilter is what a list of people is asked for. TwoStep is off, active,
// due, TwoStepNotActive, or "" for all.
type PeopleFilter struct {
	Query   string
	Role    Role
	TwoStep TwoStep
	Cursor  string
	Limit   int // 1–200; 0 is 50
}

// People is a page of people, in the order of their names.
type People struct {
	Items            []Person
	Next, Previous   string // cursors, "" at the ends
	Found            int    // that the filter lets through, on all pages
	Total, NotActive int    // of the whole team, whatever the filter
}

const (
	pageDefault = 50
	pageMost    = 200
)

// needTeam reads the actor anew and refuses whoever may not see the team.
// Refuses: not-signed-in, activation-required, admin-only.
func (c *Core) needTeam(r reader, by Actor) (*userRow, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	actor, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, by.session.User.ID, by.session.User.Team.ID)
	if err != nil {
		return nil, err
	}
	if err := needFull(actor, c.Now()); err != nil {
		return nil, err
	}
	if actor.role.rank() < RoleAdmin.rank() {
		return nil, refuse(AdminOnly)
	}
	return actor, nil
}

// People lists the team. Refuses: admin-only, invalid-cursor.
func (c *Core) People(ctx context.Context, by Actor, f PeopleFilter) (*People, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	limit := min(max(f.Limit, 0), pageMost)
	if limit == 0 {
		limit = pageDefault
	}
	where, args, err := c.peopleWhere(actor.teamID, f, now)
	if err != nil {
		return nil, err
	}
	var found int
	if err := r.row(`SELECT COUNT(*) FROM users u WHERE `+where, args...).Scan(&found); err != nil {
		return nil, err
	}
	back, key, id, err := c.readCursor(actor.teamID, f.Cursor)
	if err != nil {
		return nil, err
	}
	order := "u.name_key, u.id"
	if back {
		order = "u.name_key DESC, u.id DESC"
	}
	if f.Cursor != "" {
		compare := ">"
		if back {
			compare = "<"
		}
		args = append(args, key, id)
		where += fmt.Sprintf(" AND (u.name_key, u.id) %s ($%d, $%d)", compare, len(args)-1, len(args))
	}
	args = append(args, limit+1)
	users, err := listUsers(r, fmt.Sprintf("%s ORDER BY %s LIMIT $%d", where, order, len(args)), args...)
	if err != nil {
		return nil, err
	}
	page := c.cutPage(users, limit, back, f.Cursor != "")
	page.Found = found
	for _, u := range page.users {
		p, err := c.personOf(r, actor, u, now)
		if err != nil {
			return nil, err
		}
		page.Items = append(page.Items, *p)
	}
	err = r.row(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN two_step <> 'active' THEN 1 ELSE 0 END), 0) FROM users WHERE team_id = $1`, actor.teamID).
		Scan(&page.Total, &page.NotActive)
	return &page.People, err
}

// peopleWhere builds the condition; every value is a parameter, and the team is
// always the actor's.
func (c *Core) peopleWhere(teamID string, f PeopleFilter, now time.Time) (string, []any, error) {
	where, args := "u.team_id = $1", []any{teamID}
	add := func(format string, value any) {
		args = append(args, value)
		where += " AND " + strings.ReplaceAll(format, "?", "$"+strconv.Itoa(len(args)))
	}
	if q := foldName(cut(f.Query, nameLimit)); q != "" {
		add(`(u.name_key LIKE ? ESCAPE '\' OR u.email_key LIKE ? ESCAPE '\')`, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q)+"%")
	}
	switch f.Role {
	case "":
	case RoleOwner, RoleAdmin, RoleMember:
		add("u.role = ?", string(f.Role))
	default:
		return "", nil, refuseField(RoleInvalid, "role")
	}
	switch f.TwoStep {
	case "":
	case TwoStepActive:
		where += " AND u.two_step = 'active'"
	case TwoStepNotActive:
		where += " AND u.two_step <> 'active'"
	case TwoStepOff:
		add("u.two_step = 'off' AND (u.due_by = 0 OR u.due_by > ?)", ms(now))
	case TwoStepDue:
		add("(u.two_step = 'due' OR u.two_step = 'off' AND u.due_by <> 0 AND u.due_by <= ?)", ms(now))
	default:
		return "", nil, refuseField(InvalidField, "two_step").with("field", "two_step")
	}
	return where, args, nil
}

type peoplePage struct {
	People
	users []*userRow
}

// cutPage takes the one row too many off, turns a backward page round, and says
// where the neighbors begin.
func (c *Core) cutPage(users []*userRow, limit int, back, inside bool) peoplePage {
	more := len(users) > limit
	if more {
		users = users[:limit]
	}
	if back {
		for i, j := 0, len(users)-1; i < j; i, j = i+1, j-1 {
			users[i], users[j] = users[j], users[i]
		}
	}
	p := peoplePage{users: users}
	if len(users) == 0 {
		return p
	}
	first, last := users[0], users[len(users)-1]
	if more && !back || back && inside {
		p.Next = c.makeCursor(last, false)
	}
	if more && back || !back && inside {
		p.Previous = c.makeCursor(first, true)
	}
	return p
}

// A cursor is authenticated and names its team: what comes back from a browser
// is never trusted to be what was handed out.
func (c *Core) makeCursor(u *userRow, back bool) string {
	direction := "n"
	if back {
		direction = "p"
	}
	body := direction + foldName(u.name) + "\x00" + u.id
	mac := c.keys.MAC("cursor/"+u.teamID, []byte(body))[:12]
	return base64.RawURLEncoding.EncodeToString(append(mac, body...))
}

func (c *Core) readCursor(teamID, cursor string) (back bool, key, id string, err error) {
	if cursor == "" {
		return false, "", "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < 14 || string(c.keys.MAC("cursor/"+teamID, raw[12:])[:12]) != string(raw[:12]) {
		return false, "", "", refuseField(InvalidCursor, "cursor")
	}
	key, id, _ = strings.Cut(string(raw[13:]), "\x00")
	return raw[12] == 'p', key, id, nil
}

func (c *Core) personOf(r reader, actor, u *userRow, now time.Time) (*Person, error) {
	p := &Person{User: u.view(now), MayNotRestart: Refused(mayRestart(actor, u, now))}
	var err error
	if p.RecoveryCodesLeft, err = recoveryCodesLeft(r, u); err != nil {
		return nil, err
	}
	var paused int64
	err = r.row(`SELECT COALESCE(MAX(next_try_at), 0) FROM authenticators WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID).Scan(&paused)
	if err != nil {
		return nil, err
	}
	if paused > ms(now) {
		p.PausedUntil = at(paused)
	}
	if u.status == StatusInvited {
		p.InvitedUntil, err = linkUntil(r, u, now)
	}
	return p, err
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
	p, err := c.personOf(r, actor, u, now)
	if err != nil {
		return nil, err
	}
	live, err := sessionsOf(r, u, now)
	if err != nil {
		return nil, err
	}
	p.Sessions = len(live)
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
	p.Events, err = eventsAbout(r, u, 20)
	return p, err
}
