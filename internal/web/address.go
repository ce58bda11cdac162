package web

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// addresses knows the paths of our pages: which methods each takes, and to which
// of them somebody may be sent back after signing in.
type addresses struct {
	mux     *http.ServeMux
	methods map[string][]string
	back    map[string]core.Need // what each asks for
}

func knownAddresses(routes []edge.Route) *addresses {
	a := &addresses{mux: http.NewServeMux(), methods: map[string][]string{}, back: map[string]core.Need{}}
	for _, r := range routes {
		a.mux.Handle(r.Method+" "+r.Path, http.NotFoundHandler())
		a.methods[r.Path] = append(a.methods[r.Path], r.Method)
		switch r.Needs {
		case core.NeedOpen, core.NeedAttempt, core.NeedToken:
			if !strings.HasPrefix(r.Path, helpPath) {
				continue // a step of signing in, or no page
			}
		}
		if r.Method == http.MethodGet && !slices.Contains([]string{"/sign-out", "/me/confirm", "/session/watch", newPasswordPath}, r.Path) {
			a.back[r.Path] = r.Needs
		}
	}
	return a
}

func (a *addresses) pattern(u *url.URL) string {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if _, pattern := a.mux.Handler(&http.Request{Method: method, URL: u, Host: u.Host}); pattern != "" {
			return strings.TrimPrefix(pattern, method+" ")
		}
	}
	return ""
}

// longestWayBack has room for a page with the address of an app in it, encoded twice.
const longestWayBack = 4096

// onlySent says whether an address takes forms and is no page: its page is the
// one above it.
func (a *addresses) onlySent(u *url.URL) bool {
	methods := a.methods[a.pattern(u)]
	return slices.Contains(methods, http.MethodPost) && !slices.Contains(methods, http.MethodGet)
}

// wayBack takes an address that came through a browser and returns it when it is
// a page of ours, else "". It is an allow list: a return path is the classic way
// to lead somebody who has just typed a password to a page that looks like ours.
func (a *addresses) wayBack(text string) string {
	if len(text) > longestWayBack || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.Contains(text, `\`) {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || path.Clean(u.Path) != u.Path {
		return ""
	}
	if a.back[a.pattern(u)] == "" {
		return ""
	}
	return (&url.URL{Path: u.Path, RawQuery: u.Query().Encode()}).String()
}
