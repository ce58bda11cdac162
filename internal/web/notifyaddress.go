package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

const notifyPath = "/me/notification-address"

// notifyAddressPage is where letters about the account go besides its own address.
type notifyAddressPage struct {
	common
	Own     string // the address of the account
	Now     string // the second one, in a sentence
	Waiting string // one that has yet to agree, in a sentence
	Email   string // as typed
	Any     bool   // there is one to be removed
	NoMail  string // no mail is set up: where its letter will be
}

func showNotifyAddress(v *visit) error {
	n, err := v.core.NotificationAddress(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &notifyAddressPage{
		common: v.common(v.say("notify.title")), Own: v.session.User.Email, Email: v.typed("email"), Any: n.Email != "" || n.Waiting != "",
		Now: v.say("notify.none"),
	}
	if n.Email != "" {
		p.Now = v.say("notify.now", words.Args{"email": n.Email, "at": n.VerifiedAt})
	}
	if n.Waiting != "" {
		p.Waiting = v.say("notify.waiting", words.Args{"email": n.Waiting, "at": n.WaitingUntil})
	}
	if !v.core.MailConfigured() {
		p.NoMail = v.say("notify.nomail")
	}
	return v.show("notify-address", p)
}

func setNotifyAddress(v *visit) error {
	n, err := v.core.SetNotificationAddress(v.ctx(), v.by(), v.sent("email"))
	if err != nil {
		return err
	}
	if n.Waiting == "" {
		v.tell(notice{Says: "notify.same"})
	} else {
		v.tell(notice{Says: "notify.asked", With: map[string]string{"email": n.Waiting}})
	}
	return v.see(notifyPath)
}

func removeNotifyAddress(v *visit) error {
	if err := v.core.RemoveNotificationAddress(v.ctx(), v.by()); err != nil {
		return err
	}
	v.tell(notice{Says: "notify.removed"})
	return v.see(notifyPath)
}

// openNotifyLink takes the token out of the address bar at once, and uses nothing up.
func openNotifyLink(v *visit) error {
	form, err := v.core.OpenNotificationLink(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	v.web.cookies.set(v.rw, formCookie, form, 0)
	return v.see("/notification-address/form")
}

// notifyFormPage asks whoever reads the mailbox; they may have no account here.
type notifyFormPage struct {
	common
	Question, Team, Account, Name string
}

func showNotifyForm(v *visit) error {
	f, err := v.core.NotificationForm(v.ctx(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	p := &notifyFormPage{
		common: v.common(v.say("notify.q")), Question: v.say("notify.what", words.Args{"email": f.Email}), Team: f.Team, Account: f.Account, Name: f.Name,
	}
	p.Bare = true
	return v.show("notify-form", p)
}

// confirmNotifyAddress says what is so from now on, on a page that needs no session.
func confirmNotifyAddress(v *visit) error {
	email, err := v.core.ConfirmNotificationAddress(v.ctx(), v.by(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	v.web.cookies.clear(v.rw, formCookie)
	says := notice{Says: "notify.verified", With: map[string]string{"email": email}}
	v.tell(says)
	if core.NeedSignedIn.Meets(v.session, v.core.Now()) == nil {
		return v.see(notifyPath)
	}
	return v.see("/sign-in")
}
