package core

import (
	"testing"
	"time"
)

// changesEmail asks for an address and confirms it, and returns the undo link.
func (w *world) changesEmail(name, to string) (undo string) {
	w.t.Helper()
	w.ok(w.AskEmailChange(w.ctx(), by(w.signIn(name)), to))
	token := w.linkTo(to, LetterEmailConfirm)
	_, err := w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), token)
	w.ok(err)
	m := w.cast[name]
	before := m.email
	m.email = to
	w.cast[name] = m
	return w.linkTo(before, LetterEmailChanged)
}

// ASVS 6.3.7, T-RESET-2, T-RESET-3
func TestEmailChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const to = "carla.nueva@example.org"
		from := w.cast["carla"].email
		s := w.signIn("carla")
		reset := w.forgot("carla")
		w.refused(w.AskEmailChange(w.ctx(), by(s), "no address"), EmailInvalid)
		w.refused(w.AskEmailChange(w.ctx(), by(s), from), EmailSame)
		w.ok(w.AskEmailChange(w.ctx(), by(s), to))
		if w.letters("carla", LetterEmailAsked) != 1 {
			t.Error("the present address was not told")
		}
		w.signsInWith("carla", testPassword) // nothing changed yet
		token := w.linkTo(to, LetterEmailConfirm)
		for range 2 { // opening consumes nothing
			form, err := w.OpenEmailLink(w.ctx(), token)
			w.ok(err)
			if f, err := w.EmailForm(w.ctx(), form); err != nil || f.From != from || f.To != to {
				t.Errorf("%+v %v", f, err)
			}
		}
		form, err := w.OpenEmailLink(w.ctx(), token)
		w.ok(err)
		won, _ := race(6, func(int) error {
			_, err := w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), form)
			return err
		})
		if won != 1 || w.events("carla", EventEmailChanged) != 1 {
			t.Errorf("one link confirmed %d times", won)
		}
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), from, testPassword, "")
		w.refused(err, WrongCredentials)
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), to, testPassword, "")
		w.ok(err)
		_, err = w.ResetForm(w.ctx(), reset)
		w.refused(err, LinkGone) // T-RESET-3: it went to the address before
		if w.now(s).User.Email != to {
			t.Errorf("the session shows %s", w.now(s).User.Email)
		}
		// Found by the new address and not by the old one.
		ana := by(w.signIn("ana"))
		for query, want := range map[string]int{"carla.nueva": 1, "example.org": 1, "carla@example.com": 0} {
			p, err := w.People(w.ctx(), ana, PeopleFilter{Query: query})
			w.ok(err)
			if len(p.Items) != want {
				t.Errorf("%s finds %d", query, len(p.Items))
			}
		}
		if w.linkTo(from, LetterEmailChanged) == "" {
			t.Error("the address before got no way back")
		}
	})
}

// Whoever has the mailbox before it takes the change back, for 72 hours, and gains
// nothing by it.
func TestEmailUndo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := w.cast["carla"].email
		undo := w.changesEmail("carla", "thief@example.org")
		again := w.changesEmail("carla", "thief2@example.org")
		s := w.signIn("carla")
		w.ok(w.AskEmailChange(w.ctx(), by(s), "thief3@example.org"))
		pending := w.linkTo("thief3@example.org", LetterEmailConfirm)
		// The address cannot be taken by somebody else meanwhile, by invitation or by a change.
		_, err := w.AddUser(w.ctx(), Console("test"), NewUser{Email: from, Name: "Thief", Role: RoleMember, Team: "Northwind", Password: otherPassword})
		w.refused(err, EmailTaken)
		w.ok(w.AskEmailChange(w.ctx(), by(w.signIn("dmitri")), from))
		if w.letters("dmitri", LetterEmailConfirm) != 0 || w.letters("dmitri", LetterEmailTaken) != 1 {
			t.Error("an address that can be taken back was offered to somebody else")
		}
		w.clock.advance(undoLinkLasts - 10*time.Minute)
		form, err := w.OpenUndoLink(w.ctx(), undo)
		w.ok(err)
		if f, err := w.UndoForm(w.ctx(), form); err != nil || f.From != from {
			t.Errorf("%+v %v", f, err)
		}
		s = w.signIn("carla")
		won, _ := race(6, func(int) error {
			_, err := w.UndoEmailChange(w.ctx(), Nobody(testOrigin), form)
			return err
		})
		if won != 1 {
			t.Errorf("taken back %d times", won)
		}
		if w.live(s) || w.WhyEnded(w.ctx(), s.Token) != EndedEmailUndone {
			t.Error("a session lives on")
		}
		_, err = w.UndoEmailChange(w.ctx(), Nobody(testOrigin), again)
		w.refused(err, LinkGone) // the later change went with the earlier one
		_, err = w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), pending)
		w.refused(err, LinkGone)
		m := w.cast["carla"]
		m.email = from
		w.cast["carla"] = m
		in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.codeAt("carla", 1), false)
		w.ok(err)
		if in.Next != StepPassword {
			t.Errorf("next is %s", in.Next)
		}
		if w.events("carla", EventEmailUndone) != 1 || w.letters("carla", LetterEmailUndone) != 2 {
			t.Error("not one event, or not both addresses told")
		}
		// T-RESET-2: after 72 hours it is over, and the address is free.
		undo = w.changesEmail("dmitri", "dmitri2@example.org")
		w.clock.advance(undoLinkLasts)
		_, err = w.UndoEmailChange(w.ctx(), Nobody(testOrigin), undo)
		w.refused(err, LinkGone)
		_, err = w.AddUser(w.ctx(), Console("test"), NewUser{Email: "dmitri@example.com", Name: "Another", Role: RoleMember, Team: "Northwind", Password: otherPassword})
		w.ok(err)
	})
}

// T-SU-7: the row of a link carries the address that it confirms; two changes at once
// never confirm each other's.
//
// T-SU-7
func TestEmailLinksCarryTheirAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		w.ok(w.AskEmailChange(w.ctx(), by(s), "first@example.org"))
		first := w.linkTo("first@example.org", LetterEmailConfirm)
		w.ok(w.AskEmailChange(w.ctx(), by(s), "second@example.org"))
		second := w.linkTo("second@example.org", LetterEmailConfirm)
		_, err := w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), first)
		w.refused(err, LinkGone)
		email, err := w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), second)
		w.ok(err)
		if email != "second@example.org" {
			t.Errorf("the second link confirmed %s", email)
		}
	})
}

// T-ENUM: an address that is somebody's is answered like any other, and the letter
// to it says so. T-SU-1, R15: who may ask.
//
// ASVS 7.5.1, T-SU-1, R15
func TestWhoMayAskForAnAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		statements := 0
		for i, email := range []string{"free@example.org", w.cast["zoe"].email, w.cast["dmitri"].email} {
			w.fault.arm(0)
			w.ok(w.AskEmailChange(w.ctx(), by(s), email))
			if ran := w.fault.disarm(); i == 0 {
				statements = ran
			} else if ran != statements {
				t.Errorf("%s: %d statements, want %d", email, ran, statements)
			}
		}
		if w.letters("carla", LetterEmailTaken) != 2 || w.letters("carla", LetterEmailConfirm) != 1 || w.letters("zoe", LetterEmailTaken) != 0 {
			t.Error("the letters")
		}
		for range emailAsksAPerson - 3 {
			w.ok(w.AskEmailChange(w.ctx(), by(s), "free@example.org"))
		}
		if r := w.refused(w.AskEmailChange(w.ctx(), by(s), "free@example.org"), TooManyTries); r.RetryAfter <= 0 {
			t.Error("no wait is told")
		}
		w.refused(w.AskEmailChange(w.ctx(), by(w.signInWithCode("dmitri", 0)), "x@example.org"), RecoverySession)
		w.clock.advance(stepUpLasts)
		w.refused(w.AskEmailChange(w.ctx(), by(w.now(s)), "x@example.org"), StepUpRequired)
		// Contained after a restart, also when the link is older than it.
		b := w.signIn("dmitri")
		w.ok(w.AskEmailChange(w.ctx(), by(b), "dmitri2@example.org"))
		older := w.linkTo("dmitri2@example.org", LetterEmailConfirm)
		_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["dmitri"].id, goodReason)
		w.ok(err)
		_, err = w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), older)
		w.refused(err, LinkGone)
		in, a := w.confirmed("dmitri")
		fresh, err := w.FinishActivation(w.ctx(), by(in), a.ID, true)
		w.ok(err)
		w.refused(w.AskEmailChange(w.ctx(), by(fresh), "dmitri2@example.org"), Contained)
	})
}

func TestEmailChangeIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ok(w.AskEmailChange(w.ctx(), by(w.signIn("carla")), "carla2@example.org"))
		form, err := w.OpenEmailLink(w.ctx(), w.linkTo("carla2@example.org", LetterEmailConfirm))
		w.ok(err)
		w.everyStatement(func() error {
			_, err := w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), form)
			return err
		})
		form, err = w.OpenUndoLink(w.ctx(), w.linkTo("carla@example.com", LetterEmailChanged))
		w.ok(err)
		w.everyStatement(func() error {
			_, err := w.UndoEmailChange(w.ctx(), Nobody(testOrigin), form)
			return err
		})
	})
}

// What was asked for behind the password alone does not happen after 2-step was
// activated, nor what was asked for before a suspension after it.
func TestEmailLinksAreOvertaken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thief := w.signsInWith("elena", testPassword).Session
		w.ok(w.AskEmailChange(w.ctx(), by(thief), "thief@example.org"))
		token := w.linkTo("thief@example.org", LetterEmailConfirm)
		if _, err := w.OpenEmailLink(w.ctx(), token); err != nil {
			t.Fatal(err)
		}
		m := w.cast["elena"]
		w.activateFrom(w.signsInWith("elena", testPassword).Session, &m, testOrigin)
		_, err := w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), token)
		w.refused(err, LinkGone)
		suspended, active := StatusSuspended, StatusActive
		w.ok(w.AskEmailChange(w.ctx(), by(w.signIn("carla")), "thief@example.org"))
		token = w.linkTo("thief@example.org", LetterEmailConfirm)
		if _, err := w.OpenEmailLink(w.ctx(), token); err != nil {
			t.Fatal(err)
		}
		for _, status := range []*Status{&suspended, &active} {
			_, err = w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, UserChange{Status: status})
			w.ok(err)
			w.clock.advance(time.Minute)
		}
		_, err = w.ConfirmEmailChange(w.ctx(), Nobody(testOrigin), token)
		w.refused(err, LinkGone)
	})
}
