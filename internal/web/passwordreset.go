package web

import (
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// forgotPage asks for an address. What it answers is one sentence for all of them.
type forgotPage struct {
	common
	Email  string
	NoMail bool // the server cannot send any: it says so instead of pretending
}

func showForgotPassword(v *visit) error {
	p := &forgotPage{common: v.common(v.say("forgot.title")), Email: v.typed("email"), NoMail: !v.core.MailConfigured()}
	p.Bare, p.CSRF = true, ""
	return v.show("forgot-password", p)
}

func forgotPassword(v *visit) error {
	email := strings.TrimSpace(v.sent("email"))
	if email == "" {
		v.problems = append(v.problems, problem{Field: "email", Lines: []string{v.say("signin.emailmissing")}})
		return &core.Refusal{Code: incomplete}
	}
	if err := v.core.AskPasswordReset(v.ctx(), v.by(), email); err != nil {
		return err
	}
	v.tell(notice{Says: "forgot.sent", With: map[string]string{"email": email}, Typed: map[string]string{"email": email}})
	return v.see(keepWanted("/sign-in", v.next))
}

// resetPage sets the new password of somebody who holds a link.
type resetPage struct {
	common
	Email string
	Hint  string
	Code  bool
	Label string // of the code
}

// openResetLink is openPasswordLink for somebody who has had a password.
func openResetLink(v *visit) error {
	form, err := v.core.OpenResetLink(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	v.web.cookies.set(v.rw, formCookie, form, 0)
	return v.see("/set-password/again")
}

func showResetPassword(v *visit) error {
	f, err := v.core.ResetForm(v.ctx(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	p := &resetPage{
		common: v.common(v.say("setpw.title")), Email: f.Email, Hint: v.say("setpw.hint", words.Args{"n": core.PasswordShortest}),
		Code: f.Code, Label: v.say("step.labelapp"),
	}
	p.Bare = true
	if f.Recovery {
		p.Label = v.say("step.label")
	}
	if r := v.refused; r != nil && r.Field == "code" {
		// The password was good, and no secret is ever put back into a page.
		p.Problems[0].Lines = append(v.aboutCode(r, f.Recovery), v.say("setpw.again"))
	}
	return v.show("reset-password", p)
}

// resetPassword sets it and leads to the sign-in page: a link never signs in (R9).
func resetPassword(v *visit) error {
	email, err := v.core.SetForgottenPassword(v.ctx(), v.by(), v.web.cookies.get(v.r, formCookie), v.sent("password"), v.sent("code"))
	if err != nil {
		return err
	}
	v.web.cookies.clear(v.rw, formCookie)
	v.tell(notice{Says: "setpw.done", Typed: map[string]string{"email": email}})
	return v.see("/sign-in")
}
