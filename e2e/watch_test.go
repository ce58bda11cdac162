package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watch sees all that a person's tab does besides showing pages: a word on the
// console, a violation of the content security policy, a request to another host
// are faults on any page.
type watch struct {
	base    string
	onlooks bool   // nobody touches a page, and some are of a server in trouble
	also    string // an app beside ours to which the person goes too, or ""
	ctx     context.Context

	mu      sync.Mutex
	faults  []string
	dialogs []string // what asked before leaving
	pages   map[string]bool
	weights map[network.RequestID]*weight
	loaded  []weight // since the last page
}

// weight is what one file cost on the wire.
type weight struct {
	URL  string
	Kind network.ResourceType
	Size float64 // compressed, with headers
}

// see runs inside the browser driver's loop: it must be quick.
func (w *watch) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		w.faults = append(w.faults, fmt.Sprintf("console: %v %s", e.Type, said(e.Args)))
	case *runtime.EventExceptionThrown:
		w.faults = append(w.faults, "exception: "+e.ExceptionDetails.Text+" "+described(e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		w.entry(e.Entry)
	case *network.EventRequestWillBeSent:
		w.request(e)
	case *network.EventResponseReceived:
		if x := w.weights[e.RequestID]; x != nil {
			x.Kind = e.Type
		}
	case *network.EventLoadingFinished:
		if x := w.weights[e.RequestID]; x != nil {
			x.Size = e.EncodedDataLength
			w.loaded = append(w.loaded, *x)
		}
	case *page.EventJavascriptDialogOpening:
		w.dialogs = append(w.dialogs, string(e.Type))
		// Everything in the tab waits for the answer: leave.
		go func() {
			ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
			defer cancel()
			_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
}

// entry is a line of the browser's own. That a page of ours answered 4xx is no
// fault: it is how a form is refused. That a picture, a style or a script did is.
func (w *watch) entry(e *log.Entry) {
	const answered = "Failed to load resource: the server responded with a status of "
	if e.Source == "network" && w.pages[e.URL] && (strings.HasPrefix(e.Text, answered+"4") || w.onlooks && strings.HasPrefix(e.Text, answered+"5")) {
		return
	}
	if w.onlooks && strings.HasPrefix(e.Text, "Blocked attempt to show a 'beforeunload' confirmation panel for a frame that never had a user gesture") {
		return
	}
	w.faults = append(w.faults, fmt.Sprintf("browser log: %s %s: %s (%s)", e.Source, e.Level, e.Text, e.URL))
}

func (w *watch) request(e *network.EventRequestWillBeSent) {
	if w.pages == nil {
		w.pages, w.weights = map[string]bool{}, map[network.RequestID]*weight{}
	}
	url := e.Request.URL
	if e.Type == network.ResourceTypeDocument {
		w.pages[url] = true
		if e.RedirectResponse == nil {
			w.loaded = nil
		}
	}
	w.weights[e.RequestID] = &weight{URL: url, Kind: e.Type}
	own := strings.HasPrefix(url, w.base+"/") || w.also != "" && strings.HasPrefix(url, w.also+"/") || strings.HasPrefix(url, "data:") || url == "about:blank"
	if !own {
		w.faults = append(w.faults, "request to another host: "+url)
	}
}

// asked says what asked before leaving, and forgets it.
func (w *watch) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.dialogs
	w.dialogs = nil
	return d
}

func (w *watch) report(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		t.Errorf("a page was not silent: %s", f)
	}
	for _, d := range w.dialogs {
		t.Errorf("an unexpected dialog: %s", d)
	}
}

func said(args []*runtime.RemoteObject) string {
	var all []string
	for _, a := range args {
		all = append(all, described(a))
	}
	return strings.Join(all, " ")
}

func described(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	if o.Description != "" {
		return o.Description
	}
	return string(o.Value)
}
