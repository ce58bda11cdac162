package web

import (
	"net"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// setupPage makes the first team and its owner, from the printed link only.
type setupPage struct {
	common
	Team, Name, Email string
	Hint              string
	Checks            []note // what is worth a look before anything is kept here
}

// noOwnerPage is what every address shows until there is an owner.
type noOwnerPage struct{ common }

func (v *visit) showNoOwner() error {
	p := &noOwnerPage{}
	p.Title, p.Main, p.Bare = v.say("refusal.no-owner-yet.title"), "flow", true
	return v.show("no-owner", p)
}

// openSetupLink takes the token out of the address bar at once.
func openSetupLink(v *visit) error {
	form, err := v.core.OpenSetupLink(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	v.web.cookies.set(v.rw, formCookie, form, 0)
	return v.see("/setup")
}

func showSetup(v *visit) error {
	err := v.core.SetupForm(v.ctx(), v.web.cookies.get(v.r, formCookie))
	if core.IsRefusal(err, core.LinkGone) && v.web.cookies.get(v.r, formCookie) == "" {
		return v.showNoOwner()
	}
	if err != nil {
		return err
	}
	p := &setupPage{
		common: v.common(v.say("setup.title")), Team: v.typed("team"), Name: v.typed("name"), Email: v.typed("email"),
		Hint: v.say("setpw.hint", words.Args{"n": core.PasswordShortest}), Checks: v.setupChecks(),
	}
	p.Bare = true
	return v.show("setup", p)
}

func (v *visit) setupChecks() []note {
	address := v.web.url
	checks := []note{{"ok", v.say("setup.address", words.Args{"url": strings.TrimSuffix(address.String(), "/")})}}
	if address.Scheme == "https" {
		checks = append(checks, note{"ok", v.say("setup.https")})
	} else if ip := net.ParseIP(address.Hostname()); address.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		checks = append(checks, note{"warn", v.say("setup.http")})
	}
	return append(checks, note{"", v.say("setup.backup")})
}

// setUp makes team and owner, and signs the owner in as far as activation.
func setUp(v *visit) error {
	s, err := v.core.SetUp(v.ctx(), v.by(), v.web.cookies.get(v.r, formCookie), core.NewOwner{
		Team: v.sent("team"), Name: v.sent("name"), Email: v.sent("email"), Password: v.sent("password"), Language: string(v.words.Language()),
	})
	if err != nil {
		return err
	}
	v.web.cookies.clear(v.rw, formCookie)
	if err := v.enter(s); err != nil {
		return err
	}
	return v.see("/me/two-step/activate")
}
