package core

import "slices"

// HomeStep is one of an owner's first steps.
type HomeStep struct {
	What HomeBegin
	Done bool
	// ID and Name are of somebody with whom a restart can be tried; "" while there is nobody.
	ID, Name string
}

// HomeBegin says which step it is.
type HomeBegin string

// The first steps of an owner, in their order.
const (
	BeginInvite HomeBegin = "invite"
	BeginOwner  HomeBegin = "second_owner"
	BeginMail   HomeBegin = "mail"
	BeginTry    HomeBegin = "try_restart"
)

// firstSteps are an owner's, nil once all are done.
func (c *Core) firstSteps(r reader, u *userRow, ready *Readiness, people Count, away map[string]int64) ([]HomeStep, error) {
	try := HomeStep{What: BeginTry, Done: away[AwayTry] > 0}
	if !try.Done {
		var n int
		if err := r.row(`SELECT COUNT(*) FROM (SELECT id FROM restarts WHERE team_id = $1 AND by_id = $2 LIMIT 1) AS own`, u.teamID, u.id).Scan(&n); err != nil {
			return nil, err
		}
		try.Done = n > 0
	}
	if !try.Done {
		var err error
		if try.ID, try.Name, err = c.someoneToTry(r, u); err != nil {
			return nil, err
		}
	}
	steps := []HomeStep{
		{What: BeginInvite, Done: people.N > 1},
		{What: BeginOwner, Done: ready.Able.N > 1},
		{What: BeginMail, Done: c.MailConfigured()},
		try,
	}
	if !slices.ContainsFunc(steps, func(s HomeStep) bool { return !s.Done }) {
		return nil, nil
	}
	return steps, nil
}

// someoneToTry finds somebody whose 2-step the owner could restart now: a member
// before an admin before an owner.
func (c *Core) someoneToTry(r reader, u *userRow) (id, name string, err error) {
	for _, role := range []Role{RoleMember, RoleAdmin, RoleOwner} {
		list, err := listUsers(r, `u.team_id = $1 AND u.role = $2 AND u.status = 'active' AND u.two_step = 'active' AND u.id <> $3 ORDER BY u.name_key, u.id LIMIT 1`, u.teamID, string(role), u.id)
		if err != nil {
			return "", "", err
		}
		if len(list) > 0 {
			return list[0].id, list[0].name, nil
		}
	}
	return "", "", nil
}
