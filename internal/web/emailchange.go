package web

import (
	"strings"

	"doorstep/internal/core"
)

// emailPage asks for another address.
type emailPage struct {
	common
	Now, Email string
	NoMail     bool
}

func showChangeEmail(v *visit) error {
	p := &emailPage{
		common: v.common(v.say("email.title")), Now: v.session.User.Email, Email: v.typed("email"), NoMail: !v.core.MailConfigured(),
	}
	return v.show("change-email", p)
}

func changeEmail(v *visit) error {
	email := strings.TrimSpace(v.sent("email"))
	if err := v.core.AskEmailChange(v.ctx(), v.by(), email); err != nil {
		return err
	}
	v.tell(notice{Says: "email.sent", With: map[string]string{"email": email}})
	return v.see("/me")
}

// emailLinkPage is one button: a mail scanner that opens the link presses none.
type emailLinkPage struct {
	common
	core.EmailForm
	Undo bool
}

// openEmailLink takes the token out of the address bar at once (R9).
func openEmailLink(v *visit) error {
	form, err := v.core.OpenEmailLink(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	v.web.cookies.set(v.rw, formCookie, form, 0)
	return v.see("/email/confirm")
}

func showConfirmEmail(v *visit) error {
	f, err := v.core.EmailForm(v.ctx(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	return v.showEmailLink("email.confirmtitle", f, false)
}

func (v *visit) showEmailLink(title string, f *core.EmailForm, undo bool) error {
	v.words = v.web.words.In(v.web.pick(v.r, f.Language))
	p := &emailLinkPage{common: v.common(v.say(title)), EmailForm: *f, Undo: undo}
	p.Bare = true
	return v.show("email-link", p)
}

func confirmEmail(v *visit) error {
	email, err := v.core.ConfirmEmailChange(v.ctx(), v.by(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	v.web.cookies.clear(v.rw, formCookie)
	v.tell(notice{Says: "email.done", With: map[string]string{"email": email}, Typed: map[string]string{"email": email}})
	if v.session != nil && v.session.Reach == core.ReachFull {
		return v.see("/me")
	}
	return v.see("/sign-in")
}

func openUndoLink(v *visit) error {
	form, err := v.core.OpenUndoLink(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	v.web.cookies.set(v.rw, formCookie, form, 0)
	return v.see("/email/undo")
}

func showUndoEmail(v *visit) error {
	f, err := v.core.UndoForm(v.ctx(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	return v.showEmailLink("email.undotitle", f, true)
}

func undoEmail(v *visit) error {
	email, err := v.core.UndoEmailChange(v.ctx(), v.by(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	v.web.cookies.clear(v.rw, formCookie)
	v.tell(notice{Says: "email.undone", With: map[string]string{"email": email}, Typed: map[string]string{"email": email}})
	return v.see("/sign-in")
}
