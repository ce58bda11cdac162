package web

import "doorstep/internal/words"

// notMePage is where the link of a letter leads: what will happen, and one button.
// It needs no sign-in, for whoever needs it may be shut out.
type notMePage struct {
	common
	About  string
	What   string
	Then   []string
	Done   bool
	Again  string // it was said before this visit
	Owners string // whom to talk to, once it is said
}

// openNotMe takes the token out of the address bar at once. Opening uses nothing
// up: mail scanners open links too (R9).
func openNotMe(v *visit) error {
	token := v.r.PathValue("token")
	if _, err := v.core.OpenNotMe(v.ctx(), token); err != nil {
		return err
	}
	v.web.cookies.set(v.rw, formCookie, token, 0)
	return v.see("/not-me")
}

func showNotMe(v *visit) error {
	n, err := v.core.OpenNotMe(v.ctx(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err // the link is over: there is no form to say anything else at
	}
	team := words.Args{"team": n.Team}
	p := &notMePage{
		common: v.common(v.say("notme.title")), About: v.say("notme.about", words.Args{"at": n.At, "email": n.Email}),
		What: v.say("notme.what"), Then: []string{v.say("notme.sessions"), v.say("notme.second"), v.say("notme.password"), v.say("notme.told", team)},
	}
	p.Bare = true
	if n.Freezes {
		p.What, p.Then[2] = v.say("notme.what.restart"), v.say("notme.freeze")
		if n.Sole {
			p.Then[2], p.Then[3] = v.say("notme.close"), v.say("notme.console")
		}
	}
	if n.Done {
		p.Done = true
		switch {
		case p.Banner == nil:
			p.Again, p.Owners = v.say("notme.again"), v.say("notme.owners", team)
		case n.Freezes:
			p.Title = v.say("notme.frozen.title")
		default:
			p.Title, p.Owners = v.say("notme.done.title"), v.say("notme.owners", team)
		}
	}
	return v.show("not-me", p)
}

func reportNotMe(v *visit) error {
	n, err := v.core.ReportNotMe(v.ctx(), v.by(), v.web.cookies.get(v.r, formCookie))
	if err != nil {
		return err
	}
	says := "notme.done"
	if n.Freezes {
		says = "notme.frozen"
		if n.Sole {
			says = "notme.closed"
		}
	}
	v.tell(notice{Says: says, With: map[string]string{"email": n.Email, "team": n.Team}})
	return v.see("/not-me")
}
