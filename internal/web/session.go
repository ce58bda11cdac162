package web

import (
	"fmt"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// cookies names and writes our cookies. All but the language, a remembered device,
// a known browser and a restart request live until the browser closes, and none can be read by a script. Over
// https the names begin with __Host-, so that no other host under our domain can
// plant one.
type cookies struct{ secure bool }

const (
	sessionCookie  = "doorstep"
	attemptCookie  = "doorstep-attempt" // half signed in: never worth a session
	formCookie     = "doorstep-form"    // a one-use link's form
	deviceCookie   = "doorstep-device"  // a remembered device; signing out leaves it
	requestCookie  = "doorstep-request" // shows the match code of a restart request again, and is good for nothing else
	voterCookie    = "doorstep-voter"   // which vote on an article is this browser's
	browserCookie  = "doorstep-browser" // of full sign-ins in it: proves nothing, keeps a lane
	noticeCookie   = "doorstep-notice"
	languageCookie = "doorstep-language"
)

func (c cookies) name(kind string) string {
	if c.secure && kind != languageCookie { // a language is nobody's secret, and embedders set it

		return "__Host-" + kind
	}
	return kind
}

func (c cookies) get(r *http.Request, kind string) string {
	found, err := r.Cookie(c.name(kind))
	if err != nil {
		return ""
	}
	return found.Value
}

// set writes a cookie. Lax lets links in letters and other sites lead to pages
// of somebody who is signed in, and sends the cookie with no form of theirs.
func (c cookies) set(rw http.ResponseWriter, kind, value string, lasts time.Duration) {
	cookie := &http.Cookie{
		Name: c.name(kind), Value: value, Path: "/", Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(lasts.Seconds()),
	}
	http.SetCookie(rw, cookie)
}

func (c cookies) clear(rw http.ResponseWriter, kind string) { c.set(rw, kind, "", -time.Second) }

// enter gives the browser its session, and whatever half-done sign-in it held is
// over. A session that it had before ends: nobody holds its token any more.
func (v *visit) enter(s *core.Session) error {
	if v.session != nil && v.session.ID != s.ID {
		if err := v.core.SignOut(v.ctx(), v.by()); err != nil {
			return err
		}
	}
	v.keepToken(s)
	v.web.cookies.clear(v.rw, attemptCookie)
	if v.web.cookies.get(v.r, requestCookie) != "" {
		v.web.cookies.clear(v.rw, requestCookie) // whoever is in has nothing to ask any more
	}
	return nil
}

// keepToken puts the token of a session into the browser, after a sign-in and
// whenever core has replaced it.
func (v *visit) keepToken(s *core.Session) {
	v.secret = true // no second press gets it: a code opens one answer (R1)
	v.web.cookies.set(v.rw, sessionCookie, s.Token, 0)
	v.session, v.token = s, s.Token
	v.keepAppsToken(s.Token)
}

// toSignIn leads whoever has no session to the sign-in page. The dead cookie
// stays: core tells from it, and from nothing in an address, why it ended.
func (v *visit) toSignIn() error {
	return v.see(keepWanted("/sign-in", v.web.known.wayBack(v.here().String())))
}

const (
	watchEvery = 1500 * time.Millisecond
	beatEvery  = 15 * time.Second // under the idle limits of common proxies
	// watchLasts ends a stream now and then; the browser opens the next one with
	// the cookie that it has by then, which another tab may have renewed.
	watchLasts = 10 * time.Minute
)

// watch tells an open page that its session has ended (J6). To be watched is no
// activity, or an open page would never idle out. ?once=1 answers 204 or 401.
// Whatever is not the token of a session that lives is refused: that of a half-done
// sign-in, and that of somebody who was removed with all their sessions.
func (w *Web) watch(rw http.ResponseWriter, r *http.Request) {
	token := w.cookies.get(r, sessionCookie)
	err := w.core.Watch(r.Context(), token)
	rw.Header().Set("Cache-Control", "no-store")
	switch {
	case core.Refused(err) != nil:
		rw.WriteHeader(http.StatusUnauthorized)
		return
	case err != nil: // a storage that is away ends no session
		rw.Header().Set("Retry-After", "5")
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	case r.URL.Query().Has("once"):
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	stream := http.NewResponseController(rw)
	// A stream has no time limits, and the one on reading would end its context; not
	// every server has one to lift.
	_, _ = stream.SetReadDeadline(time.Time{}), stream.SetWriteDeadline(time.Time{})
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	fmt.Fprint(rw, "retry: 500\n: watching\n\n")
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for began, beat := time.Now(), time.Now(); time.Since(began) < watchLasts; {
		if stream.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done(): // the browser left
			return
		case <-w.stopping:
			return
		case <-tick.C:
		}
		switch err := w.core.Watch(r.Context(), token); {
		case core.IsRefusal(err, core.SessionEnded):
			fmt.Fprint(rw, "event: ended\ndata: ended\n\n")
			_ = stream.Flush()
			return
		case core.Refused(err) != nil:
			// The token was replaced, by a step-up in another tab, or went with its
			// person: the browser asks again, with the cookie that it has now.
			return
		}
		if time.Since(beat) >= beatEvery {
			fmt.Fprint(rw, ": beat\n\n")
			beat = time.Now()
		}
	}
}
