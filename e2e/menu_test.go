package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestMenuKeys: the three dots are the menu button of the ARIA Authoring
// Practices. (That the same menu opens without JavaScript is part of J4.)
func TestMenuKeys(t *testing.T) {
	need(t)
	t.Parallel()
	x := newTeam(t)
	ana := arrives(t, x.program, x.add(t, "Ana Duarte", "owner"), how{})
	carla := x.add(t, "Carla Méndez", "member")
	ana.signsIn()
	ana.activates()
	ana.clicks(ana.say("nav.team"))

	button := ana.say("team.actions", args{"name": carla.name})
	id := ana.findSoon(button, "button")
	if size := on[[2]float64](ana, id, `function() { const b = this.getBoundingClientRect(); return [b.width, b.height] }`); size[0] < 44 || size[1] < 44 {
		t.Errorf("the three dots are %v pixels, not 44 × 44", size)
	}
	view, role, restart, remove := ana.say("team.view"), ana.say("team.role"), ana.say("re.item"), ana.say("team.remove")
	focus := func() { on[any](ana, id, `function() { this.focus() }`) }
	is := func(what, focused string, open bool) {
		t.Helper()
		expanded := map[bool]string{true: "true", false: "false"}[open]
		ana.waits(fmt.Sprintf("after %s the focus is on %q, and the menu is open: %v", what, focused, open), func() bool {
			return pattern(focused).MatchString(ana.focused()) &&
				on[string](ana, id, `function() { return this.getAttribute("aria-expanded") }`) == expanded &&
				eval[bool](ana, `document.querySelectorAll(":popover-open").length == 1`) == open
		})
	}

	for _, o := range []struct{ what, keys, focused string }{
		{"Enter", kb.Enter, view}, {"Space", " ", view}, {"↓", kb.ArrowDown, view}, {"↑", kb.ArrowUp, remove},
	} {
		focus()
		ana.keys(o.keys)
		is(o.what, o.focused, true)
		ana.keys(kb.Escape)
		is(o.what+", Esc", button, false)
	}

	ana.keys(kb.ArrowDown)
	for _, k := range []struct{ what, keys, focused string }{
		{"↓", kb.ArrowDown, role},
		{"↑", kb.ArrowUp, view},
		{"↑ at the beginning", kb.ArrowUp, remove},
		{"↓ at the end", kb.ArrowDown, view},
		{"End", kb.End, remove},
		{"Home", kb.Home, view},
		{"r", "r", restart},
		{"v", "v", view},
	} {
		ana.keys(k.keys)
		is(k.what, k.focused, true)
	}
	ana.keys(kb.Tab)
	if eval[bool](ana, `!!document.querySelector(":popover-open")`) {
		t.Error("Tab leaves the menu open")
	}

	// With the mouse: open, and away with a click beside it.
	ana.presses(button)
	is("a click", view, true)
	ana.do(chromedp.MouseClickXY(640, 20))
	if eval[bool](ana, `!!document.querySelector(":popover-open")`) {
		t.Error("a click beside the menu leaves it open")
	}
	// What is not possible stays and says why.
	ana.presses(ana.say("team.actions", args{"name": ana.name}))
	ana.sees(ana.say("no.self"))
	ana.waits("the focus comes into one's own menu", func() bool { return pattern(view).MatchString(ana.focused()) })
	ana.keys(kb.End)
	ana.keys(kb.Enter)
	ana.isAt("/team")
	ana.keys(kb.Escape)

	// With a key all the way.
	focus()
	ana.keys(kb.Enter)
	ana.arrivesBy(chromedp.KeyEvent(kb.Enter))
	ana.isAt("/team/users/" + carla.id)
}

// TestCopyAndShow: what the one script adds to the codes page and to passwords.
//
// ASVS 6.2.6, ASVS 6.2.7
func TestCopyAndShow(t *testing.T) {
	need(t)
	t.Parallel()
	x := newTeam(t)
	ana := arrives(t, x.program, x.add(t, "Ana Duarte", "owner"), how{})
	ana.opens("/sign-in")
	ana.fills(ana.say("signin.email"), ana.email)
	ana.fills(ana.say("signin.password"), ana.password)
	field := ana.findSoon(ana.say("signin.password"), typeable...)
	kind := func() string { return on[string](ana, field, `function() { return this.type }`) }
	ana.presses(ana.say("common.show"))
	if kind() != "text" {
		t.Error("Show password shows nothing")
	}
	ana.presses(ana.say("common.hide"))
	if kind() != "password" {
		t.Error("Hide password hides nothing")
	}
	ana.presses(ana.say("common.show"))
	ana.clicks(ana.say("common.continue"))

	ana.confirms()
	// Chromium asks about the clipboard where there is nobody to ask.
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		if _, err := chromedp.CallBrowser(ana.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
			BrowserContextID: chromedp.FromContext(ana.ctx).BrowserContextID,
		}); err != nil {
			t.Fatal(err)
		}
	}
	ana.presses(ana.say("codes.copy"))
	ana.sees(ana.say("codes.copied", args{"n": 10}))
	copied := get(ana, chromedp.Evaluate[string](`navigator.clipboard.readText()`, chromedp.EvalAwaitPromise))
	for _, code := range ana.codes {
		if !pattern(code).MatchString(copied) {
			t.Errorf("a code was not copied")
		}
	}
	// Copied codes are somewhere else: leaving asks no more.
	ana.opens("/me/two-step/activate")
	if asked := ana.watch.asked(); len(asked) > 0 {
		t.Error("leaving asks although the codes were copied")
	}
}
