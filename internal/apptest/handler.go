package apptest

import (
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"doorstep/internal/api"
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/web"
	"doorstep/internal/words"
)

// handler is what a server puts on its port.
func handler(c *core.Core, w *words.Catalog, base *url.URL, log *slog.Logger) (http.Handler, []edge.Route, error) {
	pages, err := web.New(web.Options{Core: c, Words: w, URL: base, Log: log})
	if err != nil {
		return nil, nil, err
	}
	calls, err := api.New(api.Options{Core: c, Words: w, URL: base, Log: log, Version: "test"})
	if err != nil {
		return nil, nil, err
	}
	routes := append(pages.Routes(), calls.Routes()...)
	mux, err := edge.Table(routes)
	if err != nil {
		return nil, nil, err
	}
	mux.Handle("/", pages.NotFound())
	return edge.Headers(base.Scheme == "https", edge.Log(log, edge.LimitBody(mux))), routes, nil
}

var theWords = sync.OnceValues(words.Load)

// strictWords fails the test at every sentence that could not be said.
func strictWords(t testing.TB) *words.Catalog {
	t.Helper()
	catalog, err := theWords()
	if err != nil {
		t.Fatalf("load the words: %v", err)
	}
	return catalog.Strict(func(l words.Language, _ string, err error) { t.Errorf("say in %s: %v", l, err) })
}
