package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Looking into a page as a browser understands it.

func copyAll(to io.Writer, r *http.Response) (int64, error) { return io.Copy(to, r.Body) }

// unzipped is a text that came compressed.
func unzipped(t *testing.T, text string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func each(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, visit)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// node is an element, or nothing at all.
type node struct{ *html.Node }

func (a *answer) find(match func(*html.Node) bool) (found *html.Node) {
	each(a.doc, func(n *html.Node) {
		if found == nil && match(n) {
			found = n
		}
	})
	return found
}

func (a *answer) all(name string) (list []*html.Node) {
	each(a.doc, func(n *html.Node) {
		if n.Data == name {
			list = append(list, n)
		}
	})
	return list
}

func (a *answer) byID(id string) node {
	return node{a.find(func(n *html.Node) bool { return attr(n, "id") == id })}
}

func (a *answer) class(class string) node {
	return node{a.find(func(n *html.Node) bool {
		for _, c := range strings.Fields(attr(n, "class")) {
			if c == class {
				return true
			}
		}
		return false
	})}
}

func (a *answer) h1() string {
	return node{a.find(func(n *html.Node) bool { return n.Data == "h1" })}.text()
}

func (a *answer) title() string {
	return node{a.find(func(n *html.Node) bool { return n.Data == "title" })}.text()
}

// text is all that is read of an element, with single spaces.
func (n node) text() string {
	if n.Node == nil {
		return ""
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n.Node)
	return strings.Join(strings.Fields(b.String()), " ")
}

// textOf is what a field of several lines holds, line by line.
func textOf(n *html.Node) string {
	if n.FirstChild == nil {
		return ""
	}
	return n.FirstChild.Data
}

func (a *answer) text() string { return node{a.doc}.text() }

// problem is the text of the error summary, news that of the banner.
func (a *answer) problem() string { return a.class("error-summary").text() }

func (a *answer) news() string {
	return node{a.find(func(n *html.Node) bool { return attr(n, "role") == "status" && has(n, "data-focus") })}.text()
}

func (a *answer) codes() (codes []string) {
	list := a.byID("codes")
	if list.Node == nil {
		return nil
	}
	each(list.Node, func(n *html.Node) {
		if n.Data == "code" {
			codes = append(codes, node{n}.text())
		}
	})
	return codes
}

// hrefOf is the first link that begins so.
func (a *answer) hrefOf(prefix string) string {
	n := a.find(func(n *html.Node) bool { return n.Data == "a" && strings.HasPrefix(attr(n, "href"), prefix) })
	if n == nil {
		return ""
	}
	return attr(n, "href")
}

func (a *answer) link(href string) bool {
	return a.find(func(n *html.Node) bool { return n.Data == "a" && attr(n, "href") == href }) != nil
}

// exampleCode is the recovery code that the hint shows.
const exampleCode = "7k3m‑q9wd‑2xhp‑4tbn" // with hyphens that do not break the line
