package totp

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// hardNames are issuers and accounts that have broken somebody's label before.
var hardNames = []string{
	"Acme", "Acme Corp", "Ação & Cia.", "Señor Ñandú", "東京株式会社", "Почта России", "شركة المثال", "חברה", "บริษัท", "🦊 Fox",
	"a+b@acme.example", "O'Neil \"Bob\"", "50% off", "100%25", "a/b\\c", "question?", "hash#tag", "a=b;c&d", "Bank: Admin", "Zoë\u0308",
	"tab\there", "line\nbreak", "<script>alert(1)</script>", "e\u0301", strings.Repeat("long name ", 30),
}

// uris returns an URI for every hard name on either side, 50 in all.
func uris() (list []string) {
	for i, name := range hardNames {
		list = append(list, URI(name, fmt.Sprintf("person%d@acme.example", i), NewSecret()), URI("Doorstep", name, NewSecret()))
	}
	return list
}

// TestScannersReadThePNG reads the pictures back with another author's scanner.
func TestScannersReadThePNG(t *testing.T) {
	scan(t, uris(), QRPNG)
}

// TestScannersReadTheSVG draws what a browser would from the path in the SVG.
func TestScannersReadTheSVG(t *testing.T) {
	scan(t, uris(), func(uri string) ([]byte, error) {
		svg, err := QRSVG(uri)
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		err = png.Encode(&out, draw(t, svg))
		return out.Bytes(), err
	})
}

func scan(t *testing.T, uris []string, picture func(string) ([]byte, error)) {
	zbarimg := tool(t, "zbarimg")
	dir := t.TempDir()
	args := []string{"-q", "--raw"}
	for i, uri := range uris {
		content, err := picture(uri)
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		name := filepath.Join(dir, strconv.Itoa(i)+".png")
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	out, err := exec.Command(zbarimg, args...).Output()
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	read := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(read) != len(uris) {
		t.Fatalf("%d of %d pictures were read", len(read), len(uris))
	}
	for i, uri := range uris {
		if read[i] != uri {
			t.Errorf("read  %s\nwrote %s", read[i], uri)
		}
	}
}

var step = regexp.MustCompile(`M(\d+) (\d+)\.5|m(\d+) 0|h(\d+)`) // to a row, over a gap, along a run

// draw paints the path of the SVG, 4 pixels a unit.
func draw(t *testing.T, svg string) image.Image {
	t.Helper()
	const scale = 4
	var root struct {
		ViewBox string `xml:"viewBox,attr"`
		Path    struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(svg), &root); err != nil {
		t.Fatalf("not well-formed: %v", err)
	}
	var side, other int
	if _, err := fmt.Sscanf(root.ViewBox, "0 0 %d %d", &side, &other); err != nil || side != other {
		t.Fatalf("viewBox %q", root.ViewBox)
	}
	if rest := step.ReplaceAllString(root.Path.D, ""); rest != "" {
		t.Fatalf("the path has more than rows, gaps and runs: %q", rest)
	}
	picture := image.NewGray(image.Rect(0, 0, side*scale, side*scale))
	for i := range picture.Pix {
		picture.Pix[i] = 0xff
	}
	var x, row int
	for _, m := range step.FindAllStringSubmatch(root.Path.D, -1) {
		if m[1] != "" {
			x, _ = strconv.Atoi(m[1])
			row, _ = strconv.Atoi(m[2])
		}
		gap, _ := strconv.Atoi(m[3])
		long, _ := strconv.Atoi(m[4])
		x += gap
		if x < quietZone || row < quietZone || x+long > side-quietZone || row+1 > side-quietZone {
			t.Fatalf("a run outside of the code: %s", m[0])
		}
		for y := row * scale; y < (row+1)*scale; y++ {
			for i := x * scale; i < (x+long)*scale; i++ {
				picture.SetGray(i, y, color.Gray{})
			}
		}
		x += long
	}
	return picture
}

// TestTheSVGFitsThePage: one rectangle, one path, no size, no style, no words.
func TestTheSVGFitsThePage(t *testing.T) {
	svg, err := QRSVG(URI("Acme", "ana@acme.example", rfcSecret))
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(`^<svg xmlns="http://www\.w3\.org/2000/svg" width="\d+" height="\d+" viewBox="0 0 (\d+) (\d+)" shape-rendering="crispEdges">` +
		`<rect width="(\d+)" height="(\d+)" fill="#fff"/><path stroke="#000" d="[Mmh0-9. ]+"/></svg>$`)
	m := shape.FindStringSubmatch(svg)
	if m == nil {
		t.Fatalf("unexpected shape: %.300s", svg)
	}
	if m[1] != m[2] || m[1] != m[3] || m[1] != m[4] {
		t.Errorf("sides differ: %v", m[1:])
	}
	if strings.Contains(svg, Key(rfcSecret)) {
		t.Error("the SVG holds the key as text")
	}
}

func TestThePNGHasAQuietZone(t *testing.T) {
	content, err := QRPNG(URI("Acme", "ana@acme.example", rfcSecret))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	b := picture.Bounds()
	edge := quietZone * pngScale
	for y := range b.Dy() {
		for x := range b.Dx() {
			r, g, bl, a := picture.At(x, y).RGBA()
			inside := x >= edge && y >= edge && x < b.Dx()-edge && y < b.Dy()-edge
			white := r == 0xffff && g == 0xffff && bl == 0xffff && a == 0xffff
			if !inside && !white {
				t.Fatalf("not white at %d, %d", x, y)
			}
			if x == edge && y == edge && white {
				t.Fatal("the code does not begin where the quiet zone ends")
			}
		}
	}
}

func TestATextTooLongForAQRCode(t *testing.T) {
	long := strings.Repeat("x", 2954)
	if _, err := QRSVG(long); err == nil {
		t.Error("QRSVG takes 2,954 bytes")
	}
	if _, err := QRPNG(long); err == nil {
		t.Error("QRPNG takes 2,954 bytes")
	}
	if _, err := QRPNG(long[:2953]); err != nil {
		t.Errorf("2,953 bytes: %v", err)
	}
}
