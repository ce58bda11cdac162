package e2e

import (
	"regexp"
	"testing"
)

// TestLinkPages walks through what needs letters: a demo of its own has an inbox.
func TestLinkPages(t *testing.T) {
	need(t, axeTool)
	t.Parallel()
	const l = "pt-BR"
	d, err := start("demo", "--listen", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	w := letterWalk{&gallery{t: t, language: l, skims: true}, arrives(t, d, account{name: "the demo inbox"}, how{})}
	ana := arrives(t, d, demoAccount("Ana Duarte", "ana"), how{language: l})
	bruno := arrives(t, d, demoAccount("Bruno Costa", "bruno"), how{language: l})
	w.forgotten(arrives(t, d, ana.account, how{language: l}))
	for _, p := range []*person{ana, bruno} {
		p.signsIn()
		p.types(w.inbox.shows(p.email))
	}
	w.ownAddresses(bruno)
	w.notThem(ana, bruno)
}

// letterWalk goes through the pages of a demo, and has its inbox open.
type letterWalk struct {
	*gallery
	inbox *person
}

// linkIn is the path of the link in the newest letter with this subject.
func (w letterWalk) linkIn(subject string, fill ...args) string {
	w.t.Helper()
	subject = w.inbox.say(subject, fill...)
	w.inbox.waits("a letter arrives: "+subject, func() bool {
		w.inbox.opens("/demo/inbox")
		return w.inbox.canRead(pattern(subject))
	})
	w.inbox.clicks(subject)
	link := oneUse.FindString(w.inbox.reads())
	if link == "" {
		w.inbox.fail("the letter has no link")
	}
	return link
}

var oneUse = regexp.MustCompile(`/(set-password|not-me|email/confirm|email/undo|notification-address)/[A-Za-z0-9_-]{43,}`)

func (w letterWalk) forgotten(p *person) {
	p.opens("/forgot-password")
	w.look(p, "forgot-password")
	p.clicks(p.say("forgot.button"))
	w.look(p, "forgot-password-empty")
	p.fills(p.say("signin.email"), p.email)
	p.clicks(p.say("forgot.button"))
	w.look(p, "sign-in-forgot")
	p.opens(w.linkIn("mail.pwlink.s"))
	w.look(p, "reset-password")
	p.clicks(p.say("setpw.button"))
	w.look(p, "reset-password-refused")
}

func (w letterWalk) ownAddresses(p *person) {
	p.opens("/me/password")
	w.look(p, "password")
	p.clicks(p.say("setpw.button"))
	w.look(p, "password-refused")

	second := newAccount("Bruno Costa").email
	p.opens("/me/notification-address")
	w.look(p, "notification-address")
	p.clicks(p.say("notify.button"))
	w.look(p, "notification-address-refused")
	p.fills(p.say("notify.label"), second)
	p.clicks(p.say("notify.button"))
	w.look(p, "notification-address-waiting")
	p.opens(w.linkIn("mail.notify_confirm.s", args{"email": p.email}))
	w.look(p, "notification-address-form")
	p.clicks(p.say("notify.agree"))
	w.look(p, "notification-address-agreed")

	p.opens("/me/email")
	w.look(p, "email")
	p.clicks(p.say("forgot.button"))
	w.look(p, "email-refused")
	p.fills(p.say("email.label"), newAccount("Bruno Costa").email)
	p.clicks(p.say("forgot.button"))
	w.look(p, "me-email-sent")
	p.opens(w.linkIn("mail.email_confirm.s"))
	w.look(p, "email-confirm")
	p.clicks(p.say("up.button"))
	w.look(p, "me-email-changed")
	p.opens(w.linkIn("mail.email_changed.s"))
	w.look(p, "email-undo")
	p.clicks(p.say("email.undobutton"))
	w.look(p, "sign-in-email-undone")
}

// notThem: somebody else's act is disowned, and the next sign-in wants another password.
func (w letterWalk) notThem(ana, p *person) {
	ana.opens("/me/password")
	ana.fills(ana.say("setpw.label"), "twelve green umbrellas")
	ana.clicks(ana.say("setpw.button"))
	w.look(ana, "me-password-changed")
	ana.password = "twelve green umbrellas"
	p.opens(w.linkIn("mail.password.s"))
	w.look(p, "not-me")
	p.clicks(p.say("notme.button"))
	w.look(p, "not-me-done")
	ana.opens("/me")
	w.look(ana, "sign-in-disowned")
	ana.signsIn()
	used := w.inbox.shows(ana.email)
	w.inbox.waitsLong("the next code", func() bool { return w.inbox.shows(ana.email) != used })
	ana.types(w.inbox.shows(ana.email))
	w.look(ana, "new-password")
}
