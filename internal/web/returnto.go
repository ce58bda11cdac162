package web

import (
	"net/http"
	"net/url"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// The way back to an app. A proxy leads whoever is not signed in to
// /sign-in?return=ADDRESS, and from there the address goes from form to form. No
// step believes the one before it: each reads the address anew and asks core
// whether a team, and from signing in on the person's own, registered its host.

// wanted is where the person wants to go in the end: a page of ours, or an app to
// which they may be led; "" for neither.
func (v *visit) wanted() (string, error) {
	if ours := v.web.known.wayBack(v.r.Form.Get("next")); ours != "" {
		return ours, nil
	}
	return v.wayOut(v.r.Form.Get("return"))
}

// wayOut returns an address outside as it may stand in a redirect, else "".
func (v *visit) wayOut(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	address, host := edge.ReturnAddress(text)
	allowed, err := v.core.MayReturnTo(v.ctx(), v.by(), host)
	if err != nil || !allowed {
		return "", err
	}
	return address, nil
}

// isOutside tells the two kinds of addresses apart that wanted returns.
func isOutside(address string) bool { return address != "" && address[0] != '/' }

// nextIn names the parameter in which an address goes to the next form.
func nextIn(address string) string {
	if isOutside(address) {
		return "return"
	}
	return "next"
}

// letFormsLead lets the forms of this page lead to where the person wants to go.
func (v *visit) letFormsLead() {
	if isOutside(v.next) {
		v.rw.Header().Set("Content-Security-Policy", edge.PolicyOfPages(edge.OriginOf(v.next)))
	}
}

// mayLeaveFor says whether the person who is signed in by now may be led to an
// address outside.
func (v *visit) mayLeaveFor(address string) bool {
	if v.session == nil || v.session.Reach != core.ReachFull {
		return false
	}
	allowed, err := v.wayOut(address)
	if err != nil {
		v.web.log.WarnContext(v.ctx(), "somebody was not led back to their app", "error", err)
	}
	return allowed != ""
}

// orLeave is the sign-in page for whoever still has to sign in, and the way to the
// app for whoever has not. It needs a cookie that reaches the app: without one the
// app's proxy would send the browser back here, and so on.
func orLeave(show page) page {
	return func(v *visit) error {
		if isOutside(v.next) && v.web.apps.reaches(v.next) && v.mayLeaveFor(v.next) {
			v.keepAppsToken(v.token)
			return v.see(v.next)
		}
		return show(v)
	}
}

// apps is the cookie by which proxies know who is signed in at the hosts under a
// parent domain. It is worth less than the session's own: no page and no call of
// the API looks at it.
type apps struct {
	domain string // "" for no such cookie
	secure bool
}

const appsCookie = "doorstep-apps"

// keepAppsToken gives the apps what belongs to a session's token.
func (v *visit) keepAppsToken(token string) {
	if v.web.apps.domain == "" || v.session == nil {
		return
	}
	s := *v.session
	s.Token = token
	v.web.apps.set(v.rw, v.core.AppsToken(&s), 0)
}

// dropAppsToken takes it away. That it is dead is core's doing; a browser need not
// show it around any longer.
func (v *visit) dropAppsToken() {
	if v.web.apps.domain != "" {
		v.web.apps.set(v.rw, "", -1)
	}
}

func (a apps) set(rw http.ResponseWriter, value string, age int) {
	http.SetCookie(rw, &http.Cookie{
		Name: appsCookie, Value: value, Domain: a.domain, Path: "/", Secure: a.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: age,
	})
}

// reaches says whether a browser sends the cookie to an address.
func (a apps) reaches(address string) bool {
	u, err := url.Parse(address)
	if err != nil || a.domain == "" || a.secure && u.Scheme != "https" {
		return false
	}
	host := u.Hostname()
	return host == a.domain || strings.HasSuffix(host, "."+a.domain)
}
