package web

import (
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// restartPage is the dialog of J4 and J5: a page, so that it can be linked, works
// without a script, and traps no focus.
type restartPage struct {
	common
	Person     core.Person
	Seen       string // the newest restart that this page knows of
	Try        string // codes are left: ask to try one first
	OnlyLooks  bool   // an owner who tries it: everything but the button that does it
	Waiting    string // it was restarted already and waits
	Ends       []string
	Reason     string
	ReasonHint string
	Ways       []option
}

// tryParameter leads to the page of a restart without the button that does it, so that
// an owner has seen it before the bad day.
const tryParameter = "try"

func showRestart(v *visit) error {
	preview, err := v.core.RestartPreview(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	who := preview.Person
	name := words.Args{"name": who.Name}
	p := &restartPage{
		common: v.common(v.say("re.q", name)), Person: who, Seen: preview.Newest, Reason: v.typed("reason"),
		ReasonHint: v.say("re.reasonhint", name, words.Args{"n": core.ReasonLongest}), Ends: v.whatEnds(preview),
		OnlyLooks: !v.isPost() && v.r.URL.Query().Has(tryParameter),
	}
	if preview.Second {
		p.Ends = append([]string{v.say("re.secondwill", words.Args{"time": core.PendingLasts})}, p.Ends...)
	}
	if preview.RecoveryCodes > 0 {
		p.Try = v.say("re.try", name, words.Args{"n": preview.RecoveryCodes})
	}
	if who.DueReason == core.DueRestarted && len(who.Restarts) > 0 {
		p.Waiting = v.say("re.waiting", v.ofRestart(who.Restarts[0]))
		if who.PassOpen {
			p.Waiting += " " + v.say("pass.lost")
		}
	}
	for _, way := range core.VerifiedByValues() {
		p.Ways = append(p.Ways, option{string(way), v.say(wordsOf(way)), v.typed("verified_by") == string(way)})
	}
	if r := v.refused; r != nil {
		switch r.Code {
		case core.VerifiedByMissing:
			p.Problems[0].Lines = []string{v.say("re.verifiedmissing", name)}
		case core.RestartedMeanwhile:
			if len(who.Restarts) == 0 {
				break
			}
			p.Problems[0].Lines = []string{v.say("re.meanwhile", v.ofRestart(who.Restarts[0]), words.Args{"at": who.Restarts[0].At})}
		}
	}
	return v.show("restart", p)
}

// wordsOf is the key of a way to make sure, as the form offers it.
func wordsOf(way core.VerifiedBy) string {
	switch way {
	case core.VerifiedInPerson:
		return "re.v.person"
	case core.VerifiedVideoCall:
		return "re.v.video"
	case core.VerifiedKnownNumber:
		return "re.v.phone"
	}
	return "re.v.other"
}

// whatEnds says in numbers what will happen; what is 0 does not happen.
func (v *visit) whatEnds(p *core.RestartPreview) []string {
	var lines []string
	for _, x := range []struct {
		key string
		n   int
	}{{"re.sessions", p.Sessions}, {"re.apps", p.Authenticators}, {"re.codes", p.RecoveryCodes}, {"re.devices", p.RememberedDevices}} {
		if x.n > 0 {
			lines = append(lines, v.say(x.key, words.Args{"n": x.n}))
		}
	}
	name := words.Args{"name": p.Person.Name}
	lines = append(lines, v.say("re.next", name, words.Args{"at": p.DueBy}))
	if p.Pass {
		lines = append(lines, v.say("re.pass", name))
	}
	return append(lines, v.say("re.told", name))
}

// restart restarts somebody's 2-step. Sent twice, core answers with one receipt.
func restart(v *visit) error {
	id := v.r.PathValue("id")
	done, err := v.core.RestartTwoStep(v.ctx(), v.by(), id, core.RestartRequest{
		Reason: v.sent("reason"), VerifiedBy: core.VerifiedBy(v.sent("verified_by")), Seen: v.sent("seen"), CheckSeen: true,
	})
	if err != nil {
		return err
	}
	return v.restarted(done)
}

// restarted says that the restart waits, shows the pass, or leads to the person's
// page and says there what was done.
func (v *visit) restarted(done *core.Restart) error {
	if done.Waiting != nil {
		v.tell(notice{Says: "re.second"})
		return v.see("/team/users/" + done.PersonID)
	}
	if done.Pass != "" {
		return v.showReceipt(done)
	}
	n := notice{Says: "re.done", N: done.SessionsEnded}
	if done.PassMade {
		n.With = map[string]string{"pass": "shown"}
	}
	v.tell(n)
	return v.see("/team/users/" + done.PersonID)
}
