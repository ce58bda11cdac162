package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"doorstep/internal/api"
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/forward"
	"doorstep/internal/web"
	"doorstep/internal/words"
)

// edges are the rooms that speak HTTP, over one core.
type edges struct {
	core    *core.Core
	web     *web.Web
	api     *api.API
	forward *forward.Forward
	routes  []edge.Route
}

// edgeOptions say what the edges are made of.
type edgeOptions struct {
	core    *core.Core
	words   *words.Catalog
	url     *url.URL
	trusted []netip.Prefix
	apps    string // the parent domain whose hosts get a cookie, or ""
	log     *slog.Logger
	version string
	demo    bool
	place   web.Place
}

func newEdges(o edgeOptions) (*edges, error) {
	pages, err := web.New(web.Options{Core: o.core, Words: o.words, URL: o.url, Trusted: o.trusted, Log: o.log, Demo: o.demo, AppsDomain: o.apps, Place: o.place})
	if err != nil {
		return nil, fmt.Errorf("make the pages: %w", err)
	}
	calls, err := api.New(api.Options{Core: o.core, Words: o.words, URL: o.url, Trusted: o.trusted, Log: o.log, Version: o.version})
	if err != nil {
		return nil, fmt.Errorf("make the API: %w", err)
	}
	proxies := forward.New(forward.Options{Core: o.core, URL: o.url, Trusted: o.trusted, Apps: o.apps != "", Log: o.log})
	e := &edges{core: o.core, web: pages, api: calls, forward: proxies}
	e.routes = append(e.routes, pages.Routes()...)
	e.routes = append(e.routes, calls.Routes()...)
	e.routes = append(e.routes, proxies.Routes()...)
	e.routes = append(e.routes, health(o.core)...)
	return e, nil
}

// handler is the table of routes with the manners around it, but for the question
// of proxies, which is asked far more often than all else and has its own.
func (e *edges) handler(o edgeOptions) (http.Handler, error) {
	mux, err := edge.Table(e.routes)
	if err != nil {
		return nil, err
	}
	for _, r := range health(e.core) {
		mux.HandleFunc(r.Path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
		})
	}
	mux.Handle("/", e.rest())
	return e.forward.Before(edge.Headers(o.url.Scheme == "https", edge.Log(o.log, atOwnHost(o.url, o.words, edge.LimitBody(mux))))), nil
}

// Front is what stands in front of a Handler, as the settings of the same names say.
type Front struct {
	TrustedProxies []netip.Prefix
	AppsDomain     string
}

// Handler is what serve puts on its port, and its routes: for the tests that walk
// the whole of it.
func Handler(c *core.Core, w *words.Catalog, base *url.URL, log *slog.Logger, f Front) (http.Handler, []edge.Route, error) {
	o := edgeOptions{core: c, words: w, url: base, trusted: f.TrustedProxies, apps: f.AppsDomain, log: log, version: "test"}
	e, err := newEdges(o)
	if err != nil {
		return nil, nil, err
	}
	h, err := e.handler(o)
	return h, e.routes, err
}

// rest answers what no route takes: callers of the API in its own form, everybody
// else with a page. The API has a route for each method that is usual; a pattern
// for the others (PROPFIND, get) would clash with a page's "GET /{$}".
func (e *edges) rest() http.Handler {
	page := e.web.NotFound()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v1/") {
			e.api.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	})
}
