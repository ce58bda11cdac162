package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// What can be clicked, as assistive technology names it.
var (
	clickable = []string{"link", "button", "menuitem", "checkbox", "radio", "DisclosureTriangle"}
	typeable  = []string{"textbox", "searchbox", "combobox"}
)

// find points at the one thing of these roles that has exactly this name. The
// name is the one that a screen reader says, so a button without one is not found.
func (p *person) find(name string, roles ...string) (runtime.RemoteObjectID, error) {
	p.t.Helper()
	root := call(p, runtime.Evaluate, runtime.EvaluateParams{Expression: "document"})
	found := call(p, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: root.Result.ObjectID, AccessibleName: oneLine(name)})
	for _, n := range found.Nodes {
		if n.Ignored || n.Role == nil || !slices.Contains(roles, text(n.Role.Value)) {
			continue
		}
		node := call(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: n.BackendDOMNodeID})
		return node.Object.ObjectID, nil
	}
	return "", fmt.Errorf("there is no %s named %q here", strings.Join(roles, " or "), name)
}

func text(v []byte) string {
	var s string
	_ = json.Unmarshal(v, &s)
	return s
}

// findSoon is find for what the page's script may still be about to show.
func (p *person) findSoon(name string, roles ...string) runtime.RemoteObjectID {
	p.t.Helper()
	var id runtime.RemoteObjectID
	var err error
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		if id, err = p.find(name, roles...); err == nil {
			return id
		}
	}
	p.fail("%v", err)
	return ""
}

// has says whether something can be clicked here now.
func (p *person) has(name string) bool {
	p.t.Helper()
	_, err := p.find(name, clickable...)
	return err == nil
}

// on calls a function with an element as its `this`.
func on[T any](p *person, id runtime.RemoteObjectID, function string) T {
	p.t.Helper()
	yes := true
	answer := call(p, runtime.CallFunctionOn, runtime.CallFunctionOnParams{FunctionDeclaration: function, ObjectID: id, ReturnByValue: &yes})
	if answer.ExceptionDetails != nil {
		p.fail("in the page: %s", answer.ExceptionDetails.Text)
	}
	var value T
	if answer.Result.Value != nil {
		if err := json.Unmarshal(answer.Result.Value, &value); err != nil {
			p.fail("%v", err)
		}
	}
	return value
}

// aim is the middle of an element, brought into view, and what lies over it: a
// click there must reach it.
const aim = `function() {
	this.scrollIntoView({block: "nearest", inline: "nearest", behavior: "instant"})
	const box = [...this.getClientRects()].find(r => r.width > 0 && r.height > 0)
	if (!box) return {over: "nothing, for it has no size"}
	const x = box.x + box.width / 2, y = box.y + box.height / 2
	const top = document.elementFromPoint(x, y)
	const hit = top && (top == this || this.contains(top) || top.contains(this) && top.closest("label"))
	return {x, y, over: hit ? "" : top ? top.outerHTML.slice(0, 120) : "nothing"}
}`

type spot struct {
	X, Y float64
	Over string
}

// mouse is a click on an element with the mouse.
func (p *person) mouse(name string, id runtime.RemoteObjectID) chromedp.Action[chromedp.Void] {
	p.t.Helper()
	at := on[spot](p, id, aim)
	if at.Over != "" {
		p.fail("a click on %q would hit %s", name, at.Over)
	}
	return chromedp.MouseClickXY(at.X, at.Y)
}

// clicks something that leads to another page.
func (p *person) clicks(name string) {
	p.t.Helper()
	p.arrivesBy(p.mouse(name, p.findSoon(name, clickable...)))
}

// presses something that changes this page only.
func (p *person) presses(name string) {
	p.t.Helper()
	p.do(p.mouse(name, p.findSoon(name, clickable...)))
}

// fills the field of a label, as by pasting: what stood there is replaced.
func (p *person) fills(label, text string) {
	p.t.Helper()
	id := p.findSoon(label, typeable...)
	p.do(p.mouse(label, id))
	on[any](p, id, `function() { this.select() }`)
	if text == "" {
		p.do(chromedp.KeyEvent("\b"))
		return
	}
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// chooses an option of a list.
func (p *person) chooses(label, option string) {
	p.t.Helper()
	if !on[bool](p, p.findSoon(label, typeable...), fmt.Sprintf(`function() {
		const option = [...this.options].find(o => o.text == %q)
		if (option) option.selected = true
		return !!option
	}`, option)) {
		p.fail("%q has no option %q", label, option)
	}
}

// value is what stands in the field of a label.
func (p *person) value(label string) string {
	p.t.Helper()
	return on[string](p, p.findSoon(label, typeable...), `function() { return this.value }`)
}

// keys presses keys, wherever the focus is.
func (p *person) keys(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// focused is the name of what has the focus.
func (p *person) focused() string {
	p.t.Helper()
	return eval[string](p, `(e => e.getAttribute("aria-label") || e.textContent.replace(/\s+/g, " ").trim())(document.activeElement)`)
}
