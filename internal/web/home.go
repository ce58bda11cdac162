package web

import (
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// homePage greets and says what is missing.
type homePage struct {
	common
	Notes    []string // what stands over this account for a while
	Todo     []todo
	Safe     bool // nothing to do
	TwoStep  []tag
	Team     *core.People // nil for members
	TeamSays string
}

// todo is one thing that is missing; without an address it is only said.
type todo struct{ Text, Hint, Href string }

func showHome(v *visit) error {
	u := v.session.User
	two, err := v.core.TwoStepStatus(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &homePage{common: v.common(v.say("home.title", words.Args{"name": u.Name})), TwoStep: v.ownTags(two)}
	p.Main = ""
	admin := core.NeedAdmin.Meets(v.session, v.core.Now()) == nil
	if admin && !u.ContainedUntil.IsZero() { // a member has nothing of what it takes away
		p.Notes = append(p.Notes, v.say("home.contained", words.Args{"at": u.ContainedUntil}))
	}
	p.Todo = v.ownTodo(two)
	if admin {
		if err := v.teamTodo(p); err != nil {
			return err
		}
	}
	p.Safe = len(p.Todo) == 0 && !two.OpenedByCode // who came with a recovery code is not done yet
	return v.show("home", p)
}

func (v *visit) ownTodo(two *core.TwoStepStatus) []todo {
	left := words.Args{"n": two.RecoveryCodesLeft}
	codes := todo{Href: "/me/two-step/recovery-codes"}
	if two.OpenedByCode {
		codes.Href = "/me/two-step" // new codes alone take the app; that page says what a code can do
	}
	switch {
	case two.State != core.TwoStepActive:
		t := todo{Text: v.say("home.activate"), Href: "/me/two-step/activate"}
		if !two.DueBy.IsZero() {
			t.Hint = v.graceSays(two.DueBy)
		}
		return []todo{t}
	case two.RecoveryCodesLeft == 0:
		codes.Text = v.say("home.nocodes")
	case two.RecoveryCodesLeft <= core.FewCodes:
		codes.Text = v.say("home.fewcodes", left)
	default:
		return nil
	}
	return []todo{codes}
}

// graceSays is until when somebody may wait with their activation, and how long that
// is from now.
func (v *visit) graceSays(by time.Time) string {
	return v.say("two.grace", words.Args{"at": by}) + " " + v.say("two.grace.left", v.until(by))
}

// teamTodo is what is missing in the team, for those who look after it.
func (v *visit) teamTodo(p *homePage) error {
	people, err := v.core.People(v.ctx(), v.by(), core.PeopleFilter{Role: core.RoleOwner, Limit: 2})
	if err != nil {
		return err
	}
	p.Team, p.TeamSays = people, v.howMany("home.people", people.Total)
	if people.NotActive.N > 0 {
		p.Todo = append(p.Todo, todo{Text: v.howMany("home.inactive", people.NotActive), Href: "/team?two_step=not_active"})
	}
	if n := v.openRequests(); n > 0 {
		p.Todo = append(p.Todo, todo{Text: v.say("team.requests", words.Args{"n": n}), Href: "/team/requests"})
	}
	if len(people.Items) == 1 {
		p.Todo = append(p.Todo, todo{Text: v.say("home.secondowner")})
	}
	return nil
}
