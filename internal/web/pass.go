package web

import (
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// passPage asks for the re-activation pass, before any key is shown.
type passPage struct {
	common
	Hint string
	Void string // what to do where the pass no longer works; then there is no field
}

// passExample shows the shape and is nobody's pass: its check symbol is wrong.
const passExample = "7k3m‑q9wd‑2xhq"

// showPass is what somebody sees instead of an activation that wants a pass first.
func (v *visit) showPass(r *core.Refusal) error {
	p := &passPage{common: v.common(v.say("pass.title")), Hint: v.say("pass.example", words.Args{"example": passExample})}
	if r.Code == core.PassVoid {
		p.Title, p.Void = v.say("refusal.pass-void.title"), edge.Sentence(v.words, r)
	}
	if r := v.refused; r != nil && len(p.Problems) > 0 {
		p.Problems[0].Lines = v.aboutPass(r)
	}
	return v.show("pass", p)
}

// aboutPass are the sentences about a refused pass: what it was, then what helps.
func (v *visit) aboutPass(r *core.Refusal) []string {
	lines := []string{edge.Sentence(v.words, r)}
	if r.Code != core.WrongPass || !r.Counted {
		return lines
	}
	switch {
	case r.TriesLeft == 1 || r.TriesLeft == 2:
		lines = append(lines, v.say("step.left", words.Args{"n": r.TriesLeft}))
	case r.RetryAfter > 0:
		lines = append(lines, v.say("refusal.pass-wait", words.Args{"time": r.RetryAfter}))
	}
	return lines
}

func enterPass(v *visit) error {
	if err := v.core.AcceptPass(v.ctx(), v.by(), v.sent("pass")); err != nil {
		return err
	}
	v.tell(notice{Says: "pass.accepted"})
	return v.see(keepWanted("/me/two-step/activate", v.next))
}

// receiptPage is the answer to a restart that made a pass. It answers the form
// itself and leads nowhere: so the pass is in this one answer and in no cookie, and
// a reload, which sends the form again, brings the receipt without it.
type receiptPage struct {
	common
	Person core.Person
	Pass   string
}

func (v *visit) showReceipt(done *core.Restart) error {
	person, err := v.core.Person(v.ctx(), v.by(), done.PersonID)
	if err != nil {
		return err
	}
	name := words.Args{"name": person.Name}
	p := &receiptPage{common: v.common(v.say("pass.label")), Person: *person, Pass: done.Pass}
	p.Banner, v.secret = v.restartDone(name, done.SessionsEnded), true
	return v.show("receipt", p)
}

// restartDone says what a restart did.
func (v *visit) restartDone(name words.Args, sessions int) *banner {
	b := &banner{Tone: "ok", Lines: []string{v.say("re.donenone", name), v.say("re.donetold", name)}}
	if sessions > 0 {
		b.Lines[0] = v.say("re.done", name, words.Args{"n": sessions})
	}
	return b
}
