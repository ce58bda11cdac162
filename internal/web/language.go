package web

import (
	"net/http"
	"net/url"
	"time"

	"doorstep/internal/words"
)

// languageLasts is how long a browser remembers a language that somebody chose.
const languageLasts = 365 * 24 * time.Hour

// Language is in which words a request is answered: those of the link that was
// just followed, of the cookie, of the person's setting, of the browser.
func (w *Web) Language(r *http.Request) words.Words {
	v, _ := w.visit(nil, r) // an error leaves the browser's wish
	return v.words
}

func (w *Web) pick(r *http.Request, setting string) words.Language {
	asked := r.URL.Query().Get("lang")
	if !words.Known(asked) {
		asked = ""
	}
	return words.Pick(asked, w.cookies.get(r, languageCookie), setting, r.Header.Get("Accept-Language"))
}

func (v *visit) userLanguage() string {
	if v.session == nil {
		return ""
	}
	return v.session.User.Language
}

// switchLanguage answers a language link, which any page takes: the choice is
// kept, and the browser is at the same address without it.
func (v *visit) switchLanguage() bool {
	asked := v.r.URL.Query().Get("lang")
	if v.isPost() || !v.r.URL.Query().Has("lang") {
		return false
	}
	if words.Known(asked) {
		v.web.cookies.set(v.rw, languageCookie, asked, languageLasts)
		if v.session != nil && asked != v.session.User.Language {
			if err := v.core.SetLanguage(v.ctx(), v.by(), asked); err != nil {
				v.web.log.WarnContext(v.ctx(), "a person's language was not kept", "error", err)
			}
		}
	}
	_ = v.see(v.here().String())
	return true
}

// languageLink is one of the links in the footer.
type languageLink struct {
	Tag, Name, Href string
	Current         bool
}

func (v *visit) languageLinks() []languageLink {
	var links []languageLink
	for _, l := range words.Languages() {
		u := v.here()
		q := u.Query()
		q.Set("lang", string(l))
		links = append(links, languageLink{
			Tag: string(l), Name: l.Name(), Current: l == v.words.Language(),
			Href: (&url.URL{Path: u.Path, RawQuery: q.Encode()}).String(),
		})
	}
	return links
}
