package core

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func (w *world) asksForHelp(who Actor, text string) *HelpRequest {
	w.t.Helper()
	q, err := w.SubmitHelpRequest(w.ctx(), who, NewHelpRequest{About: AboutCodes, Text: text})
	w.ok(err)
	return q
}

// A question goes to those who may answer it, once, and its answer back to whoever asked.
func TestHelpRequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla, bruno := by(w.signIn("carla")), by(w.signIn("bruno"))
		q := w.asksForHelp(carla, "Which app do we use?")
		if again := w.asksForHelp(carla, " Which app do we use?\r\n"); again.ID != q.ID {
			t.Error("sent twice, it is two requests")
		}
		if !numberShape.MatchString(q.Number) || q.State != HelpOpen || !q.Mine || q.MayAnswer {
			t.Errorf("%+v", q)
		}
		for who, want := range map[string]int{"ana": 1, "olga": 1, "bruno": 1, "carla": 0, "elena": 0, "zoe": 0} {
			if n := w.letters(who, LetterHelpAsked); n != want {
				t.Errorf("%s got %d letters", who, n)
			}
		}
		w.clock.advance(time.Second)
		w.ok(w.WriteInHelpRequest(w.ctx(), bruno, q.ID, "Any. I use the one on the list."))
		w.ok(w.WriteInHelpRequest(w.ctx(), bruno, q.ID, "Any. I use the one on the list."))
		if w.letters("carla", LetterHelpAnswered) != 1 || w.events("carla", EventHelpRequestAnswered) != 1 {
			t.Error("the answer went out not once")
		}
		w.clock.advance(time.Second)
		w.ok(w.WriteInHelpRequest(w.ctx(), carla, q.ID, "And on a computer?"))
		one, err := w.HelpRequest(w.ctx(), by(w.signIn("ana")), q.ID)
		w.ok(err)
		if one.State != HelpOpen || len(one.Messages) != 3 || one.Messages[1].ByName != "Bruno" || !one.Messages[1].Answer || one.Messages[2].Answer || !one.MayAnswer || one.Mine {
			t.Errorf("%+v", one)
		}
		if w.letters("ana", LetterHelpAdded) != 1 {
			t.Error("nobody was told of more")
		}
		w.ok(w.CloseHelpRequest(w.ctx(), carla, q.ID))
		w.ok(w.CloseHelpRequest(w.ctx(), carla, q.ID))
		if w.events("carla", EventHelpRequestClosed) != 1 {
			t.Error("closed not once")
		}
		w.refused(w.WriteInHelpRequest(w.ctx(), bruno, q.ID, "Hello?"), HelpRequestClosed)
		list, err := w.HelpRequests(w.ctx(), bruno, HelpFilter{Team: true})
		w.ok(err)
		if len(list.Items) != 1 || list.Items[0].From.Name != "Carla" || list.Items[0].State != HelpClosed {
			t.Errorf("%+v", list)
		}
		// The audit log keeps that there was talk, and no talk.
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE details LIKE '%computer%' OR reason LIKE '%computer%'`); n != 0 {
			t.Error("the audit log keeps what was written")
		}
	})
}

// Nobody else sees it: not the team's members, not other teams, nobody contained; and
// who signed in with a recovery code reads and does not answer.
func TestHelpRequestIsForWhoMayAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		q := w.asksForHelp(by(w.signIn("carla")), "Which app do we use?")
		for _, name := range []string{"dmitri", "zoe"} {
			who := by(w.signIn(name))
			_, err := w.HelpRequest(w.ctx(), who, q.ID)
			w.refused(err, Missing)
			w.refused(w.WriteInHelpRequest(w.ctx(), who, q.ID, "Tell me your code."), Missing)
			w.refused(w.CloseHelpRequest(w.ctx(), who, q.ID), Missing)
			if list, err := w.HelpRequests(w.ctx(), who, HelpFilter{}); err != nil || len(list.Items) != 0 {
				t.Errorf("%s lists %v, %v", name, list, err)
			}
		}
		_, err := w.HelpRequests(w.ctx(), by(w.signIn("dmitri")), HelpFilter{Team: true})
		w.refused(err, AdminOnly)
		if list, err := w.HelpRequests(w.ctx(), by(w.signIn("zoe")), HelpFilter{Team: true}); err != nil || len(list.Items) != 0 {
			t.Errorf("another team lists %v, %v", list, err)
		}
		code := by(w.signInWithCode("olga", 0))
		if _, err := w.HelpRequest(w.ctx(), code, q.ID); err != nil {
			t.Error(err)
		}
		w.refused(w.WriteInHelpRequest(w.ctx(), code, q.ID, "Hello"), RecoverySession)
		w.refused(w.CloseHelpRequest(w.ctx(), code, q.ID), RecoverySession)
		bruno := by(w.signIn("bruno"))
		w.sql(`UPDATE users SET contained_until = $1 WHERE id = $2`, ms(w.clock.Now().Add(time.Hour)), w.cast["bruno"].id)
		w.refused(w.WriteInHelpRequest(w.ctx(), bruno, q.ID, "Hello"), Missing)
		_, err = w.HelpRequests(w.ctx(), bruno, HelpFilter{Team: true})
		w.refused(err, Contained)
		w.clock.advance(20 * time.Minute)
		before := w.letters("bruno", LetterHelpAsked)
		w.asksForHelp(by(w.signIn("carla")), "And now?")
		if w.letters("bruno", LetterHelpAsked) != before {
			t.Error("who was just restarted is asked")
		}
		// Nobody answers their own.
		own := w.asksForHelp(by(w.signIn("ana")), "Mine")
		if own.MayAnswer {
			t.Error("an owner may answer their own")
		}
		_, err = w.SubmitHelpRequest(w.ctx(), by(w.signIn("zoe")), NewHelpRequest{About: AboutOther, Text: "Alone"})
		w.refused(err, NobodyToAnswer)
	})
}

// What is wrong is said of each field, nothing is kept, and there is a limit.
func TestHelpRequestsThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla := by(w.signIn("carla"))
		_, err := w.SubmitHelpRequest(w.ctx(), carla, NewHelpRequest{About: "nothing", Text: ""})
		if r := w.refused(err, AboutMissing); r.Also == nil || r.Also.Code != TextMissing {
			t.Errorf("%+v", r)
		}
		for _, text := range []string{"my code is 634977", w.cast["carla"].codes[1], "otpauth://totp/x"} {
			_, err = w.SubmitHelpRequest(w.ctx(), carla, NewHelpRequest{About: AboutOther, Text: text})
			w.refused(err, TextHasCode)
		}
		if n := w.count(`SELECT COUNT(*) FROM help_messages`) + w.letters("ana", LetterHelpAsked); n != 0 {
			t.Error("something of it was kept")
		}
		for i := range helpOfPerson {
			w.asksForHelp(carla, "Question "+strings.Repeat("x", i+1))
		}
		_, err = w.SubmitHelpRequest(w.ctx(), carla, NewHelpRequest{About: AboutOther, Text: "One more"})
		w.refused(err, TooManyHelpRequests)
		w.clock.advance(25 * time.Hour)
		w.asksForHelp(by(w.signIn("carla")), "The next day")
		w.clock.advance(helpKept)
		w.ok(w.Chores(w.ctx()))
		if n := w.count(`SELECT COUNT(*) FROM help_requests`) + w.count(`SELECT COUNT(*) FROM help_messages`); n != 1+1 {
			t.Errorf("%d rows are kept", n)
		}
		w.clock.advance(48 * time.Hour)
		w.ok(w.Chores(w.ctx()))
		if n := w.count(`SELECT COUNT(*) FROM help_requests`) + w.count(`SELECT COUNT(*) FROM help_messages`); n != 0 {
			t.Errorf("%d rows are kept", n)
		}
	})
}

// A stranger's request is one letter to whoever runs the server, and nothing else.
func TestStrangersRequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := func(address string) Actor { return Nobody(Origin{Via: ViaPage, Address: address, Device: "a browser"}) }
		said := StrangersRequest{NewHelpRequest: NewHelpRequest{About: AboutMessage, Text: "I got a call.\nWas that you?"}, Email: "carla@example.com"}
		_, err := w.SubmitStrangersRequest(w.ctx(), from("203.0.113.9"), said)
		w.refused(err, NoContact)
		w.contact = "operator@example.net"
		before := w.snapshot("outbox", "throttles")
		number, err := w.SubmitStrangersRequest(w.ctx(), from("203.0.113.9"), said)
		w.ok(err)
		if !numberShape.MatchString(number) || w.snapshot("outbox", "throttles") != before || w.count(`SELECT COUNT(*) FROM outbox`) != 1 {
			t.Errorf("%q, or more than a letter was written", number)
		}
		letters := w.claim(1)
		if len(letters) != 1 || letters[0].Recipient != "operator@example.net" || letters[0].Kind != LetterHelpStranger || letters[0].Args["text"] != said.Text || letters[0].Args["email"] != said.Email {
			t.Errorf("%+v", letters)
		}
		locked := said
		locked.About = AboutSignIn
		_, err = w.SubmitStrangersRequest(w.ctx(), from("203.0.113.9"), locked)
		w.refused(err, AskTeamFirst)
		locked.Anyway = true
		_, err = w.SubmitStrangersRequest(w.ctx(), from("203.0.113.9"), locked)
		w.ok(err)
		wrong := StrangersRequest{Email: "no address"}
		_, err = w.SubmitStrangersRequest(w.ctx(), from("203.0.113.9"), wrong)
		if r := w.refused(err, EmailInvalid); r.Also == nil || r.Also.Code != AboutMissing || r.Also.Also == nil {
			t.Errorf("%+v", r)
		}
		for range helpOfNet - 2 {
			_, err = w.SubmitStrangersRequest(w.ctx(), from("203.0.113.9"), said)
			w.ok(err)
		}
		_, err = w.SubmitStrangersRequest(w.ctx(), from("203.0.113.9"), said)
		w.refused(err, TooManyHelpRequests)
		_, err = w.SubmitStrangersRequest(w.ctx(), from("203.0.113.10"), said)
		w.ok(err)
		w.mail = false
		_, err = w.SubmitStrangersRequest(w.ctx(), from("203.0.113.11"), said)
		w.refused(err, NoContact)
	})
}

var numberShape = regexp.MustCompile(`^R-[0-9]{7}$`)
