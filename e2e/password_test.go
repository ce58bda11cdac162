package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestJ7ForgottenPassword: a link by email opens a page that sets a new password, with
// a code where 2-step is active. It signs nobody in.
func TestJ7ForgottenPassword(t *testing.T) {
	need(t)
	t.Run("with JavaScript", func(t *testing.T) { t.Parallel(); journey7(t, how{}) })
	t.Run("without JavaScript", func(t *testing.T) { t.Parallel(); journey7(t, how{noJavaScript: true}) })
	t.Run("in Spanish", func(t *testing.T) { t.Parallel(); journey7(t, how{language: "es"}) })
	t.Run("in Portuguese", func(t *testing.T) { t.Parallel(); journey7(t, how{language: "pt-BR"}) })
}

var resetLink = regexp.MustCompile(`/set-password/[A-Za-z0-9_-]{43}`)

// journey7 runs on a demo of its own, whose inbox is a page.
func journey7(t *testing.T, h how) {
	d, err := start("demo", "--listen", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	phone := arrives(t, d, account{name: "the demo phone"}, how{})
	inbox := arrives(t, d, account{name: "the demo inbox"}, how{})
	ana := arrives(t, d, demoAccount("Ana Duarte", "ana"), h)
	elsewhere := arrives(t, d, ana.account, h)
	elsewhere.signsIn()
	elsewhere.types(phone.shows(ana.email))
	elsewhere.isAt("/")

	ana.opens("/sign-in")
	ana.clicks(ana.say("signin.forgot"))
	ana.isAt("/forgot-password")
	ana.fills(ana.say("signin.email"), ana.email)
	ana.clicks(ana.say("forgot.button"))
	ana.isAt("/sign-in")
	ana.sees(ana.say("forgot.sent", args{"email": ana.email}))

	inbox.opens("/demo/inbox")
	inbox.waits("a link arrives", func() bool {
		inbox.opens("/demo/inbox")
		return strings.Contains(inbox.reads(), inbox.say("mail.pwlink.s"))
	})
	inbox.clicks(inbox.say("mail.pwlink.s"))
	link := resetLink.FindString(inbox.reads())
	if link == "" {
		inbox.fail("the letter has no link")
	}
	ana.opens(link)
	ana.isAt("/set-password/again") // the token has left the address bar
	ana.sees(ana.say("setpw.for", args{"email": ana.email}), ana.say("setpw.codetoo"), ana.say("setpw.both"))

	// A mailbox alone changes nothing; what was typed as a secret is not put back.
	const password = "twelve green umbrellas"
	ana.fills(ana.say("setpw.label"), password)
	ana.clicks(ana.say("setpw.button"))
	ana.got(422)
	ana.sees(ana.say("step.empty"))
	if kept := ana.value(ana.say("setpw.label")); kept != "" {
		t.Error("the page holds the password that was typed")
	}
	ana.fills(ana.say("setpw.label"), password)
	ana.fills(ana.say("step.label"), phone.shows(ana.email))
	ana.clicks(ana.say("setpw.button"))
	if ana.path() != "/sign-in" { // the code of this half minute signed her in elsewhere
		ana.sees(ana.say("step.used"))
		used := phone.shows(ana.email)
		phone.waitsLong("the next code", func() bool { return phone.shows(ana.email) != used })
		ana.fills(ana.say("setpw.label"), password)
		ana.fills(ana.say("step.label"), phone.shows(ana.email))
		ana.clicks(ana.say("setpw.button"))
	}
	ana.isAt("/sign-in")
	ana.sees(ana.say("setpw.done"))

	// Signed out everywhere, and the open page finds out by itself.
	if h.noJavaScript {
		elsewhere.opens("/me")
	}
	elsewhere.sees(elsewhere.say("ended.password_set"))
	ana.signsIn()
	ana.sees(ana.say("signin.wrong"))
	ana.password = password
	ana.signsIn()
	ana.isAt("/sign-in/second-step") // 2-step is as it was
}

// waitsLong is waits for what takes up to half a minute.
func (p *person) waitsLong(what string, true func() bool) {
	p.t.Helper()
	for range 70 {
		if true() {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	p.fail("waited in vain: %s", what)
}
