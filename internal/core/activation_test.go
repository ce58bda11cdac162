package core

import (
	"testing"
	"time"
)

// NIST 3.1.2.1, NIST 4.1.2.1(more), NIST 4.2.1.1(new)
func TestActivation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
		w.ok(err)
		other, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
		w.ok(err)
		s := by(in.Session)
		a, err := w.BeginActivation(w.ctx(), s)
		w.ok(err)
		m := w.cast["elena"]
		m.key = decodeKey(t, a.Key)
		w.cast["elena"] = m
		// A wrong code keeps the key and the QR code.
		_, err = w.ConfirmActivation(w.ctx(), s, a.ID, w.codeAt("elena", 1000))
		w.refused(err, WrongCode)
		same, err := w.CurrentActivation(w.ctx(), s)
		w.ok(err)
		if same.Key != a.Key || same.URI != a.URI || same.ID != a.ID {
			t.Error("a wrong code changed the key")
		}
		for text, want := range map[string]Code{"": CodeEmpty, "123": CodeLength, w.cast["carla"].codes[0]: RecoveryCodeRefused} {
			_, err = w.ConfirmActivation(w.ctx(), s, a.ID, text)
			w.refused(err, want)
		}
		_, err = w.FinishActivation(w.ctx(), s, a.ID, true)
		w.refused(err, ActivationNotProved)
		// Not active yet, until Finish: a sign-in asks for no second step.
		confirmed, err := w.ConfirmActivation(w.ctx(), s, a.ID, w.code("elena"))
		w.ok(err)
		between, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), m.email, testPassword, "")
		w.ok(err)
		if between.Next != StepSignedIn {
			t.Errorf("before Finish: %s", between.Next)
		}
		_, err = w.FinishActivation(w.ctx(), s, a.ID, false)
		w.refused(err, NotSaved)
		again, err := w.ConfirmActivation(w.ctx(), s, a.ID, "000000") // sent twice: the same codes
		w.ok(err)
		if again.Codes[0] != confirmed.Codes[0] {
			t.Error("sent twice, other codes")
		}
		done, err := w.FinishActivation(w.ctx(), s, a.ID, true)
		w.ok(err)
		if w.live(in.Session) || w.live(other.Session) || !w.live(done) || done.SecondStep != SecondStepAuthenticator || done.Reach != ReachFull {
			t.Error("sessions are not as Finish leaves them")
		}
		_, err = w.Session(w.ctx(), other.Session.Token)
		if r := w.refused(err, SessionEnded); r.Reason != EndedActivated {
			t.Errorf("the other session ended because %q", r.Reason)
		}
		_, err = w.FinishActivation(w.ctx(), by(done), a.ID, true)
		w.refused(err, AlreadyActive)
		status, err := w.TwoStepStatus(w.ctx(), by(done))
		w.ok(err)
		if status.State != TwoStepActive || status.RecoveryCodesLeft != 10 || len(status.Authenticators) != 1 || !status.DueBy.IsZero() {
			t.Errorf("%+v", status)
		}
	})
}

func TestActivationWaitsAfterFiveWrongCodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
		w.ok(err)
		a, err := w.BeginActivation(w.ctx(), by(in.Session))
		w.ok(err)
		for range freeTries {
			_, err = w.ConfirmActivation(w.ctx(), by(in.Session), a.ID, "000000")
			w.refused(err, WrongCode)
		}
		_, err = w.ConfirmActivation(w.ctx(), by(in.Session), a.ID, "000000")
		if r := w.refused(err, TooManyTries); r.RetryAfter != 30*time.Second {
			t.Errorf("told to wait %s", r.RetryAfter)
		}
	})
}

// Two Finish at once: one wins, and there is one app and one set of codes.
func TestFinishAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, a := w.confirmed("elena")
		won, _ := race(20, func(int) error {
			_, err := w.FinishActivation(w.ctx(), by(s), a.ID, true)
			return err
		})
		if won != 1 {
			t.Errorf("%d finished, want 1", won)
		}
		if n := w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1`, w.cast["elena"].id); n != 10 {
			t.Errorf("%d recovery codes, want 10", n)
		}
	})
}
