package web

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"
)

// What a page may cost whoever comes with nothing in the cache: bytes on the wire of
// the page and all that it loads, and how many requests that takes. The first is
// about what a server sends before it hears from the browser again.
type budget struct{ all, page, requests int }

var (
	budgetOfSignIn = budget{all: 14 << 10, page: 3 << 10, requests: 5}
	budgetOfPages  = budget{all: 25 << 10, page: 12 << 10, requests: 6}
)

// withinBudget is asked of every page in every state and language.
func withinBudget(t *testing.T, s stop) {
	t.Helper()
	bytes, requests := s.page.wire, 1
	for _, address := range loads(s.page) {
		bytes, requests = bytes+assetOnWire(t, address), requests+1
	}
	most := budgetOfPages
	if path := s.page.at.Path; path == "/sign-in" || path == "/sign-in/second-step" {
		most = budgetOfSignIn
	}
	if bytes > most.all || s.page.wire > most.page || requests > most.requests {
		t.Errorf("%d bytes, %d of the page itself, in %d requests; allowed are %+v", bytes, s.page.wire, requests, most)
	}
	if os.Getenv("BUDGETS") != "" {
		fmt.Printf("%6d bytes, %5d of the page (%5d plain), %d requests: %s\n", bytes, s.page.wire, len(s.page.body), requests, s.name)
	}
}

// loads are the addresses that a browser asks for to show a page.
func loads(a *answer) (addresses []string) {
	each(a.doc, func(n *html.Node) {
		switch n.Data {
		case "link":
			if rel := attr(n, "rel"); rel == "stylesheet" || rel == "icon" || rel == "preload" || rel == "modulepreload" {
				addresses = append(addresses, attr(n, "href"))
			}
		case "script", "img", "iframe", "source":
			if src := attr(n, "src"); src != "" && !strings.HasPrefix(src, "data:") {
				addresses = append(addresses, src)
			}
		}
	})
	return addresses
}

var assetSizes sync.Map

func assetOnWire(t *testing.T, address string) int {
	t.Helper()
	if size, known := assetSizes.Load(address); known {
		return size.(int)
	}
	assets, err := readAssets(os.DirFS("assets"))
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(address, "/assets/"), "?")
	a, ok := assets[name]
	if !ok {
		t.Fatalf("the page loads %s, which is no asset", address)
	}
	if text := string(a.plain); strings.Contains(text, "url(") || strings.Contains(text, "@import") || strings.Contains(text, "import(") || strings.Contains(text, "\nimport ") {
		t.Errorf("%s loads more, which nobody counts", name)
	}
	rw, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, address, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	a.serve(rw, r)
	if _, err := gzip.NewReader(strings.NewReader(rw.Body.String())); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	assetSizes.Store(address, rw.Body.Len())
	return rw.Body.Len()
}
