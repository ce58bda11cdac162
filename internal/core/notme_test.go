package core

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// letterTo is the newest letter of a kind to somebody, as the postman gets it.
func (w *world) letterTo(who string, kind LetterKind) Letter {
	w.t.Helper()
	w.clock.advance(2 * letterLease) // an earlier look has claimed them
	var found Letter
	for {
		letters, err := w.ClaimLetters(w.ctx(), 100)
		w.ok(err)
		for _, l := range letters {
			if l.Kind == kind && l.Recipient == w.cast[who].email {
				found = l
			}
		}
		if len(letters) < 100 {
			break
		}
	}
	if found.NotMe == "" {
		w.t.Fatalf("no letter %s to %s", kind, who)
	}
	return found
}

func (w *world) reportNotMe(token string) (*NotMe, error) {
	return w.ReportNotMe(w.ctx(), Nobody(Origin{Via: ViaPage, Address: "198.51.100.9", Device: "a browser"}), token)
}

// "This was not me" ends all that somebody else may hold, asks for a new password,
// tells the owners, and gives nobody anything.
//
// ASVS 9.2.1, NIST 3.2.1, NIST 4.3, NIST 4.6
func TestNotMe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		thief := w.signInFrom("carla", firefoxOnLinux)
		token := w.letterTo("carla", LetterNewDevice).NotMe
		half := w.attempt("carla")
		before := w.snapshot()
		n, err := w.OpenNotMe(w.ctx(), token)
		w.ok(err)
		if n.Done || n.Freezes || n.Email != w.cast["carla"].email || n.Letter != LetterNewDevice {
			t.Errorf("%+v", n)
		}
		if w.snapshot() != before || !w.live(thief) {
			t.Error("opening the link changed something")
		}
		n, err = w.reportNotMe(token)
		w.ok(err)
		if n.SessionsEnded != 1 || w.live(thief) || w.WhyEnded(w.ctx(), thief.Token) != EndedNotMe {
			t.Errorf("%+v", n)
		}
		_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), half, w.codeAt("carla", 1), false)
		w.refused(err, AttemptOver)
		u := w.user("carla")
		if !u.passwordDue || u.status != StatusActive || u.twoStep != TwoStepActive {
			t.Errorf("%+v", u)
		}
		if w.events("carla", EventNotMeReported) != 1 || w.letters("carla", LetterNotMe) != 1 || w.letters("ana", LetterNotMeOwners) != 1 {
			t.Error("not recorded, or not everybody was told")
		}
		// The browser is a stranger's again.
		if seen, err := w.browserSeen(w.read(w.ctx()), u, firefoxOnLinux); err != nil || seen {
			t.Errorf("the disowned browser counts as seen: %v %v", seen, err)
		}
	})
}

// Whoever reads an old letter locks somebody out once, not for ever.
func TestNotMeCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.signInFrom("carla", firefoxOnLinux)
		first := w.letterTo("carla", LetterNewDevice).NotMe
		w.clock.advance(time.Minute)
		w.signInFrom("carla", chromeOnPhone)
		second := w.letterTo("carla", LetterNewDevice).NotMe
		if first == second {
			t.Fatal("two letters have one link")
		}
		w.clock.advance(time.Minute)
		_, err := w.reportNotMe(second)
		w.ok(err)
		w.exec(`UPDATE users SET password_due = FALSE WHERE id = $1`, w.cast["carla"].id)
		s := w.signIn("carla")
		for _, token := range []string{second, first, second} { // the same, an earlier one, and once more
			n, err := w.reportNotMe(token)
			w.ok(err)
			if !n.Done || n.SessionsEnded != 0 || !w.live(s) {
				t.Errorf("said again, it ended %d sessions", n.SessionsEnded)
			}
		}
		if n := w.events("carla", EventNotMeReported); n != 1 {
			t.Errorf("%d events", n)
		}
		// Its own letter says so with no link; new ones count, but not more than three a day.
		for i := range notMeMost {
			w.clock.advance(time.Minute)
			w.signInFrom("carla", strings.Repeat("x", i+1)+"/1.0")
			_, err = w.reportNotMe(w.letterTo("carla", LetterNewDevice).NotMe)
			if i < notMeMost-1 {
				w.ok(err)
			}
		}
		if r := w.refused(err, TooManyReports); r.RetryAfter <= 0 {
			t.Error("for how long is not said")
		}
	})
}

// A request that somebody made with the person's password is over with it.
func TestNotMeEndsARequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.asks("carla")
		_, err := w.reportNotMe(w.letterTo("carla", LetterAsked).NotMe)
		w.ok(err)
		if n := w.count(`SELECT COUNT(*) FROM restart_requests WHERE user_id = $1 AND state = 'open'`, w.cast["carla"].id); n != 0 {
			t.Errorf("%d requests are still open", n)
		}
		if !w.user("carla").passwordDue {
			t.Error("whoever asked may go on with the password")
		}
	})
}

// After a restart that the person did not ask for, the account is frozen.
func TestNotMeAfterARestart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, impostor := w.restartedAndBack("carla", by(w.signIn("bruno")), "a phone")
		_, err := w.reportNotMe(w.letterTo("carla", LetterRestarted).NotMe)
		w.ok(err)
		if w.live(impostor) || w.user("carla").status != StatusSuspended || w.events("carla", EventUserFrozen) != 1 || w.events("carla", EventNotMeReported) != 1 {
			t.Error("not frozen, or not recorded")
		}
		if w.letters("ana", LetterNotMeFrozenOwners) != 1 || w.letters("ana", LetterNotMeOwners) != 0 || w.letters("carla", LetterFrozen) != 1 {
			t.Error("not everybody was told once")
		}
		p, err := w.Person(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id)
		w.ok(err)
		if p.Frozen == nil || p.Frozen.Why != FrozenNotMe || p.AskedAbout != "" {
			t.Errorf("%+v, asked about %q", p.Frozen, p.AskedAbout)
		}
		// Brought back, the letters from before freeze nobody again.
		w.ok(w.BringBackFromConsole(w.ctx(), Console("root"), w.cast["carla"].email, "talked to her"))
		n, err := w.reportNotMe(w.letterTo("carla", LetterRestarted).NotMe)
		w.ok(err)
		if !n.Done || w.user("carla").status != StatusActive {
			t.Error("an old letter froze the account again")
		}
	})
}

// A sole owner is not suspended (R11), but closed until a restart from the console.
func TestNotMeOfASoleOwner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, err := w.RestartFromConsole(w.ctx(), Console("root"), w.cast["zoe"].email, "somebody called")
		w.ok(err)
		impostor := w.activatesAgain("zoe", "a phone", r.Pass)
		_, err = w.reportNotMe(w.letterTo("zoe", LetterRestarted).NotMe)
		w.ok(err)
		u := w.user("zoe")
		if w.live(impostor) || u.status != StatusActive || !u.passwordDue || w.letters("zoe", LetterFrozenSole) != 1 || w.events("zoe", EventUserFrozen) != 1 {
			t.Errorf("%+v", u)
		}
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["zoe"].email, testPassword, "")
		w.refused(err, AccountClosed)
		r, err = w.RestartFromConsole(w.ctx(), Console("root"), w.cast["zoe"].email, "met her")
		w.ok(err)
		w.letsThePasswordBe("zoe")
		w.activatesAgain("zoe", "her laptop", r.Pass)
	})
}

func TestNotMeRaces(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.restartedAndBack("carla", by(w.signIn("bruno")), "a phone")
		restarted, activated := w.letterTo("carla", LetterRestarted).NotMe, w.letterTo("carla", LetterActivated).NotMe
		won, errs := race(8, func(i int) error {
			_, err := w.reportNotMe(map[bool]string{true: restarted, false: activated}[i%2 == 0])
			return err
		})
		if won != 8 || len(errs) > 0 {
			t.Errorf("%d of 8: %v", won, errs)
		}
		if n := w.events("carla", EventNotMeReported); n != 1 {
			t.Errorf("%d reports count, want 1", n)
		}
	})
	t.Run("whichever statement fails, nothing was changed", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			w.restartedAndBack("carla", by(w.signIn("bruno")), "a phone")
			token := w.letterTo("carla", LetterRestarted).NotMe
			w.everyStatement(func() error {
				_, err := w.reportNotMe(token)
				return err
			})
		})
	})
}

// A link that is not ours, is another's, or is old says only that it is over.
//
// ASVS 9.1.1
func TestNotMeLinks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.signInFrom("carla", firefoxOnLinux)
		token := w.letterTo("carla", LetterNewDevice).NotMe
		raw, err := base64.RawURLEncoding.DecodeString(token)
		w.ok(err)
		forged := []string{"", "none", strings.Repeat("A", 5000), token[:len(token)-4], token + "AAAA"}
		for i := range raw {
			bad := append([]byte(nil), raw...)
			bad[i] ^= 1
			forged = append(forged, base64.RawURLEncoding.EncodeToString(bad))
		}
		before := w.snapshot()
		for _, bad := range forged {
			_, err := w.OpenNotMe(w.ctx(), bad)
			w.refused(err, LinkGone)
			_, err = w.reportNotMe(bad)
			w.refused(err, LinkGone)
		}
		if w.snapshot() != before {
			t.Error("a forged link changed something")
		}
		w.clock.advance(NotMeLasts)
		_, err = w.reportNotMe(token)
		w.refused(err, LinkGone)
		// Nor the link of somebody who is gone.
		w.signInFrom("dmitri", firefoxOnLinux)
		token = w.letterTo("dmitri", LetterNewDevice).NotMe
		w.ok(w.RemoveUser(w.ctx(), by(w.signIn("ana")), w.cast["dmitri"].id))
		_, err = w.reportNotMe(token)
		w.refused(err, LinkGone)
	})
}
