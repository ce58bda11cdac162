package apptest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"doorstep/internal/words"
)

// Browser is a browser without scripts: it keeps cookies, follows redirects,
// reads pages and sends forms, hidden fields and all, by the words that a person
// sees. It fails the test when a person would be stuck.
type Browser struct {
	app      *App
	Jar      http.CookieJar
	Device   string // the User-Agent
	Language words.Language
	// Modern browsers say from where a request comes (Sec-Fetch-Site), but only to
	// https and to this computer: to a plain http address in a local network they
	// say it no more than old ones do.
	Modern bool
	// Roams: it may be led to other hosts, which a page of ours does seldom.
	Roams bool

	*Page
	typed *typed
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0"

// Browser makes one without cookies.
func (a *App) Browser(l words.Language) *Browser {
	a.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return &Browser{app: a, Jar: jar, Device: firefox, Language: l, Modern: true}
}

// Say is what a page says in this browser's language.
func (b *Browser) Say(key string, args ...words.Args) string {
	b.app.t.Helper()
	return b.app.words.In(b.Language).Say(key, args...)
}

// Visit types an address of the App.
func (b *Browser) Visit(path string) {
	b.app.t.Helper()
	u, err := url.Parse(b.app.URL)
	if err == nil {
		u, err = u.Parse(path)
	}
	if err != nil {
		b.app.t.Fatal(err)
	}
	b.load(http.MethodGet, u, nil, "none")
}

// Reload asks for the page again.
func (b *Browser) Reload() { b.app.t.Helper(); b.load(http.MethodGet, b.URL, nil, "same-origin") }

const mostHops = 10

// load asks for an address and follows where it leads.
func (b *Browser) load(method string, u *url.URL, form url.Values, site string) {
	b.app.t.Helper()
	var hops []string
	for range mostHops {
		hops = append(hops, u.RequestURI())
		p := b.ask(method, u, form, site)
		to := p.Header.Get("Location")
		if p.Status < 300 || p.Status > 399 || to == "" {
			p.Hops = hops
			b.Page, b.typed = p, newTyped()
			return
		}
		next, err := u.Parse(to)
		if err != nil {
			b.app.t.Fatalf("%s leads to %q: %v", u.Path, to, err)
		}
		if !b.Roams && (next.Host != u.Host || next.Scheme != u.Scheme) {
			b.app.t.Fatalf("%s leads away, to %s", u.Path, next)
		}
		if p.Status != http.StatusTemporaryRedirect && p.Status != http.StatusPermanentRedirect {
			method, form = http.MethodGet, nil
		}
		u = next
	}
	b.app.t.Fatalf("round in circles: %s", strings.Join(hops, " → "))
}

// ask sends one request as a browser sends it.
func (b *Browser) ask(method string, u *url.URL, form url.Values, site string) *Page {
	b.app.t.Helper()
	var content io.Reader
	if method == http.MethodPost {
		content = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, u.String(), content)
	if err != nil {
		b.app.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"User-Agent": b.Device, "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "Accept-Language": string(b.Language),
	} {
		r.Header.Set(name, value)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.origin())
	}
	if b.Modern {
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
	}
	for _, cookie := range b.Jar.Cookies(u) {
		r.AddCookie(cookie)
	}
	answer, err := b.app.transport().RoundTrip(r)
	if err != nil {
		b.app.t.Fatalf("%s %s: %v", method, u.Path, err)
	}
	defer answer.Body.Close()
	b.Jar.SetCookies(u, answer.Cookies())
	p := &Page{URL: u, Status: answer.StatusCode, Header: answer.Header}
	if p.Body, err = io.ReadAll(answer.Body); err != nil {
		b.app.t.Fatalf("%s %s: %v", method, u.Path, err)
	}
	if p.doc, err = html.Parse(bytes.NewReader(p.Body)); err != nil {
		b.app.t.Fatalf("%s %s: %v", method, u.Path, err)
	}
	return p
}

// origin is what a browser says of where a form comes from: nothing, to a page
// that forbids referrers (Fetch standard, "append a request `Origin` header").
func (b *Browser) origin() string {
	if b.Page != nil && b.Header.Get("Referrer-Policy") == "no-referrer" {
		return "null"
	}
	return b.app.URL
}

// Follow clicks the link of that name.
func (b *Browser) Follow(name string) { b.app.t.Helper(); b.whole().Follow(name) }

// Link is where the link of that name leads.
func (b *Browser) Link(name string) *url.URL { b.app.t.Helper(); return b.whole().Link(name) }

// Press presses the button of that name, which sends its form.
func (b *Browser) Press(name string) { b.app.t.Helper(); b.whole().Press(name) }

// Fill types into a field, or picks from a list.
func (b *Browser) Fill(label, value string) { b.app.t.Helper(); b.whole().Fill(label, value) }

// Tick ticks a box or chooses a round button.
func (b *Browser) Tick(label string) { b.app.t.Helper(); b.whole().Tick(label) }

// Sees fails the test unless the page says all of it.
func (b *Browser) Sees(texts ...string) {
	b.app.t.Helper()
	for _, text := range texts {
		if !strings.Contains(b.Text(), strings.Join(strings.Fields(text), " ")) {
			b.app.t.Fatalf("the page does not say %q\n%s", text, b)
		}
	}
}

// SeesNot fails the test when the page says any of it.
func (b *Browser) SeesNot(texts ...string) {
	b.app.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.Text(), text) {
			b.app.t.Fatalf("the page says %q\n%s", text, b)
		}
	}
}

// IsAt fails the test unless the browser is at that path, with that status.
func (b *Browser) IsAt(path string, status int) {
	b.app.t.Helper()
	if b.URL.Path != path || b.Status != status {
		b.app.t.Fatalf("want %d at %s, not\n%s", status, path, b)
	}
}

func (b *Browser) String() string {
	return fmt.Sprintf("%d at %s, “%s”: %s", b.Status, strings.Join(b.Hops, " → "), b.Title(), b.Text())
}

// Holds is what a field has in it now.
func (b *Browser) Holds(label string) string {
	b.app.t.Helper()
	found := b.called(b.fields(b.doc), label)
	if len(found) != 1 {
		b.app.t.Fatalf("there are %d fields %q\n%s", len(found), label, b)
	}
	return b.value(b.typed, found[0])
}

// Part is a part of a page, with the same words in it as elsewhere.
type Part struct {
	b  *Browser
	in *html.Node
}

func (b *Browser) whole() *Part { return &Part{b, b.doc} }

// Menu opens the menu of the button of that name.
func (b *Browser) Menu(name string) *Part {
	b.app.t.Helper()
	found := b.called(b.buttons(b.doc), name)
	if len(found) != 1 {
		b.app.t.Fatalf("there are %d buttons %q, but: %s", len(found), name, b.names(b.buttons(b.doc)))
	}
	menu := b.byID(attr(found[0], "popovertarget"))
	if menu == nil || !has(menu, "popover") {
		b.app.t.Fatalf("the button %q opens nothing without a script", name)
	}
	return &Part{b, menu}
}

// Row is the row of a table that says this.
func (b *Browser) Row(text string) *Part {
	b.app.t.Helper()
	rows := all(b.doc, func(n *html.Node) bool { return n.Data == "tr" && strings.Contains(textOf(n), text) })
	if len(rows) != 1 {
		b.app.t.Fatalf("%d rows say %q\n%s", len(rows), text, b)
	}
	return &Part{b, rows[0]}
}

// Text is all that the part says.
func (p *Part) Text() string { return textOf(p.in) }

// Follow clicks the link of that name.
func (p *Part) Follow(name string) {
	p.b.app.t.Helper()
	p.b.load(http.MethodGet, p.Link(name), nil, "same-origin")
}

// Link is where the link of that name leads.
func (p *Part) Link(name string) *url.URL {
	p.b.app.t.Helper()
	found := p.b.called(p.b.links(p.in), name)
	if len(found) == 0 {
		p.b.app.t.Fatalf("there is no link %q, but: %s\n%s", name, p.b.names(p.b.links(p.in)), p.b)
	}
	href := attr(found[0], "href")
	if slices.ContainsFunc(found, func(n *html.Node) bool { return attr(n, "href") != href }) {
		p.b.app.t.Fatalf("link %q: %v, and they lead to different pages", name, errSeveral)
	}
	u, err := p.b.URL.Parse(href)
	if err != nil {
		p.b.app.t.Fatalf("link %q: %v", name, err)
	}
	return u
}

// Press presses the button of that name.
func (p *Part) Press(name string) {
	p.b.app.t.Helper()
	s, err := p.b.press(p.b.typed, p.in, name)
	if err != nil {
		p.b.app.t.Fatalf("%v\n%s", err, p.b)
	}
	if s.method == http.MethodGet {
		s.target.RawQuery = s.values.Encode()
	}
	p.b.load(s.method, s.target, s.values, "same-origin")
}

// Fill types into a field, or picks from a list.
func (p *Part) Fill(label, value string) {
	p.b.app.t.Helper()
	if err := p.b.fill(p.b.typed, p.in, label, value); err != nil {
		p.b.app.t.Fatalf("%v\n%s", err, p.b)
	}
}

// Tick ticks a box or chooses a round button.
func (p *Part) Tick(label string) {
	p.b.app.t.Helper()
	if err := p.b.tick(p.b.typed, p.in, label); err != nil {
		p.b.app.t.Fatalf("%v\n%s", err, p.b)
	}
}

var (
	keyOnPage  = regexp.MustCompile(`\b(?:[A-Z2-7]{4} ?){7}[A-Z2-7]{4}\b`)
	codeOnPage = regexp.MustCompile(`\b[0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3}\b`)
)

// SetupKey is the key that an activation page shows for typing.
func (b *Browser) SetupKey() string {
	b.app.t.Helper()
	key := keyOnPage.FindString(b.Text())
	if key == "" {
		b.app.t.Fatalf("the page shows no setup key\n%s", b)
	}
	return key
}

// RecoveryCodes are the codes that the page shows, in their order.
func (b *Browser) RecoveryCodes() []string {
	var codes []string
	for _, code := range codeOnPage.FindAllString(b.Text(), -1) {
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}
