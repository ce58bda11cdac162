package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTheChecksSee: a check that never fails proves nothing. This is a page with
// one fault of each kind.
func TestTheChecksSee(t *testing.T) {
	need(t, axeTool)
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src *")
		switch r.URL.Path {
		case "/bad.css":
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, `.cut { width: 3rem; overflow: hidden; white-space: nowrap } .box { width: 3rem; border: 1px solid; white-space: nowrap }
				.over { position: absolute; inset-block-start: 400px } .tight { height: 1.2em; border: 1px solid; line-height: 1.2 } button { height: 20px }`)
		case "/bad.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `console.log("a word"); throw new Error("a mistake")`)
		default:
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Bad</title><link rel="stylesheet" href="/bad.css"><script src="/bad.js"></script><script>1</script>
				<main><h1>Bad</h1><img src="%s/x.png"><pre>%s</pre>
				<p class="cut">this is cut off</p><p class="box">this leaves its box</p><p class="over">one thing</p><p class="over">on another</p>
				<p class="tight">enough for one line, not wider spacing</p><button type="button">small</button>
				<div class="error-summary" tabindex="-1">What is wrong</div></main>`, other.URL, strings.Repeat("wide ", 100))
		}
	}))
	defer bad.Close()
	p := arrives(t, &program{url: bad.URL}, account{name: "somebody"}, how{width: 320})
	p.opens("/")
	seen := strings.Join(p.inspects().Faults, "\n")
	for _, want := range []string{
		"the page scrolls sideways", "text leaves the window", "text is cut off by <p class=\"cut\"", "text leaves its box <p class=\"box\"", "text lies over text",
		"with wider text spacing: text leaves its box <p class=\"tight\"", "less than 44 pixels high: <button", "the focus is on", "the title of a page with a problem",
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q was not seen among\n%s", want, seen)
		}
	}
	eval[bool](p, axe(t)+`; true`)
	if found := strings.Join(p.violations(allRules, "document"), "\n"); !strings.Contains(found, "image-alt") {
		t.Errorf("a picture without words was not seen: %s", found)
	}
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	found := strings.Join(p.watch.faults, "\n")
	for _, want := range []string{`console: log "a word"`, "a mistake", "Content Security Policy", "request to another host", "x.png"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q was not seen among\n%s", want, found)
		}
	}
	p.watch.faults = nil
}
