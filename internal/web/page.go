package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// common is what every page's struct begins with.
type common struct {
	Title    string // the h1; the browser's title begins with it
	Main     string // class of <main>: "flow" for forms, "" for lists
	Bare     bool   // no menu, nobody's name: signing in, setting up
	CSRF     string
	Next     string // a page of ours to go on to …
	Return   string // … or an app
	Problems []problem
	Helps    string // the article that helps with them, "" for none
	Banner   *banner
}

func (c *common) head() *common { return c }

// view is a page's struct: what it embeds says the rest.
type view interface{ head() *common }

// problem is a refusal as a page says it: on top, and at the field.
type problem struct {
	Field string // also the id of its input; "" for none
	Label string // of the field, on top, where a sentence alone does not say which it is about
	Lines []string
}

// Wrong is what is said at a field, "" when there is nothing wrong with it. What
// helps is said on top alone.
func (c *common) Wrong(field string) string {
	for _, p := range c.Problems {
		if p.Field == field {
			return p.Lines[0]
		}
	}
	return ""
}

// Described lists the ids that describe a field: its hints, and what is wrong.
func (c *common) Described(field string, hints ...string) string {
	if c.Wrong(field) != "" {
		hints = append(hints, field+"-error")
	}
	return strings.Join(hints, " ")
}

// common begins a page's struct: a form that was refused says why, any other page
// what just happened.
func (v *visit) common(title string, names ...words.Args) common {
	c := common{Title: title, Main: "flow", CSRF: v.formToken()}
	if isOutside(v.next) {
		c.Return = v.next
	} else {
		c.Next = v.next
	}
	switch r := v.refused; {
	case len(v.problems) > 0:
		c.Problems = v.problems
	case r != nil:
		for ; r != nil; r = r.Also {
			if r.Field != "" && c.Wrong(r.Field) != "" {
				continue // one thing at a time for each field
			}
			if c.Helps == "" {
				c.Helps = articleFor(r.Code)
			}
			c.Problems = append(c.Problems, problem{Field: r.Field, Lines: []string{edge.Sentence(v.words, r)}})
		}
	case len(names) > 0:
		c.Banner = v.banner(names[0])
	default:
		c.Banner = v.banner(nil)
	}
	return c
}

// frame is the page around a page.
type frame struct {
	Language  words.Language
	Theme     string
	Title     string // of the browser
	Name      string // the team's, or the product's while nobody is known
	Home      string
	Person    string // "" when nobody is signed in
	CSRF      string // of the forms that sign out and choose a language
	Watch     bool
	Idle      int // seconds until the session idles out; 0 to say nothing
	IdleWarn  string
	Demo      bool
	Menu      []entry
	Main      string
	Body      template.HTML
	Languages []languageChoice
	Typed     bool   // the languages go with the form that somebody types into …
	Here      string // … or lead back here
}

// entry is one line of the menu.
type entry struct{ Href, Text, Current string }

// menu lists what this person may open; what they may not is not in it.
func (v *visit) menu() []entry {
	list := []entry{{Href: "/", Text: v.say("nav.home")}}
	if core.NeedAdmin.Meets(v.session, v.core.Now()) == nil {
		list = append(list, entry{Href: "/team", Text: v.say("nav.team")})
		if v.session.User.ContainedUntil.IsZero() { // who was just restarted answers nobody's request
			list = append(list, v.requestsEntry())
		}
		list = append(list, entry{Href: auditPath, Text: v.say("nav.audit")}, entry{Href: policyPath, Text: v.say("nav.policy")})
	}
	list = append(list, entry{Href: "/me", Text: v.say("nav.me")}, entry{Href: helpPath, Text: v.say("nav.help")})
	now := -1 // the entry whose address says most of where we are
	for i, e := range list {
		here := v.r.URL.Path == e.Href || e.Href != "/" && strings.HasPrefix(v.r.URL.Path, e.Href+"/")
		if here && (now < 0 || len(e.Href) > len(list[now].Href)) {
			now = i
		}
	}
	if now >= 0 {
		list[now].Current = "true"
		if v.r.URL.Path == list[now].Href {
			list[now].Current = "page"
		}
	}
	return list
}

// idleWarning is how long before an idle sign-out an open page says so; the
// module keeps the same time.
const idleWarning = 2 * time.Minute

func (v *visit) frame(c *common, body template.HTML) frame {
	f := frame{
		Language: v.words.Language(), Title: c.Title, Name: v.say("common.product"), Home: "/", Demo: v.web.demo,
		Main: c.Main, Body: body, Languages: v.languageChoices(),
		Typed: strings.Contains(string(body), `<form id="typed" `), Here: v.here().String(),
	}
	if v.session != nil {
		f.CSRF = v.tokenFor(v.session.ID)
	}
	if s := v.session; s != nil && !c.Bare {
		f.Name, f.Theme, f.Person, f.Watch = s.User.Team.Name, s.User.Theme, s.User.Name, true
		if s.SecondStep != core.SecondStepRecoveryCode { // that one ends in an hour whatever anybody does
			f.Idle = edge.Seconds(s.ExpiresAt.Sub(v.core.Now()))
			f.IdleWarn = v.say("idle.warn", words.Args{"time": idleWarning})
		}
		switch s.Reach {
		case core.ReachFull:
			f.Menu = v.menu()
		case core.ReachPassword:
			f.Home = newPasswordPath
		default:
			f.Home = "/me/two-step/activate"
		}
	}
	if len(f.Menu) == 0 && f.Main == "" {
		f.Main = "flow"
	}
	f.Title += " · " + f.Name
	if len(c.Problems) > 0 {
		f.Title = v.say("err.prefix") + " " + f.Title
	}
	return f
}

// show renders a page: with the status of what was refused, if anything was.
func (v *visit) show(name string, page view) error {
	status := http.StatusOK
	if r := v.refused; r != nil {
		status = statusOf(r)
		edge.RetryAfter(v.rw.Header(), r.RetryAfter)
	}
	return v.showAs(status, name, page)
}

func (v *visit) showAs(status int, name string, page view) error {
	var body bytes.Buffer
	if err := v.web.pages[v.words.Language()].ExecuteTemplate(&body, name, page); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	return v.write(status, v.frame(page.head(), template.HTML(body.String()))) // our own template made it
}

// write sends the whole page or nothing: what fails on the way must not leave
// half a page with a good status.
func (v *visit) write(status int, f frame) error {
	var text bytes.Buffer
	if err := v.web.pages[v.words.Language()].ExecuteTemplate(&text, "frame", f); err != nil {
		return fmt.Errorf("render the frame: %w", err)
	}
	h := v.rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(v.words.Language()))
	h.Set("Cache-Control", "no-store")
	v.send(status, text.Bytes())
	return nil
}

// Frame renders a body, which has its own h1, as a page of ours: for the demo, whose
// pages show codes, keys and letters with links.
func (w *Web) Frame(rw http.ResponseWriter, r *http.Request, status int, title string, body template.HTML) {
	w.plain(func(v *visit) error {
		v.secret = true
		return v.write(status, v.frame(&common{Title: title}, body))
	}).ServeHTTP(rw, r)
}
