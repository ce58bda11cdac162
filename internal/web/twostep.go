package web

import (
	"slices"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// twoStepPage is how one's own 2-step stands, and what can be done about it.
type twoStepPage struct {
	common
	Status       *core.TwoStepStatus
	Tags         []tag
	Active       bool
	Why          string // it is not active: until when that may be
	Codes        string
	CodesTone    string
	Apps         []core.Authenticator
	OpenedByCode bool
	Blocked      []string // what works no more, and what to do about it
}

func showTwoStep(v *visit) error {
	two, err := v.core.TwoStepStatus(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &twoStepPage{
		common: v.common(v.say("two.title")), Status: two, Tags: v.ownTags(two), Active: two.State == core.TwoStepActive,
		Apps: two.Authenticators, OpenedByCode: two.OpenedByCode,
		Codes: v.say("two.codes", words.Args{"n": two.RecoveryCodesLeft, "m": two.RecoveryCodesOf}),
	}
	p.Main = ""
	switch {
	case two.RecoveryCodesLeft == 0:
		p.CodesTone, p.Codes = "bad", v.say("two.nocodes")
	case two.RecoveryCodesLeft <= core.FewCodes:
		p.CodesTone = "warn"
	}
	if slices.ContainsFunc(two.Authenticators, func(a core.Authenticator) bool { return a.Blocked }) {
		p.Blocked = append(p.Blocked, v.say("two.appblocked")+" "+v.say("two.deactivatehint"))
	}
	if two.CodesBlocked {
		p.Blocked = append(p.Blocked, v.say("two.codesblocked"))
	}
	if !p.Active && !two.DueBy.IsZero() {
		p.Why = v.graceSays(two.DueBy)
	}
	return v.show("two-step", p)
}
