package web

import (
	"slices"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// memberPage is a small form about one person: what it changes, and what that does.
type memberPage struct {
	common
	Person *core.Person
	Name   string // as typed, of a new name
	Roles  []roleChoice
	Legend string // of them
	What   []string
	Button string
	Danger bool
	Action string
}

// act is what a small form of the person's page does.
type act struct {
	word   string      // of its address and of its messages: user.WORD.q, .what, .button, .done
	of     core.Status // whom it is for; "" for all
	danger bool
	do     func(v *visit, id string) error
}

func suspendAct() act {
	return act{
		word: "suspend", of: core.StatusActive, danger: true,
		do: func(v *visit, id string) error { return v.setStatus(id, core.StatusSuspended) },
	}
}

func bringBackAct() act {
	return act{
		word: "bringback", of: core.StatusSuspended,
		do: func(v *visit, id string) error { return v.setStatus(id, core.StatusActive) },
	}
}

func removeAct() act {
	return act{
		word: "remove", danger: true, do: func(v *visit, id string) error { return v.core.RemoveUser(v.ctx(), v.by(), id) },
	}
}

func (v *visit) setStatus(id string, status core.Status) error {
	_, err := v.core.ChangeUser(v.ctx(), v.by(), id, core.UserChange{Status: &status})
	return err
}

// show asks before it is done.
func (a act) show(v *visit) error {
	person, err := v.core.Person(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if r := person.MayNotChangeAccess; r != nil && v.refused == nil {
		return r
	}
	if a.of != "" && person.Status != a.of && v.refused == nil {
		return v.see("/team/users/" + person.ID) // it is so already
	}
	name := words.Args{"name": person.Name}
	return v.show("member-act", &memberPage{
		common: v.common(v.say("user."+a.word+".q", name)), Person: person, What: []string{v.say("user."+a.word+".what", name)},
		Button: v.say("user." + a.word + ".button"), Danger: a.danger, Action: v.r.URL.Path,
	})
}

// send does it and says so where the person can be seen, or was.
func (a act) send(v *visit) error {
	id := v.r.PathValue("id")
	person, err := v.core.Person(v.ctx(), v.by(), id)
	if err != nil {
		return err
	}
	if err := a.do(v, id); err != nil {
		return err
	}
	v.tell(notice{Says: "user." + a.word + ".done", With: map[string]string{"name": person.Name}})
	if a.word == "remove" {
		return v.see("/team")
	}
	return v.see("/team/users/" + id)
}

func showRole(v *visit) error {
	person, err := v.core.Person(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if r := person.MayNotChangeRole; r != nil && v.refused == nil {
		return r
	}
	name := words.Args{"name": person.Name}
	p := &memberPage{
		common: v.common(v.say("user.role.title", name)), Person: person, Button: v.say("user.role.button"), Action: v.r.URL.Path, Legend: v.say("user.role.label"),
		What: []string{v.say("user.role.what", name)}, Roles: v.roles(v.retyped("role", string(person.Role)), core.RoleOwner, core.RoleAdmin, core.RoleMember),
	}
	if person.ID == v.session.User.ID {
		p.What = append(p.What, v.say("user.role.own"))
	}
	return v.show("member-role", p)
}

func changeRole(v *visit) error {
	id, role := v.r.PathValue("id"), core.Role(v.sent("role"))
	person, err := v.core.ChangeUser(v.ctx(), v.by(), id, core.UserChange{Role: &role})
	if err != nil {
		return err
	}
	if person == nil || person.ID == v.session.User.ID {
		return v.see("/") // their own session ended with their role
	}
	v.tell(notice{Says: "user.role.done", With: map[string]string{"name": person.Name, "role": v.say("role." + string(person.Role))}})
	return v.see("/team/users/" + id)
}

func showRename(v *visit) error {
	person, err := v.core.Person(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if r := person.MayNotChange; r != nil && v.refused == nil {
		return r
	}
	return v.show("member-rename", &memberPage{
		common: v.common(v.say("user.rename.title", words.Args{"name": person.Name})), Person: person, Name: v.retyped("name", person.Name),
		Button: v.say("common.save"), Action: v.r.URL.Path,
	})
}

func rename(v *visit) error {
	id, name := v.r.PathValue("id"), v.sent("name")
	person, err := v.core.ChangeUser(v.ctx(), v.by(), id, core.UserChange{Name: &name})
	if err != nil {
		return err
	}
	if person != nil {
		v.tell(notice{Says: "user.rename.done", With: map[string]string{"name": person.Name}})
	}
	return v.see("/team/users/" + id)
}

// roleChoice is a role to choose, with what it is for.
type roleChoice struct {
	option
	Hint string
}

func (v *visit) roles(chosen string, of ...core.Role) []roleChoice {
	var list []roleChoice
	for _, r := range of {
		key := "role." + string(r)
		list = append(list, roleChoice{option{string(r), v.say(key), string(r) == chosen}, v.say(key + ".hint")})
	}
	return list
}

// mayInviteAs are the roles that this person may give to somebody who is invited.
func (v *visit) mayInviteAs() []core.Role {
	if v.session.User.Role == core.RoleOwner {
		return []core.Role{core.RoleMember, core.RoleAdmin, core.RoleOwner}
	}
	return []core.Role{core.RoleMember}
}

// memberItems are the menu's items that change a person, as those before and after
// the restart.
func (v *visit) memberItems(p core.Person) (before, after []menuItem) {
	at := "/team/users/" + p.ID
	item := func(key, word string, r *core.Refusal) menuItem {
		if r != nil {
			return menuItem{Text: v.say(key), Reason: v.whyNot(r)}
		}
		return menuItem{Text: v.say(key), Href: at + "/" + word}
	}
	suspend := item("team.suspend", "suspend", p.MayNotChangeAccess)
	switch {
	case p.Status == core.StatusSuspended:
		suspend = item("team.bringback", "bringback", p.MayNotChangeAccess)
	case p.Status == core.StatusInvited && suspend.Href != "":
		suspend = menuItem{Text: suspend.Text, Reason: v.say("no.invited")}
	}
	return []menuItem{item("team.role", "role", p.MayNotChangeRole)}, slices.Clip([]menuItem{suspend, item("team.remove", "remove", p.MayNotChangeAccess)})
}
