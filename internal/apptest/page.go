package apptest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Page is what a browser shows: an answer, read as a person or a screen reader
// reads it.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte
	Hops   []string // the addresses that led here, this one last

	doc *html.Node
}

// every calls f for each element of a tree, in the order of the document.
func every(n *html.Node, f func(*html.Node)) {
	if n.Type == html.ElementNode {
		f(n)
	}
	for child := range n.ChildNodes() {
		every(child, f)
	}
}

// all collects the elements that match.
func all(n *html.Node, match func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	every(n, func(e *html.Node) {
		if match(e) {
			found = append(found, e)
		}
	})
	return found
}

func tagged(atoms ...atom.Atom) func(*html.Node) bool {
	return func(n *html.Node) bool { return slices.Contains(atoms, n.DataAtom) }
}

// attr is an attribute's value, "" when it is not there.
func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func (p *Page) byID(id string) *html.Node {
	found := all(p.doc, func(n *html.Node) bool { return attr(n, "id") == id })
	if id == "" || len(found) == 0 {
		return nil
	}
	return found[0]
}

func above(n *html.Node, match func(*html.Node) bool) *html.Node {
	for ; n != nil; n = n.Parent {
		if n.Type == html.ElementNode && match(n) {
			return n
		}
	}
	return nil
}

// silent elements hold no words for anybody.
var silent = tagged(atom.Script, atom.Style, atom.Template, atom.Head, atom.Noscript)

// inline elements do not end a line.
var inline = tagged(atom.A, atom.Abbr, atom.B, atom.Bdi, atom.Code, atom.Em, atom.I, atom.Kbd, atom.Mark, atom.Q, atom.S, atom.Small,
	atom.Span, atom.Strong, atom.Sub, atom.Sup, atom.Time, atom.U, atom.Var)

// textOf is the text of a tree on one line. What a click opens (details, menus)
// counts as seen; what is hidden does not.
func textOf(n *html.Node) string {
	var b strings.Builder
	write(&b, n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func write(b *strings.Builder, n *html.Node) {
	switch {
	case n.Type == html.TextNode:
		b.WriteString(n.Data)
		return
	case n.Type == html.ElementNode && (silent(n) || has(n, "hidden")):
		return
	}
	breaks := n.Type == html.ElementNode && !inline(n)
	if breaks {
		b.WriteByte('\n')
	}
	for child := range n.ChildNodes() {
		write(b, child)
	}
	if breaks {
		b.WriteByte('\n')
	}
}

// name is what an element is called, as a screen reader computes it: by the
// labels that point at it, by its own label, by its content.
func (p *Page) name(n *html.Node) string {
	if ids := attr(n, "aria-labelledby"); ids != "" {
		var parts []string
		for id := range strings.FieldsSeq(ids) {
			if label := p.byID(id); label != nil {
				parts = append(parts, textOf(label))
			}
		}
		return strings.Join(parts, " ")
	}
	if label := attr(n, "aria-label"); label != "" {
		return label
	}
	switch n.DataAtom {
	case atom.Input, atom.Select, atom.Textarea:
		if kind := attr(n, "type"); n.DataAtom == atom.Input && (kind == "submit" || kind == "button") {
			return attr(n, "value")
		}
		return p.label(n)
	case atom.Img:
		return attr(n, "alt")
	}
	if text := textOf(n); text != "" {
		return text
	}
	pictures := all(n, tagged(atom.Img, atom.Title))
	switch {
	case len(pictures) == 0:
		return attr(n, "title")
	case pictures[0].DataAtom == atom.Img:
		return attr(pictures[0], "alt")
	}
	return textOf(pictures[0])
}

// label is the text of a field's label.
func (p *Page) label(field *html.Node) string {
	if id := attr(field, "id"); id != "" {
		labels := all(p.doc, func(n *html.Node) bool { return n.DataAtom == atom.Label && attr(n, "for") == id })
		if len(labels) > 0 {
			return textOf(labels[0])
		}
	}
	if around := above(field, tagged(atom.Label)); around != nil {
		return textOf(around)
	}
	return ""
}

// Text is all that the page says.
func (p *Page) Text() string { return textOf(p.doc) }

// Heading is the text of its h1.
func (p *Page) Heading() string {
	if found := all(p.doc, tagged(atom.H1)); len(found) > 0 {
		return textOf(found[0])
	}
	return ""
}

// Title is what the browser's tab says.
func (p *Page) Title() string {
	if found := all(p.doc, tagged(atom.Title)); len(found) > 0 && found[0].FirstChild != nil {
		return found[0].FirstChild.Data
	}
	return ""
}

// links, buttons and fields, by what they are called.
func (p *Page) links(in *html.Node) []*html.Node {
	return all(in, func(n *html.Node) bool { return n.DataAtom == atom.A && has(n, "href") })
}

func (p *Page) buttons(in *html.Node) []*html.Node {
	return all(in, func(n *html.Node) bool {
		return n.DataAtom == atom.Button || n.DataAtom == atom.Input && attr(n, "type") == "submit"
	})
}

func (p *Page) fields(in *html.Node) []*html.Node {
	return all(in, func(n *html.Node) bool {
		switch n.DataAtom {
		case atom.Select, atom.Textarea:
			return true
		case atom.Input:
			kind := attr(n, "type")
			return kind != "hidden" && kind != "submit" && kind != "button"
		}
		return false
	})
}

func (p *Page) called(list []*html.Node, name string) []*html.Node {
	return slices.DeleteFunc(list, func(n *html.Node) bool { return p.name(n) != name })
}

func (p *Page) names(list []*html.Node) string {
	var names []string
	for _, n := range list {
		names = append(names, p.name(n))
	}
	return strings.Join(names, " | ")
}

// formOf is the form that a control belongs to.
func (p *Page) formOf(control *html.Node) *html.Node {
	if id := attr(control, "form"); id != "" {
		return p.byID(id)
	}
	return above(control, tagged(atom.Form))
}
