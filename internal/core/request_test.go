package core

import (
	"strings"
	"testing"
	"time"
)

// otherOrigin is a browser and an address that nobody of the cast ever signed in from.
var otherOrigin = Origin{Via: ViaPage, Address: "203.0.113.99", Device: "Mozilla/5.0 (Windows NT 10.0) Chrome/130.0.0.0"}

// asks makes a request as somebody of the cast.
func (w *world) asks(name string) *Ask {
	w.t.Helper()
	a, err := w.AskTeam(w.ctx(), Nobody(testOrigin), w.attempt(name), "", LostPhone)
	w.ok(err)
	return a
}

func approval(code string) Approval {
	return Approval{MatchCode: code, Reason: "lost phone, read me the code on a call", VerifiedBy: VerifiedKnownNumber}
}

// wrongMatch is a code of the right shape that is not this one.
func wrongMatch(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

func (w *world) stateOf(id string) string {
	w.t.Helper()
	var state, why string
	w.ok(w.read(w.ctx()).row(`SELECT state, end_reason FROM restart_requests WHERE id = $1`, id).Scan(&state, &why))
	return strings.TrimSuffix(state+" "+why, " ")
}

// J8: ask, be heard, be approved; and everybody concerned is told.
//
// ASVS 6.4.4, NIST 4.2.1
func TestAskAndApprove(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempt := w.attempt("carla")
		none, err := w.Asked(w.ctx(), attempt, "")
		w.ok(err)
		if none.State != RequestNone || none.MayNotAsk != nil {
			t.Fatalf("before: %+v", none)
		}
		_, err = w.AskTeam(w.ctx(), Nobody(testOrigin), attempt, "", "")
		w.refused(err, HappenedMissing)
		ask, err := w.AskTeam(w.ctx(), Nobody(testOrigin), attempt, "", LostPhone)
		w.ok(err)
		if len(ask.MatchCode) != 4 || strings.Trim(ask.MatchCode, "0123456789") != "" || ask.Token == "" || ask.State != RequestOpen {
			t.Fatalf("asked: %+v", ask)
		}
		if w.events("carla", EventRequestMade) != 1 || w.letters("carla", LetterAsked) != 1 {
			t.Error("not recorded, or Carla was not told")
		}
		for name, want := range map[string]int{"ana": 1, "olga": 1, "bruno": 1, "carla": 0, "dmitri": 0, "zoe": 0} {
			if got := w.letters(name, LetterAskedTeam); got != want {
				t.Errorf("%s got %d letters, want %d", name, got, want)
			}
		}
		// The browser that asked sees its code again, also in another attempt; another
		// browser that knows the password sees that there is a request, and no code.
		again := w.attempt("carla")
		mine, err := w.Asked(w.ctx(), again, ask.Token)
		w.ok(err)
		if mine.MatchCode != ask.MatchCode || mine.ID != ask.ID {
			t.Errorf("shown again: %+v", mine)
		}
		for _, token := range []string{"", "x", strings.Repeat("A", 43)} {
			theirs, err := w.Asked(w.ctx(), again, token)
			w.ok(err)
			if theirs.State != RequestOpen || theirs.MatchCode != "" || theirs.Token != "" {
				t.Errorf("another browser sees %+v", theirs)
			}
			_, err = w.AskTeam(w.ctx(), Nobody(otherOrigin), again, token, LostPhone)
			w.refused(err, RequestIsOpen)
		}
		same, err := w.AskTeam(w.ctx(), Nobody(testOrigin), again, ask.Token, NewPhone)
		w.ok(err)
		if same.ID != ask.ID || same.MatchCode != ask.MatchCode || w.events("carla", EventRequestMade) != 1 {
			t.Errorf("asked twice: %+v", same)
		}

		bruno := by(w.signIn("bruno"))
		n, err := w.OpenRequests(w.ctx(), bruno)
		w.ok(err)
		list, err := w.Requests(w.ctx(), bruno, RequestFilter{Open: true})
		w.ok(err)
		if n != 1 || len(list.Items) != 1 || list.Items[0].Person.Name != "Carla" || list.Items[0].Happened != LostPhone || list.Items[0].Address != testOrigin.Address {
			t.Fatalf("the list: %d %+v", n, list)
		}
		other := w.attempt("carla")
		receipt, err := w.ApproveRequest(w.ctx(), bruno, ask.ID, approval(ask.MatchCode[:2]+" "+ask.MatchCode[2:]))
		w.ok(err)
		if receipt.ByName != "Bruno" || receipt.AuthenticatorsRemoved != 1 {
			t.Errorf("the receipt: %+v", receipt)
		}
		if got := w.stateOf(ask.ID); got != "approved" {
			t.Errorf("the request is %s", got)
		}
		for _, event := range []string{EventRequestApproved, EventTwoStepRestarted} {
			if w.events("carla", event) != 1 {
				t.Errorf("%s is recorded %d times", event, w.events("carla", event))
			}
		}
		if w.events("carla", EventRequestEnded) != 0 || w.letters("carla", LetterRestarted) != 1 {
			t.Error("an approval is no end by something else, and is a restart's letter")
		}
		_, err = w.Asked(w.ctx(), other, ask.Token)
		w.refused(err, AttemptOver)
		if was, err := w.AskWasApproved(w.ctx(), ask.Token); err != nil || !was {
			t.Errorf("the browser that asked hears %t %v", was, err)
		}
		if was, _ := w.AskWasApproved(w.ctx(), strings.Repeat("A", 43)); was {
			t.Error("a made-up token was approved")
		}
		// Sent twice: the same receipt, and nothing more happens.
		twice, err := w.ApproveRequest(w.ctx(), bruno, ask.ID, approval("0000"))
		w.ok(err)
		if twice.ID != receipt.ID {
			t.Errorf("sent twice: %+v", twice)
		}
		_, err = w.ApproveRequest(w.ctx(), by(w.signIn("ana")), ask.ID, approval(ask.MatchCode))
		if r := w.refused(err, RequestAnswered); r.Args["by"] != "Bruno" {
			t.Errorf("who answered: %v", r.Args)
		}
		if w.count(`SELECT COUNT(*) FROM restarts`) != 1 {
			t.Error("restarted twice")
		}
	})
}

// No row, event or letter shows the match code, and no row the token (R10).
//
// R10
func TestMatchCodeIsNowhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 20 { // four digits occur by chance in ids and times: once may be an accident
			ask := w.asks("carla")
			if strings.Contains(w.snapshot(), ask.Token) {
				t.Fatal("a row shows the token")
			}
			for _, table := range []string{"audit_events", "outbox"} {
				if w.count(`SELECT COUNT(*) FROM `+table+` WHERE `+map[string]string{"audit_events": "details", "outbox": "args"}[table]+` LIKE $1`, `%"`+ask.MatchCode+`"%`) != 0 {
					t.Fatalf("%s shows the match code", table)
				}
			}
			w.ok(w.WithdrawAsk(w.ctx(), Nobody(testOrigin), w.attempt("carla")))
			w.clock.advance(24 * time.Hour)
		}
	})
}

// Three wrong codes end a request, typos and six digits cost nothing, and a wait
// between them makes no difference.
func TestMatchCodeTries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := w.asks("carla")
		bruno := by(w.signIn("bruno"))
		for text, want := range map[string]Code{"": MatchCodeLength, "123": MatchCodeLength, "12345": MatchCodeLength, "12a4": MatchCodeLength, "634977": MatchCodeSix, "634 977": MatchCodeSix} {
			_, err := w.ApproveRequest(w.ctx(), bruno, ask.ID, approval(text))
			w.refused(err, want)
		}
		bad := approval(ask.MatchCode)
		for reason, want := range map[string]Code{"": ReasonMissing, "too short": ReasonTooShort, "a \u200b \u2063 b": ReasonTooShort, strings.Repeat("x", 201): ReasonTooLong} {
			bad.Reason = reason
			if _, err := w.ApproveRequest(w.ctx(), bruno, ask.ID, bad); !IsRefusal(err, want) && !IsRefusal(err, ReasonMissing) {
				t.Errorf("%q: %v, want %s", reason, err, want)
			}
		}
		_, err := w.ApproveRequest(w.ctx(), bruno, ask.ID, Approval{MatchCode: ask.MatchCode, Reason: "long enough a reason"})
		w.refused(err, VerifiedByMissing)
		if w.count(`SELECT tries FROM restart_requests WHERE id = $1`, ask.ID) != 0 {
			t.Fatal("a typo cost a try")
		}
		for _, left := range []int{2, 1} {
			_, err := w.ApproveRequest(w.ctx(), bruno, ask.ID, approval(wrongMatch(ask.MatchCode)))
			if r := w.refused(err, WrongMatchCode); r.TriesLeft != left {
				t.Errorf("%d left, want %d", r.TriesLeft, left)
			}
		}
		_, err = w.ApproveRequest(w.ctx(), bruno, ask.ID, approval(wrongMatch(ask.MatchCode)))
		w.refused(err, MatchCodesOver)
		_, err = w.ApproveRequest(w.ctx(), bruno, ask.ID, approval(ask.MatchCode))
		w.refused(err, RequestAnswered)
		if got := w.stateOf(ask.ID); got != "ended wrong_match_codes" {
			t.Errorf("the request is %s", got)
		}
		if w.events("carla", EventMatchCodeRefused) != 3 || w.events("carla", EventRequestEnded) != 1 || w.count(`SELECT COUNT(*) FROM restarts`) != 0 {
			t.Error("not recorded, or restarted")
		}
		again := w.asks("carla") // she may ask again at once
		if again.MatchCode == "" {
			t.Error("no new request")
		}
	})
}

// However many guess at once, three are compared.
//
// P2
func TestMatchCodeGuessedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := w.asks("carla")
		approvers := []Actor{by(w.signIn("ana")), by(w.signIn("olga")), by(w.signIn("bruno"))}
		won, errs := race(12, func(i int) error {
			_, err := w.ApproveRequest(w.ctx(), approvers[i%3], ask.ID, approval(wrongMatch(ask.MatchCode)))
			return err
		})
		compared := 0
		for _, err := range errs {
			switch {
			case IsRefusal(err, WrongMatchCode), IsRefusal(err, MatchCodesOver):
				compared++
			case !IsRefusal(err, RequestAnswered):
				t.Errorf("heard %v", err)
			}
		}
		if won != 0 || compared != 3 || w.events("carla", EventMatchCodeRefused) != 3 {
			t.Errorf("%d won, %d were compared", won, compared)
		}
	})
}

// Two approvers, one restart.
func TestTwoApproversAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := w.asks("carla")
		approvers := []Actor{by(w.signIn("ana")), by(w.signIn("bruno"))}
		won, errs := race(2, func(i int) error {
			_, err := w.ApproveRequest(w.ctx(), approvers[i], ask.ID, approval(ask.MatchCode))
			return err
		})
		if won != 1 || !IsRefusal(errs[0], RequestAnswered) {
			t.Errorf("%d won, the other heard %v", won, errs)
		}
		if w.count(`SELECT COUNT(*) FROM restarts`) != 1 || w.events("carla", EventTwoStepRestarted) != 1 || w.events("carla", EventRequestApproved) != 1 {
			t.Error("not exactly one restart")
		}
	})
}

// An approval and a withdrawal, a refusal, or a sign-in at once: one of them wins,
// and what is left agrees with who did.
func TestApprovedAndOverAtOnce(t *testing.T) {
	for name, other := range map[string]func(w *world, attempt, id string, ana Actor) error{
		"withdrawn": func(w *world, attempt, _ string, _ Actor) error {
			return w.WithdrawAsk(w.ctx(), Nobody(testOrigin), attempt)
		},
		"signed in": func(w *world, attempt, _ string, _ Actor) error {
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.cast["carla"].codes[0], false)
			return err
		},
		"refused": func(w *world, _, id string, ana Actor) error {
			return w.RefuseRequest(w.ctx(), ana, id, Refusing{NotThem: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				ask := w.asks("carla")
				bruno, ana, attempt := by(w.signIn("bruno")), by(w.signIn("ana")), w.attempt("carla")
				var approved, over error
				race(2, func(i int) error {
					if i == 0 {
						_, approved = w.ApproveRequest(w.ctx(), bruno, ask.ID, approval(ask.MatchCode))
					} else {
						over = other(w, attempt, ask.ID, ana)
					}
					return nil
				})
				restarts := w.count(`SELECT COUNT(*) FROM restarts`)
				switch {
				case approved == nil && over == nil:
					t.Error("both won")
				case approved == nil:
					if restarts != 1 || w.stateOf(ask.ID) != "approved" || Refused(over) == nil {
						t.Errorf("approved: %d restarts, %s, the other heard %v", restarts, w.stateOf(ask.ID), over)
					}
				case over == nil:
					if restarts != 0 || w.stateOf(ask.ID) == "approved" || !IsRefusal(approved, RequestAnswered) {
						t.Errorf("over: %d restarts, %s, the approver heard %v", restarts, w.stateOf(ask.ID), approved)
					}
				default:
					t.Errorf("nobody won: %v, %v", approved, over)
				}
			})
		})
	}
}

// Two browsers ask at once: one request.
func TestAskedTwiceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempts := []string{w.attempt("carla"), w.attempt("carla")}
		won, errs := race(2, func(i int) error {
			_, err := w.AskTeam(w.ctx(), Nobody(testOrigin), attempts[i], "", LostPhone)
			return err
		})
		if won != 1 || !IsRefusal(errs[0], RequestIsOpen) || w.events("carla", EventRequestMade) != 1 {
			t.Errorf("%d won, the other heard %v", won, errs)
		}
	})
}

// R7 for requests, and T-AZ-1: who sees and answers whose.
//
// T-AZ-1
func TestWhoAnswersRequests(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		asks := map[string]*Ask{}
		for _, name := range []string{"ana", "bruno", "carla"} {
			asks[name] = w.asks(name)
		}
		w.exec(`UPDATE users SET role = 'admin' WHERE id = $1`, w.cast["dmitri"].id) // a second admin
		sessions := map[string]*Session{}
		for _, name := range []string{"olga", "dmitri", "zoe"} {
			sessions[name] = w.signIn(name)
		}
		sessions["elena"] = w.signInWithoutSecondStep("elena")
		for _, c := range []struct {
			actor, target string
			want          Code
		}{
			{"dmitri", "ana", Rank},
			{"dmitri", "bruno", Rank},
			{"elena", "carla", AdminOnly},
			{"zoe", "carla", Missing},
			{"zoe", "ana", Missing},
		} {
			before := w.snapshot()
			id, actor := asks[c.target].ID, by(sessions[c.actor])
			_, err := w.Request(w.ctx(), actor, id)
			w.refused(err, c.want)
			_, err = w.ApproveRequest(w.ctx(), actor, id, approval(asks[c.target].MatchCode))
			w.refused(err, c.want)
			w.refused(w.RefuseRequest(w.ctx(), actor, id, Refusing{}), c.want)
			if w.snapshot() != before {
				t.Errorf("%s → %s changed something", c.actor, c.target)
			}
		}
		for name, want := range map[string]int{"olga": 3, "dmitri": 1, "zoe": 0} {
			list, err := w.Requests(w.ctx(), by(sessions[name]), RequestFilter{})
			w.ok(err)
			n, err := w.OpenRequests(w.ctx(), by(sessions[name]))
			w.ok(err)
			if len(list.Items) != want || n != want {
				t.Errorf("%s sees %d requests and a badge of %d, want %d", name, len(list.Items), n, want)
			}
		}
		for _, id := range []string{"", "none", strings.Repeat("x", 65), "019aa000-0000-7000-8000-000000000000"} {
			_, err := w.Request(w.ctx(), by(sessions["olga"]), id)
			w.refused(err, Missing)
		}
	})
}

func (w *world) signInWithoutSecondStep(name string) *Session {
	w.t.Helper()
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, testPassword, "")
	w.ok(err)
	return in.Session
}

// Nobody answers their own request: signing in ends it, and a session from before it
// is refused. Somebody who is due, contained, came by a recovery code, or proved
// nothing for ten minutes answers nobody's.
func TestWhoCannotAnswerNow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, olga, recovered := w.signIn("ana"), w.signIn("olga"), w.signInWithCode("bruno", 0)
		own := w.asks("ana")
		carla := w.asks("carla")
		for _, err := range []error{
			func() error { _, err := w.Request(w.ctx(), by(ana), own.ID); return err }(),
			func() error {
				_, err := w.ApproveRequest(w.ctx(), by(ana), own.ID, approval(own.MatchCode))
				return err
			}(),
			w.RefuseRequest(w.ctx(), by(ana), own.ID, Refusing{}),
		} {
			w.refused(err, Self)
		}
		if n, _ := w.OpenRequests(w.ctx(), by(ana)); n != 1 {
			t.Errorf("Ana's badge is %d: her own request is not hers to answer", n)
		}
		_, err := w.ApproveRequest(w.ctx(), by(recovered), carla.ID, approval(carla.MatchCode))
		w.refused(err, RecoverySession)

		// Bruno is restarted: due, then contained for a day.
		_, err = w.RestartTwoStep(w.ctx(), by(olga), w.cast["bruno"].id, goodReason)
		w.ok(err)
		due := w.signInWithoutSecondStep("bruno")
		for _, verb := range []func(by Actor) error{
			func(by Actor) error { _, err := w.Requests(w.ctx(), by, RequestFilter{}); return err },
			func(by Actor) error { _, err := w.Request(w.ctx(), by, carla.ID); return err },
			func(by Actor) error {
				_, err := w.ApproveRequest(w.ctx(), by, carla.ID, approval(carla.MatchCode))
				return err
			},
			func(by Actor) error { return w.RefuseRequest(w.ctx(), by, carla.ID, Refusing{}) },
		} {
			w.refused(verb(by(due)), ActivationRequired)
		}
		if n, _ := w.OpenRequests(w.ctx(), by(due)); n != 0 {
			t.Error("who is due has a badge")
		}
		w.exec(`UPDATE users SET contained_until = $1 WHERE id = $2`, ms(w.Now().Add(time.Hour)), w.cast["olga"].id)
		w.Forget()
		contained, err := w.Session(w.ctx(), olga.Token)
		w.ok(err)
		for _, verb := range []func(by Actor) error{
			func(by Actor) error { _, err := w.Requests(w.ctx(), by, RequestFilter{}); return err },
			func(by Actor) error { _, err := w.Request(w.ctx(), by, carla.ID); return err },
			func(by Actor) error {
				_, err := w.ApproveRequest(w.ctx(), by, carla.ID, approval(carla.MatchCode))
				return err
			},
			func(by Actor) error { return w.RefuseRequest(w.ctx(), by, carla.ID, Refusing{}) },
		} {
			w.refused(verb(by(contained)), Contained)
		}
		if n, _ := w.OpenRequests(w.ctx(), by(contained)); n != 0 {
			t.Error("who is contained has a badge")
		}
		w.clock.advance(11 * time.Minute)
		_, err = w.ApproveRequest(w.ctx(), by(ana), carla.ID, approval(carla.MatchCode))
		w.refused(err, StepUpRequired)
		w.refused(w.RefuseRequest(w.ctx(), by(ana), carla.ID, Refusing{}), StepUpRequired)
		if w.count(`SELECT tries FROM restart_requests WHERE id = $1`, carla.ID) != 0 {
			t.Error("who may not answer spent a try")
		}
	})
}

// A request ends in the transaction by which the person gets in, or may not any more.
func TestWhatEndsARequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		for _, c := range []struct {
			name, want string
			end        func() error
		}{
			{"carla", "ended signed_in", func() error { w.signIn("carla"); return nil }},
			{"carla", "ended signed_in", func() error { w.signInWithCode("carla", 3); return nil }},
			{"carla", "withdrawn", func() error { return w.WithdrawAsk(w.ctx(), Nobody(otherOrigin), w.attempt("carla")) }},
			{"carla", "ended restarted", func() error {
				_, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, goodReason)
				return err
			}},
			{"bruno", "ended restarted", func() error {
				_, err := w.RestartFromConsole(w.ctx(), Console("root"), w.cast["bruno"].email, "console")
				return err
			}},
			{"dmitri", "ended suspended", func() error {
				suspended := StatusSuspended
				_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["dmitri"].id, UserChange{Status: &suspended})
				return err
			}},
		} {
			ask := w.asks(c.name)
			w.ok(c.end())
			if got := w.stateOf(ask.ID); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			_, err := w.ApproveRequest(w.ctx(), by(ana), ask.ID, approval(ask.MatchCode))
			w.refused(err, RequestAnswered)
		}
		// A new password: whoever asked with the old one may be somebody else.
		ana = w.signIn("ana")
		own := w.asks("ana")
		_, _, err := w.ChangePassword(w.ctx(), by(ana), "another-one-of-spruce")
		w.ok(err)
		if got := w.stateOf(own.ID); got != "ended password_changed" {
			t.Error(got)
		}
		// A deactivation, from a session that was there before.
		olga := w.signIn("olga")
		ask := w.asks("olga")
		_, err = w.DeactivateTwoStep(w.ctx(), by(olga), testPassword, w.cast["olga"].codes[0])
		w.ok(err)
		if got := w.stateOf(ask.ID); got != "ended deactivated" || w.events("olga", EventRequestEnded) != 1 {
			t.Error(got)
		}
	})
}

func TestARemovedPersonsRequestIsGone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := w.asks("carla")
		ana := by(w.signIn("ana"))
		w.ok(w.RemoveUser(w.ctx(), ana, w.cast["carla"].id))
		_, err := w.Request(w.ctx(), ana, ask.ID)
		w.refused(err, Missing)
		if w.count(`SELECT COUNT(*) FROM audit_events WHERE event = $1 AND target_id = $2`, EventRequestEnded, w.cast["carla"].id) != 1 {
			t.Error("its end is not recorded")
		}
	})
}

// An hour's pause after a refusal; five requests a day; and 72 hours for one.
func TestHowOftenAndHowLong(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := w.asks("carla")
		w.ok(w.RefuseRequest(w.ctx(), by(w.signIn("bruno")), ask.ID, Refusing{Reason: "do not know them"}))
		if w.letters("carla", LetterAskRefused) != 1 || w.events("carla", EventRequestRefused) != 1 {
			t.Error("Carla was not told")
		}
		seen, err := w.Asked(w.ctx(), w.attempt("carla"), ask.Token)
		w.ok(err)
		if seen.State != RequestRefused || seen.MatchCode != "" || seen.MayNotAsk == nil || seen.MayNotAsk.Code != RequestPause {
			t.Errorf("after a refusal: %+v", seen)
		}
		_, err = w.AskTeam(w.ctx(), Nobody(testOrigin), w.attempt("carla"), ask.Token, LostPhone)
		if r := w.refused(err, RequestPause); r.RetryAfter <= 0 || r.RetryAfter > time.Hour {
			t.Errorf("wait %s", r.RetryAfter)
		}
		w.clock.advance(time.Hour)
		for range 4 {
			w.asks("carla")
			w.ok(w.WithdrawAsk(w.ctx(), Nobody(testOrigin), w.attempt("carla")))
		}
		w.refused(w.WithdrawAsk(w.ctx(), Nobody(testOrigin), w.attempt("carla")), NoRequest)
		_, err = w.AskTeam(w.ctx(), Nobody(testOrigin), w.attempt("carla"), "", LostPhone)
		if r := w.refused(err, RequestPause); r.RetryAfter <= 0 || r.RetryAfter > 24*time.Hour {
			t.Errorf("wait %s", r.RetryAfter)
		}
		w.clock.advance(24 * time.Hour)

		ask = w.asks("carla")
		w.clock.advance(72*time.Hour - time.Millisecond)
		w.ok(w.Chores(w.ctx()))
		if got := w.stateOf(ask.ID); got != "open" {
			t.Errorf("a moment before 72 hours: %s", got)
		}
		w.clock.advance(time.Millisecond)
		ana := by(w.signIn("ana"))
		_, err = w.ApproveRequest(w.ctx(), ana, ask.ID, approval(ask.MatchCode)) // before any chore
		w.refused(err, RequestAnswered)
		if n, _ := w.OpenRequests(w.ctx(), ana); n != 0 {
			t.Error("an expired request has a badge")
		}
		seen, err = w.Asked(w.ctx(), w.attempt("carla"), ask.Token)
		w.ok(err)
		if seen.State != RequestExpired || seen.MatchCode != "" || seen.MayNotAsk != nil {
			t.Errorf("expired: %+v", seen)
		}
		next := w.asks("carla") // expires the old one on the way
		if got := w.stateOf(ask.ID); got != "expired" || w.events("carla", EventRequestExpired) != 1 {
			t.Error(got)
		}
		w.clock.advance(72 * time.Hour)
		w.ok(w.Chores(w.ctx()))
		if got := w.stateOf(next.ID); got != "expired" || w.events("carla", EventRequestExpired) != 2 {
			t.Error(got)
		}
	})
}

// "It was not Carla": half-done sign-ins end, and the next sign-in asks for a new
// password, for somebody else has this one.
func TestItWasNotThem(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempt := w.attempt("carla")
		ask, err := w.AskTeam(w.ctx(), Nobody(otherOrigin), attempt, "", LostPhone)
		w.ok(err)
		ana := by(w.signIn("ana"))
		w.ok(w.RefuseRequest(w.ctx(), ana, ask.ID, Refusing{Reason: "I called Carla: it was not her", NotThem: true}))
		_, err = w.Attempt(w.ctx(), attempt)
		w.refused(err, AttemptOver)
		if w.count(`SELECT COUNT(*) FROM users WHERE id = $1 AND password_due`, w.cast["carla"].id) != 1 {
			t.Error("no new password is asked for")
		}
		w.ok(w.RefuseRequest(w.ctx(), ana, ask.ID, Refusing{NotThem: true})) // sent twice
		if w.events("carla", EventRequestRefused) != 1 {
			t.Error("refused twice")
		}
	})
}

// A sole owner has nobody to ask; an owner with another one has.
func TestSoleOwner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.AskTeam(w.ctx(), Nobody(testOrigin), w.attempt("zoe"), "", LostPhone)
		w.refused(err, SoleOwner)
		ask, err := w.Asked(w.ctx(), w.attempt("zoe"), "")
		w.ok(err)
		if ask.MayNotAsk == nil || ask.MayNotAsk.Code != SoleOwner {
			t.Errorf("%+v", ask)
		}
		w.asks("ana")
		if w.letters("olga", LetterAskedTeam) != 1 || w.letters("bruno", LetterAskedTeam) != 0 {
			t.Error("an owner's request is for owners")
		}
	})
}

// Whether the browser and the address were ever seen for the person; the password
// alone makes nothing known.
func TestSeenBefore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.clock.advance(30 * time.Second)
		old := Origin{Via: ViaPage, Address: "198.51.100.4", Device: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
		in, err := w.BeginSignIn(w.ctx(), Nobody(old), w.cast["carla"].email, testPassword, "")
		w.ok(err)
		_, err = w.AcceptSecondStep(w.ctx(), Nobody(old), in.Attempt, w.code("carla"), false)
		w.ok(err)
		ana := by(w.signIn("ana"))
		for _, c := range []struct {
			from            Origin
			address, device bool
		}{
			{old, true, true},
			{Origin{Address: "198.51.100.5", Device: strings.ReplaceAll(old.Device, "128.0", "131.0")}, false, true}, // a new version
			{Origin{Address: "198.51.100.4", Device: otherOrigin.Device}, true, false},
			{otherOrigin, false, false},
			{Origin{}, false, false},
		} {
			in, err := w.BeginSignIn(w.ctx(), Nobody(c.from), w.cast["carla"].email, testPassword, "") // the password alone
			w.ok(err)
			ask, err := w.AskTeam(w.ctx(), Nobody(c.from), in.Attempt, "", LostPhone)
			w.ok(err)
			q, err := w.Request(w.ctx(), ana, ask.ID)
			w.ok(err)
			if q.AddressSeen != c.address || q.DeviceSeen != c.device {
				t.Errorf("%+v: address %t, device %t", c.from, q.AddressSeen, q.DeviceSeen)
			}
			w.ok(w.WithdrawAsk(w.ctx(), Nobody(c.from), in.Attempt))
		}
	})
}

// An approval that fails at any statement leaves everything as it was, and is there
// to be made again.
func TestApprovalIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ask := w.asks("carla")
		ana := by(w.signIn("ana"))
		before := w.snapshot("users", "restart_requests") // the charge is committed, with the lock
		for k := 1; ; k++ {
			w.exec(`UPDATE restart_requests SET tries = 0`)
			w.fault.arm(k)
			_, err := w.ApproveRequest(w.ctx(), ana, ask.ID, approval(ask.MatchCode))
			w.fault.disarm()
			if err == nil {
				if k < 15 {
					t.Errorf("only %d statements", k)
				}
				break
			}
			if w.stateOf(ask.ID) != "open" || w.snapshot("users", "restart_requests") != before {
				t.Fatalf("a failure at statement %d left something behind", k)
			}
		}
	})
}

// Refused or not answered by the second approver, a request is not approved any more,
// and whoever asked may ask again.
func TestTheSecondApproverRefusesARequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec(`UPDATE policies SET second_approver = TRUE`)
		ana, olga := by(w.signIn("ana")), by(w.signIn("olga"))
		w.exec(`UPDATE users SET role = 'owner' WHERE id = $1`, w.cast["dmitri"].id)
		for _, want := range []RequestState{RequestRefused, RequestExpired} {
			ask := w.asks("bruno")
			receipt, err := w.ApproveRequest(w.ctx(), ana, ask.ID, approval(ask.MatchCode))
			w.ok(err)
			if want == RequestRefused {
				w.ok(w.RefuseRestart(w.ctx(), olga, receipt.Waiting.ID))
			} else {
				w.clock.advance(PendingLasts)
			}
			seen, err := w.Asked(w.ctx(), w.attempt("bruno"), ask.Token)
			w.ok(err)
			if seen.State != want || seen.MayNotAsk != nil {
				t.Errorf("Bruno sees %+v, want %s", seen, want)
			}
		}
	})
}

// Where the team wants a second approver for this person, an approval begins a
// restart that waits: nothing changes, and whoever asked hears so.
func TestApprovalWaitsForASecond(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec(`UPDATE policies SET second_approver = TRUE`)
		ask := w.asks("bruno")
		ana, olga, attempt := by(w.signIn("ana")), by(w.signIn("olga")), w.attempt("bruno")
		w.exec(`UPDATE users SET role = 'owner' WHERE id = $1`, w.cast["dmitri"].id)
		receipt, err := w.ApproveRequest(w.ctx(), ana, ask.ID, approval(ask.MatchCode))
		w.ok(err)
		if receipt.Waiting == nil || w.count(`SELECT COUNT(*) FROM restarts`) != 0 || w.stateOf(ask.ID) != "approved" || w.events("bruno", EventRequestApproved) != 1 {
			t.Fatalf("the first approval: %+v, %s", receipt, w.stateOf(ask.ID))
		}
		twice, err := w.ApproveRequest(w.ctx(), ana, ask.ID, approval(ask.MatchCode)) // sent twice
		w.ok(err)
		if twice.Waiting == nil || twice.Waiting.ID != receipt.Waiting.ID || w.events("bruno", EventRequestApproved) != 1 {
			t.Errorf("sent twice: %+v", twice)
		}
		seen, err := w.Asked(w.ctx(), attempt, ask.Token)
		w.ok(err)
		if seen.State != RequestApproved || seen.MatchCode != "" {
			t.Errorf("Bruno sees %+v", seen)
		}
		if was, _ := w.AskWasApproved(w.ctx(), ask.Token); was {
			t.Error("one approval is no restart")
		}
		_, err = w.ApproveRestart(w.ctx(), olga, receipt.Waiting.ID)
		w.ok(err)
		if was, _ := w.AskWasApproved(w.ctx(), ask.Token); !was || w.count(`SELECT COUNT(*) FROM restarts`) != 1 {
			t.Error("the second approval did not restart him")
		}
	})
}
