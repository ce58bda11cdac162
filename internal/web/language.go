package web

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// The languages at the foot of a page are buttons, because to choose one writes. On a
// page with a form that somebody types into they belong to that form (its id is
// "typed"): so they send along what was typed, without any script, and the answer is
// the same page in the other language with all of it but secrets. Elsewhere they are
// a form of their own, which leads back.
// docs/decisions/0013-languages-are-buttons.md

const (
	languagePath  = "/language"
	languageField = "lang"
)

// languageLasts is how long a browser remembers a language that somebody chose.
const languageLasts = 365 * 24 * time.Hour

// Language is in which words a request is answered: those that were just chosen, of
// the cookie, of the person's setting, of the browser.
func (w *Web) Language(r *http.Request) words.Words {
	v, _ := w.visit(nil, r) // an error leaves the browser's wish
	return v.words
}

func (w *Web) pick(r *http.Request, setting string) words.Language {
	chosen := r.PostForm.Get(languageField)
	if !words.Known(chosen) {
		chosen = ""
	}
	return words.Pick(chosen, w.cookies.get(r, languageCookie), setting, r.Header.Get("Accept-Language"))
}

func (v *visit) userLanguage() string {
	if v.session == nil {
		return ""
	}
	return v.session.User.Language
}

// hearLanguage takes a choice into use, for this answer and this browser, as soon as
// the form was read: whatever else is refused is said in it.
func (v *visit) hearLanguage() {
	if chosen := v.chosenLanguage(); chosen != "" {
		v.words = v.web.words.In(words.Language(chosen))
		v.web.cookies.set(v.rw, languageCookie, chosen, languageLasts)
	}
}

// chosenLanguage is that of the button which sent this form, "" for any other button.
func (v *visit) chosenLanguage() string {
	if chosen := v.sent(languageField); v.isPost() && words.Known(chosen) {
		return chosen
	}
	return ""
}

// keepLanguage makes a choice the setting of whoever is signed in. A form of nobody's,
// as the sign-in page has it, sets nobody's.
func (v *visit) keepLanguage() {
	chosen := v.chosenLanguage()
	if v.session == nil || chosen == v.session.User.Language || !v.isTokenFor(v.session.ID, v.sent("csrf")) {
		return
	}
	if err := v.core.SetLanguage(v.ctx(), v.by(), chosen); err != nil {
		v.web.log.WarnContext(v.ctx(), "a person's language was not kept", "error", err)
	}
}

// leadBack is the answer to the form that has nothing but the languages. Where the
// browser was stands in it: a path, which can lead to no other host.
func leadBack(v *visit) error {
	if v.refused != nil {
		return v.refusePage(v.refused)
	}
	u, err := url.Parse(v.sent("back"))
	if err != nil {
		u = new(url.URL)
	}
	back := url.URL{Path: path.Clean("/" + strings.TrimLeft(u.Path, `/\`)), RawQuery: u.Query().Encode()}
	return v.see(back.String())
}

// noLanguage answers that form without a language of ours in it.
func noLanguage(*visit) error {
	return &core.Refusal{Code: incomplete, Args: map[string]any{"field": languageField}}
}

// languageChoice is one of the buttons at the foot of a page.
type languageChoice struct {
	Tag, Name string
	Current   bool
}

func (v *visit) languageChoices() []languageChoice {
	var choices []languageChoice
	for _, l := range words.Languages() {
		choices = append(choices, languageChoice{Tag: string(l), Name: l.Name(), Current: l == v.words.Language()})
	}
	return choices
}
