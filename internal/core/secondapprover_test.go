package core

import (
	"testing"
	"time"
)

// wantSecond turns the second approver on, and makes Dmitri a third owner.
func (w *world) wantSecond() {
	w.exec(`UPDATE policies SET second_approver = TRUE`)
	w.exec(`UPDATE users SET role = 'owner' WHERE id = $1`, w.cast["dmitri"].id)
}

// begin begins a restart that must wait.
func (w *world) begin(s *Session, whom string) *PendingRestart {
	w.t.Helper()
	r, err := w.RestartTwoStep(w.ctx(), by(s), w.cast[whom].id, goodReason)
	w.ok(err)
	if r.Waiting == nil || r.Pass != "" || r.SessionsEnded != 0 {
		w.t.Fatalf("the restart of %s did not wait: %+v", whom, r)
	}
	return r.Waiting
}

// R15 and ASVS 2.3.5: the restart of an owner or admin waits for a second approver.
//
// ASVS 2.3.5, R15, P4
func TestR15SecondApprover(t *testing.T) {
	t.Run("nothing changes before, and all of it after", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.wantSecond()
			bruno, ana, olga := w.signIn("bruno"), w.signIn("ana"), w.signIn("olga")
			before := w.snapshot("users", "pending_restarts", "audit_events", "outbox", "sessions", "teams")
			p := w.begin(ana, "bruno")
			if w.snapshot("users", "pending_restarts", "audit_events", "outbox", "sessions", "teams") != before || !w.live(bruno) {
				t.Error("something changed before the second approval")
			}
			if !p.ExpiresAt.Equal(w.Now().Add(72*time.Hour)) || p.Person.ID != w.cast["bruno"].id || p.ByName != "Ana" || p.Reason != goodReason.Reason {
				t.Errorf("it waits as %+v", p)
			}
			if w.events("bruno", EventRestartBegan) != 1 || w.letters("bruno", LetterRestartBegan) != 1 || w.letters("olga", LetterRestartBeganOwners) != 1 {
				t.Error("not recorded or not told")
			}
			// Sent twice it is one; somebody else is told of it.
			if again := w.begin(ana, "bruno"); again.ID != p.ID {
				t.Error("it waits twice")
			}
			_, err := w.RestartTwoStep(w.ctx(), by(olga), w.cast["bruno"].id, goodReason)
			if r := w.refused(err, RestartWaiting); r.Args["by"] != "Ana" {
				t.Errorf("told of %v", r.Args["by"])
			}
			// Not by whoever began it, not by the person, by nobody below the rank.
			_, err = w.ApproveRestart(w.ctx(), by(ana), p.ID)
			w.refused(err, SameApprover)
			_, err = w.ApproveRestart(w.ctx(), by(bruno), p.ID)
			w.refused(err, Missing)
			_, err = w.ApproveRestart(w.ctx(), by(w.signIn("carla")), p.ID)
			w.refused(err, AdminOnly)
			_, err = w.ApproveRestart(w.ctx(), by(w.signIn("zoe")), p.ID)
			w.refused(err, Missing)
			if list, err := w.PendingRestarts(w.ctx(), by(bruno)); err != nil || len(list) != 0 {
				t.Errorf("the person sees %v, %v", list, err)
			}
			list, err := w.PendingRestarts(w.ctx(), by(olga))
			w.ok(err)
			if len(list) != 1 || list[0].ID != p.ID || list[0].MayNotApprove != nil {
				t.Errorf("the second approver sees %+v", list)
			}
			// With a step-up, and then it is a restart like any other.
			w.clock.advance(11 * time.Minute)
			_, err = w.ApproveRestart(w.ctx(), by(olga), p.ID)
			w.refused(err, StepUpRequired)
			olga = w.signIn("olga")
			r, err := w.ApproveRestart(w.ctx(), by(olga), p.ID)
			w.ok(err)
			if r.SessionsEnded != 1 || r.ByID != w.cast["olga"].id || r.BegunBy != "Ana" || r.Pass == "" || w.live(bruno) {
				t.Errorf("the receipt is %+v", r)
			}
			if w.events("bruno", EventTwoStepRestarted) != 1 {
				t.Error("no restart is recorded")
			}
			person, err := w.Person(w.ctx(), by(olga), w.cast["bruno"].id)
			w.ok(err)
			if h := person.Restarts[0]; h.BegunBy != "Ana" || h.ByName != "Olga" || person.Waiting != nil {
				t.Errorf("the history says %+v", h)
			}
			// The same form again: the same receipt without the pass; anybody else's comes too late.
			again, err := w.ApproveRestart(w.ctx(), by(olga), p.ID)
			w.ok(err)
			if again.ID != r.ID || again.Pass != "" || !again.PassMade {
				t.Errorf("approved again: %+v", again)
			}
			_, err = w.ApproveRestart(w.ctx(), by(w.signIn("dmitri")), p.ID)
			w.refused(err, RestartOver)
			w.refused(w.RefuseRestart(w.ctx(), by(w.signIn("dmitri")), p.ID), RestartOver)
		})
	})
	t.Run("members, and teams without the policy, wait for nobody", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["bruno"].id, goodReason)
			w.ok(err)
			w.wantSecond()
			m, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
			w.ok(err)
			if r.Waiting != nil || m.Waiting != nil {
				t.Error("they wait")
			}
		})
	})
	t.Run("the console does not wait", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.wantSecond()
			p := w.begin(w.signIn("ana"), "olga")
			r, err := w.RestartFromConsole(w.ctx(), Console("root"), w.cast["olga"].email, "both are at my desk")
			w.ok(err)
			if r.Waiting != nil || r.Pass == "" {
				t.Errorf("the receipt is %+v", r)
			}
			_, err = w.ApproveRestart(w.ctx(), by(w.signIn("dmitri")), p.ID)
			w.refused(err, RestartOver) // what was to be decided is done
		})
	})
	t.Run("where there is nobody who could, it says so and locks nobody out", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.exec(`UPDATE policies SET second_approver = TRUE`)
			ana := w.signIn("ana")
			_, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["olga"].id, goodReason) // two owners: the other one is the person
			w.refused(err, NoSecondApprover)
			w.begin(ana, "bruno") // Olga can
			w.exec(`UPDATE users SET status = 'suspended' WHERE id = $1`, w.cast["olga"].id)
			w.exec(`UPDATE pending_restarts SET state = 'over'`)
			_, err = w.RestartTwoStep(w.ctx(), by(ana), w.cast["bruno"].id, goodReason)
			w.refused(err, NoSecondApprover)
			if w.count(`SELECT COUNT(*) FROM pending_restarts WHERE state = 'waiting'`) != 0 {
				t.Error("something waits for nobody")
			}
		})
	})
	t.Run("it is over after 72 hours, and when anything about it changes", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.wantSecond()
			w.exec(`UPDATE policies SET restarts_per_hour = 100`)
			suspended, active, member := StatusSuspended, StatusActive, RoleMember
			admin := RoleAdmin
			for name, change := range map[string]func() error{
				"time": func() error { w.clock.advance(72 * time.Hour); return nil },
				"the person is suspended": func() error {
					_, err := w.ChangeUser(w.ctx(), by(w.signIn("olga")), w.cast["bruno"].id, UserChange{Status: &suspended})
					w.ok(err)
					_, err = w.ChangeUser(w.ctx(), by(w.signIn("olga")), w.cast["bruno"].id, UserChange{Status: &active})
					return err
				},
				"the person has another role": func() error {
					_, err := w.ChangeUser(w.ctx(), by(w.signIn("olga")), w.cast["bruno"].id, UserChange{Role: &member})
					w.ok(err)
					_, err = w.ChangeUser(w.ctx(), by(w.signIn("olga")), w.cast["bruno"].id, UserChange{Role: &admin})
					return err
				},
				"whoever began it is suspended": func() error {
					_, err := w.ChangeUser(w.ctx(), by(w.signIn("olga")), w.cast["ana"].id, UserChange{Status: &suspended})
					w.ok(err)
					_, err = w.ChangeUser(w.ctx(), by(w.signIn("olga")), w.cast["ana"].id, UserChange{Status: &active})
					return err
				},
			} {
				p := w.begin(w.signIn("ana"), "bruno")
				w.ok(change())
				_, err := w.ApproveRestart(w.ctx(), by(w.signIn("dmitri")), p.ID)
				if !IsRefusal(err, RestartOver) {
					t.Errorf("%s: %v, want restart-over", name, err)
				}
				if list, err := w.PendingRestarts(w.ctx(), by(w.signIn("olga"))); err != nil || len(list) != 0 {
					t.Errorf("%s: it is still listed: %v %v", name, list, err)
				}
			}
			w.begin(w.signIn("ana"), "bruno") // and can be begun anew
			// The person finds a recovery code and helps themself.
			_, err := w.DeactivateTwoStep(w.ctx(), by(w.signInWithCode("bruno", 0)), "", w.cast["bruno"].codes[1])
			w.ok(err)
			if w.count(`SELECT COUNT(*) FROM pending_restarts WHERE state = 'waiting'`) != 0 {
				t.Error("a restart of somebody who is back waits on")
			}
		})
	})
	t.Run("refused or withdrawn, nothing changes and everybody hears of it", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.wantSecond()
			ana := w.signIn("ana")
			p := w.begin(ana, "bruno")
			w.refused(w.RefuseRestart(w.ctx(), by(w.signIn("bruno")), p.ID), Missing)
			w.refused(w.RefuseRestart(w.ctx(), by(w.signIn("zoe")), p.ID), Missing)
			w.ok(w.RefuseRestart(w.ctx(), by(w.signIn("olga")), p.ID))
			_, err := w.ApproveRestart(w.ctx(), by(w.signIn("dmitri")), p.ID)
			w.refused(err, RestartOver)
			if w.events("bruno", EventRestartRefused) != 1 || w.letters("ana", LetterRestartRefused) != 1 || w.letters("bruno", LetterRestartRefused) != 1 {
				t.Error("not recorded or not told")
			}
			if w.events("bruno", EventTwoStepRestarted) != 0 || !w.live(w.signIn("bruno")) {
				t.Error("a refused restart happened")
			}
			p = w.begin(w.signIn("ana"), "bruno")
			w.ok(w.RefuseRestart(w.ctx(), by(w.signIn("ana")), p.ID)) // withdrawn
		})
	})
	t.Run("whoever is contained or signed in with a recovery code approves nothing", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.wantSecond()
			p := w.begin(w.signIn("ana"), "bruno")
			paper := w.signInWithCode("olga", 0)
			_, err := w.ApproveRestart(w.ctx(), by(paper), p.ID)
			w.refused(err, RecoverySession)
			w.refused(w.RefuseRestart(w.ctx(), by(paper), p.ID), RecoverySession)
			w.exec(`UPDATE users SET contained_until = $1 WHERE id = $2`, ms(w.Now().Add(time.Hour)), w.cast["olga"].id)
			olga := w.signIn("olga")
			_, err = w.ApproveRestart(w.ctx(), by(olga), p.ID)
			w.refused(err, Contained)
			w.refused(w.RefuseRestart(w.ctx(), by(olga), p.ID), Contained)
		})
	})
}

// Two approve at once, one refuses, the person deactivates: it has one outcome.
//
// P4
func TestSecondApproverRace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wantSecond()
		w.exec(`UPDATE policies SET restarts_per_hour = 100`)
		ana, olga, dmitri := w.signIn("ana"), w.signIn("olga"), w.signIn("dmitri")
		p := w.begin(ana, "bruno")
		receipts := make(chan string, 4)
		won, errs := race(4, func(i int) error {
			if i == 3 {
				return w.RefuseRestart(w.ctx(), by(dmitri), p.ID)
			}
			r, err := w.ApproveRestart(w.ctx(), by([]*Session{olga, dmitri, olga}[i]), p.ID)
			if err == nil {
				receipts <- r.ID
			}
			return err
		})
		close(receipts)
		ids := map[string]bool{}
		for id := range receipts {
			ids[id] = true
		}
		refused, restarted := w.events("bruno", EventRestartRefused), w.events("bruno", EventTwoStepRestarted)
		if refused+restarted != 1 || len(ids) != restarted || w.count(`SELECT COUNT(*) FROM restarts`) != restarted {
			t.Errorf("%d won, %d restarts, %d refusals, %d receipts: %v", won, restarted, refused, len(ids), errs)
		}
		for _, err := range errs {
			if !IsRefusal(err, RestartOver) {
				t.Error(err)
			}
		}
	})
}

// Restarts that wait count in the budget of whoever began them, approved or not.
func TestWaitingRestartsCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wantSecond()
		w.exec(`UPDATE policies SET restarts_per_hour = 2`)
		ana := w.signIn("ana")
		p := w.begin(ana, "bruno")
		w.ok(w.RefuseRestart(w.ctx(), by(ana), p.ID))
		w.begin(ana, "bruno")
		_, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, goodReason)
		w.refused(err, RestartLimit)
		_, err = w.RestartTwoStep(w.ctx(), by(ana), w.cast["olga"].id, goodReason)
		w.refused(err, RestartLimit)
		if w.events("ana", EventRestartLimit) != 1 || w.letters("olga", LetterLimit) != 1 {
			t.Error("the owners are told once")
		}
	})
}

// Whichever statement of a second approval fails, nothing was changed (R4).
func TestR4SecondApproval(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wantSecond()
		p := w.begin(w.signIn("ana"), "bruno")
		olga := w.signIn("olga")
		w.everyStatement(func() error {
			_, err := w.ApproveRestart(w.ctx(), by(olga), p.ID)
			return err
		})
	})
}

// One owner does not do alone what takes two: not by turning the rule off, not by
// making the person a member for a minute, not with an owner made for the purpose.
func TestSecondApproverIsNotGoneAround(t *testing.T) {
	no, member, owner := false, RoleMember, RoleOwner
	t.Run("by turning it off", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.wantSecond()
			_, err := w.ChangePolicy(w.ctx(), by(w.signIn("ana")), PolicyChange{SecondApprover: &no})
			w.ok(err)
			w.begin(w.signIn("ana"), "bruno")
			w.exec(`UPDATE pending_restarts SET state = 'over'`)
			w.clock.advance(day)
			r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["bruno"].id, goodReason)
			if w.ok(err); r.Waiting != nil {
				t.Error("it waits for ever")
			}
		})
	})
	t.Run("by a lower role", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.wantSecond()
			ana := w.signIn("ana")
			_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["bruno"].id, UserChange{Role: &member})
			w.ok(err)
			if v, err := w.RestartPreview(w.ctx(), by(ana), w.cast["bruno"].id); err != nil || !v.Second {
				t.Errorf("the dialog says nothing of a second approver: %v", err)
			}
			w.begin(ana, "bruno")
		})
	})
	t.Run("by a new owner", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.exec(`UPDATE policies SET second_approver = TRUE`)
			_, err := w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["dmitri"].id, UserChange{Role: &owner})
			w.ok(err)
			p := w.begin(w.signIn("ana"), "bruno")
			w.clock.advance(time.Minute)
			dmitri := w.signIn("dmitri")
			_, err = w.ApproveRestart(w.ctx(), by(dmitri), p.ID)
			w.refused(err, OwnerTooNew)
			if v, err := w.PendingRestart(w.ctx(), by(dmitri), p.ID); err != nil || v.MayNotApprove == nil || v.MayNotApprove.Code != OwnerTooNew {
				t.Errorf("the page says %+v, %v", v, err)
			}
			w.clock.advance(day)
			_, err = w.ApproveRestart(w.ctx(), by(w.signIn("dmitri")), p.ID)
			w.ok(err)
		})
	})
}
