package core

import (
	"testing"
	"time"
)

// Every way in which a session ends, by one function of the row.
//
// ASVS 7.3.1, ASVS 7.3.2
func TestSessionOver(t *testing.T) {
	start := ms(testStart)
	row := func(change func(*sessionRow)) *sessionRow {
		s := &sessionRow{createdAt: start, lastSeenAt: start, idle: time.Hour.Milliseconds(), expiresAt: ms(testStart.Add(24 * time.Hour))}
		if change != nil {
			change(s)
		}
		return s
	}
	for _, c := range []struct {
		name  string
		row   *sessionRow
		after time.Duration
		want  EndReason
	}{
		{"fresh", row(nil), 0, ""},
		{"just before idle", row(nil), time.Hour - time.Millisecond, ""},
		{"idle", row(nil), time.Hour, EndedIdle},
		{"seen again", row(func(s *sessionRow) { s.lastSeenAt += time.Hour.Milliseconds() }), 90 * time.Minute, ""},
		{"absolute", row(func(s *sessionRow) { s.lastSeenAt = ms(testStart.Add(24 * time.Hour)) }), 24 * time.Hour, EndedAbsolute},
		{"absolute comes before idle", row(nil), 25 * time.Hour, EndedAbsolute},
		{"an hour with a recovery code", row(func(s *sessionRow) {
			s.secondStep, s.expiresAt, s.idle = SecondStepRecoveryCode, ms(testStart.Add(time.Hour)), day.Milliseconds()
		}), time.Hour, EndedRecovery},
		{"ended", row(func(s *sessionRow) { s.endedAt, s.endReason = start, EndedRestarted }), 0, EndedRestarted},
		{"ended stays ended for its reason", row(func(s *sessionRow) { s.endedAt, s.endReason = start, EndedRestarted }), 30 * day, EndedRestarted},
		{"a clock set back does not revive", row(func(s *sessionRow) { s.endedAt, s.endReason = start, EndedSignedOut }), -time.Hour, EndedSignedOut},
	} {
		if got := c.row.over(testStart.Add(c.after)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// ASVS 7.3.1, ASVS 7.3.2, NIST 2.1.3, NIST 2.2.3, NIST 5.2
func TestSessionsOverTime(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.signIn("carla")
		for range 30 { // seen every 45 minutes, for 22.5 hours
			w.clock.advance(45 * time.Minute)
			_, err := w.Session(w.ctx(), s.Token)
			w.ok(err)
		}
		w.clock.advance(61 * time.Minute)
		_, err := w.Session(w.ctx(), s.Token)
		if r := w.refused(err, SessionEnded); r.Reason != EndedIdle {
			t.Errorf("reason %q", r.Reason)
		}
		w.clock.advance(time.Hour)
		if why := w.WhyEnded(w.ctx(), s.Token); why != EndedAbsolute {
			t.Errorf("after 24 hours the page is told %q", why)
		}
		if why := w.WhyEnded(w.ctx(), "no such token"); why != "" {
			t.Errorf("an unknown token is told %q", why)
		}
		for _, token := range []string{"", "x", s.Token + "A", s.Token[:42], "'; DROP TABLE sessions; --", string(make([]byte, 70000))} {
			_, err := w.Session(w.ctx(), token)
			w.refused(err, NotSignedIn)
		}
	})
}

// After each of these every other session fails on its next request (P5).
//
// ASVS 7.4.3, P5
func TestChangesEndSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		admin, member, suspended := RoleAdmin, RoleMember, StatusSuspended
		for _, c := range []struct {
			name string
			want EndReason
			do   func() error
		}{
			{"role", EndedRoleChanged, func() error {
				_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, UserChange{Role: &admin})
				return err
			}},
			{"role back", EndedRoleChanged, func() error {
				_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, UserChange{Role: &member})
				return err
			}},
			{"ended by an owner", EndedByAdministrator, func() error { _, err := w.EndUserSessions(w.ctx(), by(ana), w.cast["carla"].id); return err }},
			{"others ended", EndedElsewhere, func() error { _, err := w.EndOtherSessions(w.ctx(), by(w.signIn("carla"))); return err }},
			{"suspended", EndedSuspended, func() error {
				_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, UserChange{Status: &suspended})
				return err
			}},
		} {
			s := w.signIn("carla")
			w.ok(c.do())
			_, err := w.Session(w.ctx(), s.Token)
			if r := w.refused(err, SessionEnded); r.Reason != c.want {
				t.Errorf("%s: the reason is %q, want %q", c.name, r.Reason, c.want)
			}
		}
		if _, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, ""); !IsRefusal(err, WrongCredentials) {
			t.Errorf("a suspended person signs in: %v", err)
		}
		d := w.signIn("dmitri")
		w.ok(w.RemoveUser(w.ctx(), by(ana), w.cast["dmitri"].id))
		if w.live(d) {
			t.Error("a removed person's session lives")
		}
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE target_name = 'Dmitri'`); n == 0 {
			t.Error("the log forgot a removed person")
		}
	})
}

// ASVS 7.5.2
func TestOwnSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.signIn("carla")
		second := w.signIn("carla")
		list, err := w.Sessions(w.ctx(), by(second))
		w.ok(err)
		if len(list) != 2 || list[0].ID != second.ID || list[0].Token != "" {
			t.Errorf("%d sessions listed", len(list))
		}
		theirs := w.signIn("dmitri")
		_, err = w.EndSession(w.ctx(), by(second), theirs.ID)
		w.refused(err, Missing)
		_, err = w.EndSession(w.ctx(), by(second), first.ID)
		w.ok(err)
		if w.live(first) || !w.live(second) || !w.live(theirs) {
			t.Error("the wrong session ended")
		}
		w.ok(w.SignOut(w.ctx(), by(second)))
		w.ok(w.SignOut(w.ctx(), by(second))) // twice is no error
	})
}

// Texts that no engine takes are simply not there; nothing fails on them.
//
// ASVS 1.2.4, ASVS 1.3.3
func TestHostileTexts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		for _, bad := range []string{"\x00", "a\x00b", "\xff\xfe", "é", " ", "", string(make([]byte, 100000))} {
			_, err := w.Person(w.ctx(), by(ana), bad)
			w.refused(err, Missing)
			_, err = w.RestartTwoStep(w.ctx(), by(ana), bad, goodReason)
			w.refused(err, Missing)
			_, err = w.EndSession(w.ctx(), by(ana), bad)
			w.refused(err, Missing)
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), bad, testPassword, "")
			if !IsRefusal(err, WrongCredentials) && !IsRefusal(err, TooManyTries) {
				t.Errorf("%.9q as an address: %v", bad, err)
			}
			_, err = w.Session(w.ctx(), bad)
			w.refused(err, NotSignedIn)
			_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), bad, "000000", false)
			w.refused(err, AttemptOver)
			_, err = w.People(w.ctx(), by(ana), PeopleFilter{Query: bad})
			w.ok(err)
		}
		for _, name := range []string{"\u200b", "\u3164\u2800", "\u200d", "\u202e", "\U000e0041 \u00ad"} {
			_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, UserChange{Name: &name})
			w.refused(err, NameMissing)
			_, err = w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, RestartRequest{Reason: name + name + name, VerifiedBy: VerifiedInPerson})
			w.refused(err, ReasonMissing)
		}
		name := "\u202eCar\u200bla\u2066"
		p, err := w.ChangeUser(w.ctx(), by(ana), w.cast["carla"].id, UserChange{Name: &name})
		w.ok(err)
		if p.Name != "Carla" {
			t.Errorf("named %q", p.Name)
		}
		_, err = w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, RestartRequest{Reason: "lost\x00 phone\xff\r\nBcc: x", VerifiedBy: VerifiedInPerson})
		w.ok(err)
		if n := w.count(`SELECT COUNT(*) FROM restarts WHERE reason = 'lost phone Bcc: x'`); n != 1 {
			t.Error("the reason was not tidied")
		}
	})
}
