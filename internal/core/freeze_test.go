package core

import (
	"encoding/base32"
	"testing"
	"time"

	"doorstep/internal/totp"
)

// restartedAndBack restarts somebody and activates again from a device; it returns the
// restart and the session that the activation left.
func (w *world) restartedAndBack(who string, by Actor, device string) (*Restart, *Session) {
	w.t.Helper()
	r, err := w.RestartTwoStep(w.ctx(), by, w.cast[who].id, goodReason)
	w.ok(err)
	return r, w.activatesAgain(who, device, r.Pass)
}

// activatesAgain signs in with the password, types the pass if there is one, and activates.
func (w *world) activatesAgain(who, device, pass string) *Session {
	w.t.Helper()
	m := w.cast[who]
	from := Origin{Via: ViaPage, Address: "203.0.113.66", Device: device}
	in, err := w.BeginSignIn(w.ctx(), Nobody(from), m.email, testPassword, "")
	w.ok(err)
	if pass != "" {
		w.ok(w.AcceptPass(w.ctx(), in.Session.By(from), pass))
	}
	s := w.activateFrom(in.Session, &m, from)
	w.cast[who] = m
	return s
}

func (w *world) sayNo(s *Session, who, restart string) error {
	_, err := w.AnswerReactivation(w.ctx(), by(s), w.cast[who].id, restart, false)
	return err
}

// After a restart the approver and the owners hear who activated, with what, and
// whether such a browser was seen before.
func TestActivationAfterARestartIsAskedAbout(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admin := w.signIn("bruno")
		r, _ := w.restartedAndBack("carla", by(admin), firefoxOnLinux)
		for who, want := range map[string]int{"bruno": 1, "ana": 1, "olga": 1, "carla": 0, "dmitri": 0} {
			if n := w.letters(who, LetterActivatedAgain); n != want {
				t.Errorf("%s got %d letters, want %d", who, n, want)
			}
		}
		a, err := w.Reactivation(w.ctx(), by(admin), w.cast["carla"].id, r.ID)
		w.ok(err)
		if a.SeenBefore || a.Address != "203.0.113.66" || a.Device != firefoxOnLinux || !a.ActivatedAt.Equal(w.Now().Add(-30*time.Second)) || a.Restart.ByName != "Bruno" {
			t.Errorf("%+v", a)
		}
		p, err := w.Person(w.ctx(), by(admin), w.cast["carla"].id)
		w.ok(err)
		if p.AskedAbout != r.ID {
			t.Errorf("asked about %q, want %q", p.AskedAbout, r.ID)
		}
		// A second activation, of her own will, asks nobody.
		s := w.signIn("carla")
		w.clock.advance(30 * time.Second)
		_, err = w.DeactivateTwoStep(w.ctx(), by(s), "", w.code("carla"))
		w.ok(err)
		w.activatesAgain("carla", firefoxOnLinux, "")
		if n := w.letters("bruno", LetterActivatedAgain); n != 1 {
			t.Errorf("%d letters after her own deactivation, want 1", n)
		}
		// The next restart is asked about anew, and the browser is known by now.
		r2, _ := w.restartedAndBack("carla", by(w.signIn("ana")), newerFirefox)
		a, err = w.Reactivation(w.ctx(), by(w.signIn("olga")), w.cast["carla"].id, r2.ID)
		w.ok(err)
		if !a.SeenBefore {
			t.Error("the browser that she signed in with is called new")
		}
	})
}

func TestWhoMayAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admin, owner := w.signIn("bruno"), w.signIn("ana")
		r, own := w.restartedAndBack("carla", by(owner), "a phone")
		w.refused(w.sayNo(admin, "carla", r.ID), NotTheApprover) // neither the approver nor an owner
		w.refused(w.sayNo(own, "carla", r.ID), AdminOnly)
		w.refused(w.sayNo(w.signIn("zoe"), "carla", r.ID), Missing)
		w.refused(w.sayNo(owner, "dmitri", r.ID), Missing) // somebody else's restart
		_, err := w.Reactivation(w.ctx(), by(admin), w.cast["carla"].id, r.ID)
		w.refused(err, NotTheApprover)
		w.refused(w.sayNo(w.signInWithCode("ana", 0), "carla", r.ID), RecoverySession)

		// R15: whoever was restarted themself says nothing of others for a day, nor of
		// their own restart at any time.
		ofOlga, olgas := w.restartedAndBack("olga", by(owner), "a phone")
		w.refused(w.sayNo(olgas, "carla", r.ID), Contained)
		w.refused(w.sayNo(olgas, "olga", ofOlga.ID), Self)

		w.clock.advance(WasThemLasts)
		w.refused(w.sayNo(w.signIn("ana"), "carla", r.ID), TooLateToAnswer)
		if w.count(`SELECT COUNT(*) FROM freezes`) != 0 {
			t.Error("something was frozen")
		}
	})
}

func TestYesIsWrittenDown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admin := w.signIn("bruno")
		r, s := w.restartedAndBack("carla", by(admin), "a phone")
		for range 2 { // sent twice
			_, err := w.AnswerReactivation(w.ctx(), by(admin), w.cast["carla"].id, r.ID, true)
			w.ok(err)
		}
		if w.events("carla", EventReactivationConfirmed) != 1 || !w.live(s) {
			t.Error("not written down once, or it ended the session")
		}
		w.refused(w.sayNo(admin, "carla", r.ID), AnsweredAlready)
		w.refused(w.sayNo(w.signIn("ana"), "carla", r.ID), AnsweredAlready)
	})
}

// No: everything is over at once, the second step that may be the impostor's too, and
// nothing opens the account but an owner and another restart.
//
// NIST 4.3, R14
func TestNoFreezes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admin := w.signIn("bruno")
		r, impostor := w.restartedAndBack("carla", by(admin), "a phone")
		half := w.attempt("carla")
		w.ok(w.sayNo(admin, "carla", r.ID))
		if w.live(impostor) || w.WhyEnded(w.ctx(), impostor.Token) != EndedFrozen {
			t.Error("the session lives, or does not say why it ended")
		}
		_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), half, w.codeAt("carla", 1), false)
		w.refused(err, AttemptOver)
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
		w.refused(err, WrongCredentials) // R12: like any suspended account
		u := w.user("carla")
		if u.status != StatusSuspended || !u.passwordDue || !u.closed(w.Now()) || !u.contained(w.Now()) {
			t.Errorf("%+v", u)
		}
		if w.events("carla", EventUserFrozen) != 1 || w.letters("carla", LetterFrozen) != 1 || w.letters("ana", LetterFrozenOwners) != 1 || w.letters("olga", LetterFrozenOwners) != 1 {
			t.Error("no event, or not everybody was told")
		}
		p, err := w.Person(w.ctx(), by(admin), w.cast["carla"].id)
		w.ok(err)
		if p.Frozen == nil || p.Frozen.Why != FrozenNotThem || p.Frozen.ByName != "Bruno" || p.AskedAbout != "" {
			t.Errorf("frozen %+v, asked about %q", p.Frozen, p.AskedAbout)
		}

		// An admin can neither bring it back nor open it by another restart.
		active := StatusActive
		admin = w.signIn("bruno")
		_, err = w.ChangeUser(w.ctx(), by(admin), w.cast["carla"].id, UserChange{Status: &active})
		w.refused(err, OwnerOnly)
		_, err = w.RestartTwoStep(w.ctx(), by(admin), w.cast["carla"].id, goodReason)
		w.ok(err)
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
		w.refused(err, WrongCredentials)

		owner := w.signIn("ana")
		p, err = w.ChangeUser(w.ctx(), by(owner), w.cast["carla"].id, UserChange{Status: &active})
		w.ok(err)
		if p.Frozen != nil || w.letters("carla", LetterBroughtBackFrozen) != 1 {
			t.Errorf("still frozen: %+v, or not told", p.Frozen)
		}
		if u := w.user("carla"); !u.passwordDue || !u.contained(w.Now()) {
			t.Error("brought back without what the freeze asked for")
		}
	})
}

// Brought back is not restarted: behind the password alone nothing opens.
func TestBroughtBackIsStillClosed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, _ := w.restartedAndBack("carla", by(w.signIn("bruno")), "a phone")
		w.ok(w.sayNo(w.signIn("ana"), "carla", r.ID))
		w.ok(w.BringBackFromConsole(w.ctx(), Console("root"), w.cast["carla"].email, "talked to her"))
		_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
		w.refused(err, AccountClosed)
		if w.events("carla", EventUserBroughtBack) != 1 || w.letters("carla", LetterBroughtBackFrozen) != 1 {
			t.Error("not recorded, or not told")
		}
		w.refused(w.BringBackFromConsole(w.ctx(), Console("root"), w.cast["carla"].email, "again"), NotSuspended)
		w.refused(w.BringBackFromConsole(w.ctx(), Console("root"), w.cast["carla"].email, ""), ReasonMissing)
		w.refused(w.BringBackFromConsole(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, "not the console"), NotSignedIn)
		again, err := w.RestartFromConsole(w.ctx(), Console("root"), w.cast["carla"].email, "talked to her")
		w.ok(err)
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
		w.ok(err)
		if in.Session.Reach != ReachPassword {
			t.Fatalf("the old password reaches %s", in.Session.Reach)
		}
		_, err = w.ChooseNewPassword(w.ctx(), by(in.Session), otherPassword)
		w.refused(err, PasswordByLink) // whoever knows the old one is not who replaces it
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), w.forgot("carla"), otherPassword, "")
		w.ok(err)
		in = w.signsInWith("carla", otherPassword)
		if in.Session.Reach != ReachActivation || again.Pass != "" {
			t.Errorf("then %s, pass %q", in.Session.Reach, again.Pass)
		}
	})
}

// Whoever joins as owner or admin is told of to the owners, like whoever becomes one.
func TestOwnersHearOfWhoJoins(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mail = false // the links are in the answers
		ana := w.signIn("ana")
		for _, step := range []struct {
			email string
			role  Role
			told  int
		}{{"quiet@example.com", RoleOwner, 1}, {"second@example.com", RoleAdmin, 2}, {"third@example.com", RoleMember, 2}} {
			_, err := w.accepts(w.invites(ana, step.email, step.role).Link)
			w.ok(err)
			if n := w.letters("olga", LetterJoinedOwners); n != step.told {
				t.Errorf("%d letters to the other owner after a %s joined, want %d", n, step.role, step.told)
			}
		}
	})
}

// An answer counts once: of many at once, whatever they say, one is done.
func TestAnswerRaces(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, s := w.restartedAndBack("carla", by(w.signIn("bruno")), "a phone")
		answering := []*Session{w.signIn("ana"), w.signIn("olga"), w.signIn("bruno")}
		_, errs := race(9, func(i int) error {
			_, err := w.AnswerReactivation(w.ctx(), by(answering[i%3]), w.cast["carla"].id, r.ID, i%2 == 0)
			return err
		})
		for _, err := range errs {
			w.refused(err, AnsweredAlready)
		}
		confirmed, frozen := w.events("carla", EventReactivationConfirmed), w.events("carla", EventUserFrozen)
		if confirmed+frozen != 1 {
			t.Errorf("%d times yes and %d times no count", confirmed, frozen)
		}
		if w.live(s) == (frozen == 1) {
			t.Error("the session and the answer do not fit")
		}
	})
	t.Run("No against a sign-in", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			r, _ := w.restartedAndBack("carla", by(w.signIn("bruno")), "a phone")
			owner := w.signIn("ana")
			attempts := []string{w.attempt("carla"), w.attempt("carla"), w.attempt("carla")}
			opened := make([]*Session, 6)
			race(7, func(i int) error {
				switch {
				case i == 0:
					return w.sayNo(owner, "carla", r.ID)
				case i <= 3:
					in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i-1], w.code("carla"), false)
					if err == nil {
						opened[i-1] = in.Session
					}
					return err
				}
				in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
				if err == nil {
					opened[i-1] = in.Session
				}
				return err
			})
			for _, s := range opened {
				if s != nil && w.live(s) {
					t.Error("a session outlived the freeze")
				}
			}
			if n := w.count(`SELECT COUNT(*) FROM sign_in_attempts WHERE user_id = $1`, w.cast["carla"].id); n != 0 {
				t.Errorf("%d half-done sign-ins outlived the freeze", n)
			}
		})
	})
	t.Run("whichever statement of a No fails, nothing was changed", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			r, _ := w.restartedAndBack("carla", by(w.signIn("bruno")), "a phone")
			owner := w.signIn("ana")
			w.everyStatement(func() error { return w.sayNo(owner, "carla", r.ID) })
		})
	})
}

// R11: two owners who call each other impostors at once leave the team one.
func TestFreezesKeepAnOwner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, _ := w.restartedAndBack("olga", by(w.signIn("ana")), "a phone")
		w.clock.advance(25 * time.Hour) // their containment is over
		r2, _ := w.restartedAndBack("ana", by(w.signIn("olga")), "a phone")
		w.clock.advance(25 * time.Hour)
		ana, olga := w.signIn("ana"), w.signIn("olga")
		race(2, func(i int) error {
			if i == 0 {
				return w.sayNo(ana, "olga", r.ID)
			}
			return w.sayNo(olga, "ana", r2.ID)
		})
		if n := w.count(`SELECT COUNT(*) FROM users WHERE team_id = $1 AND role = 'owner' AND status = 'active'`, w.cast["ana"].team); n != 1 {
			t.Errorf("%d active owners are left", n)
		}
	})
}

// The owners hear when the role or status of an owner or admin is changed, and when
// somebody becomes one.
func TestOwnersHearOfRoleAndStatus(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		owner := by(w.signIn("ana"))
		admin, member, suspended, active := RoleAdmin, RoleMember, StatusSuspended, StatusActive
		for i, step := range []struct {
			who    string
			change UserChange
			kind   LetterKind
			told   int // in all
		}{
			{"carla", UserChange{Role: &admin}, LetterRoleChangedOwners, 1},
			{"carla", UserChange{Role: &member}, LetterRoleChangedOwners, 2},
			{"bruno", UserChange{Status: &suspended}, LetterSuspendedOwners, 1},
			{"bruno", UserChange{Status: &active}, LetterBroughtBackOwners, 1},
			{"dmitri", UserChange{Status: &suspended}, LetterSuspendedOwners, 1}, // a member: nobody but him
		} {
			_, err := w.ChangeUser(w.ctx(), owner, w.cast[step.who].id, step.change)
			w.ok(err)
			if n := w.letters("olga", step.kind); n != step.told {
				t.Errorf("step %d: %d letters to the other owner, want %d", i, n, step.told)
			}
		}
		w.ok(w.RemoveUser(w.ctx(), owner, w.cast["bruno"].id))
		if n := w.letters("olga", LetterRemovedOwners); n != 1 {
			t.Errorf("%d letters about the removal", n)
		}
	})
}

// activateFrom does what a person with an app does, from a device.
func (w *world) activateFrom(s *Session, m *castMember, from Origin) *Session {
	w.t.Helper()
	a, err := w.BeginActivation(w.ctx(), s.By(from))
	w.ok(err)
	m.key, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Key)
	w.ok(err)
	w.clock.advance(30 * time.Second)
	a, err = w.ConfirmActivation(w.ctx(), s.By(from), a.ID, totp.Code(m.key, totp.StepAt(w.Now())))
	w.ok(err)
	m.codes = a.Codes
	finished, err := w.FinishActivation(w.ctx(), s.By(from), a.ID, true)
	w.ok(err)
	w.clock.advance(30 * time.Second)
	return finished
}
