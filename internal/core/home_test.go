package core

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func (w *world) home(s *Session) *Home {
	w.t.Helper()
	h, err := w.Home(w.ctx(), by(s))
	w.ok(err)
	return h
}

// says lists what a home asks for, in its order.
func (h *Home) says() string {
	var list []string
	for _, i := range h.Todo {
		list = append(list, string(i.What))
	}
	return strings.Join(list, " ")
}

func (h *Home) begin() string {
	var list []string
	for _, s := range h.Begin {
		list = append(list, map[bool]string{true: "+", false: "-"}[s.Done]+string(s.What))
	}
	return strings.Join(list, " ")
}

// A member's own safety, from nothing missing to no codes left, and back.
func TestHomeOfMember(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		look := func(s *Session, want string) *Home {
			t.Helper()
			h := w.home(s)
			if h.says() != want || h.Begin != nil || h.People != (Count{}) {
				t.Errorf("home asks for %q, want %q: %+v", h.says(), want, h)
			}
			return h
		}
		h := look(w.signIn("carla"), "")
		if len(h.Advice) != 1 || h.Advice[0].What != HomeSecondAddress {
			t.Errorf("advice: %+v", h.Advice)
		}
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
		w.ok(err)
		if h := look(in.Session, "activate"); h.Todo[0].Until.IsZero() {
			t.Error("no word of until when")
		}
		for i := range 8 {
			w.signInWithCode("carla", i)
		}
		if h := look(w.signIn("carla"), "few_codes"); h.Todo[0].N.N != 2 {
			t.Errorf("%+v", h.Todo)
		}
		w.signInWithCode("carla", 8)
		look(w.signInWithCode("carla", 9), "no_codes")
		w.exec(`UPDATE recovery_code_sets SET fails = $1 WHERE user_id = $2`, mostRecoveryCodes, w.cast["carla"].id)
		look(w.signIn("carla"), "codes_blocked")
		// Asked once about each set, five months after it was made.
		w.clock.advance(150*day - 2*time.Hour)
		look(w.signIn("dmitri"), "")
		w.clock.advance(2 * time.Hour)
		dmitri := w.signIn("dmitri")
		look(dmitri, "still_have_codes")
		look(w.signInWithCode("dmitri", 0), "") // who came with one has them
		dmitri = w.signIn("dmitri")
		w.ok(w.PutAway(w.ctx(), by(dmitri), AwayCodes))
		look(dmitri, "")
		w.clock.advance(time.Minute)
		_, err = w.RenewRecoveryCodes(w.ctx(), by(dmitri))
		w.ok(err)
		w.clock.advance(151 * day)
		look(w.signIn("dmitri"), "still_have_codes")
		// Half an account is no home.
		_, err = w.Home(w.ctx(), Nobody(testOrigin))
		w.refused(err, NotSignedIn)
	})
}

func TestHomeKnowsTheSignInBefore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		before := w.home(w.signIn("carla")).LastSignIn // the one with which she activated
		if before == nil || before.At.After(testStart.Add(-30*time.Minute)) {
			t.Fatalf("%+v", before)
		}
		at := w.Now()
		w.clock.advance(time.Hour)
		if v := w.home(w.signIn("carla")).LastSignIn; v == nil || !v.At.Equal(at) || v.Device != testOrigin.Device || v.Address != testOrigin.Address {
			t.Errorf("%+v, want that of %s", v, at)
		}
	})
}

// What an owner looks after: for whom somebody waits, who is not safe, and the
// first steps until they are taken or put away.
func TestHomeOfOwner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		h := w.home(ana)
		if h.says() != "not_active" || h.Todo[0].N != (Count{N: 2}) || h.People != (Count{N: 7}) {
			t.Errorf("at first: %q %+v", h.says(), h)
		}
		if want := "+invite +second_owner +mail -try_restart"; h.begin() != want {
			t.Errorf("first steps %q, want %q", h.begin(), want)
		}
		if try := h.Begin[3]; try.ID != w.cast["carla"].id || try.Name != "Carla" {
			t.Errorf("to try with: %+v", try)
		}
		bruno := w.home(w.signIn("bruno"))
		if bruno.says() != "not_active" || bruno.Begin != nil {
			t.Errorf("an admin: %q, %q", bruno.says(), bruno.begin())
		}
		// One of two owners cannot help: that is said with the name, and the step is not done.
		w.exec(`UPDATE users SET contained_until = 99999999999999 WHERE id = $1`, w.cast["olga"].id)
		if h := w.home(ana); h.says() != "not_active single_point_of_failure" || h.Todo[1].Name != "Ana" || h.begin() != "+invite -second_owner +mail -try_restart" {
			t.Errorf("%q %q", h.says(), h.begin())
		}
		w.exec(`UPDATE users SET contained_until = 0, role = 'member' WHERE id = $1`, w.cast["olga"].id)
		w.mail = false
		if h := w.home(ana); h.says() != "not_active" || h.begin() != "+invite -second_owner -mail -try_restart" || h.Advice != nil {
			t.Errorf("alone, without mail: %q %q %v", h.says(), h.begin(), h.Advice)
		}
		w.ok(w.PutAway(w.ctx(), by(ana), AwayFirstSteps))
		if h := w.home(ana); h.says() != "not_active second_owner no_mail" || h.Begin != nil {
			t.Errorf("put away: %q %q", h.says(), h.begin())
		}
		w.mail = true
		w.exec(`UPDATE users SET role = 'owner' WHERE id = $1`, w.cast["olga"].id)
		w.exec(`DELETE FROM put_away`)
		w.ok(w.PutAway(w.ctx(), by(ana), AwayTry))
		if h := w.home(ana); h.Begin != nil {
			t.Errorf("all done: %q", h.begin())
		}
		// Whoever restarted somebody has tried it.
		olga := w.signIn("olga")
		if !strings.HasSuffix(w.home(olga).begin(), "-try_restart") {
			t.Error("another owner's try counts")
		}
		_, err := w.RestartTwoStep(w.ctx(), by(olga), w.cast["carla"].id, goodReason)
		w.ok(err)
		if h := w.home(olga); h.Begin != nil {
			t.Errorf("after a restart: %q", h.begin())
		}
		w.exec(`UPDATE outbox SET state = 'dead', dead_at = 1, failure = 'refused'`)
		if h := w.home(ana); !strings.HasPrefix(h.says(), "undelivered_letters") {
			t.Errorf("letters: %q", h.says())
		}
		if h := w.home(w.signIn("bruno")); strings.Contains(h.says(), "letters") {
			t.Errorf("an admin hears of letters: %q", h.says())
		}
	})
}

func TestPutAway(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla := w.signIn("carla")
		w.refused(w.PutAway(w.ctx(), by(carla), "everything"), InvalidField)
		w.refused(w.PutAway(w.ctx(), Nobody(testOrigin), AwaySecondAddress), NotSignedIn)
		won, errs := race(6, func(int) error { return w.PutAway(w.ctx(), by(carla), AwaySecondAddress) })
		if won != 6 {
			t.Errorf("sent twice is no mistake: %v", errs)
		}
		if n := len(w.eventsOf(w.signIn("ana"), EventFilter{Event: EventReminderPutAway})); n != 1 {
			t.Errorf("%d events of one act", n)
		}
		if h := w.home(carla); len(h.Advice) != 0 {
			t.Errorf("%+v", h.Advice)
		}
		if h := w.home(w.signIn("dmitri")); len(h.Advice) != 1 {
			t.Error("one person's choice is another's")
		}
		// It goes with the person, and ends with the session.
		w.ok(w.RemoveUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id))
		if n := w.count(`SELECT COUNT(*) FROM put_away`); n != 0 {
			t.Errorf("%d rows of nobody", n)
		}
		if err := w.PutAway(w.ctx(), by(carla), AwayCodes); !IsRefusal(err, SessionEnded) {
			t.Errorf("after the end: %v", err)
		}
		if len(AwayItems()) != len(slices.Compact(slices.Sorted(slices.Values(AwayItems())))) {
			t.Error("two of one name")
		}
	})
}
