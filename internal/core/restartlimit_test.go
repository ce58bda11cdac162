package core

import (
	"testing"
	"time"
)

// members adds n people with 2-step to Northwind, by copying Carla's row.
func (w *world) members(n int) []string {
	w.t.Helper()
	var ids []string
	for range n {
		id := newID()
		w.exec(`INSERT INTO users (id, team_id, email, email_key, name, name_key, role, status, password_hash, two_step, created_at)
			SELECT $1, team_id, $2, $2, name, name_key, role, status, password_hash, two_step, created_at FROM users WHERE id = $3`,
			id, id+"@example.com", w.cast["carla"].id)
		ids = append(ids, id)
	}
	return ids
}

// R15, the budget of an approver: N restarts in parallel, by one or more sessions,
// never exceed it, and the owners hear of it once.
//
// ASVS 2.3.2, NIST 4.2, R15
func TestR15ApproverLimit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec(`UPDATE policies SET restarts_per_hour = 3`)
		people := w.members(9)
		sessions := []*Session{w.signIn("bruno"), w.signIn("bruno")}
		won, errs := race(len(people), func(i int) error {
			_, err := w.RestartTwoStep(w.ctx(), by(sessions[i%2]), people[i], goodReason)
			return err
		})
		if n := w.count(`SELECT COUNT(*) FROM restarts`); won != 3 || n != 3 {
			t.Errorf("%d of %d restarts went through, %d rows", won, len(people), n)
		}
		for _, err := range errs {
			if r := w.refused(err, RestartLimit); r.Args["n"] != 3 || r.RetryAfter <= 0 || r.RetryAfter > time.Hour {
				t.Errorf("refused with %+v", r)
			}
		}
		if w.events("bruno", EventRestartLimit) != 1 || w.letters("ana", LetterLimit) != 1 || w.letters("olga", LetterLimit) != 1 || w.letters("bruno", LetterLimit) != 0 {
			t.Error("the owners are told once")
		}
		// Another approver is not held by it.
		_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), people[0], goodReason)
		w.ok(err)
		// The wait that was told is enough.
		_, err = w.RestartTwoStep(w.ctx(), by(sessions[0]), w.cast["dmitri"].id, goodReason)
		r := w.refused(err, RestartLimit)
		w.clock.advance(r.RetryAfter)
		bruno := w.signIn("bruno")
		for i := range 4 {
			_, err = w.RestartTwoStep(w.ctx(), by(bruno), people[i+1], goodReason)
			if i < 3 {
				w.ok(err)
			}
		}
		w.refused(err, RestartLimit)
		if w.events("bruno", EventRestartLimit) != 2 {
			t.Error("an hour later it is news again")
		}
	})
}

// A policy that becomes stricter is an alarm with the first refusal.
func TestR15StricterLimit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		people := w.members(3)
		bruno := w.signIn("bruno")
		for _, id := range people[:2] {
			_, err := w.RestartTwoStep(w.ctx(), by(bruno), id, goodReason)
			w.ok(err)
		}
		w.exec(`UPDATE policies SET restarts_per_hour = 1`)
		for range 2 {
			_, err := w.RestartTwoStep(w.ctx(), by(bruno), people[2], goodReason)
			w.refused(err, RestartLimit)
		}
		if w.events("bruno", EventRestartLimit) != 1 || w.letters("ana", LetterLimit) != 1 {
			t.Error("the owners are told once")
		}
	})
}

// R15, the budget of a person: three restarts in 24 hours, whoever approves; the
// console goes on, and counts.
func TestR15PersonLimit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		approvers := []*Session{w.signIn("ana"), w.signIn("olga"), w.signIn("bruno")}
		carla := w.cast["carla"].id
		_, err := w.RestartFromConsole(w.ctx(), Console("root"), w.cast["carla"].email, "she is at the door")
		w.ok(err)
		won, errs := race(6, func(i int) error {
			_, err := w.RestartTwoStep(w.ctx(), by(approvers[i%3]), carla, goodReason)
			return err
		})
		if won != personMost-1 || w.count(`SELECT COUNT(*) FROM restarts WHERE user_id = $1`, carla) != personMost {
			t.Errorf("%d restarts went through", won)
		}
		for _, err := range errs {
			if r := w.refused(err, PersonLimit); r.Args["n"] != personMost || r.RetryAfter > 24*time.Hour || r.RetryAfter < 23*time.Hour {
				t.Errorf("refused with %+v", r)
			}
		}
		if w.events("carla", EventPersonLimit) != 1 || w.letters("ana", LetterPersonLimit) != 1 || w.letters("olga", LetterPersonLimit) != 1 {
			t.Error("the owners are told once")
		}
		if w.events("bruno", EventRestartLimit)+w.events("ana", EventRestartLimit) != 0 {
			t.Error("the wrong alarm")
		}
		// Others can be restarted, and she from the console.
		_, err = w.RestartTwoStep(w.ctx(), by(approvers[2]), w.cast["dmitri"].id, goodReason)
		w.ok(err)
		w.clock.advance(2 * time.Hour)
		_, err = w.RestartFromConsole(w.ctx(), Console("root"), w.cast["carla"].email, "she is at the door")
		w.ok(err)
		if w.events("carla", EventPersonLimit) != 2 {
			t.Error("a restart beyond the limit, from the console, is news")
		}
		w.clock.advance(22 * time.Hour)
		_, err = w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), carla, goodReason)
		w.ok(err) // the first three are a day old
	})
}
