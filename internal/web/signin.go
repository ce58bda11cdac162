package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// signInPage is the first step: email and password on one page, in one form, so
// that browsers and password managers fill it in one go.
type signInPage struct {
	common
	Email      string
	SignedInAs string // somebody is signed in here already
	CSRFOut    string // of the form that signs them out
}

func showSignIn(v *visit) error {
	p := &signInPage{common: v.common(v.say("signin.title")), Email: v.typed("email")}
	p.Bare, p.CSRF = true, ""
	if v.session != nil {
		p.SignedInAs, p.CSRFOut = v.session.User.Email, v.tokenFor(v.session.ID)
	}
	if v.refused == nil && p.Banner == nil && v.session == nil {
		p.Banner = v.whyEnded()
	}
	if r := v.refused; r != nil && r.Code == core.WrongCredentials {
		p.Problems[0].Field = "email"
		if r.Blocked {
			p.Problems[0].Lines = append(p.Problems[0].Lines, v.say("signin.blocked"))
		}
		if r.RetryAfter > 0 {
			p.Problems[0].Lines = append(p.Problems[0].Lines, v.say("signin.wait", words.Args{"time": r.RetryAfter}))
		}
	}
	return v.show("sign-in", p)
}

// signIn takes the first step. Where it leads is core's to say.
func signIn(v *visit) error {
	email, password := v.sent("email"), v.sent("password")
	if email == "" || password == "" {
		return v.nothingTyped(email, password)
	}
	s, err := v.core.BeginSignIn(v.ctx(), v.byBrowser(), email, password, v.web.cookies.get(v.r, deviceCookie))
	if err != nil {
		return err
	}
	if s.Next == core.StepSecondStep {
		v.web.cookies.set(v.rw, attemptCookie, s.Attempt, 0)
		return v.see(keepWanted("/sign-in/second-step", v.next))
	}
	return v.arrive(s)
}

// nothingTyped is no try at anybody's account, so it does not reach the verb.
func (v *visit) nothingTyped(email, password string) error {
	if email == "" {
		v.problems = append(v.problems, problem{Field: "email", Lines: []string{v.say("signin.emailmissing")}})
	}
	if password == "" {
		v.problems = append(v.problems, problem{Field: "password", Lines: []string{v.say("signin.passwordmissing")}})
	}
	return &core.Refusal{Code: incomplete}
}

// arrive is where a sign-in ends: at activation, or at the page that was wanted.
func (v *visit) arrive(s *core.SignIn) error {
	v.keepDevice(s.Remembered) // first: what the browser held before is worth nothing any more
	v.keepBrowser(s.Browser)
	if err := v.enter(s.Session); err != nil {
		return err
	}
	if s.UsedRecoveryCode {
		v.tell(notice{Says: afterRecoveryCode, N: s.RecoveryCodesLeft})
	}
	switch s.Next {
	case core.StepPassword:
		return v.see(keepWanted(newPasswordPath, v.next))
	case core.StepActivation:
		return v.see(keepWanted("/me/two-step/activate", v.next))
	}
	return v.seeWanted("/")
}

// whyEnded tells whoever still holds the token of an ended session why it ended.
// It comes from the session's own row: no link can show a false reason.
func (v *visit) whyEnded() *banner {
	why := v.core.WhyEnded(v.ctx(), v.token)
	if why == "" {
		return nil
	}
	b := &banner{Tone: "info"}
	switch why {
	case core.EndedSignedOut:
		b.Tone = "ok"
	case core.EndedRestarted, core.EndedSuspended, core.EndedByAdministrator, core.EndedFrozen, core.EndedNotMe, core.EndedEmailUndone, core.EndedDeviceReused:
		b.Tone = "warn"
	}
	key := "ended." + string(why)
	if !v.words.Has(key) {
		key = "ended.unknown"
	}
	b.Lines = []string{v.say(key)}
	return b
}
