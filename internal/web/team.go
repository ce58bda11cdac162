package web

import (
	"net/url"
	"slices"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// teamPage is the list of people. All of its state is in the address, so Back
// and a bookmark restore it.
type teamPage struct {
	common
	Query, Role, TwoStep string
	Roles, States, Codes []option
	Ready                *readyPanel // on the first page of everybody
	Export               string      // the file of whom the filters let through
	Alone                bool        // it is just you so far
	People               string      // the caption, in two sentences
	Inactive             string
	Letters              string // some could not be delivered, which an owner should know
	Filtered             bool
	Nobody               string // what is said in place of an empty list
	Rows                 []personRow
	Waiting              bool   // restarts wait for a second approver
	Previous, Next       string // addresses
	Requests             string // restart requests that wait, "" for none
}

// option is a choice of a filter.
type option struct {
	Value, Text string
	Chosen      bool
}

// personRow is one person of the list.
type personRow struct {
	core.Person
	You  bool
	Tags []tag
	Menu menu
}

func showTeam(v *visit) error {
	f, err := v.peopleFilter()
	if err != nil {
		return err
	}
	people, err := v.core.People(v.ctx(), v.by(), f)
	if err != nil {
		return err
	}
	p := &teamPage{
		common: v.common(v.say("team.title")), Query: f.Query, Role: string(f.Role), TwoStep: string(f.TwoStep),
		People: v.howMany("team.people", people.Total), Filtered: f.Query != "" || f.Role != "" || f.TwoStep != "" || f.CodesLeft != nil,
		Export: v.withFilters("/team/export", ""), Alone: people.Total == core.Count{N: 1},
		Previous: v.teamAddress(people.Previous), Next: v.teamAddress(people.Next),
	}
	p.Main = ""
	if n := v.openRequests(); n > 0 {
		p.Requests = v.say("team.requests", words.Args{"n": n})
	}
	if dead, err := v.core.HasDeadLetters(v.ctx(), v.by()); err != nil {
		return err
	} else if dead {
		p.Letters = v.say("let.some")
	}
	waiting, err := v.core.PendingRestarts(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p.Waiting = len(waiting) > 0
	if p.Filtered {
		p.People = v.howMany("team.found", people.Found)
	}
	p.Roles = v.options(p.Role, "team.filter.allroles", "role.", "owner", "admin", "member")
	p.States = v.options(p.TwoStep, "team.filter.alltwo", "team.filter.", "active", "not_active", "off", "grace", "due", "waiting")
	p.Codes = v.options(v.r.URL.Query().Get("recovery_codes_left"), "team.filter.allcodes", "team.filter.codes.", "0", "1")
	if !p.Filtered && f.Cursor == "" {
		if p.Ready, err = v.readyPanel(); err != nil {
			return err
		}
	}
	if people.NotActive.N > 0 && !p.Filtered {
		p.Inactive = v.howMany("team.inactive", people.NotActive)
	}
	for _, person := range people.Items {
		p.Rows = append(p.Rows, personRow{
			Person: person, You: person.ID == v.session.User.ID,
			Tags: v.personTags(person, v.words.Date), Menu: v.personMenu(person, "actions-"+person.ID),
		})
	}
	switch {
	case len(p.Rows) == 0 && p.Next+p.Previous != "":
		p.Nobody = v.say("team.nobodyhere")
	case len(p.Rows) == 0 && f.Query != "":
		p.Nobody = v.say("team.noresult", words.Args{"q": f.Query})
	case len(p.Rows) == 0:
		p.Nobody = v.say("team.nofilter")
	}
	return v.show("team", p)
}

// howMany says a number of people: it, or that there are more, or that there are at
// least so many. The words are keys that end alike.
func (v *visit) howMany(key string, c core.Count) string {
	switch {
	case !c.More:
	case c.N < core.CountMost:
		key += ".atleast"
	default:
		key += ".more"
	}
	return v.say(key, words.Args{"n": c.N})
}

// options are the choices of a filter; their words are keys that end as the
// values do.
func (v *visit) options(chosen, all, prefix string, values ...string) []option {
	list := []option{{Text: v.say(all)}}
	for _, value := range values {
		list = append(list, option{value, v.say(prefix + value), value == chosen})
	}
	return list
}

// teamAddress is the list at another cursor, with the same filters.
func (v *visit) teamAddress(cursor string) string {
	if cursor == "" {
		return ""
	}
	return v.withFilters("/team", cursor)
}

func (v *visit) withFilters(address, cursor string) string {
	q := url.Values{}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	for _, name := range []string{"q", "role", "two_step", "recovery_codes_left"} {
		if value := v.r.URL.Query().Get(name); value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return address
	}
	return address + "?" + q.Encode()
}

// menu is Actions (three dots, in the list) and Options (on the person's page):
// the same items in the same order, and the same pages behind them.
type menu struct {
	ID, Name string // Name names the list: whose actions they are
	Items    []menuItem
}

// menuItem without an address says why it is not possible.
type menuItem struct{ Text, Href, Reason string }

func (v *visit) personMenu(p core.Person, id string) menu {
	restart := menuItem{Text: v.say("re.item"), Href: "/team/users/" + p.ID + "/restart"}
	if p.MayNotRestart != nil {
		restart.Href, restart.Reason = "", v.whyNot(p.MayNotRestart)
	}
	before, after := v.memberItems(p)
	items := slices.Concat([]menuItem{{Text: v.say("team.view"), Href: "/team/users/" + p.ID}}, before, []menuItem{restart}, after)
	return menu{ID: id, Name: v.say("team.actions", words.Args{"name": p.Name}), Items: items}
}

// whyNot says in a few words why an item of the menu is not possible.
func (v *visit) whyNot(r *core.Refusal) string {
	switch r.Code {
	case core.Self:
		return v.say("no.self")
	case core.Rank, core.OwnerOnly, core.AdminOnly:
		return v.say("no.rank")
	case core.OwnersSessions:
		return v.say("no.owner")
	case core.RecoverySession:
		return v.say("no.recovery")
	case core.Contained:
		return v.say("no.contained", r.Args)
	case core.NothingToRestart:
		return v.say("no.nothing")
	case core.LastOwner:
		return v.say("no.lastowner")
	}
	return v.say("refusal." + string(r.Code) + ".title")
}
