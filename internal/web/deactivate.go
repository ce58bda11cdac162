package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// deactivatePage asks for the code that proves it, and for the password when it
// was proved too long ago.
type deactivatePage struct {
	common
	Email        string
	Password     bool
	Again        bool   // the password has to be typed again, because the code was not right
	Label, Hint  string // of the code
	CodesLow     string
	NoCodes      bool
	Paused       bool // the team's policy: no form
	OpenedByCode bool
}

func showDeactivate(v *visit) error {
	two, err := v.core.TwoStepStatus(v.ctx(), v.by())
	if err != nil {
		return err
	}
	if two.State != core.TwoStepActive {
		return v.notActive()
	}
	p := &deactivatePage{
		common: v.common(v.say("off.title")), Email: v.session.User.Email, OpenedByCode: two.OpenedByCode,
		Paused: two.Paused, Password: v.session.NeedsPassword(v.core.Now()), Label: v.say("off.labelapp"), Hint: v.say("off.hintapp"),
	}
	switch left := two.RecoveryCodesLeft; {
	case left == 0:
		p.NoCodes, p.Label, p.Hint = true, v.say("step.labelapp"), v.say("step.hint")
	case two.OpenedByCode:
		p.Label, p.Hint = v.say("off.labelrec"), v.say("off.hintrec")
		if left <= core.FewCodes {
			p.CodesLow = v.say("off.codeslow", words.Args{"n": left})
		}
	}
	if r := v.refused; r != nil {
		p.Again = p.Password && r.Field == "code"
		if r.Field == "code" {
			p.Problems[0].Lines = v.aboutCode(r, two.RecoveryCodesLeft > 0)
		}
	}
	return v.show("deactivate", p)
}

// deactivate ends everything, this session too. Its dead cookie tells the sign-in
// page why.
func deactivate(v *visit) error {
	_, err := v.core.DeactivateTwoStep(v.ctx(), v.by(), v.sent("password"), v.sent("code"))
	if core.IsRefusal(err, core.StepUpRequired) {
		// The ten minutes passed while the code was compared: the form now asks for
		// the password itself.
		v.refused = core.Refused(err)
		return showDeactivate(v)
	}
	if core.IsRefusal(err, core.NotActive) {
		return v.notActive()
	}
	if err != nil {
		return err
	}
	v.dropAppsToken()
	return v.see("/sign-in")
}
