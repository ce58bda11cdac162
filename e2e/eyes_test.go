package e2e

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Other eyes than those of somebody before a screen: a phone's camera, a printer, a
// browser that sets its own colors.

// TestQRCode: a scanner reads it off a picture of it alone and off the whole page, by
// day and by night, on a plain screen and on one with twice the pixels.
func TestQRCode(t *testing.T) {
	need(t)
	p, _ := tourServer(t)
	t.Parallel()
	o := arrives(t, p, account{name: "an onlooker"}, how{})
	o.opens("/en/activate-restarted")
	key := strings.Join(strings.Fields(eval[string](o, `document.querySelector("#key").textContent`)), "")
	for _, dark := range []bool{false, true} {
		for _, scale := range []float64{1, 2} {
			for _, width := range []int64{1280, 320} {
				o.looks(how{width: width, height: 900, dark: dark})
				o.do(chromedp.EmulateViewport(width, 900, chromedp.EmulateScale(scale)))
				o.intoView(".qr")
				page := o.picture()
				box := eval[[4]float64](o, `(r => [r.x, r.y, r.right, r.bottom])(document.querySelector(".qr").getBoundingClientRect())`)
				for what, picture := range map[string][]byte{"the page": page, "the code alone": cut(t, page, box, scale)} {
					if uri := scan(t, picture); !strings.Contains(uri, "secret="+key) {
						t.Errorf("%s, dark %v, at %v×, %d wide: holds %q", what, dark, scale, width, uri)
					}
				}
			}
		}
	}
}

// cut takes a box, in the page's pixels, out of a picture.
func cut(t *testing.T, picture []byte, box [4]float64, scale float64) []byte {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	r := image.Rect(int(box[0]*scale), int(box[1]*scale), int(box[2]*scale), int(box[3]*scale))
	part, ok := whole.(interface {
		SubImage(image.Rectangle) image.Image
	})
	if !ok {
		t.Fatalf("a picture of %T", whole)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, part.SubImage(r)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPaper prints the pages that people print, in every language and from the dark
// theme: the codes on one sheet, anything else without the frame.
func TestPaper(t *testing.T) {
	need(t, paperTool)
	p, _ := tourServer(t)
	t.Parallel()
	for _, l := range languages {
		o := arrives(t, p, account{name: "an onlooker", email: "carla@example.com"}, how{language: l})
		o.watch.onlooks = true
		for _, name := range []string{"codes", "recovery-codes-new"} {
			o.opens("/" + l + "/" + name)
			o.prints()
		}
		if l != "en" {
			continue
		}
		call(o, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		for _, name := range []string{"team", "user-blocked", "audit", "policy-effect-refused", "receipt", "invite-no-mail-links", "ask-sent", "two-step-by-code"} {
			o.opens("/" + l + "/" + name)
			for _, fault := range eval[[]string](o, printed) {
				t.Errorf("%s on paper: %s", name, fault)
			}
		}
	}
}

// printed finds what does not belong on paper, and ink that is not dark on white.
const printed = `(() => {
	const faults = []
	const light = color => { const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number); return a == 0 ? 1 : (r + g + b) / 765 }
	for (const e of document.querySelectorAll(".top, .nav, .foot, .skip, .buttons, button")) if (e.checkVisibility()) faults.push("shows " + e.outerHTML.slice(0, 80))
	for (const e of document.querySelectorAll("main *")) {
		if (!e.checkVisibility() || e.closest("svg") || ![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue
		if (light(getComputedStyle(e).color) > .45) faults.push("is pale: " + e.outerHTML.slice(0, 80))
		for (let b = e; b; b = b.parentElement) {
			const back = getComputedStyle(b).backgroundColor
			if (light(back) < .85) faults.push("stands on dark: " + b.outerHTML.slice(0, 80))
		}
	}
	return [...new Set(faults)]
})()`

// TestForcedColors: in a browser that sets its own colors (Windows' contrast themes)
// what color said is still said by a line or a glyph. LOOK=folder keeps the pictures.
func TestForcedColors(t *testing.T) {
	need(t)
	p, _ := tourServer(t)
	t.Parallel()
	o := arrives(t, p, account{name: "an onlooker"}, how{})
	o.watch.onlooks = true
	for _, name := range []string{"second-step-wrong-1", "activate-restarted", "codes", "team", "user-restarted", "policy-refused", "restart", "home-few-codes"} {
		o.opens("/en/" + name)
		for _, scheme := range []string{"light", "dark"} {
			call(o, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "forced-colors", Value: "active"}, {Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}})
			for _, fault := range eval[[]string](o, forced) {
				t.Errorf("%s with forced colors, %s: %s", name, scheme, fault)
			}
			if folder := os.Getenv("LOOK"); folder != "" {
				o.keeps(filepath.Join(folder, "forced-"+name+"-"+scheme+".png"))
			}
		}
	}
}

// forced finds what such a browser would not show.
const forced = `(() => {
	const faults = []
	if (!matchMedia("(forced-colors: active)").matches) return ["the browser does not force colors"]
	const name = e => e.outerHTML.replace(/\s+/g, " ").slice(0, 90)
	const ground = getComputedStyle(document.body).backgroundColor
	const line = (e, pseudo, side = "borderBlockStart") => {
		const s = getComputedStyle(e, pseudo)
		return s[side + "Style"] != "none" && parseFloat(s[side + "Width"]) > 0 && s[side + "Color"] != ground && s[side + "Color"] != "rgba(0, 0, 0, 0)"
	}
	for (const e of document.querySelectorAll(".rail li")) if (!line(e, "::before")) faults.push("a step of the rail has no bar: " + name(e))
	for (const e of document.querySelectorAll(".button, .icon-button, input:not([type=hidden], [type=checkbox], [type=radio], .hide), select, textarea, .tag, .card, .note, .banner, .error-summary")) {
		if (e.checkVisibility() && !line(e) && !line(e, null, "borderInlineStart")) faults.push("has no line around it: " + name(e))
	}
	for (const e of document.querySelectorAll(".nav [aria-current]")) if (e.checkVisibility() && getComputedStyle(e).outlineStyle == "none") faults.push("where one is shows nowhere: " + name(e))
	for (const e of document.querySelectorAll(".qr")) if (getComputedStyle(e).backgroundColor != "rgb(255, 255, 255)") faults.push("the QR code is not on white")
	for (const e of document.querySelectorAll("main svg:not(.qr svg)")) if (e.checkVisibility() && getComputedStyle(e).color == ground) faults.push("a glyph has the color of the ground: " + name(e))
	return faults
})()`

// pages counts the sheets of a PDF and reads them.
func pages(t *testing.T, pdf []byte) (text string, sheets int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sheet.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := exec.Command("pdftotext", "-layout", file, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext: %v", err)
	}
	return string(read), strings.Count(string(read), "\f")
}
