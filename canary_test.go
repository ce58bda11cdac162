package doorstep_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// canary is a secret of a journey, and the only answers that may show it.
type canary struct {
	name  string
	value []byte
	shown func(e *apptest.Exchange, part string) bool // part is "header" or "body"
	// mailed: it is in the one letter that is for it.
	mailed bool
	seen   int
}

// aviary collects the secrets of a journey.
type aviary struct {
	t      *testing.T
	list   []*canary
	before []byte // the store while letters waited in it
}

func (v *aviary) add(name, value string, shown func(*apptest.Exchange, string) bool) {
	if len(value) < 8 {
		v.t.Fatalf("%s: %q is too short to look for", name, value)
	}
	v.list = append(v.list, &canary{name: name, value: []byte(value), shown: shown})
}

// onlyAt allows the answers of these addresses, below /api/v1 too.
func onlyAt(part string, addresses ...string) func(*apptest.Exchange, string) bool {
	return func(e *apptest.Exchange, in string) bool {
		path, _, _ := strings.Cut(e.Path, "?")
		for _, a := range addresses {
			if e.Method+" "+strings.TrimPrefix(path, "/api/v1") == a && (part == "" || part == in) {
				return true
			}
		}
		return false
	}
}

func never(*apptest.Exchange, string) bool { return false }

func (v *aviary) password(p string) { v.add("password", p, never) }

// key is shown while it is set up, to its owner alone (R10).
func (v *aviary) key(phone *apptest.Phone) {
	v.add("authenticator key", string(phone.Key()), onlyAt("body", "GET /me/two-step/activate", "POST /me/two-step/activate", "POST /two-step/activation"))
}

func (v *aviary) codes(phone *apptest.Phone) {
	for i, code := range phone.Paper() {
		v.add(fmt.Sprintf("recovery code %d", i+1), code, onlyAt("body",
			"GET /me/two-step/activate", "POST /me/two-step/activate", "POST /me/two-step/activate/finish", "POST /two-step/activation/confirm",
			"GET /me/two-step/recovery-codes", "POST /me/two-step/recovery-codes", "POST /two-step/recovery-codes"))
	}
}

// tokens are what a browser or a program was handed by now.
func (v *aviary) cookies(b *apptest.Browser) {
	u, err := url.Parse(b.URL.Scheme + "://" + b.URL.Host)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		switch c.Name {
		case "doorstep", "doorstep-attempt", "doorstep-form":
			v.add("cookie "+c.Name, c.Value, func(e *apptest.Exchange, part string) bool {
				return part == "header" && strings.Contains(strings.Join(e.Header.Values("Set-Cookie"), "\n"), c.Name+"="+c.Value+";")
			})
		}
	}
}

func (v *aviary) token(name, value string) {
	v.add(name, value, onlyAt("body", "POST /sign-in", "POST /sign-in/second-step", "POST /two-step/activation/finish", "POST /step-up"))
}

// spellings are all the ways in which a secret could lie around.
func (c *canary) spellings() [][]byte {
	texts := []string{
		string(c.value), strings.ToUpper(string(c.value)), url.QueryEscape(string(c.value)),
		hex.EncodeToString(c.value), strings.ToUpper(hex.EncodeToString(c.value)),
		base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(c.value),
		strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(c.value)),
	}
	if bare := strings.ReplaceAll(string(c.value), "-", ""); strings.HasPrefix(c.name, "recovery code") {
		texts = append(texts, bare, strings.ToUpper(bare), strings.ReplaceAll(string(c.value), "-", " "))
	}
	if raw, err := base64.RawURLEncoding.DecodeString(string(c.value)); err == nil && len(raw) >= 16 {
		texts = append(texts, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw))
	}
	var all [][]byte
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	// In Base64 a secret looks different by where in a text it begins.
	for shift := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(append(make([]byte, shift), c.value...))
			from, to := (shift*8+5)/6, len(text)-1
			all = append(all, []byte(text[from:to]))
		}
	}
	return all
}

func (c *canary) in(haystack []byte) bool {
	for _, s := range c.spellings() {
		if bytes.Contains(haystack, s) {
			return true
		}
	}
	return false
}

// TestCanarySings: a secret is found however it is spelled, or the test below would
// find nothing for ever.
func TestCanarySings(t *testing.T) {
	t.Parallel()
	code := &canary{name: "recovery code 1", value: []byte("kayp-lz3p-ke5v-5j1h")}
	key := &canary{name: "key", value: []byte{0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}
	for _, c := range []*canary{code, key} {
		around := append(append([]byte("before "), c.value...), " behind"...)
		for what, text := range map[string]string{
			"itself": string(around), "hex": hex.EncodeToString(around), "HEX": strings.ToUpper(hex.EncodeToString(around)),
			"Base32":     base32.StdEncoding.EncodeToString(c.value),
			"in a query": "x=" + url.QueryEscape(string(c.value)),
			"Base64":     base64.StdEncoding.EncodeToString(around), "Base64 a byte on": base64.StdEncoding.EncodeToString(around[1:]),
			"Base64 two bytes on": base64.URLEncoding.EncodeToString(around[2:]),
		} {
			if !c.in([]byte(text)) {
				t.Errorf("%s is not found in %s: %q", c.name, what, text)
			}
		}
		if c.in([]byte("nothing of it in here")) {
			t.Errorf("%s is found in nothing", c.name)
		}
	}
	for _, text := range []string{"KAYP-LZ3P-KE5V-5J1H", "kayplz3pke5v5j1h", "KAYPLZ3PKE5V5J1H", "kayp lz3p ke5v 5j1h"} {
		if !code.in([]byte("x" + text + "x")) {
			t.Errorf("%s is not found", text)
		}
	}
}

// TestCanary is T-SEC-1 and T-LOG-1 (R10, P6): after every journey, by page and by
// API, with every mistake that people make in it, no secret lies anywhere but in
// the one answer that shows it to its owner.
//
// ASVS 3.3.4, ASVS 14.2.4, ASVS 14.2.1, ASVS 16.2.5, NIST 3.1.2.1, T-SEC-1, T-LOG-1, R10, P6
func TestCanary(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	for _, engine := range []string{apptest.SQLite, apptest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			a := apptest.Start(t, apptest.Options{Engine: engine, Record: true, BeforeStatement: func(string) error {
				if broken.Load() {
					return errors.New("planted fault")
				}
				return nil
			}})
			v := &aviary{t: t}
			v.password(apptest.Password)
			for _, name := range []string{"ana", "bruno", "carla"} {
				// Of these nothing was shown in this journey.
				v.add("key of "+name, string(a.Person(name).Phone.Key()), never)
				v.add("first recovery code of "+name, a.Person(name).Phone.Paper()[0], never)
			}
			made := len(v.list)
			byPage(t, a, v)
			byAPI(t, a, v)
			theRest(t, a, v)
			v.inLetters(a)
			broken.Store(true)
			withFaults(a)
			broken.Store(false)
			faults := a.Log()
			a.TakeFaults()
			v.search(a, []byte(faults), made)
		})
	}
}

// search looks for every canary everywhere.
func (v *aviary) search(a *apptest.App, log []byte, made int) {
	var letters bytes.Buffer
	for _, m := range a.Letters() {
		fmt.Fprintf(&letters, "%s\n%s\n%s\n%s\n", m.To, m.Subject, m.Text, m.HTML)
	}
	if letters.Len() == 0 || !bytes.Contains(log, []byte("level=DEBUG")) {
		v.t.Error("no letters, or no log at debug level: nothing was looked at")
	}
	store := append(a.Bytes(), v.before...)
	exchanges := a.Exchanges()
	for i, c := range v.list {
		for where, haystack := range map[string][]byte{"the log": log, "the store": store, "a letter": letters.Bytes()} {
			if c.in(haystack) && !(c.mailed && where == "a letter") {
				v.t.Errorf("%s is in %s", c.name, where)
			}
		}
		for _, e := range exchanges {
			header := e.Answer()[:len(e.Answer())-len(e.Body)]
			for part, haystack := range map[string][]byte{"header": header, "body": e.Body} {
				if !c.in(haystack) {
					continue
				}
				if c.seen++; !c.shown(e, part) {
					v.t.Errorf("%s is in the %s of the answer to %s %s (%d)", c.name, part, e.Method, e.Path, e.Status)
				}
			}
		}
		// The search itself has to work: what was shown is found where it was shown.
		if i >= made && c.seen == 0 && c.name != "password" && c.name != "link" && !c.mailed && !strings.HasPrefix(c.name, "typed") {
			v.t.Errorf("%s was never seen: is it searched for rightly?", c.name)
		}
	}
}

// byPage is a life in a browser: activation, a lost phone, a reset, a restart.
func byPage(t *testing.T, a *apptest.App, v *aviary) {
	elena := walk(a, "elena", words.English)
	elena.Visit("/")
	elena.givesPassword()
	v.cookies(elena.Browser)
	elena.Visit("/me/two-step/activate")
	elena.scans(t)
	v.key(elena.who.Phone)
	elena.Fill(elena.Say("act.code"), elena.who.Phone.WrongCode())
	elena.Press(elena.Say("common.continue"))
	elena.Reload()
	elena.activates(t)
	v.codes(elena.who.Phone)
	v.cookies(elena.Browser) // the token that Finish replaced
	elena.Press(elena.Say("nav.out"))

	// Everything that people mistype.
	const mistyped = "Violet-harbour-anvil-7"
	v.add("typed password", mistyped, never)
	elena.Visit("/sign-in")
	elena.Fill(elena.Say("signin.email"), elena.who.Email)
	elena.Fill(elena.Say("signin.password"), mistyped)
	elena.Press(elena.Say("common.continue"))
	elena.IsAt("/sign-in", http.StatusUnauthorized)
	elena.givesPassword()
	v.cookies(elena.Browser) // the attempt's
	paper := elena.who.Phone.Paper()
	wrong := "kayp-lz3p-ke5v-5j1h"
	v.add("typed recovery code", "zzzz-9999-zzzz-9999", never)
	for _, code := range []string{wrong, "zzzz-9999-zzzz-9999", paper[0] + "7", paper[0][:18]} {
		elena.givesCode(code)
		elena.IsAt("/sign-in/second-step", http.StatusUnprocessableEntity)
	}
	elena.givesCode(paper[0])
	v.cookies(elena.Browser)
	elena.Visit("/me/two-step/deactivate")
	elena.Fill(elena.Say("off.labelrec"), paper[0])
	elena.Press(elena.Say("off.button"))
	elena.Fill(elena.Say("off.labelrec"), paper[1])
	elena.Press(elena.Say("off.button"))
	elena.IsAt("/sign-in", http.StatusOK)

	ana := walk(a, "ana", words.Spanish)
	ana.signsIn()
	v.cookies(ana.Browser)
	ana.Visit("/me/two-step/recovery-codes")
	ana.Press(ana.Say("codes.renewbutton"))
	ana.who.Phone.Write(ana.RecoveryCodes())
	v.codes(ana.who.Phone)
	ana.Tick(ana.Say("codes.ack"))
	ana.Press(ana.Say("common.finish"))
	a.Pass(11 * time.Minute)
	ana.Visit("/team/users/" + a.Person("elena").ID + "/restart")
	ana.Fill(ana.Say("signin.password"), apptest.Password)
	ana.Fill(ana.Say("up.code"), ana.who.Phone.Code())
	ana.Press(ana.Say("up.button"))
	v.cookies(ana.Browser) // the token that the step-up replaced
	ana.Tick(ana.Say("re.v.person"))
	ana.Fill(ana.Say("re.reason"), "met her")
	ana.Press(ana.Say("re.item"))
	ana.IsAt("/team/users/"+a.Person("elena").ID, http.StatusOK)

	// A link, opened twice, and the first password behind it.
	link := a.Add("hugo", "Hugo Weber", core.RoleMember, "Northwind", false)
	v.add("link", link[strings.LastIndex(link, "/")+1:], never)
	hugo := walk(a, "hugo", words.Portuguese)
	hugo.Visit(strings.TrimPrefix(link, a.URL))
	v.cookies(hugo.Browser)
	const first = "maple-lagoon-tuba-4"
	v.password(first)
	hugo.Fill(hugo.Say("setpw.label"), "northwind "+first[:9])
	hugo.Press(hugo.Say("welcome.button"))
	hugo.Fill(hugo.Say("setpw.label"), first)
	hugo.Press(hugo.Say("welcome.button"))
	hugo.IsAt("/sign-in", http.StatusOK)
}

// byAPI is the life of a program: Bruno's.
func byAPI(t *testing.T, a *apptest.App, v *aviary) {
	bruno, phone := a.Client(), a.Person("bruno").Phone
	ask := func(status int, method, path string, body map[string]any) *apptest.Answer {
		t.Helper()
		answer := bruno.Call(method, path, body)
		if answer.Status != status {
			t.Fatalf("%s %s: %s", method, path, answer)
		}
		if token := answer.Get("session.token"); token != "" {
			bruno.Token = token
			v.token("session token", token)
		}
		if attempt := answer.Get("attempt"); attempt != "" {
			v.token("attempt token", attempt)
		}
		return answer
	}
	password := map[string]any{"email": a.Person("bruno").Email, "password": apptest.Password}
	attempt := ask(200, "POST", "/sign-in", password).Get("attempt")
	ask(422, "POST", "/sign-in/second-step", map[string]any{"attempt": attempt, "code": phone.WrongCode()})
	ask(200, "POST", "/sign-in/second-step", map[string]any{"attempt": attempt, "code": phone.Code()})
	ask(200, "POST", "/step-up", map[string]any{"password": apptest.Password, "code": phone.Code()})
	phone.Write(ask(200, "POST", "/two-step/recovery-codes", map[string]any{}).List("recovery_codes"))
	v.codes(phone)
	ask(200, "POST", "/team/users/"+a.Person("carla").ID+"/restart-two-step", map[string]any{"reason": "lost phone", "verified_by": "in_person"})
	for _, path := range []string{"/session", "/sessions", "/two-step", "/team/users", "/team/users/" + a.Person("carla").ID, "/openapi.json"} {
		ask(200, "GET", path, nil)
	}
	ask(200, "POST", "/two-step/deactivate", map[string]any{"code": phone.Paper()[0]})
	ask(200, "POST", "/sign-in", password)
	answer := ask(201, "POST", "/two-step/activation", map[string]any{})
	if err := phone.Scan(answer.Get("key")); err != nil {
		t.Fatal(err)
	}
	v.key(phone)
	id := answer.Get("activation")
	ask(422, "POST", "/two-step/activation/confirm", map[string]any{"activation": id, "code": phone.WrongCode()})
	phone.Write(ask(200, "POST", "/two-step/activation/confirm", map[string]any{"activation": id, "code": phone.Code()}).List("recovery_codes"))
	v.codes(phone)
	ask(200, "POST", "/two-step/activation/finish", map[string]any{"activation": id, "saved": true})
}

// theRest is what else there is to know: what a device and a browser keep, passes,
// requests, links by letter, the tokens of forms; and everything that can be taken away
// as a file is taken away.
func theRest(t *testing.T, a *apptest.App, v *aviary) {
	t.Helper()
	ana := comesIn(t, a, "ana")
	v.token("session token", ana.token)
	ana.call(t, a, "PATCH", "/team/policy", map[string]any{"remember_devices_seconds": 14 * 86400, "pass_for": "everybody"})
	olga, c := a.Person("olga"), a.Client()
	kept := func(answer *apptest.Answer) {
		t.Helper()
		for _, of := range []string{"device", "browser", "session"} {
			token := answer.Get(of + ".token")
			if token == "" {
				t.Fatalf("no token of a %s: %s", of, answer)
			}
			v.token("token of a "+of, token)
		}
	}
	in := c.Call("POST", "/sign-in/second-step", map[string]any{"attempt": halfSignedIn(t, a, "olga"), "code": olga.Phone.Code(), "remember": true, "browser": "new"})
	kept(in)
	c.Token = in.Get("session.token")
	for path, body := range map[string]map[string]any{
		"PUT /notification-address": {"email": "second@example.net"}, "PUT /email": {"email": "another@example.org"}, "POST /password/forgot": {"email": "carla@example.com"},
	} {
		method, path, _ := strings.Cut(path, " ")
		wants(t, path, c.Call(method, path, body), "")
	}
	again := c.Call("POST", "/sign-in", map[string]any{"email": olga.Email, "password": apptest.Password, "device": in.Get("device.token"), "browser": in.Get("browser.token")})
	if token := again.Get("device.token"); token != "" {
		v.token("token of a device, the next one", token)
	} else {
		t.Errorf("the device was not remembered: %s", again)
	}
	ana.call(t, a, "POST", "/team/users", map[string]any{"email": "new@example.com", "role": "member"})
	// Somebody asks their team, and is restarted; the receipt alone has the pass.
	asked := a.Client().Call("POST", "/sign-in/ask", map[string]any{"attempt": halfSignedIn(t, a, "olga"), "happened": "lost_phone"})
	v.add("token of a request", asked.Get("token"), onlyAt("body", "POST /sign-in/ask"))
	restarted := ana.call(t, a, "POST", "/team/users/"+olga.ID+"/restart-two-step", map[string]any{"reason": "lost phone", "verified_by": "in_person"})
	v.add("pass", restarted.Get("pass"), onlyAt("body", "POST /team/users/"+olga.ID+"/restart-two-step"))
	// The tokens of forms, which are in the page that has the form and nowhere else.
	for n, e := range a.Exchanges() {
		if found := tokenOnPage.FindSubmatch(e.Body); found != nil && n%40 == 0 {
			page := e
			v.add("token of a form", string(found[1]), func(e *apptest.Exchange, part string) bool { return e == page && part == "body" })
		}
	}
	for _, file := range []string{"/api/v1/team/audit/export", "/api/v1/team/audit/export?format=csv", "/team/audit/export?format=csv", "/team/export", "/team/audit", "/team/letters", "/me/sessions", "/api/v1/team/letters", "/api/v1/devices"} {
		if answer := ana.ask(a, "GET", file, "", nil); answer.Status != http.StatusOK || len(answer.Body) < 20 {
			t.Errorf("%s: %s", file, answer)
		}
	}
}

// inLetters takes the tokens out of the links of all letters: each is in its letter and
// nowhere else, not in the queue that the letter waited in either.
func (v *aviary) inLetters(a *apptest.App) {
	v.t.Helper()
	v.before = a.Bytes()
	n := 0
	for _, m := range a.Letters() {
		for _, found := range tokenInLetter.FindAllStringSubmatch(m.Text, -1) {
			n++
			if n%4 == 0 || !strings.Contains(found[1], "/not-me/") { // of those there is one in nearly every letter
				v.list = append(v.list, &canary{name: "mailed " + found[1], value: []byte(found[2]), shown: never, mailed: true})
			}
		}
	}
	if n < 8 {
		v.t.Errorf("only %d links with a token were mailed", n)
	}
}

var tokenInLetter = regexp.MustCompile(`https?://[^/\s]+(/[a-z/-]+/)([A-Za-z0-9_-]{40,})`)

// withFaults sends secrets into a storage that fails: what is logged of it must
// not quote them.
func withFaults(a *apptest.App) {
	c := a.Client()
	c.Call("POST", "/sign-in", map[string]any{"email": "carla@example.com", "password": apptest.Password})
	for _, name := range []string{"ana", "bruno"} {
		c.Call("POST", "/sign-in/second-step", map[string]any{"attempt": "none", "code": a.Person(name).Phone.Paper()[0]})
	}
	form := url.Values{"email": {"carla@example.com"}, "password": {apptest.Password}}
	c.Send("POST", "/sign-in", strings.NewReader(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	c.Send("POST", "/api/v1/sign-in", strings.NewReader(`{"email":"carla@example.com","password":"`+apptest.Password+`"`), http.Header{"Content-Type": {"application/json"}})
}
