package web

import (
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// tag is a state in a word and a glyph: never by color alone.
type tag struct {
	Tone string // ok, warn, bad, info, "" for none
	Text string
}

// twoStepTag says how somebody's 2-step stands.
func (v *visit) twoStepTag(u core.User, at func(time.Time) string) tag {
	by := func(key string) string { return v.say(key, words.Args{"at": at(u.DueBy)}) }
	switch {
	case u.Closed:
		return tag{"bad", v.say("st.closed")}
	case u.TwoStep == core.TwoStepActive:
		return tag{"ok", v.say("st.active")}
	case u.TwoStep == core.TwoStepDue && u.DueReason == core.DueRestarted && !u.DueBy.IsZero():
		return tag{"", by("st.restarted")}
	case u.TwoStep == core.TwoStepDue:
		return tag{"warn", v.say("st.must")}
	case !u.DueBy.IsZero():
		return tag{"warn", by("st.due")}
	}
	return tag{"warn", v.say("st.off")}
}

// blockedTags are what is said of a method that too many wrong tries have blocked.
var blockedTags = map[string]string{
	core.BlockedAuthenticator: "st.blockedapp", core.BlockedRecoveryCodes: "st.blockedcodes", core.BlockedPassword: "st.blockedpassword",
}

// personTags are the states of somebody in the team, the weightiest first.
func (v *visit) personTags(p core.Person, at func(time.Time) string) []tag {
	if p.Frozen != nil {
		return []tag{{"bad", v.say("st.frozen")}} // which is suspended and closed
	}
	var tags []tag
	switch p.Status {
	case core.StatusSuspended:
		tags = append(tags, tag{"bad", v.say("st.suspended")})
	case core.StatusInvited:
		if p.InvitedUntil.IsZero() {
			return []tag{{"info", v.say("status.invited")}}
		}
		return []tag{{"info", v.say("st.invited", words.Args{"at": at(p.InvitedUntil)})}}
	}
	tags = append(tags, v.twoStepTag(p.User, at))
	if !p.PausedUntil.IsZero() {
		tags = append(tags, tag{"warn", v.say("st.paused", words.Args{"at": p.PausedUntil})})
	}
	for _, what := range p.Blocked {
		tags = append(tags, tag{"bad", v.say(blockedTags[what])})
	}
	return tags
}

// ownTags are one's own state: there the date of activation is worth a word.
func (v *visit) ownTags(two *core.TwoStepStatus) []tag {
	if two.State == core.TwoStepActive {
		return []tag{{"ok", v.say("two.since", words.Args{"at": v.words.Date(two.Since)})}}
	}
	u := v.session.User
	u.TwoStep, u.DueBy, u.DueReason = two.State, two.DueBy, two.DueReason
	return []tag{v.twoStepTag(u, v.words.Date)}
}
