package core

import (
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/code"
	"doorstep/internal/totp"
)

// R1: an authentication code is accepted once.
//
// ASVS 6.5.1, NIST 3.1.4.2(once), R1, P1
func TestR1(t *testing.T) {
	t.Run("a code signs in once, then has its own sentence and a notice", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			digits := w.code("carla")
			first, second := w.attempt("carla"), w.attempt("carla")
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), first, digits, false)
			w.ok(err)
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), second, digits, false)
			w.refused(err, CodeUsed)
			if n := w.letters("carla", LetterReplay); n != 1 {
				t.Errorf("%d notices of the replay, want 1", n)
			}
			if n := w.events("carla", EventSecondStepReplayed); n != 1 {
				t.Errorf("%d events of the replay, want 1", n)
			}
			if n := w.count(`SELECT fails FROM authenticators WHERE user_id = $1`, w.cast["carla"].id); n != 0 {
				t.Errorf("the replay left %d failures: a right code costs no try", n)
			}
		})
	})
	t.Run("at T+29 s, T+31 s and T+59 s it is still refused", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			digits := w.code("carla")
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), digits, false)
			w.ok(err)
			for _, wait := range []time.Duration{29 * time.Second, 2 * time.Second, 28 * time.Second} {
				w.clock.advance(wait)
				_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), digits, false)
				w.refused(err, CodeUsed)
			}
			w.clock.advance(2 * time.Second) // now it is out of the window
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), digits, false)
			w.refused(err, WrongCode)
		})
	})
	t.Run("A, B, A: the second A is refused", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			a, b := w.codeAt("carla", -1), w.code("carla")
			for _, digits := range []string{a, b} {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), digits, false)
				w.ok(err)
			}
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), a, false)
			w.refused(err, CodeUsed)
		})
	})
	t.Run("the code that confirmed an activation cannot sign in", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
			w.ok(err)
			m := w.cast["elena"]
			w.ok(activateAs(w.ctx(), w.Core, in.Session, &m))
			w.cast["elena"] = m
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("elena"), w.code("elena"), false)
			w.refused(err, CodeUsed)
		})
	})
	t.Run("the memory survives a new process", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.signIn("carla")
			again := &Core{db: w.db, keys: w.keys, hasher: w.hasher, clock: w.Core.clock, log: w.log}
			_, err := again.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.code("carla"), false)
			w.refused(err, CodeUsed)
		})
	})
	t.Run("50 sign-ins at once with one code: one session", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			digits := w.code("carla")
			attempts := w.attempts("carla", 50)
			won, errs := race(50, func(i int) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], digits, false)
				return err
			})
			if won != 1 {
				t.Errorf("%d sessions from one code, want 1", won)
			}
			for _, err := range errs {
				// Four may be compared at once before the pause of the fifth begins.
				if !IsRefusal(err, CodeUsed) && !IsRefusal(err, AuthenticatorWait) {
					t.Errorf("a loser heard %v", err)
				}
			}
			if n := w.count(`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND second_step = 'authenticator' AND ended_at = 0`, w.cast["carla"].id); n != 1 {
				t.Errorf("%d live sessions in the table, want 1", n)
			}
		})
	})
}

// attempts makes many attempts without a hash each.
func (w *world) attempts(name string, n int) []string {
	w.t.Helper()
	var tokens []string
	w.ok(w.keepCount(w.ctx(), func(t *tx) error {
		u, err := t.lockUser(w.cast[name].team, w.cast[name].id)
		if err != nil {
			return err
		}
		tokens = nil
		for range n {
			in, err := t.createAttempt(Nobody(testOrigin), u)
			if err != nil {
				return err
			}
			tokens = append(tokens, in.Attempt)
		}
		return nil
	}))
	return tokens
}

// R2: a recovery code is accepted once, ever.
//
// ASVS 2.3.4, ASVS 15.4.2, NIST 3.1.2.2, R2, P1
func TestR2(t *testing.T) {
	t.Run("a second use is refused and costs a try", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.signInWithCode("carla", 0)
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.cast["carla"].codes[0], false)
			if r := w.refused(err, WrongRecoveryCode); r.TriesLeft != freeTries-1 {
				t.Errorf("%d tries left, want %d", r.TriesLeft, freeTries-1)
			}
			if n := w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at <> 0`, w.cast["carla"].id); n != 1 {
				t.Errorf("%d codes are marked used, want 1", n)
			}
		})
	})
	t.Run("somebody else's code opens nothing", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.cast["dmitri"].codes[0], false)
			w.refused(err, WrongRecoveryCode)
		})
	})
	t.Run("using one leaves the app and the other codes as they were", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.signInWithCode("carla", 3)
			w.signInWithCode("carla", 4)
			w.signIn("carla")
		})
	})
	t.Run("50 uses at once of one code: one session", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			attempts := w.attempts("carla", 50)
			won, errs := race(50, func(i int) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], w.cast["carla"].codes[0], false)
				return err
			})
			if won != 1 {
				t.Errorf("%d sessions from one code, want 1: %v", won, errs)
			}
			for _, err := range errs {
				if !IsRefusal(err, WrongRecoveryCode) && !IsRefusal(err, RecoveryWait) {
					t.Errorf("a loser heard %v", err)
				}
			}
		})
	})
	t.Run("50 spends at once in the table: one winner", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			m := w.cast["carla"]
			u := &userRow{id: m.id, teamID: m.team}
			var setID string
			var salt []byte
			w.ok(w.read(w.ctx()).row(`SELECT id, salt FROM recovery_code_sets WHERE user_id = $1`, m.id).Scan(&setID, &salt))
			digest := w.digest(code.Slow(code.Read(m.codes[5]).Canonical, salt), m.id)
			won, _ := race(50, func(int) error {
				return w.keepCount(w.ctx(), func(t *tx) error {
					_, _, err := t.spendRecoveryCode(u, setID, digest)
					return err
				})
			})
			if won != 1 {
				t.Errorf("%d spends won, want 1", won)
			}
		})
	})
}

// R13 (the part that the ground floor has): charged before compared, five free
// tries, growing waits, a counter for each kind.
//
// NIST 3.2.2, R13, P2
func TestR13(t *testing.T) {
	t.Run("exactly as many evaluations as allowed, 60 wrong codes at once", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			attempts := w.attempts("carla", 60)
			wrong := w.codeAt("carla", 1000)
			var evaluated atomic.Int64
			race(60, func(i int) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], wrong, false)
				if IsRefusal(err, WrongCode) {
					evaluated.Add(1)
				} else if !IsRefusal(err, AuthenticatorWait) {
					t.Errorf("somebody heard %v", err)
				}
				return err
			})
			if n := evaluated.Load(); n != freeTries {
				t.Errorf("%d wrong codes were compared, want %d", n, freeTries)
			}
			if n := w.events("carla", EventSecondStepRefused); n != freeTries {
				t.Errorf("%d refusals recorded, want %d", n, freeTries)
			}
		})
	})
	t.Run("exactly as many evaluations as allowed, 50 wrong recovery codes at once", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			attempts := w.attempts("carla", 50)
			var evaluated atomic.Int64
			race(50, func(i int) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], code.Display(code.New()), false)
				if IsRefusal(err, WrongRecoveryCode) {
					evaluated.Add(1)
				} else if !IsRefusal(err, RecoveryWait) {
					t.Errorf("somebody heard %v", err)
				}
				return err
			})
			if n := evaluated.Load(); n != freeTries {
				t.Errorf("%d wrong codes were compared, want %d", n, freeTries)
			}
		})
	})
	// T-BF-8
	t.Run("T-BF-8: waits grow, and the right code is refused while one runs", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			token := w.attempt("carla")
			wrong := w.codeAt("carla", 1000)
			try := func(digits string) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), token, digits, false)
				return err
			}
			for left := freeTries - 1; left >= 0; left-- {
				if r := w.refused(try(wrong), WrongCode); r.TriesLeft != left {
					t.Errorf("%d tries left, want %d", r.TriesLeft, left)
				}
			}
			for _, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute} {
				if r := w.refused(try(w.code("carla")), AuthenticatorWait); r.RetryAfter != wait {
					t.Errorf("told to wait %s, want %s", r.RetryAfter, wait)
				}
				w.clock.advance(wait)
				wrong = w.codeAt("carla", 1000)
				w.refused(try(wrong), WrongCode)
			}
		})
	})
	t.Run("a right password clears no failures of the second step", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			token := w.attempt("carla")
			for range freeTries {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), token, w.codeAt("carla", 1000), false)
				w.refused(err, WrongCode)
			}
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), w.code("carla"), false)
			w.refused(err, AuthenticatorWait)
		})
	})
	t.Run("a locked app never locks the recovery codes", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			token := w.attempt("carla")
			for range freeTries {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), token, w.codeAt("carla", 1000), false)
				w.refused(err, WrongCode)
			}
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), token, w.cast["carla"].codes[0], false)
			w.ok(err)
		})
	})
	t.Run("a typo costs nothing", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			token := w.attempt("carla")
			good := w.cast["carla"].codes[0]
			swapped := good[1:2] + good[0:1] + good[2:]
			if good[0] == good[1] {
				swapped = "0000-0000-0000-0001"
			}
			for text, want := range map[string]Code{
				"": CodeEmpty, "12345": CodeLength, "1234567": CodeLength, good[:10]: RecoveryCodeLength, swapped: RecoveryCodeTypo,
			} {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), token, text, false)
				if r := w.refused(err, want); r.Counted {
					t.Errorf("%q was counted", text)
				}
			}
			if n := w.count(`SELECT SUM(fails) FROM recovery_code_sets WHERE user_id = $1`, w.cast["carla"].id); n != 0 {
				t.Errorf("%d failures counted", n)
			}
		})
	})
	t.Run("an error before the comparison gives the try back, one after it never", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			token := w.attempt("carla")
			sealed := w.sealedKey("carla")
			w.exec(`UPDATE authenticators SET sealed_key = $1 WHERE user_id = $2`, []byte("not a sealed key"), w.cast["carla"].id)
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), token, w.code("carla"), false)
			if err == nil || Refused(err) != nil {
				t.Fatalf("an undecryptable key: %v, want an error that denies", err)
			}
			if n := w.fails("carla"); n != 0 {
				t.Errorf("%d failures after an error before the comparison, want 0", n)
			}
			w.exec(`UPDATE authenticators SET sealed_key = $1 WHERE user_id = $2`, sealed, w.cast["carla"].id)
			w.fault.arm(3) // the charge and its commit pass; the act's first statement fails
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), token, w.code("carla"), false)
			w.fault.disarm()
			if err == nil {
				t.Fatal("the planted failure was not noticed")
			}
			if n := w.fails("carla"); n != 1 {
				t.Errorf("%d failures after an error behind the comparison, want 1", n)
			}
		})
	})
	t.Run("the waits of the rule and of the statement are one", func(t *testing.T) {
		want := []time.Duration{0, 0, 0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour}
		for fails, wait := range want {
			if got := waitAfter(int64(fails)); got != wait {
				t.Errorf("after %d failures: %s, want %s", fails, got, wait)
			}
		}
		each(t, func(t *testing.T, w *world) {
			own := tries{subject: []byte("somebody"), most: mostPasswords}
			for fails := int64(1); fails <= 14; fails++ {
				var ch charge
				w.ok(w.keepCount(w.ctx(), func(t *tx) (err error) {
					ch, err = t.chargePassword(own)
					return err
				}))
				want := int64(0)
				if wait := waitAfter(fails); wait > 0 {
					want = ms(w.clock.Now().Add(wait))
				}
				if ch.fails != fails || ch.nextTryAt != want {
					t.Errorf("charge %d: fails %d, next at %d, want %d", fails, ch.fails, ch.nextTryAt, want)
				}
				w.clock.advance(2 * time.Hour)
			}
		})
	})
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Migrations().Exec(query, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) fails(name string) int {
	return w.count(`SELECT fails FROM authenticators WHERE user_id = $1`, w.cast[name].id)
}

func (w *world) sealedKey(name string) (sealed []byte) {
	w.t.Helper()
	w.ok(w.read(w.ctx()).row(`SELECT sealed_key FROM authenticators WHERE user_id = $1`, w.cast[name].id).Scan(&sealed))
	return sealed
}

// The window is exactly one step to either side.
func TestWindowOfAcceptedCodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for steps, want := range map[int64]Code{-2: WrongCode, 2: WrongCode} {
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("dmitri"), w.codeAt("dmitri", steps), false)
			w.refused(err, want)
		}
		for _, steps := range []int64{-1, 0, 1} {
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("dmitri"), w.codeAt("dmitri", steps), false)
			w.ok(err)
		}
		_ = totp.Period
	})
}

// R16: sets of ten, 16 symbols, no look-alikes, stored as keyed slow hashes.
//
// ASVS 6.4.5, R16
func TestR16(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := w.cast["carla"]
		if len(m.codes) != 10 {
			t.Fatalf("%d codes in a set, want 10", len(m.codes))
		}
		seen := map[string]bool{}
		for _, c := range m.codes {
			if r := code.Read(c); r.Kind != code.Recovery || len(c) != 19 || seen[c] {
				t.Errorf("%q is no recovery code of its own", c)
			}
			seen[c] = true
		}
		if n := w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1`, m.id); n != 10 {
			t.Errorf("%d rows, want 10", n)
		}
		// Any case, spaces, missing hyphens, o for 0, i and l for 1.
		for i, type_ := range []func(string) string{upper, spaced, bare, lookAlike} {
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), type_(m.codes[i]), false)
			w.ok(err)
		}
		in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("carla"), m.codes[9], false)
		w.ok(err)
		if in.RecoveryCodesLeft != 5 || !in.UsedRecoveryCode {
			t.Errorf("told %d left, want 5", in.RecoveryCodesLeft)
		}
		// From two down the person is told by letter what that means, at none too.
		for i := 4; i <= 8; i++ {
			w.signInWithCode("carla", i)
		}
		if low, none := w.letters("carla", LetterCodesLow), w.letters("carla", LetterCodesNone); low != 2 || none != 1 {
			t.Errorf("%d letters about few codes and %d about none, want 2 and 1", low, none)
		}
		a, err := w.Attempt(w.ctx(), w.attempt("carla"))
		w.ok(err)
		if len(a.Methods) != 1 || a.Methods[0] != string(SecondStepAuthenticator) {
			t.Errorf("methods %v with no code left", a.Methods)
		}
	})
}
