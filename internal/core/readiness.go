package core

import (
	"context"
	"time"
)

// Readiness is what would happen in a team if somebody lost their phone today: who is
// the only one that could let others back in, and how many would need it.
type Readiness struct {
	Owners []OwnerReadiness // active ones, in the order of names, at most ownersShown
	// Able is how many owners could restart another one now, and with it whether one
	// lost phone locks out the team: two are enough.
	Able       Count
	MoreOwners bool

	NotActive, OneCode, NoCode, Waiting Count
}

// OwnerReadiness is how an owner would fare.
type OwnerReadiness struct {
	ID, Name     string
	TwoStep      TwoStep
	CodesLeft    int
	LastSignInAt time.Time
	Closed       bool
	Able         bool // could restart another owner now
	// SinglePoint: this owner alone could, so nobody could let them back in but the
	// server's console.
	SinglePoint bool
}

// ownersShown is how many owners are looked at, one by one.
const ownersShown = 20

// Readiness says how ready the team is to let its people back in. What it costs does
// not depend on the team's size. Refuses: not-signed-in, activation-required, admin-only.
func (c *Core) Readiness(ctx context.Context, by Actor) (*Readiness, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	v := &Readiness{}
	if err := v.count(r, actor.teamID, now); err != nil {
		return nil, err
	}
	return v, v.readOwners(r, actor.teamID, now)
}

// count counts whom the filters of the list would find.
func (v *Readiness) count(r reader, teamID string, now time.Time) error {
	none, one := 0, 1
	for _, x := range []struct {
		filter PeopleFilter
		into   *Count
	}{
		{PeopleFilter{TwoStep: TwoStepNotActive}, &v.NotActive},
		{PeopleFilter{TwoStep: TwoStepWaiting}, &v.Waiting},
		{PeopleFilter{CodesLeft: &one}, &v.OneCode},
		{PeopleFilter{CodesLeft: &none}, &v.NoCode},
	} {
		q, err := readQuestion(teamID, x.filter, now)
		if err != nil {
			return err
		}
		if err := q.ways[0].measure(r); err != nil {
			return err
		}
		*x.into = q.ways[0].count()
	}
	return nil
}

// readOwners looks at the owners. Able is who holds a second step and is neither shut
// out nor contained.
func (v *Readiness) readOwners(r reader, teamID string, now time.Time) error {
	owners, err := listUsers(r, `u.team_id = $1 AND u.role = 'owner' AND u.status = 'active' ORDER BY u.name_key, u.id LIMIT $2`, teamID, ownersShown+1)
	if err != nil {
		return err
	}
	if v.MoreOwners = len(owners) > ownersShown; v.MoreOwners {
		owners = owners[:ownersShown]
	}
	for _, u := range owners {
		o := OwnerReadiness{ID: u.id, Name: u.name, TwoStep: u.state(now), LastSignInAt: at(u.lastSignInAt), Closed: u.closed(now)}
		if o.CodesLeft, err = recoveryCodesLeft(r, u); err != nil {
			return err
		}
		if o.Able = o.TwoStep == TwoStepActive && !u.contained(now); o.Able {
			v.Able.N++
		}
		v.Owners = append(v.Owners, o)
	}
	v.Able.More = v.MoreOwners
	for i := range v.Owners {
		v.Owners[i].SinglePoint = v.Owners[i].Able && v.Able == Count{N: 1}
	}
	return nil
}
