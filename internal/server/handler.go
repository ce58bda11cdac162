package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"doorstep/internal/api"
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/web"
	"doorstep/internal/words"
)

// edges are the rooms that speak HTTP, over one core.
type edges struct {
	core   *core.Core
	web    *web.Web
	routes []edge.Route
}

// edgeOptions say what the edges are made of.
type edgeOptions struct {
	core    *core.Core
	words   *words.Catalog
	url     *url.URL
	trusted []netip.Prefix
	log     *slog.Logger
	version string
	demo    bool
}

func newEdges(o edgeOptions) (*edges, error) {
	pages, err := web.New(web.Options{Core: o.core, Words: o.words, URL: o.url, Trusted: o.trusted, Log: o.log, Demo: o.demo})
	if err != nil {
		return nil, fmt.Errorf("make the pages: %w", err)
	}
	calls, err := api.New(api.Options{Core: o.core, Words: o.words, URL: o.url, Trusted: o.trusted, Log: o.log, Version: o.version})
	if err != nil {
		return nil, fmt.Errorf("make the API: %w", err)
	}
	e := &edges{core: o.core, web: pages}
	e.routes = append(e.routes, pages.Routes()...)
	e.routes = append(e.routes, calls.Routes()...)
	e.routes = append(e.routes, health(o.core)...)
	return e, nil
}

// handler is the table of routes with the manners around it. stopping ends
// streams: a page that waits for news would hold up the stop for as long as it is
// open.
func (e *edges) handler(stopping context.Context, o edgeOptions) (http.Handler, error) {
	mux, err := edge.Table(e.routes)
	if err != nil {
		return nil, err
	}
	mux.Handle("/", e.web.NotFound())
	h := edge.Headers(o.url.Scheme == "https", edge.Log(o.log, edge.LimitBody(mux)))
	return endStreams(stopping, h), nil
}

// endStreams cancels the context of a request for a stream of events when the
// server is to stop; every other request is left to finish. A stream also has no
// time limits: the one on reading would cancel its context when it passed.
func endStreams(stopping context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w) // not every connection has deadlines to lift
		_, _ = control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Time{})
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(stopping, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
