package core

import (
	"strings"
	"testing"
	"time"
)

const otherPassword = "twelve green umbrellas"

// linkTo takes the letters out of the queue and returns the token of the newest of a
// kind to an address, "" for none.
func (w *world) linkTo(address string, kind LetterKind) (token string) {
	w.t.Helper()
	letters, err := w.ClaimLetters(w.ctx(), 100)
	w.ok(err)
	for _, l := range letters {
		w.ok(w.LetterSent(w.ctx(), l.ID))
		if l.Kind == kind && l.Recipient == address {
			token = l.Link[strings.LastIndexByte(l.Link, '/')+1:]
		}
	}
	return token
}

// forgot asks for a link and opens it.
func (w *world) forgot(name string) (form string) {
	w.t.Helper()
	w.ok(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), w.cast[name].email))
	form, err := w.OpenResetLink(w.ctx(), w.linkTo(w.cast[name].email, LetterPasswordLink))
	w.ok(err)
	return form
}

func (w *world) signsInWith(name, pass string) *SignIn {
	w.t.Helper()
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, pass, "")
	w.ok(err)
	return in
}

// J7, R9: a mailbox alone changes nothing where 2-step is active; link and code
// together set the password, end everything that rested on the old one, sign nobody
// in and leave 2-step as it is.
//
// ASVS 6.3.6, ASVS 6.4.3, NIST 3.1.3.1, NIST 4.2.2.2, R9
func TestR9(t *testing.T) {
	t.Run("T-RESET-1, a link and a code", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s, attempt := w.signIn("carla"), w.attempt("carla")
			for range 3 {
				_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, "not the password at all", "")
				w.refused(err, WrongCredentials)
			}
			before := w.snapshot("links", "throttles", "outbox", "audit_events", "users") // users: the lock's version
			form := w.forgot("carla")
			if after := w.snapshot("links", "throttles", "outbox", "audit_events", "users"); after != before {
				t.Errorf("asking and opening changed more than the link: %s", difference(before, after))
			}
			set := func(pass, code string) error {
				_, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, pass, code)
				return err
			}
			w.refused(set(otherPassword, ""), CodeEmpty)
			if r := w.refused(set("short", "12345"), PasswordTooShort); r.Also == nil || r.Also.Code != CodeLength {
				t.Error("one of two mistakes was not told")
			}
			w.refused(set(otherPassword, w.cast["dmitri"].codes[0]), WrongRecoveryCode)
			wrong := w.refused(set(otherPassword, w.codeAt("carla", 40)), WrongCode)
			if !wrong.Counted || wrong.TriesLeft != 4 {
				t.Errorf("a wrong code beside a link: %+v", wrong)
			}
			if w.letters("carla", LetterPasswordSet) != 0 || !w.live(s) {
				t.Error("a refused code changed something")
			}
			w.clock.advance(30 * time.Second)
			w.ok(set(otherPassword, w.code("carla")))
			if w.live(s) {
				t.Error("a session lives on")
			}
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.cast["carla"].codes[0], false)
			w.refused(err, AttemptOver)
			w.refused(set(otherPassword+"!", w.cast["carla"].codes[0]), LinkGone)
			if w.count(`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at = 0`, w.cast["carla"].id) != 0 {
				t.Error("a reset signed somebody in")
			}
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
			w.refused(err, WrongCredentials)
			if in := w.signsInWith("carla", otherPassword); in.Next != StepSecondStep {
				t.Errorf("after a reset the sign-in leads to %s", in.Next)
			}
			if w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at = 0`, w.cast["carla"].id) != 10 ||
				w.count(`SELECT COUNT(*) FROM authenticators WHERE user_id = $1`, w.cast["carla"].id) != 1 {
				t.Error("a reset touched 2-step")
			}
			if w.events("carla", EventPasswordReset) != 1 || w.letters("carla", LetterPasswordSet) != 1 || w.events("carla", EventPasswordResetRefused) != 2 {
				t.Error("no event or no letter")
			}
		})
	})
	t.Run("a recovery code does as well and is used up", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			_, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), w.forgot("carla"), otherPassword, w.cast["carla"].codes[3])
			w.ok(err)
			in := w.signsInWith("carla", otherPassword)
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), in.Attempt, w.cast["carla"].codes[3], false)
			w.refused(err, WrongRecoveryCode)
			if w.letters("carla", LetterCodeUsedReset) != 1 || w.letters("carla", LetterCodeUsed) != 0 {
				t.Error("the letter about the code is missing or tells of a sign-in")
			}
		})
	})
	t.Run("without 2-step the link is enough", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s := w.signsInWith("elena", testPassword).Session
			form := w.forgot("elena")
			if f, err := w.ResetForm(w.ctx(), form); err != nil || f.Code || f.Email != w.cast["elena"].email {
				t.Errorf("%+v %v", f, err)
			}
			_, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, otherPassword, "")
			w.ok(err)
			if w.live(s) || w.signsInWith("elena", otherPassword).Next != StepSignedIn {
				t.Error("the old session lives, or the new password does not work")
			}
		})
	})
	t.Run("a disabled password is set anew, and waits are over", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			for range freeTries {
				_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, "not the password at all", "")
				w.refused(err, WrongCredentials)
			}
			w.exec(`UPDATE users SET password_hash = '', password_due = TRUE WHERE id = $1`, w.cast["carla"].id)
			_, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), w.forgot("carla"), otherPassword, w.code("carla"))
			w.ok(err)
			in := w.signsInWith("carla", otherPassword)
			w.clock.advance(30 * time.Second)
			if in, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), in.Attempt, w.code("carla"), false); err != nil || in.Next != StepSignedIn {
				t.Errorf("%+v %v", in, err)
			}
		})
	})
}

// J7's last sentence: who lost both has a restart first, then this, then activation.
func TestResetAfterRestart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		older := w.forgot("carla")
		_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
		w.ok(err)
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), older, otherPassword, "")
		w.refused(err, LinkGone) // T-RESET-3: it was sent when a code was asked for too
		_, err = w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), w.forgot("carla"), otherPassword, "")
		w.ok(err)
		if in := w.signsInWith("carla", otherPassword); in.Next != StepActivation {
			t.Errorf("next is %s", in.Next)
		}
	})
}

// NIST 4.2.1.2, NIST 4.4, T-RESET-1, T-RESET-2, T-RESET-3, T-RESET-5
func TestResetLinks(t *testing.T) {
	t.Run("T-RESET-1, T-RESET-2, T-RESET-3, T-RESET-5", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			ask := func(name string) string {
				w.ok(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), w.cast[name].email))
				return w.linkTo(w.cast[name].email, LetterPasswordLink)
			}
			gone := func(what, token string) {
				t.Helper()
				if _, err := w.OpenResetLink(w.ctx(), token); !IsRefusal(err, LinkGone) {
					t.Errorf("%s: opening gives %v", what, err)
				}
				if _, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), token, otherPassword, w.cast["carla"].codes[0]); !IsRefusal(err, LinkGone) {
					t.Errorf("%s: setting gives %v", what, err)
				}
			}
			for _, token := range []string{"", " ", "\x00", "NULL", "null", ".", "..", "a.1.b.c", strings.Repeat("A", 43), strings.Repeat("A", 100000)} {
				gone("T-RESET-5 "+cut(token, 20), token)
			}
			older := ask("carla")
			newer := ask("carla")
			gone("T-RESET-3, a newer link", older)
			for range 3 { // opening consumes nothing
				_, err := w.OpenResetLink(w.ctx(), newer)
				w.ok(err)
			}
			form, err := w.OpenResetLink(w.ctx(), newer)
			w.ok(err)
			w.clock.advance(formLasts)
			if _, err := w.ResetForm(w.ctx(), form); !IsRefusal(err, LinkGone) || Refused(err).Args["form"] == nil {
				t.Errorf("an old form: %v", err)
			}
			w.clock.advance(resetLinkLasts - formLasts - time.Millisecond)
			_, err = w.OpenResetLink(w.ctx(), newer)
			w.ok(err)
			w.clock.advance(time.Millisecond)
			gone("T-RESET-2, after an hour", newer)

			token := ask("carla")
			_, _, err = w.ChangePassword(w.ctx(), by(w.signIn("carla")), otherPassword+" 2")
			w.ok(err)
			gone("T-RESET-3, the password was changed", token)
			// A link of one purpose does nothing for another.
			token = ask("carla")
			for _, open := range []func() error{
				func() error { _, err := w.OpenPasswordLink(w.ctx(), token); return err },
				func() error { _, err := w.OpenEmailLink(w.ctx(), token); return err },
				func() error { _, err := w.OpenUndoLink(w.ctx(), token); return err },
				func() error { _, err := w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), token); return err },
			} {
				w.refused(open(), LinkGone)
			}
			suspended := StatusSuspended
			_, err = w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, UserChange{Status: &suspended})
			w.ok(err)
			gone("of somebody suspended", token)
		})
	})
}

// T-ENUM-1, R12: whoever asks learns of no account, from the answer or from what it
// costs; nobody is written to who may not have a link.
//
// ASVS 6.3.8, T-ENUM-1, R12
func TestAskingIsTheSameForEveryAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		suspended := StatusSuspended
		_, err := w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["dmitri"].id, UserChange{Status: &suspended})
		w.ok(err)
		statements := 0
		for i, email := range []string{w.cast["carla"].email, "nobody@example.com", w.cast["dmitri"].email, w.cast["farid"].email, w.cast["elena"].email} {
			for n := range resetLinksAPerson + 1 {
				w.fault.arm(0)
				w.ok(w.AskPasswordReset(w.ctx(), Nobody(Origin{Via: ViaAPI, Address: email}), email))
				ran := w.fault.disarm()
				if i == 0 && n == 0 {
					statements = ran
				}
				if within := n < resetLinksAPerson; within && ran != statements {
					t.Errorf("%s: %d statements, want the same %d for all", email, ran, statements)
				}
			}
		}
		for name, want := range map[string]int{"carla": resetLinksAPerson, "elena": resetLinksAPerson, "dmitri": 0, "farid": 0} {
			if got := w.letters(name, LetterPasswordLink); got != want {
				t.Errorf("%s: %d letters, want %d", name, got, want)
			}
		}
		if n := w.count(`SELECT COUNT(*) FROM outbox WHERE kind = 'pwlink'`); n != 2*resetLinksAPerson {
			t.Errorf("%d letters in all", n)
		}
		w.refused(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), "not an address"), EmailInvalid)
		// The last link stays good although more were asked for.
		token := w.linkTo(w.cast["carla"].email, LetterPasswordLink)
		_, err = w.OpenResetLink(w.ctx(), token)
		w.ok(err)
	})
}

func TestAskingIsBoundedByAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range resetAsksAnAddress {
			w.ok(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), "nobody@example.com"))
		}
		if r := w.refused(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), w.cast["carla"].email), TooManyTries); r.RetryAfter != time.Hour {
			t.Errorf("told to wait %s", r.RetryAfter)
		}
		w.ok(w.AskPasswordReset(w.ctx(), Nobody(Origin{Address: "192.0.2.99"}), w.cast["carla"].email))
		w.clock.advance(time.Hour)
		w.ok(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), w.cast["carla"].email))
	})
}

// One link sets one password, whatever comes at once.
func TestResetLinkIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		form := w.forgot("carla")
		won, errs := race(8, func(i int) error {
			_, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, otherPassword, w.cast["carla"].codes[i])
			return err
		})
		if won != 1 {
			t.Errorf("one link set %d passwords", won)
		}
		for _, err := range errs {
			if !IsRefusal(err, LinkGone) && !IsRefusal(err, RecoveryWait) && !IsRefusal(err, ServerBusy) {
				t.Errorf("a loser heard %v", err)
			}
		}
		if n := w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at <> 0`, w.cast["carla"].id); n != 1 {
			t.Errorf("%d codes were used up, want one", n)
		}
		if w.events("carla", EventPasswordReset) != 1 {
			t.Error("not one event")
		}
	})
}

// Whichever statement fails, nothing was changed.
//
// ASVS 2.3.3
func TestResetIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.signIn("carla")
		form := w.forgot("carla")
		w.everyStatement(func() error {
			w.exec(`UPDATE recovery_code_sets SET fails = 0, next_try_at = 0`)
			_, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, otherPassword, w.cast["carla"].codes[0])
			return err
		}, "recovery_code_sets")
	})
}
