package core

import (
	"errors"
	"testing"
)

// P9: a backup that was put back is an older state, in which a code that was used since
// is good again. With one command of whoever put it back nobody goes on with what a
// thief may hold of that state; authentication codes are dead; and nobody's recovery code
// comes back to life in silence. The rows of before are the backup.
//
// NIST 4.6, P9
func TestAfterRestore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.remembering()
		session, attempt := w.signIn("carla"), w.attempt("carla")
		device := w.remember("carla").Token
		reset := w.forgot("carla")
		half, begun := w.confirmed("elena")
		ahead := w.codeAt("carla", 1)
		w.refused(func() error { _, err := w.AfterRestore(w.ctx(), by(session), "backup of last night"); return err }(), NotSignedIn)
		w.refused(func() error { _, err := w.AfterRestore(w.ctx(), Console("test"), " "); return err }(), ReasonMissing)

		done, err := w.AfterRestore(w.ctx(), Console("test"), "disk failure, backup of last night")
		w.ok(err)
		people := w.count(`SELECT COUNT(*) FROM users`)
		if done.People != people || done.SessionsEnded < 3 || w.count(`SELECT COUNT(*) FROM audit_events WHERE event = $1 AND reason <> ''`, EventBackupRestored) != people {
			t.Errorf("%+v of %d people", done, people)
		}
		for name, use := range map[string]func() error{
			"session": func() error { _, err := w.Session(w.ctx(), session.Token); return err },
			"attempt": func() error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.codeAt("carla", 2), false)
				return err
			},
			"link":       func() error { _, err := w.OpenResetLink(w.ctx(), reset); return err },
			"activation": func() error { _, err := w.FinishActivation(w.ctx(), by(half), begun.ID, true); return err },
			// Whatever was shown by now counts as used, whether the backup knew of it or not.
			"code of now":            func() error { return w.code2("carla", w.code("carla")) },
			"code of the step ahead": func() error { return w.code2("carla", ahead) },
			"device": func() error {
				if in := w.on("carla", device); in.Next != StepSecondStep {
					return errors.New("skipped the second step")
				}
				return refuse(Missing)
			},
		} {
			if err := use(); Refused(err) == nil {
				t.Errorf("%s: %v, want a refusal", name, err)
			}
		}
		if w.WhyEnded(w.ctx(), session.Token) != EndedRestored {
			t.Errorf("told %s", w.WhyEnded(w.ctx(), session.Token))
		}
		// Who has recovery codes is told to make new ones, and so is every owner; nobody else.
		for name, want := range map[string]int{"carla": 1, "ana": 1, "elena": 0, "farid": 0} {
			if n := w.letters(name, LetterBackupRestored); n != want {
				t.Errorf("%s: %d letters, want %d", name, n, want)
			}
		}
		// The codes stay: for whoever lost the phone they are all there is.
		w.clock.advance(2 * 30e9)
		w.signIn("carla")
		_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.cast["carla"].codes[0], false)
		w.ok(err)
		if w.letters("carla", LetterCodeUsed) != 1 {
			t.Error("the use of a code was not told")
		}
		// It can be done again, as after an interruption.
		again, err := w.AfterRestore(w.ctx(), Console("test"), "again")
		w.ok(err)
		if again.People != people {
			t.Errorf("again: %+v", again)
		}
	})
}
