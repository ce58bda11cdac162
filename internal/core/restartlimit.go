package core

import (
	"context"
	"time"
)

// Budgets of restarts (R15): whoever got hold of an approver's session shall not go
// through the team with it, and nobody shall be restarted over and over until they
// give in to whoever calls. They are counted from the rows of restarts, under the
// locks of approver and person, so that restarts in parallel never exceed them.

const (
	approverWindow = time.Hour
	personWindow   = 24 * time.Hour
	// personMost is how often one person may be restarted in personWindow, whoever
	// approves. The console is not held by it, and counts.
	personMost = 3
)

// withinLimits is asked before a restart. Refuses: restart-limit, person-limit.
func (t *tx) withinLimits(actor, target *userRow, policy Policy) error {
	if actor == nil {
		return nil // the console: for when nobody else can
	}
	own, err := t.restartsBy(actor, policy.RestartsPerHour)
	if err != nil {
		return err
	}
	if wait := waitForRoom(own, policy.RestartsPerHour, approverWindow, t.now); wait > 0 {
		r := refuse(RestartLimit).with("n", policy.RestartsPerHour)
		r.RetryAfter = wait
		return r
	}
	of, err := t.restartTimesOf(target)
	if err != nil {
		return err
	}
	if wait := waitForRoom(of, personMost, personWindow, t.now); wait > 0 {
		r := refuse(PersonLimit).with("n", personMost).with("name", target.name)
		r.RetryAfter = wait
		return r
	}
	return nil
}

// waitForRoom is how long it takes until there were fewer than most in the window;
// 0 when there is room now. Times are the newest first.
func waitForRoom(times []int64, most int, window time.Duration, now time.Time) time.Duration {
	switch {
	case most < 1:
		return window
	case len(times) < most:
		return 0
	}
	return max(at(times[most-1]).Add(window).Sub(now), time.Second)
}

// restartsBy are the newest times at which somebody restarted others within an hour,
// or began a restart that waits for a second approver, whatever became of it.
func (t *tx) restartsBy(approver *userRow, most int) ([]int64, error) {
	return t.times(`SELECT x.at FROM (
			SELECT at FROM restarts WHERE team_id = $1 AND by_id = $2 AND at > $3
			UNION ALL SELECT created_at AS at FROM pending_restarts WHERE team_id = $1 AND by_id = $2 AND created_at > $3) x
		ORDER BY x.at DESC LIMIT $4`,
		approver.teamID, approver.id, ms(t.now.Add(-approverWindow)), most)
}

func (t *tx) restartTimesOf(target *userRow) ([]int64, error) {
	return t.times(`SELECT at FROM restarts WHERE team_id = $1 AND user_id = $2 AND at > $3 ORDER BY at DESC LIMIT $4`,
		target.teamID, target.id, ms(t.now.Add(-personWindow)), personMost)
}

func (t *tx) times(query string, args ...any) (list []int64, err error) {
	err = t.each(query, args, func(scan func(...any) error) error {
		list = append(list, 0)
		return scan(&list[len(list)-1])
	})
	return list, err
}

// alarmAtLimits tells the owners, in the restart's own transaction, that it was the
// last one which a limit allows.
func (t *tx) alarmAtLimits(by Actor, actor, target *userRow, policy Policy) error {
	if actor != nil {
		own, err := t.restartsBy(actor, policy.RestartsPerHour)
		if err != nil {
			return err
		}
		if len(own) >= policy.RestartsPerHour {
			if err := t.alarm(by, EventRestartLimit, actor, actor, policy.RestartsPerHour); err != nil {
				return err
			}
		}
	}
	of, err := t.restartTimesOf(target)
	if err != nil || len(of) < personMost {
		return err
	}
	return t.alarm(by, EventPersonLimit, actor, target, personMost)
}

// alarm records that somebody met a limit, at most once an hour for each.
func (t *tx) alarm(by Actor, event string, actor, about *userRow, n int) error {
	var recent int
	if err := t.row(`SELECT COUNT(*) FROM audit_events WHERE team_id = $1 AND target_id = $2 AND at > $3 AND event = $4`,
		about.teamID, about.id, ms(t.now.Add(-time.Hour)), event).Scan(&recent); err != nil {
		return err
	}
	if recent > 0 {
		t.nothingToRecord()
		return nil
	}
	return t.record(eventOf{event: event, by: by, actor: actor, target: about, details: map[string]any{"n": n}})
}

// limitMet is the alarm of a restart that was refused, and with it rolled back.
func (c *Core) limitMet(ctx context.Context, by Actor, userID string, r *Refusal) error {
	return c.write(context.WithoutCancel(ctx), func(t *tx) error {
		actor, target, err := t.lockPair(by.session.User.Team.ID, by.session.User.ID, userID)
		if IsRefusal(err, Missing) {
			t.nothingToRecord() // removed in this moment
			return nil
		}
		if err != nil {
			return err
		}
		n, _ := r.Args["n"].(int)
		if r.Code == RestartLimit {
			return t.alarm(by, EventRestartLimit, actor, actor, n)
		}
		return t.alarm(by, EventPersonLimit, actor, target, n)
	})
}
