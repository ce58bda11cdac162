package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// gallery looks at pages in one language: with the accessibility engine, in both
// themes and at both widths. What it looked at is in out/.
type gallery struct {
	t        *testing.T
	language string
	names    []string
}

// views are how each page is looked at. What a page is made of depends on the
// width alone and its colors on the theme, so the whole set of rules runs on two
// of the four. Another language changes nothing of that but the length of words,
// which the narrow window minds most: the others get the whole set there.
var views = []struct {
	name  string
	how   how
	rules string
	every bool // in every language
}{
	{"1280-light", how{width: 1280, height: 900}, allRules, false},
	{"1280-dark", how{width: 1280, height: 900, dark: true}, viewRules, false},
	{"320-light", how{width: 320, height: 640}, viewRules, false},
	{"320-dark", how{width: 320, height: 640, dark: true}, allRules, true},
}

const (
	allRules  = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
	viewRules = `{type: "rule", values: ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]}`
)

// axe is the accessibility engine; need(t, axeTool) has seen to it.
func axe(t *testing.T) string {
	t.Helper()
	text, err := readAxe()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var readAxe = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(axeFile)
	return string(text), err
})

// look checks the page that somebody has before them.
func (g *gallery) look(p *person, name string) {
	p.t.Helper()
	if slices.Contains(g.names, name) {
		p.t.Fatalf("two pages are called %q", name)
	}
	g.names = append(g.names, name)
	// Injected over the browser's protocol, so the page's own policy stays on.
	eval[bool](p, axe(p.t)+`; true`)
	for _, fault := range eval[[]string](p, `(`+manners+`)(`+strconv.Quote(p.say("err.prefix"))+`)`) {
		p.t.Errorf("%s-%s: %s", name, g.language, fault)
	}
	qr := eval[bool](p, `!!document.querySelector(".qr")`)
	for _, v := range views {
		if !v.every && g.language != "en" {
			continue
		}
		p.looks(v.how)
		file := name + "-" + g.language + "-" + v.name
		if v.rules == allRules {
			p.keeps(out(p.t, file+".png"))
		}
		if size := eval[[2]int](p, widths); size[0] > size[1] {
			p.t.Errorf("%s scrolls sideways: it is %d pixels wide in a window of %d", file, size[0], size[1])
		}
		for _, v := range p.violations(v.rules) {
			p.t.Errorf("%s: %s", file, v)
		}
		if qr {
			if uri := p.scans(); p.phone != nil && uri != p.phone.uri {
				p.t.Errorf("%s: the QR code holds %q", file, uri)
			}
		}
	}
	p.looks(how{})
	// Text at 200 % (WCAG 1.4.4), as somebody sets it in the browser.
	p.letters(32)
	if size := eval[[2]int](p, widths); size[0] > size[1] {
		p.t.Errorf("%s-%s with text at 200 %% scrolls sideways: it is %d pixels wide in a window of %d", name, g.language, size[0], size[1])
	}
	p.letters(16)
	if lang := eval[string](p, `document.documentElement.lang`); lang != g.language {
		p.t.Errorf("%s is in %q, not in %q", name, lang, g.language)
	}
}

// manners are what every page of ours does and no engine knows: the problem, else
// the news, has the focus; its links lead somewhere; there is one heading; what is
// pressed is 44 pixels high (WCAG 2.5.8 asks for 24); what is typed in is 16 pixels
// or more, or phones zoom in.
const manners = `prefix => {
	const faults = []
	const name = e => e.outerHTML.slice(0, 100)
	const summary = document.querySelector(".error-summary")
	const first = summary || document.querySelector(".banner[data-focus]")
	if (first && document.activeElement != first) faults.push("the focus is on " + name(document.activeElement) + " and not on " + name(first))
	if (summary && !document.title.startsWith(prefix)) faults.push("the title of a page with a problem is " + document.title)
	for (const a of summary ? summary.querySelectorAll("a") : []) {
		if (!document.getElementById(a.hash.slice(1))) faults.push("a problem leads nowhere: " + name(a))
	}
	if (document.querySelectorAll("h1").length != 1) faults.push("there is not one h1")
	for (const e of document.querySelectorAll("button, .button, select, input:not([type=checkbox], [type=radio], [type=hidden], .hide)")) {
		if (!e.checkVisibility()) continue
		if (e.getBoundingClientRect().height < 44) faults.push("less than 44 pixels high: " + name(e))
		if (e.matches("input, select") && parseFloat(getComputedStyle(e).fontSize) < 16) faults.push("smaller than 16 pixels: " + name(e))
	}
	return faults
}`

// letters sets the size of text in the browser's settings.
func (p *person) letters(size int64) {
	p.t.Helper()
	call(p, page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: size, Fixed: size * 13 / 16}})
}

// widths are the page's and the window's; the accessibility engine does not see
// a page that scrolls sideways.
const widths = `[document.documentElement.scrollWidth, innerWidth]`

// violations are what the accessibility engine finds, one line each.
func (p *person) violations(rules string) []string {
	p.t.Helper()
	found := get(p, chromedp.Evaluate[string](`axe.run(document, {runOnly: `+rules+`, resultTypes: ["violations"]}).then(found =>
		JSON.stringify(found.violations.map(v => v.id + " (" + v.help + "): " + v.nodes.map(n => n.html.slice(0, 160) + " " + n.any.map(a => a.message).join(" ").slice(0, 200)).join(" | "))))`,
		chromedp.EvalAwaitPromise))
	var list []string
	if err := json.Unmarshal([]byte(found), &list); err != nil {
		p.fail("%v", err)
	}
	return list
}

// cold is somebody whose browser has nothing of ours yet: what a page costs them.
func (p *person) cold() (files []weight, total float64) {
	p.t.Helper()
	call(p, network.ClearBrowserCache, struct{}{})
	p.arrivesBy(chromedp.Reload())
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	for _, x := range p.watch.loaded {
		total += x.Size
	}
	return slices.Clone(p.watch.loaded), total
}

// weighs prints what a page costs, and holds it to a budget in KiB where it has one.
func (p *person) weighs(name string, budget float64) {
	p.t.Helper()
	files, total := p.cold()
	var parts []string
	for _, f := range files {
		file, _, _ := strings.Cut(strings.TrimPrefix(f.URL, p.base), "?")
		parts = append(parts, fmt.Sprintf("%s %.1f", file, f.Size/1024))
	}
	p.t.Logf("%s: %.1f KiB on the wire, %d requests (%s)", name, total/1024, len(files), strings.Join(parts, ", "))
	if budget > 0 && total > budget*1024 {
		p.t.Errorf("%s weighs %.1f KiB, more than its budget of %.0f", name, total/1024, budget)
	}
}
