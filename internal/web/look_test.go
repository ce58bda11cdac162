package web

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The design language, as far as it can be read from its files.

var (
	tokenLine = regexp.MustCompile(`(?m)^\s*--([a-z-]+): (#[0-9A-F]{6});$`)
	tokenSets = regexp.MustCompile(`(?s):root(:not\(\[data-theme=light\]\)|\[data-theme=dark\])? \{\s*color-scheme: (light|dark);(.*?)\n\s*\}`)
)

func styleSheet(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestContrast computes every pair of colors that meet on a page, in both themes, from
// the tokens that the style sheet has (WCAG 1.4.3, 1.4.11).
func TestContrast(t *testing.T) {
	found := tokenSets.FindAllStringSubmatch(styleSheet(t), -1)
	if len(found) != 3 {
		t.Fatalf("%d sets of tokens, not light, dark and dark by choice", len(found))
	}
	if spaces := strings.Fields; strings.Join(spaces(found[1][3]), " ") != strings.Join(spaces(found[2][3]), " ") {
		t.Error("the dark theme of the system and the one that somebody chose differ")
	}
	text := map[string][]string{
		"ink":   {"bg", "surface", "sunken", "accent-soft", "danger-soft", "warn-soft", "ok-soft", "info-soft"},
		"muted": {"bg", "surface", "sunken"}, "accent": {"bg", "surface", "accent-soft", "warn-soft", "ok-soft", "info-soft"},
		"accent-hover": {"bg", "surface"}, "on-accent": {"accent", "accent-hover", "danger"},
		"danger": {"bg", "surface", "danger-soft"}, "warn": {"warn-soft"}, "ok": {"ok-soft"}, "info": {"info-soft"},
	}
	others := map[string][]string{"field": {"bg", "surface"}, "ring": {"bg", "surface", "sunken"}, "accent": {"bg", "surface"}, "danger": {"bg", "surface"}}
	for _, set := range found[:2] {
		colors := map[string]string{}
		for _, line := range tokenLine.FindAllStringSubmatch(set[3], -1) {
			colors[line[1]] = line[2]
		}
		if len(colors) != 21 {
			t.Errorf("%s has %d colors: %v", set[2], len(colors), colors)
		}
		for least, pairs := range map[float64]map[string][]string{4.5: text, 3: others} {
			for front, grounds := range pairs {
				for _, ground := range grounds {
					if got := contrast(colors[front], colors[ground]); got < least {
						t.Errorf("%s: %s on %s is %.2f:1, less than %.1f", set[2], front, ground, got, least)
					}
				}
			}
		}
	}
}

// contrast is WCAG's, of two colors as #RRGGBB.
func contrast(a, b string) float64 {
	light := func(hex string) float64 {
		var l float64
		for i, weight := range []float64{.2126, .7152, .0722} {
			if len(hex) != 7 {
				return math.NaN()
			}
			n, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
			c := float64(n) / 255
			if c <= .04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+.055)/1.055, 2.4)
			}
			l += weight * c
		}
		return l
	}
	x, y := light(a), light(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

// TestOneStyleSheet: layers in one order, nothing loaded from anywhere, no colors beside
// the tokens, and motion only where it is wanted.
func TestOneStyleSheet(t *testing.T) {
	css := styleSheet(t)
	if !strings.Contains(css, "@layer base, components, utilities;") || strings.Count(css, "@layer ") != 4 {
		t.Error("the layers are not base, components, utilities")
	}
	for _, never := range []string{"url(", "@import", "@font-face", "orientation:", "!important"} {
		if strings.Contains(css, never) {
			t.Errorf("the style sheet holds %q", never)
		}
	}
	_, components, _ := strings.Cut(css, "@layer components {")
	components, utilities, _ := strings.Cut(components, "@layer utilities {")
	for _, color := range regexp.MustCompile(`#[0-9A-Fa-f]{3,8}\b`).FindAllString(components, -1) {
		if color != "#FFF" { // the tile under a QR code, in every theme
			t.Errorf("a component has a color of its own: %s", color)
		}
	}
	if strings.Contains(components, "transition") || strings.Count(utilities, "transition") != 1 || !strings.Contains(utilities, "prefers-reduced-motion: no-preference") {
		t.Error("something moves besides the menu, or for people who asked for less motion")
	}
}

// TestIcons: few, of one make, and silent to a screen reader.
func TestIcons(t *testing.T) {
	text, err := os.ReadFile("assets/icons.html")
	if err != nil {
		t.Fatal(err)
	}
	icons := regexp.MustCompile(`\{\{define "icon-([a-z]+)"\}\}(.*?)\{\{end\}\}`).FindAllStringSubmatch(string(text), -1)
	drawn := regexp.MustCompile(`fill="none" stroke="currentColor" stroke-width="1.75"|fill="currentColor"`) // three dots are dots
	if len(icons) == 0 || len(icons) > 11 {                                                                  // ten and the logo
		t.Errorf("%d icons", len(icons))
	}
	for _, i := range icons {
		if !strings.Contains(i[2], `aria-hidden="true"`) {
			t.Errorf("the icon %s is read out", i[1])
		}
		if i[1] != "logo" && (!strings.Contains(i[2], `width="20" height="20"`) || !drawn.MatchString(i[2])) {
			t.Errorf("the icon %s is of another make: %s", i[1], i[2])
		}
	}
}
