package web

import (
	"net"
	"strconv"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Place is what the process knows of where it keeps things.
type Place struct {
	Data, Keys string // folders, "" where nothing is known; Data is "PostgreSQL" where that is it
	Passing    bool   // the data lies among temporary files
	KeysOpen   bool   // somebody else on this computer may read the keys
}

// setupPage makes the first team and its owner, from the printed link only.
type setupPage struct {
	common
	Team, Name, Email string
	Hint              string
	Checks            []check // what is worth a look before anything is kept here
	Clock             clockCheck
}

// check is one of them: ready, or worth a look. None of them stops anybody.
type check struct {
	Look bool
	Text string
}

// clockCheck compares the clock here with the browser's. Only the module knows the
// latter: without it the page says what time it is here.
type clockCheck struct {
	Here          string // the time here, in milliseconds
	Says, Agree   string
	Before, After string // around how far they differ
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
		Hint: v.say("setpw.hint", words.Args{"n": core.PasswordShortest}), Checks: v.setupChecks(), Clock: v.setupClock(),
	}
	p.Bare = true
	return v.show("setup", p)
}

func (v *visit) setupChecks() []check {
	checks := append([]check{v.checkHost()}, v.checkScheme())
	place := v.web.place
	if place.Data != "" {
		c := check{Text: v.say("setup.data", words.Args{"path": place.Data})}
		if place.Passing {
			c = check{true, c.Text + ". " + v.say("setup.passing")}
		}
		checks = append(checks, c)
	}
	if place.Keys != "" {
		c := check{Text: v.say("setup.keys", words.Args{"path": place.Keys}) + ". " + v.say("setup.keysapart")}
		if place.KeysOpen {
			c = check{true, v.say("setup.keys", words.Args{"path": place.Keys}) + ". " + v.say("setup.keysopen")}
		}
		checks = append(checks, c)
	}
	mail := check{Text: v.say("setup.mail")}
	if !v.core.MailConfigured() {
		mail = check{true, v.say("setup.nomail")}
	}
	return append(checks, mail, check{true, v.say("setup.backup")}) // nobody but the operator can know that it is done
}

// checkHost compares the address that letters will name with the one in use.
func (v *visit) checkHost() check {
	url := strings.TrimSuffix(v.web.url.String(), "/")
	if here := core.FoldHost(v.web.url.Scheme, v.r.Host); here != "" && here != core.FoldHost(v.web.url.Scheme, v.web.url.Host) {
		return check{true, v.say("setup.otherhost", words.Args{"here": here, "url": url})}
	}
	return check{Text: v.say("setup.address", words.Args{"url": url})}
}

// checkScheme: plain http is for one computer, and a number is for no passkey.
func (v *visit) checkScheme() check {
	host := v.web.url.Hostname()
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return check{Text: v.say("setup.local")}
	case v.web.url.Scheme != "https":
		return check{true, v.say("setup.http")}
	case ip != nil:
		return check{true, v.say("setup.number")}
	}
	return check{Text: v.say("setup.https")}
}

func (v *visit) setupClock() clockCheck {
	const hole = "\x00"
	now := v.core.Now()
	c := clockCheck{
		Here: strconv.FormatInt(now.UnixMilli(), 10), Says: v.say("setup.clockhere", words.Args{"at": now}), Agree: v.say("setup.clockok"),
	}
	c.Before, c.After, _ = strings.Cut(v.say("setup.clock", words.Args{"time": hole}), hole)
	return c
}

// setUp makes team and owner, and signs the owner in as far as activation. From
// there the way leads to inviting people.
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
	return v.see(keepWanted("/me/two-step/activate", "/team/invite"))
}
