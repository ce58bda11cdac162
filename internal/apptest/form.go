package apptest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// typed is what a person has put into the fields of a page since it was opened.
type typed struct {
	text   map[*html.Node]string
	ticked map[*html.Node]bool
}

func newTyped() *typed { return &typed{text: map[*html.Node]string{}, ticked: map[*html.Node]bool{}} }

var errSeveral = errors.New("there are several")

// fill types into the field of that name, or picks the choice of that name in a
// list.
func (p *Page) fill(t *typed, in *html.Node, label, value string) error {
	found := p.called(p.fields(in), label)
	switch {
	case len(found) == 0:
		return fmt.Errorf("there is no field %q, but: %s", label, p.names(p.fields(in)))
	case len(found) > 1:
		return fmt.Errorf("field %q: %w", label, errSeveral)
	case has(found[0], "readonly") || has(found[0], "disabled"):
		return fmt.Errorf("the field %q takes nothing", label)
	}
	field := found[0]
	if field.DataAtom != atom.Select {
		t.text[field] = value
		return nil
	}
	for _, option := range all(field, tagged(atom.Option)) {
		if textOf(option) == value {
			t.text[field] = optionValue(option)
			return nil
		}
	}
	return fmt.Errorf("%q is no choice of %q, but: %s", value, label, p.names(all(field, tagged(atom.Option))))
}

func optionValue(option *html.Node) string {
	if has(option, "value") {
		return attr(option, "value")
	}
	return textOf(option)
}

// tick ticks the box, or chooses the round button, of that name.
func (p *Page) tick(t *typed, in *html.Node, label string) error {
	found := p.called(p.fields(in), label)
	if len(found) != 1 {
		return fmt.Errorf("there are %d boxes %q, but: %s", len(found), label, p.names(p.fields(in)))
	}
	switch box := found[0]; attr(box, "type") {
	case "checkbox":
		t.ticked[box] = true
	case "radio":
		for _, other := range p.fields(p.doc) {
			if attr(other, "type") == "radio" && attr(other, "name") == attr(box, "name") && p.formOf(other) == p.formOf(box) {
				t.ticked[other] = other == box
			}
		}
	default:
		return fmt.Errorf("%q is nothing to tick", label)
	}
	return nil
}

// isTicked says how a box stands.
func (t *typed) isTicked(box *html.Node) bool {
	if now, touched := t.ticked[box]; touched {
		return now
	}
	return has(box, "checked")
}

// sending is a form on its way.
type sending struct {
	method string
	target *url.URL
	values url.Values
}

// press sends the form of the button of that name, hidden fields and all.
func (p *Page) press(t *typed, in *html.Node, name string) (*sending, error) {
	found := p.called(p.buttons(in), name)
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("there is no button %q, but: %s", name, p.names(p.buttons(in)))
	case len(found) > 1:
		return nil, fmt.Errorf("button %q: %w", name, errSeveral)
	}
	button := found[0]
	form := p.formOf(button)
	switch kind := attr(button, "type"); {
	case has(button, "disabled"), attr(button, "aria-disabled") == "true":
		return nil, fmt.Errorf("the button %q cannot be pressed", name)
	case has(button, "popovertarget"):
		return nil, fmt.Errorf("the button %q opens a menu", name)
	case form == nil, kind == "button", kind == "reset":
		return nil, fmt.Errorf("the button %q does nothing without a script", name)
	}
	method, action := attr(form, "method"), attr(form, "action")
	if has(button, "formmethod") {
		method = attr(button, "formmethod")
	}
	if has(button, "formaction") {
		action = attr(button, "formaction")
	}
	if enc := attr(form, "enctype"); enc != "" && enc != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("this browser does not send %s", enc)
	}
	target, err := p.URL.Parse(action)
	if err != nil {
		return nil, fmt.Errorf("the form of %q: %w", name, err)
	}
	s := &sending{method: http.MethodGet, target: target, values: p.content(t, form, button)}
	if strings.EqualFold(method, "post") {
		s.method = http.MethodPost
	}
	return s, nil
}

// content is what a form sends: the fields that have a name and are not disabled,
// and the button that was pressed.
func (p *Page) content(t *typed, form, button *html.Node) url.Values {
	values := url.Values{}
	for _, field := range all(p.doc, tagged(atom.Input, atom.Select, atom.Textarea)) {
		name := attr(field, "name")
		if name == "" || has(field, "disabled") || p.formOf(field) != form {
			continue
		}
		switch kind := attr(field, "type"); {
		case field.DataAtom == atom.Input && (kind == "submit" || kind == "button" || kind == "image" || kind == "reset"):
		case field.DataAtom == atom.Input && (kind == "checkbox" || kind == "radio"):
			if t.isTicked(field) {
				values.Add(name, valueOr(field, "on"))
			}
		default:
			values.Add(name, p.value(t, field))
		}
	}
	if name := attr(button, "name"); name != "" {
		values.Add(name, attr(button, "value"))
	}
	return values
}

func valueOr(n *html.Node, otherwise string) string {
	if has(n, "value") {
		return attr(n, "value")
	}
	return otherwise
}

// value is what a field holds now.
func (p *Page) value(t *typed, field *html.Node) string {
	if text, touched := t.text[field]; touched {
		return text
	}
	switch field.DataAtom {
	case atom.Textarea:
		if field.FirstChild != nil {
			return strings.TrimPrefix(field.FirstChild.Data, "\n")
		}
		return ""
	case atom.Select:
		options := all(field, tagged(atom.Option))
		for _, o := range options {
			if has(o, "selected") {
				return optionValue(o)
			}
		}
		if len(options) > 0 {
			return optionValue(options[0])
		}
		return ""
	}
	return attr(field, "value")
}
