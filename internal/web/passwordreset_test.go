package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
)

// link is the path of the newest one-use link of a kind of letter.
func (w *world) link(kind core.LetterKind) (path string) {
	w.t.Helper()
	letters, err := w.core.ClaimLetters(w.t.Context(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range letters {
		if err := w.core.LetterSent(w.t.Context(), l.ID); err != nil {
			w.t.Fatal(err)
		}
		if l.Kind == kind {
			path = l.Link
		}
	}
	if path == "" {
		w.t.Fatalf("no letter %s", kind)
	}
	return path
}

// passwords is every state of the pages about passwords and addresses.
func (tr *tour) passwords() {
	w := tr.world(worldOptions{})
	b := tr.browser(w)
	tr.at("forgot", b.get("/forgot-password"))
	tr.at("forgot-empty", b.send("/forgot-password"))
	tr.at("forgot-invalid", b.send("/forgot-password", "email", "no address"))
	tr.at("forgot-sent", b.send("/forgot-password", "email", w.people["carla"].email))
	tr.at("reset", b.get(w.link(core.LetterPasswordLink)))
	const good = "twelve green umbrellas"
	tr.at("reset-empty", b.send("/set-password/again"))
	tr.at("reset-short", b.send("/set-password/again", "password", "short-one", "code", "12345"), "short-one", "12345")
	tr.at("reset-wrong", b.send("/set-password/again", "password", good, "code", "987654"), good, "987654")
	w.clock.pass(15 * time.Minute)
	tr.at("reset-old", b.send("/set-password/again", "password", good, "code", "987654"), good)
	b.get("/forgot-password")
	b.send("/forgot-password", "email", w.people["carla"].email)
	link := w.link(core.LetterPasswordLink)
	b.get(link)
	tr.at("reset-done", b.send("/set-password/again", "password", good, "code", w.people["carla"].codes[0]), good)
	tr.at("reset-gone", b.get(link))
	none := tr.browser(tr.world(worldOptions{noMail: true}))
	tr.at("forgot-no-mail", none.get("/forgot-password"))

	ana := tr.browser(w)
	ana.signIn("ana")
	tr.at("own-password", ana.get("/me/password"))
	tr.at("own-password-same", ana.send("/me/password", "password", testPassword), testPassword)
	tr.at("own-email", ana.get("/me/email"))
	tr.at("own-email-wrong", ana.send("/me/email", "email", "no address"))
	tr.at("own-email-sent", ana.send("/me/email", "email", "ana@example.org"))
	confirm := w.link(core.LetterEmailConfirm)
	tr.at("email-confirm", b.get(confirm))
	tr.at("email-confirmed", b.send("/email/confirm"))
	tr.at("email-gone", b.get(confirm))
	undo := w.link(core.LetterEmailChanged)
	tr.at("email-undo", b.get(undo))
	tr.at("email-undone", b.send("/email/undo"))
	tr.at("sign-in-undone", ana.get("/me"))
	w.clock.pass(30 * time.Second)
	b.send("/sign-in", "email", w.people["ana"].email, "password", testPassword)
	tr.at("new-password", b.send("/sign-in/second-step", "code", w.code(w.people["ana"])))
	tr.at("new-password-same", b.send(newPasswordPath, "password", testPassword), testPassword)
	tr.at("new-password-done", b.send(newPasswordPath, "password", good), good)
}

// Whoever has to choose a new password reaches that page, sign-out and help, by
// whatever address they come, and then the page that they wanted (R13).
func TestNewPasswordIsAStepOfSigningIn(t *testing.T) {
	w := newWorld(t)
	ana := w.browser()
	ana.signIn("ana")
	ana.get("/me/email")
	ana.send("/me/email", "email", "ana@example.org")
	b := w.browser()
	b.get(w.link(core.LetterEmailConfirm))
	b.send("/email/confirm")
	b.get(w.link(core.LetterEmailChanged))
	b.send("/email/undo")
	w.clock.pass(30 * time.Second)
	b.get("/sign-in?next=%2Fteam")
	b.send("/sign-in", "email", w.people["ana"].email, "password", testPassword)
	b.send("/sign-in/second-step", "code", w.code(w.people["ana"]))
	if b.page.at.Path != newPasswordPath {
		t.Fatalf("signing in leads to %s", b.page.at.Path)
	}
	for _, address := range []string{"/", "/me", "/me/two-step/activate", "/me/password", "/team", "/team/policy", "/me/confirm"} {
		if page := b.get(address); page.at.Path != newPasswordPath {
			t.Errorf("%s leads to %s, not to the new password", address, page.at.Path)
		}
	}
	if page := b.get("/sign-out"); page.status != http.StatusOK || page.at.Path != "/sign-out" {
		t.Errorf("signing out: %d at %s", page.status, page.at.Path)
	}
	b.get(newPasswordPath + "?next=%2Fteam")
	if page := b.send(newPasswordPath, "password", "twelve green umbrellas"); page.at.Path != "/team" || !strings.Contains(page.text(), w.says("pw.done")) {
		t.Errorf("afterwards: %d at %s", page.status, page.at.Path)
	}
}
