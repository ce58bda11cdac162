package web

import (
	"net/http"
	"testing"
)

// To look at the page begins an activation, and ends one that is under way on another
// device. No other site does that by leading somebody here.
func TestNobodyElseBeginsAnActivation(t *testing.T) {
	w := newWorld(t)
	phone, b := w.browser(), w.browser()
	phone.signIn("elena")
	b.signIn("elena")
	key := phone.get("/me/two-step/activate").byID("key").text()
	for name, change := range map[string]func(*http.Request){
		"another site":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a neighbor":        func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"one loading ahead": func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch;prerender") },
	} {
		a := b.request(http.MethodGet, "/me/two-step/activate", nil, change)
		a.wants(t, 200, "/me/two-step/activate", w.says("act.start"))
		if phone.get("/me/two-step/activate").byID("key").text() != key {
			t.Errorf("%s ended the activation on the phone", name)
		}
	}
	b.get(b.page.hrefOf("/me/two-step/activate")).wants(t, 200, "/me/two-step/activate", w.says("act.scan"))
}
