package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

const helpRequestsPath = helpPath + "/requests"

// newHelpPage is the form of a request, or why there is none.
type newHelpPage struct {
	common
	Why     string // there is no form: why
	Half    bool   // somebody at the second step: led to their team
	Locked  bool   // nobody is signed in: what to do about being locked out
	Who     string // who gets it
	AsksFor bool   // the address is asked for
	Email   string
	Abouts  []option
	Text    string
	Anyway  bool // the tick is asked for
}

func showNewHelp(v *visit) error {
	p := &newHelpPage{common: v.common(v.say("help.request")), Text: v.typed("text"), Email: v.typed("email")}
	switch {
	case v.reachesAll():
		p.Who = v.say("hr.who", words.Args{"email": v.session.User.Email})
	case v.session != nil:
		p.Why = v.say("hr.due")
		return v.show("new-help", p)
	default:
		half, err := v.halfSignedIn()
		if err != nil {
			return err
		}
		p.Half, p.Locked, p.AsksFor = half, !half, true
		if !v.core.HelpsStrangers() {
			p.Why = v.say("hr.nocontact")
			return v.show("new-help", p)
		}
		p.Who = v.say("hr.stranger")
		p.Anyway = v.refused != nil && v.refused.Code == core.AskTeamFirst
	}
	for _, about := range core.HelpAboutValues() {
		p.Abouts = append(p.Abouts, option{string(about), v.say("hr.about." + string(about)), v.typed("about") == string(about)})
	}
	return v.show("new-help", p)
}

// halfSignedIn says whether this browser has given a password and no second step.
func (v *visit) halfSignedIn() (bool, error) {
	token := v.web.cookies.get(v.r, attemptCookie)
	if token == "" {
		return false, nil
	}
	_, err := v.core.Attempt(v.ctx(), token)
	if core.Refused(err) != nil {
		return false, nil
	}
	return err == nil, err
}

func sendHelp(v *visit) error {
	said := core.NewHelpRequest{About: core.HelpAbout(v.sent("about")), Text: v.sent("text")}
	if v.session == nil {
		return v.sendStrangersHelp(said)
	}
	if err := v.checkForm(core.NeedSession); err != nil { // the route is open
		return err
	}
	q, err := v.core.SubmitHelpRequest(v.ctx(), v.by(), said)
	if err != nil {
		return err
	}
	says := "hr.sent"
	if !v.core.MailConfigured() {
		says = "hr.sentnomail"
	}
	v.tell(notice{Says: says, With: map[string]string{"id": q.Number, "email": v.session.User.Email}})
	return v.see(helpRequestsPath + "/" + q.ID)
}

func (v *visit) sendStrangersHelp(said core.NewHelpRequest) error {
	number, err := v.core.SubmitStrangersRequest(v.ctx(), v.by(), core.StrangersRequest{NewHelpRequest: said, Email: v.sent("email"), Anyway: v.sent("anyway") != ""})
	if err != nil {
		return err
	}
	v.tell(notice{Says: "hr.sent", With: map[string]string{"id": number, "email": v.sent("email")}})
	return v.see(helpPath)
}

// helpLine is a request in a list.
type helpLine struct {
	ID, Says string
	State    tag
	core.HelpRequest
}

func (v *visit) helpLines(list []core.HelpRequest) (lines []helpLine) {
	for _, q := range list {
		says := v.say("hr.one", words.Args{"number": q.Number})
		if !q.Mine {
			says = v.say("hr.row", words.Args{"name": q.From.Name, "about": v.say("hr.about." + string(q.About))})
		}
		lines = append(lines, helpLine{q.ID, says, v.helpTag(q.State), q})
	}
	return lines
}

func (v *visit) helpTag(s core.HelpState) tag {
	tone := map[core.HelpState]string{core.HelpOpen: "warn", core.HelpAnswered: "ok"}[s]
	return tag{Tone: tone, Text: v.say("hr.state." + string(s))}
}

// helpRequestPage is one request and what was written in it.
type helpRequestPage struct {
	common
	core.HelpRequest
	About string
	Back  link
	Tag   []tag
	Talk  []helpText
	Label string // of the field; "" when nothing more can be written
	Send  string
	Text  string
}

type helpText struct {
	By string
	core.HelpMessage
}

func showHelpRequest(v *visit) error {
	q, err := v.core.HelpRequest(v.ctx(), v.by(), v.r.PathValue("id"))
	if core.IsRefusal(err, core.Missing) && v.refused != nil && v.refused.Code == formStale {
		return v.refused // a form that nobody's own page sent learns no more
	}
	if err != nil {
		return err
	}
	p := &helpRequestPage{
		common: v.common(v.say("hr.one", words.Args{"number": q.Number}), words.Args{"name": q.From.Name}), HelpRequest: *q, About: v.say("hr.about." + string(q.About)),
		Back: link{helpPath, v.say("nav.help")}, Tag: []tag{v.helpTag(q.State)}, Text: v.typed("text"),
	}
	p.Main = "mid"
	if q.MayAnswer {
		p.Back = link{"/team/requests", v.say("req.title")}
	}
	for _, m := range q.Messages {
		key := "hr.byasker"
		if m.Answer {
			key = "hr.byanswer"
		}
		p.Talk = append(p.Talk, helpText{v.say(key, words.Args{"name": m.ByName}), m})
	}
	if q.State != core.HelpClosed {
		p.Label, p.Send = v.say("hr.answer"), v.say("hr.answerbutton")
		if q.Mine {
			p.Label, p.Send = v.say("hr.add"), v.say("hr.addbutton")
		}
	}
	return v.show("help-request", p)
}

func writeInHelp(v *visit) error {
	id := v.r.PathValue("id")
	q, err := v.core.HelpRequest(v.ctx(), v.by(), id)
	if err != nil {
		return err
	}
	if err := v.core.WriteInHelpRequest(v.ctx(), v.by(), id, v.sent("text")); err != nil {
		return err
	}
	says := "hr.answered"
	if q.Mine {
		says = "hr.added"
	}
	v.tell(notice{Says: says})
	return v.see(helpRequestsPath + "/" + id)
}

func closeHelp(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.core.CloseHelpRequest(v.ctx(), v.by(), id); err != nil {
		return err
	}
	v.tell(notice{Says: "hr.closed"})
	return v.see(helpRequestsPath + "/" + id)
}

// questionsShown is how many the page of requests lists.
const questionsShown = 30

func (v *visit) questions() ([]helpLine, error) {
	list, err := v.core.HelpRequests(v.ctx(), v.by(), core.HelpFilter{Team: true, Limit: questionsShown})
	if err != nil {
		return nil, err
	}
	return v.helpLines(list.Items), nil
}
