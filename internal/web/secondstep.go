package web

import (
	"slices"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// secondStepPage takes an authentication code or a recovery code in one field.
// No method hides behind a click: people forget that they have recovery codes
// when the page does not say so.
type secondStepPage struct {
	common
	Email    string
	Label    string
	App      bool   // the app can be used
	Recovery bool   // there are recovery codes left to speak of
	Blocked  string // what is blocked, and what to do about it
	Letters  bool   // a phone shows the keyboard with letters
	Until    string // how long this step may take
	Keyboard string // address of this page with letters
	Ask      string // the page for whoever can use none of these
	Remember string // the offer to skip this step here from now on, "" where the team allows none
	Ticked   bool   // it was taken, in the form that was refused; never before
}

func showSecondStep(v *visit) error {
	attempt, err := v.core.Attempt(v.ctx(), v.web.cookies.get(v.r, attemptCookie))
	if err != nil {
		return err
	}
	v.words = v.web.words.In(v.web.pick(v.r, attempt.Language))
	p := &secondStepPage{
		common: v.common(v.say("step.title")), Email: attempt.Email, Label: v.say("step.label"),
		Recovery: slices.Contains(attempt.Methods, string(core.SecondStepRecoveryCode)),
		Letters:  v.r.URL.Query().Get("keyboard") == "letters",
		Until:    v.say("step.until", v.until(attempt.ExpiresAt)),
	}
	p.Bare, p.Ask = true, keepWanted(askPath, v.next)
	p.App = slices.Contains(attempt.Methods, string(core.SecondStepAuthenticator))
	p.Blocked = v.blockedSteps(attempt)
	switch {
	case !p.App && p.Recovery:
		p.Label, p.Letters = v.say("step.labelrec"), true
	case !p.Recovery:
		p.Label = v.say("step.labelapp")
	}
	u := v.here()
	q := u.Query()
	q.Set("keyboard", "letters")
	u.RawQuery = q.Encode()
	p.Keyboard = u.String()
	if attempt.RememberFor > 0 {
		p.Remember = v.say("step.remember", words.Args{"time": edge.Exactly(v.words, attempt.RememberFor)})
		p.Ticked = v.isPost() && v.sent("remember") != ""
	}
	if v.refused != nil {
		p.Problems[0].Lines = v.aboutCode(v.refused, p.Recovery)
	}
	return v.show("second-step", p)
}

// blockedSteps says what too many wrong codes have blocked, "" for nothing.
func (v *visit) blockedSteps(a *core.Attempt) string {
	switch {
	case a.AppBlocked && a.CodesBlocked:
		return v.say("step.blockedboth")
	case a.AppBlocked && len(a.Methods) == 0:
		return v.say("refusal.second-step-blocked")
	case a.AppBlocked:
		return v.say("step.blocked")
	case a.CodesBlocked:
		return v.say("rec.blocked")
	}
	return ""
}

// secondStep takes the second step and opens the session.
func secondStep(v *visit) error {
	s, err := v.core.AcceptSecondStep(v.ctx(), v.byBrowser(), v.web.cookies.get(v.r, attemptCookie), v.sent("code"), v.sent("remember") != "")
	if err != nil {
		return err
	}
	return v.arrive(s)
}

// attemptOver leads back to the password and says why; whoever never had an
// attempt is only led there, and whoever sent the form twice is in already.
func (v *visit) attemptOver() error {
	if v.session != nil && v.web.cookies.get(v.r, attemptCookie) == "" {
		return v.seeWanted("/")
	}
	if v.web.cookies.get(v.r, attemptCookie) != "" {
		v.web.cookies.clear(v.rw, attemptCookie)
		if v.approvedMeanwhile() {
			v.tell(notice{Says: "signin.restarted"})
		} else {
			v.tell(notice{Says: "step.timeout"})
		}
	}
	return v.see(keepWanted("/sign-in", v.next))
}

// aboutCode are the sentences about a refused code: what it was, then what helps.
func (v *visit) aboutCode(r *core.Refusal, recovery bool) []string {
	wait := words.Args{"time": r.RetryAfter}
	lines := []string{edge.Sentence(v.words, r)}
	if r.Code == core.AuthenticatorWait {
		if !recovery {
			lines[0] = v.say("step.waitboth", wait)
		}
		return append(lines, v.towardsUnlock(r)...)
	}
	if r.Code != core.WrongCode && r.Code != core.WrongRecoveryCode || !r.Counted {
		return lines
	}
	switch {
	case r.Blocked && r.Code == core.WrongCode && recovery:
		lines = append(lines, v.say("step.blocked"))
	case r.Blocked && r.Code == core.WrongCode:
		lines = append(lines, v.say("refusal.second-step-blocked"))
	case r.Blocked:
		lines = append(lines, v.say("rec.blocked"))
	case r.TriesLeft == 1 || r.TriesLeft == 2:
		lines = append(lines, v.say("step.left", words.Args{"n": r.TriesLeft}))
	case r.RetryAfter > 0 && recovery && r.Code == core.WrongCode:
		lines = append(lines, v.say("step.wait", wait))
	case r.RetryAfter > 0 && r.Code == core.WrongRecoveryCode:
		lines = append(lines, v.say("rec.wait", wait))
	case r.RetryAfter > 0:
		lines = append(lines, v.say("step.waitboth", wait))
	}
	if misses, _ := r.Args["misses"].(int); misses >= 2 && r.Code == core.WrongCode {
		lines = append(lines, v.say("step.clock", words.Args{"at": v.core.Now()}))
	}
	return lines
}

// towardsUnlock says how three right codes in a row end a pause that is longer than
// they take, and how far they are.
func (v *visit) towardsUnlock(r *core.Refusal) []string {
	switch {
	case r.Args["unlock"] == 2:
		return []string{v.say("step.unlocktwo")}
	case r.Args["unlock"] == 1:
		return []string{v.say("step.unlockone")}
	case r.RetryAfter > time.Minute:
		return []string{v.say("step.unlockhint")}
	}
	return nil
}
