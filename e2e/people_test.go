package e2e

import (
	"net/url"
	"testing"
)

// TestInvitedToRemoved: an owner invites somebody; the link is handed over, since no
// mail is set up here; they join and activate; their role is changed, which ends their
// session; they are suspended and brought back; and in the end they are removed.
func TestInvitedToRemoved(t *testing.T) {
	need(t)
	t.Parallel()
	x := newTeam(t)
	ana := arrives(t, x.program, x.add(t, "Ana Duarte", "owner"), how{})
	ana.signsIn()
	ana.activates()
	nora := arrives(t, x.program, newAccount("Nora Blake"), how{})

	ana.clicks(ana.say("nav.team"))
	ana.clicks(ana.say("team.invite"))
	ana.isAt("/team/invite")
	ana.fills(ana.say("inv.emails"), "not an address")
	ana.clicks(ana.say("csv.send"))
	ana.got(422)
	ana.sees(ana.say("inv.bad", args{"email": "not an address"}))
	if left := ana.value(ana.say("inv.emails")); left != "not an address" {
		t.Errorf("%q is left in the field", left)
	}
	ana.fills(ana.say("inv.emails"), nora.email)
	ana.fills(ana.say("inv.name")+" ("+ana.say("common.optional")+")", nora.name)
	ana.clicks(ana.say("csv.send"))
	ana.sees(ana.say("inv.made", args{"n": 1}))
	link, err := url.Parse(eval[string](ana, `document.querySelector("code[id^=link-]").textContent`))
	if err != nil {
		t.Fatal(err)
	}

	nora.opens(link.Path)
	nora.isAt("/set-password/form")
	nora.sees(nora.say("welcome.title", args{"team": x.name}))
	nora.fills(nora.say("setpw.label"), nora.password)
	nora.clicks(nora.say("welcome.button"))
	nora.isAt("/sign-in")
	nora.signsIn()
	nora.goesToActivation()
	nora.activates()

	ana.clicks(ana.say("nav.team"))
	ana.presses(ana.say("team.actions", args{"name": nora.name}))
	ana.clicks(ana.say("team.role"))
	ana.presses(ana.say("role.admin") + " " + ana.say("role.admin.hint"))
	ana.clicks(ana.say("user.role.button"))
	ana.sees(ana.say("user.role.done", args{"name": nora.name, "role": ana.say("role.admin")}))
	nora.opens("/me")
	nora.isAt("/sign-in")

	for _, step := range []struct{ item, button, done string }{
		{"team.suspend", "user.suspend.button", "user.suspend.done"},
		{"team.bringback", "user.bringback.button", "user.bringback.done"},
		{"team.remove", "user.remove.button", "user.remove.done"},
	} {
		ana.presses(ana.say("team.options"))
		ana.clicks(ana.say(step.item))
		ana.clicks(ana.say(step.button))
		ana.sees(ana.say(step.done, args{"name": nora.name}))
	}
	ana.isAt("/team")
	nora.opens("/sign-in")
	nora.fills(nora.say("signin.email"), nora.email)
	nora.fills(nora.say("signin.password"), nora.password)
	nora.clicks(nora.say("common.continue"))
	nora.got(401)
}
