package web

import (
	"slices"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// userPage is one person as owners and admins see them: states and numbers,
// never a code.
type userPage struct {
	common
	Person   *core.Person
	Tags     []tag
	Since    string
	Codes    string
	Sessions string
	SignOut  string // the page that signs this person out everywhere, "" for nothing to end
	MayNot   string // why it cannot be done
	Notes    []note
	Asked    string // the page that asks "was this them?", "" when there is nothing to ask
	Waiting  string // a restart waits for a second approver …
	Look     string // … here
	Menu     menu
	Links    []handover // to hand over, right after they were made
	Invited  bool       // and may be sent again or canceled
	Rename   bool
	Restarts []line
	Events   []line
}

// note stands in a page while something lasts.
type note struct{ Tone, Text string }

// line is a sentence about something that happened.
type line struct {
	Text  string
	Event core.Event
}

func showUser(v *visit) error { return v.showUserWith(nil) }

func (v *visit) showUserWith(links []handover) error {
	person, err := v.core.Person(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	name := words.Args{"name": person.Name}
	p := &userPage{
		common: v.common(person.Name, name), Person: person, Tags: v.personTags(*person, v.words.DateTime),
		Menu: v.personMenu(*person, "options"), Codes: v.say("user.nocodes"), Sessions: v.openSessions(person),
	}
	p.Main, p.Links, p.Rename = "", links, person.MayNotChange == nil
	p.Invited = p.Rename && person.Status == core.StatusInvited
	p.Notes = v.personNotes(person)
	if person.AskedAbout != "" {
		p.Asked = wasThemPath(person.ID, person.AskedAbout)
	}
	if r := person.Waiting; r != nil {
		p.Waiting, p.Look = v.say("second.waits", ofWaiting(r)), waitingPath+"/"+r.ID
	}
	if person.TwoStep == core.TwoStepActive && !person.Since.IsZero() {
		p.Since = v.say("user.since", words.Args{"at": person.Since})
	}
	if n := person.RecoveryCodesLeft; n > 0 {
		p.Codes = v.say("user.codes", words.Args{"n": n})
	}
	if person.Sessions > 0 {
		if r := person.MayNotEndSessions; r != nil {
			p.MayNot = v.whyNot(r)
		} else {
			p.SignOut = "/team/users/" + person.ID + "/sessions"
		}
	}
	for _, r := range person.Restarts {
		p.Restarts = append(p.Restarts, line{Text: v.restartLine(r)})
	}
	for _, e := range person.Events {
		p.Events = append(p.Events, line{edge.EventSentence(v.words, e), e})
	}
	return v.show("user", p)
}

// personNotes say what lasts: a restart that waits, a closed or suspended account.
func (v *visit) personNotes(p *core.Person) []note {
	var notes []note
	name := words.Args{"name": p.Name}
	switch {
	case p.Status == core.StatusInvited:
		return []note{{"info", v.say("user.invited", name)}}
	case p.Frozen != nil:
		return []note{v.frozenNote(p)}
	case p.Status == core.StatusSuspended:
		notes = append(notes, note{"warn", v.say("user.suspended", name)})
	}
	switch {
	case p.Closed:
		notes = append(notes, note{"warn", v.say("user.closed", name)})
	case p.TwoStep == core.TwoStepDue && p.DueReason == core.DueRestarted && len(p.Restarts) > 0:
		notes = append(notes, note{"info", v.say("user.waiting", name, v.ofRestart(p.Restarts[0]))})
		if p.PassOpen && p.MayNotRestart == nil {
			notes = append(notes, note{"info", v.say("pass.lost")})
		}
	}
	return append(notes, v.blockedNotes(p)...)
}

// blockedNotes say what wrong tries have blocked, and what helps.
func (v *visit) blockedNotes(p *core.Person) []note {
	has := func(what string) bool { return slices.Contains(p.Blocked, what) }
	var notes []note
	add := func(key string) { notes = append(notes, note{"warn", v.say(key, words.Args{"name": p.Name})}) }
	switch app, codes := has(core.BlockedAuthenticator), has(core.BlockedRecoveryCodes); {
	case app && codes:
		add("user.blockedboth")
	case app:
		add("user.blockedapp")
	case codes:
		add("user.blockedcodes")
	}
	if has(core.BlockedPassword) {
		add("user.blockedpassword")
	}
	return notes
}

// ofRestart are what sentences name of a restart.
func (v *visit) ofRestart(r core.Restart) words.Args {
	by := r.ByName
	if r.ByID == "" {
		by = v.say("by.console")
	}
	return words.Args{"by": by, "started": r.At, "at": r.DueBy, "reason": r.Reason}
}

func (v *visit) restartLine(r core.Restart) string {
	args := v.ofRestart(r)
	args["at"] = r.At
	if r.ByID == "" {
		return v.say("user.history.console", args)
	}
	key := "verified." + string(r.VerifiedBy)
	if !v.words.Has(key) {
		key = "verified.other"
	}
	args["verified"] = v.say(key)
	if r.BegunBy != "" {
		args["begun"] = r.BegunBy
		return v.say("user.history.two", args)
	}
	return v.say("user.history.line", args)
}
