package e2e

// inspected is what a look at a page found, in this window and theme.
type inspected struct {
	Faults          []string
	Shape, Language string
}

// inspect looks at a page as it is and with the text spacing of WCAG 1.4.12. The browser's policy for styles does not hold for a sheet
// that a debugger adopts, so the page's own policy stays on.
const inspect = `prefix => {
	const faults = (` + manners + `)(prefix)
	const styled = (rules, look) => {
		const sheet = new CSSStyleSheet()
		sheet.replaceSync(rules)
		document.adoptedStyleSheets = [sheet]
		const found = look()
		document.adoptedStyleSheets = []
		return found
	}
	for (const d of document.querySelectorAll("details")) d.open = true
	const whole = ` + whole + `
	const asIs = whole(document)
	faults.push(...asIs)
	const spaced = styled("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }", () => whole(document))
	faults.push(...spaced.filter(f => !asIs.includes(f)).map(f => "with wider text spacing: " + f))
	for (const d of document.querySelectorAll(".menu-fold[open]")) d.open = false
	return { faults, shape: ` + shape + `, language: document.documentElement.lang }
}`

// whole says where a page loses text: sideways out of the window, cut off by a box
// that hides what does not fit, out of the border that is drawn around it, or under
// other text.
const whole = `document => {
	const faults = []
	const name = e => e.outerHTML.replace(/\\s+/g, " ").slice(0, 90)
	if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways: it is " + document.documentElement.scrollWidth + " pixels wide in a window of " + innerWidth)
	const styles = new Map()
	const style = e => styles.get(e) || (styles.set(e, getComputedStyle(e)), styles.get(e))
	const lines = []
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	const range = document.createRange()
	for (let text; text = texts.nextNode();) {
		const of = text.parentElement
		if (!text.data.trim() || /^(SCRIPT|OPTION|TEXTAREA)$/.test(of.tagName) || !of.checkVisibility({ visibilityProperty: true })) continue
		let box, hidden = false
		const clips = []
		for (let e = of; e && e != document.body; e = e.parentElement) {
			const s = style(e)
			if (s.clipPath != "none" || e.matches(".skip")) { hidden = true; break }
			if (s.display == "inline") continue
			const rect = e.getBoundingClientRect()
			if (!box && (s.borderInlineStartStyle != "none" && parseFloat(s.borderInlineStartWidth) > 0 || s.backgroundColor != "rgba(0, 0, 0, 0)")) box = [e, rect]
			if (s.overflowX == "auto" || s.overflowX == "scroll") { clips.length = 0; box = undefined; hidden = "scrolls"; break }
			if (/hidden|clip/.test(s.overflowX + s.overflowY)) clips.push([e, rect])
		}
		if (hidden) continue
		range.selectNodeContents(text)
		const size = parseFloat(style(of).fontSize)
		for (const r of range.getClientRects()) {
			if (r.width < 1) continue
			const middle = (r.top + r.bottom) / 2
			const line = { text, of, left: r.left, right: r.right, top: middle - size * .35, bottom: middle + size * .35 }
			const outside = (b, by) => line.left < b.left - by || line.right > b.right + by || line.top < b.top - by || line.bottom > b.bottom + by
			if (line.left < -1 || line.right > innerWidth + 1) faults.push("text leaves the window: " + name(of))
			for (const [e, rect] of clips) if (outside(rect, 1)) faults.push("text is cut off by " + name(e) + ": " + text.data.trim().slice(0, 40))
			if (box && outside(box[1], 1.5)) faults.push("text leaves its box " + name(box[0]) + ": " + text.data.trim().slice(0, 40))
			lines.push(line)
		}
	}
	lines.sort((a, b) => a.top - b.top)
	for (let i = 0; i < lines.length; i++) {
		for (let j = i + 1; j < lines.length && lines[j].top < lines[i].bottom - 2; j++) {
			const a = lines[i], b = lines[j]
			if (a.text != b.text && a.left < b.right - 2 && b.left < a.right - 2) faults.push("text lies over text: " + name(a.of) + " and " + name(b.of))
		}
	}
	return [...new Set(faults)]
}`

// shape is what a page is made of: elements, classes, roles and states, without the
// words. A list of more of the same has the same shape.
const shape = `(() => {
	const of = e => {
		let last, text = ""
		for (const c of e.children) {
			const s = of(c)
			if (s != last) text += s
			last = s
		}
		const kept = [...e.attributes].filter(a => /^(class|type|role|hidden|open|aria-.*|data-.*|tabindex)$/.test(a.name)).map(a => a.name + (/^(class|type|role|aria-current|aria-invalid)$/.test(a.name) ? "=" + a.value : ""))
		return "<" + [e.localName, ...kept].join(" ") + (e.childElementCount ? "" : e.textContent.trim() ? " t" : "") + ">" + text + "</>"
	}
	return of(document.documentElement)
})()`

// reveal shows what a page keeps for later, and says whether there was anything.
const reveal = `(() => {
	const idle = document.querySelector("[data-idle]")
	if (idle) idle.hidden = false
	const button = document.querySelector("[popovertarget]")
	if (button) button.click()
	return !!(idle || button)
})()`

const conceal = `(() => {
	const idle = document.querySelector("[data-idle]")
	if (idle) idle.hidden = true
	document.querySelector(":popover-open")?.hidePopover()
	return true
})()`
