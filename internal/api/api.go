// Package api is the JSON API under /api/v1. It owns the shapes of its requests
// and answers, written for its callers and never taken from rows, and the way a
// request gets in: bearer token, need, strict body. It holds no rule: each
// operation reads its input, calls one verb of core and writes the answer.
//
// The API takes no cookie, so that no other website can make a browser act for
// its owner here. It answers every fault as a problem document (RFC 9457) that
// repeats nothing of what was sent.
package api

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

const base = "/api/v1"

// Options are what the API is made from. Core and Words are needed.
type Options struct {
	Core    *core.Core
	Words   *words.Catalog
	URL     *url.URL       // the public address, for openapi.json; nil leaves it relative
	Trusted []netip.Prefix // the reverse proxies whose X-Forwarded-For is believed
	Log     *slog.Logger   // faults of ours and nothing else; nil is silent
	Version string         // Doorstep's, for openapi.json
}

// API is the API of one core. It is an http.Handler for everything below /api/v1/.
type API struct {
	core    *core.Core
	words   *words.Catalog
	trusted []netip.Prefix
	log     *slog.Logger
	url     string // the public address, "" when not known

	mux      *http.ServeMux
	huma     huma.API
	rows     []edge.Route
	document []byte // openapi.json
}

// New makes the API. It fails when Options lack what is needed, or when the
// OpenAPI document cannot be written.
func New(o Options) (*API, error) {
	if o.Core == nil || o.Words == nil {
		return nil, errors.New("the API needs a core and words")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{core: o.Core, words: o.Words, trusted: o.Trusted, log: o.Log, mux: http.NewServeMux()}
	if o.URL != nil {
		a.url = strings.TrimRight(o.URL.String(), "/")
	}
	a.huma = humago.NewWithPrefix(a.mux, base, a.config(o))
	a.signIn()
	a.secondStep()
	a.session()
	a.device()
	a.twoStep()
	a.activation()
	a.deactivate()
	a.stepUp()
	a.team()
	a.invitation()
	a.importing()
	a.readiness()
	a.restart()
	a.freeze()
	a.notMe()
	a.request()
	a.secondApprover()
	a.passwordReset()
	a.passwordChange()
	a.emailChange()
	a.policy()
	a.letters()
	a.notifyAddress()
	a.home()
	a.setUp()
	a.firstPassword()
	a.language()
	a.audit()
	a.article()
	a.helpRequest()
	return a, a.publish()
}

// Routes lists every operation with its need, openapi.json, and what answers for
// all other addresses below /api/v1/. The latter is one row for each method and
// not one for all: a pattern without a method would clash with a page's "GET /".
func (a *API) Routes() []edge.Route {
	rows := slices.Clone(a.rows)
	for _, method := range slices.Concat(methods(), []string{http.MethodOptions, http.MethodTrace}) {
		rows = append(rows, edge.Route{Method: method, Path: base + "/", Needs: core.NeedOpen, Handler: a})
	}
	return rows
}

// methods are those that operations use; GET answers HEAD too.
func methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// ServeHTTP answers a request below /api/v1/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := &begunWriter{ResponseWriter: w}
	defer a.rescue(begun, r)
	w.Header().Set("Cache-Control", "no-store")
	if _, pattern := a.mux.Handler(r); pattern == "" {
		a.absent(begun, r)
		return
	}
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json") // there is one format, whatever a client would rather have
	a.mux.ServeHTTP(begun, r)
}

// absent answers for an address or a method that is not there.
func (a *API) absent(w http.ResponseWriter, r *http.Request) {
	allow := a.allowed(r)
	switch {
	case allow == "":
		a.write(w, r, &edgeRefusal{code: core.Missing, status: http.StatusNotFound})
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allow)
		a.write(w, r, &edgeRefusal{code: codeMethodNotAllowed, status: http.StatusMethodNotAllowed})
	}
}

// allowed says which methods the address takes, as the header Allow wants it;
// "" when there is nothing at it.
func (a *API) allowed(r *http.Request) string {
	allow := ""
	for _, method := range methods() {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern == "" {
			continue
		}
		allow += method + ", "
		if method == http.MethodGet {
			allow += http.MethodHead + ", "
		}
	}
	if allow != "" {
		allow += http.MethodOptions
	}
	return allow
}
