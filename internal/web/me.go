package web

import (
	"cmp"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// mePage is what Doorstep knows of the person, for the person.
type mePage struct {
	common
	User     core.User
	Language string
	TwoStep  []tag
	Sessions string
	Notify   string // the second address
}

func showMe(v *visit) error {
	two, err := v.core.TwoStepStatus(v.ctx(), v.by())
	if err != nil {
		return err
	}
	open, err := v.core.Sessions(v.ctx(), v.by())
	if err != nil {
		return err
	}
	second, err := v.core.NotificationAddress(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &mePage{
		common: v.common(v.say("me.title")), User: v.session.User, Language: v.words.Language().Name(),
		TwoStep: v.ownTags(two), Sessions: v.say("me.sessions", words.Args{"n": len(open)}),
	}
	p.Notify = cmp.Or(second.Email, v.say("me.nonotify"))
	p.Main = ""
	return v.show("me", p)
}
