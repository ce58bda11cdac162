package web

import (
	"net/http"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// ownPasswordPage takes a new password of somebody who is signed in, by choice or
// because somebody else may have the old one (R13).
type ownPasswordPage struct {
	common
	Email, Hint string
	Must        bool
}

func showOwnPassword(v *visit, title string, must bool) error {
	p := &ownPasswordPage{
		common: v.common(v.say(title)), Email: v.session.User.Email, Hint: v.say("setpw.hint", words.Args{"n": core.PasswordShortest}), Must: must,
	}
	return v.show("own-password", p)
}

func showChangePassword(v *visit) error { return showOwnPassword(v, "pw.title", false) }

func changePassword(v *visit) error {
	s, _, err := v.core.ChangePassword(v.ctx(), v.by(), v.sent("password"))
	if err != nil {
		return err
	}
	v.keepToken(s)
	v.tell(notice{Says: "pw.done"})
	return v.see("/me")
}

// newPasswordPath is where a session is led that reaches nothing else.
const newPasswordPath = "/sign-in/new-password"

// showNewPassword is a step of signing in. Whoever has nothing to do here goes on.
func showNewPassword(v *visit) error {
	if v.session.Reach != core.ReachPassword {
		if v.refused != nil {
			return v.refused
		}
		return v.seeWanted("/")
	}
	if r := v.core.NewPasswordByLink(v.session); r != nil {
		return v.refusePage(r)
	}
	return showOwnPassword(v, "setpw.title", true)
}

func chooseNewPassword(v *visit) error {
	s, err := v.core.ChooseNewPassword(v.ctx(), v.by(), v.sent("password"))
	if core.IsRefusal(err, core.NoPasswordDue) {
		return v.seeWanted("/") // the form was sent twice
	}
	if err != nil {
		return err
	}
	v.tell(notice{Says: "pw.done"})
	return v.arrive(s)
}

// wellKnownChangePassword is where password managers send people (W3C, A Well-Known
// URL for Changing Passwords).
func wellKnownChangePassword(v *visit) error {
	to := "/me/password"
	if v.session == nil {
		to = keepWanted("/sign-in", to)
	}
	http.Redirect(v.rw, v.r, to, http.StatusFound)
	return nil
}
