package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"doorstep/internal/core"
)

// compressedAsItMay is asked of every page in every state and language: whatever
// shows a key, a code, a pass or a link is sent as it is, and all else compressed.
func compressedAsItMay(t *testing.T, s stop) {
	t.Helper()
	shows := strings.Contains(s.page.body, "otpauth:") || strings.Contains(s.page.body, "big-code")
	each(s.page.doc, func(n *html.Node) {
		shows = shows || n.Data == "code" && !strings.HasPrefix(s.page.at.Path, lettersPath) || // there it is what a mail server said
			strings.HasPrefix(attr(n, "href"), "data:")
	})
	how := s.page.header.Get("Content-Encoding")
	switch {
	case !strings.Contains(s.page.header.Get("Vary"), "Accept-Encoding"):
		t.Errorf("Vary is %q", s.page.header.Get("Vary"))
	case shows && how != "":
		t.Errorf("a page that shows a secret is sent as %s", how)
	case !shows && how != "gzip" && !strings.HasPrefix(s.name, "cross-"):
		t.Errorf("sent as %q", how)
	case s.page.header.Get("Content-Length") != strconv.Itoa(s.page.wire):
		t.Errorf("%d bytes, and the length is said to be %s", s.page.wire, s.page.header.Get("Content-Length"))
	}
}

// Two answers to one person share no piece of the token of their forms, so that
// lengths give nothing away of it; and both tokens are good.
func TestFormTokensAreMasked(t *testing.T) {
	w := newWorld(t)
	_, welcome := w.add("gwen@example.com", "Gwen Adams", core.RoleMember, "")
	for path, b := range map[string]*browser{"/sign-in/second-step": w.browser(), "/me/confirm": w.browser(), "/set-password/form": w.browser()} {
		switch path {
		case "/set-password/form":
			b.get(welcome)
		case "/me/confirm":
			b.signIn("ana")
		default:
			b.get("/sign-in")
			b.send("/sign-in", "email", "carla@example.com", "password", testPassword)
		}
		const piece = 6 // characters; that so many are shared by chance happens once in ten million pages
		first, second := attr(findIn(b.get(path).doc, "csrf"), "value"), attr(findIn(b.get(path).doc, "csrf"), "value")
		if len(first) < 80 {
			t.Fatalf("%s: the token is %q", path, first)
		}
		for i := range len(first) - piece {
			if strings.Contains(second, first[i:i+piece]) {
				t.Errorf("%s: two answers share %q", path, first[i:i+piece])
			}
		}
		for _, token := range []string{first, second} {
			if a := b.post(path, url.Values{"csrf": {token}}); a.status == http.StatusForbidden {
				t.Errorf("%s: a token of its own is refused", path)
			}
		}
		for name, token := range map[string]string{
			"cut": first[:len(first)/2], "longer": first + "AAAA", "mixed": first[:len(first)/2] + second[len(second)/2:], "nothing masked": strings.Repeat("A", len(first)), "no base64": "%" + first,
		} {
			if a := b.post(path, url.Values{"csrf": {token}}); a.status != http.StatusForbidden {
				t.Errorf("%s: a token that is %s: %d", path, name, a.status)
			}
		}
	}
}

// A page of somebody's own is compressed for them and for our own pages, and not for
// a request that another site began: it could choose a text in the page and see how
// long the answer is.
func TestNobodyElseHasPagesCompressed(t *testing.T) {
	w := newWorld(t)
	ana, nobody := w.browser(), w.browser()
	ana.signIn("ana")
	for site, want := range map[string]string{"none": "gzip", "same-origin": "gzip", "same-site": "", "cross-site": "", "nonsense": ""} {
		from := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) }
		if how := ana.request(http.MethodGet, "/team?q=carla%40example", nil, from).header.Get("Content-Encoding"); how != want {
			t.Errorf("%s: the team is sent as %q", site, how)
		}
		if how := nobody.request(http.MethodGet, "/sign-in", nil, from).header.Get("Content-Encoding"); how != "gzip" {
			t.Errorf("%s: nobody's sign-in page is sent as %q", site, how)
		}
	}
	lengths := map[int]bool{}
	for range 40 {
		lengths[nobody.get("/sign-in").wire] = true
	}
	if len(lengths) < 10 {
		t.Errorf("one page has only %d lengths", len(lengths))
	}
}

func TestAcceptEncoding(t *testing.T) {
	w := newWorld(t)
	for accepts, want := range map[string]string{
		"gzip": "gzip", "br, gzip": "gzip", "GZip;q=0.5": "gzip", "x-gzip": "gzip", "*": "gzip", "br;q=1, *;q=0.1": "gzip",
		"": "", "identity": "", "br": "", "gzip;q=0": "", "gzip; q=0.0, *": "", "*;q=0": "", "gzip;q=nonsense": "", "notgzip": "",
	} {
		page := w.browser().request(http.MethodGet, "/sign-in", nil, func(r *http.Request) { r.Header["Accept-Encoding"] = []string{accepts} })
		if how := page.header.Get("Content-Encoding"); how != want {
			t.Errorf("%q: %q", accepts, how)
		}
	}
}

// What is no page is sent as it is, and a question without a body has the headers of
// an answer with one.
func TestWhatElseIsSent(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ana")
	head := b.request(http.MethodHead, "/me", nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") })
	if n, _ := strconv.Atoi(head.header.Get("Content-Length")); head.status != 200 || head.header.Get("Content-Encoding") != "gzip" || n < 500 || head.wire != 0 {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	for _, path := range []string{"/session/watch", "/team/export", "/team/audit/export?format=csv", "/team/import-example"} {
		if a := b.request(http.MethodGet, path, nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }); a.header.Get("Content-Encoding") != "" || a.status >= 400 {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
	w.log.wanted = true
	if err := w.core.Close(); err != nil {
		t.Fatal(err)
	}
	if a := b.get("/team/audit"); a.status != http.StatusServiceUnavailable || a.header.Get("Content-Encoding") != "gzip" || !strings.Contains(a.text(), w.says("refusal.unavailable.title")) {
		t.Errorf("a storage that is away: %d %v %s", a.status, a.header, a.text())
	}
}
