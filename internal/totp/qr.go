package totp

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

const (
	quietZone = 4 // modules of white on every side (ISO/IEC 18004 §6.3.8)
	pngScale  = 8 // pixels per module
	svgScale  = 4
)

// QRSVG returns the URI as one <svg> element to stand inside a page:
// black on white in every theme, because scanners want dark on light. It is 4 pixels
// a module, a whole number, which keeps the edges sharp, and has no style, so it lives under a content security policy without inline
// styles, and it holds nothing but digits that were computed here, so there is
// nothing to escape. Words for people who do not see it are the page's business.
// It refuses a text of more than 2,953 bytes, the most a QR code can hold.
func QRSVG(uri string) (string, error) {
	code, err := encode(uri)
	if err != nil {
		return "", err
	}
	side := code.Size + 2*quietZone

	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, side*svgScale, side*svgScale, side, side)
	fmt.Fprintf(&svg, `<rect width="%d" height="%d" fill="#fff"/><path stroke="#000" d="`, side, side)
	// A line as thick as a module through the middle of each row, drawn where it is
	// black: a seventh of the text of as many rectangles. The page is never compressed.
	for y := range code.Size {
		fmt.Fprintf(&svg, "M%d %d.5", quietZone, y+quietZone)
		for x := 0; x < code.Size; {
			from, black := x, code.Black(x, y)
			for x < code.Size && code.Black(x, y) == black {
				x++
			}
			switch {
			case black:
				fmt.Fprintf(&svg, "h%d", x-from)
			case x < code.Size:
				fmt.Fprintf(&svg, "m%d 0", x-from)
			}
		}
	}
	svg.WriteString(`"/></svg>`)
	return svg.String(), nil
}

// QRPNG returns the URI as a black and white PNG picture, 8 pixels a module,
// with the quiet zone around it. It refuses what QRSVG refuses.
func QRPNG(uri string) ([]byte, error) {
	code, err := encode(uri)
	if err != nil {
		return nil, err
	}
	code.Scale = pngScale
	return code.PNG(), nil // the library adds the quiet zone of 4 modules itself
}

// encode prefers the level that survives a scratched screen (M) and falls back
// to the one that holds most (L).
func encode(uri string) (*qr.Code, error) {
	code, err := qr.Encode(uri, qr.M)
	if err != nil {
		code, err = qr.Encode(uri, qr.L)
	}
	if err != nil {
		return nil, fmt.Errorf("totp: making a QR code of %d bytes: %w", len(uri), err)
	}
	return code, nil
}
