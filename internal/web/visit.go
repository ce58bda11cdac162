package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// page is a handler: what it returns and did not answer itself becomes a page
// that says what happened.
type page func(*visit) error

// visit is one request on its way through a page.
type visit struct {
	web      *Web
	core     *core.Core
	rw       http.ResponseWriter
	r        *http.Request
	words    words.Words
	needs    core.Need     // of the route
	token    string        // the session cookie's text, alive or not
	session  *core.Session // nil for nobody, and for an ended session
	dead     *core.Refusal // why there is no session
	refused  *core.Refusal // what a form was refused for, while it is shown again
	problems []problem     // what is said of it, when that is more than its own sentence
	next     string        // where the person wanted to go: an address of ours, of an app that may be led back to, or ""
	notice   *notice       // read once, then gone
	secret   bool          // the page shows a key, a code, a pass or a link
	pad      []byte        // masks the tokens of this answer's forms
}

// plain answers whatever a page returns.
func (w *Web) plain(p page) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		v, err := w.visit(rw, r)
		if err == nil {
			err = p(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// visit finds out who asks, and in which language.
func (w *Web) visit(rw http.ResponseWriter, r *http.Request) (*visit, error) {
	v := &visit{web: w, core: w.core, rw: rw, r: r, token: w.cookies.get(r, sessionCookie)}
	s, err := w.core.Session(r.Context(), v.token)
	v.session, v.dead = s, core.Refused(err)
	v.words = w.words.In(w.pick(r, v.userLanguage()))
	if v.dead != nil {
		err = nil
	}
	return v, err
}

// guard lets a page run for whoever meets its need.
func (w *Web) guard(needs core.Need, p page) page {
	return func(v *visit) error {
		v.needs = needs
		if owned, err := w.hasOwner(v.ctx()); err != nil {
			return err
		} else if !owned && v.r.URL.Path != "/setup" && !strings.HasPrefix(v.r.URL.Path, "/setup/") && v.r.URL.Path != languagePath {
			return v.showNoOwner()
		}
		if err := parseForm(v.r); err != nil {
			if tooMuch := new(http.MaxBytesError); errors.As(err, &tooMuch) {
				return &core.Refusal{Code: tooLarge}
			}
			return &core.Refusal{Code: badRequest}
		}
		v.hearLanguage()
		var err error
		if v.next, err = v.wanted(); err != nil {
			return err
		}
		v.letFormsLead()
		if r := needs.Meets(v.session, v.core.Now()); r != nil {
			return r
		}
		return p(v)
	}
}

func (w *Web) hasOwner(ctx context.Context) (bool, error) {
	if w.owned.Load() {
		return true, nil
	}
	owned, err := w.core.HasOwner(ctx)
	if owned {
		w.owned.Store(true)
	}
	return owned, err
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// by is the actor of this request.
func (v *visit) by() core.Actor {
	from := edge.Origin(v.r, v.web.trusted, core.ViaPage)
	if v.session == nil {
		return core.Nobody(from)
	}
	return v.session.By(from)
}

// sentence says a refusal.
func (v *visit) sentence(r *core.Refusal) string { return edge.Sentence(v.words, r) }

func (v *visit) say(key string, args ...words.Args) string { return v.words.Say(key, args...) }

// until is the time left, for sentences that say so.
func (v *visit) until(t time.Time) words.Args { return words.Args{"time": t.Sub(v.core.Now())} }

// beganElsewhere: another site led here, or the browser loads ahead of its person.
func (v *visit) beganElsewhere() bool {
	from := v.r.Header.Get("Sec-Fetch-Site")
	return !v.isPost() && (from == "cross-site" || from == "same-site" || strings.HasPrefix(v.r.Header.Get("Sec-Purpose"), "prefetch"))
}

func (v *visit) isPost() bool { return v.r.Method == http.MethodPost }

// typed is what a field holds: what was sent, else what was carried over from
// before a step-up. Secrets are never read with it.
func (v *visit) typed(field string) string {
	if v.isPost() {
		return v.r.PostForm.Get(field)
	}
	if n := v.readNotice(); n != nil {
		return n.Typed[field]
	}
	return ""
}

// retyped is what was typed into a field before it was refused or a step-up came
// between, else what the field holds anyway. Nothing at all may have been typed.
func (v *visit) retyped(field, otherwise string) string {
	if v.isPost() {
		if v.r.PostForm.Has(field) {
			return v.r.PostForm.Get(field)
		}
		return otherwise
	}
	if n := v.readNotice(); n != nil {
		if text, typed := n.Typed[field]; typed {
			return text
		}
	}
	return otherwise
}

// sent is a field of the form, read once for the verb.
func (v *visit) sent(field string) string { return v.r.PostForm.Get(field) }

// see sends the browser to another page of ours.
func (v *visit) see(address string) error {
	http.Redirect(v.rw, v.r, address, http.StatusSeeOther)
	return nil
}

// seeWanted goes to the page that the person wanted before signing in or
// confirming, else to the given one. A page that is not theirs to open would take
// the place of the news that the other one brings.
func (v *visit) seeWanted(otherwise string) error {
	if v.next != "" && v.mayOpen(v.next) {
		return v.see(v.next)
	}
	return v.see(otherwise)
}

func (v *visit) mayOpen(address string) bool {
	if isOutside(address) {
		return v.mayLeaveFor(address)
	}
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	r := v.web.known.back[v.web.known.pattern(u)].Meets(v.session, v.core.Now())
	return r == nil || r.Code == core.StepUpRequired // which is asked for on the way
}

// keepWanted adds where the person wanted to go to an address of ours.
func keepWanted(address, next string) string {
	if next == "" || next == "/" {
		return address
	}
	return address + "?" + url.Values{nextIn(next): {next}}.Encode()
}

// here is the address at which this page can be got: itself, or for what a form
// sends to a path of its own, the page that holds the form.
func (v *visit) here() *url.URL {
	u := &url.URL{Path: path.Clean("/" + strings.TrimLeft(v.r.URL.Path, `/\`))} // "//host" would lead away
	if v.isPost() && v.web.known.onlySent(u) {
		u.Path = path.Dir(u.Path)
	}
	q := v.r.URL.Query()
	if v.next != "" {
		q.Set(nextIn(v.next), v.next)
	}
	u.RawQuery = q.Encode()
	return u
}
