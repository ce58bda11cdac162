package doorstep_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// TestFormsSentTwice: without a script nobody stops a second press. Whatever a form
// does, sent twice it was done once: no second event, letter or row, and whoever sees
// the second answer is told of no fault of theirs.
func TestFormsSentTwice(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state})
	n := 0
	for _, r := range a.Routes {
		if r.Method != http.MethodPost || isAPI(r) || r.Needs == core.NeedProxy {
			continue
		}
		by := in[owner]
		switch r.Needs {
		case core.NeedAttempt:
			by = in[half]
		case core.NeedActivation:
			by = in[activation]
		}
		first := by.try(a, r)
		if first.Status >= 400 { // a refused try was counted, and so is a second one
			a.Restore()
			continue
		}
		n++
		once := a.Dump()
		second := by.try(a, r)
		if again := a.Dump(); again != once && r.Path != "/forgot-password" { // a form of nobody's: so many letters in an hour
			t.Errorf("%s wrote again: %s", r, difference(once, again))
		}
		if second.Status >= 400 {
			t.Errorf("%s: first %d %s, then %d %s", r, first.Status, first.Header.Get("Location"), second.Status, shortened(second.Body))
		}
		a.Restore()
	}
	if n < 20 {
		t.Errorf("only %d forms did something", n)
	}
}

// A form that let somebody in lets nobody in again, also when it comes once more with
// every byte of it, within the seconds in which a press counts as the second one.
//
// T-REPLAY-1, R1, P1
func TestASecondPressGetsNoSession(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
		carla := walk(a, "carla", words.English)
		carla.Visit("/")
		carla.givesPassword()
		var held []string
		for _, c := range carla.Jar.Cookies(carla.URL) {
			held = append(held, c.Name+"="+c.Value)
		}
		h := http.Header{"Cookie": {strings.Join(held, "; ")}, "Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {a.URL}, "Sec-Fetch-Site": {"same-origin"}}
		page := a.Client().Send(http.MethodGet, "/sign-in/second-step", nil, h)
		token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindSubmatch(page.Body)
		if token == nil {
			t.Fatalf("no form: %s", page)
		}
		form := url.Values{"csrf": {string(token[1])}, "code": {carla.who.Phone.Code()}}.Encode()
		opened := 0
		for range 2 {
			answer := a.Client().Send(http.MethodPost, "/sign-in/second-step", strings.NewReader(form), h)
			for _, c := range (&http.Response{Header: answer.Header}).Cookies() {
				if c.Name == "doorstep" && c.Value != "" {
					opened++
				}
			}
		}
		if opened != 1 {
			t.Errorf("one code handed out a session %d times", opened)
		}
	})
}
