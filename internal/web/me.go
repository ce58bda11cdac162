package web

import (
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
	p := &mePage{
		common: v.common(v.say("me.title")), User: v.session.User, Language: v.words.Language().Name(),
		TwoStep: v.ownTags(two), Sessions: v.say("me.sessions", words.Args{"n": len(open)}),
	}
	p.Main = ""
	return v.show("me", p)
}
