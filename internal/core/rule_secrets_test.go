package core

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"doorstep/internal/seal"
)

// R10: a secret is shown once, to its owner alone.
//
// NIST 3.1.4.2(seal), R10, P6
func TestR10(t *testing.T) {
	t.Run("a row moved to another user does not open", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.exec(`DELETE FROM authenticators WHERE user_id = $1`, w.cast["ana"].id)
			w.exec(`UPDATE authenticators SET user_id = $1 WHERE user_id = $2`, w.cast["ana"].id, w.cast["carla"].id)
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("ana"), w.code("carla"), false)
			if err == nil || Refused(err) != nil {
				t.Errorf("a moved authenticator: %v, want an error that denies", err)
			}
			w.exec(`DELETE FROM recovery_codes WHERE user_id = $1`, w.cast["ana"].id)
			w.exec(`DELETE FROM recovery_code_sets WHERE user_id = $1`, w.cast["ana"].id)
			w.exec(`UPDATE recovery_code_sets SET user_id = $1 WHERE user_id = $2`, w.cast["ana"].id, w.cast["carla"].id)
			w.exec(`UPDATE recovery_codes SET user_id = $1 WHERE user_id = $2`, w.cast["ana"].id, w.cast["carla"].id)
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("ana"), w.cast["carla"].codes[0], false)
			w.refused(err, WrongRecoveryCode)
		})
	})
	t.Run("the database without the keys signs nobody in", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s := w.signIn("carla")
			other := *w.Core
			other.keys = seal.NewKeysForTest()
			if _, err := other.Session(w.ctx(), s.Token); err == nil {
				t.Error("a session opened without the keys")
			}
			attempt := w.attempt("carla")
			if _, err := other.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.code("carla"), false); err == nil {
				t.Error("a second step passed without the keys")
			}
		})
	})
	t.Run("the key is shown to the session that began, until Finish, and to nobody else", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s, a := w.confirmed("elena")
			again, err := w.CurrentActivation(w.ctx(), by(s))
			w.ok(err)
			if again.Key != a.Key || strings.Join(again.Codes, " ") != strings.Join(a.Codes, " ") {
				t.Error("a reload shows another key or other codes")
			}
			other, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
			w.ok(err)
			_, err = w.ConfirmActivation(w.ctx(), by(other.Session), a.ID, "000000")
			w.refused(err, ActivationExpired) // not there, for that session
			theirs, err := w.CurrentActivation(w.ctx(), by(other.Session))
			w.ok(err)
			if theirs.Key == a.Key || theirs.ID == a.ID {
				t.Error("another session sees the key")
			}
			_, err = w.FinishActivation(w.ctx(), by(s), a.ID, true) // the newer one counts
			w.refused(err, ActivationExpired)
			s, a = w.confirmed("elena")
			done, err := w.FinishActivation(w.ctx(), by(s), a.ID, true)
			w.ok(err)
			_, err = w.CurrentActivation(w.ctx(), by(done))
			w.refused(err, AlreadyActive)
			if n := w.count(`SELECT COUNT(*) FROM activations`); n != 0 {
				t.Errorf("%d pending activations left", n)
			}
		})
	})
	t.Run("what owners and admins read holds no secret", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			carla := w.signIn("carla")
			person, err := w.Person(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id)
			w.ok(err)
			text, err := json.Marshal(person)
			w.ok(err)
			rows := w.snapshot()
			for _, secret := range append([]string{carla.Token, testPassword}, w.cast["carla"].codes...) {
				if strings.Contains(string(text), secret) || strings.Contains(rows, secret) {
					t.Errorf("%q stands in an answer or a table", secret)
				}
			}
			if strings.Contains(rows, string(w.cast["carla"].key)) {
				t.Error("a key stands in a table")
			}
		})
	})
	// NIST 4.4, T-SU-5
	t.Run("T-SU-5, of an activation: unfinished, it leaves no trace after an hour", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s, a := w.confirmed("elena")
			w.clock.advance(30 * time.Minute)
			s, err := w.Session(w.ctx(), s.Token) // still there: not idle
			w.ok(err)
			w.clock.advance(30 * time.Minute)
			_, err = w.ConfirmActivation(w.ctx(), by(s), a.ID, w.code("elena"))
			w.refused(err, ActivationExpired)
			_, err = w.FinishActivation(w.ctx(), by(s), a.ID, true)
			w.refused(err, ActivationExpired)
			w.ok(w.Chores(w.ctx()))
			if n := w.count(`SELECT COUNT(*) FROM activations`); n != 0 {
				t.Errorf("%d rows left", n)
			}
			status, err := w.TwoStepStatus(w.ctx(), by(s))
			w.ok(err)
			if status.State != TwoStepOff {
				t.Errorf("state %s", status.State)
			}
		})
	})
	t.Run("renewed codes show until saved, the old set is dead at once", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s := w.signIn("carla")
			old := w.cast["carla"].codes[0]
			codes, err := w.RenewRecoveryCodes(w.ctx(), by(s))
			w.ok(err)
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), old, false)
			w.refused(err, WrongRecoveryCode)
			shown, err := w.ShownRecoveryCodes(w.ctx(), by(s))
			w.ok(err)
			if strings.Join(shown, " ") != strings.Join(codes, " ") {
				t.Error("a reload shows other codes")
			}
			w.refused(w.FinishRecoveryCodes(w.ctx(), by(s), false), NotSaved)
			w.ok(w.FinishRecoveryCodes(w.ctx(), by(s), true))
			shown, err = w.ShownRecoveryCodes(w.ctx(), by(s))
			w.ok(err)
			if shown != nil {
				t.Error("the codes are shown again")
			}
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), codes[0], false)
			w.ok(err)
			if w.letters("carla", LetterCodesNew) != 1 {
				t.Error("no letter")
			}
		})
	})
}

// R12: unknown e-mail, wrong password and suspended look the same, and run the
// same statements. (That they take the same time follows: one hash of the same
// cost in each. Time itself is measured in a benchmark.)
//
// ASVS 6.3.8, T-ENUM-1, R12
func TestR12(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		suspended := StatusSuspended
		_, err := w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["dmitri"].id, UserChange{Status: &suspended})
		w.ok(err)
		var first *Refusal
		for _, c := range []struct{ who, email, password string }{
			{"unknown", "nobody@example.com", testPassword},
			{"wrong password", w.cast["carla"].email, "not the password at all"},
			{"suspended, right password", w.cast["dmitri"].email, testPassword},
			{"suspended, wrong password", "DMITRI@example.com", "not the password at all"},
			{"invited, without a password", w.cast["farid"].email, testPassword},
			{"no address", "", testPassword},
			{"no password", w.cast["bruno"].email, ""},
		} {
			w.fault.arm(0)
			_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), c.email, c.password, "")
			statements := w.fault.disarm()
			r := w.refused(err, WrongCredentials)
			if first == nil {
				first = r
			}
			if c.who != "suspended, wrong password" && r.TriesLeft != first.TriesLeft || r.Field != first.Field || r.Kind() != first.Kind() {
				t.Errorf("%s: %+v differs from %+v", c.who, r, first)
			}
			if statements != 5 {
				t.Errorf("%s: %d statements, want the same 5 for all (charge 2, event 1, commits 2)", c.who, statements)
			}
		}
		// Waiting is the same for an address that nobody owns.
		for _, email := range []string{"nobody@example.com", w.cast["carla"].email} {
			for range freeTries {
				if _, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), email, "not the password at all", ""); IsRefusal(err, TooManyTries) {
					break
				}
			}
			_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), email, testPassword, "")
			if r := w.refused(err, TooManyTries); r.RetryAfter != 30*time.Second {
				t.Errorf("%s: told to wait %s", email, r.RetryAfter)
			}
		}
	})
}

// R14: every security-relevant act leaves an event, with who, when, from where,
// and a letter to the person, from the same transaction.
//
// ASVS 6.3.7, ASVS 16.2.1, ASVS 16.3.1, NIST 4.1, NIST 4.2.3, NIST 4.6, R14, P7
func TestR14(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		member := RoleMember
		suspended, active := StatusSuspended, StatusActive
		ana := w.signIn("ana")
		for _, c := range []struct {
			event  string
			letter LetterKind
			whom   string
			do     func() error
		}{
			{EventRecoveryCodeUsed, LetterCodeUsed, "carla", func() error { w.signInWithCode("carla", 0); return nil }},
			{EventSessionStarted, "", "carla", func() error { w.signIn("carla"); return nil }},
			{EventSessionEnded, "", "carla", func() error { return w.SignOut(w.ctx(), by(w.signIn("carla"))) }},
			{EventSessionsEnded, "", "carla", func() error { _, err := w.EndUserSessions(w.ctx(), by(ana), w.cast["carla"].id); return err }},
			{EventRecoveryCodesMade, LetterCodesNew, "dmitri", func() error { _, err := w.RenewRecoveryCodes(w.ctx(), by(w.signIn("dmitri"))); return err }},
			{EventTwoStepDeactivated, LetterDeactivated, "dmitri", func() error {
				s := w.signIn("dmitri")
				w.clock.advance(30 * time.Second)
				_, err := w.DeactivateTwoStep(w.ctx(), by(s), "", w.code("dmitri"))
				return err
			}},
			{EventTwoStepActivated, LetterActivated, "dmitri", func() error {
				s, a := w.confirmed("dmitri")
				_, err := w.FinishActivation(w.ctx(), by(s), a.ID, true)
				return err
			}},
			{EventTwoStepRestarted, LetterRestarted, "carla", func() error {
				_, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, goodReason)
				return err
			}},
			{EventRoleChanged, LetterRoleChanged, "bruno", func() error {
				_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["bruno"].id, UserChange{Role: &member})
				return err
			}},
			{EventUserSuspended, LetterSuspended, "bruno", func() error {
				_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["bruno"].id, UserChange{Status: &suspended})
				return err
			}},
			{EventUserBroughtBack, LetterBroughtBack, "bruno", func() error {
				_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["bruno"].id, UserChange{Status: &active})
				return err
			}},
			{EventUserRemoved, LetterRemoved, "bruno", func() error { return w.RemoveUser(w.ctx(), by(ana), w.cast["bruno"].id) }},
		} {
			events, letters := w.events(c.whom, c.event), w.letters(c.whom, c.letter)
			w.ok(c.do())
			if got := w.events(c.whom, c.event); got != events+1 {
				t.Errorf("%s: %d events, want one more than %d", c.event, got, events)
			}
			if got := w.letters(c.whom, c.letter); c.letter != "" && got != letters+1 {
				t.Errorf("%s: %d letters %s, want one more than %d", c.event, got, c.letter, letters)
			}
			if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE event = $1 AND via = 'api' AND address = '192.0.2.7' AND device = 'a test' AND at > 0`, c.event); n == 0 {
				t.Errorf("%s: nothing says from where", c.event)
			}
		}
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE event = 'two_step.restarted' AND actor_name = 'Ana' AND reason = $1`, goodReason.Reason); n != 1 {
			t.Error("the restart's event names no actor or reason")
		}
		// A change that records nothing is refused.
		err := w.write(w.ctx(), func(t *tx) error {
			_, err := t.exec(`UPDATE users SET name = 'Nobody' WHERE id = $1`, w.cast["ana"].id)
			return err
		})
		if err != errNothingRecorded { //nolint:errorlint // the very value
			t.Errorf("a change without an event: %v", err)
		}
		if n := w.count(`SELECT COUNT(*) FROM users WHERE name = 'Nobody'`); n != 0 {
			t.Error("and it was not rolled back")
		}
	})
}

func TestLettersAreClaimedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
		w.ok(err)
		got := make(chan Letter, 100)
		race(10, func(int) error {
			letters, err := w.ClaimLetters(w.ctx(), 2)
			for _, l := range letters {
				got <- l
			}
			return err
		})
		close(got)
		seen := map[string]bool{}
		for l := range got {
			if seen[l.ID] {
				t.Errorf("letter %s was claimed twice", l.ID)
			}
			seen[l.ID] = true
		}
		if len(seen) != 3 {
			t.Errorf("%d letters, want 3 (Carla and two owners)", len(seen))
		}
		// A sender that died in between loses none.
		w.clock.advance(2 * letterLease)
		letters, err := w.ClaimLetters(w.ctx(), 10)
		w.ok(err)
		if len(letters) != 3 {
			t.Errorf("%d letters after the lease, want 3", len(letters))
		}
		for _, l := range letters {
			w.ok(w.LetterSent(w.ctx(), l.ID))
		}
		w.clock.advance(2 * letterLease)
		if letters, err = w.ClaimLetters(w.ctx(), 10); err != nil || len(letters) != 0 {
			t.Errorf("%d letters after all were sent (%v)", len(letters), err)
		}
	})
}
