package demo

import (
	"strings"
	"time"

	"doorstep/internal/core"
)

// Password is everybody's.
const Password = "paper-and-spruce"

const teamName = "Northwind"

// Operator is the address of whoever runs the demo's server: requests of people who
// are not signed in go there.
const Operator = "operator@demo.example"

// Person is somebody of the sample team, as they know themself: the browser they
// use, the key in their app and the codes on their paper.
type Person struct {
	Name, Email string
	Role        core.Role
	State       string    // at the beginning: one line for the printout, in English
	until       time.Time // … and until when, where it has an end

	OnPhone bool // their app is the demo phone, their sheet lies on the demo paper

	id     string
	origin core.Origin
	uri    string
	secret []byte
	codes  []paperCode

	matchCode string // of their restart request: what they read out
}

// first is the part of their address by which the demo calls them.
func (p *Person) first() string {
	name, _, _ := strings.Cut(p.Email, "@")
	return name
}

// paperCode is a recovery code on paper, crossed out once it was used.
type paperCode struct {
	Text string
	Used bool
}

// Browsers as they name themselves; addresses are those that RFC 5737 keeps for
// examples.
const (
	firefoxLinux  = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	chromeWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
	safariMac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
	safariPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	chromeAndroid = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36"
)

// cast is the seven people, one for each state that somebody can be in.
type cast struct{ ana, bruno, carla, dmitri, elena, farid, gwen *Person }

func newCast() cast {
	person := func(name, email string, role core.Role, state, address, device string) *Person {
		return &Person{
			Name: name, Email: email + "@demo.example", Role: role, State: state,
			origin: core.Origin{Via: core.ViaPage, Address: address, Device: device},
		}
	}
	c := cast{
		ana:    person("Ana Duarte", "ana", core.RoleOwner, "owner, 2-step active", "192.0.2.10", firefoxLinux),
		bruno:  person("Bruno Costa", "bruno", core.RoleAdmin, "admin, 2-step active", "192.0.2.24", chromeWindows),
		carla:  person("Carla Méndez", "carla", core.RoleMember, "member who lost her phone", "192.0.2.31", safariMac),
		dmitri: person("Dmitri Volkov", "dmitri", core.RoleMember, "member with 2 recovery codes left", "198.51.100.8", chromeAndroid),
		elena:  person("Elena Rossi", "elena", core.RoleMember, "member, 2-step not active, 3 days left", "192.0.2.57", safariPhone),
		farid:  person("Farid Haddad", "farid", core.RoleMember, "invited, expires tomorrow", "", ""),
		gwen:   person("Gwen Parry", "gwen", core.RoleMember, "member paused by wrong codes", "198.51.100.44", chromeWindows),
	}
	for _, p := range []*Person{c.ana, c.bruno, c.dmitri} {
		p.OnPhone = true
	}
	return c
}

func (c cast) all() []*Person {
	return []*Person{c.ana, c.bruno, c.carla, c.dmitri, c.elena, c.farid, c.gwen}
}
