package e2e

import "testing"

// TestJ9Help: from the sign-in page to an article, a vote without being signed in, the
// sign-in that leads back to it, a comment, a request, its answer. In each language, and
// without JavaScript.
func TestJ9Help(t *testing.T) {
	need(t, axeTool)
	t.Run("without JavaScript", func(t *testing.T) { t.Parallel(); journey9(t, how{language: "en", noJavaScript: true}) })
	for _, l := range languages {
		t.Run(l, func(t *testing.T) { t.Parallel(); journey9(t, how{language: l}) })
	}
}

func journey9(t *testing.T, h how) {
	c := newCompany(t, h)
	ana, carla := c.ana, c.carla
	g := &gallery{t: t, language: h.language}
	look := func(p *person, name string) {
		t.Helper()
		if !h.noJavaScript {
			g.look(p, name)
		}
	}
	carla.signsOut()
	carla.clicks(carla.say("nav.help"))
	carla.isAt("/help")
	look(carla, "help")
	carla.fills(carla.say("help.search"), "2FA")
	carla.clicks(carla.say("common.search"))
	carla.sees(carla.say("help.found"))
	look(carla, "help-found")

	carla.opens("/help/lost-or-new-phone")
	carla.sees(carla.say("help.useful"), carla.say("help.related"), carla.say("help.signin"))
	carla.clicks(carla.say("help.no"))
	carla.sees(carla.say("help.thanks"), carla.say("help.mineunhelpful"))
	carla.clicks(carla.say("help.yes"))
	carla.sees(carla.say("help.minehelpful"))
	look(carla, "article")

	carla.clicks(carla.say("help.signin"))
	carla.isAt("/sign-in")
	carla.signsInWithApp()
	carla.isAt("/help/lost-or-new-phone")
	carla.fills(carla.say("help.comment"), "Mine was 634 977")
	carla.clicks(carla.say("help.commentsend"))
	carla.got(422)
	carla.sees(carla.say("refusal.text-has-code"))
	look(carla, "article-refused")
	carla.fills(carla.say("help.comment"), "My codes were in the drawer.")
	carla.clicks(carla.say("help.commentsend"))
	carla.sees(carla.say("help.commented"), "My codes were in the drawer.")

	carla.opens("/help/requests/new")
	look(carla, "help-request-new")
	carla.presses(carla.say("hr.about.codes"))
	carla.fills(carla.say("hr.text"), "Which app do we use here?")
	carla.clicks(carla.say("hr.button"))
	carla.sees("R-", carla.email, carla.say("hr.state.open"))
	request := carla.path()
	look(carla, "help-request")

	ana.opens("/help/lost-or-new-phone")
	ana.sees("My codes were in the drawer.", carla.name)
	look(ana, "article-owner")
	ana.clicks(ana.say("help.hide"))
	ana.sees(ana.say("help.hid"))
	ana.opens("/team/requests")
	ana.sees(ana.say("help.questions"))
	look(ana, "questions")
	ana.opens(request)
	look(ana, "question")
	ana.fills(ana.say("hr.answer"), "Any app works. I use the one on the list.")
	ana.clicks(ana.say("hr.answerbutton"))
	ana.sees(ana.say("hr.answered", args{"name": carla.name}))
	carla.opens(request)
	carla.sees("Any app works.", carla.say("hr.state.answered"))
	carla.clicks(carla.say("hr.close"))
	carla.sees(carla.say("hr.closed"))
}
