package core

import (
	"sync"
	"testing"
	"time"

	"doorstep/internal/password"
)

// One attempt opens one session, whatever codes come with it.
//
// P1
func TestAttemptOpensOneSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempt := w.attempt("carla")
		won, errs := race(10, func(i int) error {
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.cast["carla"].codes[i], false)
			return err
		})
		if won != 1 {
			t.Errorf("one attempt opened %d sessions", won)
		}
		for _, err := range errs {
			if !IsRefusal(err, AttemptOver) && !IsRefusal(err, RecoveryWait) {
				t.Errorf("a loser heard %v", err)
			}
		}
		if n := w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at <> 0`, w.cast["carla"].id); n != 1 {
			t.Errorf("%d codes were used up, want the one that signed in", n)
		}
		if n := w.count(`SELECT fails FROM recovery_code_sets WHERE user_id = $1`, w.cast["carla"].id); n != 0 {
			t.Errorf("%d failures counted of right codes", n)
		}
		_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.code("carla"), false)
		w.ok(err)
	})
}

func TestAttemptExpires(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempt := w.attempt("carla")
		w.clock.advance(15*time.Minute - time.Second)
		_, err := w.Attempt(w.ctx(), attempt)
		w.ok(err)
		w.clock.advance(time.Second)
		_, err = w.Attempt(w.ctx(), attempt)
		w.refused(err, AttemptOver)
		_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.code("carla"), false)
		w.refused(err, AttemptOver)
		for _, token := range []string{"", "x", attempt + "A"} {
			_, err = w.Attempt(w.ctx(), token)
			w.refused(err, AttemptOver)
		}
	})
}

// A password that is replaced while the old one is being compared opens nothing.
//
// P5
func TestPasswordReplacedWhileComparing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.hasher = password.NewHasher(w.keys.Pepper, w.keys.PepperID(), 1, 8)
		for _, change := range []string{
			`UPDATE users SET password_hash = 'another' WHERE id = $1`,
			`UPDATE users SET status = 'suspended' WHERE id = $1`,
		} {
			release, running := make(chan struct{}), make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() { w.ok(w.hasher.Do(w.ctx(), func() { close(running); <-release })) })
			<-running
			charged := w.count(`SELECT COALESCE(SUM(fails), 0) FROM throttles`)
			wg.Go(func() {
				_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
				if !IsRefusal(err, WrongCredentials) {
					t.Errorf("after %s: %v, want wrong-credentials", change, err)
				}
			})
			for w.count(`SELECT COALESCE(SUM(fails), 0) FROM throttles`) == charged {
				time.Sleep(time.Millisecond) // it has read the person when it has charged the try
			}
			hash := w.storedHash("elena")
			w.exec(change, w.cast["elena"].id)
			close(release)
			wg.Wait()
			w.exec(`UPDATE users SET password_hash = $1, status = 'active' WHERE id = $2`, hash, w.cast["elena"].id)
		}
	})
}
