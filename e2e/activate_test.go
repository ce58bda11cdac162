package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// TestJ1Activate: sign in → User information → 2-step authentication → Activate.
func TestJ1Activate(t *testing.T) {
	need(t)
	t.Run("with JavaScript", func(t *testing.T) { t.Parallel(); journey1(t, how{}) })
	t.Run("without JavaScript", func(t *testing.T) { t.Parallel(); journey1(t, how{noJavaScript: true}) })
}

func journey1(t *testing.T, h how) {
	x := newTeam(t)
	x.add(t, "Ana Duarte", "owner")
	who := x.add(t, "Carla Méndez", "member")
	carla := arrives(t, x.program, who, h)
	elsewhere := arrives(t, x.program, who, h)
	elsewhere.signsIn()

	carla.opens("/")
	carla.isAt("/sign-in")
	carla.signsIn()
	carla.isAt("/")
	carla.goesToActivation()

	// A wrong code keeps the same key and the same QR code.
	uri := carla.scans()
	carla.phone = newAuthenticator(t, uri)
	carla.fills(carla.say("act.code"), carla.phone.wrong(t))
	carla.clicks(carla.say("common.continue"))
	carla.got(422)
	carla.sees(carla.say("act.wrong"))
	if again := carla.scans(); again != uri {
		t.Errorf("after a wrong code the QR code holds %q, before it %q", again, uri)
	}
	if !h.noJavaScript {
		carla.presses(carla.say("act.key"))
	}

	carla.confirms()
	if carla.phone.uri != uri {
		t.Errorf("the QR code changed before it was confirmed")
	}
	codes := carla.codes

	// Nothing is on yet. Leaving asks once, while the codes are nowhere else; a
	// reload shows the same ones; without the box there is no end.
	carla.opens("/me/two-step/activate")
	if asked := carla.watch.asked(); h.noJavaScript != (len(asked) == 0) {
		t.Errorf("leaving the unsaved codes asked %d times", len(asked))
	}
	if again := carla.codesOnPage(); strings.Join(again, " ") != strings.Join(codes, " ") {
		t.Errorf("a reload shows other codes")
	}
	carla.clicks(carla.say("common.finish"))
	carla.got(422)
	carla.sees(carla.say("codes.ackmissing"))
	if again := carla.codesOnPage(); strings.Join(again, " ") != strings.Join(codes, " ") {
		t.Errorf("a refused Finish shows other codes")
	}
	elsewhere.opens("/me")
	elsewhere.isAt("/me")

	carla.downloads(codes)

	left := elsewhere.leaves()
	carla.presses(carla.say("codes.ack"))
	carla.clicks(carla.say("common.finish"))
	carla.isAt("/")
	carla.sees(carla.say("act.done"))
	if h.noJavaScript {
		elsewhere.opens("/me")
	} else {
		left()
	}
	elsewhere.isAt("/sign-in")
	elsewhere.sees(elsewhere.say("ended.activated"))

	// The codes are gone, whatever way leads back.
	carla.goesBack()
	carla.noCodesHere(codes)
	for _, path := range []string{"/me/two-step/activate", "/me/two-step", "/me/two-step/recovery-codes"} {
		carla.opens(path)
		carla.noCodesHere(codes)
	}
	carla.opens("/me/two-step")
	carla.sees(carla.say("two.codes", args{"n": 10, "m": 10}))
}

// oneDownload: the browser tells everybody of every download, whoever's it is.
var oneDownload sync.Mutex

// downloads the codes as text and reads the file.
func (p *person) downloads(codes []string) {
	p.t.Helper()
	oneDownload.Lock()
	defer oneDownload.Unlock()
	folder := p.t.TempDir()
	yes := true
	if _, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder, EventsEnabled: &yes,
		BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	}); err != nil {
		p.fail("%v", err)
	}
	began := chromedp.BrowserEvents(p.ctx, browser.DownloadWillBegin)
	progress := chromedp.BrowserEvents(p.ctx, browser.DownloadProgress)
	p.presses(p.say("codes.download"))
	var name, id string
	for e, err := range began {
		if err != nil {
			p.fail("nothing is downloaded: %v", err)
		}
		name, id = e.SuggestedFilename, e.GUID
		break
	}
	for e, err := range progress {
		if err != nil {
			p.fail("the download: %v", err)
		}
		if e.GUID == id && e.State != browser.DownloadProgressStateInProgress {
			break
		}
	}
	if !strings.HasSuffix(name, ".txt") {
		p.t.Errorf("the file is called %q", name)
	}
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		p.fail("the downloaded file: %v", err)
	}
	for _, want := range append([]string{p.email}, codes...) {
		if !strings.Contains(string(text), want) {
			p.t.Errorf("the downloaded file lacks %q", want)
		}
	}
}

// goesBack with the browser's button. A page that was the answer to a form is not
// kept, so the browser may show one of its own that says so.
func (p *person) goesBack() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.NavigateBack()); err != nil && !strings.Contains(err.Error(), "ERR_CACHE_MISS") {
		p.fail("%v", err)
	}
}

func (p *person) noCodesHere(codes []string) {
	p.t.Helper()
	html := eval[string](p, `document.documentElement.outerHTML`)
	for _, code := range codes {
		if strings.Contains(html, code) {
			p.fail("a recovery code is still in the page")
		}
	}
}
