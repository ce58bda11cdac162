package core

import (
	"testing"
	"time"
)

// ASVS 6.2.2, ASVS 6.2.3
func TestChangePassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.signIn("carla")
		s := w.signIn("carla")
		_, _, err := w.ChangePassword(w.ctx(), by(s), "short")
		w.refused(err, PasswordTooShort)
		_, _, err = w.ChangePassword(w.ctx(), by(s), testPassword)
		w.refused(err, PasswordSame)
		fresh, ended, err := w.ChangePassword(w.ctx(), by(s), otherPassword)
		w.ok(err)
		if ended != 1 || w.live(other) || w.live(s) || !w.live(fresh) {
			t.Errorf("%d ended; other %t, old token %t, new token %t", ended, w.live(other), w.live(s), w.live(fresh))
		}
		if w.WhyEnded(w.ctx(), other.Token) != EndedPasswordChanged {
			t.Errorf("the other session says %q", w.WhyEnded(w.ctx(), other.Token))
		}
		if w.events("carla", EventPasswordChanged) != 1 || w.letters("carla", LetterPassword) != 1 {
			t.Error("no event or no letter")
		}
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
		w.refused(err, WrongCredentials)
		w.signsInWith("carla", otherPassword)
		// T-SU-1
		w.clock.advance(stepUpLasts)
		_, _, err = w.ChangePassword(w.ctx(), by(w.now(fresh)), testPassword)
		w.refused(err, StepUpRequired)
		_, _, err = w.ChangePassword(w.ctx(), by(w.signInWithCode("dmitri", 0)), otherPassword)
		w.refused(err, RecoverySession)
		_, _, err = w.ChangePassword(w.ctx(), Nobody(testOrigin), otherPassword)
		w.refused(err, NotSignedIn)
	})
}

// seen is a session as the next request finds it.
func (w *world) now(s *Session) *Session {
	w.t.Helper()
	now, err := w.Session(w.ctx(), s.Token)
	w.ok(err)
	return now
}

// R13: who is warned has to choose a new password at the next sign-in, after the
// second step and before anything else.
//
// NIST 3.1.1.2(6), R13
func TestR13NewPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		before := w.signIn("carla")
		demand := func(name string) {
			w.ok(w.keepCount(w.ctx(), func(t *tx) error {
				u, err := t.lockUser(w.cast[name].team, w.cast[name].id)
				if err != nil {
					return err
				}
				return t.demandNewPassword(u)
			}))
		}
		demand("carla")
		if w.now(before).Reach != ReachFull {
			t.Error("a session from before is held up: whoever knows the password could do that to anybody")
		}
		w.clock.advance(30 * time.Second)
		in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.code("carla"), false)
		w.ok(err)
		if in.Next != StepPassword || in.Session.Reach != ReachPassword || w.now(in.Session).Reach != ReachPassword {
			t.Fatalf("next is %s with reach %s", in.Next, in.Session.Reach)
		}
		s := by(in.Session)
		for what, err := range map[string]error{
			"step up":     second(w.StepUp(w.ctx(), s, testPassword, w.codeAt("carla", 1))),
			"deactivate":  second(w.DeactivateTwoStep(w.ctx(), s, "", w.cast["carla"].codes[0])),
			"renew codes": second(w.RenewRecoveryCodes(w.ctx(), s)),
			"activate":    second(w.BeginActivation(w.ctx(), s)),
			"end another": second(w.EndSession(w.ctx(), s, before.ID)),
			"end others":  second(w.EndOtherSessions(w.ctx(), s)),
			"e-mail":      w.AskEmailChange(w.ctx(), s, "new@example.com"),
			"forget":      w.ForgetDevice(w.ctx(), s, "none"),
		} {
			if !IsRefusal(err, PasswordChangeRequired) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, _, err = w.ChangePassword(w.ctx(), s, otherPassword)
		w.refused(err, PasswordChangeRequired)
		for _, need := range []Need{NeedActivation, NeedSignedIn, NeedSteppedUp, NeedAdmin, NeedOwner, NeedSteppedUpAdmin, NeedProxy} {
			if r := need.Meets(in.Session, w.Now()); r == nil || r.Code != PasswordChangeRequired {
				t.Errorf("%s: %v", need, r)
			}
		}
		if r := NeedSession.Meets(in.Session, w.Now()); r != nil {
			t.Errorf("a session: %v", r)
		}
		_, err = w.ChooseNewPassword(w.ctx(), s, testPassword)
		w.refused(err, PasswordSame)
		done, err := w.ChooseNewPassword(w.ctx(), s, otherPassword)
		w.ok(err)
		if done.Next != StepSignedIn || done.Session.Reach != ReachFull || w.now(done.Session).Reach != ReachFull || w.live(in.Session) || w.live(before) {
			t.Errorf("next is %s with reach %s; old token %t, earlier session %t", done.Next, done.Session.Reach, w.live(in.Session), w.live(before))
		}
		_, err = w.ChooseNewPassword(w.ctx(), by(done.Session), testPassword)
		w.refused(err, NoPasswordDue)
		if w.signsInWith("carla", otherPassword).Next != StepSecondStep {
			t.Error("the next sign-in")
		}
		// Where 2-step is due, the password comes first and activation after it.
		demand("dmitri")
		_, err = w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["dmitri"].id, goodReason)
		w.ok(err)
		due := w.signsInWith("dmitri", testPassword)
		if due.Next != StepPassword || due.Session.Reach != ReachPassword {
			t.Errorf("next is %s with reach %s", due.Next, due.Session.Reach)
		}
		// But by the mailbox: that sign-in proved what somebody else may know.
		_, err = w.ChooseNewPassword(w.ctx(), by(due.Session), otherPassword)
		w.refused(err, PasswordByLink)
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), w.forgot("dmitri"), otherPassword, "")
		w.ok(err)
		if w.live(due.Session) {
			t.Error("the session behind the old password goes on")
		}
		if due = w.signsInWith("dmitri", otherPassword); due.Next != StepActivation || due.Session.Reach != ReachActivation {
			t.Errorf("%+v", due)
		}
		// A reset satisfies it too, but not with the same password.
		demand("elena")
		form := w.forgot("elena")
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, testPassword, "")
		w.refused(err, PasswordSame)
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, otherPassword, "")
		w.ok(err)
		if in := w.signsInWith("elena", otherPassword); in.Next != StepSignedIn {
			t.Errorf("next is %s", in.Next)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// T-STEP-7, as far as passwords go: every standing, and what it leads to.
//
// T-STEP-7
func TestNextWithPasswordDue(t *testing.T) {
	for _, x := range []struct {
		s    Standing
		want Step
	}{
		{Standing{TwoStep: TwoStepActive, PasswordDue: true}, StepSecondStep},
		{Standing{TwoStep: TwoStepActive, PasswordDue: true, SecondStepProved: true}, StepPassword},
		{Standing{TwoStep: TwoStepOff, PasswordDue: true}, StepPassword},
		{Standing{TwoStep: TwoStepDue, PasswordDue: true}, StepPassword},
		{Standing{TwoStep: TwoStepDue, PasswordDue: true, Closed: true}, StepClosed},
		{Standing{TwoStep: "unknown", PasswordDue: true}, StepPassword},
	} {
		if got := Next(x.s); got != x.want {
			t.Errorf("%+v: %s, want %s", x.s, got, x.want)
		}
	}
}

// "This was not me" must not hand an account over: where nothing but the password is
// asked for, whoever knows it would be first to replace it.
func TestWhoKnowsThePasswordDoesNotReplaceIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.signsInWith("elena", testPassword)
		w.clock.advance(time.Minute)
		_, err := w.BeginSignIn(w.ctx(), Nobody(Origin{Via: ViaPage, Address: "192.0.2.8", Device: chromeOnPhone}), w.cast["elena"].email, testPassword, "") // the thief
		w.ok(err)
		_, err = w.reportNotMe(w.letterTo("elena", LetterNewDevicePassword).NotMe)
		w.ok(err)
		thief := w.signsInWith("elena", testPassword)
		if thief.Next != StepPassword {
			t.Fatalf("next is %s", thief.Next)
		}
		_, err = w.ChooseNewPassword(w.ctx(), by(thief.Session), otherPassword)
		w.refused(err, PasswordByLink)
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), w.forgot("elena"), otherPassword, "")
		w.ok(err)
		if in := w.signsInWith("elena", otherPassword); in.Next != StepSignedIn || w.live(thief.Session) {
			t.Errorf("next is %s, the thief lives on: %t", in.Next, w.live(thief.Session))
		}
	})
}
