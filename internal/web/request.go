package web

import (
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// askPage is for somebody who can use no second step: it asks the team, and shows
// what became of it.
type askPage struct {
	common
	News    string // what became of the newest request
	Open    bool   // one waits
	Before  string // what stands before the match code …
	Code    string // … four digits, in two pairs; only in the browser that asked
	After   string // … and after it
	Waiting string
	Until   string
	MayNot  string // why no request can be made now
	Whys    []option
	Again   string // this page
	Back    string // the second step
}

func showAsk(v *visit) error {
	attempt := v.web.cookies.get(v.r, attemptCookie)
	who, err := v.core.Attempt(v.ctx(), attempt)
	if err != nil {
		return err
	}
	ask, err := v.core.Asked(v.ctx(), attempt, v.web.cookies.get(v.r, requestCookie))
	if err != nil {
		return err
	}
	v.words = v.web.words.In(v.web.pick(v.r, who.Language))
	p := &askPage{common: v.common(v.say("ask.title"))}
	p.Bare, p.Again, p.Back = true, keepWanted(askPath, v.next), keepWanted("/sign-in/second-step", v.next)
	switch ask.State {
	case core.RequestOpen:
		p.Open = true
		p.Waiting = v.say("ask.waiting", words.Args{"at": ask.MadeAt})
		p.Until = v.say("ask.until", words.Args{"at": ask.ExpiresAt})
		if ask.MatchCode != "" {
			v.secret = true
			const mark = "\x00"
			p.Before, p.After, _ = strings.Cut(v.say("ask.code", words.Args{"code": mark}), mark)
			p.Code = ask.MatchCode[:2] + "\u00a0" + ask.MatchCode[2:]
		}
		return v.show("ask", p)
	case core.RequestApproved: // and this attempt lives: nobody was restarted yet
		p.News = v.say("ask.second")
	case core.RequestRefused:
		p.News = v.say("ask.refused")
	case core.RequestExpired:
		p.News = v.say("ask.expired", words.Args{"time": edge.Exactly(v.words, ask.ExpiresAt.Sub(ask.MadeAt))})
	case core.RequestEnded:
		if ask.Ended == core.EndedByWrongCodes {
			p.News = v.say("ask.ended")
		}
	}
	if r := ask.MayNotAsk; r != nil && (v.refused == nil || v.refused.Code != r.Code) {
		p.MayNot = edge.Sentence(v.words, r)
	}
	if ask.MayNotAsk == nil {
		for _, why := range core.HappenedValues() {
			p.Whys = append(p.Whys, option{string(why), v.say("ask." + happenedWord(why)), v.typed("happened") == string(why)})
		}
	}
	return v.show("ask", p)
}

// happenedWord is how keys of the messages end that say what happened.
func happenedWord(h core.Happened) string {
	switch h {
	case core.LostPhone:
		return "lost"
	case core.NewPhone:
		return "new"
	}
	return "other"
}

// askTeam makes the request. This browser keeps what shows its match code again,
// for as long as the request lasts.
func askTeam(v *visit) error {
	ask, err := v.core.AskTeam(v.ctx(), v.by(), v.web.cookies.get(v.r, attemptCookie), v.web.cookies.get(v.r, requestCookie), core.Happened(v.sent("happened")))
	if err != nil {
		return err
	}
	if ask.Token != "" {
		v.web.cookies.set(v.rw, requestCookie, ask.Token, ask.ExpiresAt.Sub(v.core.Now()))
		v.tell(notice{Says: "ask.sent"})
	}
	return v.see(keepWanted(askPath, v.next))
}

const askPath = "/sign-in/ask"

func withdrawAsk(v *visit) error {
	err := v.core.WithdrawAsk(v.ctx(), v.by(), v.web.cookies.get(v.r, attemptCookie))
	if err != nil && !core.IsRefusal(err, core.NoRequest) { // it was sent twice, or something else ended it: the page says which
		return err
	}
	v.web.cookies.clear(v.rw, requestCookie)
	if err == nil {
		v.tell(notice{Says: "ask.withdrawn"})
	}
	return v.see(keepWanted(askPath, v.next))
}

// approvedMeanwhile says whether a restart took this browser's attempt away, and not
// the time: then its sign-in page says so.
func (v *visit) approvedMeanwhile() bool {
	token := v.web.cookies.get(v.r, requestCookie)
	if token == "" {
		return false
	}
	approved, err := v.core.AskWasApproved(v.ctx(), token)
	if err != nil {
		v.web.log.WarnContext(v.ctx(), "what became of a restart request is not known", "error", err)
	}
	if approved {
		v.web.cookies.clear(v.rw, requestCookie)
	}
	return approved
}

// requestsPage lists what waits, and below it what is over.
type requestsPage struct {
	common
	Waiting, Over []requestLine
	Restarts      []waitingRow // those that wait for a second approver
	Questions     []helpLine
}

type requestLine struct {
	core.Request
	Says, Hint string
}

// overShown is how many of those that are over the page shows; the audit log has all.
const overShown = 20

func showRequests(v *visit) error {
	p := &requestsPage{common: v.common(v.say("req.title"))}
	p.Main = ""
	waiting, err := v.core.Requests(v.ctx(), v.by(), core.RequestFilter{Open: true, Limit: 200})
	if err != nil {
		return err
	}
	over, err := v.core.Requests(v.ctx(), v.by(), core.RequestFilter{Answered: true, Limit: overShown})
	if err != nil {
		return err
	}
	if p.Restarts, err = v.waitingRows(); err != nil {
		return err
	}
	if p.Questions, err = v.questions(); err != nil {
		return err
	}
	for _, q := range waiting.Items {
		p.Waiting = append(p.Waiting, requestLine{q, v.askedOn(q), strings.Join([]string{
			v.say("req." + happenedWord(q.Happened)), edge.Device(v.words, q.Device), edge.Place(v.words, q.Address), v.say("req.until", words.Args{"at": q.ExpiresAt}),
		}, " · ")})
	}
	for _, q := range over.Items {
		p.Over = append(p.Over, requestLine{q, v.askedOn(q), v.became(q)})
	}
	return v.show("requests", p)
}

func (v *visit) askedOn(q core.Request) string {
	return v.say("req.row", words.Args{"name": q.Person.Name, "at": q.MadeAt})
}

// became says what became of a request that is over.
func (v *visit) became(q core.Request) string {
	args := words.Args{"by": q.AnsweredBy, "at": q.AnsweredAt, "reason": q.Reason, "why": ""}
	switch q.State {
	case core.RequestExpired:
		args["at"] = q.ExpiresAt
	case core.RequestEnded:
		if key := "req.end." + string(q.Ended); v.words.Has(key) {
			args["why"] = v.say(key)
		}
	}
	return v.say("req.state."+string(q.State), args)
}

// requestPage is one request: what is known of it, and the two answers. The match
// code is not on it: whoever approves hears it from the person.
type requestPage struct {
	common
	core.Request
	Open                     bool
	Became                   string
	Happened                 string
	From, Place              string
	Browser, Addressed       seen
	Try                      string // codes are left: ask to try one first
	Ends                     []string
	Reason, Why              string
	NotThem                  bool
	MatchHint, ReasonHint    string
	NotThemText, NotThemHint string
	Ways                     []option
}

// seen says whether a browser or an address was ever the person's.
type seen struct {
	Known bool
	Text  string
}

func showRequest(v *visit) error {
	q, err := v.core.Request(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	name := words.Args{"name": q.Person.Name}
	p := &requestPage{
		common: v.common(v.say("req.one", name), name), Request: *q, Open: q.State == core.RequestOpen, Happened: v.say("req." + happenedWord(q.Happened)),
		From: edge.Device(v.words, q.Device), Place: edge.Place(v.words, q.Address),
		Browser: seen{q.DeviceSeen, v.say("req.notseen", name, seenDays())}, Addressed: seen{q.AddressSeen, v.say("req.addressnotseen", name, seenDays())},
	}
	if q.DeviceSeen {
		p.Browser.Text = v.say("req.seen", name)
	}
	if q.AddressSeen {
		p.Addressed.Text = v.say("req.addressseen", name)
	}
	if r := v.refused; r != nil && r.Code == core.RequestAnswered && q.AnsweredBy != "" {
		p.Problems[0].Lines = []string{v.say("req.answered", words.Args{"by": q.AnsweredBy})}
	}
	if !p.Open {
		p.Became = v.became(*q)
		return v.show("request", p)
	}
	return v.showOpenRequest(p, name)
}

func seenDays() words.Args { return words.Args{"n": int(core.SeenWithin / (24 * time.Hour))} }

// showOpenRequest adds the numbers of a restart and the two forms.
func (v *visit) showOpenRequest(p *requestPage, name words.Args) error {
	preview, err := v.core.RestartPreview(v.ctx(), v.by(), p.Person.ID)
	if err != nil {
		return err
	}
	p.Ends = v.whatEnds(preview)
	if preview.RecoveryCodes > 0 {
		p.Try = v.say("re.try", name, words.Args{"n": preview.RecoveryCodes})
	}
	p.MatchHint = v.say("req.matchhint")
	p.ReasonHint = v.say("req.reasonhint", name, words.Args{"m": core.RequestReasonShortest, "n": core.ReasonLongest})
	p.NotThemText, p.NotThemHint = v.say("req.notthem", name), v.say("req.notthemhint", name)
	p.Reason, p.Why, p.NotThem = v.typed("reason"), v.typed("why"), v.typed("not_them") != ""
	for _, way := range core.VerifiedByValues() {
		p.Ways = append(p.Ways, option{string(way), v.say(wordsOf(way)), v.typed("verified_by") == string(way)})
	}
	for i := range p.Problems {
		if p.Problems[i].Field == "verified_by" {
			p.Problems[i].Lines = []string{v.say("re.verifiedmissing", name)}
		}
	}
	return v.show("request", p)
}

// approveRequest is a restart; its receipt stands on the person's page like any
// other's.
func approveRequest(v *visit) error {
	q, err := v.core.Request(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	done, err := v.core.ApproveRequest(v.ctx(), v.by(), q.ID, core.Approval{
		MatchCode: v.sent("match_code"), Reason: v.sent("reason"), VerifiedBy: core.VerifiedBy(v.sent("verified_by")),
	})
	if err != nil {
		return err
	}
	return v.restarted(done)
}

func refuseRequest(v *visit) error {
	id := v.r.PathValue("id")
	err := v.core.RefuseRequest(v.ctx(), v.by(), id, core.Refusing{Reason: v.sent("why"), NotThem: v.sent("not_them") != ""})
	if r := core.Refused(err); r != nil && r.Field == "reason" {
		r.Field = "why" // the page has another reason, of the approval
	}
	if err != nil {
		return err
	}
	v.tell(notice{Says: "req.refused"})
	return v.see("/team/requests/" + id)
}

// requestsEntry is the menu's line, with how many wait.
func (v *visit) requestsEntry() entry {
	e := entry{Href: "/team/requests", Text: v.say("nav.requests")}
	if n := v.openRequests(); n > 0 {
		e.Text = v.say("nav.requestsopen", words.Args{"n": n})
	}
	return e
}

// openRequests is the number in the menu. A page is worth more than its badge, so a
// storage that cannot say it now is only logged.
func (v *visit) openRequests() int {
	n, err := v.core.OpenRequests(v.ctx(), v.by())
	if err != nil {
		v.web.log.WarnContext(v.ctx(), "open restart requests are not counted", "error", err)
	}
	return n
}
