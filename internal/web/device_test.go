package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

const month = 30 * 24 * time.Hour

// remembers lets the team's devices skip the second step for so long.
func (w *world) remembers(lasts time.Duration) {
	w.t.Helper()
	ana := w.browser()
	ana.signIn("ana")
	s, err := w.core.Session(w.t.Context(), w.cookie(ana, sessionCookie))
	if err == nil {
		_, err = w.core.ChangePolicy(w.t.Context(), s.By(core.Origin{}), core.PolicyChange{RememberDevices: &lasts})
	}
	if err == nil {
		err = w.core.SignOut(w.t.Context(), s.By(core.Origin{}))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// remember signs in and ticks the box.
func (b *browser) remember(who string) {
	b.w.t.Helper()
	b.get("/sign-in")
	b.send("/sign-in", "email", b.w.people[who].email, "password", testPassword)
	b.send("/sign-in/second-step", "code", b.w.code(b.w.people[who]), "remember", "true")
}

// password gives the first step alone, and tells where that leads.
func (b *browser) password(who string) *answer {
	b.w.t.Helper()
	b.get("/sign-in")
	return b.send("/sign-in", "email", b.w.people[who].email, "password", testPassword)
}

func TestRememberedDevice(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	if b.password("carla"); b.page.byID("remember").Node != nil {
		t.Error("there is a box, and the team allows no remembered devices")
	}
	b.send("/sign-in/second-step", "code", w.code(w.people["carla"]), "remember", "true")
	if w.cookie(b, deviceCookie) != "" {
		t.Error("remembered all the same")
	}
	b.get("/me/sessions").wants(t, 200, "/me/sessions", w.says("dev.none"))

	w.remembers(36 * time.Hour)
	b = w.browser()
	b.password("carla").wants(t, 200, "/sign-in/second-step", w.says("step.remember", words.Args{"time": "36 hours"}))
	if has(b.page.byID("remember").Node, "checked") {
		t.Error("the box is ticked before anybody touched it")
	}
	b.send("/sign-in/second-step", "code", "000000", "remember", "true")
	if !has(b.page.byID("remember").Node, "checked") {
		t.Error("a wrong code took the tick away")
	}
	b.send("/sign-in/second-step", "code", "000000", "remember", "") // a form holds what is in it
	b.get("/sign-in/second-step")
	if has(b.page.byID("remember").Node, "checked") {
		t.Error("a new page is ticked")
	}
	b.send("/sign-in/second-step", "code", w.code(w.people["carla"])).wants(t, 200, "/", "Hello, Carla")
	if w.cookie(b, deviceCookie) != "" {
		t.Error("remembered without the box")
	}

	b.remember("carla")
	first := w.cookie(b, deviceCookie)
	rows, ids := b.get("/me/sessions").lines("/me/sessions/forget")
	if first == "" || len(rows) != 1 || strings.Contains(b.page.body, first) {
		t.Fatalf("%d devices:\n%s", len(rows), b.page.text())
	}
	for _, text := range []string{"Firefox on Linux", "14 May 2026", "127.0.0.1"} {
		if !strings.Contains(rows[0], text) {
			t.Errorf("the device's line does not say %q: %s", text, rows[0])
		}
	}
	// Signing out leaves it, and says so on the page; the password is then enough.
	if !strings.Contains(b.page.text(), w.says("dev.stays")) {
		t.Error("nothing says that a device stays")
	}
	b.send("/me/sessions/end").wants(t, 200, "/sign-in", w.says("ended.signed_out"))
	b.send("/sign-in", "email", "carla@example.com", "password", testPassword).wants(t, 200, "/", "Hello, Carla")
	if second := w.cookie(b, deviceCookie); second == first || second == "" {
		t.Errorf("the device holds %q, as before", second)
	}
	b.get("/me/sessions").wants(t, 200, "/me/sessions", w.says("sess.how.remembered"))
	b.get("/me/two-step/recovery-codes").wants(t, 200, "/me/confirm", w.says("up.title")) // never a step-up

	// Somebody else at this browser needs their own second step.
	b.password("ana").wants(t, 200, "/sign-in/second-step", "ana@example.com")
	other := w.browser()
	other.password("carla").wants(t, 200, "/sign-in/second-step", "carla@example.com")

	b.get("/me/sessions")
	b.post("/me/sessions/forget", formOf(b, "device", ids[0])).wants(t, 200, "/me/sessions", w.says("dev.forgotten", words.Args{"device": "Firefox on Linux"}))
	for _, id := range []string{ids[0], "", "none"} {
		b.post("/me/sessions/forget", formOf(b, "device", id)).wants(t, 200, "/me/sessions", w.says("dev.already"))
	}
	b.password("carla").wants(t, 200, "/sign-in/second-step", "carla@example.com")
}

// The cookie lasts as long as core remembers the device, and no longer.
func TestDeviceCookie(t *testing.T) {
	for _, https := range []bool{false, true} {
		w := makeWorld(t, worldOptions{https: https})
		w.remembers(month)
		b := w.browser()
		b.password("carla")
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		name := map[bool]string{false: "doorstep-device", true: "__Host-doorstep-device"}[https]
		seconds := func(a *answer) (age int) {
			t.Helper()
			for _, c := range (&http.Response{Header: a.header}).Cookies() {
				if c.Name != name {
					continue
				}
				if age = c.MaxAge; !c.HttpOnly || c.Secure != https || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
					t.Errorf("%v", c)
				}
			}
			return age
		}
		if got := seconds(b.send("/sign-in/second-step", "code", w.code(w.people["carla"]), "remember", "true")); got != int(month.Seconds()) {
			t.Errorf("remembered for %d seconds", got)
		}
		w.clock.pass(24 * time.Hour)
		if got := seconds(b.post("/sign-in", url.Values{"email": {"carla@example.com"}, "password": {testPassword}})); got != int((month - 24*time.Hour).Seconds()) {
			t.Errorf("a day later for %d seconds", got)
		}
		if got := seconds(b.post("/sign-out", formOf(b))); got != 0 {
			t.Error("signing out writes the cookie")
		}
	}
}

// What was used already comes from a copy, or was: the device is forgotten.
func TestRememberedDeviceReused(t *testing.T) {
	w := newWorld(t)
	w.remembers(month)
	b, thief := w.browser(), w.browser()
	b.remember("carla")
	copied := w.cookie(b, deviceCookie)
	b.password("carla").wants(t, 200, "/", "Hello, Carla")
	u, _ := url.Parse(w.server.URL)
	thief.client.Jar.SetCookies(u, []*http.Cookie{{Name: deviceCookie, Value: copied, Path: "/"}})
	w.clock.pass(time.Minute)
	thief.password("carla").wants(t, 200, "/sign-in/second-step", "carla@example.com")
	b.password("carla").wants(t, 200, "/sign-in/second-step", "carla@example.com")
}

// A device is dead after whatever changes what the person proves themself with,
// when it expires, and when the team allows none any more.
func TestRememberedDeviceIsDead(t *testing.T) {
	for name, change := range map[string]func(w *world, b *browser){
		"deactivation": func(w *world, b *browser) {
			b.get("/me/two-step/deactivate")
			b.send("/me/two-step/deactivate", "code", w.people["carla"].paper()).wants(t, 200, "/sign-in", w.says("ended.deactivated"))
		},
		"restart": func(w *world, b *browser) {
			ana := w.browser()
			ana.signIn("ana")
			path := "/team/users/" + w.people["carla"].id
			ana.get(path+"/restart").wants(t, 200, path+"/restart", w.says("re.devices", words.Args{"n": 1}))
			ana.send(path+"/restart", "verified_by", "in_person", "reason", "Lost the phone")
		},
		"new recovery codes": func(w *world, b *browser) {
			b.get("/me/two-step/recovery-codes")
			b.send("/me/two-step/recovery-codes")
			b.send("/me/two-step/recovery-codes/finish", "saved", "true").wants(t, 200, "/me/two-step", w.says("codes.renewed"))
		},
		"policy": func(w *world, _ *browser) {
			ana := w.browser()
			ana.signIn("ana")
			ana.get("/team/policy")
			ana.send("/team/policy", "remember_devices", "0").wants(t, 200, "/team/policy", w.says("pol.saved"))
		},
		"expiry": func(w *world, _ *browser) { w.clock.pass(month) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.remembers(month)
			b := w.browser()
			b.remember("carla")
			change(w, b)
			b.password("carla")
			if b.page.at.Path == "/me/two-step/activate" {
				b.activate("carla")
				b.password("carla")
			}
			if b.page.at.Path != "/sign-in/second-step" {
				t.Errorf("the password alone leads to %s", b.page.at)
			}
		})
	}
}

// Ending a person's sessions leaves their devices, and the page says so.
func TestUserSessionsLeaveDevices(t *testing.T) {
	w := newWorld(t)
	w.remembers(month)
	b, carla := w.browser(), w.browser()
	carla.remember("carla")
	b.signIn("ana")
	path := "/team/users/" + w.people["carla"].id
	b.get(path+"/sessions").wants(t, 200, path+"/sessions", w.says("user.sessions.devices"))
	b.send(path + "/sessions")
	carla.password("carla").wants(t, 200, "/", "Hello, Carla")
	b.get(path)
	for _, e := range []string{"device.remembered", "policy.changed"} {
		if strings.Contains(b.page.text(), e) {
			t.Errorf("the event %s has no words", e)
		}
	}
	if !strings.Contains(b.page.text(), w.says("ev.device.remembered", words.Args{"actor": "Carla Nguyen"})) {
		t.Error("the events do not tell of the device:\n" + b.page.text())
	}
	if node := b.page.find(func(n *html.Node) bool { return n.Data == "time" }); node == nil {
		t.Error("no times")
	}
}
