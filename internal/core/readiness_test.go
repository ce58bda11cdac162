package core

import (
	"testing"
	"time"
)

func TestReadiness(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		look := func() *Readiness {
			t.Helper()
			v, err := w.Readiness(w.ctx(), by(ana))
			w.ok(err)
			return v
		}
		v := look()
		if v.Able != (Count{N: 2}) || len(v.Owners) != 2 || v.Owners[0].SinglePoint || v.Owners[0].CodesLeft != 10 || v.NotActive != (Count{N: 2}) || v.Waiting != (Count{}) || v.NoCode != (Count{}) {
			t.Errorf("at first: %+v", v)
		}
		// Of two owners one that is contained, due or suspended can help nobody.
		for what, change := range map[string]string{
			"contained": `UPDATE users SET contained_until = 99999999999999 WHERE id = $1`,
			"due":       `UPDATE users SET two_step = 'due' WHERE id = $1`,
			"suspended": `UPDATE users SET status = 'suspended' WHERE id = $1`,
			"demoted":   `UPDATE users SET role = 'admin' WHERE id = $1`,
		} {
			w.exec(change, w.cast["olga"].id)
			if v := look(); v.Able != (Count{N: 1}) || !v.Owners[0].SinglePoint || v.Owners[0].Name != "Ana" {
				t.Errorf("%s: %+v", what, v)
			}
			w.exec(`UPDATE users SET contained_until = 0, two_step = 'active', status = 'active', role = 'owner' WHERE id = $1`, w.cast["olga"].id)
		}
		// Numbers of codes follow each code, each new set and each restart.
		for i := range 9 {
			w.signInWithCode("carla", i)
		}
		if v := look(); v.OneCode != (Count{N: 1}) || v.NoCode != (Count{}) {
			t.Errorf("nine codes used: %+v", v)
		}
		w.signInWithCode("carla", 9)
		if v := look(); v.OneCode != (Count{}) || v.NoCode != (Count{N: 1}) {
			t.Errorf("ten codes used: %+v", v)
		}
		_, err := w.RenewRecoveryCodes(w.ctx(), by(w.signIn("carla")))
		w.ok(err)
		if v := look(); v.NoCode != (Count{}) {
			t.Errorf("new codes: %+v", v)
		}
		_, err = w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
		w.ok(err)
		ana = w.signIn("ana")
		if v := look(); v.Waiting != (Count{N: 1}) || v.NotActive != (Count{N: 3}) {
			t.Errorf("restarted: %+v", v)
		}
		if n := w.count(`SELECT COUNT(*) FROM codes_left WHERE user_id = $1`, w.cast["carla"].id); n != 0 {
			t.Error("a number of codes is left of a set that is gone")
		}
		w.clock.advance(73 * time.Hour)
		ana = w.signIn("ana")
		if v := look(); v.Waiting != (Count{N: 1}) {
			t.Errorf("too late: %+v", v)
		}
		_, err = w.Readiness(w.ctx(), by(w.signIn("dmitri")))
		w.refused(err, AdminOnly)
	})
}

// The number that people are found by is that of their codes.
func TestCodesLeftAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.signInWithCode("ana", 3)
		w.ok(w.RemoveUser(w.ctx(), by(w.signIn("olga")), w.cast["dmitri"].id))
		if n := w.count(`SELECT COUNT(*) FROM codes_left l WHERE l.n <> (SELECT COUNT(*) FROM recovery_codes c WHERE c.user_id = l.user_id AND c.used_at = 0)`); n != 0 {
			t.Errorf("%d numbers are wrong", n)
		}
		if sets, numbers := w.count(`SELECT COUNT(*) FROM recovery_code_sets`), w.count(`SELECT COUNT(*) FROM codes_left`); sets != numbers {
			t.Errorf("%d sets, %d numbers", sets, numbers)
		}
	})
}
