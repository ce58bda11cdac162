package core

import (
	"testing"
	"time"
)

// remembering lets Northwind remember devices for two weeks.
func (w *world) remembering() *Session {
	w.t.Helper()
	ana := w.signIn("ana")
	_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{RememberDevices: ptr(14 * day)})
	w.ok(err)
	return ana
}

// remember signs in and asks to be remembered.
func (w *world) remember(name string) *RememberedDevice {
	w.t.Helper()
	w.clock.advance(30 * time.Second)
	in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt(name), w.code(name), true)
	w.ok(err)
	if in.Remembered == nil {
		w.t.Fatal("not remembered")
	}
	return in.Remembered
}

// on signs in with the password on a device.
func (w *world) on(name, device string) *SignIn {
	w.t.Helper()
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, testPassword, device)
	w.ok(err)
	return in
}

// NIST 5.1(remember), T-STEP-8
func TestRememberedDevice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// Off by default, however much it is asked for.
		w.clock.advance(30 * time.Second)
		in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.code("carla"), true)
		w.ok(err)
		if in.Remembered != nil || w.count(`SELECT COUNT(*) FROM devices`) != 0 {
			t.Fatal("remembered although the policy does not allow it")
		}
		w.remembering()
		if a, err := w.Attempt(w.ctx(), w.attempt("carla")); err != nil || a.RememberFor != 14*day {
			t.Errorf("the page is told %+v, %v", a, err)
		}
		// A recovery code remembers nothing.
		in, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.cast["carla"].codes[0], true)
		w.ok(err)
		if in.Remembered != nil {
			t.Fatal("a recovery code made a remembered device")
		}
		d := w.remember("carla")
		if w.letters("carla", LetterDeviceRemembered) != 1 || w.events("carla", EventDeviceRemembered) != 1 {
			t.Error("the person is not told of the device")
		}
		for range 3 {
			in := w.on("carla", d.Token)
			if in.Next != StepSignedIn || in.Session == nil || in.Session.SecondStep != SecondStepNone || !in.Session.Remembered || in.Remembered == nil || in.Remembered.Token == d.Token {
				t.Fatalf("on the device: %+v", in)
			}
			// It proves the password alone: nothing that needs a step-up.
			if !in.Session.StepUpUntil(w.Now()).IsZero() {
				t.Error("a remembered device counts as a step-up")
			}
			_, err := w.RenewRecoveryCodes(w.ctx(), by(in.Session))
			w.refused(err, StepUpRequired)
			d = in.Remembered
		}
		// Somebody else's password does not go with it, nor another person's device with this one.
		if in := w.on("dmitri", d.Token); in.Next != StepSecondStep || in.Remembered != nil {
			t.Errorf("another person on the device: %+v", in)
		}
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, "wrong", d.Token)
		w.refused(err, WrongCredentials)
		for _, bad := range []string{"", "x", d.Token + "A", d.Token[:42]} {
			if in := w.on("carla", bad); in.Next != StepSecondStep {
				t.Errorf("device %q: %s", bad, in.Next)
			}
		}
		s := w.on("carla", d.Token)
		list, err := w.Devices(w.ctx(), by(s.Session))
		w.ok(err)
		if len(list) != 1 || list[0].Device != testOrigin.Device || !list[0].ExpiresAt.Equal(d.ExpiresAt) {
			t.Fatalf("list: %+v", list)
		}
		w.refused(w.ForgetDevice(w.ctx(), by(w.signIn("dmitri")), list[0].ID), Missing)
		w.ok(w.ForgetDevice(w.ctx(), by(s.Session), list[0].ID))
		w.refused(w.ForgetDevice(w.ctx(), by(s.Session), list[0].ID), Missing)
		if in := w.on("carla", s.Remembered.Token); in.Next != StepSecondStep {
			t.Error("a forgotten device still skips the second step")
		}
		if !w.live(s.Session) {
			t.Error("forgetting a device ended a session")
		}
	})
}

// A token that was used before comes from a copy: the device is forgotten, what it
// opened ends, and the person is told. T-SESS-6, as far as there are such families of
// tokens: whoever copied one may have been the first to use it.
//
// ASVS 16.3.3, T-SESS-6
func TestRememberedDeviceUsedTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.remembering()
		own := w.signIn("carla")
		stolen := w.remember("carla")
		thief := w.on("carla", stolen.Token)
		next := thief.Remembered
		if in := w.on("carla", stolen.Token); in.Next != StepSecondStep || w.events("carla", EventDeviceReused) != 0 {
			t.Error("a form that was sent twice is taken for a theft, or for a sign-in")
		}
		w.clock.advance(sentTwice)
		if in := w.on("carla", stolen.Token); in.Next != StepSecondStep {
			t.Fatal("a spent token skips the second step")
		}
		if in := w.on("carla", next.Token); in.Next != StepSecondStep {
			t.Error("after a copy was seen the device goes on")
		}
		if w.live(thief.Session) || w.WhyEnded(w.ctx(), thief.Session.Token) != EndedDeviceReused || !w.live(own) {
			t.Error("what the device opened lives on, or more was ended")
		}
		if w.letters("carla", LetterDeviceReused) != 1 || w.events("carla", EventDeviceReused) != 1 {
			t.Error("nobody was told")
		}
		// At once: one sign-in at most gets through with one token.
		d := w.remember("carla")
		won, _ := race(10, func(int) error {
			in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, d.Token)
			if err == nil && in.Next != StepSignedIn {
				return refuse(AttemptOver)
			}
			return err
		})
		if won != 1 {
			t.Errorf("%d sign-ins with one token", won)
		}
	})
}

// After each of these the device asks for the second step again.
//
// P5
func TestRememberedDeviceIsDeadAfterAnyChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.remembering()
		admin, member, suspended, active := RoleAdmin, RoleMember, StatusSuspended, StatusActive
		change := func(c UserChange) error {
			_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, c)
			return err
		}
		policy := func(d time.Duration) error {
			_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{RememberDevices: &d})
			return err
		}
		for _, c := range []struct {
			name string
			do   func() error
		}{
			{"role", func() error { return change(UserChange{Role: &admin}) }},
			{"role back", func() error { return change(UserChange{Role: &member}) }},
			{"suspended and back", func() error {
				if err := change(UserChange{Status: &suspended}); err != nil {
					return err
				}
				return change(UserChange{Status: &active})
			}},
			{"new recovery codes", func() error {
				_, err := w.RenewRecoveryCodes(w.ctx(), by(w.signIn("carla")))
				return err
			}},
			{"policy off and on", func() error {
				if err := policy(0); err != nil {
					return err
				}
				return policy(14 * day)
			}},
			{"time", func() error { w.clock.advance(14 * day); ana = w.signIn("ana"); return nil }},
			{"a shorter policy", func() error {
				if err := policy(day); err != nil {
					return err
				}
				w.clock.advance(day)
				ana = w.signIn("ana")
				return nil
			}},
		} {
			d := w.remember("carla")
			ana = w.signIn("ana")
			w.ok(c.do())
			if in := w.on("carla", d.Token); in.Next != StepSecondStep {
				t.Errorf("%s: the device still skips the second step", c.name)
			}
		}
		// A row that somebody forgot to delete is bound to what it was made with.
		d := w.remember("carla")
		if _, err := w.db.Migrations().Exec(`UPDATE authenticators SET id = 'other' WHERE user_id = '` + w.cast["carla"].id + `'`); err != nil {
			t.Fatal(err)
		}
		if in := w.on("carla", d.Token); in.Next != StepSecondStep {
			t.Error("another authenticator: the device still skips the second step")
		}
		// Restart and deactivation count them.
		w.remember("dmitri")
		w.remember("dmitri")
		preview, err := w.RestartPreview(w.ctx(), by(ana), w.cast["dmitri"].id)
		w.ok(err)
		receipt, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["dmitri"].id, goodReason)
		w.ok(err)
		if preview.RememberedDevices != 2 || receipt.RememberedDevicesRemoved != 2 || w.count(`SELECT COUNT(*) FROM devices WHERE user_id = $1`, w.cast["dmitri"].id) != 0 {
			t.Errorf("preview %d, receipt %d", preview.RememberedDevices, receipt.RememberedDevicesRemoved)
		}
	})
}
