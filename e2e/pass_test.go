package e2e

import (
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPass: an admin is restarted, and a password is not enough any more to activate
// again. The receipt shows a pass once; who restarted reads it out; the admin types it.
func TestPass(t *testing.T) {
	need(t)
	t.Run("with JavaScript", func(t *testing.T) { t.Parallel(); passJourney(t, how{}) })
	t.Run("without JavaScript", func(t *testing.T) { t.Parallel(); passJourney(t, how{noJavaScript: true}) })
}

func passJourney(t *testing.T, h how) {
	x := newTeam(t)
	ana := arrives(t, x.program, x.add(t, "Ana Duarte", "owner"), h)
	bruno := arrives(t, x.program, x.add(t, "Bruno Costa", "admin"), h)
	ana.signsIn()
	ana.activates()
	bruno.signsIn()
	bruno.goesToActivation()
	bruno.activates()

	ana.goesToRestartByActions(bruno.account)
	ana.sees(ana.say("re.pass", args{"name": bruno.name}))
	ana.presses(ana.say("re.v.phone"))
	ana.fills(ana.say("re.reason"), "Lost his phone on the train")
	ana.clicks(ana.say("re.item"))
	ana.sees(ana.say("re.done", args{"name": bruno.name, "n": 1}), ana.say("pass.give", args{"name": bruno.name}))
	pass := ana.passOnPage()
	// Once: neither a reload, which sends the form again, nor another look shows it.
	ana.arrivesBy(chromedp.Reload())
	ana.sees(ana.say("pass.shown"))
	ana.opens("/team/users/" + bruno.id)
	if html := eval[string](ana, `document.documentElement.outerHTML`); pattern(pass).MatchString(html) {
		t.Error("the page of the person holds the pass")
	}

	bruno.isRestarted()
	bruno.signsIn()
	bruno.isAt("/me/two-step/activate")
	bruno.sees(bruno.say("pass.why"))
	if eval[bool](bruno, `!!document.querySelector(".qr")`) {
		t.Error("there is a QR code before the pass")
	}
	bruno.opens("/team")
	bruno.isAt("/me/two-step/activate")
	bruno.fills(bruno.say("pass.label"), withTypo(pass))
	bruno.clicks(bruno.say("common.continue"))
	bruno.got(422)
	if kept := bruno.value(bruno.say("pass.label")); kept != "" {
		t.Errorf("the field holds %q after a refusal", kept)
	}
	bruno.fills(bruno.say("pass.label"), asTyped(pass))
	bruno.clicks(bruno.say("common.continue"))
	bruno.sees(bruno.say("pass.accepted"))
	bruno.activates()
}

// passShape is three groups of the same symbols as a recovery code's.
var passShape = regexp.MustCompile(`\b[0-9a-z]{4}(?:-[0-9a-z]{4}){2}\b`)

// passOnPage reads the pass off a receipt.
func (p *person) passOnPage() string {
	p.t.Helper()
	pass := passShape.FindString(p.reads())
	if pass == "" {
		p.fail("there is no pass on the page")
	}
	return pass
}
