package core

import (
	"encoding/base32"
	"testing"
	"time"
)

func decodeKey(t testing.TB, key string) []byte {
	t.Helper()
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// R6: who is `due` reaches activation and nothing else.
//
// ASVS 6.3.3, R6
func TestR6(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["bruno"].id, goodReason)
		w.ok(err)
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["bruno"].email, testPassword, "")
		w.ok(err)
		s := in.Session
		if s.Reach != ReachActivation {
			t.Fatalf("reach %s", s.Reach)
		}
		for name, verb := range map[string]func() error{
			"People":          func() error { _, err := w.People(w.ctx(), by(s), PeopleFilter{}); return err },
			"Person":          func() error { _, err := w.Person(w.ctx(), by(s), w.cast["carla"].id); return err },
			"RestartPreview":  func() error { _, err := w.RestartPreview(w.ctx(), by(s), w.cast["carla"].id); return err },
			"RestartTwoStep":  func() error { _, err := w.RestartTwoStep(w.ctx(), by(s), w.cast["carla"].id, goodReason); return err },
			"ChangeUser":      func() error { _, err := w.ChangeUser(w.ctx(), by(s), w.cast["carla"].id, UserChange{}); return err },
			"RemoveUser":      func() error { return w.RemoveUser(w.ctx(), by(s), w.cast["carla"].id) },
			"EndUserSessions": func() error { _, err := w.EndUserSessions(w.ctx(), by(s), w.cast["carla"].id); return err },
			"EndOther":        func() error { _, err := w.EndOtherSessions(w.ctx(), by(s)); return err },
		} {
			if err := verb(); !IsRefusal(err, ActivationRequired) {
				t.Errorf("%s: %v, want activation-required", name, err)
			}
		}
		for _, need := range []Need{NeedSignedIn, NeedAdmin, NeedOwner, NeedSteppedUp, NeedSteppedUpAdmin, NeedProxy, "something new"} {
			if need.Meets(s, w.Now()) == nil {
				t.Errorf("reach activation met %q", need)
			}
		}
		if r := NeedActivation.Meets(s, w.Now()); r != nil {
			t.Errorf("activation itself: %v", r)
		}
		w.ok(w.AcceptPass(w.ctx(), by(s), r.Pass))
		_, err = w.BeginActivation(w.ctx(), by(s))
		w.ok(err)
		// Days of grace that are over make somebody due in the middle of a session.
		in, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
		w.ok(err)
		if in.Session.Reach != ReachFull {
			t.Errorf("in grace the reach is %s", in.Session.Reach)
		}
		w.exec(`UPDATE users SET due_by = $1 WHERE id = $2`, ms(w.Now().Add(time.Minute)), w.cast["elena"].id)
		w.clock.advance(time.Minute)
		elena, err := w.Session(w.ctx(), in.Session.Token)
		w.ok(err)
		if elena.Reach != ReachActivation {
			t.Errorf("after grace the reach is %s", elena.Reach)
		}
	})
}

// R7: rank, and another team's people do not exist.
//
// ASVS 8.2.1, ASVS 8.3.1, R7, P4
func TestR7(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sessions := map[string]*Session{}
		for _, name := range []string{"ana", "olga", "bruno", "carla", "dmitri", "zoe"} {
			sessions[name] = w.signIn(name)
		}
		w.exec(`UPDATE users SET role = 'admin' WHERE id = $1`, w.cast["dmitri"].id) // a second admin
		for _, c := range []struct {
			actor, target string
			want          Code
		}{
			{"ana", "ana", Self},
			{"bruno", "ana", Rank},
			{"bruno", "dmitri", Rank},
			{"bruno", "bruno", Self},
			{"carla", "ana", AdminOnly},
			{"carla", "dmitri", AdminOnly},
			{"carla", "carla", AdminOnly},
			{"carla", "zoe", AdminOnly},
			{"zoe", "ana", Missing},
			{"zoe", "carla", Missing},
			{"ana", "zoe", Missing},
			{"bruno", "zoe", Missing},
			{"ana", "farid", NothingToRestart},
			{"ana", "elena", NothingToRestart},
		} {
			before := w.snapshot("users", "sessions")
			_, err := w.RestartTwoStep(w.ctx(), by(sessions[c.actor]), w.cast[c.target].id, goodReason)
			w.refused(err, c.want)
			if w.snapshot("users", "sessions") != before {
				t.Errorf("%s → %s changed something", c.actor, c.target)
			}
			if c.want == Missing {
				for name, verb := range map[string]func() error{
					"Person": func() error { _, err := w.Person(w.ctx(), by(sessions[c.actor]), w.cast[c.target].id); return err },
					"ChangeUser": func() error {
						_, err := w.ChangeUser(w.ctx(), by(sessions[c.actor]), w.cast[c.target].id, UserChange{})
						return err
					},
					"RemoveUser": func() error { return w.RemoveUser(w.ctx(), by(sessions[c.actor]), w.cast[c.target].id) },
					"EndUserSessions": func() error {
						_, err := w.EndUserSessions(w.ctx(), by(sessions[c.actor]), w.cast[c.target].id)
						return err
					},
				} {
					if err := verb(); !IsRefusal(err, Missing) {
						t.Errorf("%s: %s → %s: %v, want not-found", name, c.actor, c.target, err)
					}
				}
			}
		}
		for _, c := range [][2]string{{"bruno", "carla"}, {"ana", "bruno"}, {"ana", "olga"}} {
			_, err := w.RestartTwoStep(w.ctx(), by(sessions[c[0]]), w.cast[c[1]].id, goodReason)
			w.ok(err)
		}
		_, err := w.RestartTwoStep(w.ctx(), by(sessions["olga"]), w.cast["ana"].id, goodReason)
		w.refused(err, SessionEnded) // Ana was faster
	})
}

// Two owners who restart each other at once: one wins, nobody deadlocks.
//
// ASVS 15.4.3, R7
func TestR7BothAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, olga := w.signIn("ana"), w.signIn("olga")
		won, errs := race(2, func(i int) error {
			who, whom := ana, "olga"
			if i == 1 {
				who, whom = olga, "ana"
			}
			_, err := w.RestartTwoStep(w.ctx(), by(who), w.cast[whom].id, goodReason)
			return err
		})
		if won != 1 || !IsRefusal(errs[0], SessionEnded) {
			t.Errorf("%d won, the other heard %v", won, errs)
		}
	})
}

// R8: step-up.
//
// ASVS 7.5.1, NIST 4.1.2.1(bind), R8
func TestR8(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		restart := func(s *Session) error {
			_, err := w.RestartTwoStep(w.ctx(), by(s), w.cast["carla"].id, goodReason)
			return err
		}
		acts := map[string]func(s *Session) error{
			"restart": restart,
			"role": func(s *Session) error {
				r := RoleAdmin
				_, err := w.ChangeUser(w.ctx(), by(s), w.cast["dmitri"].id, UserChange{Role: &r})
				return err
			},
			"suspend": func(s *Session) error {
				x := StatusSuspended
				_, err := w.ChangeUser(w.ctx(), by(s), w.cast["dmitri"].id, UserChange{Status: &x})
				return err
			},
			"remove":    func(s *Session) error { return w.RemoveUser(w.ctx(), by(s), w.cast["dmitri"].id) },
			"new codes": func(s *Session) error { _, err := w.RenewRecoveryCodes(w.ctx(), by(s)); return err },
		}
		w.clock.advance(10 * time.Minute)
		for name, act := range acts {
			if err := act(ana); !IsRefusal(err, StepUpRequired) {
				t.Errorf("%s after ten minutes: %v, want step-up-required", name, err)
			}
			if !IsRefusal(NeedSteppedUp.Meets(ana, w.Now()), StepUpRequired) {
				t.Errorf("%s: the route's need does not ask", name)
			}
		}
		// A session that a recovery code opened cannot step up, and spends nothing.
		paper := w.signInWithCode("olga", 0)
		for name, act := range acts {
			if err := act(paper); !IsRefusal(err, RecoverySession) {
				t.Errorf("%s from a recovery code's session: %v, want recovery-session", name, err)
			}
		}
		_, err := w.StepUp(w.ctx(), by(paper), testPassword, w.code("olga"))
		w.refused(err, RecoverySession)
		if d := paper.ExpiresAt.Sub(w.Now()); d > time.Hour {
			t.Errorf("a recovery code's session lives %s", d)
		}
		w.clock.advance(59 * time.Minute)
		if _, err := w.Session(w.ctx(), paper.Token); err != nil {
			t.Errorf("after 59 minutes: %v", err)
		}
		w.clock.advance(time.Minute)
		_, err = w.Session(w.ctx(), paper.Token)
		w.refused(err, SessionEnded)

		ana = w.signIn("ana")
		w.clock.advance(11 * time.Minute)
		_, err = w.StepUp(w.ctx(), by(ana), "not the password at all", w.code("ana"))
		w.refused(err, WrongPassword)
		_, err = w.StepUp(w.ctx(), by(ana), testPassword, w.cast["ana"].codes[0])
		w.refused(err, RecoveryCodeRefused)
		if n := w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at <> 0`, w.cast["ana"].id); n != 0 {
			t.Error("the recovery code was spent")
		}
		_, err = w.StepUp(w.ctx(), by(ana), testPassword, w.codeAt("ana", 1000))
		w.refused(err, WrongCode)
		up, err := w.StepUp(w.ctx(), by(ana), testPassword, w.code("ana"))
		w.ok(err)
		if up.Token == "" || up.Token == ana.Token || w.live(ana) || !w.live(up) || up.ID != ana.ID {
			t.Error("the session's token was not replaced")
		}
		_, err = w.StepUp(w.ctx(), by(up), testPassword, w.code("ana"))
		w.refused(err, CodeUsed)
		w.ok(restart(up))
		// The password alone, while 2-step is off: activating needs it.
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
		w.ok(err)
		w.clock.advance(10 * time.Minute)
		_, err = w.BeginActivation(w.ctx(), by(in.Session))
		w.refused(err, StepUpRequired)
		elena, err := w.StepUp(w.ctx(), by(in.Session), testPassword, "")
		w.ok(err)
		_, err = w.BeginActivation(w.ctx(), by(elena))
		w.ok(err)
	})
}

// R11: a team always keeps an owner.
//
// R11
func TestR11(t *testing.T) {
	t.Run("the last owner is not demoted, suspended or removed", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			ana := w.signIn("ana")
			member, suspended := RoleMember, StatusSuspended
			_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["olga"].id, UserChange{Role: &member})
			w.ok(err)
			_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["ana"].id, UserChange{Role: &member})
			w.refused(err, LastOwner)
			_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["ana"].id, UserChange{Status: &suspended})
			w.refused(err, Self)
			w.refused(w.RemoveUser(w.ctx(), by(ana), w.cast["ana"].id), Self)
			// A suspended owner is no owner to fall back on.
			owner := RoleOwner
			_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["olga"].id, UserChange{Role: &owner})
			w.ok(err)
			_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["olga"].id, UserChange{Status: &suspended})
			w.ok(err)
			_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["ana"].id, UserChange{Role: &member})
			w.refused(err, LastOwner)
		})
	})
	t.Run("two owners demote, suspend and remove each other at once", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			member, suspended := RoleMember, StatusSuspended
			ana, olga := w.signIn("ana"), w.signIn("olga")
			race(30, func(i int) error {
				who, whom := ana, w.cast["olga"].id
				if i%2 == 1 {
					who, whom = olga, w.cast["ana"].id
				}
				switch i % 3 {
				case 0:
					_, err := w.ChangeUser(w.ctx(), by(who), whom, UserChange{Role: &member})
					return err
				case 1:
					_, err := w.ChangeUser(w.ctx(), by(who), whom, UserChange{Status: &suspended})
					return err
				}
				return w.RemoveUser(w.ctx(), by(who), whom)
			})
			if n := w.count(`SELECT COUNT(*) FROM users WHERE team_id = $1 AND role = 'owner' AND status = 'active'`, w.cast["ana"].team); n != 1 {
				t.Errorf("%d owners left, want 1", n)
			}
		})
	})
}

// Two owners give up their own role at once: each sees the other still there
// unless the team's row is locked.
func TestR11BothGiveUpAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		member, owner := RoleMember, RoleOwner
		for range 5 {
			sessions := []*Session{w.signIn("ana"), w.signIn("olga")}
			won, errs := race(2, func(i int) error {
				_, err := w.ChangeUser(w.ctx(), by(sessions[i]), sessions[i].User.ID, UserChange{Role: &member})
				return err
			})
			if won != 1 || !IsRefusal(errs[0], LastOwner) {
				t.Fatalf("%d gave up, the other heard %v", won, errs)
			}
			keeper, other := "ana", "olga"
			if w.count(`SELECT COUNT(*) FROM users WHERE id = $1 AND role = 'owner'`, w.cast["ana"].id) == 0 {
				keeper, other = other, keeper
			}
			_, err := w.ChangeUser(w.ctx(), by(w.signIn(keeper)), w.cast[other].id, UserChange{Role: &owner})
			w.ok(err)
		}
	})
}

// Next, every case of it.
//
// ASVS 2.3.1, T-STEP-7, P3
func TestNext(t *testing.T) {
	for _, closed := range []bool{false, true} {
		for _, proved := range []bool{false, true} {
			for _, state := range []TwoStep{TwoStepOff, TwoStepActive, TwoStepDue, "", "unknown"} {
				want := StepActivation
				switch {
				case closed:
					want = StepClosed
				case state == TwoStepActive && !proved:
					want = StepSecondStep
				case state == TwoStepActive, state == TwoStepOff:
					want = StepSignedIn
				}
				if got := Next(Standing{TwoStep: state, Closed: closed, SecondStepProved: proved}); got != want {
					t.Errorf("%q closed=%v proved=%v: %s, want %s", state, closed, proved, got, want)
				}
			}
		}
	}
}
