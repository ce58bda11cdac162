package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
)

// A client that keeps what a sign-in gave is not made to wait by strangers.
func TestKnownBrowser(t *testing.T) {
	w := newWorld(t)
	in := func(browser string) *reply {
		return w.call("POST", "/sign-in", "", object{"email": w.cast["carla"].email, "password": testPassword, "browser": browser})
	}
	attempt := in("new").is(200).text("attempt")
	a := w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": w.code("carla"), "browser": "new"}).is(200).
		keys("", "status", "session", "recovery_codes_left", "browser").keys("browser", "token", "expires_at")
	token := a.text("browser.token")
	for range 5 {
		w.call("POST", "/sign-in", "", object{"email": w.cast["carla"].email, "password": "not the password at all"}).refused(401, core.WrongCredentials)
	}
	for _, stranger := range []string{"", "new", token + "x"} {
		in(stranger).refused(429, core.TooManyTries)
	}
	attempt = in(token).is(200).text("attempt")
	w.clock.advance(30 * time.Second)
	a = w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": w.code("carla"), "browser": token}).is(200)
	if a.text("browser.token") != token {
		t.Errorf("the token is another one: %s", a.raw)
	}
	if _, err := w.core.Session(t.Context(), token); err == nil {
		t.Error("it opens a session")
	}
}

// One password at each of many accounts: the client's address waits.
func TestManyAccountsFromOneAddress(t *testing.T) {
	w := newWorld(t)
	from := func(address, email string) *reply {
		r := httptest.NewRequest("POST", base+"/sign-in", strings.NewReader(fmt.Sprintf(`{"email":%q,"password":"not the password at all"}`, email)))
		r.RemoteAddr = address
		r.Header.Set("Content-Type", "application/json")
		return w.send(r)
	}
	refused := 0
	for i := range 104 {
		a := from(fmt.Sprintf("[2001:db8::%x]:4711", i), fmt.Sprintf("person%d@example.com", i))
		if a.status == 429 {
			refused++
			if a.header.Get("Retry-After") != "6" || a.problemCode() != core.TooManyTries {
				t.Errorf("%s %v", a.raw, a.header)
			}
		}
	}
	if refused != 4 {
		t.Errorf("%d of 104 were told to wait, want 4", refused)
	}
	from("[2001:db8:0:1::1]:4711", "person@example.com").refused(401, core.WrongCredentials)
}

// 20 wrong recovery codes: methods leave them out, and waiting does not help.
func TestBlockedCodes(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		attempt := w.password("carla").is(200).text("attempt")
		a := w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": "0000-0000-0000-0000"}).refused(422, core.WrongRecoveryCode)
		if wait, is := a.at("retry_after_seconds").(float64); is {
			w.clock.advance(time.Duration(wait) * time.Second)
		}
	}
	w.clock.advance(24 * time.Hour)
	a := w.password("carla").is(200)
	if methods := fmt.Sprint(a.at("methods")); methods != "[authenticator]" {
		t.Errorf("methods %s", methods)
	}
	a = w.call("POST", "/sign-in/second-step", "", object{"attempt": a.text("attempt"), "code": w.cast["carla"].codes[0]}).refused(429, core.RecoveryBlocked)
	if a.header.Get("Retry-After") != "" {
		t.Error("told to wait, which does not help")
	}
}
