package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// readyPanel is how ready the team is to let its people back in.
type readyPanel struct {
	Tone, Verdict string
	Owners        []readyOwner
	Numbers       []link // each leads to the people it counts
}

// readyOwner is an owner of the panel, with what speaks against relying on them.
type readyOwner struct {
	ID, Name, Codes string
	Tags            []tag
}

func (v *visit) readyPanel() (*readyPanel, error) {
	r, err := v.core.Readiness(v.ctx(), v.by())
	if err != nil {
		return nil, err
	}
	p := &readyPanel{Tone: "warn"}
	switch {
	case r.Able.N == 0:
		p.Verdict = v.say("ready.nobody")
	case r.Able.N == 1 && !r.Able.More:
		for _, o := range r.Owners {
			if o.SinglePoint {
				p.Verdict = v.say("ready.single", words.Args{"name": o.Name})
			}
		}
	default:
		p.Tone, p.Verdict = "ok", v.say("ready.enough")
	}
	for _, o := range r.Owners {
		p.Owners = append(p.Owners, v.readyOwner(o))
	}
	for _, x := range []struct {
		key, filter string
		n           core.Count
	}{
		{"ready.notactive", "two_step=not_active", r.NotActive},
		{"ready.nocode", "recovery_codes_left=0", r.NoCode},
		{"ready.onecode", "recovery_codes_left=1", r.OneCode},
		{"ready.waiting", "two_step=waiting", r.Waiting},
	} {
		if x.n.N > 0 {
			p.Numbers = append(p.Numbers, link{"/team?" + x.filter, v.howMany(x.key, x.n)})
		}
	}
	return p, nil
}

func (v *visit) readyOwner(o core.OwnerReadiness) readyOwner {
	out := readyOwner{ID: o.ID, Name: o.Name}
	out.Tags = append(out.Tags, v.twoStepTag(core.User{TwoStep: o.TwoStep, Closed: o.Closed}, v.words.Date))
	if o.SinglePoint {
		out.Tags = append(out.Tags, tag{"warn", v.say("ready.alone")})
	}
	switch {
	case o.TwoStep != core.TwoStepActive:
	case o.CodesLeft == 0:
		out.Codes = v.say("user.nocodes")
	default:
		out.Codes = v.say("user.codes", words.Args{"n": o.CodesLeft})
	}
	return out
}
