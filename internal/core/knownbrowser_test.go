package core

import (
	"fmt"
	"testing"
	"time"
)

const (
	firefoxOnLinux = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	newerFirefox   = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
	chromeOnPhone  = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)

func TestBrowserFamily(t *testing.T) {
	for device, want := range map[string]string{
		firefoxOnLinux: "firefox/linux",
		newerFirefox:   "firefox/linux",
		chromeOnPhone:  "chrome/android",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":                   "edge/windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7204.119 Mobile/15E148 Safari/604.1": "chrome/ios",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15":                           "safari/macos",
		"curl/8.14.1": "curl",
		"":            "",
	} {
		if got := browserFamily(device); got != want {
			t.Errorf("%q is %q, want %q", device, got, want)
		}
	}
}

// signInFrom signs in with both steps from a browser.
func (w *world) signInFrom(name, device string) *Session {
	w.t.Helper()
	w.clock.advance(30 * time.Second)
	from := Nobody(Origin{Via: ViaPage, Address: "192.0.2.8", Device: device})
	in, err := w.BeginSignIn(w.ctx(), from, w.cast[name].email, testPassword, "")
	w.ok(err)
	in, err = w.AcceptSecondStep(w.ctx(), from, in.Attempt, w.code(name), false)
	w.ok(err)
	return in.Session
}

// The first full sign-in from a browser that was not seen for 90 days is told.
//
// ASVS 6.3.5, NIST 5.3
func TestNewBrowserIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		told := func(want int, when string) {
			t.Helper()
			if n := w.letters("carla", LetterNewDevice); n != want {
				t.Errorf("%s: %d letters, want %d", when, n, want)
			}
		}
		w.signIn("carla")
		told(0, "from where she activated")
		w.signInFrom("carla", firefoxOnLinux)
		told(1, "from a new browser")
		w.signInFrom("carla", newerFirefox)
		told(1, "after its update")
		w.signInFrom("carla", chromeOnPhone)
		told(2, "from a phone")
		w.clock.advance(60 * day)
		w.signInFrom("carla", firefoxOnLinux)
		w.clock.advance(60 * day)
		w.signInFrom("carla", firefoxOnLinux)
		told(2, "60 days later, twice")
		w.signInFrom("carla", chromeOnPhone)
		told(3, "from the phone that was not seen for 120 days")

		// Half a sign-in is told to nobody, and makes no browser known.
		other := Nobody(Origin{Via: ViaPage, Address: "192.0.2.9", Device: "curl/8.1"})
		_, err := w.BeginSignIn(w.ctx(), other, w.cast["carla"].email, testPassword, "")
		w.ok(err)
		told(3, "after the password alone")
		if seen, err := w.browserSeen(w.read(w.ctx()), w.user("carla"), "curl/8.1"); err != nil || seen {
			t.Errorf("half a sign-in made a browser known: %v %v", seen, err)
		}
	})
}

func TestNewBrowserWithThePasswordAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, device := range []string{firefoxOnLinux, firefoxOnLinux, chromeOnPhone} {
			w.clock.advance(time.Hour)
			_, err := w.BeginSignIn(w.ctx(), Nobody(Origin{Via: ViaPage, Address: "192.0.2.8", Device: device}), w.cast["elena"].email, testPassword, "")
			w.ok(err)
			if n, want := w.letters("elena", LetterNewDevicePassword), i/2; n != want {
				t.Errorf("sign-in %d: %d letters, want %d: the very first is no news", i, n, want)
			}
		}
	})
}

func TestKnownBrowsersAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range browsersMost + 5 {
			w.signInFrom("carla", fmt.Sprintf("made-up-%d/1.0", i))
		}
		if n := w.count(`SELECT COUNT(*) FROM known_browsers WHERE user_id = $1`, w.cast["carla"].id); n != browsersMost {
			t.Errorf("%d browsers are kept, want %d", n, browsersMost)
		}
		w.clock.advance(91 * day)
		w.ok(w.Chores(w.ctx()))
		if n := w.count(`SELECT COUNT(*) FROM known_browsers`); n != 0 {
			t.Errorf("%d browsers are kept after 91 days", n)
		}
	})
}

func (w *world) user(name string) *userRow {
	w.t.Helper()
	u, err := oneUser(w.read(w.ctx()), `u.id = $1`, w.cast[name].id)
	w.ok(err)
	return u
}
