package forward

import (
	"net/http"
	"strings"

	"doorstep/internal/core"
)

const (
	sessionCookie = "doorstep"
	appsCookie    = "doorstep-apps"
	// mostCookies of one name are tried. A neighbour under the same domain can plant
	// more beside the person's own, and each costs a reading of the storage.
	mostCookies = 4
)

// session finds the session of full reach behind a request's credentials: its
// bearer token, our own cookie, the cookie for apps. One that is unusable (unknown,
// ended, of less reach) is as if it were not there; nil is nobody. An error is a
// fault of ours, after which nobody can tell.
func (f *Forward) session(r *http.Request) (*core.Session, error) {
	for _, line := range r.Header["Authorization"] {
		if scheme, token, _ := strings.Cut(line, " "); strings.EqualFold(scheme, "Bearer") {
			if s, err := f.full(f.core.Session(r.Context(), strings.TrimSpace(token))); s != nil || err != nil {
				return s, err
			}
		}
	}
	lines := r.Header["Cookie"]
	if s, err := f.byCookie(r, lines, f.cookie, false); s != nil || err != nil || !f.apps {
		return s, err
	}
	return f.byCookie(r, lines, appsCookie, true)
}

func (f *Forward) byCookie(r *http.Request, lines []string, name string, apps bool) (*core.Session, error) {
	left := mostCookies
	for _, line := range lines {
		for line != "" && left > 0 {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			token, found := valueOf(pair, name)
			if !found {
				continue
			}
			left--
			ask := f.core.Session
			if apps {
				ask = f.core.AppsSession
			}
			if s, err := f.full(ask(r.Context(), token)); s != nil || err != nil {
				return s, err
			}
		}
	}
	return nil, nil
}

// valueOf reads one name=value of a Cookie header. Names are compared as they are:
// a browser keeps the prefix __Host- only if it stands there like this.
func valueOf(pair, name string) (value string, found bool) {
	pair = strings.TrimLeft(pair, " \t")
	if len(pair) <= len(name) || pair[len(name)] != '=' || pair[:len(name)] != name {
		return "", false
	}
	return strings.TrimRight(pair[len(name)+1:], " \t"), true
}

// full turns a refusal, and a session of less reach, into nobody.
func (f *Forward) full(s *core.Session, err error) (*core.Session, error) {
	if core.Refused(err) != nil {
		return nil, nil
	}
	if err != nil || s.Reach != core.ReachFull {
		return nil, err
	}
	return s, nil
}
