package web

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"doorstep/internal/core"
)

// A second press of a button sends the same form once more; without a script nothing
// stops it. Core does nothing twice that matters, but the person sees only the second
// answer, and it would say that what they have just done is done already, or gone.
// So the second gets the answer that the first got. Which form it was is told by its
// token, which is another one on every page that is rendered (form.go).
//
// Only answers that lead on are kept, for a few seconds and in this process: they are
// an address and cookies. One that hands out the token of a session, or a page that
// shows a secret, is never kept: whoever sends a sign-in's form once more, code and
// all, must not get what it opened. There, and where another replica is asked, core
// alone decides.
type answered struct {
	mu  sync.Mutex
	now func() time.Time
	all map[[sha256.Size]byte]*firstAnswer
}

type firstAnswer struct {
	at     time.Time
	header http.Header
}

const (
	pressedTwice = 5 * time.Second // as long as the module takes two presses for one
	mostAnswers  = 1000            // of a few hundred bytes
)

// form is which form of whom was sent, with what in it.
func (v *visit) form() [sha256.Size]byte {
	return sha256.Sum256([]byte(v.formWhom() + "\x00" + v.r.URL.RequestURI() + "\x00" + v.r.PostForm.Encode()))
}

// sendOnce calls a form's verb, but not for the second press.
func (v *visit) sendOnce(send page) error {
	if v.needs == core.NeedOpen || v.r.MultipartForm != nil { // without a token, or with a file
		return send(v)
	}
	form := v.form()
	if first := v.web.answered.find(form); first != nil {
		for name, values := range first {
			v.rw.Header()[name] = values
		}
		v.rw.WriteHeader(http.StatusSeeOther)
		return nil
	}
	seen := &ledOn{ResponseWriter: v.rw}
	v.rw = seen
	err := send(v)
	v.rw = seen.ResponseWriter
	if err == nil && seen.header != nil && !v.secret {
		v.web.answered.keep(form, seen.header)
	}
	return err
}

// ledOn notes what an answer that leads on says.
type ledOn struct {
	http.ResponseWriter
	header http.Header
}

func (l *ledOn) WriteHeader(status int) {
	if status == http.StatusSeeOther {
		l.header = http.Header{"Location": l.Header().Values("Location"), "Set-Cookie": l.Header().Values("Set-Cookie")}.Clone()
	}
	l.ResponseWriter.WriteHeader(status)
}

func (a *answered) find(form [sha256.Size]byte) http.Header {
	a.mu.Lock()
	defer a.mu.Unlock()
	if first := a.all[form]; first != nil && a.now().Sub(first.at) < pressedTwice {
		return first.header.Clone()
	}
	return nil
}

func (a *answered) keep(form [sha256.Size]byte, header http.Header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for old, first := range a.all {
		if a.now().Sub(first.at) >= pressedTwice {
			delete(a.all, old)
		}
	}
	if len(a.all) < mostAnswers {
		a.all[form] = &firstAnswer{a.now(), header}
	}
}
