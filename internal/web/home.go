package web

import (
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// homePage greets and says what needs doing.
type homePage struct {
	common
	Notes    []string // what stands over this account for a while
	Todo     []todo
	Begin    []firstStep
	Advice   []todo
	Safe     bool // nothing to do
	TwoStep  []tag
	Team     bool // not for members
	TeamSays string
	Last     string
	Apps     []link
}

// todo is one thing that needs doing; without an address it is only said.
type todo struct {
	Text, Hint, Href string
	Link             string // what the address says beside the text, "" where the text is the link
	Away, AwaySays   string // what a button beside it puts away, and what it says
	CSRF             string // of that button's form
}

// firstStep is one of an owner's first steps.
type firstStep struct {
	Text, Hint, Href string
	Done             bool
}

const putAwayPath = "/put-away"

func showHome(v *visit) error {
	h, err := v.core.Home(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &homePage{
		common: v.common(v.say("home.title", words.Args{"name": v.session.User.Name})), TwoStep: v.ownTags(h.TwoStep),
		Todo: v.todos(h, h.Todo), Advice: v.todos(h, h.Advice), Begin: v.firstSteps(h.Begin),
	}
	p.Main = ""
	if !h.ContainedUntil.IsZero() {
		p.Notes = append(p.Notes, v.say("home.contained", words.Args{"at": h.ContainedUntil}))
	}
	p.Safe = len(p.Todo) == 0 && len(p.Begin) == 0 && !h.TwoStep.OpenedByCode // who came with a recovery code is not done yet
	if h.People.N > 0 {
		p.Team, p.TeamSays = true, v.howMany("home.people", h.People)
	}
	if l := h.LastSignIn; l != nil {
		p.Last = v.say("home.last", words.Args{"at": l.At, "device": edge.Device(v.words, l.Device)})
	}
	for _, host := range h.Apps {
		p.Apps = append(p.Apps, link{v.web.url.Scheme + "://" + host + "/", host})
	}
	return v.show("home", p)
}

// todos says each thing, and where something can be done about it.
func (v *visit) todos(h *core.Home, items []core.HomeItem) []todo {
	var list []todo
	for _, x := range items {
		t := v.todo(h, x)
		t.CSRF = v.formToken()
		list = append(list, t)
	}
	return list
}

func (v *visit) todo(h *core.Home, x core.HomeItem) todo {
	codes := "/me/two-step/recovery-codes"
	if h.TwoStep.OpenedByCode {
		codes = "/me/two-step" // new codes alone take the app; that page says what a code can do
	}
	n, name := words.Args{"n": x.N.N}, words.Args{"name": x.Name}
	switch x.What {
	case core.HomeActivate:
		t := todo{Text: v.say("home.activate"), Href: "/me/two-step/activate"}
		if !x.Until.IsZero() {
			t.Hint = v.graceSays(x.Until)
		}
		return t
	case core.HomeCodesBlocked:
		return todo{Text: v.say("home.codesblocked"), Href: codes}
	case core.HomeNoCodes:
		return todo{Text: v.say("home.nocodes"), Href: codes}
	case core.HomeFewCodes:
		return todo{Text: v.say("home.fewcodes", n), Href: codes}
	case core.HomeStillHave:
		return todo{Text: v.say("home.stillhave"), Link: v.say("two.newcodes"), Href: codes, Away: core.AwayCodes, AwaySays: v.say("home.havethem")}
	case core.HomeVerifyAddress:
		email := words.Args{"email": x.Name}
		return todo{Text: v.say("home.verify", email), Hint: v.say("notify.waiting", email, words.Args{"at": x.Until}), Href: notifyPath}
	case core.HomeSecondAddress:
		return todo{
			Text: v.say("home.secondaddress"), Hint: v.say("home.secondaddress.why"), Href: notifyPath,
			Away: core.AwaySecondAddress, AwaySays: v.say("home.notnow"),
		}
	case core.HomeRequests:
		return todo{Text: v.say("team.requests", n), Href: "/team/requests"}
	case core.HomeSecond:
		return todo{Text: v.say("home.second", n), Href: waitingPath}
	case core.HomeDeadLetters:
		return todo{Text: v.say("let.some"), Href: lettersPath}
	case core.HomeNotActive:
		return todo{Text: v.howMany("home.inactive", x.N), Href: "/team?two_step=not_active"}
	case core.HomeNobodyAble:
		return todo{Text: v.say("ready.nobody"), Href: "/team"}
	case core.HomeSinglePoint:
		return todo{Text: v.say("ready.single", name), Href: "/team"}
	case core.HomeSecondOwner:
		return todo{Text: v.say("home.secondowner"), Href: "/team/invite"}
	}
	return todo{Text: v.say("home.nomail"), Hint: v.say("home.begin.mail.how")} // core.HomeNoMail
}

// firstSteps says what an owner does in the beginning, and what of it is done.
func (v *visit) firstSteps(steps []core.HomeStep) []firstStep {
	var list []firstStep
	for _, s := range steps {
		f := firstStep{Done: s.Done}
		switch s.What {
		case core.BeginInvite:
			f.Text, f.Href = v.say("home.begin.invite"), "/team/invite"
		case core.BeginOwner:
			f.Text, f.Hint, f.Href = v.say("home.begin.owner"), v.say("home.begin.owner.why"), "/team/invite"
		case core.BeginMail:
			f.Text, f.Hint = v.say("home.begin.mail"), v.say("home.begin.mail.how")
		case core.BeginTry:
			f.Text, f.Hint = v.say("home.begin.try"), v.say("home.begin.later")
			if s.ID != "" {
				f.Hint, f.Href = v.say("home.begin.try.how", words.Args{"name": s.Name}), "/team/users/"+s.ID+"/restart?"+tryParameter+"=1"
			}
		}
		if s.Done {
			f.Hint, f.Href = "", ""
		}
		list = append(list, f)
	}
	return list
}

// putAway takes something off one's home page.
func putAway(v *visit) error {
	item := v.sent("item")
	if err := v.core.PutAway(v.ctx(), v.by(), item); err != nil {
		return err
	}
	says := "home.away"
	switch item {
	case core.AwayCodes:
		says = "home.away.codes"
	case core.AwayTry:
		says = "home.away.try"
	}
	v.tell(notice{Says: says})
	return v.see("/")
}

// graceSays is until when somebody may wait with their activation, and how long that
// is from now.
func (v *visit) graceSays(by time.Time) string {
	return v.say("two.grace", words.Args{"at": by}) + " " + v.say("two.grace.left", v.until(by))
}
