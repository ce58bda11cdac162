package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// gallery looks at pages in one language: as they are, at both widths, with the text
// spacing of WCAG 1.4.12 and with text twice as large; and in both themes with the
// accessibility engine. The engine judges what a page is made of and its colors, so
// each language takes another window and theme, and of two states that differ in words
// alone it sees one. LOOK=folder keeps every picture.
type gallery struct {
	t        *testing.T
	language string
	names    []string
	judged   map[string]bool // shapes that the accessibility engine has seen
	// skims leaves the engine out: a walk through the program meets pages that
	// TestEveryState has judged.
	skims  bool
	always bool   // both windows in this language: pages that are looked at in one
	load   string // brings the engine into the page; "" injects it
}

// wide is a desktop; narrow is 1280 × 1024 at 400 % (WCAG 1.4.10).
var (
	wide   = how{width: 1280, height: 900}
	narrow = how{width: 320, height: 256}
)

const allRules = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`

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
	odd := len(g.names)%2 == 1
	// The engine judges English by day on a desktop, Spanish by night on a phone, and
	// Portuguese in the other two by turns.
	wideDark, narrowDark, judgesWide, judgesNarrow := false, true, g.language == "en", g.language == "es"
	if g.language == "pt-BR" {
		wideDark, narrowDark = odd, false
		judgesWide, judgesNarrow = odd, !odd
	}
	if g.always {
		judgesWide, judgesNarrow = true, true
	}
	w, n := wide, narrow
	w.dark, n.dark = wideDark, narrowDark
	g.view(p, name, w, judgesWide)
	// Text at 200 %, as somebody sets it in the browser (WCAG 1.4.4).
	p.letters(32)
	for _, fault := range eval[[]string](p, `(`+whole+`)(document)`) {
		p.t.Errorf("%s-%s with text at 200 %%: %s", name, g.language, fault)
	}
	p.letters(16)
	g.view(p, name, n, judgesNarrow)
	p.looks(how{})
}

func (g *gallery) view(p *person, name string, window how, judges bool) {
	p.t.Helper()
	p.looks(window)
	at := fmt.Sprintf("%s-%s-%d-%s", name, g.language, window.width, map[bool]string{false: "light", true: "dark"}[window.dark])
	found := p.inspects()
	for _, fault := range found.Faults {
		p.t.Errorf("%s: %s", at, fault)
	}
	if found.Language != g.language {
		p.t.Errorf("%s is in %q", at, found.Language)
	}
	if folder := os.Getenv("LOOK"); folder != "" {
		p.keeps(filepath.Join(folder, at+".png"))
	}
	shape := fmt.Sprint(window, found.Shape)
	if g.skims || !judges || g.judged[shape] {
		return
	}
	if g.judged == nil {
		g.judged = map[string]bool{}
	}
	g.judged[shape] = true
	if g.load == "" {
		// Injected over the browser's protocol, so the page's own policy stays on.
		eval[bool](p, axe(p.t)+`; true`)
	} else {
		get(p, chromedp.Evaluate[bool](g.load, chromedp.EvalAwaitPromise))
	}
	for _, fault := range p.violations(allRules, "document") {
		p.t.Errorf("%s: %s", at, fault)
	}
	// The first menu of the page, open, and what warns of an idle sign-out.
	if !eval[bool](p, reveal) {
		return
	}
	for _, fault := range append(p.violations(allRules, `{include: [[".menu"], [".banner"]]}`), eval[[]string](p, `(`+whole+`)(document)`)...) {
		p.t.Errorf("%s with its menu: %s", at, fault)
	}
	eval[bool](p, conceal)
}

// inspects the page. The module sets the focus with the first frame, so a page that
// has none yet is looked at again.
func (p *person) inspects() (found inspected) {
	p.t.Helper()
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		found = eval[inspected](p, `(`+inspect+`)(`+strconv.Quote(p.say("err.prefix"))+`)`)
		early := slices.ContainsFunc(found.Faults, func(f string) bool { return strings.HasPrefix(f, noFocus) })
		if !early || time.Now().After(end) {
			return found
		}
	}
}

const noFocus = "the focus is on "

// manners are what every page of ours does and no engine knows: the problem, else
// the news, has the focus; its links lead somewhere; there is one heading; what is
// pressed is 44 pixels high (WCAG 2.5.8 asks for 24); what is typed in is 16 pixels
// or more, or phones zoom in.
const manners = `prefix => {
	const faults = []
	const name = e => e.outerHTML.slice(0, 100)
	const summary = document.querySelector(".error-summary")
	const first = summary || document.querySelector(".banner[data-focus]")
	if (first && document.activeElement != first) faults.push("` + noFocus + `" + name(document.activeElement) + " and not on " + name(first))
	if (summary && !document.title.startsWith(prefix)) faults.push("the title of a page with a problem is " + document.title)
	for (const a of summary ? summary.querySelectorAll("a") : []) {
		if (!document.getElementById(a.hash.slice(1))) faults.push("a problem leads nowhere: " + name(a))
	}
	if (document.querySelectorAll("h1").length != 1) faults.push("there is not one h1")
	for (const e of document.querySelectorAll("button, .button, select, input:not([type=checkbox], [type=radio], [type=hidden], .hide), .nav a, .menu [popover] a")) {
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

// violations are what the accessibility engine finds, one line each.
func (p *person) violations(rules, within string) []string {
	p.t.Helper()
	found := get(p, chromedp.Evaluate[string](`axe.run(`+within+`, {runOnly: `+rules+`, resultTypes: ["violations"], elementRef: false, iframes: false, preload: false}).then(found =>
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
