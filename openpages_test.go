package doorstep_test

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/words"
)

// TestOpenPages: a page that was left open hears that its session has ended also
// when that was long ago, and when the person is gone with all their sessions; a
// step-up in another tab ends nothing.
//
// ASVS 14.3.1, R5
func TestOpenPages(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{})
	ana, carla := walk(a, "ana", words.English), walk(a, "carla", words.English)
	ana.signsIn()
	carla.signsIn()
	hears := func(w *walker, status int) {
		t.Helper()
		w.Visit("/session/watch?once=1")
		w.IsAt("/session/watch", status)
	}
	old := walk(a, "ana", words.English) // another tab, that keeps the token of before
	old.Jar.SetCookies(ana.URL, ana.Jar.Cookies(ana.URL))
	ana.Visit("/me/confirm")
	ana.Fill(ana.Say("signin.password"), apptest.Password)
	ana.Fill(ana.Say("up.code"), ana.who.Phone.Code())
	ana.Press(ana.Say("up.button"))
	hears(ana, http.StatusNoContent)
	hears(old, http.StatusUnauthorized) // a copy of the cookie is worth nothing; the browser itself has the new one

	program := a.Client()
	program.Token = cookie(ana, "doorstep")
	if answer := program.Call("DELETE", "/team/users/"+carla.who.ID, nil); !answer.OK() {
		t.Fatal(answer)
	}
	hears(carla, http.StatusUnauthorized)
	carla.Visit("/me")
	carla.IsAt("/sign-in", http.StatusOK)

	elena := walk(a, "elena", words.English)
	elena.Visit("/")
	elena.givesPassword()
	if answer := program.Call("DELETE", "/team/users/"+elena.who.ID+"/sessions", nil); !answer.OK() {
		t.Fatal(answer)
	}
	a.Pass(60 * time.Hour) // a weekend, with the lid closed
	hears(elena, http.StatusUnauthorized)
}

// watch is the open page of somebody, as the module of a page watches: the channel
// is closed when the server says that the session has ended.
func watch(t *testing.T, a *apptest.App, w *walker) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+"/session/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for _, cookie := range w.Jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("watching: %s", answer.Status)
	}
	ended := make(chan struct{})
	go func() {
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if lines.Text() == "event: ended" {
				close(ended)
				return
			}
		}
	}()
	return ended
}

// TestBrowsersThatDoNotSayFrom: older ones, and every one on a plain http address
// in a local network, send no Sec-Fetch-Site. They sign in all the same.
func TestBrowsersThatDoNotSayFrom(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{})
	carla := walk(a, "carla", words.English)
	carla.Modern = false
	carla.signsIn()
	carla.Visit("/me")
	carla.IsAt("/me", http.StatusOK)
}
