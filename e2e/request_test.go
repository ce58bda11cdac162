package e2e

import (
	"regexp"
	"testing"
)

// TestJ8AskMyTeam: the password → "I can't use any of these" → Ask my team → the
// four digits, read out on a call → an owner types them and approves → the same
// password leads to activation. Each page on the way is looked at like all others.
func TestJ8AskMyTeam(t *testing.T) {
	need(t, axeTool)
	t.Run("without JavaScript", func(t *testing.T) { t.Parallel(); journey8(t, how{language: "en", noJavaScript: true}) })
	for _, l := range languages {
		t.Run(l, func(t *testing.T) { t.Parallel(); journey8(t, how{language: l}) })
	}
}

// matchCodeOnPage is four digits in two pairs.
var matchCodeOnPage = regexp.MustCompile(`\b(\d\d)[ \x{a0}](\d\d)\b`)

func journey8(t *testing.T, h how) {
	c := newCompany(t, h)
	ana, carla := c.ana, c.carla
	g := &gallery{t: t, language: h.language, skims: true}
	look := func(p *person, name string) {
		t.Helper()
		if !h.noJavaScript {
			g.look(p, name)
		}
	}
	carla.signsOut()
	carla.phone = nil // lost, and the paper with it

	carla.signsIn()
	carla.isAt("/sign-in/second-step")
	carla.clicks(carla.say("step.none"))
	carla.isAt("/sign-in/ask")
	look(carla, "ask")
	carla.clicks(carla.say("ask.button"))
	carla.got(422)
	carla.sees(carla.say("refusal.happened-missing"))
	look(carla, "ask-refused")
	carla.presses(carla.say("ask.lost"))
	carla.clicks(carla.say("ask.button"))
	carla.sees(carla.say("ask.sent"), carla.say("ask.read"), carla.say("ask.never"))
	look(carla, "ask-waiting")
	digits := matchCodeOnPage.FindStringSubmatch(carla.reads())
	if digits == nil {
		carla.fail("there is no match code on the page")
	}
	carla.clicks(carla.say("common.again"))
	carla.sees(digits[1], carla.say("ask.withdraw"))

	ana.opens("/")
	ana.sees(ana.say("team.requests", args{"n": 1}))
	ana.clicks(ana.say("nav.requestsopen", args{"n": 1}))
	ana.isAt("/team/requests")
	look(ana, "requests")
	ana.clicks(eval[string](ana, `document.querySelector(".rows a").textContent`))
	ana.sees(ana.say("req.one", args{"name": carla.name}), ana.say("re.check", args{"name": carla.name}), ana.say("re.apps", args{"n": 1}))
	ana.seesNot(digits[0])
	look(ana, "request")

	match := ana.say("req.match", args{"name": carla.name})
	ana.presses(ana.say("re.v.phone"))
	ana.fills(ana.say("re.reason"), "Lost her phone on the train")
	ana.fills(match, "634 977")
	ana.clicks(ana.say("req.approve"))
	ana.got(422)
	ana.sees(ana.say("req.six"))
	look(ana, "request-refused")
	if kept, code := ana.value(ana.say("re.reason")), ana.value(match); kept != "Lost her phone on the train" || code != "" {
		t.Errorf("after a refusal the reason is %q and the match code %q", kept, code)
	}
	ana.fills(match, digits[1]+" "+digits[2])
	ana.clicks(ana.say("req.approve"))
	ana.isAt("/team/users/" + carla.id)
	ana.sees(ana.say("re.donenone", args{"name": carla.name}))
	ana.opens("/team/requests")
	ana.sees(ana.say("req.empty"), ana.say("req.done"))
	look(ana, "requests-answered")

	carla.clicks(carla.say("common.again"))
	carla.isAt("/sign-in")
	carla.sees(carla.say("signin.restarted"))
	carla.signsIn()
	carla.isAt("/me/two-step/activate")
	carla.activates()
}
