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
