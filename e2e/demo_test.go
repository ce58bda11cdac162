package e2e

import (
	"regexp"
	"testing"
	"time"
)

// demoPassword is everybody's in the demo; the terminal prints it.
const demoPassword = "paper-and-spruce"

func demoAccount(name, first string) account {
	return account{name: name, email: first + "@demo.example", password: demoPassword}
}

// TestDemo is a newcomer's first minute: start the demo with one command, restart
// a colleague's 2-step, and live through it on the other side.
func TestDemo(t *testing.T) {
	need(t)
	if _, err := binary(); err != nil { // building is not starting
		t.Fatal(err)
	}
	began := time.Now()
	d, err := start("demo", "--listen", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop) // after the browsers, whose pages ask it all the time
	t.Logf("the demo serves after %s", time.Since(began).Round(time.Millisecond))

	// A second tab, as it were: the phone is a page of the demo.
	phone := arrives(t, d, account{name: "the demo phone"}, how{})
	ana := arrives(t, d, demoAccount("Ana Duarte", "ana"), how{})
	carla := demoAccount("Carla Méndez", "carla")
	ana.opens("/")
	ana.sees(ana.say("demo.banner"))
	ana.signsIn()
	ana.types(phone.shows(ana.email))
	ana.isAt("/")
	ana.clicks(ana.say("nav.team"))
	ana.presses(ana.say("team.actions", args{"name": carla.name}))
	ana.clicks(ana.say("re.item"))
	ana.sees(ana.say("re.q", args{"name": carla.name}))
	ana.presses(ana.say("re.v.phone"))
	ana.fills(ana.say("re.reason"), "Lost her phone")
	ana.clicks(ana.say("re.item"))
	ana.sees(ana.say("re.done", args{"name": carla.name, "n": 1}))
	t.Logf("Carla is restarted %s after the command was typed", time.Since(began).Round(time.Millisecond))

	ana.clicks(ana.say("demo.inbox"))
	ana.sees(ana.say("mail.restarted.s"), ana.say("mail.restarted_owners.s", args{"by": ana.name, "name": carla.name}))
	ana.clicks(ana.say("mail.restarted.s"))
	ana.sees("Lost her phone", ana.say("mail.foot"))

	// The same password, then activation with the phone that scans by a button.
	for _, who := range []account{carla, demoAccount("Elena Rossi", "elena")} {
		p := arrives(t, d, who, how{})
		p.signsIn()
		if who.name == carla.name {
			p.isAt("/me/two-step/activate")
		} else {
			p.goesToActivation()
		}
		p.clicks(p.say("demo.scan"))
		p.isAt("/me/two-step/activate")
		p.sees(p.say("demo.phone.scanned"))
		scanned := newAuthenticator(t, p.scans())
		p.fills(p.say("act.code"), sixDigits.FindString(p.reads()))
		p.clicks(p.say("common.continue"))
		p.sees(p.say("codes.title"))
		p.presses(p.say("codes.ack"))
		p.clicks(p.say("common.finish"))
		p.sees(p.say("act.done"))
		// The phone has it now, and shows what any other app shows.
		shown, now := phone.shows(who.email), time.Now().Unix()/period
		if shown != scanned.at(t, now) && shown != scanned.at(t, now-1) {
			t.Errorf("the demo phone shows %s for %s; oathtool does not", shown, who.email)
		}
	}

	phone.clicks(phone.say("demo.phone.drop"))
	phone.sees(phone.say("demo.nophone"))
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// shows is the code that the demo phone shows for an account now.
func (p *person) shows(email string) string {
	p.t.Helper()
	p.opens("/demo/phone")
	found := regexp.MustCompile(regexp.QuoteMeta(email) + ` (\d{3}) (\d{3})\b`).FindStringSubmatch(p.reads())
	if found == nil {
		p.fail("the demo phone shows no code for %s", email)
	}
	return found[1] + found[2]
}
