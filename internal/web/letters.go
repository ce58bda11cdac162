package web

import (
	"time"

	"doorstep/internal/words"
)

const lettersPath = "/team/letters"

// lettersPage is what could not be delivered: to whom, since when and why. What a
// letter says is its addressee's alone.
type lettersPage struct {
	common
	Printed string // there is no mail server at all
	Shown   string // how many of how many, "" for all
	Letters []letterLine
	All     bool // several can be sent again
}

type letterLine struct {
	ID, About, To string
	Since, Dead   time.Time
	Tries         string
	Why, Reply    string
	MayNot        string // why it is not sent again, "" when it can be
}

func showLetters(v *visit) error {
	dead, total, err := v.core.DeadLetters(v.ctx(), v.by())
	if err != nil {
		return err
	}
	p := &lettersPage{common: v.common(v.say("let.title"))}
	p.Main = "mid"
	if !v.core.MailConfigured() {
		p.Printed = v.say("let.printed")
	}
	if total > len(dead) {
		p.Shown = v.say("let.shown", words.Args{"n": len(dead), "total": total})
	}
	again := 0
	for _, l := range dead {
		line := letterLine{
			ID: l.ID, About: v.say("let.news"), To: l.Recipient, Since: l.QueuedAt, Dead: l.GivenUpAt,
			Tries: v.say("let.tries", words.Args{"n": l.Tries}), Why: v.say("let.why." + string(l.Why)), Reply: l.Reply,
		}
		if l.HasLink {
			line.About = v.say("let.link") // somebody waits for it
		}
		if l.MayNotResend != nil {
			line.MayNot = v.say("refusal." + string(l.MayNotResend.Code))
		}
		if line.MayNot == "" {
			again++
		}
		p.Letters = append(p.Letters, line)
	}
	p.All = again > 1
	return v.show("letters", p)
}

func resendLetter(v *visit) error {
	if err := v.core.ResendLetter(v.ctx(), v.by(), v.sent("letter")); err != nil {
		return err
	}
	v.tell(notice{Says: "let.resent"})
	return v.see(lettersPath)
}

func resendLetters(v *visit) error {
	n, err := v.core.ResendLetters(v.ctx(), v.by())
	if err != nil {
		return err
	}
	v.tell(notice{Says: "let.allresent", N: n})
	return v.see(lettersPath)
}
