package doorstep_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Groups F and G of the attacks, over HTTP.

// comesIn signs somebody in over the API, with the app where there is one.
func comesIn(t *testing.T, a *apptest.App, name string) *visitor {
	t.Helper()
	c, who := a.Client(), a.Person(name)
	answer := c.Call("POST", "/sign-in", map[string]any{"email": who.Email, "password": apptest.Password})
	if attempt := answer.Get("attempt"); attempt != "" {
		answer = c.Call("POST", "/sign-in/second-step", map[string]any{"attempt": attempt, "code": who.Phone.Code()})
	}
	v := &visitor{name: name, token: answer.Get("session.token"), sessionID: answer.Get("session.id")}
	if v.token == "" {
		t.Fatalf("%s did not get in: %s", name, answer)
	}
	return v
}

// call is one call of theirs that must succeed; a new token is taken over.
func (v *visitor) call(t *testing.T, a *apptest.App, method, path string, body map[string]any) *apptest.Answer {
	t.Helper()
	c := a.Client()
	c.Token = v.token
	answer := c.Call(method, path, body)
	if !answer.OK() {
		t.Fatalf("%s: %s %s: %s", v.name, method, path, answer)
	}
	if token := answer.Get("session.token"); token != "" {
		v.token = token
	}
	return answer
}

// doorsOpen are those of page, API and forward-auth that let a token in, with no
// request in between.
func (v *visitor) doorsOpen(a *apptest.App) (open []string) {
	if v.ask(a, http.MethodGet, "/api/v1/session", "", nil).Status != http.StatusUnauthorized {
		open = append(open, "API")
	}
	if leads := v.ask(a, http.MethodGet, "/me/sessions", "", nil).Header.Get("Location"); !strings.HasPrefix(leads, "/sign-in") {
		open = append(open, "page")
	}
	if v.ask(a, http.MethodGet, "/forward-auth", "", nil).Status != http.StatusUnauthorized {
		open = append(open, "forward-auth")
	}
	return open
}

// TestChangesEndEverySession is T-SESS-1: after each change of what somebody proves
// themself with, or of what they may, every other session of theirs is refused at its
// next request, at every door, on both engines.
//
// ASVS 7.4.2, ASVS 7.4.3, ASVS 8.3.2, NIST 4.5, T-SESS-1, R5, P5
func TestChangesEndEverySession(t *testing.T) {
	t.Parallel()
	const another = "twelve green umbrellas"
	activates := func(t *testing.T, a *apptest.App, v *visitor) {
		t.Helper()
		phone := a.Person(v.name).Phone
		begun := v.call(t, a, "POST", "/two-step/activation", map[string]any{})
		if err := phone.Scan(begun.Get("key")); err != nil {
			t.Fatal(err)
		}
		v.call(t, a, "POST", "/two-step/activation/confirm", map[string]any{"activation": begun.Get("activation"), "code": phone.Code()})
		v.call(t, a, "POST", "/two-step/activation/finish", map[string]any{"activation": begun.Get("activation"), "saved": true})
	}
	of := func(a *apptest.App, name string) string { return "/team/users/" + a.Person(name).ID }
	changes := []struct {
		name, who string
		do        func(t *testing.T, a *apptest.App, own, ana *visitor)
	}{
		{"authenticator added", "elena", func(t *testing.T, a *apptest.App, own, _ *visitor) { activates(t, a, own) }},
		{"authenticator removed", "carla", func(t *testing.T, a *apptest.App, own, _ *visitor) {
			own.call(t, a, "POST", "/two-step/deactivate", map[string]any{"code": a.Person("carla").Phone.Paper()[0]})
		}},
		{"authenticator replaced", "carla", func(t *testing.T, a *apptest.App, own, _ *visitor) {
			own.call(t, a, "POST", "/two-step/deactivate", map[string]any{"code": a.Person("carla").Phone.Paper()[0]})
			again := a.Client().Call("POST", "/sign-in", map[string]any{"email": a.Person("carla").Email, "password": apptest.Password})
			activates(t, a, &visitor{name: "carla", token: again.Get("session.token")})
		}},
		{"codes renewed", "carla", func(t *testing.T, a *apptest.App, own, _ *visitor) {
			own.call(t, a, "POST", "/two-step/recovery-codes", map[string]any{})
		}},
		{"password changed", "carla", func(t *testing.T, a *apptest.App, own, _ *visitor) {
			own.call(t, a, "PUT", "/password", map[string]any{"new": another})
		}},
		{"password forgotten", "carla", func(t *testing.T, a *apptest.App, own, _ *visitor) {
			a.Letters() // those of before
			own.call(t, a, "POST", "/password/forgot", map[string]any{"email": a.Person("carla").Email})
			link := a.LinkTo("carla", a.Words(words.English).Say("mail.pwlink.s"))
			own.call(t, a, "POST", "/password/reset", map[string]any{"token": link[strings.LastIndexByte(link, '/')+1:], "new": another, "code": a.Person("carla").Phone.Code()})
		}},
		{"restart", "carla", func(t *testing.T, a *apptest.App, _, ana *visitor) {
			ana.call(t, a, "POST", of(a, "carla")+"/restart-two-step", map[string]any{"reason": "lost phone", "verified_by": "in_person"})
		}},
		{"suspension", "carla", func(t *testing.T, a *apptest.App, _, ana *visitor) {
			ana.call(t, a, "PATCH", of(a, "carla"), map[string]any{"status": "suspended"})
		}},
		{"removal", "carla", func(t *testing.T, a *apptest.App, _, ana *visitor) {
			ana.call(t, a, "DELETE", of(a, "carla"), nil)
		}},
		{"role", "carla", func(t *testing.T, a *apptest.App, _, ana *visitor) {
			ana.call(t, a, "PATCH", of(a, "carla"), map[string]any{"role": "admin"})
		}},
		{"role taken back", "bruno", func(t *testing.T, a *apptest.App, _, ana *visitor) {
			ana.call(t, a, "PATCH", of(a, "bruno"), map[string]any{"role": "member"})
		}},
	}
	t.Run("T-SESS-1", func(t *testing.T) {
		for _, engine := range []string{apptest.SQLite, apptest.Postgres} {
			t.Run(engine, func(t *testing.T) {
				a := apptest.Start(t, apptest.Options{Engine: engine})
				for _, c := range changes {
					a.Restore()
					ana, others := comesIn(t, a, "ana"), []*visitor{comesIn(t, a, c.who), comesIn(t, a, c.who)}
					own := comesIn(t, a, c.who)
					for _, v := range append(others, own) {
						if open := v.doorsOpen(a); len(open) != 3 {
							t.Fatalf("%s: before it only %v are open", c.name, open)
						}
					}
					c.do(t, a, own, ana)
					for _, v := range others {
						if open := v.doorsOpen(a); len(open) > 0 {
							t.Errorf("after %s another session still opens %v", c.name, open)
						}
					}
				}
			})
		}
	})
}

// TestSignedOutIsOver is T-SESS-7: a copy of the cookie or the token is worth nothing
// once its owner has signed out, by page or by API.
//
// ASVS 7.4.1, NIST 5.1(secret), T-SESS-7, R5, P5
func TestSignedOutIsOver(t *testing.T) {
	t.Parallel()
	t.Run("T-SESS-7", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{})
		for name, signOut := range map[string]func() (copied string){
			"page": func() string {
				carla := walk(a, "carla", words.English)
				carla.signsIn()
				copied := cookie(carla, "doorstep")
				carla.Press(carla.Say("nav.out"))
				return copied
			},
			"API": func() string {
				v := comesIn(t, a, "carla")
				copied := v.token
				v.call(t, a, "DELETE", "/session", nil)
				return copied
			},
		} {
			thief := &visitor{name: "thief", token: signOut()}
			if thief.token == "" {
				t.Fatalf("%s: there was nothing to copy", name)
			}
			for range 2 {
				if open := thief.doorsOpen(a); len(open) > 0 {
					t.Errorf("after signing out by %s the copy opens %v", name, open)
				}
				a.Pass(time.Minute)
			}
			if answer := thief.ask(a, http.MethodGet, "/api/v1/session", "", nil); answer.Status != http.StatusUnauthorized || answer.Problem() != string(core.SessionEnded) {
				t.Errorf("after signing out by %s: %s", name, answer)
			}
		}
	})
}

// TestAnswersHoldNoStoredSecret is T-AZ-3: whatever secrets the store keeps (digests,
// salts, sealed keys, hashes of passwords and tokens), no answer has any of them, to
// an owner, to an admin or to the person, nor an export.
//
// ASVS 8.2.3, ASVS 14.2.6, ASVS 15.3.1, T-AZ-3, R10, P4
func TestAnswersHoldNoStoredSecret(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	t.Run("T-AZ-3", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{State: state})
		var planted []*canary
		for name, value := range a.Secrets() {
			planted = append(planted, &canary{name: name, value: value})
		}
		if len(planted) < 100 {
			t.Fatalf("only %d secrets are stored", len(planted))
		}
		asked, big := 0, false
		for _, r := range a.Routes {
			for _, name := range []string{owner, admin, member} {
				if in[name].outcome(r) != "" || isCostly(r) {
					continue
				}
				answer := in[name].try(a, r)
				asked++
				big = big || strings.HasSuffix(r.Path, "/export") && len(answer.Body) > 200
				for _, c := range planted {
					if c.in(answer.Body) {
						t.Errorf("%s: %s has %s", name, r, c.name)
					}
				}
				if r.Method != http.MethodGet && answer.Status < 400 {
					a.Restore()
				}
			}
		}
		if asked < 100 || !big {
			t.Errorf("only %d answers were looked at, or no export", asked)
		}
	})
}
