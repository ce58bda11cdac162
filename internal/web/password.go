package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// setPasswordPage welcomes somebody who was added or invited: their first
// password. It signs nobody in.
type setPasswordPage struct {
	common
	Email, Name string
	Hint        string
}

// openPasswordLink takes the token out of the address bar at once. Opening a link
// uses nothing up: mail scanners open links too (R9).
func openPasswordLink(v *visit) error {
	form, err := v.core.OpenPasswordLink(v.ctx(), v.r.PathValue("token"))
	if core.IsRefusal(err, core.LinkGone) {
		return openResetLink(v)
	}
	if err != nil {
		return err
	}
	v.web.cookies.set(v.rw, formCookie, form, 0)
	return v.see("/set-password/form")
}

func showSetPassword(v *visit) error {
	f, err := v.core.PasswordForm(v.ctx(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	p := &setPasswordPage{
		common: v.common(v.say("welcome.title", words.Args{"team": f.Team})), Email: f.Email, Name: v.retyped("name", f.Name),
		Hint: v.say("setpw.hint", words.Args{"n": core.PasswordShortest}),
	}
	p.Bare = true
	return v.show("set-password", p)
}

// setPassword sets it and leads to the sign-in page with the address filled in.
func setPassword(v *visit) error {
	email, err := v.core.SetFirstPassword(v.ctx(), v.by(), v.web.cookies.get(v.r, formCookie), v.sent("name"), v.sent("password"))
	if err != nil {
		return err
	}
	v.web.cookies.clear(v.rw, formCookie)
	v.tell(notice{Says: "welcome.done", Typed: map[string]string{"email": email}})
	return v.see("/sign-in")
}
