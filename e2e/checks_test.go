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
		case "/bad.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `console.log("a word"); throw new Error("a mistake")`)
		default:
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Bad</title><script src="/bad.js"></script><script>1</script>
				<main><h1>Bad</h1><img src="%s/x.png"><pre>%s</pre></main>`, other.URL, strings.Repeat("wide ", 100))
		}
	}))
	defer bad.Close()
	p := arrives(t, &program{url: bad.URL}, account{name: "somebody"}, how{width: 320})
	p.opens("/")
	if size := eval[[2]int](p, widths); size[0] <= size[1] {
		t.Error("a page that scrolls sideways was not seen")
	}
	eval[bool](p, axe(t)+`; true`)
	if found := strings.Join(p.violations(allRules), "\n"); !strings.Contains(found, "image-alt") {
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
