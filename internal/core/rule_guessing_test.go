package core

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/code"
)

// R13 in full: the group T-BF of the security reference.

// missed types wrong second steps, each when the pause before it is over.
func (w *world) missed(name string, n int, wrong func() string) {
	w.t.Helper()
	for range n {
		_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempts(name, 1)[0], wrong(), false)
		r := Refused(err)
		if r == nil || r.Code != WrongCode && r.Code != WrongRecoveryCode {
			w.t.Fatalf("a wrong second step of %s: %v", name, err)
		}
		w.clock.advance(r.RetryAfter)
	}
}

func (w *world) wrongCode(name string) func() string {
	return func() string { return w.codeAt(name, 1000) }
}

func wrongRecoveryCode() string { return code.Display(code.New()) }

// missedPasswords types wrong passwords, each when the pause before it is over. The
// tries themselves cost a hash, so all but the last few are counted without one.
func (w *world) missedPasswords(email string, n int) {
	w.t.Helper()
	u, err := userByEmail(w.read(w.ctx()), email)
	if err != nil {
		u = nil
	}
	for i := range n {
		if i < n-2 {
			ch, err := w.chargedPassword(w.ctx(), w.triesAt(u, email))
			w.ok(err)
			w.clock.advance(waitAfter(ch.fails))
			continue
		}
		_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), email, "not the password at all", "")
		w.clock.advance(w.refused(err, WrongCredentials).RetryAfter)
	}
}

func (w *world) code2(name, text string) error {
	_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempts(name, 1)[0], text, false)
	return err
}

// T-BF-7, the cap: behind it nothing is compared, the right code neither, however long
// anybody waits. Set up anew, it works.
//
// ASVS 6.3.1, NIST 3.2.2, NIST 3.1.4.2(limit), T-BF-7, R13, P2
func TestR13TheCaps(t *testing.T) {
	t.Run("50 wrong authentication codes block the authenticator", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.missed("carla", int(mostCodes), w.wrongCode("carla"))
			w.letsThePasswordBe("carla")
			for _, later := range []time.Duration{0, time.Hour, 40 * day} {
				w.clock.advance(later)
				w.ok(w.Chores(w.ctx()))
				w.refused(w.code2("carla", w.code("carla")), AuthenticatorBlocked)
			}
			if n := w.fails("carla"); n != int(mostCodes) {
				t.Errorf("%d failures are counted, want %d and no more", n, mostCodes)
			}
			if n := w.letters("carla", LetterBlockedApp); n != 1 || w.events("carla", EventAuthenticatorBlocked) != 1 {
				t.Errorf("%d letters", n)
			}
			a, err := w.Attempt(w.ctx(), w.attempt("carla"))
			w.ok(err)
			if !slices.Equal(a.Methods, []string{"recovery_code"}) || !a.AppBlocked {
				t.Errorf("methods %v", a.Methods)
			}
			p, err := w.Person(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id)
			w.ok(err)
			if !slices.Equal(p.Blocked, []string{BlockedAuthenticator}) {
				t.Errorf("the owner sees %v", p.Blocked)
			}
			// The other method works, deactivates and leads to a new app.
			s := w.signInWithCode("carla", 0)
			two, err := w.TwoStepStatus(w.ctx(), by(s))
			w.ok(err)
			if !two.Authenticators[0].Blocked {
				t.Error("her own page does not say that the app is blocked")
			}
			_, err = w.DeactivateTwoStep(w.ctx(), by(s), "", w.code("carla"))
			w.refused(err, AuthenticatorBlocked)
			_, err = w.DeactivateTwoStep(w.ctx(), by(s), "", w.cast["carla"].codes[1])
			w.ok(err)
			s, active := w.confirmed("carla")
			_, err = w.FinishActivation(w.ctx(), by(s), active.ID, true)
			w.ok(err)
			w.signIn("carla")
		})
	})
	t.Run("20 wrong recovery codes block the set", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.missed("carla", int(mostRecoveryCodes), wrongRecoveryCode)
			w.letsThePasswordBe("carla")
			w.clock.advance(40 * day)
			w.refused(w.code2("carla", w.cast["carla"].codes[0]), RecoveryBlocked)
			if n := w.count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at <> 0`, w.cast["carla"].id); n != 0 {
				t.Errorf("%d codes were spent", n)
			}
			if w.letters("carla", LetterBlockedCodes) != 1 || w.events("carla", EventRecoveryCodesBlocked) != 1 {
				t.Error("no letter or no event")
			}
			a, err := w.Attempt(w.ctx(), w.attempt("carla"))
			w.ok(err)
			if !slices.Equal(a.Methods, []string{"authenticator"}) || !a.CodesBlocked {
				t.Errorf("methods %v", a.Methods)
			}
			codes, err := w.RenewRecoveryCodes(w.ctx(), by(w.signIn("carla")))
			w.ok(err)
			w.ok(w.code2("carla", codes[0]))
		})
	})
	t.Run("both blocked: a restart", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.missed("carla", int(mostRecoveryCodes), wrongRecoveryCode)
			w.missed("carla", int(mostCodes), w.wrongCode("carla"))
			w.letsThePasswordBe("carla")
			w.refused(w.code2("carla", w.code("carla")), SecondStepBlocked)
			w.refused(w.code2("carla", w.cast["carla"].codes[0]), SecondStepBlocked)
			_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
			w.ok(err)
			s, active := w.confirmed("carla")
			_, err = w.FinishActivation(w.ctx(), by(s), active.ID, true)
			w.ok(err)
			w.signIn("carla")
		})
	})
	t.Run("100 wrong passwords block it, at an address that nobody owns alike", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			for _, email := range []string{w.cast["carla"].email, "nobody@example.com"} {
				w.missedPasswords(email, int(mostPasswords))
				for _, later := range []time.Duration{0, 20 * day} {
					w.clock.advance(later)
					w.ok(w.Chores(w.ctx()))
					_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), strings.ToUpper(email), testPassword, "")
					if r := w.refused(err, PasswordBlocked); r.RetryAfter != 0 || r.Kind() != TooMany {
						t.Errorf("%s: %+v", email, r)
					}
				}
			}
			w.clock.advance(300 * day)
			w.ok(w.Chores(w.ctx()))
			_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
			w.refused(err, PasswordBlocked)
			if w.letters("carla", LetterBlockedPassword) != 1 || w.events("carla", EventPasswordBlocked) != 1 {
				t.Error("no letter or no event")
			}
			p, err := w.Person(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id)
			w.ok(err)
			if !slices.Equal(p.Blocked, []string{BlockedPassword}) {
				t.Errorf("the owner sees %v", p.Blocked)
			}
			// A new password ends it.
			hash, err := w.hashPassword(w.ctx(), "another-password-of-hers")
			w.ok(err)
			w.ok(w.keepCount(w.ctx(), func(t *tx) error {
				u, err := t.lockUser(w.cast["carla"].team, w.cast["carla"].id)
				if err != nil {
					return err
				}
				return t.setPasswordHash(u, hash, u.status)
			}))
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, "another-password-of-hers", "")
			w.ok(err)
		})
	})
	t.Run("the last try that is right counts for nothing", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.missed("carla", int(mostCodes)-1, w.wrongCode("carla"))
			w.ok(w.code2("carla", w.code("carla")))
			if n := w.fails("carla"); n != 0 || w.letters("carla", LetterBlockedApp) != 0 {
				t.Errorf("%d failures are left", n)
			}
		})
	})
	t.Run("at the last try, 30 wrong ones at once: one is compared", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			for _, c := range []struct {
				most  int64
				wrong func() string
				fails string
			}{
				{mostCodes, w.wrongCode("dmitri"), `SELECT fails FROM authenticators WHERE user_id = $1`},
				{mostRecoveryCodes, wrongRecoveryCode, `SELECT fails FROM recovery_code_sets WHERE user_id = $1`},
			} {
				w.missed("dmitri", int(c.most)-1, c.wrong)
				attempts, wrong := w.attempts("dmitri", 30), c.wrong()
				var compared atomic.Int64
				race(30, func(i int) error {
					_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], wrong, false)
					if IsRefusal(err, WrongCode) || IsRefusal(err, WrongRecoveryCode) {
						compared.Add(1)
					} else if !IsRefusal(err, AuthenticatorBlocked) && !IsRefusal(err, RecoveryBlocked) && !IsRefusal(err, SecondStepBlocked) {
						t.Errorf("somebody heard %v", err)
					}
					return err
				})
				if n := w.count(c.fails, w.cast["dmitri"].id); compared.Load() != 1 || n != int(c.most) {
					t.Errorf("%d compared, %d failures counted, want 1 and %d", compared.Load(), n, c.most)
				}
			}
			if a, c := w.letters("dmitri", LetterBlockedApp), w.letters("dmitri", LetterBlockedCodes); a != 1 || c != 1 {
				t.Errorf("%d and %d letters", a, c)
			}
		})
	})
	// T-BF-6
	t.Run("T-BF-6: a second process goes on with the same count", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.missed("carla", freeTries, w.wrongCode("carla"))
			w.clock.advance(-30 * time.Second)
			again := &Core{db: w.db, keys: w.keys, hasher: w.hasher, clock: w.Core.clock, log: w.log}
			_, err := again.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempts("carla", 1)[0], w.code("carla"), false)
			w.refused(err, AuthenticatorWait)
		})
	})
}

// T-BF-3: the letters, and who gets them.
//
// ASVS 6.3.5, ASVS 16.3.3, T-BF-3, R13
func TestR13TheLetters(t *testing.T) {
	t.Run("the person at 3 and the owners at 10, once a day", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.missed("carla", 2, w.wrongCode("carla"))
			if n := w.letters("carla", LetterWrong); n != 0 {
				t.Errorf("%d letters after two misses", n)
			}
			w.attempt("carla") // a right password clears nothing
			w.missed("carla", 1, wrongRecoveryCode)
			if n := w.letters("carla", LetterWrong); n != 1 {
				t.Errorf("%d letters after three misses of both kinds, want 1", n)
			}
			w.missed("carla", 6, w.wrongCode("carla"))
			if n := w.letters("ana", LetterWrongOwners); n != 0 {
				t.Errorf("%d letters to the owners after nine", n)
			}
			w.missed("carla", 2, w.wrongCode("carla"))
			if a, o, z := w.letters("ana", LetterWrongOwners), w.letters("olga", LetterWrongOwners), w.letters("zoe", LetterWrongOwners); a != 1 || o != 1 || z != 0 {
				t.Errorf("%d, %d and %d letters to owners after eleven, want 1, 1 and none to another team's", a, o, z)
			}
			if n := w.letters("carla", LetterWrong); n != 1 {
				t.Errorf("%d letters on one day, want 1", n)
			}
			w.clock.advance(day)
			w.missed("carla", 1, w.wrongCode("carla"))
			if n := w.letters("carla", LetterWrong); n != 2 {
				t.Errorf("%d letters a day later, want 2", n)
			}
		})
	})
	t.Run("ten at once: one letter each", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.missed("carla", 2, w.wrongCode("carla"))
			attempts, wrong := w.attempts("carla", 20), w.codeAt("carla", 1000)
			race(20, func(i int) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], wrong, false)
				return err
			})
			if n := w.letters("carla", LetterWrong); n != 1 {
				t.Errorf("%d letters, want 1", n)
			}
		})
	})
	t.Run("ten strange misses in 30 days demand a new password, success or not", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			browser := w.lane("carla")
			for i := range strangeMisses - 1 {
				w.missed("carla", 1, w.wrongCode("carla"))
				if i%2 == 0 {
					w.signInBrowser("carla", browser) // clears the count in a row
				}
				w.clock.advance(2 * day)
			}
			if w.passwordDue("carla") {
				t.Fatal("demanded after nine")
			}
			// From her own browser it is no strange one.
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin).InBrowser(browser), w.attempts("carla", 1)[0], w.codeAt("carla", 1000), false)
			w.refused(err, WrongCode)
			if w.passwordDue("carla") {
				t.Fatal("her own miss counts")
			}
			w.missed("carla", 1, w.wrongCode("carla"))
			if !w.passwordDue("carla") || w.events("carla", EventPasswordDemanded) != 1 || w.letters("carla", LetterWrong) != 1 {
				t.Error("ten misses in 30 days demand nothing or tell nobody")
			}
		})
	})
	t.Run("those of the month before count no more", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			for range 3 {
				w.missed("carla", 4, w.wrongCode("carla"))
				w.clock.advance(16 * day)
				w.ok(w.Chores(w.ctx()))
				w.signIn("carla")
			}
			if w.passwordDue("carla") {
				t.Error("eight in 30 days demand a new password")
			}
			if n := w.count(`SELECT COUNT(*) FROM strange_misses`); n > 8 {
				t.Errorf("%d misses are kept", n)
			}
		})
	})
}

func (w *world) passwordDue(name string) bool {
	return w.count(`SELECT COUNT(*) FROM users WHERE id = $1 AND password_due`, w.cast[name].id) == 1
}

// lane signs in all the way and returns what the browser keeps.
func (w *world) lane(name string) string { return w.signInBrowser(name, "") }

func (w *world) signInBrowser(name, browser string) string {
	w.t.Helper()
	w.clock.advance(30 * time.Second)
	by := Nobody(testOrigin).InBrowser(browser)
	in, err := w.BeginSignIn(w.ctx(), by, w.cast[name].email, testPassword, "")
	w.ok(err)
	in, err = w.AcceptSecondStep(w.ctx(), by, in.Attempt, w.code(name), false)
	w.ok(err)
	if in.Browser == nil {
		w.t.Fatal("a full sign-in leaves the browser nothing")
	}
	return in.Browser.Token
}

// A browser that signed in before keeps its own lane.
func TestR13TheLanes(t *testing.T) {
	t.Run("strangers make neither wait nor block it", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			browser := w.lane("carla")
			sign := func(by Actor, pass string) error {
				_, err := w.BeginSignIn(w.ctx(), by, w.cast["carla"].email, pass, "")
				return err
			}
			home := Nobody(testOrigin).InBrowser(browser)
			for range freeTries {
				w.refused(sign(Nobody(testOrigin), "not the password at all"), WrongCredentials)
			}
			w.refused(sign(Nobody(testOrigin), testPassword), TooManyTries)
			w.ok(sign(home, testPassword))
			// What she did gives strangers no new tries.
			w.refused(sign(Nobody(testOrigin), testPassword), TooManyTries)
			w.clock.advance(30 * time.Second)
			w.missedPasswords(w.cast["carla"].email, int(mostPasswords)-freeTries)
			w.refused(sign(Nobody(testOrigin), testPassword), PasswordBlocked)
			w.ok(sign(home, testPassword))
			// Somebody else's browser is a stranger's, and so is a token that was made up.
			dmitris := w.lane("dmitri")
			for _, token := range []string{dmitris, browser + "x", strings.Repeat("A", 43), ""} {
				w.refused(sign(Nobody(testOrigin).InBrowser(token), testPassword), PasswordBlocked)
			}
			w.ok(sign(Nobody(testOrigin).InBrowser(dmitris, browser), testPassword)) // a shared computer
		})
	})
	t.Run("the lane is limited, and closes", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			home := Nobody(testOrigin).InBrowser(w.lane("carla"))
			sign := func(pass string) *Refusal {
				_, err := w.BeginSignIn(w.ctx(), home, w.cast["carla"].email, pass, "")
				return Refused(err)
			}
			for i := range mostInLane {
				r := sign("not the password at all")
				if r == nil || r.Code != WrongCredentials {
					t.Fatalf("try %d: %v", i, r)
				}
				if r.RetryAfter > 0 {
					if r := sign(testPassword); r == nil || r.Code != TooManyTries {
						t.Fatalf("during the pause after try %d: %v", i, r)
					}
				}
				w.clock.advance(r.RetryAfter)
			}
			if n := w.count(`SELECT COUNT(*) FROM lanes WHERE user_id = $1`, w.cast["carla"].id); n != 0 {
				t.Errorf("%d lanes are open", n)
			}
			if n := w.count(`SELECT COUNT(*) FROM throttles WHERE fails > 0`); n != 0 {
				t.Errorf("%d counters are left of a closed lane", n)
			}
			if r := sign("not the password at all"); r == nil || r.TriesLeft != freeTries-1 {
				t.Errorf("as a stranger: %+v", r)
			}
		})
	})
	t.Run("a new password and a restart end it, and 90 days", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			ana := w.lane("ana")
			alive := func(name, token string) bool {
				u, err := userByEmail(w.read(w.ctx()), w.cast[name].email)
				w.ok(err)
				known, err := w.laneOf(w.read(w.ctx()), Nobody(testOrigin).InBrowser(token), u)
				w.ok(err)
				return known.id != ""
			}
			carla, dmitri := w.lane("carla"), w.lane("dmitri")
			w.ok(w.keepCount(w.ctx(), func(t *tx) error {
				u, err := t.lockUser(w.cast["dmitri"].team, w.cast["dmitri"].id)
				if err != nil {
					return err
				}
				return t.setPasswordHash(u, u.passwordHash, u.status)
			}))
			_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
			w.ok(err)
			if alive("carla", carla) || alive("dmitri", dmitri) || !alive("ana", ana) {
				t.Error("a restart or a new password leaves the lane, or ends another's")
			}
			w.clock.advance(laneLasts)
			w.ok(w.Chores(w.ctx()))
			if alive("ana", ana) || w.count(`SELECT COUNT(*) FROM lanes`) != 0 {
				t.Error("a lane outlives 90 days")
			}
		})
	})
	t.Run("a person has so many and no more", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			first := w.lane("carla")
			for range lanesMost {
				w.lane("carla")
			}
			if n := w.count(`SELECT COUNT(*) FROM lanes WHERE user_id = $1`, w.cast["carla"].id); n != lanesMost {
				t.Errorf("%d lanes, want %d", n, lanesMost)
			}
			if again := w.signInBrowser("carla", first); again == first {
				t.Error("the oldest lane is not the one that went")
			}
		})
	})
	t.Run("strangers do not make a step-up wait", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s := w.signIn("carla")
			for range freeTries {
				_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, "not the password at all", "")
				w.refused(err, WrongCredentials)
			}
			w.clock.advance(30 * time.Second)
			_, err := w.StepUp(w.ctx(), by(s), testPassword, w.code("carla"))
			w.ok(err)
		})
	})
}

// T-BF-11: somebody's own sign-ins clear nobody else's counter, nor the address's.
//
// ASVS 2.4.1, ASVS 15.3.4, T-BF-11, T-BF-13, R13
func TestR13TheAddress(t *testing.T) {
	from := func(address string) Actor {
		return Nobody(Origin{Via: ViaAPI, Address: address, Device: "a test"})
	}
	t.Run("an address that tries one password at many accounts is told to wait, before any hash", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			for i := range triesOfAddress {
				w.ok(w.addresses.take("198.51.100.9", w.clock.Now()))
				if i%20 == 0 { // one of one's own in between gives nothing back
					_, err := w.BeginSignIn(w.ctx(), from("203.0.113.5"), w.cast["elena"].email, testPassword, "")
					w.ok(err)
				}
			}
			w.fault.arm(0)
			_, err := w.BeginSignIn(w.ctx(), from("198.51.100.9"), "somebody@example.com", testPassword, "")
			if r := w.refused(err, TooManyTries); r.RetryAfter != addressRegains {
				t.Errorf("told to wait %s, want %s", r.RetryAfter, addressRegains)
			}
			if n := w.fault.disarm(); n != 0 {
				t.Errorf("%d statements, so a try was counted at the account", n)
			}
			// Nobody else is kept out, and nobody there whose browser is known.
			_, err = w.BeginSignIn(w.ctx(), from("198.51.100.10"), w.cast["carla"].email, testPassword, "")
			w.ok(err)
			_, err = w.BeginSignIn(w.ctx(), from("198.51.100.9").InBrowser(w.lane("carla")), w.cast["carla"].email, testPassword, "")
			w.ok(err)
			w.clock.advance(addressRegains)
			_, err = w.BeginSignIn(w.ctx(), from("198.51.100.9"), w.cast["elena"].email, testPassword, "")
			w.ok(err)
		})
	})
	t.Run("right passwords cost an address nothing", func(t *testing.T) {
		w := newWorld(t, "")
		for range 3 {
			_, err := w.BeginSignIn(w.ctx(), from("198.51.100.9"), w.cast["elena"].email, testPassword, "")
			w.ok(err)
		}
		for range triesOfAddress {
			w.ok(w.addresses.take("198.51.100.9", w.clock.Now()))
		}
	})
	t.Run("T-BF-13: one spelling, and one bucket for each IPv6 /64", func(t *testing.T) {
		for _, same := range [][2]string{
			{"198.51.100.9", "::ffff:198.51.100.9"},
			{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
			{"fe80::1%eth0", "fe80::2"},
		} {
			l, now := newAddressLimit(), testStart
			for range triesOfAddress {
				if err := l.take(same[0], now); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.take(same[1], now); !IsRefusal(err, TooManyTries) {
				t.Errorf("%s and %s are two: %v", same[0], same[1], err)
			}
			if err := l.take("2001:db8:1:3::1", now); err != nil {
				t.Errorf("another net waits too: %v", err)
			}
		}
	})
	t.Run("who has a whole /48 has a limit too", func(t *testing.T) {
		l, n := newAddressLimit(), 0
		for i := range 2 * triesOfSite {
			if l.take(fmt.Sprintf("2001:db8:7:%x::1", i), testStart) == nil {
				n++
			}
		}
		if n != triesOfSite {
			t.Errorf("%d tries, want %d", n, triesOfSite)
		}
	})
	t.Run("its memory is bounded", func(t *testing.T) {
		l := newAddressLimit()
		for i := range addressesAtOnce + 1000 {
			if err := l.take(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), testStart); err != nil {
				t.Fatal(err)
			}
		}
		if len(l.until) > addressesAtOnce {
			t.Errorf("%d nets are remembered, want %d at most", len(l.until), addressesAtOnce)
		}
	})
}

// Unlock by proof: three right codes in a row, typed while the authenticator waits.
func TestR13TheUnlock(t *testing.T) {
	// paused makes it wait an hour.
	paused := func(w *world) {
		w.missed("carla", 11, w.wrongCode("carla"))
		_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempts("carla", 1)[0], w.codeAt("carla", 1000), false)
		w.refused(err, WrongCode)
		w.clock.advance(30 * time.Second)
	}
	next := func(w *world) { w.clock.advance(30 * time.Second) }
	t.Run("three in a row end the pause, and the third signs in", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			paused(w)
			attempt := w.attempt("carla")
			for left := codesToUnlock - 1; left > 0; left-- {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.code("carla"), false)
				if r := w.refused(err, AuthenticatorWait); r.Args["unlock"] != left {
					t.Errorf("%v more are wanted, want %d", r.Args["unlock"], left)
				}
				next(w)
			}
			in, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.code("carla"), false)
			w.ok(err)
			if in.Session.SecondStep != SecondStepAuthenticator || w.fails("carla") != 0 || w.events("carla", EventAuthenticatorUnlocked) != 1 {
				t.Errorf("%+v, %d failures left", in.Session, w.fails("carla"))
			}
			w.signIn("carla")
		})
	})
	t.Run("each step is accepted once, also when none signs in", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			paused(w)
			used := w.code("carla")
			w.refused(w.code2("carla", used), AuthenticatorWait)
			fails := w.fails("carla")
			if r := w.refused(w.code2("carla", used), AuthenticatorWait); r.Args["unlock"] != nil || w.fails("carla") != fails {
				t.Errorf("the same code again: %+v", r)
			}
			w.exec(`UPDATE authenticators SET next_try_at = 0, fails = 0`)
			w.refused(w.code2("carla", used), CodeUsed)
		})
	})
	t.Run("steps that do not follow on each other begin anew", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			paused(w)
			for _, skip := range []int{1, 2, 1, 1} {
				if r := w.refused(w.code2("carla", w.code("carla")), AuthenticatorWait); r.Args["unlock"] == nil {
					t.Fatalf("a right code: %+v", r)
				}
				for range skip {
					next(w)
				}
			}
			w.ok(w.code2("carla", w.code("carla"))) // the third of the last row
		})
	})
	t.Run("a wrong one begins anew, counts among the 50, and closes this way for a quarter of an hour", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			paused(w)
			w.refused(w.code2("carla", w.code("carla")), AuthenticatorWait)
			next(w)
			w.refused(w.code2("carla", w.code("carla")), AuthenticatorWait)
			next(w)
			fails := w.fails("carla")
			w.refused(w.code2("carla", w.codeAt("carla", 1000)), AuthenticatorWait)
			if n := w.fails("carla"); n != fails+1 || w.events("carla", EventUnlockRefused) != 1 {
				t.Errorf("%d failures, want %d", n, fails+1)
			}
			next(w)
			for range 3 { // nothing is compared now
				if r := w.refused(w.code2("carla", w.code("carla")), AuthenticatorWait); r.Args["unlock"] != nil {
					t.Errorf("%+v", r)
				}
				next(w)
			}
			w.clock.advance(firstUnlockWait)
			if r := w.refused(w.code2("carla", w.code("carla")), AuthenticatorWait); r.Args["unlock"] != codesToUnlock-1 {
				t.Errorf("%v more are wanted, want two", r.Args["unlock"])
			}
		})
	})
	t.Run("a stranger's wrong code does not break the row of a known browser", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			home := Nobody(testOrigin).InBrowser(w.lane("carla"))
			paused(w)
			for i := range codesToUnlock {
				_, err := w.AcceptSecondStep(w.ctx(), home, w.attempts("carla", 1)[0], w.code("carla"), false)
				if i == codesToUnlock-1 {
					w.ok(err)
					return
				}
				w.refused(err, AuthenticatorWait)
				w.refused(w.code2("carla", w.codeAt("carla", 1000)), AuthenticatorWait)
				next(w)
			}
		})
	})
	t.Run("40 wrong ones at once: one is compared", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			paused(w)
			fails, attempts, wrong := w.fails("carla"), w.attempts("carla", 40), w.codeAt("carla", 1000)
			race(40, func(i int) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], wrong, false)
				if !IsRefusal(err, AuthenticatorWait) {
					t.Errorf("somebody heard %v", err)
				}
				return err
			})
			if n := w.fails("carla"); n != fails+1 {
				t.Errorf("%d failures, want %d", n, fails+1)
			}
		})
	})
	t.Run("40 times one right code at once: one counts", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			paused(w)
			fails, attempts, right := w.fails("carla"), w.attempts("carla", 40), w.code("carla")
			var counted atomic.Int64
			race(40, func(i int) error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], right, false)
				if r := Refused(err); r != nil && r.Args["unlock"] == 2 {
					counted.Add(1)
				}
				return err
			})
			if n := w.fails("carla"); n != fails || counted.Load() != 1 {
				t.Errorf("%d failures, want %d; %d counted in the row, want 1", n, fails, counted.Load())
			}
		})
	})
	t.Run("50 are 50, whichever way they were tried", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			for n := 0; n < 5*int(mostCodes); n++ {
				r := Refused(w.code2("carla", w.codeAt("carla", 1000)))
				if r == nil {
					t.Fatal("a wrong code opens")
				}
				if r.Code == AuthenticatorBlocked && r.RetryAfter == 0 {
					break
				}
				w.clock.advance(20 * time.Minute)
			}
			if n := w.fails("carla"); n != int(mostCodes) || w.letters("carla", LetterBlockedApp) != 1 {
				t.Errorf("%d failures, %d letters", n, w.letters("carla", LetterBlockedApp))
			}
		})
	})
	t.Run("on a step-up too", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			s := w.signIn("carla")
			w.exec(`UPDATE authenticators SET fails = 12, next_try_at = $1`, ms(w.clock.Now().Add(time.Hour)))
			next(w)
			for i := range codesToUnlock {
				_, err := w.StepUp(w.ctx(), by(s), testPassword, w.code("carla"))
				if i == codesToUnlock-1 {
					w.ok(err)
					return
				}
				w.refused(err, AuthenticatorWait)
				next(w)
			}
		})
	})
}

// T-BF-4: the committed count stands when whoever tries hangs up, or the database
// fails behind the comparison; the same while an authenticator waits.
//
// T-BF-4, R13, P2, P8
func TestR13TheCountStands(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for k := 1; k <= 8; k++ {
			before := w.fails("carla")
			attempt := w.attempts("carla", 1)[0]
			w.fault.arm(k)
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.codeAt("carla", 1000), false)
			w.fault.disarm()
			if Refused(err) == nil && err == nil {
				t.Fatal("a wrong code opens")
			}
			if n := w.fails("carla"); n != before && n != before+1 || k > 2 && n != before+1 {
				t.Errorf("statement %d fails: %d failures behind %d", k, n, before)
			}
			w.clock.advance(time.Hour)
		}
	})
}

// T-BF-5: every kind of credential is limited at every entry, and T-BF-1: by one
// counter, whichever the entry.
//
// T-BF-1, T-BF-5, R13, P2
func TestR13EveryEntry(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		attempt := w.attempt("carla")
		wrong := w.codeAt("carla", 1000)
		second := func(text string) func() error {
			return func() error {
				_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, text, false)
				return err
			}
		}
		stepUp := func(pass, text string) func() error {
			return func() error { _, err := w.StepUp(w.ctx(), by(s), pass, text); return err }
		}
		deactivate := func(text string) func() error {
			return func() error { _, err := w.DeactivateTwoStep(w.ctx(), by(s), "", text); return err }
		}
		for _, c := range []struct {
			what    string
			entries []func() error
			wait    Code
		}{
			{"authentication code", []func() error{second(wrong), stepUp(testPassword, wrong), deactivate(wrong)}, AuthenticatorWait},
			{"recovery code", []func() error{second(wrongRecoveryCode()), deactivate(wrongRecoveryCode())}, RecoveryWait},
			{"password", []func() error{stepUp("not the password at all", wrong)}, TooManyTries},
		} {
			for i := range freeTries {
				if r := Refused(c.entries[i%len(c.entries)]()); r == nil || !r.Counted || r.TriesLeft != freeTries-1-i {
					t.Fatalf("%s, try %d: %+v", c.what, i, r)
				}
			}
			for i, entry := range c.entries {
				if r := Refused(entry()); r == nil || r.Code != c.wait {
					t.Errorf("%s, entry %d: %+v, want %s", c.what, i, r, c.wait)
				}
			}
		}
	})
}

// T-BF-6 and P2: two processes on one database compare no more than one would.
//
// T-BF-6, P2
func TestR13TwoProcesses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.missed("carla", int(mostCodes)-1, w.wrongCode("carla"))
		other := &Core{db: w.db, keys: w.keys, hasher: w.hasher, clock: w.Core.clock, log: w.log, addresses: newAddressLimit()}
		attempts, wrong := w.attempts("carla", 20), w.codeAt("carla", 1000)
		var compared atomic.Int64
		race(20, func(i int) error {
			c := []*Core{w.Core, other}[i%2]
			_, err := c.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempts[i], wrong, false)
			if IsRefusal(err, WrongCode) {
				compared.Add(1)
			}
			return err
		})
		if compared.Load() != 1 || w.fails("carla") != int(mostCodes) {
			t.Errorf("%d compared, %d counted", compared.Load(), w.fails("carla"))
		}
	})
}

// A wait names what else works only where it does.
func TestR13WhatElseWorks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		pause := func() {
			w.exec(`UPDATE authenticators SET fails = 12, next_try_at = $1`, ms(w.clock.Now().Add(time.Hour)))
		}
		pause()
		wrong := w.codeAt("carla", 1000)
		if r := w.refused(w.code2("carla", wrong), AuthenticatorWait); r.Alone {
			t.Error("the recovery codes work")
		}
		_, err := w.StepUp(w.ctx(), by(s), testPassword, wrong)
		if r := w.refused(err, AuthenticatorWait); !r.Alone {
			t.Error("a recovery code cannot step up")
		}
		w.exec(`UPDATE recovery_code_sets SET fails = 7, next_try_at = $1`, ms(w.clock.Now().Add(time.Hour)))
		if r := w.refused(w.code2("carla", w.cast["carla"].codes[0]), RecoveryWait); !r.Alone {
			t.Error("the app waits too")
		}
		w.exec(`UPDATE authenticators SET fails = 0, next_try_at = 0`)
		if r := w.refused(w.code2("carla", w.cast["carla"].codes[0]), RecoveryWait); r.Alone {
			t.Error("the app works")
		}
		w.exec(`UPDATE recovery_code_sets SET fails = 0, next_try_at = 0`)
		w.exec(`UPDATE recovery_codes SET used_at = 1`)
		pause()
		if r := w.refused(w.code2("carla", wrong), AuthenticatorWait); !r.Alone {
			t.Error("no code is left")
		}
	})
}

// The last tries at a password, 30 at once: one is compared, at the account and at an
// address that nobody owns.
func TestR13TheLastPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, email := range []string{w.cast["carla"].email, "nobody@example.com"} {
			w.missedPasswords(email, int(mostPasswords)-1)
			var compared atomic.Int64
			race(30, func(int) error {
				_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), email, "not the password at all", "")
				if r := Refused(err); r != nil && r.Code == WrongCredentials {
					compared.Add(1)
					if !r.Blocked || r.RetryAfter != 0 {
						t.Errorf("the last one heard %+v", r)
					}
				} else if !IsRefusal(err, PasswordBlocked) && !IsRefusal(err, TooManyTries) {
					t.Errorf("somebody heard %v", err)
				}
				return err
			})
			if compared.Load() != 1 {
				t.Errorf("%s: %d were compared, want 1", email, compared.Load())
			}
		}
	})
}

// R12 with a token of a browser: which address it is tried at cannot be told from the
// answer, nor from what is done for it.
func TestR12InABrowser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := Nobody(testOrigin).InBrowser(w.lane("dmitri"))
		statements := -1
		for _, email := range []string{"nobody@example.com", w.cast["carla"].email, w.cast["farid"].email} {
			w.fault.arm(0)
			_, err := w.BeginSignIn(w.ctx(), by, email, "not the password at all", "")
			n := w.fault.disarm()
			if r := w.refused(err, WrongCredentials); r.TriesLeft != freeTries-1 {
				t.Errorf("%s: %+v", email, r)
			}
			if statements == -1 {
				statements = n
			}
			if n != statements {
				t.Errorf("%s: %d statements, want %d", email, n, statements)
			}
		}
	})
}
