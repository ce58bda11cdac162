package forward

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// Path is where proxies ask. Envoy adds the path of the request that it asks about.
const Path = "/forward-auth"

// methods of the table of routes. Envoy, and Traefik where it is told to, ask with
// the method of the request that they ask about; whatever it is, nothing changes.
var methods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace,
}

// Options say what the answers are made of.
type Options struct {
	Core    *core.Core
	URL     *url.URL       // the public address; https names the session's cookie
	Trusted []netip.Prefix // proxies whose report of the address counts
	Apps    bool           // there is a cookie for apps under a parent domain
	Log     *slog.Logger
}

// Forward is the room: made once, safe for concurrent use.
type Forward struct {
	core    *core.Core
	signIn  string // address of the sign-in page
	cookie  string // name of the session's cookie
	apps    bool
	trusted []netip.Prefix
	log     *slog.Logger

	lines lines
	date  date
}

// New makes the room.
func New(o Options) *Forward {
	f := &Forward{core: o.Core, signIn: o.URL.Scheme + "://" + o.URL.Host + "/sign-in", cookie: sessionCookie, apps: o.Apps, trusted: o.Trusted, log: o.Log}
	if o.URL.Scheme == "https" {
		f.cookie = "__Host-" + sessionCookie
	}
	return f
}

// Routes are the rows of the table, all with one handler.
func (f *Forward) Routes() []edge.Route {
	var routes []edge.Route
	for _, method := range methods {
		for _, path := range []string{Path, Path + "/{path...}"} {
			routes = append(routes, edge.Route{Method: method, Path: path, Needs: core.NeedProxy, Handler: f})
		}
	}
	return routes
}

// Before answers what is asked here and leaves everything else to next. It stands
// in front of what the other edges share: their headers are about our own pages,
// and a refusal is shown under the name of an app, for which a promise of https or
// a content policy is not ours to give; and a mux would lead Envoy's "//x" away.
func (f *Forward) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if rest, ours := strings.CutPrefix(r.URL.Path, Path); ours && (rest == "" || rest[0] == '/') {
			f.ServeHTTP(rw, r)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// ServeHTTP says who it is, with 200, or refuses. Nothing but the credentials
// decides which of the two: no host, no port, no prefix, no method, no User-Agent.
func (f *Forward) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	defer f.rescue(rw, r)
	h := rw.Header()
	status := f.decided(h, r)
	if !f.takeOver(rw, r, status, h) {
		rw.WriteHeader(status)
	}
}

// rescue answers 500 when something panicked: the status is the last thing that is
// written, so there is none yet.
func (f *Forward) rescue(rw http.ResponseWriter, r *http.Request) {
	if p := recover(); p != nil {
		edge.LogPanic(f.log, r, Path, p)
		clear(rw.Header())
		rw.WriteHeader(http.StatusInternalServerError)
	}
}

// noStore is shared by all answers; nobody changes it.
var noStore = []string{"no-store"}

// decided sets the headers of the answer and returns its status.
func (f *Forward) decided(h http.Header, r *http.Request) (status int) {
	h["Cache-Control"] = noStore
	status = f.decide(h, r)
	if f.log.Enabled(r.Context(), slog.LevelDebug) {
		f.log.DebugContext(r.Context(), "request", "method", r.Method, "route", Path, "status", status)
	}
	return status
}

func (f *Forward) decide(h http.Header, r *http.Request) (status int) {
	asked, fine := addressOf(r.Header)
	if !fine {
		// Two readers of such an address may read two, and then one is let through that
		// the other would have refused: nobody is let through.
		return http.StatusBadRequest
	}
	s, err := f.session(r)
	if err != nil {
		return f.failed(h, r, err)
	}
	if s == nil {
		return f.refuse(h, r, asked)
	}
	identify(h, s)
	return http.StatusOK
}

// refuse answers whoever has no session of full reach: a program with 401, a
// browser with the address of the sign-in page.
func (f *Forward) refuse(h http.Header, r *http.Request, asked address) (status int) {
	if !isBrowser(r) {
		h.Set("WWW-Authenticate", "Bearer")
		return http.StatusUnauthorized
	}
	signIn, err := f.signInAddress(r, asked)
	if err != nil {
		return f.failed(h, r, err)
	}
	h.Set("Location", signIn)
	if asked.byNginx {
		// Its auth_request takes every 3xx for a fault of ours; its configuration
		// makes a redirect of this.
		h.Set("WWW-Authenticate", "Bearer")
		return http.StatusUnauthorized
	}
	return http.StatusFound
}

// failed answers when nobody can know whose request it is.
func (f *Forward) failed(h http.Header, r *http.Request, err error) (status int) {
	left := errors.Is(err, context.Canceled) && r.Context().Err() != nil
	if !left {
		f.log.ErrorContext(r.Context(), "a proxy could not be answered", "route", Path, "error", err)
	}
	if left || core.IsUnavailable(err) {
		h.Set("Retry-After", "5")
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// isBrowser says whether a page is what the request wants, so that a redirect to
// the sign-in page is of use: not to a script, and not to a form, whose content
// would be lost.
func isBrowser(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for _, name := range [...]string{"X-Forwarded-Method", "X-Original-Method"} {
		for _, method := range r.Header[name] {
			if method != http.MethodGet && method != http.MethodHead {
				return false
			}
		}
	}
	for _, types := range r.Header["Accept"] {
		if strings.Contains(strings.ToLower(types), "text/html") {
			return true
		}
	}
	return false
}
