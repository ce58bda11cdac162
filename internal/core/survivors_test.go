package core

import (
	"context"
	"sync"
	"testing"
	"time"

	"doorstep/internal/password"
)

// What scripts/mutate broke and no test noticed, until these.

// TestHangingUpAtARecoveryCodeIsCounted: whoever hangs up while the code is hashed has
// tried all the same (R13).
func TestHangingUpAtARecoveryCodeIsCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempt := w.attempt("carla")
		w.hasher = password.NewHasher(w.keys.Pepper, w.keys.PepperID(), 1, 8)
		release, running := make(chan struct{}), make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() { w.ok(w.hasher.Do(w.ctx(), func() { close(running); <-release })) })
		<-running
		cancelled, hangUp := context.WithCancel(w.ctx())
		time.AfterFunc(200*time.Millisecond, hangUp)
		if _, err := w.AcceptSecondStep(cancelled, Nobody(testOrigin), attempt, w.cast["carla"].codes[0], false); err == nil {
			t.Error("signed in after hanging up")
		}
		close(release)
		group.Wait()
		if n := w.count(`SELECT SUM(fails) FROM recovery_code_sets WHERE user_id = $1`, w.cast["carla"].id); n != 1 {
			t.Errorf("%d tries counted, want the one that was hung up on", n)
		}
	})
}

// TestNobodyEndsAnothersSession: the id of a colleague's session, wherever it was seen,
// ends nothing; another team's neither (R7).
func TestNobodyEndsAnothersSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, carla, zoe := w.signIn("ana"), w.signIn("carla"), w.signIn("zoe")
		for whose, s := range map[string]*Session{"a colleague's": ana, "another team's": zoe} {
			if _, err := w.EndSession(w.ctx(), by(carla), s.ID); !IsRefusal(err, Missing) {
				t.Errorf("ending %s session: %v, want not-found", whose, err)
			}
			if !w.live(s) {
				t.Errorf("%s session ended", whose)
			}
		}
		if _, err := w.EndSession(w.ctx(), by(carla), carla.ID); err != nil || w.live(carla) {
			t.Errorf("one's own session: %v", err)
		}
	})
}

// TestStepUpIsAsOldAsTheOlderProof: of password and code the older one counts, whichever
// it is (R8).
func TestStepUpIsAsOldAsTheOlderProof(t *testing.T) {
	now := testStart
	for what, c := range map[string]struct {
		password, code time.Duration // ago
		proved         SecondStep
		state          TwoStep
		left           time.Duration
	}{
		"both fresh":             {time.Minute, time.Minute, SecondStepAuthenticator, TwoStepActive, 9 * time.Minute},
		"an old code":            {time.Minute, 8 * time.Minute, SecondStepAuthenticator, TwoStepActive, 2 * time.Minute},
		"an old password":        {8 * time.Minute, time.Minute, SecondStepAuthenticator, TwoStepActive, 2 * time.Minute},
		"a code that is too old": {time.Minute, 10 * time.Minute, SecondStepAuthenticator, TwoStepActive, 0},
		"a recovery code":        {time.Minute, time.Minute, SecondStepRecoveryCode, TwoStepActive, 0},
		"the password alone":     {time.Minute, time.Hour, SecondStepNone, TwoStepOff, 9 * time.Minute},
	} {
		s := &Session{PasswordAt: now.Add(-c.password), SecondStepAt: now.Add(-c.code), SecondStep: c.proved, User: User{TwoStep: c.state}}
		until := s.StepUpUntil(now)
		if c.left == 0 && !until.IsZero() || c.left != 0 && !until.Equal(now.Add(c.left)) {
			t.Errorf("%s: until %v, want %v from now", what, until, c.left)
		}
	}
}

// TestARecoveryCodesSessionActsOnNobody: not even where no step-up is asked for (R8).
func TestARecoveryCodesSessionActsOnNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla, ana := w.signIn("carla"), w.signInWithCode("ana", 0)
		name := "Somebody Else"
		_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, UserChange{Name: &name})
		w.refused(err, RecoverySession)
		_, err = w.EndUserSessions(w.ctx(), by(ana), w.cast["carla"].id)
		w.refused(err, RecoverySession)
		if !w.live(carla) {
			t.Error("a recovery code's session ended somebody else's")
		}
	})
}

// TestWhoIsSuspendedIsNotSignedIn: also where a session was not ended with it, as by a
// hand in the database.
func TestWhoIsSuspendedIsNotSignedIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		w.exec(`UPDATE users SET status = 'suspended' WHERE id = $1`, w.cast["carla"].id)
		w.Forget()
		if w.live(s) {
			t.Error("somebody suspended is signed in")
		}
		if r := w.refused(w.Watch(w.ctx(), s.Token), SessionEnded); r.Reason != EndedSuspended {
			t.Errorf("the reason is %q", r.Reason)
		}
	})
}

// TestALinkIsUsedOnce asks the guard itself: every link of today has a second one
// behind it, which the next kind may not have (R9).
func TestALinkIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ok(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), w.cast["carla"].email))
		form, err := w.OpenResetLink(w.ctx(), w.linkTo(w.cast["carla"].email, LetterPasswordLink))
		w.ok(err)
		l, err := w.linkByForm(w.read(w.ctx()), purposeReset, form)
		w.ok(err)
		use := func(int) error {
			return w.write(w.ctx(), func(tx *tx) error {
				tx.nothingToRecord()
				return tx.useLink(l)
			})
		}
		won, errs := race(8, use)
		for _, err := range errs {
			w.refused(err, LinkGone)
		}
		if won != 1 {
			t.Errorf("used %d times", won)
		}
		w.refused(use(0), LinkGone)
	})
}

// TestAMailboxAloneSetsNoPassword: also where 2-step was activated between the reading
// of the form and the change (R9).
func TestAMailboxAloneSetsNoPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ok(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), w.cast["carla"].email))
		form, err := w.OpenResetLink(w.ctx(), w.linkTo(w.cast["carla"].email, LetterPasswordLink))
		w.ok(err)
		l, u, err := w.userOfResetForm(w.ctx(), form)
		w.ok(err)
		reset := passwordReset{by: Nobody(testOrigin), link: l, user: u, hash: u.passwordHash}
		w.refused(w.write(w.ctx(), func(tx *tx) error { return reset.set(tx, nil) }), CodeEmpty)
	})
}
