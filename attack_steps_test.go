package doorstep_test

import (
	"errors"
	"go/ast"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Group D of the attacks, over HTTP: a second step that is skipped by another door.

// Whoever is half signed in may ask whatever they like, of any route and in any way in
// which something can be presented: nothing hands them a session.
//
// ASVS 2.3.1, ASVS 7.2.1, T-STEP-2, P3
func TestNoDoorOpensHalfWay(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	attempt := in[half].attempt
	ways := map[string]http.Header{
		"as a bearer":           {"Authorization": {"Bearer " + attempt}},
		"as Basic":              {"Authorization": {"Basic " + attempt}},
		"as the session":        {"Cookie": {"doorstep=" + attempt}},
		"as the app's session":  {"Cookie": {"doorstep-apps=" + attempt}},
		"as a __Host- session":  {"Cookie": {"__Host-doorstep=" + attempt}},
		"as a device":           {"Cookie": {"doorstep-device=" + attempt}},
		"as an upgrade":         {"Cookie": {"doorstep=" + attempt + "; doorstep-attempt=" + attempt}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}},
		"as a stream":           {"Cookie": {"doorstep=" + attempt}, "Accept": {"text/event-stream"}},
		"as identity of ours":   {"Cookie": {"doorstep=" + attempt}, "Remote-User": {"ana"}, "X-Forwarded-User": {"ana"}},
		"from this very server": {"Cookie": {"doorstep=" + attempt}, "X-Forwarded-For": {"127.0.0.1"}, "X-Real-Ip": {"127.0.0.1"}},
	}
	t.Run("T-STEP-2", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{State: state})
		n := 0
		for what, header := range ways {
			for _, r := range a.Routes {
				switch r.Needs {
				case core.NeedOpen, core.NeedAttempt, core.NeedToken:
					continue
				}
				n++
				answer := a.Client().Send(r.Method, in[half].address(a, r), nil, header)
				if answer.Status < 300 || answer.Status >= 500 || answer.Header.Get("Remote-User") != "" {
					t.Errorf("%s: %s: %s", what, r, shortened([]byte(answer.String())))
				}
				if to := answer.Header.Get("Location"); to != "" && !strings.HasPrefix(to, "/sign-in") && !strings.HasPrefix(to, a.URL+"/sign-in") {
					t.Errorf("%s: %s leads to %s", what, r, to)
				}
			}
		}
		if n < 500 {
			t.Errorf("only %d were tried", n)
		}
	})
	// T-STEP-1
	t.Run("T-STEP-1, no session comes of it", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{State: state, Record: true})
		sessions := a.Count(`SELECT COUNT(*) FROM sessions`)
		for _, r := range a.Routes {
			in[half].try(a, r)
		}
		if n := a.Count(`SELECT COUNT(*) FROM sessions`); n != sessions {
			t.Errorf("%d sessions were opened", n-sessions)
		}
		for _, e := range a.Exchanges() {
			for _, line := range e.Header.Values("Set-Cookie") {
				if strings.HasPrefix(line, "doorstep=") && !strings.Contains(line, "Max-Age=0") {
					t.Errorf("%s %s sets %q", e.Method, e.Path, line)
				}
			}
		}
	})
}

// Every way in which Doorstep lets somebody with active 2-step come in with a password
// or a link asks for the second step. The list is whole: a session begins in no other
// file of core.
//
// ASVS 6.1.3, ASVS 6.3.4, ASVS 7.6.2, NIST 2.2.1, T-STEP-3, P3
func TestAllWaysInAskForTheSecondStep(t *testing.T) {
	t.Parallel()
	t.Run("T-STEP-3", func(t *testing.T) {
		apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
			who := a.Person("carla")
			sessions := func() int {
				return a.Count(`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at = 0`, who.ID)
			}
			forgot := func() string {
				a.Letters()
				wants(t, "asking", a.Client().Call("POST", "/password/forgot", map[string]any{"email": who.Email}), "")
				return a.LinkTo("carla", a.Words(words.English).Say("mail.pwlink.s"))
			}
			for name, way := range map[string]func(){
				"by page": func() {
					carla := walk(a, "carla", words.English)
					carla.Visit("/")
					carla.givesPassword()
					carla.IsAt("/sign-in/second-step", http.StatusOK)
					if cookie(carla, "doorstep") != "" {
						t.Error("by page: there is a session before the second step")
					}
				},
				"by API": func() { halfSignedIn(t, a, "carla") },
				"by API, asking to be remembered": func() {
					answer := a.Client().Call("POST", "/sign-in", map[string]any{"email": who.Email, "password": apptest.Password, "device": strings.Repeat("A", 43)})
					if answer.Get("session.token") != "" || answer.Get("attempt") == "" {
						t.Errorf("a device that nobody remembers: %s", answer)
					}
				},
				"by a forgotten password": func() {
					link := forgot()
					token := link[strings.LastIndexByte(link, '/')+1:]
					wants(t, "without a code", a.Client().Call("POST", "/password/reset", map[string]any{"token": token, "new": anotherPassword}), core.CodeEmpty)
					answer := a.Client().Call("POST", "/password/reset", map[string]any{"token": token, "new": anotherPassword, "code": who.Phone.Code()})
					wants(t, "with a code", answer, "")
					if answer.Get("session.token") != "" || len(answer.Header.Values("Set-Cookie")) > 0 {
						t.Errorf("a reset signs in: %s", answer)
					}
				},
				"by a forgotten password's page": func() {
					carla := walk(a, "carla", words.English)
					carla.Visit(forgot())
					if cookie(carla, "doorstep") != "" {
						t.Error("opening a link signs in")
					}
				},
				"by Basic": func() {
					answer := a.Client().Send("GET", "/api/v1/session", nil, http.Header{"Authorization": {"Basic " + "Y2FybGFAZXhhbXBsZS5jb206dmlvbGV0LWhhcmJvci1hbnZpbC03"}})
					wants(t, "Basic", answer, core.NotSignedIn)
				},
			} {
				a.Restore()
				who = a.Person("carla")
				way()
				if n := sessions(); n != 0 {
					t.Errorf("%s: %d sessions without a second step", name, n)
				}
			}
		})
	})
	inserts := map[string]bool{}
	for _, s := range load(t) {
		if s.forTests {
			continue
		}
		eachText(s.file, func(_ ast.Node, text string) {
			if strings.Contains(text, "INSERT INTO sessions") {
				inserts[s.path] = true
			}
		})
	}
	if len(inserts) != 1 || !inserts["internal/core/session.go"] {
		t.Errorf("sessions begin in %v", inserts)
	}
}

// An error while a code is checked denies: a database that fails at any of its
// statements, and a key that does not open.
//
// ASVS 16.5.3, T-STEP-5, P8
func TestErrorsDeny(t *testing.T) {
	t.Parallel()
	t.Run("T-STEP-5", func(t *testing.T) {
		for _, engine := range []string{apptest.SQLite, apptest.Postgres} {
			t.Run(engine, func(t *testing.T) {
				t.Parallel()
				var failing, ran atomic.Int64
				a := apptest.Start(t, apptest.Options{Engine: engine, BeforeStatement: func(string) error {
					if ran.Add(1) == failing.Load() {
						return errors.New("planted fault")
					}
					return nil
				}})
				sessions := func() int {
					return a.Count(`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at = 0`, a.Person("carla").ID)
				}
				for name, code := range map[string]func() string{
					"an app's":   func() string { return a.Person("carla").Phone.CodeIn(0) },
					"a recovery": func() string { return a.Person("carla").Phone.Paper()[0] },
				} {
					for k := int64(1); ; k++ {
						a.Restore()
						attempt := halfSignedIn(t, a, "carla")
						before := sessions()
						ran.Store(0)
						failing.Store(k)
						answer := second(a, attempt, code())
						failing.Store(0)
						if ran.Load() < k { // no statement was left to fail
							wants(t, "without a fault", answer, "")
							break
						}
						if answer.OK() && sessions() == before {
							t.Errorf("%s code, statement %d fails: let in without a session: %s", name, k, answer)
						}
						if !answer.OK() && sessions() != before {
							t.Errorf("%s code, statement %d fails: %s, and there is a session", name, k, answer)
						}
						if strings.Contains(answer.String(), "planted") {
							t.Errorf("%s code, statement %d fails: %s", name, k, answer)
						}
						if k > 40 {
							t.Fatal("there is no end of statements")
						}
					}
				}
				a.Restore()
				a.Change(`UPDATE authenticators SET sealed_key = $1 WHERE user_id = $2`, []byte("not a sealed key"), a.Person("carla").ID)
				attempt := halfSignedIn(t, a, "carla")
				if answer := second(a, attempt, a.Person("carla").Phone.Code()); answer.Status != http.StatusInternalServerError || sessions() != 0 {
					t.Errorf("a key that does not open: %s", answer)
				}
				// Another person's sealed key opens nothing either (T-SEC-4), though its owner's app shows the code.
				a.Restore()
				a.Change(`UPDATE authenticators SET sealed_key = (SELECT o.sealed_key FROM authenticators o WHERE o.user_id = $1) WHERE user_id = $2`, a.Person("bruno").ID, a.Person("carla").ID)
				attempt = halfSignedIn(t, a, "carla")
				if answer := second(a, attempt, a.Person("bruno").Phone.Code()); answer.OK() || sessions() != 0 {
					t.Errorf("a key moved to another person: %s", answer)
				}
				a.TakeFaults()
			})
		}
	})
}

// A remembered device is one only where the policy allows any, and its own: forged,
// another person's, over, or after the policy changed its mind, it skips nothing; and
// where it counts it proves no second step.
//
// NIST 5.1(remember), T-STEP-8, P3
func TestForgedDevices(t *testing.T) {
	t.Parallel()
	t.Run("T-STEP-8", func(t *testing.T) {
		apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
			ana := comesIn(t, a, "ana")
			policy := func(days int) {
				t.Helper()
				ana.call(t, a, "PATCH", "/team/policy", map[string]any{"remember_devices_seconds": days * 86400})
			}
			remember := func(name string) string {
				t.Helper()
				answer := a.Client().Call("POST", "/sign-in/second-step", map[string]any{"attempt": halfSignedIn(t, a, name), "code": a.Person(name).Phone.Code(), "remember": true})
				return answer.Get("device.token")
			}
			on := func(name, device string) *apptest.Answer {
				t.Helper()
				return a.Client().Call("POST", "/sign-in", map[string]any{"email": a.Person(name).Email, "password": apptest.Password, "device": device})
			}
			skips := func(answer *apptest.Answer) bool { return answer.Get("session.token") != "" }
			if token := remember("carla"); token != "" {
				t.Error("remembered although the policy does not allow it")
			}
			policy(14)
			own, other := remember("carla"), remember("bruno")
			if own == "" || other == "" {
				t.Fatal("nothing was remembered")
			}
			for what, token := range map[string]string{
				"another person's": other, "cut short": own[:42], "longer": own + "A", "forged": strings.Repeat("A", 43), "its attempt": halfSignedIn(t, a, "carla"), "a session": comesIn(t, a, "carla").token,
			} {
				if answer := on("carla", token); skips(answer) {
					t.Errorf("a device that is %s skips the second step: %s", what, answer)
				}
			}
			b := walk(a, "carla", words.English)
			u, err := url.Parse(a.URL)
			if err != nil {
				t.Fatal(err)
			}
			b.Jar.SetCookies(u, []*http.Cookie{{Name: "doorstep-device", Value: strings.Repeat("A", 43), Path: "/"}})
			b.Visit("/")
			b.givesPassword()
			b.IsAt("/sign-in/second-step", http.StatusOK)
			answer := on("carla", own)
			if !skips(answer) || answer.Get("session.second_step") != "none" {
				t.Errorf("the person's own: %s", answer)
			}
			c := a.Client()
			c.Token = answer.Get("session.token")
			wants(t, "what takes a step-up", c.Call("POST", "/two-step/recovery-codes", map[string]any{}), core.StepUpRequired)
			next := answer.Get("device.token")
			policy(0)
			if answer := on("carla", next); skips(answer) {
				t.Errorf("with the policy off: %s", answer)
			}
			policy(14)
			fresh := remember("carla")
			a.Pass(15 * 24 * time.Hour)
			if answer := on("carla", fresh); skips(answer) {
				t.Errorf("after its time: %s", answer)
			}
		})
	})
}
