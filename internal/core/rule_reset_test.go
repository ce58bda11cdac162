package core

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// R3: a session that a recovery code opened deactivates with a different code.
//
// R3
func TestR3(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signInWithCode("carla", 0)
		before := w.snapshot("recovery_code_sets", "users") // counters and the lock's version move
		for _, typed := range []string{w.cast["carla"].codes[0], upper(bare(w.cast["carla"].codes[0]))} {
			_, err := w.DeactivateTwoStep(w.ctx(), by(s), "", typed)
			w.refused(err, SameCode)
		}
		if w.snapshot("recovery_code_sets", "users") != before {
			t.Error("the refused code changed something")
		}
		if n := w.count(`SELECT fails FROM recovery_code_sets WHERE user_id = $1`, w.cast["carla"].id); n != 0 {
			t.Errorf("the code signed in with cost %d tries, want none", n)
		}
		_, err := w.DeactivateTwoStep(w.ctx(), by(s), "", w.cast["dmitri"].codes[1])
		w.refused(err, WrongRecoveryCode)
		ended, err := w.DeactivateTwoStep(w.ctx(), by(s), "", w.cast["carla"].codes[1])
		w.ok(err)
		if ended != 1 || w.live(s) {
			t.Errorf("%d sessions ended, want this one", ended)
		}
		// The used code of an earlier session proves nothing in a later one either.
		s = w.signInWithCode("dmitri", 0)
		_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("dmitri"), w.cast["dmitri"].codes[1], false)
		w.ok(err)
		_, err = w.DeactivateTwoStep(w.ctx(), by(s), "", w.cast["dmitri"].codes[1])
		w.refused(err, WrongRecoveryCode)
		// An authentication code proves it too.
		_, err = w.DeactivateTwoStep(w.ctx(), by(s), "", w.code("dmitri"))
		w.ok(err)
	})
}

func TestR3FromAnAuthenticatorsSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		_, err := w.DeactivateTwoStep(w.ctx(), by(s), "", w.code("carla")) // the one just used
		w.refused(err, CodeUsed)
		w.clock.advance(11 * time.Minute) // the password is wanted again
		_, err = w.DeactivateTwoStep(w.ctx(), by(s), "", w.code("carla"))
		if r := w.refused(err, PasswordMissing); r.Counted {
			t.Error("no password was counted as a wrong one")
		}
		_, err = w.DeactivateTwoStep(w.ctx(), by(s), "not the password at all", w.code("carla"))
		w.refused(err, WrongPassword)
		_, err = w.DeactivateTwoStep(w.ctx(), by(s), testPassword, w.code("carla"))
		w.ok(err)
		// Any unused recovery code does as well.
		d := w.signIn("dmitri")
		_, err = w.DeactivateTwoStep(w.ctx(), by(d), "", w.cast["dmitri"].codes[7])
		w.ok(err)
		// Not active any more: nothing to deactivate, and nothing is charged.
		_, err = w.DeactivateTwoStep(w.ctx(), by(d), "", w.cast["dmitri"].codes[6])
		w.refused(err, NotActive)
	})
}

// R4: deactivate and restart are one transaction, all or nothing.
//
// ASVS 2.3.3, NIST 4.2.3, R4, P7
func TestR4(t *testing.T) {
	t.Run("restart takes everything away", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			app, paper := w.signIn("carla"), w.signInWithCode("carla", 0)
			attempt := w.attempt("carla")
			r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
			w.ok(err)
			if r.SessionsEnded != 2 || r.AuthenticatorsRemoved != 1 || r.RecoveryCodesRemoved != 9 {
				t.Errorf("receipt %+v, want 2 sessions, 1 authenticator, 9 unused codes", r)
			}
			if !r.DueBy.Equal(w.Now().Add(72 * time.Hour)) {
				t.Errorf("due by %s, want in 72 hours", r.DueBy)
			}
			w.nothingLeft("carla", app, paper, attempt)
			if w.events("carla", EventTwoStepRestarted) != 1 || w.letters("carla", LetterRestarted) != 1 {
				t.Error("no event or no letter")
			}
			if w.letters("olga", LetterRestartedOwners) != 1 || w.letters("ana", LetterRestartedOwners) != 1 {
				t.Error("the owners were not told")
			}
			// Restarting somebody who is due is allowed: zeros, and a new window.
			w.clock.advance(5 * time.Minute)
			r, err = w.RestartTwoStep(w.ctx(), by(w.signIn("olga")), w.cast["carla"].id, goodReason)
			w.ok(err)
			if r.SessionsEnded+r.AuthenticatorsRemoved+r.RecoveryCodesRemoved != 0 || !r.DueBy.Equal(w.Now().Add(72*time.Hour)) {
				t.Errorf("second receipt %+v, want zeros and a new window", r)
			}
		})
	})
	t.Run("deactivation takes everything away", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			app, paper := w.signIn("carla"), w.signInWithCode("carla", 0)
			attempt := w.attempt("carla")
			ended, err := w.DeactivateTwoStep(w.ctx(), by(paper), "", w.cast["carla"].codes[1])
			w.ok(err)
			if ended != 2 {
				t.Errorf("%d sessions ended, want 2", ended)
			}
			w.nothingLeft("carla", app, paper, attempt)
			if w.events("carla", EventTwoStepDeactivated) != 1 || w.letters("carla", LetterDeactivated) != 1 {
				t.Error("no event or no letter")
			}
		})
	})
	t.Run("whichever statement of a restart fails, nothing was changed", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.signIn("carla")
			w.attempt("carla")
			admin := w.signIn("bruno")
			w.everyStatement(func() error {
				_, err := w.RestartTwoStep(w.ctx(), by(admin), w.cast["carla"].id, goodReason)
				return err
			})
		})
	})
	t.Run("whichever statement of a deactivation fails, nothing but the try was changed", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s := w.signInWithCode("carla", 0)
			w.attempt("carla")
			w.everyStatement(func() error {
				w.exec(`UPDATE recovery_code_sets SET fails = 0, next_try_at = 0`)
				_, err := w.DeactivateTwoStep(w.ctx(), by(s), "", w.cast["carla"].codes[1])
				return err
			}, "recovery_code_sets")
		})
	})
	t.Run("whichever statement of Finish fails, nothing was changed", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s, a := w.confirmed("elena")
			w.everyStatement(func() error {
				_, err := w.FinishActivation(w.ctx(), by(s), a.ID, true)
				return err
			})
		})
	})
}

// everyStatement runs an act with its first statement failing, then its second,
// and so on with the commit as the last, and compares every table each time.
func (w *world) everyStatement(act func() error, except ...string) {
	w.t.Helper()
	before := w.snapshot(except...)
	for k := 1; ; k++ {
		w.fault.arm(k)
		err := act()
		seen := w.fault.disarm()
		if err == nil {
			if seen < 10 {
				w.t.Errorf("the act ran %d statements: is the fault planted where it runs?", seen)
			}
			return
		}
		if !errors.Is(err, errPlanted) {
			w.t.Fatalf("statement %d: %v, want the planted failure", k, err)
		}
		if after := w.snapshot(except...); after != before {
			w.t.Fatalf("statement %d failed and something was changed:\n%s", k, difference(before, after))
		}
	}
}

func difference(before, after string) string {
	old := map[string]bool{}
	for _, line := range strings.Split(before, "\n") {
		old[line] = true
	}
	var b strings.Builder
	for _, line := range strings.Split(after, "\n") {
		if !old[line] {
			b.WriteString("+ " + line + "\n")
		}
	}
	return b.String()
}

// nothingLeft checks what R4 names.
func (w *world) nothingLeft(name string, app, paper *Session, attempt string) {
	w.t.Helper()
	id := w.cast[name].id
	for _, table := range []string{"authenticators", "recovery_codes", "recovery_code_sets", "activations", "sign_in_attempts"} {
		if n := w.count(`SELECT COUNT(*) FROM `+table+` WHERE user_id = $1`, id); n != 0 {
			w.t.Errorf("%d rows left in %s", n, table)
		}
	}
	if w.live(app) || w.live(paper) {
		w.t.Error("a session lives on")
	}
	_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.code(name), false)
	w.refused(err, AttemptOver)
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, testPassword, "")
	w.ok(err)
	if in.Next != StepActivation || in.Session.Reach != ReachActivation {
		w.t.Errorf("the next sign-in leads to %s with reach %s", in.Next, in.Session.Reach)
	}
	w.ok(w.SignOut(w.ctx(), by(in.Session)))
}

// confirmed brings somebody without 2-step to the last button; with the pass of
// their restart, where there was one.
func (w *world) confirmed(name string, pass ...string) (*Session, *Activation) {
	w.t.Helper()
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, testPassword, "")
	w.ok(err)
	for _, p := range pass {
		w.ok(w.AcceptPass(w.ctx(), by(in.Session), p))
	}
	a, err := w.BeginActivation(w.ctx(), by(in.Session))
	w.ok(err)
	m := w.cast[name]
	m.key = decodeKey(w.t, a.Key)
	w.cast[name] = m
	a, err = w.ConfirmActivation(w.ctx(), by(in.Session), a.ID, w.code(name))
	w.ok(err)
	return in.Session, a
}

// R5: once sessions are said to be ended, no request is accepted.
//
// ASVS 7.4.1, R5, P5
func TestR5(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, end := range []struct {
			name string
			why  EndReason
			do   func(victim *Session) error
		}{
			{"sign-out", EndedSignedOut, func(s *Session) error { return w.SignOut(w.ctx(), by(s)) }},
			{"restart", EndedRestarted, func(*Session) error {
				_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
				return err
			}},
		} {
			s := w.signIn("carla")
			stop, done, after := make(chan struct{}), make(chan struct{}), make(chan struct{})
			go func() { // somebody keeps asking, from before to after
				defer close(done)
				for {
					select {
					case <-stop:
						return
					default:
					}
					ended := false
					select {
					case <-after:
						ended = true
					default:
					}
					if _, err := w.Session(w.ctx(), s.Token); err == nil && ended {
						t.Errorf("%s: a request sent after the answer was accepted", end.name)
						return
					}
				}
			}()
			w.ok(end.do(s))
			close(after)
			for range 20 {
				_, err := w.Session(w.ctx(), s.Token)
				if r := w.refused(err, SessionEnded); r.Reason != end.why {
					t.Errorf("%s: the reason is %q, want %q", end.name, r.Reason, end.why)
				}
			}
			close(stop)
			<-done
			// A verb that holds the dead session does nothing either.
			_, err := w.BeginActivation(w.ctx(), by(s))
			w.refused(err, SessionEnded)
			if why := w.WhyEnded(w.ctx(), s.Token); why != end.why {
				t.Errorf("%s: the page is told %q", end.name, why)
			}
		}
	})
}

// R15: the window and the containment. The pass, the second approver and the limits
// have files of their own, pass_test.go and so on.
//
// R15
func TestR15(t *testing.T) {
	t.Run("after the window the account is closed until restarted again", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
			w.ok(err)
			in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
			w.ok(err)
			w.clock.advance(72*time.Hour - time.Second)
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
			w.ok(err)
			w.clock.advance(time.Second)
			for range freeTries + 2 { // a right password is no wrong one, however often
				_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
				w.refused(err, AccountClosed)
			}
			if n := w.events("carla", EventSignInRefused); n != freeTries+2 {
				t.Errorf("%d refusals recorded", n)
			}
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, "not the password at all", "")
			w.refused(err, WrongCredentials)
			_, err = w.BeginActivation(w.ctx(), by(in.Session))
			if err == nil {
				t.Error("an activation began in a closed account")
			}
			_, err = w.RestartTwoStep(w.ctx(), by(w.signIn("olga")), w.cast["carla"].id, goodReason)
			w.ok(err)
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
			w.ok(err)
		})
	})
	t.Run("a restarted admin restarts nobody for 24 hours", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["bruno"].id, goodReason)
			w.ok(err)
			s, a := w.confirmed("bruno", r.Pass)
			s, err = w.FinishActivation(w.ctx(), by(s), a.ID, true)
			w.ok(err)
			_, err = w.RestartTwoStep(w.ctx(), by(s), w.cast["carla"].id, goodReason)
			refusal := w.refused(err, Contained)
			if !refusal.Args["at"].(time.Time).Equal(w.Now().Add(24 * time.Hour)) {
				t.Errorf("possible from %v", refusal.Args["at"])
			}
			suspended := StatusSuspended // nor may it shut anybody out
			_, err = w.ChangeUser(w.ctx(), by(s), w.cast["carla"].id, UserChange{Status: &suspended})
			w.refused(err, Contained)
			w.clock.advance(24 * time.Hour)
			_, err = w.RestartTwoStep(w.ctx(), by(w.signIn("bruno")), w.cast["carla"].id, goodReason)
			w.ok(err)
		})
	})
}

// R15: for a day a restarted owner does nothing to others, nor to what protects the
// team, whatever was proved; and a chain of takeovers stops here.
//
// R15
func TestR15Containment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		asked, _ := w.restartedAndBack("carla", by(w.signIn("olga")), "a phone")
		_, s := w.restartedAndBack("ana", by(w.signIn("olga")), "a phone")
		until := w.user("ana").containedUntil
		role, suspended, active, idle := RoleAdmin, StatusSuspended, StatusActive, 2*time.Hour
		acts := []struct {
			what string
			do   func(s *Session) error
		}{
			{"restart", func(s *Session) error {
				_, err := w.RestartTwoStep(w.ctx(), by(s), w.cast["bruno"].id, goodReason)
				return err
			}},
			{"role", func(s *Session) error {
				_, err := w.ChangeUser(w.ctx(), by(s), w.cast["dmitri"].id, UserChange{Role: &role})
				return err
			}},
			{"suspension", func(s *Session) error {
				_, err := w.ChangeUser(w.ctx(), by(s), w.cast["olga"].id, UserChange{Status: &suspended})
				return err
			}},
			{"bringing back", func(s *Session) error {
				_, err := w.ChangeUser(w.ctx(), by(s), w.cast["elena"].id, UserChange{Status: &active})
				return err
			}},
			{"removal", func(s *Session) error { return w.RemoveUser(w.ctx(), by(s), w.cast["dmitri"].id) }},
			{"policy", func(s *Session) error {
				_, err := w.ChangePolicy(w.ctx(), by(s), PolicyChange{SessionIdle: &idle})
				return err
			}},
			{"was this them?", func(s *Session) error { return w.sayNo(s, "carla", asked.ID) }},
		}
		_, err := w.ChangeUser(w.ctx(), by(w.signIn("olga")), w.cast["elena"].id, UserChange{Status: &suspended})
		w.ok(err)
		for _, act := range acts {
			if r := w.refused(act.do(s), Contained); !r.Args["at"].(time.Time).Equal(at(until)) {
				t.Errorf("%s: possible from %v", act.what, r.Args["at"])
			}
		}
		w.clock.advance(24 * time.Hour)
		for _, act := range acts {
			if err := act.do(w.signIn("ana")); err != nil {
				t.Errorf("%s after a day: %v", act.what, err)
			}
		}
	})
}

// A restart form that was sent twice gives one restart; somebody else's restart
// meanwhile is told.
func TestRestartSentTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		preview, err := w.RestartPreview(w.ctx(), by(ana), w.cast["carla"].id)
		w.ok(err)
		if preview.Authenticators != 1 || preview.RecoveryCodes != 10 || preview.OwnersTold != 2 {
			t.Errorf("preview %+v", preview)
		}
		request := goodReason
		request.Seen, request.CheckSeen = preview.Newest, true
		first, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, request)
		w.ok(err)
		second, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, request)
		w.ok(err)
		if *first != *second {
			t.Errorf("receipts differ: %+v and %+v", first, second)
		}
		if n := w.events("carla", EventTwoStepRestarted); n != 1 {
			t.Errorf("%d restarts, want 1", n)
		}
		_, err = w.RestartTwoStep(w.ctx(), by(w.signIn("olga")), w.cast["carla"].id, request)
		if r := w.refused(err, RestartedMeanwhile); r.Args["by"] != "Ana" {
			t.Errorf("told that %v was faster", r.Args["by"])
		}
	})
}

// ASVS 6.4.4, NIST 4.2.1
func TestRestartSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		for _, c := range []struct {
			request RestartRequest
			want    Code
		}{
			{RestartRequest{"", VerifiedInPerson, "", false}, ReasonMissing},
			{RestartRequest{"  x ", VerifiedInPerson, "", false}, ReasonMissing},
			{RestartRequest{strings.Repeat("é", 201), VerifiedInPerson, "", false}, ReasonTooLong},
			{RestartRequest{"lost phone", "", "", false}, VerifiedByMissing},
			{RestartRequest{"lost phone", "telepathy", "", false}, VerifiedByMissing},
			{RestartRequest{"", "", "", false}, VerifiedByMissing}, // and the reason as well
		} {
			_, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, c.request)
			r := w.refused(err, c.want)
			if both := c.request.Reason == "" && c.request.VerifiedBy == ""; both != (r.Also != nil) || both && r.Also.Code != ReasonMissing {
				t.Errorf("%+v: also %v", c.request, r.Also)
			}
		}
		if n := w.events("carla", EventTwoStepRestarted); n != 0 {
			t.Error("a refused restart happened")
		}
	})
}

// The console's restart is recorded and mailed like any other.
func TestRestartFromConsole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("ana")
		r, err := w.RestartFromConsole(w.ctx(), Console("root"), "ANA@example.com", "lost everything")
		w.ok(err)
		if r.SessionsEnded != 1 || w.live(s) {
			t.Errorf("receipt %+v", r)
		}
		if w.events("ana", EventTwoStepRestarted) != 1 || w.letters("ana", LetterRestarted) != 1 || w.letters("olga", LetterRestartedOwners) != 1 {
			t.Error("not recorded or not mailed")
		}
		_, err = w.RestartFromConsole(w.ctx(), Console("root"), "nobody@example.com", "lost everything")
		w.refused(err, Missing)
		_, err = w.RestartFromConsole(w.ctx(), Console("root"), "ana@example.com", "")
		w.refused(err, ReasonMissing)
		_, err = w.RestartFromConsole(w.ctx(), by(w.signIn("olga")), "ana@example.com", "I am not the console")
		w.refused(err, NotSignedIn)
	})
}
