package doorstep_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"doorstep/internal/apptest"
	"doorstep/internal/code"
	"doorstep/internal/words"
)

// actor is somebody in a script, with the devices that they use.
type actor struct {
	name    string
	app     *apptest.App
	self    *apptest.Person
	pass    string // that whoever restarted them has handed over
	waiting string // the restart of theirs that waits for a second approver
	devices map[string]*device
	request string // the id of their restart request
}

// device is a program or a browser of theirs: what it remembers between calls.
type device struct {
	api        *apptest.Client
	attempt    string
	activation string
	remember   bool   // it asks to be remembered
	remembered string // the token that it got for that
	asked      string // the token of its restart request …
	matchCode  string // … and the match code that it shows
	known      string // what it keeps of full sign-ins, "new" before the first; "" keeps nothing
	browser    *apptest.Browser
}

func (a *actor) on(name string) *device {
	d := a.devices[name]
	if d == nil {
		d = &device{api: a.app.Client()}
		d.api.Device = name
		a.devices[name] = d
	}
	return d
}

// does is a sentence about somebody: `carla [on laptop] signs in`.
func (s *story) does(ts *testscript.TestScript, neg bool, name string, args []string) {
	a := s.people[name]
	if a == nil {
		ts.Fatalf("who is %s? Introduce them with: person %s ROLE 2-STEP", name, name)
	}
	what := name + " " + strings.Join(args, " ")
	where := "laptop"
	if starts(args, "on", "*", "*") {
		where, args = args[1], args[2:]
	}
	d := a.on(where)
	given := a.self.Phone.Given()
	answer, known := s.atThePhone(a, d, args)
	if known && !answer.OK() {
		a.self.Phone.GiveBack(given) // the code was not used up
	}
	if !known {
		answer, known = s.onThePage(ts, neg, a, d, args)
		if known && answer == nil {
			return // it judged for itself
		}
	}
	if !known {
		ts.Fatalf("nobody can: %s", what)
	}
	s.last = answer
	s.judge(ts, neg, what)
}

// atThePhone are the acts over the API.
func (s *story) atThePhone(a *actor, d *device, args []string) (*apptest.Answer, bool) {
	if n := max(len(args)-3, 0); match(args[n:], "and", "is", "remembered") {
		d.remember, args = true, args[:n]
		defer func() { d.remember = false }()
	}
	switch {
	case match(args, "signs", "in"):
		return a.signsIn(d, a.self.Phone.Code), true
	case match(args, "copies", "*"):
		d.remembered = a.on(args[1]).remembered
		return ok, true
	case match(args, "keeps", "the", "browser"):
		d.known = "new"
		return ok, true
	case match(args, "forgets", "*"):
		return d.forgets(args[1]), true
	case match(args, "signs", "in", "with", "recovery", "code", "*"):
		return a.signsIn(d, func() string { return a.recoveryCode(args[5]) }), true
	case match(args, "gives", "password"):
		return a.password(d, apptest.Password), true
	case match(args, "gives", "password", "*"):
		return a.password(d, args[2]), true
	case starts(args, "gives"):
		if code, known := a.code(args[1:]); known {
			return a.secondStep(d, code), true
		}
	case match(args, "guesses", "*", "codes"):
		return s.guesses(a, d, args[1], func() string { return a.self.Phone.WrongCode() }), true
	case match(args, "guesses", "*", "recovery", "codes"):
		return s.guesses(a, d, args[1], func() string { return code.Display(code.New()) }), true
	case match(args, "guesses", "*", "passwords"):
		return s.guesses(a, d, args[1], nil), true
	case match(args, "signs", "out"):
		return d.api.Call("DELETE", "/session", nil), true
	case match(args, "is", "signed", "in"):
		return d.api.Call("GET", "/session", nil), true
	case match(args, "is", "let", "through"):
		return d.asksProxy(), true
	case match(args, "begins", "activation"):
		return a.begins(d, ""), true
	case match(args, "begins", "activation", "with", "pass"):
		return a.begins(d, a.pass), true
	case match(args, "begins", "activation", "with", "pass", "*"):
		return a.begins(d, args[4]), true
	case starts(args, "confirms", "with"):
		if code, known := a.code(args[2:]); known {
			return a.confirms(d, code), true
		}
	case match(args, "finishes"):
		return a.finishes(d, true), true
	case match(args, "finishes", "without", "saving"):
		return a.finishes(d, false), true
	case match(args, "activates"):
		return a.activates(d, ""), true
	case match(args, "activates", "with", "pass"):
		return a.activates(d, a.pass), true
	case starts(args, "deactivates", "with"):
		body := map[string]any{}
		if rest, asked := strings.CutSuffix(strings.Join(args[2:], "\n"), "\nand\npassword"); asked {
			body["password"], args = apptest.Password, append(args[:2:2], strings.Split(rest, "\n")...)
		}
		if code, known := a.code(args[2:]); known {
			body["code"] = code
			return d.api.Call("POST", "/two-step/deactivate", body), true
		}
	case match(args, "steps", "up"):
		return d.keep(d.api.Call("POST", "/step-up", map[string]any{"password": apptest.Password, "code": a.self.Phone.Code()})), true
	case match(args, "steps", "up", "with", "password"):
		return d.keep(d.api.Call("POST", "/step-up", map[string]any{"password": apptest.Password})), true
	case match(args, "steps", "up", "with", "password", "*"):
		return d.keep(d.api.Call("POST", "/step-up", map[string]any{"password": args[4], "code": a.self.Phone.Code()})), true
	case starts(args, "steps", "up", "with"):
		if code, known := a.code(args[3:]); known {
			return d.keep(d.api.Call("POST", "/step-up", map[string]any{"password": apptest.Password, "code": code})), true
		}
	case match(args, "renews", "recovery", "codes"):
		answer := d.api.Call("POST", "/two-step/recovery-codes", map[string]any{})
		a.writesDown(answer)
		return answer, true
	case match(args, "restarts", "*", "for", "*", "verified", "*"):
		answer := d.api.Call("POST", "/team/users/"+s.app.Person(args[1]).ID+"/restart-two-step", map[string]any{"reason": args[3], "verified_by": args[5]})
		s.handOver(args[1], answer.Get("pass"))
		if target := s.people[args[1]]; target != nil && answer.Get("waiting.id") != "" {
			target.waiting = answer.Get("waiting.id")
		}
		return answer, true
	case match(args, "asks", "the", "team", "because", "*"):
		answer := d.asksTeam(args[4])
		if id := answer.Get("request"); id != "" {
			a.request = id
		}
		return answer, true
	case match(args, "looks", "at", "the", "request"):
		return d.ofRequest("GET"), true
	case match(args, "withdraws", "the", "request"):
		return d.ofRequest("DELETE"), true
	case starts(args, "approves", "the", "request", "of", "*", "with"):
		return s.approves(d, args[4], args[6:])
	case match(args, "refuses", "the", "request", "of", "*"):
		return d.api.Call("POST", "/team/requests/"+s.people[args[4]].request+"/refuse", map[string]any{}), true
	case match(args, "refuses", "the", "request", "of", "*", "as", "not", "theirs"):
		return d.api.Call("POST", "/team/requests/"+s.people[args[4]].request+"/refuse", map[string]any{"not_them": true}), true
	case match(args, "approves", "the", "restart", "of", "*"):
		answer := d.api.Call("POST", "/team/restarts/"+s.people[args[4]].waiting+"/approve", nil)
		s.handOver(args[4], answer.Get("pass"))
		return answer, true
	case match(args, "refuses", "the", "restart", "of", "*"):
		return d.api.Call("POST", "/team/restarts/"+s.people[args[4]].waiting+"/refuse", nil), true
	case match(args, "asks", "*", "*"):
		return d.api.Call(args[1], s.withIDs(args[2]), nil), true
	case match(args, "asks", "*", "*", "*"):
		return d.api.Call(args[1], s.withIDs(args[2]), json.RawMessage(args[3])), true
	case match(args, "sets", "password", "*"):
		return d.api.Call("POST", "/password/reset", map[string]any{"token": s.token, "new": args[2]}), true
	case starts(args, "sets", "password", "*", "with"):
		if code, known := a.code(args[4:]); known {
			return d.api.Call("POST", "/password/reset", map[string]any{"token": s.token, "new": args[2], "code": code}), true
		}
	case match(args, "loses", "phone"):
		a.self.Phone.Drop()
		return ok, true
	case match(args, "is", "told", "*"):
		for _, subject := range s.app.LettersTo(a.name) {
			if subject == args[2] {
				return ok, true
			}
		}
		return &apptest.Answer{Status: 404, Body: fmt.Appendf(nil, "the letters are: %q", s.app.LettersTo(a.name))}, true
	case match(args, "is", "told", "*", "at", "*"):
		if slices.Contains(s.app.LettersAt(args[4]), args[2]) {
			return ok, true
		}
		return &apptest.Answer{Status: 404, Body: fmt.Appendf(nil, "the letters are: %q", s.app.LettersAt(args[4]))}, true
	}
	return nil, false
}

// asksTeam makes a restart request, from this device.
func (d *device) asksTeam(happened string) *apptest.Answer {
	answer := d.api.Call("POST", "/sign-in/ask", map[string]any{"attempt": d.attempt, "happened": happened, "token": d.asked})
	if token := answer.Get("token"); token != "" {
		d.asked, d.matchCode = token, answer.Get("match_code")
	}
	return answer
}

// ofRequest looks at it or withdraws it, with what this device keeps.
func (d *device) ofRequest(method string) *apptest.Answer {
	return d.api.Send(method, "/api/v1/sign-in/ask", nil, http.Header{"Doorstep-Attempt": {d.attempt}, "Doorstep-Request": {d.asked}})
}

// approves is `the match code for 'reason' verified HOW`, as read out from the
// person's laptop, or `match code 1234 for …`.
func (s *story) approves(d *device, name string, args []string) (*apptest.Answer, bool) {
	who := s.people[name]
	read, rest := "", args
	switch {
	case starts(args, "the", "match", "code"):
		read, rest = who.on("laptop").matchCode, args[3:]
	case starts(args, "a", "wrong", "match", "code"):
		right := who.on("laptop").matchCode
		read, rest = fmt.Sprintf("%d%s", (right[0]-'0'+1)%10, right[1:]), args[4:]
	case starts(args, "match", "code", "*"):
		read, rest = args[2], args[3:]
	}
	if !match(rest, "for", "*", "verified", "*") {
		return nil, false
	}
	answer := d.api.Call("POST", "/team/requests/"+who.request+"/approve", map[string]any{"match_code": read, "reason": rest[1], "verified_by": rest[3]})
	s.handOver(name, answer.Get("pass"))
	return answer, true
}

// asksProxy is a request of theirs to an app, of which a proxy asks whose it is. The
// headers that it would hand on are the fields of the answer.
func (d *device) asksProxy() *apptest.Answer {
	answer := d.api.Send("GET", "/forward-auth", nil, nil)
	answer.JSON = map[string]any{}
	for name := range answer.Header {
		answer.JSON[name] = answer.Header.Get(name)
	}
	return answer
}

// withIDs writes the id of somebody for @name.
func (s *story) withIDs(path string) string {
	for name := range s.people {
		path = strings.ReplaceAll(path, "@"+name, s.app.Person(name).ID)
	}
	return path
}

// guesses types so many wrong ones in a row, each when the pause before it is over,
// and answers with the last one's.
func (s *story) guesses(a *actor, d *device, times string, wrong func() string) *apptest.Answer {
	n, err := strconv.Atoi(times)
	answer := &apptest.Answer{Status: 500, Body: []byte("how many?")}
	for i := 0; i < n && err == nil; i++ {
		if wrong == nil {
			answer = a.password(d, "not the password at all")
		} else if answer = a.password(d, apptest.Password); answer.OK() {
			answer = a.secondStep(d, wrong())
		}
		if wait, err := strconv.Atoi(answer.Get("retry_after_seconds")); err == nil {
			s.app.Pass(time.Duration(wait) * time.Second)
		}
	}
	return answer
}

// code is what somebody types: `code`, `code 123456`, `wrong code`, `the last
// code again`, `the next code`, `recovery code 3`, each with how it is written.
func (a *actor) code(args []string) (string, bool) {
	phone := a.self.Phone
	for _, x := range []struct {
		pattern []string
		code    func() string
	}{
		{[]string{"code"}, phone.Code},
		{[]string{"wrong", "code"}, phone.WrongCode},
		{[]string{"the", "last", "code", "again"}, phone.LastCode},
		{[]string{"the", "next", "code"}, func() string { return phone.CodeIn(1) }},
		{[]string{"recovery", "code", "*"}, func() string { return a.recoveryCode(args[2]) }},
		{[]string{"code", "*"}, func() string { return args[1] }},
	} {
		if !starts(args, x.pattern...) {
			continue
		}
		rest := args[len(x.pattern):]
		if len(rest) == 0 {
			return x.code(), true
		}
		if respell := spellings[strings.Join(rest, " ")]; respell != nil {
			return respell(x.code()), true
		}
	}
	return "", false
}

// spellings are ways in which people write a code that means the same, and one
// in which they mistype it.
var spellings = map[string]func(string) string{
	"with a space":        func(s string) string { return s[:3] + " " + s[3:] },
	"in capitals":         strings.ToUpper,
	"without hyphens":     func(s string) string { return strings.ReplaceAll(s, "-", "") },
	"with spaces":         func(s string) string { return " " + strings.ReplaceAll(s, "-", "  ") + " " },
	"in full-width forms": fullWidth,
	"with a typo": func(s string) string {
		if s[0] == '7' {
			return "8" + s[1:]
		}
		return "7" + s[1:]
	},
	"cut short": func(s string) string { return s[:len(s)-1] },
}

func fullWidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, s)
}

func (a *actor) recoveryCode(number string) string {
	n, err := strconv.Atoi(number)
	if paper := a.self.Phone.Paper(); err == nil && n >= 1 && n <= len(paper) {
		return paper[n-1]
	}
	return "there is no recovery code " + number
}

// keep remembers the token that an answer brings.
func (d *device) keep(answer *apptest.Answer) *apptest.Answer {
	if token := answer.Get("session.token"); token != "" {
		d.api.Token = token
	}
	if token := answer.Get("device.token"); token != "" {
		d.remembered = token
	}
	return answer
}

// forgets a remembered device of that name, or one that is not there.
func (d *device) forgets(name string) *apptest.Answer {
	mine, id := d.api.Call("GET", "/devices", nil), "none"
	for i := 0; mine.Get(fmt.Sprintf("items.%d.id", i)) != ""; i++ {
		if mine.Get(fmt.Sprintf("items.%d.device", i)) == name {
			id = mine.Get(fmt.Sprintf("items.%d.id", i))
		}
	}
	return d.api.Call("DELETE", "/devices/"+id, nil)
}

func (a *actor) password(d *device, password string) *apptest.Answer {
	body := map[string]any{"email": a.self.Email, "password": password}
	if d.remembered != "" {
		body["device"] = d.remembered
	}
	if d.known != "" {
		body["browser"] = d.known
	}
	answer := d.keep(d.api.Call("POST", "/sign-in", body))
	d.attempt = answer.Get("attempt")
	return answer
}

func (a *actor) secondStep(d *device, code string) *apptest.Answer {
	body := map[string]any{"attempt": d.attempt, "code": code, "remember": d.remember}
	if d.known == "" {
		return d.keep(d.api.Call("POST", "/sign-in/second-step", body))
	}
	body["browser"] = d.known
	answer := d.keep(d.api.Call("POST", "/sign-in/second-step", body))
	if token := answer.Get("browser.token"); token != "" {
		d.known = token
	}
	return answer
}

func (a *actor) signsIn(d *device, code func() string) *apptest.Answer {
	answer := a.password(d, apptest.Password)
	if answer.Get("status") != "second_step_required" {
		return answer
	}
	return a.secondStep(d, code())
}

// handOver gives somebody the pass of their restart, if it brought one.
func (s *story) handOver(to, pass string) {
	if a := s.people[to]; a != nil && pass != "" {
		a.pass = pass
	}
}

func (a *actor) begins(d *device, pass string) *apptest.Answer {
	body := map[string]any{}
	if pass != "" {
		body["pass"] = pass
	}
	answer := d.api.Call("POST", "/two-step/activation", body)
	d.activation = answer.Get("activation")
	if answer.OK() {
		if err := a.self.Phone.Scan(answer.Get("key")); err != nil {
			return &apptest.Answer{Status: 500, Body: []byte(err.Error())}
		}
	}
	return answer
}

func (a *actor) confirms(d *device, code string) *apptest.Answer {
	answer := d.api.Call("POST", "/two-step/activation/confirm", map[string]any{"activation": d.activation, "code": code})
	a.writesDown(answer)
	return answer
}

func (a *actor) finishes(d *device, saved bool) *apptest.Answer {
	return d.keep(d.api.Call("POST", "/two-step/activation/finish", map[string]any{"activation": d.activation, "saved": saved}))
}

func (a *actor) activates(d *device, pass string) *apptest.Answer {
	if answer := a.begins(d, pass); !answer.OK() {
		return answer
	}
	if answer := a.confirms(d, a.self.Phone.Code()); !answer.OK() {
		return answer
	}
	return a.finishes(d, true)
}

func (a *actor) writesDown(answer *apptest.Answer) {
	if codes := answer.List("recovery_codes"); len(codes) > 0 {
		a.self.Phone.Write(codes)
	}
}

// onThePage are the acts in a browser, for what no API does.
func (s *story) onThePage(ts *testscript.TestScript, neg bool, a *actor, d *device, args []string) (*apptest.Answer, bool) {
	if d.browser == nil {
		d.browser = s.app.Browser(words.English)
	}
	b := d.browser
	switch {
	case match(args, "finds", "the", "link", "of", "*"):
		link := s.app.LinkIn(args[4])
		s.token = path.Base(link)
		ts.Setenv("LINK", link)
		ts.Setenv("TOKEN", s.token)
	case match(args, "scans", "the", "key"):
		if err := a.self.Phone.Scan(b.SetupKey()); err != nil {
			ts.Fatalf("%v", err)
		}
	case match(args, "fills", "*", "with", "the", "code"):
		b.Fill(args[1], a.self.Phone.Code())
	case match(args, "writes", "down", "the", "codes"):
		a.self.Phone.Write(b.RecoveryCodes())
	case match(args, "ticks", "*"):
		b.Tick(args[1])
	case match(args, "opens", "*"):
		b.Visit(strings.TrimPrefix(args[1], s.app.URL))
	case match(args, "follows", "the", "link", "in", "*"):
		link := s.app.LinkTo(a.name, args[4])
		if link == "" {
			ts.Fatalf("%s has no letter %q with a link, but %q", a.name, args[4], s.app.LettersTo(a.name))
		}
		b.Visit(link)
	case match(args, "follows", "the", "link", "in", "*", "at", "*"):
		link := s.app.LinkAt(args[6], args[4])
		if link == "" {
			ts.Fatalf("%s got no letter %q with a link, but %q", args[6], args[4], s.app.LettersAt(args[6]))
		}
		b.Visit(link)
	case match(args, "follows", "*"):
		b.Follow(args[1])
	case match(args, "fills", "*", "with", "*"):
		b.Fill(args[1], args[3])
	case match(args, "fills", "*", "with", "their", "password"):
		b.Fill(args[1], apptest.Password)
	case match(args, "presses", "*"):
		b.Press(args[1])
	case match(args, "sees", "*") && neg:
		b.SeesNot(args[1])
	case match(args, "sees", "*"):
		b.Sees(args[1])
	case match(args, "is", "at", "*"):
		if b.URL.Path != args[2] {
			ts.Fatalf("not at %s, but: %s", args[2], b)
		}
	default:
		return nil, false
	}
	return nil, true
}
