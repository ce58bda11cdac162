package web

import (
	"html/template"
	"net/url"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// activatePage is the first two steps of an activation: scan and confirm.
type activatePage struct {
	common
	ID      string // the activation that the form is about
	Lead    string // why it has to be done
	Until   string
	QR      template.HTML
	URI     string
	Open    template.URL // the same, as a link: nobody can scan their own screen
	Groups  []string     // the key in groups of four
	Email   string
	Demo    bool
	Letters bool
}

// expiredPage is an activation that is over. It offers a new one and begins none:
// one may be under way on another device.
type expiredPage struct{ common }

// beginPage leads on to the activation.
type beginPage struct {
	common
	Begin string
}

func showActivation(v *visit) error {
	if r := v.refused; r != nil && r.Code == core.ActivationExpired {
		p := &expiredPage{v.common(v.say("act.start"))}
		return v.show("expired", p)
	}
	if v.beganElsewhere() {
		// To look begins an activation where there is none, and ends one on another device.
		// No other site does that to somebody, and no browser that loads ahead.
		p := &beginPage{v.common(v.say("act.start")), keepWanted("/me/two-step/activate", v.next)}
		return v.show("begin", p)
	}
	a, err := v.core.CurrentActivation(v.ctx(), v.by())
	if core.IsRefusal(err, core.AlreadyActive) {
		v.tell(notice{Says: "act.already"})
		return v.see("/me/two-step")
	}
	if core.IsRefusal(err, core.PassRequired) || core.IsRefusal(err, core.PassVoid) {
		return v.showPass(core.Refused(err))
	}
	if err != nil {
		return err
	}
	if len(a.Codes) > 0 {
		return v.showCodes(a.Codes, "/me/two-step/activate/finish", a.ID, true)
	}
	return v.showScan(a)
}

func (v *visit) showScan(a *core.Activation) error {
	svg, err := core.QRCode(a.URI)
	if err != nil {
		return err
	}
	p := &activatePage{
		common: v.common(v.say("act.scan")), ID: a.ID, Lead: v.whyActivate(), Until: v.say("act.until", v.until(a.ExpiresAt)),
		QR:  template.HTML(svg),               // numbers computed by the leaf that draws it
		URI: a.URI, Open: template.URL(a.URI), // built by core, percent-encoded; html/template blanks unknown schemes
		Groups: inFours(a.Key), Email: v.session.User.Email, Demo: v.web.demo,
	}
	v.secret = true
	if r := v.refused; r != nil {
		switch r.Code {
		case core.WrongCode:
			p.Problems[0].Lines = append([]string{v.say("act.wrong")}, v.aboutCode(r, false)[1:]...)
		case core.ActivationReplaced:
			p.Problems[0].Lines = []string{v.say("act.newer")}
		}
	}
	return v.show("activate", p)
}

// whyActivate says to whom must activate why that is.
func (v *visit) whyActivate() string {
	if v.session.Reach == core.ReachFull {
		return ""
	}
	switch v.session.User.DueReason {
	case core.DueRestarted:
		return v.say("act.duerestarted")
	case core.DueDeactivated:
		return v.say("act.duedeactivated")
	}
	return v.say("act.duerequired")
}

func inFours(key string) []string {
	var groups []string
	for len(key) > 4 {
		groups, key = append(groups, key[:4]), key[4:]
	}
	return append(groups, key)
}

// confirmActivation proves the app with its code. A key that came back from the
// browser would be ignored: there is no such field.
func confirmActivation(v *visit) error {
	if _, err := v.core.ConfirmActivation(v.ctx(), v.by(), v.sent("activation"), v.sent("code")); err != nil {
		return err
	}
	return v.see(keepWanted("/me/two-step/activate", v.next))
}

func startOver(v *visit) error {
	if _, err := v.core.BeginActivation(v.ctx(), v.by()); err != nil {
		return err
	}
	v.tell(notice{Says: "act.restartedover"})
	return v.see(keepWanted("/me/two-step/activate", v.next))
}

// finishActivation turns 2-step on.
func finishActivation(v *visit) error {
	s, err := v.core.FinishActivation(v.ctx(), v.by(), v.sent("activation"), v.sent("saved") != "")
	if core.IsRefusal(err, core.AlreadyActive) {
		return v.seeWanted("/") // sent twice: the notice of the first is still to be read
	}
	if err != nil {
		return err
	}
	v.keepToken(s)
	v.tell(notice{Says: "act.done"})
	return v.seeWanted("/")
}

// codesPage shows recovery codes until their owner says that they are saved.
type codesPage struct {
	common
	Action     string
	ID         string // the activation, "" for a renewed set
	Activating bool
	Codes      []string
	Heading    string // what the file and the paper begin with
	Copied     string
	File       template.URL
	FileName   string
}

func (v *visit) showCodes(codes []string, action, id string, activating bool) error {
	u, now := v.session.User, v.core.Now()
	p := &codesPage{
		common: v.common(v.say("codes.title")), Action: action, ID: id, Activating: activating, Codes: codes,
		Heading:  v.say("codes.file", words.Args{"email": u.Email, "team": u.Team.Name, "at": now}),
		Copied:   v.say("codes.copied", words.Args{"n": len(codes)}),
		FileName: fileName(u.Team.Name, v.say("codes.filename"), u.Name, now.Format(time.DateOnly)) + ".txt",
	}
	p.Main, v.secret = "flow prints", true
	text := p.Heading + "\n\n" + strings.Join(codes, "\n") + "\n"
	// A data: link needs no request that could be logged; all of it is percent-encoded.
	p.File = template.URL("data:text/plain;charset=utf-8," + url.PathEscape(text)) // see above
	return v.show("codes", p)
}

// fileName joins words to a name that every system takes.
func fileName(parts ...string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.Join(parts, "-")) {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}
