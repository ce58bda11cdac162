package core

import (
	"strings"
	"testing"
	"time"

	"doorstep/internal/code"
)

// restarted restarts Bruno, an admin, by Ana, and signs him in with the password.
func (w *world) restartedWithPass() (*Session, string) {
	w.t.Helper()
	r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["bruno"].id, goodReason)
	w.ok(err)
	if len(r.Pass) != 14 || code.ReadPass(r.Pass).Problem != code.None {
		w.t.Fatalf("the receipt has the pass %q", r.Pass)
	}
	return w.signInDue("bruno"), r.Pass
}

func (w *world) signInDue(name string) *Session {
	w.t.Helper()
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, testPassword, "")
	w.ok(err)
	return in.Session
}

// wrongPass is well formed and not the one.
func wrongPass(right string) string {
	for {
		if p := code.NewPass(); code.DisplayPass(p) != right {
			return p
		}
	}
}

func (w *world) passFor(whom PassFor) {
	w.exec(`UPDATE policies SET pass_for = $1`, string(whom))
}

// R15, the re-activation pass: wanted before any key is shown, used up at Finish.
//
// R15
func TestR15Pass(t *testing.T) {
	t.Run("wanted before any key, and used up at the end", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s, pass := w.restartedWithPass()
			before := w.snapshot("users")
			for name, verb := range map[string]func() error{
				"CurrentActivation": func() error { _, err := w.CurrentActivation(w.ctx(), by(s)); return err },
				"BeginActivation":   func() error { _, err := w.BeginActivation(w.ctx(), by(s)); return err },
			} {
				if r := w.refused(verb(), PassRequired); r.Field != "pass" {
					t.Errorf("%s: field %q", name, r.Field)
				}
			}
			if w.snapshot("users") != before {
				t.Error("being refused changed something")
			}
			// However it is typed; a slip is no try.
			for text, want := range map[string]Code{"": PassEmpty, "634977": PassLength, w.cast["carla"].codes[0]: PassLength, swapped(pass): PassTypo} {
				w.refused(w.AcceptPass(w.ctx(), by(s), text), want)
			}
			if n := w.count(`SELECT fails FROM passes`); n != 0 {
				t.Errorf("slips cost %d tries", n)
			}
			r := w.refused(w.AcceptPass(w.ctx(), by(s), wrongPass(pass)), WrongPass)
			if !r.Counted || r.TriesLeft != 4 {
				t.Errorf("a wrong one: %+v", r)
			}
			w.ok(w.AcceptPass(w.ctx(), by(s), " "+strings.ToUpper(strings.ReplaceAll(pass, "-", " "))))
			if n := w.count(`SELECT fails FROM passes`); n != 1 {
				t.Errorf("%d wrong tries are kept, want the 1 that was wrong", n)
			}
			// Begun, broken off, resumed, begun anew: the pass counts until the end.
			_, err := w.BeginActivation(w.ctx(), by(s))
			w.ok(err)
			_, err = w.CurrentActivation(w.ctx(), by(s))
			w.ok(err)
			if w.count(`SELECT COUNT(*) FROM passes`) != 1 {
				t.Error("the pass was used up before the end")
			}
			a, err := w.BeginActivation(w.ctx(), by(s))
			w.ok(err)
			w.learnKey("bruno", a)
			a, err = w.ConfirmActivation(w.ctx(), by(s), a.ID, w.code("bruno"))
			w.ok(err)
			_, err = w.FinishActivation(w.ctx(), by(s), a.ID, true)
			w.ok(err)
			if w.count(`SELECT COUNT(*) FROM passes`) != 0 {
				t.Error("the pass outlived the activation")
			}
			if n := w.events("bruno", EventPassAccepted) + w.events("bruno", EventPassRefused); n != 2 {
				t.Errorf("%d events of the pass, want 2", n)
			}
		})
	})
	t.Run("accepted in one session alone, the newest that typed it", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			thief, pass := w.restartedWithPass() // who knows the password and no pass
			person := w.signInDue("bruno")
			w.ok(w.AcceptPass(w.ctx(), by(person), pass))
			a, err := w.BeginActivation(w.ctx(), by(person))
			w.ok(err)
			_, err = w.BeginActivation(w.ctx(), by(thief))
			w.refused(err, PassRequired)
			_, err = w.CurrentActivation(w.ctx(), by(thief))
			w.refused(err, PassRequired)
			same, err := w.CurrentActivation(w.ctx(), by(person))
			w.ok(err)
			if same.ID != a.ID {
				t.Error("the other session disturbed the activation")
			}
			phone := w.signInDue("bruno")
			w.ok(w.AcceptPass(w.ctx(), by(phone), pass))
			_, err = w.CurrentActivation(w.ctx(), by(person))
			w.refused(err, PassRequired)
			w.learnKey("bruno", a)
			_, err = w.ConfirmActivation(w.ctx(), by(person), a.ID, w.code("bruno"))
			w.refused(err, PassRequired)
		})
	})
	t.Run("a new restart brings a new pass, and the old one is worth nothing", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s, old := w.restartedWithPass()
			w.ok(w.AcceptPass(w.ctx(), by(s), old))
			_, fresh := w.restartedWithPass()
			if old == fresh {
				t.Fatal("the same pass twice")
			}
			w.refused(w.AcceptPass(w.ctx(), by(s), old), SessionEnded)
			s = w.signInDue("bruno")
			_, err := w.BeginActivation(w.ctx(), by(s))
			w.refused(err, PassRequired)
			w.refused(w.AcceptPass(w.ctx(), by(s), old), WrongPass)
			w.ok(w.AcceptPass(w.ctx(), by(s), fresh))
		})
	})
	t.Run("it ends with the window", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			_, pass := w.restartedWithPass()
			w.clock.advance(72*time.Hour - time.Minute)
			s := w.signInDue("bruno")
			w.ok(w.AcceptPass(w.ctx(), by(s), pass))
			_, a := w.confirmedIn("bruno", s)
			w.clock.advance(time.Minute)
			w.refused(w.AcceptPass(w.ctx(), by(s), pass), AccountClosed)
			_, err := w.FinishActivation(w.ctx(), by(s), a.ID, true)
			w.refused(err, AccountClosed)
		})
	})
	t.Run("20 wrong ones make it void, and everybody hears of it", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s, pass := w.restartedWithPass()
			for n := 1; n < passTries; n++ {
				w.refused(w.AcceptPass(w.ctx(), by(s), wrongPass(pass)), WrongPass)
				if n >= freeTries {
					r := w.refused(w.AcceptPass(w.ctx(), by(s), pass), PassWait)
					if r.Field != "pass" || r.RetryAfter != waitAfter(int64(n)) {
						t.Fatalf("after %d wrong ones: %+v", n, r)
					}
					w.clock.advance(r.RetryAfter)
					s = w.signInDue("bruno")
				}
			}
			w.refused(w.AcceptPass(w.ctx(), by(s), wrongPass(pass)), PassVoid)
			w.clock.advance(time.Hour)
			s = w.signInDue("bruno")
			w.refused(w.AcceptPass(w.ctx(), by(s), pass), PassVoid)
			_, err := w.BeginActivation(w.ctx(), by(s))
			w.refused(err, PassVoid)
			if w.events("bruno", EventPassVoided) != 1 || w.letters("bruno", LetterPassVoid) != 1 || w.letters("ana", LetterPassVoidOwners) != 1 {
				t.Error("no event or no letter")
			}
			s, pass = w.restartedWithPass() // the way on
			w.ok(w.AcceptPass(w.ctx(), by(s), pass))
		})
	})
	t.Run("whom the policy wants it for", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			for _, c := range []struct {
				policy PassFor
				whom   string
				wanted bool
			}{
				{PassForOwnersAndAdmins, "carla", false},
				{PassForOwnersAndAdmins, "bruno", true},
				{PassForOwnersAndAdmins, "olga", true},
				{PassForEverybody, "dmitri", true},
				{PassForNobody, "bruno", false},
			} {
				w.passFor(c.policy)
				r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast[c.whom].id, goodReason)
				w.ok(err)
				s := w.signInDue(c.whom)
				status, err := w.TwoStepStatus(w.ctx(), by(s))
				w.ok(err)
				if (r.Pass != "") != c.wanted || (status.PassWanted != nil) != c.wanted {
					t.Errorf("%s, %s: pass %q, wanted %v", c.policy, c.whom, r.Pass, status.PassWanted)
				}
				if !c.wanted {
					w.ok(w.AcceptPass(w.ctx(), by(s), "anything"))
					_, err := w.BeginActivation(w.ctx(), by(s))
					w.ok(err)
				}
			}
			// A policy that is relaxed afterwards does not open what a restart closed.
			w.passFor(PassForEverybody)
			w.clock.advance(time.Hour)
			_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
			w.ok(err)
			w.passFor(PassForNobody)
			_, err = w.BeginActivation(w.ctx(), by(w.signInDue("carla")))
			w.refused(err, PassRequired)
		})
	})
	t.Run("one's own deactivation wants none", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.passFor(PassForEverybody)
			_, err := w.DeactivateTwoStep(w.ctx(), by(w.signIn("bruno")), "", w.cast["bruno"].codes[0])
			w.ok(err)
			_, err = w.BeginActivation(w.ctx(), by(w.signInDue("bruno")))
			w.ok(err)
		})
	})
	t.Run("the console's restart brings one as well", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			r, err := w.RestartFromConsole(w.ctx(), Console("root"), w.cast["ana"].email, "lost everything")
			w.ok(err)
			s := w.signInDue("ana")
			_, err = w.BeginActivation(w.ctx(), by(s))
			w.refused(err, PassRequired)
			w.ok(w.AcceptPass(w.ctx(), by(s), r.Pass))
		})
	})
	t.Run("a removed person's pass goes along", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.restartedWithPass()
			w.ok(w.RemoveUser(w.ctx(), by(w.signIn("olga")), w.cast["bruno"].id))
			if w.count(`SELECT COUNT(*) FROM passes`) != 0 {
				t.Error("a pass of nobody is left")
			}
		})
	})
}

func (w *world) learnKey(name string, a *Activation) {
	m := w.cast[name]
	m.key = decodeKey(w.t, a.Key)
	w.cast[name] = m
}

// confirmedIn is confirmed in a session that is there.
func (w *world) confirmedIn(name string, s *Session) (*Session, *Activation) {
	w.t.Helper()
	a, err := w.BeginActivation(w.ctx(), by(s))
	w.ok(err)
	w.learnKey(name, a)
	a, err = w.ConfirmActivation(w.ctx(), by(s), a.ID, w.code(name))
	w.ok(err)
	return s, a
}

// swapped swaps two neighbors that differ.
func swapped(pass string) string {
	for i := 1; i < 4; i++ {
		if pass[i] != pass[i-1] {
			return pass[:i-1] + string(pass[i]) + string(pass[i-1]) + pass[i+1:]
		}
	}
	return pass[:12] + string(pass[13]) + string(pass[12]) // a group of four equal ones
}

// Nothing that is stored, recorded or mailed tells the pass (R10).
//
// R10
func TestR10Pass(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, pass := w.restartedWithPass()
		rows := w.snapshot()
		for _, secret := range []string{pass, strings.ReplaceAll(pass, "-", "")} {
			if strings.Contains(rows, secret) {
				t.Errorf("%s is stored", secret)
			}
		}
		if w.count(`SELECT COUNT(*) FROM outbox`) == 0 {
			t.Error("no letters to look into")
		}
		// A receipt that is shown again shows no pass, nor does the history.
		p, err := w.Person(w.ctx(), by(w.signIn("olga")), w.cast["bruno"].id)
		w.ok(err)
		if p.Restarts[0].Pass != "" {
			t.Error("the history tells the pass")
		}
		// Another person's row does not open with it.
		w.exec(`UPDATE policies SET pass_for = 'everybody'`)
		_, err = w.RestartTwoStep(w.ctx(), by(w.signIn("olga")), w.cast["carla"].id, goodReason)
		w.ok(err)
		w.exec(`UPDATE passes SET salt = (SELECT p.salt FROM passes p WHERE p.user_id = $1), digest = (SELECT p.digest FROM passes p WHERE p.user_id = $1) WHERE user_id = $2`,
			w.cast["bruno"].id, w.cast["carla"].id)
		w.refused(w.AcceptPass(w.ctx(), by(w.signInDue("carla")), pass), WrongPass)
	})
}

// A form of a restart that was sent twice gives one restart, one pass, shown once.
func TestPassOfARestartSentTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		request := goodReason
		request.CheckSeen = true
		passes := make(chan string, 4)
		won, errs := race(4, func(int) error {
			r, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["bruno"].id, request)
			if err == nil && r.Pass != "" {
				passes <- r.Pass
			}
			return err
		})
		if won != 4 || len(passes) != 1 || w.events("bruno", EventTwoStepRestarted) != 1 {
			t.Fatalf("%d receipts, %d passes, %d restarts: %v", won, len(passes), w.events("bruno", EventTwoStepRestarted), errs)
		}
		w.ok(w.AcceptPass(w.ctx(), by(w.signInDue("bruno")), <-passes))
	})
}

// Two finish with one pass: it has one winner.
//
// P1
func TestPassRace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, pass := w.restartedWithPass()
		w.ok(w.AcceptPass(w.ctx(), by(s), pass))
		_, a := w.confirmedIn("bruno", s)
		before := w.events("bruno", EventTwoStepActivated)
		won, errs := race(8, func(int) error {
			_, err := w.FinishActivation(w.ctx(), by(s), a.ID, true)
			return err
		})
		if won != 1 || w.events("bruno", EventTwoStepActivated) != before+1 {
			t.Errorf("%d finished: %v", won, errs)
		}
		// Two sessions type it at once, and each goes on: it is accepted in one of them.
		w.exec(`UPDATE policies SET pass_for = 'everybody'`)
		r, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
		w.ok(err)
		both := []*Session{w.signInDue("carla"), w.signInDue("carla")}
		_, _ = race(2, func(i int) error { return w.AcceptPass(w.ctx(), by(both[i]), r.Pass) })
		began, errs := race(2, func(i int) error {
			_, err := w.BeginActivation(w.ctx(), by(both[i]))
			return err
		})
		if began != 1 || !IsRefusal(errs[0], PassRequired) {
			t.Errorf("%d began with one pass: %v", began, errs)
		}
	})
}

// P2 for the pass: guesses in parallel are compared as often as the rule allows.
//
// P2
func TestPassGuessedInParallel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, pass := w.restartedWithPass()
		_, errs := race(3*freeTries, func(int) error { return w.AcceptPass(w.ctx(), by(s), wrongPass(pass)) })
		compared := 0
		for _, err := range errs {
			if IsRefusal(err, WrongPass) {
				compared++
			} else if !IsRefusal(err, PassWait) {
				t.Error(err)
			}
		}
		if compared != freeTries || w.count(`SELECT fails FROM passes`) != freeTries {
			t.Errorf("%d guesses were compared, want %d", compared, freeTries)
		}
	})
}
