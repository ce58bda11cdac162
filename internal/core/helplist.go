package core

import (
	"context"
	"slices"
)

// HelpRequest reads one with what was written in it. Refuses: not-found (also
// another's), not-signed-in, password-change-required, activation-required.
func (c *Core) HelpRequest(ctx context.Context, by Actor, id string) (*HelpRequest, error) {
	r, now := c.read(ctx), c.Now()
	u, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	q, err := helpRequestFor(r, u, id, now)
	if err != nil {
		return nil, err
	}
	from, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, q.userID, q.teamID)
	if err != nil {
		return nil, err
	}
	one := q.view(from, u, now)
	err = r.each(`SELECT user_name, answer, text, created_at FROM help_messages WHERE request_id = $1 AND team_id = $2 ORDER BY id LIMIT $3`, []any{q.id, q.teamID, messagesMost},
		func(scan func(...any) error) error {
			var m HelpMessage
			var when int64
			err := scan(&m.ByName, &m.Answer, &m.Text, &when)
			m.At = at(when)
			one.Messages = append(one.Messages, m)
			return err
		})
	return one, err
}

// HelpFilter is what a list of requests is asked for.
type HelpFilter struct {
	Team   bool // those that the reader may answer, not their own
	State  HelpState
	Cursor string
	Limit  int // 1–200; 0 is 50
}

// HelpRequests is a page of requests, the newest first.
type HelpRequests struct {
	Items []HelpRequest
	Next  string // cursor, "" at the end
}

// HelpRequests lists the reader's own, or those of their team. Refuses: not-signed-in,
// password-change-required, activation-required, admin-only, contained, invalid-cursor.
func (c *Core) HelpRequests(ctx context.Context, by Actor, f HelpFilter) (*HelpRequests, error) {
	r, now := c.read(ctx), c.Now()
	u, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	whose := `h.user_id = $2`
	if f.Team {
		if _, err := c.needAnswering(r, by); err != nil {
			return nil, err
		}
		whose = `h.user_id <> $2`
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
	var rows []*helpRow
	var ids []string
	err = r.each(`SELECT `+helpColumns+` FROM help_requests h WHERE h.team_id = $1 AND `+whose+` AND h.id < $3 AND ($4 = '' OR h.state = $4) ORDER BY h.id DESC LIMIT $5`,
		[]any{u.teamID, u.id, before, string(f.State), limit + 1}, func(scan func(...any) error) error {
			q := new(helpRow)
			rows = append(rows, q)
			return scan(q.fields()...)
		})
	if err != nil || len(rows) == 0 {
		return &HelpRequests{}, err
	}
	page := &HelpRequests{}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = rows[limit-1].id
	}
	for _, q := range rows {
		ids = append(ids, q.userID)
	}
	slices.Sort(ids)
	list, args := anyOf(slices.Compact(ids), u.teamID)
	users, err := listUsers(r, ofTheTeam+` AND u.id IN `+list, args...)
	if err != nil {
		return nil, err
	}
	for _, q := range rows {
		if i := slices.IndexFunc(users, func(u *userRow) bool { return u.id == q.userID }); i >= 0 {
			page.Items = append(page.Items, *q.view(users[i], u, now))
		}
	}
	return page, nil
}
