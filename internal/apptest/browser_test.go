package apptest

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A browser that is kinder than a real one would pass pages that nobody can use.

const somePage = `<!doctype html><html><head><title>Some page</title></head><body>
<a href="/one">One</a> <a href="/two" aria-label="The second">Two</a> <a href="/three"><svg><title>Third</title></svg></a> <a>nowhere</a>
<p>half<strong>-bold</strong>, <span hidden>unseen</span>then</p><ul><li>a</li><li>b</li></ul><script>never()</script>
<form method="post" action="/go?x=1">
<input type="hidden" name="csrf" value="T">
<label for="name">Your name</label><input id="name" name="name" value="Ana">
<label>Kind <select name="kind"><option value="a">First</option><option value="b" selected>Second</option></select></label>
<label><input type="checkbox" name="saved" value="true"> I saved it</label>
<label><input type="radio" name="way" value="x" checked> This way</label><label><input type="radio" name="way" value="y"> That way</label>
<label for="off">Off</label><input id="off" name="off" value="1" disabled>
<label for="only">Only to read</label><input id="only" name="only" value="1" readonly>
<label for="note">Note</label><textarea id="note" name="note">
line</textarea>
<button name="act" value="go">Go</button><button name="act" value="other" formaction="/other">Other</button>
<button type="button">Script</button><button popovertarget="menu" type="button">Open</button>
</form>
<div id="menu" popover><a href="/in">Inside</a></div>
<input name="apart" form="second" value="2"><form id="second"><button>Find</button></form>
<button>Lost</button><button aria-disabled="true">Later</button>
</body></html>`

func open(t *testing.T) *Page {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(somePage))
	if err != nil {
		t.Fatal(err)
	}
	return &Page{URL: &url.URL{Scheme: "http", Host: "localhost", Path: "/here"}, Status: 200, doc: doc}
}

func TestReading(t *testing.T) {
	p := open(t)
	if got := p.Text(); !strings.Contains(got, "half-bold, then a b") || strings.Contains(got, "unseen") || strings.Contains(got, "never") {
		t.Errorf("the page says %q", got)
	}
	if got := p.names(p.links(p.doc)); got != "One | The second | Third | Inside" {
		t.Errorf("links: %s", got)
	}
	if got := p.names(p.fields(p.doc)); got != "Your name | Kind First Second | I saved it | This way | That way | Off | Only to read | Note | " {
		t.Errorf("fields: %s", got)
	}
}

func TestSendingForms(t *testing.T) {
	p, in := open(t), newTyped()
	for _, err := range []error{p.fill(in, p.doc, "Your name", "Carla"), p.fill(in, p.doc, "Kind First Second", "First"), p.tick(in, p.doc, "I saved it"), p.tick(in, p.doc, "That way")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := p.press(in, p.doc, "Go")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.method + " " + s.target.String() + " " + s.values.Encode(); got != "POST http://localhost/go?x=1 act=go&csrf=T&kind=a&name=Carla&note=line&only=1&saved=true&way=y" {
		t.Error(got)
	}
	s, err = p.press(newTyped(), p.doc, "Other")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.target.String() + " " + s.values.Encode(); got != "http://localhost/other act=other&csrf=T&kind=b&name=Ana&note=line&only=1&way=x" {
		t.Error(got)
	}
	s, err = p.press(newTyped(), p.doc, "Find")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.method + " " + s.target.String() + " " + s.values.Encode(); got != "GET http://localhost/here apart=2" {
		t.Error(got)
	}
}

func TestWhatNobodyCanDo(t *testing.T) {
	p, in := open(t), newTyped()
	for what, err := range map[string]error{
		"a field that is not there": p.fill(in, p.doc, "Her name", "x"),
		"one that is off":           p.fill(in, p.doc, "Off", "x"),
		"one that is only to read":  p.fill(in, p.doc, "Only to read", "x"),
		"a choice that is not":      p.fill(in, p.doc, "Kind First Second", "Third"),
		"a text to tick":            p.tick(in, p.doc, "Your name"),
	} {
		if err == nil {
			t.Errorf("done: %s", what)
		}
	}
	for _, button := range []string{"Script", "Open", "Lost", "Later", "Nowhere"} {
		if s, err := p.press(in, p.doc, button); err == nil {
			t.Errorf("pressed %s: %v", button, s)
		}
	}
}
