package core

import (
	"testing"
	"time"
)

// Group E of the attacks, as far as it has no place beside the rules: R8, activation
// and links.

// T-SU-2: a session keeps what was proved and when. Only a real use of an
// authenticator counts: no link, no recovery code, no remembered device does.
//
// NIST 2.2.1, T-SU-2, R8
func TestOnlyAnAuthenticatorStepsUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.remembering()
		stored := func(what string, s *Session, kind SecondStep, at time.Time) {
			t.Helper()
			if n := w.count(`SELECT COUNT(*) FROM sessions WHERE id = $1 AND second_step = $2 AND second_step_at = $3`, s.ID, string(kind), ms(at)); n != 1 {
				t.Errorf("%s: the session's row does not say %s at %s", what, kind, at)
			}
		}
		app := w.signIn("carla")
		stored("with the app", app, SecondStepAuthenticator, w.Now())
		w.clock.advance(11 * time.Minute)
		up, err := w.StepUp(w.ctx(), by(app), testPassword, w.code("carla"))
		w.ok(err)
		stored("after a step-up", up, SecondStepAuthenticator, w.Now())
		if !up.PasswordAt.Equal(w.Now()) || !up.StepUpUntil(w.Now()).Equal(w.Now().Add(stepUpLasts)) {
			t.Errorf("it counts from %s until %s", up.PasswordAt, up.StepUpUntil(w.Now()))
		}

		paper := w.signInWithCode("carla", 0)
		stored("with a recovery code", paper, SecondStepRecoveryCode, time.Time{})
		device := w.on("carla", w.remember("carla").Token).Session
		stored("on a remembered device", device, SecondStepNone, time.Time{})
		form := w.forgot("carla")
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, otherPassword, w.codeAt("carla", 1))
		w.ok(err)
		if n := w.count(`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at = 0`, w.cast["carla"].id); n != 0 {
			t.Errorf("a link and a code opened %d sessions", n)
		}
		for what, s := range map[string]*Session{"a recovery code": paper, "a remembered device": device} {
			if !s.StepUpUntil(w.Now()).IsZero() || NeedSteppedUp.Meets(s, w.Now()) == nil {
				t.Errorf("%s counts as a step-up", what)
			}
		}
	})
}

// T-SU-4: nothing that leads to an activation touches an authenticator that is
// confirmed. Where there is one, nothing begins; where there is none, Finish alone
// makes one, and of two that were begun the one that was finished stays.
//
// T-SU-4
func TestActivationTouchesNoAuthenticator(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, before := by(w.signIn("carla")), w.snapshot("users", "sessions") // users: the lock's version
		_, err := w.BeginActivation(w.ctx(), s)
		w.refused(err, AlreadyActive)
		_, err = w.CurrentActivation(w.ctx(), s)
		w.refused(err, AlreadyActive)
		_, err = w.ConfirmActivation(w.ctx(), s, "none", w.codeAt("carla", 1))
		w.refused(err, AlreadyActive)
		_, err = w.FinishActivation(w.ctx(), s, "none", true)
		w.refused(err, AlreadyActive)
		if after := w.snapshot("users", "sessions"); after != before {
			t.Errorf("something was changed: %s", difference(before, after))
		}

		first, begun := w.confirmed("elena")
		if n := w.count(`SELECT COUNT(*) FROM authenticators WHERE user_id = $1`, w.cast["elena"].id); n != 0 {
			t.Errorf("%d authenticators before Finish", n)
		}
		second := w.signsInWith("elena", testPassword).Session
		_, err = w.FinishActivation(w.ctx(), by(first), begun.ID, true)
		w.ok(err)
		key := w.sealedKey("elena")
		_, err = w.BeginActivation(w.ctx(), by(second))
		w.refused(err, SessionEnded)
		if string(w.sealedKey("elena")) != string(key) {
			t.Error("another device took the authenticator's place")
		}
	})
}

// T-SU-5, of links: a form that was opened in time does nothing once its link is
// over, though the form itself would still hold. No chore has run.
//
// ASVS 9.2.1, NIST 4.4, T-SU-5
func TestLinksAreOverAtTheEndToo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		someone := Nobody(testOrigin)
		for _, c := range []struct {
			name   string
			lasts  time.Duration
			token  func() string
			open   func(token string) (form string, err error)
			finish func(form string) error
		}{
			{
				"invitation", invitationLasts,
				func() string {
					w.emptyOutbox()
					w.invites(w.signIn("ana"), "nora@example.com", RoleMember)
					return w.linkTo("nora@example.com", LetterInvite)
				},
				func(token string) (string, error) { return w.OpenPasswordLink(w.ctx(), token) },
				func(form string) error {
					_, err := w.SetFirstPassword(w.ctx(), someone, form, "Nora", otherPassword)
					return err
				},
			},
			{
				"forgotten password", resetLinkLasts,
				func() string {
					w.ok(w.AskPasswordReset(w.ctx(), someone, w.cast["carla"].email))
					return w.linkTo(w.cast["carla"].email, LetterPasswordLink)
				},
				func(token string) (string, error) { return w.OpenResetLink(w.ctx(), token) },
				func(form string) error {
					_, err := w.SetForgottenPassword(w.ctx(), someone, form, otherPassword, w.code("carla"))
					return err
				},
			},
			{
				"new address", emailLinkLasts,
				func() string {
					w.ok(w.AskEmailChange(w.ctx(), by(w.signIn("dmitri")), "new@example.org"))
					return w.linkTo("new@example.org", LetterEmailConfirm)
				},
				func(token string) (string, error) { return w.OpenEmailLink(w.ctx(), token) },
				func(form string) error { _, err := w.ConfirmEmailChange(w.ctx(), someone, form); return err },
			},
			{
				"address taken back", undoLinkLasts,
				func() string { return w.changesEmail("olga", "olga2@example.org") },
				func(token string) (string, error) { return w.OpenUndoLink(w.ctx(), token) },
				func(form string) error { _, err := w.UndoEmailChange(w.ctx(), someone, form); return err },
			},
			{
				"second address", notifyLinkLasts,
				func() string { return w.asked(w.signIn("carla"), "second@example.net") },
				func(token string) (string, error) { return w.OpenNotificationLink(w.ctx(), token) },
				func(form string) error { _, err := w.ConfirmNotificationAddress(w.ctx(), someone, form); return err },
			},
		} {
			token := c.token()
			w.clock.advance(c.lasts - time.Minute)
			form, err := c.open(token)
			if err != nil || token == "" {
				t.Fatalf("%s: opened a minute before the end: %v", c.name, err)
			}
			w.clock.advance(time.Minute)
			before := w.snapshot("throttles", "audit_events", "users") // a code that is compared first is counted
			if _, err := c.open(token); !IsRefusal(err, LinkGone) {
				t.Errorf("%s: opened after the end: %v", c.name, err)
			}
			if err := c.finish(form); !IsRefusal(err, LinkGone) {
				t.Errorf("%s: finished after the end: %v", c.name, err)
			}
			if after := w.snapshot("throttles", "audit_events", "users"); after != before {
				t.Errorf("%s: something was changed: %s", c.name, difference(before, after))
			}
		}
	})
}
