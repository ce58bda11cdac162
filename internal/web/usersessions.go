package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// userSessionsPage asks before somebody else is signed out everywhere.
type userSessionsPage struct {
	common
	Person  *core.Person
	Open    string // how many sessions there are
	Devices bool   // the team lets devices skip the second step: those stay remembered
}

func showUserSessions(v *visit) error {
	person, err := v.core.Person(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if person.MayNotEndSessions != nil {
		return person.MayNotEndSessions
	}
	policy, err := v.core.Policy(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &userSessionsPage{
		common: v.common(v.say("user.sessions.q", words.Args{"name": person.Name})), Person: person,
		Open: v.openSessions(person), Devices: policy.RememberDevices > 0,
	}
	return v.show("user-sessions", p)
}

func endUserSessions(v *visit) error {
	id := v.r.PathValue("id")
	n, err := v.core.EndUserSessions(v.ctx(), v.by(), id)
	if err != nil {
		return err
	}
	v.tellEnded("user.sessions.ended", n)
	return v.see("/team/users/" + id)
}

// openSessions says how many sessions somebody has.
func (v *visit) openSessions(p *core.Person) string {
	if p.Sessions == 0 {
		return v.say("user.sessions.none")
	}
	return v.say("user.sessions.count", words.Args{"n": p.Sessions})
}
