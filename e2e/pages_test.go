package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPages walks through the pages of the program itself. TestEveryState has judged
// each of them in every language, so this walk goes in one, and TestLinkPages in another.
func TestPages(t *testing.T) {
	need(t, axeTool, paperTool)
	t.Parallel()
	const l = "es"
	g := &gallery{t: t, language: l, skims: true}
	w := walk{g, newTeam(t), how{language: l}}
	owner := w.team.add(t, "Ana Duarte", "owner") // without one every page is about that
	w.signingIn()
	ana := w.anaActivates(owner)
	w.herOwn(ana)
	carla := w.carlaActivates(ana)
	w.theTeam(ana, carla)
	w.thePolicy(ana)
	w.sessions(ana, carla)
	w.bringingIn(ana)
	w.changing(ana)
	w.restarting(ana, carla)
	w.twoApprove(ana)
	w.theAuditLog(ana)
	w.afterARestart(carla)
	w.withRecoveryCodes(carla)
	w.links()
	w.settingUp()
	t.Logf("%d pages", len(g.names))
}

// TestDemoPages looks at what only a demo has, and at a team in which everybody
// is in another state.
func TestDemoPages(t *testing.T) {
	need(t, axeTool)
	t.Parallel()
	d, err := sharedDemo()
	if err != nil {
		t.Fatal(err)
	}
	ana := arrives(t, d, demoAccount("Ana Duarte", "ana"), how{})
	code := ana.shows(ana.email)
	ana.signsIn()
	ana.types(code)
	ana.opens("/team")
	ana.weighs("a team of seven", 0)
	for _, l := range languages {
		g := &gallery{t: t, language: l, always: l == "en"}
		ana.language = l
		ana.clicks(languageNames[l])
		ana.isAt("/team") // the link keeps the page
		g.look(ana, "demo-team")
		for _, who := range []string{"Dmitri Volkov", "Farid Haddad", "Gwen Parry"} {
			ana.opens("/team")
			ana.clicks(who)
			first, _, _ := strings.Cut(strings.ToLower(who), " ")
			g.look(ana, "demo-user-"+first)
		}
		for _, path := range []string{"/demo", "/demo/inbox", "/demo/phone", "/demo/phone/paper"} {
			ana.opens(path)
			g.look(ana, strings.ReplaceAll(path[1:], "/", "-"))
		}
		ana.opens("/demo/phone")
		ana.clicks(ana.say("demo.phone.add"))
		g.look(ana, "demo-phone-wrong")
		ana.opens("/demo/inbox")
		ana.clicks(eval[string](ana, `document.querySelector(".rows strong").textContent`)) // the newest
		g.look(ana, "demo-letter")
		ana.opens("/team")
	}
}

// walk goes through the pages of a team in one language.
type walk struct {
	*gallery
	team *team
	how  how
}

func (w walk) arrives(who account) *person { return arrives(w.t, w.team.program, who, w.how) }

func (w walk) signingIn() {
	p := w.arrives(account{name: "nobody yet"})
	p.opens("/sign-in")
	w.look(p, "sign-in")
	p.weighs("sign-in", 14)
	p.clicks(p.say("common.continue"))
	w.look(p, "sign-in-empty")
	p.fills(p.say("signin.email"), "nobody@example.test")
	p.fills(p.say("signin.password"), password)
	p.clicks(p.say("common.continue"))
	w.look(p, "sign-in-wrong")
}

func (w walk) anaActivates(owner account) *person {
	ana := w.arrives(owner)
	ana.signsIn()
	w.look(ana, "activate-due")
	ana.phone = newAuthenticator(w.t, ana.scans())
	ana.presses(ana.say("act.key"))
	w.look(ana, "activate-key")
	ana.fills(ana.say("act.code"), ana.phone.wrong(w.t))
	ana.clicks(ana.say("common.continue"))
	w.look(ana, "activate-wrong")
	ana.confirms()
	ana.codesFitTheirLines()
	w.look(ana, "codes")
	ana.prints()
	ana.clicks(ana.say("common.finish"))
	w.look(ana, "codes-unticked")
	ana.presses(ana.say("codes.ack"))
	ana.clicks(ana.say("common.finish"))
	w.look(ana, "home-activated")
	return ana
}

func (w walk) herOwn(ana *person) {
	ana.opens("/me")
	w.look(ana, "me")
	ana.opens("/me/two-step")
	w.look(ana, "two-step")
	ana.opens("/me/two-step/deactivate")
	w.look(ana, "deactivate")
	ana.clicks(ana.say("off.button"))
	w.look(ana, "deactivate-empty")
	ana.opens("/me/two-step/recovery-codes")
	w.look(ana, "recovery-codes")
	ana.clicks(ana.say("codes.renewbutton"))
	ana.codes = ana.codesOnPage()
	w.look(ana, "recovery-codes-new")
	ana.presses(ana.say("codes.ack"))
	ana.clicks(ana.say("common.finish"))
	w.look(ana, "two-step-renewed")
	ana.opens("/me/confirm")
	w.look(ana, "confirm")
	ana.clicks(ana.say("up.button"))
	w.look(ana, "confirm-empty")
	ana.opens("/sign-in")
	w.look(ana, "sign-in-already")
	ana.opens("/sign-out")
	w.look(ana, "sign-out")
	ana.opens("/nowhere")
	ana.got(404)
	w.look(ana, "refusal-404")
}

func (w walk) carlaActivates(ana *person) *person {
	carla := w.arrives(w.team.add(w.t, "Carla Méndez", "member"))
	carla.signsIn()
	w.look(carla, "home-grace")
	carla.opens("/me/two-step")
	w.look(carla, "two-step-off")
	carla.opens("/team/users/" + carla.id)
	w.look(carla, "refusal-403")
	ana.opens("/team/users/" + carla.id)
	w.look(ana, "user-off")
	carla.opens("/me/two-step/activate")
	w.look(carla, "activate")
	carla.activates()
	return carla
}

func (w walk) theTeam(ana, carla *person) {
	w.team.add(w.t, "Dmitri Wolfeschlegelsteinhausenbergerdorff de la Fuente y Santa María", "admin")
	ana.opens("/team")
	w.look(ana, "team")
	ana.presses(ana.say("team.actions", args{"name": carla.name}))
	w.look(ana, "team-menu")
	ana.opens("/team")
	ana.presses(ana.say("team.actions", args{"name": ana.name}))
	w.look(ana, "team-menu-self")
	ana.opens("/team?two_step=off")
	w.look(ana, "team-filtered")
	ana.opens("/team?q=zo%C3%AB")
	w.look(ana, "team-none")
	ana.opens("/team/users/" + carla.id)
	w.look(ana, "user")
	ana.presses(ana.say("team.options"))
	w.look(ana, "user-menu")
	ana.opens("/team/users/" + ana.id + "/restart")
	w.look(ana, "refusal-self")
}

func (w walk) thePolicy(ana *person) {
	ana.clicks(ana.say("nav.policy"))
	w.look(ana, "policy")
	ana.fills(ana.say("pol.idle"), "2")
	ana.fills(ana.say("pol.remember"), "99")
	ana.fills(ana.say("pol.hosts"), "wiki.example.test\nhttps://intranet.example.test/start")
	ana.clicks(ana.say("pol.save"))
	w.look(ana, "policy-refused")
	ana.fills(ana.say("pol.remember"), "14")
	ana.fills(ana.say("pol.hosts"), "wiki.example.test")
	ana.clicks(ana.say("pol.save"))
	ana.sees(ana.say("pol.saved"))
	w.look(ana, "policy-saved")
	elena := w.arrives(w.team.add(w.t, "Elena Rossi", "admin"))
	elena.signsIn()
	elena.opens("/team/policy")
	w.look(elena, "policy-admin")
}

// sessions are Carla's, on a device that is remembered.
func (w walk) sessions(ana, carla *person) {
	carla.opens("/me/sessions")
	w.look(carla, "sessions-only")
	there := w.arrives(carla.account)
	there.signsIn()
	w.look(there, "second-step-remember")
	there.presses(there.say("step.remember", args{"time": there.say("dur.days", args{"n": 14})}))
	there.types(carla.phone.code(w.t))
	there.clicks(there.say("nav.me"))
	there.clicks(there.say("sess.title"))
	w.look(there, "sessions")
	left := carla.leaves()
	there.clicks(there.say("sess.others"))
	there.sees(there.say("sess.ended", args{"n": 1}))
	left()
	w.look(there, "sessions-ended")
	there.signsOut()
	there.signsIn()
	there.isAt("/") // the password was enough
	carla.signsIn()
	carla.types(carla.phone.code(w.t))
	ana.opens("/team/users/" + carla.id)
	ana.clicks(ana.say("user.sessions.end"))
	w.look(ana, "user-sessions")
}

func (w walk) restarting(ana, carla *person) {
	ana.opens("/team/users/" + carla.id + "/restart")
	w.look(ana, "restart")
	ana.clicks(ana.say("re.item"))
	w.look(ana, "restart-refused")
	ana.confirmsRestart(carla.account)
	w.look(ana, "user-restarted")
	ana.opens("/team/users/" + carla.id + "/restart")
	w.look(ana, "restart-again")
	ana.opens("/")
	w.look(ana, "home")
}

func (w walk) afterARestart(carla *person) {
	carla.opens("/me")
	w.look(carla, "sign-in-restarted")
	carla.signsIn()
	carla.phone = nil
	w.look(carla, "activate-restarted")
	carla.activates()
	carla.opens("/")
	w.look(carla, "home-contained")
	carla.signsOut()
	w.look(carla, "sign-in-out")
	carla.signsIn()
	w.look(carla, "second-step")
	carla.weighs("second-step", 14)
	carla.types(carla.phone.wrong(w.t))
	carla.types(carla.phone.wrong(w.t))
	carla.types(carla.phone.wrong(w.t))
	w.look(carla, "second-step-wrong")
	for range 3 {
		carla.types(carla.phone.wrong(w.t))
	}
	carla.got(429)
	w.look(carla, "second-step-wait")
}

// withRecoveryCodes signs in with one while the app waits (R13).
func (w walk) withRecoveryCodes(carla *person) {
	a, b := carla.recoveryCode(), carla.recoveryCode()
	carla.types(withTypo(a))
	w.look(carla, "second-step-typo")
	carla.types(a)
	w.look(carla, "home-recovery")
	carla.opens("/me/two-step")
	w.look(carla, "two-step-recovery")
	carla.opens("/me/confirm")
	w.look(carla, "confirm-recovery")
	carla.opens("/me/two-step/deactivate")
	w.look(carla, "deactivate-recovery")
	carla.fills(carla.say("off.labelrec"), a)
	carla.clicks(carla.say("off.button"))
	w.look(carla, "deactivate-same")
	carla.fills(carla.say("off.labelrec"), b)
	carla.clicks(carla.say("off.button"))
	w.look(carla, "sign-in-deactivated")
}

// links are the pages that a one-use link opens.
func (w walk) links() {
	elena, link := w.team.invite(w.t, "Elena Rossi")
	p := w.arrives(elena)
	p.opens(link)
	w.look(p, "set-password")
	p.fills(p.say("setpw.label"), "short")
	p.clicks(p.say("welcome.button"))
	w.look(p, "set-password-short")
	p.fills(p.say("setpw.label"), p.password)
	p.clicks(p.say("welcome.button"))
	w.look(p, "sign-in-welcome")
	p.opens(link)
	w.look(p, "set-password-gone")
}

// settingUp is a server that nobody owns yet.
func (w walk) settingUp() {
	fresh, err := serve()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(fresh.stop)
	p := arrives(w.t, fresh, account{name: "the operator"}, w.how)
	p.opens("/")
	w.look(p, "no-owner")
	p.opens("/setup/" + between(fresh.text(), "/setup/", "\n"))
	w.look(p, "setup")
	p.clicks(p.say("setup.button"))
	w.look(p, "setup-empty")
	p.fills(p.say("setup.team"), "Northwind")
	p.fills(p.say("setup.name"), "Ana Duarte")
	p.fills(p.say("signin.email"), "ana@example.test")
	p.fills(p.say("setpw.label"), password)
	p.clicks(p.say("setup.button"))
	w.look(p, "setup-activate")
	p.opens("/sign-out")
	p.clicks(p.say("nav.out"))
}

// codesFitTheirLines at 320 pixels: a code that breaks is copied wrong.
func (p *person) codesFitTheirLines() {
	p.t.Helper()
	p.looks(how{width: 320})
	broken := eval[int](p, `[...document.querySelectorAll(".codes code")].filter(c => c.getClientRects().length > 1 || c.scrollWidth > c.clientWidth).length`)
	if broken > 0 {
		p.t.Errorf("%d recovery codes do not fit one line at 320 pixels", broken)
	}
	p.looks(how{})
}

// prints the codes, on A4 and on Letter, from the dark theme: one page, ten codes,
// whose they are, and nothing of the frame.
func (p *person) prints() {
	p.t.Helper()
	p.looks(how{dark: true})
	for name, paper := range map[string]chromedp.PaperSize{"A4": chromedp.PaperA4, "Letter": chromedp.PaperLetter} {
		text, sheets := pages(p.t, get(p, chromedp.PrintToPDF(chromedp.PDFPaper(paper), chromedp.PDFPreferCSSPageSize())))
		if sheets != 1 {
			p.t.Errorf("the codes take %d pages of %s", sheets, name)
		}
		if found := codeShape.FindAllString(text, -1); len(found) != 10 {
			p.t.Errorf("there are %d codes on %s, not 10", len(found), name)
		}
		if !strings.Contains(text, p.email) {
			p.t.Errorf("%s does not say whose codes these are", name)
		}
		for _, no := range []string{p.say("nav.out"), p.say("common.finish"), p.say("codes.download"), "Português"} {
			if strings.Contains(text, no) {
				p.t.Errorf("%s says %q: only the codes belong on paper", name, no)
			}
		}
	}
	p.looks(how{})
}
