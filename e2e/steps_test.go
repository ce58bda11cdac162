package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// What people do in more than one journey, in the words of the page.

// signsIn is the first step: email and password.
func (p *person) signsIn() {
	p.t.Helper()
	if p.path() != "/sign-in" {
		p.opens("/sign-in")
	}
	p.fills(p.say("signin.email"), p.email)
	p.fills(p.say("signin.password"), p.password)
	p.clicks(p.say("common.continue"))
}

// types a code as the second step.
func (p *person) types(code string) {
	p.t.Helper()
	p.isAt("/sign-in/second-step")
	p.fills(p.say("step.label"), code)
	p.clicks(p.say("common.continue"))
}

// signsInWithApp takes both steps.
func (p *person) signsInWithApp() {
	p.t.Helper()
	p.signsIn()
	p.types(p.phone.code(p.t))
}

// signsOut with the button in the header.
func (p *person) signsOut() {
	p.t.Helper()
	p.clicks(p.say("nav.out"))
	p.isAt("/sign-in")
}

// scans the QR code off the screen.
func (p *person) scans() string {
	p.t.Helper()
	p.sees(p.say("act.scan"))
	p.intoView(`[role=img]`)
	return scan(p.t, p.picture())
}

// goesToActivation by the way that J1 names.
func (p *person) goesToActivation() {
	p.t.Helper()
	p.clicks(p.say("nav.me"))
	p.isAt("/me")
	p.clicks(p.say("two.title"))
	p.isAt("/me/two-step")
	p.clicks(p.say("act.button"))
	p.isAt("/me/two-step/activate")
}

// confirms the app with a code of it and reads the recovery codes off the page.
func (p *person) confirms() {
	p.t.Helper()
	p.phone = newAuthenticator(p.t, p.scans())
	p.fills(p.say("act.code"), p.phone.code(p.t))
	p.clicks(p.say("common.continue"))
	p.sees(p.say("codes.title"))
	p.codes = p.codesOnPage()
	if len(p.codes) != 10 {
		p.fail("there are %d recovery codes on the page, not 10", len(p.codes))
	}
}

// activates from the page with the QR code to the end.
func (p *person) activates() {
	p.t.Helper()
	p.confirms()
	p.presses(p.say("codes.ack"))
	p.clicks(p.say("common.finish"))
	p.sees(p.say("act.done"))
}

// codeShape is a recovery code, whatever its letters (R16).
var codeShape = regexp.MustCompile(`\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b`)

func (p *person) codesOnPage() []string {
	p.t.Helper()
	return codeShape.FindAllString(p.reads(), -1)
}

// recoveryCode takes the next one off the paper.
func (p *person) recoveryCode() string {
	p.t.Helper()
	if len(p.codes) == 0 {
		p.fail("no recovery code is left on paper")
	}
	code := p.codes[0]
	p.codes = p.codes[1:]
	return code
}

// asTyped is a recovery code as people type it off paper.
func asTyped(code string) string {
	return " " + strings.ToUpper(strings.ReplaceAll(code, "-", " ")) + " "
}

// withTypo is a recovery code with two neighbors swapped.
func withTypo(code string) string {
	b := []byte(code)
	for i := 1; i < len(b); i++ {
		if b[i] != b[i-1] && b[i] != '-' && b[i-1] != '-' {
			b[i], b[i-1] = b[i-1], b[i]
			break
		}
	}
	return string(b)
}

// isHeldAtActivation: whoever must activate reaches nothing else (R6).
func (p *person) isHeldAtActivation() {
	p.t.Helper()
	for _, path := range []string{"/", "/team", "/me/two-step", "/me/two-step/deactivate", "/me/two-step/recovery-codes", "/me/confirm", "/me"} {
		p.opens(path)
		p.isAt("/me/two-step/activate")
		p.sees(p.say("err.due"))
	}
	if p.has(p.say("nav.me")) {
		p.fail("there is a menu for somebody who must activate")
	}
}

// company is an owner and a member, both with 2-step active; the member is
// signed in.
type company struct {
	ana, carla *person
}

func newCompany(t *testing.T, h how) company {
	t.Helper()
	x := newTeam(t)
	ana := arrives(t, x.program, x.add(t, "Ana Duarte", "owner"), h)
	carla := arrives(t, x.program, x.add(t, "Carla Méndez", "member"), h)
	// An owner has no days of grace: the sign-in itself leads to activation.
	ana.signsIn()
	ana.isAt("/me/two-step/activate")
	ana.activates()
	carla.signsIn()
	carla.goesToActivation()
	carla.activates()
	return company{ana, carla}
}

// goesToRestartByActions: by the three dots at the end of the row (J4).
func (p *person) goesToRestartByActions(of account) {
	p.t.Helper()
	p.clicks(p.say("nav.team"))
	p.isAt("/team")
	p.presses(p.say("team.actions", args{"name": of.name}))
	p.clicks(p.say("re.item"))
	p.isAt("/team/users/" + of.id + "/restart")
}

// confirmsRestart on the page that says in numbers what will happen.
func (p *person) confirmsRestart(of account) {
	p.t.Helper()
	p.sees(p.say("re.q", args{"name": of.name}))
	p.presses(p.say("re.v.phone"))
	p.fills(p.say("re.reason"), "Lost her phone on the train")
	p.clicks(p.say("re.item"))
	p.isAt("/team/users/" + of.id)
}
