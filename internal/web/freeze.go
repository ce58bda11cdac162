package web

import (
	"net/url"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// wasThemPage asks whoever answers for a restart about the activation after it.
type wasThemPage struct {
	common
	Person   core.User
	Restart  string
	When     string
	Device   string
	Browser  string // whether they were seen with it before
	New      bool
	Address  string
	Restarts string // the restart, as a sentence
	Until    string
	Answered string // who answered what; "" while it can be answered
}

func wasThemPath(person, restart string) string {
	return "/team/users/" + person + "/was-this-them?" + url.Values{"restart": {restart}}.Encode()
}

func showWasThem(v *visit) error {
	id, restart := v.r.PathValue("id"), v.r.FormValue("restart")
	a, err := v.core.Reactivation(v.ctx(), v.by(), id, restart)
	switch {
	case err != nil && v.refused != nil:
		return v.refusePage(v.refused) // the form's own refusal, where the form cannot be shown
	case err != nil:
		return err
	}
	name := words.Args{"name": a.Person.Name}
	p := &wasThemPage{
		common: v.common(v.say("was.title", name), name), Person: a.Person, Restart: restart, When: v.words.DateTime(a.ActivatedAt),
		Device: edge.Device(v.words, a.Device), Browser: v.say("mail.browser.new", name), New: !a.SeenBefore, Address: a.Address,
		Restarts: v.restartLine(a.Restart), Until: v.say("was.until", words.Args{"at": a.Until}),
	}
	if a.SeenBefore {
		p.Browser = v.say("mail.browser.seen", name)
	}
	answered := words.Args{"by": a.AnsweredBy, "at": a.AnsweredAt}
	switch {
	case a.Answer == core.WasThemYes:
		p.Answered = v.say("was.answered.yes", name, answered)
	case a.Answer == core.WasThemNo && a.AnsweredBy == "":
		p.Answered = v.say("was.closed", answered)
	case a.Answer == core.WasThemNo:
		p.Answered = v.say("was.answered.no", name, answered)
	case !v.core.Now().Before(a.Until):
		p.Answered = v.say("refusal.too-late-to-answer")
	}
	return v.show("was-them", p)
}

// answerWasThem takes the button that was pressed: yes or no.
func answerWasThem(v *visit) error {
	id, answer := v.r.PathValue("id"), v.sent("answer")
	if answer != string(core.WasThemYes) && answer != string(core.WasThemNo) {
		return &core.Refusal{Code: badRequest}
	}
	a, err := v.core.AnswerReactivation(v.ctx(), v.by(), id, v.r.FormValue("restart"), answer == string(core.WasThemYes))
	if err != nil {
		return err
	}
	v.tell(notice{Says: "was." + answer + ".done", With: map[string]string{"name": a.Person.Name}})
	return v.see("/team/users/" + id)
}

// frozenNote says why an account is frozen.
func (v *visit) frozenNote(p *core.Person) note {
	args := words.Args{"name": p.Name, "by": p.Frozen.ByName, "at": p.Frozen.At}
	if p.Frozen.Why == core.FrozenNotMe {
		return note{"warn", v.say("user.frozen.notme", args)}
	}
	return note{"warn", v.say("user.frozen", args)}
}
