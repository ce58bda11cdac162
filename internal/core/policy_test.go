package core

import (
	"strings"
	"testing"
	"time"
)

func ptr[T any](v T) *T { return &v }

func TestChangePolicy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		before, err := w.Policy(w.ctx(), by(ana))
		w.ok(err)
		if before.SessionIdle != time.Hour || before.RememberDevices != 0 || len(before.ReturnHosts) != 0 || before.Version != 1 {
			t.Fatalf("defaults: %+v", before)
		}
		after, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{
			SessionIdle: ptr(30 * time.Minute), RememberDevices: ptr(14 * day), Seen: before.Version,
			ReturnHosts: ptr([]string{" App.Example.com. ", "app.example.com", "b.example.com:8443", "c.example.com:443", ""}),
		})
		w.ok(err)
		read, err := w.Policy(w.ctx(), by(ana))
		w.ok(err)
		hosts := "app.example.com b.example.com:8443 c.example.com"
		if strings.Join(after.ReturnHosts, " ") != hosts || strings.Join(read.ReturnHosts, " ") != hosts || read.SessionIdle != 30*time.Minute || read.RememberDevices != 14*day || read.Version != 2 {
			t.Errorf("after: %+v, read: %+v", after, read)
		}
		if read.SessionAbsolute != before.SessionAbsolute || read.Grace != before.Grace {
			t.Error("a setting that nobody named was changed")
		}
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE event = 'policy.changed' AND details LIKE '%"before":"1h0m0s"%' AND details LIKE '%"after":"30m0s"%'`); n != 1 {
			t.Errorf("%d events with old and new", n)
		}
		if w.letters("ana", LetterPolicyChanged) != 1 || w.letters("olga", LetterPolicyChanged) != 1 || w.letters("bruno", LetterPolicyChanged) != 0 {
			t.Error("the owners, all of them and nobody else, are told")
		}
		// What is already so is no change.
		same, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{SessionIdle: ptr(30 * time.Minute)})
		w.ok(err)
		if same.Version != 2 || w.letters("ana", LetterPolicyChanged) != 1 {
			t.Error("a change to what already is was recorded")
		}
		// Another team has its own.
		zoe := w.signIn("zoe")
		theirs, err := w.Policy(w.ctx(), by(zoe))
		w.ok(err)
		if theirs.SessionIdle != time.Hour || len(theirs.ReturnHosts) != 0 {
			t.Errorf("another team's policy changed: %+v", theirs)
		}
	})
}

func TestChangePolicyRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		idle := PolicyChange{SessionIdle: ptr(10 * time.Minute)}
		change := func(s *Session, c PolicyChange) error {
			_, err := w.ChangePolicy(w.ctx(), by(s), c)
			return err
		}
		_, err := w.ChangePolicy(w.ctx(), Nobody(testOrigin), idle)
		w.refused(err, NotSignedIn)
		w.refused(change(w.signIn("bruno"), idle), OwnerOnly)
		w.refused(change(w.signIn("carla"), idle), OwnerOnly)
		w.refused(change(w.signInWithCode("olga", 0), idle), RecoverySession)
		_, err = w.Policy(w.ctx(), by(w.signIn("carla")))
		w.refused(err, AdminOnly)
		_, err = w.Policy(w.ctx(), by(w.signIn("bruno"))) // admins read it
		w.ok(err)

		ana := w.signIn("ana")
		for _, c := range []struct {
			change PolicyChange
			code   Code
			field  string
		}{
			{PolicyChange{SessionIdle: ptr(4 * time.Minute)}, OutOfRange, "session_idle"},
			{PolicyChange{SessionIdle: ptr(25 * time.Hour)}, OutOfRange, "session_idle"},
			{PolicyChange{SessionIdle: ptr(10*time.Minute + time.Second)}, OutOfRange, "session_idle"},
			{PolicyChange{SessionIdle: ptr(-time.Hour)}, OutOfRange, "session_idle"},
			{PolicyChange{SessionAbsolute: ptr(31 * day)}, OutOfRange, "session_absolute"},
			{PolicyChange{SessionAbsolute: ptr(30 * time.Minute)}, OutOfRange, "session_idle"}, // idle is longer than that
			{PolicyChange{RememberDevices: ptr(time.Hour)}, OutOfRange, "remember_devices"},
			{PolicyChange{RememberDevices: ptr(31 * day)}, OutOfRange, "remember_devices"},
			{PolicyChange{Seen: 7, SessionIdle: ptr(10 * time.Minute)}, PolicyChanged, ""},
			{PolicyChange{ReturnHosts: ptr(make51())}, TooManyHosts, "return_hosts"},
		} {
			if r := w.refused(change(ana, c.change), c.code); r.Field != c.field {
				t.Errorf("%+v: field %q", c.change, r.Field)
			}
		}
		for _, host := range []string{"https://app.example.com", "app.example.com/x", "*.example.com", "a b", "éxample.com", "-a.com", "a..b", "a.com:0", "a.com:99999999", "user@a.com", "[::1]", "a.com:", ".", strings.Repeat("a", 64) + ".com", "a\\b", "a%2eb"} {
			w.refused(change(ana, PolicyChange{ReturnHosts: ptr([]string{"ok.example.com", host})}), HostInvalid)
		}
		w.clock.advance(stepUpLasts)
		w.refused(change(ana, idle), StepUpRequired)
		if read, err := w.Policy(w.ctx(), by(ana)); err != nil || read.Version != 1 {
			t.Errorf("a refused change left %+v, %v", read, err)
		}
	})
}

func make51() []string {
	var hosts []string
	for i := range 51 {
		hosts = append(hosts, strings.Repeat("a", i+1)+".example.com")
	}
	return hosts
}

// A policy made shorter holds at once, for sessions that are there and in memory too.
func TestShorterPolicyHoldsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla, zoe, ana := w.signIn("carla"), w.signIn("zoe"), w.signIn("ana")
		w.clock.advance(9 * time.Minute)
		if !w.live(carla) || !w.live(zoe) || !w.live(ana) {
			t.Fatal("not live")
		}
		w.clock.advance(6 * time.Minute)
		for _, s := range []*Session{carla, zoe} {
			if !w.live(s) {
				t.Fatal("not live")
			}
		}
		ana = w.signIn("ana")
		_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{SessionIdle: ptr(5 * time.Minute), SessionAbsolute: ptr(25 * time.Minute)})
		w.ok(err)
		w.clock.advance(4 * time.Minute)
		if !w.live(carla) || !w.live(zoe) {
			t.Error("ended too early")
		}
		w.clock.advance(5 * time.Minute)
		_, err = w.Session(w.ctx(), carla.Token)
		if r := w.refused(err, SessionEnded); r.Reason != EndedAbsolute && r.Reason != EndedIdle {
			t.Errorf("reason %q", r.Reason)
		}
		if !w.live(zoe) {
			t.Error("another team's session was shortened")
		}
	})
}

func TestReturnHosts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, zoe := w.signIn("ana"), w.signIn("zoe")
		_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{ReturnHosts: ptr([]string{"app.example.com"})})
		w.ok(err)
		for _, c := range []struct {
			by   Actor
			host string
			want bool
		}{
			{Nobody(testOrigin), "app.example.com", true},
			{by(ana), "app.example.com", true},
			{by(zoe), "app.example.com", false},
			{Nobody(testOrigin), "evilapp.example.com", false},
			{Nobody(testOrigin), "example.com", false},
			{Nobody(testOrigin), "app.example.com:8443", false},
			{Nobody(testOrigin), "", false},
		} {
			may, err := w.MayReturnTo(w.ctx(), c.by, c.host)
			if err != nil || may != c.want {
				t.Errorf("%q: %v, %v", c.host, may, err)
			}
		}
	})
	for in, want := range map[string]string{
		"APP.example.com": "app.example.com", "app.example.com.": "app.example.com", "app.example.com:443": "app.example.com",
		"app.example.com:80": "app.example.com:80", "127.0.0.1:8080": "127.0.0.1:8080", "localhost": "localhost",
		"app.example.com:0443": "", "a_b.com": "", "a.com:443:1": "", "": "", " a.com": "",
	} {
		if got := FoldHost("https", in); got != want {
			t.Errorf("FoldHost(%q) = %q, want %q", in, got, want)
		}
	}
}
