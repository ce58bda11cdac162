package core

import (
	"context"
	"maps"
	"slices"
	"time"
)

// PolicyEffect is what a change of policy would do, in numbers, before it is saved.
type PolicyEffect struct {
	Policy           Policy    // as it would be
	Changed          []string  // the settings that would differ, sorted
	MustActivate     int       // people who would have to activate by …
	MustActivateBy   time.Time // … then
	MustActivateNow  int       // as soon as it is saved
	MoreDays         int       // who would have more days
	Freed            int       // who would not have to any more
	SessionsEnd      int       // that would be over at once
	DevicesForgotten int
	MayNotDeactivate int // who could deactivate their own 2-step, and could no longer
}

// dueCase is one thing that a change of policy does to people who are there: an
// UPDATE of them all, and the same condition to count whom it would concern. $1 is
// the team; the arguments of the condition come next.
type dueCase struct {
	kind               dueKind
	where, set         string
	whereArgs, setArgs []any
}

type dueKind int

const (
	dueByDate dueKind = iota
	dueAtOnce
	dueLater
	dueNoMore
)

// dueCases are what another answer to "is 2-step required, and after how many days?"
// means for the people of the team:
//   - required from now on: who has none gets the days of grace, counted from now;
//     owners have none, who could open the team to anybody;
//   - not required any more: who is in their days, or past them, or due for nothing
//     but the policy, is free. Who deactivated or was restarted is not: the account
//     had 2-step, and taking it away must not be a way around R4;
//   - fewer days: nobody has more left than that. None at all: due at once;
//   - more days: for whose days still run. Who is past them stays due.
func (p *Policy) dueCases(after *Policy, now time.Time) []dueCase {
	const (
		dueForPolicy = `two_step = 'due', due_by = 0, due_reason = 'policy'`
		inGrace      = `two_step = 'off' AND due_by > $2`
	)
	by := ms(now.Add(after.Grace))
	switch {
	case !p.TwoStepRequired && after.TwoStepRequired && after.Grace == 0:
		return []dueCase{{kind: dueAtOnce, where: `two_step = 'off'`, set: dueForPolicy}}
	case !p.TwoStepRequired && after.TwoStepRequired:
		return []dueCase{
			{kind: dueAtOnce, where: `two_step = 'off' AND role = 'owner'`, set: dueForPolicy},
			{kind: dueByDate, where: `two_step = 'off' AND role <> 'owner'`, set: `due_by = $2, due_reason = 'grace'`, setArgs: []any{by}},
		}
	case p.TwoStepRequired && !after.TwoStepRequired:
		return []dueCase{
			{kind: dueNoMore, where: `two_step = 'due' AND due_reason = 'policy'`, set: `two_step = 'off', due_by = 0, due_reason = ''`},
			{kind: dueNoMore, where: `two_step = 'off' AND due_by <> 0`, set: `due_by = 0, due_reason = ''`},
		}
	case !after.TwoStepRequired || p.Grace == after.Grace:
		return nil
	case after.Grace == 0:
		return []dueCase{{kind: dueAtOnce, where: inGrace, whereArgs: []any{ms(now)}, set: dueForPolicy}}
	case after.Grace < p.Grace:
		return []dueCase{{kind: dueByDate, where: inGrace, whereArgs: []any{by}, set: `due_by = $2`}}
	}
	return []dueCase{{
		kind: dueLater, where: inGrace, whereArgs: []any{ms(now)},
		set: `due_by = due_by + $3`, setArgs: []any{(after.Grace - p.Grace).Milliseconds()},
	}}
}

// applyDueCases changes the people and writes their numbers beside what else the
// event says. What their sessions reach follows at once, here and elsewhere.
func (t *tx) applyDueCases(teamID string, cases []dueCase, details map[string]any) error {
	names := map[dueKind]string{dueByDate: "people_must_activate", dueAtOnce: "people_must_activate_now", dueLater: "people_have_more_days", dueNoMore: "people_freed"}
	for _, d := range cases {
		n, err := t.applyDueCase(teamID, d)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		t.team = true
		t.endsAccess()
		before, _ := details[names[d.kind]].(int64)
		details[names[d.kind]] = before + n
	}
	return nil
}

// PolicyEffect says what a change would do, and saves nothing. Refuses what
// ChangePolicy refuses, but for the step-up.
func (c *Core) PolicyEffect(ctx context.Context, by Actor, change PolicyChange) (*PolicyEffect, error) {
	before, err := c.Policy(ctx, by)
	if err != nil {
		return nil, err
	}
	if before.MayNotChange != nil {
		return nil, before.MayNotChange
	}
	if change.Seen != 0 && change.Seen != before.Version {
		return nil, refuse(PolicyChanged)
	}
	after, err := before.with(change)
	if err != nil {
		return nil, err
	}
	r, now, teamID := c.read(ctx), c.Now(), by.session.User.Team.ID
	e := &PolicyEffect{Policy: after, Changed: slices.Sorted(maps.Keys(before.differences(&after)))}
	for _, d := range before.dueCases(&after, now) {
		n, err := d.count(r, teamID)
		if err != nil {
			return nil, err
		}
		switch d.kind {
		case dueByDate:
			e.MustActivate, e.MustActivateBy = e.MustActivate+int(n), now.Add(after.Grace)
		case dueAtOnce:
			e.MustActivateNow += int(n)
		case dueLater:
			e.MoreDays += int(n)
		case dueNoMore:
			e.Freed += int(n)
		}
	}
	if after.SessionIdle < before.SessionIdle || after.SessionAbsolute < before.SessionAbsolute {
		if e.SessionsEnd, err = c.sessionsEndedBy(r, teamID, after.SessionIdle, after.SessionAbsolute, now); err != nil {
			return nil, err
		}
	}
	if before.RememberDevices > 0 && after.RememberDevices == 0 {
		if e.DevicesForgotten, err = devicesOfTeam(r, teamID, now); err != nil {
			return nil, err
		}
	}
	if before.DeactivationAllowed && !after.DeactivationAllowed {
		err = r.row(`SELECT COUNT(*) FROM users WHERE team_id = $1 AND two_step = 'active'`, teamID).Scan(&e.MayNotDeactivate)
	}
	return e, err
}
