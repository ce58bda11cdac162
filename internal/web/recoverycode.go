package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// renewPage says how many old codes die before the button that makes new ones.
type renewPage struct {
	common
	What string
}

// showRecoveryCodes shows a renewed set until it is said to be saved; a reload
// shows the same. With nothing to show it offers a new set.
func showRecoveryCodes(v *visit) error {
	codes, err := v.core.ShownRecoveryCodes(v.ctx(), v.by())
	if err != nil {
		return err
	}
	if len(codes) > 0 {
		return v.showCodes(codes, "/me/two-step/recovery-codes/finish", "", false)
	}
	two, err := v.core.TwoStepStatus(v.ctx(), v.by())
	if err != nil {
		return err
	}
	if two.State != core.TwoStepActive {
		return v.notActive()
	}
	if r := core.NeedSteppedUp.Meets(v.session, v.core.Now()); r != nil {
		return r
	}
	p := &renewPage{common: v.common(v.say("codes.newtitle")), What: v.say("codes.renewnone")}
	if two.RecoveryCodesLeft > 0 {
		p.What = v.say("codes.renew", words.Args{"n": two.RecoveryCodesLeft})
	}
	return v.show("recovery-codes", p)
}

// notActive leads to the page that says how 2-step stands.
func (v *visit) notActive() error {
	v.tell(notice{Says: "refusal.not-active"})
	return v.see("/me/two-step")
}

// renewRecoveryCodes makes a new set. Sent twice it is the same act: a set that
// nobody has said to have saved is shown, not replaced.
func renewRecoveryCodes(v *visit) error {
	shown, err := v.core.ShownRecoveryCodes(v.ctx(), v.by())
	if err == nil && len(shown) == 0 {
		_, err = v.core.RenewRecoveryCodes(v.ctx(), v.by())
	}
	if err != nil {
		return err
	}
	return v.see("/me/two-step/recovery-codes")
}

func finishRecoveryCodes(v *visit) error {
	if err := v.core.FinishRecoveryCodes(v.ctx(), v.by(), v.sent("saved") != ""); err != nil {
		return err
	}
	v.tell(notice{Says: "codes.renewed"})
	return v.see("/me/two-step")
}
