package web

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
)

// giveUp has everything in the queue refused until it is given up.
func (w *world) giveUp() {
	w.t.Helper()
	for range 3 {
		letters, err := w.core.ClaimLetters(context.Background(), 100)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, l := range letters {
			if _, err := w.core.LetterFailed(context.Background(), l, core.LetterRefused, "550 no such mailbox <b>"); err != nil {
				w.t.Fatal(err)
			}
		}
		w.clock.pass(30 * time.Minute)
	}
}

// linkTo is the path of the newest one-use link that waits to be sent to an address.
func (w *world) linkTo(address string) (path string) {
	w.t.Helper()
	letters, err := w.core.ClaimLetters(context.Background(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range letters {
		if l.Recipient == address && l.Link != "" {
			path = l.Link
		}
	}
	if path == "" {
		w.t.Fatalf("no link was sent to %s", address)
	}
	return path
}

func (tr *tour) letters() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	b.signIn("ana")
	tr.at("letters-none", b.get(lettersPath))
	b.get(notifyPath)
	tr.at("second-address-asked", b.send(notifyPath, "email", "ana@home.example"))
	w.giveUp()
	b.signIn("ana")
	tr.at("team-letters", b.get("/team"))
	tr.at("letters", b.get(lettersPath))
	tr.at("letters-all-resent", b.send(lettersPath+"/resend-all"))
	w.giveUp()
	b.signIn("ana")
	b.get(lettersPath)
	old := b.page
	tr.at("letters-resent", b.send(lettersPath+"/resend"))
	b.page = old
	tr.at("letters-resent-twice", b.send(lettersPath+"/resend"))
	w.clock.pass(25 * time.Hour)
	if err := w.core.Chores(context.Background()); err != nil {
		tr.t.Fatal(err)
	}
	b.signIn("ana")
	tr.at("letters-link-over", b.get(lettersPath))
	c := tr.browser(w)
	c.signIn("bruno")
	tr.at("letters-admin", c.get(lettersPath))
}

func (tr *tour) notifyAddress() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	b.signIn("carla")
	tr.at("second-address", b.get(notifyPath))
	tr.at("second-address-invalid", b.send(notifyPath, "email", "nonsense"))
	tr.at("second-address-own", b.send(notifyPath, "email", "CARLA@example.com"))
	b.send(notifyPath, "email", "carla@home.example")
	tr.at("second-address-waiting", b.get(notifyPath))
	link := w.linkTo("carla@home.example")
	m := tr.browser(w)
	tr.at("second-address-form", m.get(link))
	tr.at("second-address-agreed", m.send("/notification-address/form"))
	tr.at("second-address-gone", tr.browser(w).get(link))
	tr.at("second-address-verified", b.get(notifyPath))
	tr.at("me-second-address", b.get("/me"))
	tr.at("second-address-same", b.send2(notifyPath, "email", "carla@home.example"))
	w.clock.pass(11 * time.Minute)
	b.get(notifyPath)
	tr.at("confirm-second-address", b.send(notifyPath, "email", "carla@work.example"))
	tr.at("second-address-again", b.send("/me/confirm", "password", testPassword, "code", w.code(w.people["carla"])), testPassword)
	tr.at("second-address-removed", b.send(notifyPath+"/remove"))
	for range 5 {
		b.post(notifyPath, formOf(b, "email", "x@other.example"))
	}
	tr.at("second-address-too-many", b.post(notifyPath, formOf(b, "email", "y@other.example")))
}

// send2 opens the page first.
func (b *browser) send2(path string, fields ...string) *answer {
	b.get(path)
	return b.send(path, fields...)
}

// What a letter says and its link are nobody's but its addressee's, and what a mail
// server answers is shown as text.
func TestAnOwnerSeesThatAndNotWhat(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	b.get(notifyPath)
	b.send(notifyPath, "email", "ana@home.example")
	w.giveUp()
	b.signIn("ana")
	page := b.get(lettersPath)
	if !strings.Contains(page.text(), "ana@home.example") || !strings.Contains(page.text(), "550 no such mailbox <b>") {
		t.Errorf("%s", page.text())
	}
	for _, secret := range []string{"/notification-address/", "Mozilla", "gave this address as a second one"} {
		if strings.Contains(page.body, secret) {
			t.Errorf("an owner reads %q", secret)
		}
	}
}

// T-RESET-6: the token leaves the address at once, and is in no answer. Opening the
// link, as mail scanners do, changes nothing.
//
// ASVS 14.2.1, T-RESET-6, R9
func TestTheLinkOfASecondAddress(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("carla")
	b.get(notifyPath)
	b.send(notifyPath, "email", "carla@home.example")
	link := w.linkTo("carla@home.example")
	token := link[strings.LastIndex(link, "/")+1:]
	for range 3 {
		page := w.browser().get(link)
		if page.status != 200 || page.at.Path != "/notification-address/form" || strings.Contains(page.body, token) || page.header.Get("Referrer-Policy") != "same-origin" || page.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s %v", page.status, page.at, page.header)
		}
	}
	b.get(notifyPath)
	if !strings.Contains(b.page.text(), "A link was sent to carla@home.example") {
		t.Errorf("opening it changed something: %s", b.page.text())
	}
	m := w.browser()
	m.get(link)
	if page := m.post("/notification-address/form", url.Values{}); page.status != 403 {
		t.Errorf("a form without its token: %d", page.status)
	}
	m.get("/notification-address/form")
	if page := m.send("/notification-address/form"); page.status != 200 || page.at.Path != "/sign-in" {
		t.Errorf("%d %s", page.status, page.at)
	}
	if page := w.browser().get(link); page.status != 410 {
		t.Errorf("used twice: %d", page.status)
	}
}
