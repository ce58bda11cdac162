package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// person is somebody at a browser of their own: a browser context with its own
// cookies, and one tab. Its verbs are what people do; where one cannot be done,
// the test fails with a picture of the page.
type person struct {
	account
	words
	ctx   context.Context
	base  string
	watch *watch

	phone *authenticator
	codes []string // the recovery codes on paper that are not used yet

	status       int64 // of the last page
	noJavaScript bool
}

// how somebody looks at pages.
type how struct {
	language      string // "" is English
	noJavaScript  bool
	width, height int64 // 1280 × 900 when 0
	dark          bool
}

// arrives opens a browser for somebody.
func arrives(t *testing.T, on *program, who account, h how) *person {
	t.Helper()
	b, err := theBrowser()
	if err != nil {
		t.Fatal(err)
	}
	if h.language == "" {
		h.language = "en"
	}
	w := &watch{base: on.url}
	ctx, cancel := chromedp.NewContext(b, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.see))
	t.Cleanup(cancel)
	w.ctx = ctx
	t.Cleanup(func() { w.report(t) })        // before the browser closes
	if err := chromedp.Do(ctx); err != nil { // opens the tab, which lives as long as this call's context
		t.Fatal(err)
	}
	p := &person{account: who, words: words{t, h.language}, ctx: ctx, base: on.url, watch: w, noJavaScript: h.noJavaScript}
	p.looks(h)
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: h.noJavaScript})
	// Several windows are open, and each has somebody before it.
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	accept := map[string]string{"en": "en-US", "es": "es-MX,es;q=0.9", "pt-BR": "pt-BR,pt;q=0.9"}[h.language]
	call(p, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": accept}})
	return p
}

// looks sets window and theme.
func (p *person) looks(h how) {
	p.t.Helper()
	if h.width == 0 {
		h.width, h.height = 1280, 900
	}
	if h.height == 0 {
		h.height = 640
	}
	theme := "light"
	if h.dark {
		theme = "dark"
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	p.do(chromedp.EmulateViewport(h.width, h.height))
}

// do runs steps in the browser within the patience that one step has.
func (p *person) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.fail("%v", err)
	}
}

// get is do for what has an answer.
func get[T any](p *person, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, a)
	if err != nil {
		p.fail("%v", err)
	}
	return answer
}

// call is any command of the browser's protocol.
func call[P, R any](p *person, cmd cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		p.fail("%s: %v", cmd.Method, err)
	}
	return answer
}

// eval runs an expression in the page, which works with scripts off too.
func eval[T any](p *person, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression))
}

// fail ends the test and says what the person saw.
func (p *person) fail(format string, a ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](pageText))
	name := out(p.t, "failed-"+strings.NewReplacer("/", "-", " ", "_").Replace(p.t.Name())+".png")
	if picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		_ = os.WriteFile(name, picture, 0o600)
	}
	p.t.Fatalf("%s, at %s (%s): %s\nThe page says: %s", p.name, at, name, fmt.Sprintf(format, a...), text)
}

const pageText = `document.body ? document.body.innerText.replace(/\s+/g, " ").trim() : ""`

// opens types an address.
func (p *person) opens(path string) {
	p.t.Helper()
	p.arrivesBy(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		answer, err := cdp.Call(ctx, t, page.Navigate, page.NavigateParams{URL: p.base + path})
		if err == nil && answer.ErrorText != "" {
			err = errors.New(answer.ErrorText)
		}
		return err
	}))
}

// arrivesBy does what leads to another page and waits until it is there.
func (p *person) arrivesBy(step chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, step)
	if err != nil {
		p.fail("no page came: %v", err)
	}
	p.status = 0
	if answer != nil {
		p.status = answer.Status
	}
}

// reads is all that can be read on the page.
func (p *person) reads() string {
	p.t.Helper()
	return eval[string](p, pageText)
}

// sees waits until a text is on the page; open {names} in it stand for anything.
func (p *person) sees(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.waits(fmt.Sprintf("sees %q", text), func() bool { return p.canRead(pattern(text)) })
	}
}

func (p *person) canRead(what *regexp.Regexp) bool {
	// While one page gives way to the next there is nothing to ask.
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](pageText))
	return err == nil && what.MatchString(text)
}

// seesNot looks once: the page is there already.
func (p *person) seesNot(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if pattern(text).MatchString(p.reads()) {
			p.fail("the page says %q", text)
		}
	}
}

// waits looks again and again: no event says that a text has come.
func (p *person) waits(what string, true func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		if true() {
			return
		}
	}
	p.fail("waited %s in vain: %s", patience, what)
}

// isAt checks the path of the page.
func (p *person) isAt(path string) {
	p.t.Helper()
	if at := p.path(); at != path {
		p.fail("is not at %s", path)
	}
}

func (p *person) path() string {
	p.t.Helper()
	u, err := url.Parse(get(p, chromedp.Location()))
	if err != nil {
		p.fail("%v", err)
	}
	return u.Path
}

// got checks the status of the last page.
func (p *person) got(status int64) {
	p.t.Helper()
	if p.status != status {
		p.fail("the page's status is %d, not %d", p.status, status)
	}
}

// intoView scrolls to what a selector finds; nothing is ever clicked by one.
func (p *person) intoView(selector string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`document.querySelector(%q).scrollIntoView({block: "center", behavior: "instant"}); true`, selector))
}

// picture is what the window shows.
func (p *person) picture() []byte {
	p.t.Helper()
	return get(p, chromedp.CaptureScreenshot())
}

// keeps a picture of the whole page in a file.
func (p *person) keeps(file string) {
	p.t.Helper()
	yes := true
	picture := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &yes, OptimizeForSpeed: &yes})
	if err := os.WriteFile(file, picture.Data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// leaves waits until the open page goes to the sign-in page by itself. It listens
// from the moment it is called; what it returns waits.
func (p *person) leaves() (wait func() time.Time) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	navigated := chromedp.Events(ctx, page.FrameNavigated)
	return func() time.Time {
		p.t.Helper()
		defer cancel()
		for e, err := range navigated {
			if err != nil {
				break
			}
			if u, err := url.Parse(e.Frame.URL); err == nil && u.Path == "/sign-in" {
				return time.Now()
			}
		}
		p.fail("the open page did not leave")
		return time.Time{}
	}
}
