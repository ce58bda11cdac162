package core

import (
	"testing"
	"time"
)

// asked has Carla ask for a second address, and returns the token that was mailed
// to it.
func (w *world) asked(s *Session, email string) string {
	w.t.Helper()
	w.emptyOutbox()
	_, err := w.SetNotificationAddress(w.ctx(), by(s), email)
	w.ok(err)
	for _, l := range w.claim(w.count(`SELECT COUNT(*) FROM outbox`)) {
		if l.Kind == LetterNotifyConfirm && l.Recipient == email {
			return l.Link[len("/notification-address/"):]
		}
	}
	w.t.Fatalf("no link was sent to %s", email)
	return ""
}

func (w *world) agree(token string) error {
	form, err := w.OpenNotificationLink(w.ctx(), token)
	if err != nil {
		return err
	}
	_, err = w.ConfirmNotificationAddress(w.ctx(), Nobody(testOrigin), form)
	return err
}

// told are the addresses that letters of a kind were queued for, with how many.
func (w *world) told(kind LetterKind) map[string]int {
	w.t.Helper()
	told := map[string]int{}
	w.ok(w.read(w.ctx()).each(`SELECT recipient FROM outbox WHERE kind = $1`, []any{string(kind)}, func(scan func(...any) error) error {
		var to string
		err := scan(&to)
		told[to]++
		return err
	}))
	return told
}

// toldAt are all of these and nobody else, once each.
func (w *world) toldAt(kind LetterKind, addresses ...string) {
	w.t.Helper()
	got := w.told(kind)
	if len(got) != len(addresses) {
		w.t.Errorf("%s: told %v, want %v", kind, got, addresses)
	}
	for _, a := range addresses {
		if got[a] != 1 {
			w.t.Errorf("%s: told %v, want %v", kind, got, addresses)
		}
	}
}

// A second address gets nothing before it agreed, every letter from then on, and a
// last one when it is removed (NIST SP 800-63B-4 §4.6).
//
// ASVS 6.3.7, NIST 4.6
func TestTheSecondAddressIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, carla := w.signIn("carla"), w.cast["carla"].email
		token := w.asked(s, "carla@home.example")
		w.toldAt(LetterNotifyAsked, carla)
		w.toldAt(LetterNotifyConfirm, "carla@home.example")
		if n, err := w.NotificationAddress(w.ctx(), by(s)); err != nil || n.Email != "" || n.Waiting != "carla@home.example" {
			t.Errorf("%+v, %v", n, err)
		}
		w.emptyOutbox()
		_, err := w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, UserChange{Status: ptr(StatusSuspended)})
		w.ok(err)
		w.toldAt(LetterSuspended, carla)
		w.refused(w.agree(token), LinkGone) // who is suspended agrees to nothing
		_, err = w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, UserChange{Status: ptr(StatusActive)})
		w.ok(err)

		s = w.signIn("carla")
		token = w.asked(s, "carla@home.example")
		w.ok(w.agree(token))
		w.toldAt(LetterNotifyVerified, carla, "carla@home.example")
		w.refused(w.agree(token), LinkGone)

		// The next one is asked for: the first two are told, and it holds until then.
		token = w.asked(s, "carla@work.example")
		w.toldAt(LetterNotifyAsked, carla, "carla@home.example")
		w.toldAt(LetterNotifyConfirm, "carla@work.example")
		w.ok(w.agree(token))
		w.toldAt(LetterNotifyVerified, carla, "carla@home.example", "carla@work.example")

		w.emptyOutbox()
		w.ok(w.RemoveNotificationAddress(w.ctx(), by(s)))
		w.toldAt(LetterNotifyRemoved, carla, "carla@work.example")
		w.ok(w.RemoveNotificationAddress(w.ctx(), by(s))) // there is none: nothing to tell
		w.toldAt(LetterNotifyRemoved, carla, "carla@work.example")
		for event, n := range map[string]int{EventNotificationAddressAsked: 3, EventNotificationAddressVerified: 2, EventNotificationAddressRemoved: 1} {
			if got := w.events("carla", event); got != n {
				t.Errorf("%s: %d, want %d", event, got, n)
			}
		}
	})
}

// Links to get in by go to one's own address alone.
//
// NIST 4.2.1.2
func TestTheSecondAddressGetsNoLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ok(w.agree(w.asked(w.signIn("carla"), "carla@home.example")))
		w.emptyOutbox()
		w.queueLink("/set-password/TOKEN", time.Hour)
		w.toldAt(LetterNotifyConfirm, w.cast["carla"].email) // its kind is that of any letter with a link
	})
}

// Whoever got in may have added a second address, and would go on reading: "this was
// not me" and taking an address change back remove what has counted since, and no more.
func TestAStrangersSecondAddressGoes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		left := func() int { return w.count(`SELECT COUNT(*) FROM notification_addresses`) }
		adds := func(email string) {
			t.Helper()
			w.ok(w.agree(w.asked(w.signIn("carla"), email)))
		}
		adds("carla@home.example")
		w.clock.advance(time.Minute)
		w.signInFrom("carla", firefoxOnLinux)
		before := w.letterTo("carla", LetterNewDevice).NotMe
		_, err := w.reportNotMe(before)
		w.ok(err)
		if left() != 1 {
			t.Error("an address of before the stranger came was removed")
		}
		w.letsThePasswordBe("carla")

		for _, how := range []string{"the letter that it counts", "the letter of the sign-in before it", "the address change before it"} {
			t.Log(how)
			w.clock.advance(25 * time.Hour) // reports are counted
			var report func() error
			says := func(kind LetterKind) {
				token := w.letterTo("carla", kind).NotMe
				report = func() error { _, err := w.reportNotMe(token); return err }
			}
			switch how {
			case "the letter of the sign-in before it":
				w.signInFrom("carla", chromeOnPhone)
				says(LetterNewDevice)
			case "the address change before it":
				form, err := w.OpenUndoLink(w.ctx(), w.changesEmail("carla", "new@example.com"))
				w.ok(err)
				report = func() error { _, err := w.UndoEmailChange(w.ctx(), Nobody(testOrigin), form); return err }
			}
			adds("thief@example.org")
			if report == nil {
				says(LetterNotifyVerified)
			}
			w.emptyOutbox()
			w.ok(report())
			if left() != 0 {
				t.Error("the stranger's address stays")
			}
			w.toldAt(LetterNotifyRemoved, "carla@example.com", "thief@example.org")
			m := w.cast["carla"]
			m.email = "carla@example.com"
			w.cast["carla"] = m
			w.letsThePasswordBe("carla")
		}
	})
}

// T-RESET-3: whatever changes of what the person proves themself with takes the
// asking back, and so does a newer link. T-RESET-2: it works for a day.
//
// T-RESET-2, T-RESET-3
func TestOldAskingsAreTakenBack(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"restarted": func(w *world) {
			_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
			w.ok(err)
		},
		"another role": func(w *world) {
			_, err := w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, UserChange{Role: ptr(RoleAdmin)})
			w.ok(err)
		},
		"another address asked for": func(w *world) {
			_, err := w.SetNotificationAddress(w.ctx(), by(w.signIn("carla")), "other@home.example")
			w.ok(err)
		},
		"removed": func(w *world) { w.ok(w.RemoveNotificationAddress(w.ctx(), by(w.signIn("carla")))) },
		"no user": func(w *world) { w.ok(w.RemoveUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id)) },
		"a day":   func(w *world) { w.clock.advance(day) },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				token := w.asked(w.signIn("carla"), "carla@home.example")
				change(w)
				w.refused(w.agree(token), LinkGone)
				if n := w.count(`SELECT COUNT(*) FROM notification_addresses WHERE email <> ''`); n != 0 {
					t.Error("and it counts all the same")
				}
			})
		})
	}
}

func TestWhoMayChangeTheSecondAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		try := func(s *Session, email string) error {
			_, err := w.SetNotificationAddress(w.ctx(), by(s), email)
			return err
		}
		s := w.signIn("carla")
		w.refused(try(s, "nonsense"), EmailInvalid)
		w.refused(try(s, "a@b.example\r\nBcc: x@evil.example"), EmailInvalid)
		w.refused(try(s, "  "+"CARLA@example.com "), SameAddress)
		w.refused(try(w.signInWithCode("carla", 0), "x@home.example"), RecoverySession)
		w.clock.advance(11 * time.Minute)
		w.refused(try(s, "x@home.example"), StepUpRequired)
		w.refused(w.RemoveNotificationAddress(w.ctx(), by(s)), StepUpRequired)
		s = w.signIn("carla")
		w.ok(w.keepCount(w.ctx(), func(t *tx) error {
			u, err := t.lockUser(s.User.Team.ID, s.User.ID)
			if err != nil {
				return err
			}
			return t.contain(u, t.now.Add(time.Hour))
		}))
		w.refused(try(s, "x@home.example"), Contained)
		w.refused(w.RemoveNotificationAddress(w.ctx(), by(s)), Contained)
		if n := w.count(`SELECT COUNT(*) FROM notification_addresses`); n != 0 {
			t.Error("and something was kept")
		}
		_, err := w.NotificationAddress(w.ctx(), Nobody(testOrigin))
		w.refused(err, NotSignedIn)
	})
}

// Somebody's mailbox is not there to be filled by others.
func TestAskingsAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		for range notifyAsksMost {
			_, err := w.SetNotificationAddress(w.ctx(), by(s), "victim@example.net")
			w.ok(err)
		}
		_, err := w.SetNotificationAddress(w.ctx(), by(s), "victim@example.net")
		w.refused(err, TooManyLetters)
		w.clock.advance(day)
		_, err = w.SetNotificationAddress(w.ctx(), by(w.signIn("carla")), "victim@example.net")
		w.ok(err)
	})
}

// Of eight who press the button of one link, one counts.
func TestOneLinkIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.asked(w.signIn("carla"), "carla@home.example")
		won, errs := race(8, func(int) error { return w.agree(token) })
		for _, err := range errs {
			w.refused(err, LinkGone)
		}
		if n := w.events("carla", EventNotificationAddressVerified); won != 1 || n != 1 {
			t.Errorf("%d won, %d events", won, n)
		}
	})
}

// What could not be delivered is an owner's to see and to send again, of their own
// team alone; two who press at once send it once.
func TestResendLetter(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.emptyOutbox()
		w.queueLink("/x/TOKEN", 3*time.Hour)
		var id string
		for range letterRefusals {
			l := w.claim(1)[0]
			id = l.ID
			_, err := w.LetterFailed(w.ctx(), l, LetterRefused, "550 no such mailbox")
			w.ok(err)
			w.clock.advance(letterRefusedWait)
		}
		ana := w.signIn("ana")
		dead, total, err := w.DeadLetters(w.ctx(), by(ana))
		w.ok(err)
		if total != 1 || len(dead) != 1 || dead[0].ID != id || dead[0].Why != LetterRefused || dead[0].Reply != "550 no such mailbox" || dead[0].Recipient != w.cast["carla"].email || dead[0].MayNotResend != nil {
			t.Errorf("%+v, %d", dead, total)
		}
		for name, want := range map[string]Code{"carla": OwnerOnly, "bruno": OwnerOnly, "zoe": Missing} {
			s := w.signIn(name)
			w.refused(w.ResendLetter(w.ctx(), by(s), id), want)
			if list, n, err := w.DeadLetters(w.ctx(), by(s)); len(list) != 0 || n != 0 || want == OwnerOnly && !IsRefusal(err, OwnerOnly) {
				t.Errorf("%s: %v, %d, %v", name, list, n, err)
			}
		}
		w.refused(w.ResendLetter(w.ctx(), by(ana), "none"), Missing)
		w.refused(w.ResendLetter(w.ctx(), by(w.signInWithCode("ana", 0)), id), RecoverySession)
		won, errs := race(4, func(int) error { return w.ResendLetter(w.ctx(), by(ana), id) })
		for _, err := range errs {
			w.refused(err, LetterNotDead)
		}
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE event = $1`, EventLetterResent); won != 1 || n != 1 {
			t.Errorf("%d won, %d events", won, n)
		}
		again := w.claim(w.count(`SELECT COUNT(*) FROM outbox WHERE state = 'ready'`))
		for _, l := range again {
			if l.ID == id && (l.Tries != 1 || l.Link != "/x/TOKEN") {
				t.Errorf("%+v", l)
			}
		}
		w.ok(w.LetterSent(w.ctx(), id))
		w.refused(w.ResendLetter(w.ctx(), by(ana), id), LetterNotDead)

		// All at once: those of one's team, whose links still work.
		w.emptyOutbox()
		w.queueLink("/x/OVER", time.Hour)
		w.queueLink("/x/GOOD", day)
		w.queueLink("/x/BETTER", day)
		w.ok(w.keepCount(w.ctx(), func(t *tx) error {
			_, err := t.exec(`UPDATE outbox SET state = 'dead', dead_at = $1, failure = 'refused'`, ms(t.now))
			return err
		}))
		w.clock.advance(time.Hour)
		_, err = w.ResendLetters(w.ctx(), by(w.signInWithCode("ana", 1)))
		w.refused(err, RecoverySession)
		for name, want := range map[string]int{"zoe": 0, "ana": 2} {
			if n, err := w.ResendLetters(w.ctx(), by(w.signIn(name))); err != nil || n != want {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		_, err = w.ResendLetters(w.ctx(), by(w.signIn("bruno")))
		w.refused(err, OwnerOnly)
		if n := w.count(`SELECT COUNT(*) FROM outbox WHERE state = 'dead'`); n != 1 {
			t.Errorf("%d are still dead, want the one whose link is over", n)
		}
	})
}
