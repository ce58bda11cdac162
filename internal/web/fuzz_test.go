package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// bareWeb is the pages of an installation where nobody is yet: what reads texts needs
// no more.
func bareWeb(f *testing.F) *Web {
	f.Helper()
	team, err := theTeam()
	if err != nil {
		f.Fatal(err)
	}
	c, err := core.Open(context.Background(), core.Options{DataDir: f.TempDir(), Keys: team.keys, Clock: func() time.Time { return testStart }, Exclusive: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	catalog, err := words.Load()
	if err != nil {
		f.Fatal(err)
	}
	w, err := New(Options{Core: c, Words: catalog, URL: &url.URL{Scheme: "https", Host: "id.example.com"}})
	if err != nil {
		f.Fatal(err)
	}
	return w
}

// FuzzWayBack is T-REDIR-1 for our own pages: whatever is given as the place to go back
// to, a browser that is at our sign-in page stays at our host, on a page that is known.
func FuzzWayBack(f *testing.F) {
	for _, seed := range []string{
		"/me", "/team?q=a&lang=es", "//e", "/\\e", "\\\\e", "/%09/e", "/%5ce", "https:e", "https:///e", "http://good@e", "/me#//e", "/me?next=//e", "/\t/e", "/me/../team", "/team/users/x/restart",
		"/team/users/%2e%2e/x", "/team/users/%2f%2fe", "/.//e", "/;//e", "/sign-in?return=//e", "javascript:alert(1)", "/me\r\nLocation: //e", "/\u2028/e", "/me?%zz",
	} {
		f.Add(seed)
	}
	w := bareWeb(f)
	base, err := url.Parse("https://id.example.com/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		back := w.known.wayBack(text)
		if back == "" {
			return
		}
		if len(back) < 1 || back[0] != '/' || len(back) > 1 && (back[1] == '/' || back[1] == '\\') || strings.ContainsFunc(back, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
			t.Fatalf("%q leads to %q", text, back)
		}
		u, err := base.Parse(back)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil || w.known.back[w.known.pattern(u)] == "" {
			t.Fatalf("%q leads to %q, which is %v: %v", text, back, u, err)
		}
		if again := w.known.wayBack(back); again != back && len(back) <= longestWayBack {
			t.Fatalf("%q leads to %q, and that to %q", text, back, again)
		}
	})
}

// FuzzCookies: what stands in a Cookie header never breaks a page, is nobody's session,
// makes no page say something (only a notice that we signed does), and picks one of our
// languages.
func FuzzCookies(f *testing.F) {
	w := bareWeb(f)
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"s":"re.done","n":1,"u":99999999999}`))
	mac := base64.RawURLEncoding.EncodeToString(w.core.MAC("notice", body))
	for _, seed := range []string{
		"", "__Host-doorstep=x", "__Host-doorstep=x; __Host-doorstep=y", "__Host-doorstep-notice=" + body + "." + mac, "__Host-doorstep-notice=" + body + ".", "__Host-doorstep-notice=.", "doorstep-notice=" + body + "." + mac,
		"doorstep-language=es", "doorstep-language=../../etc", "__Host-doorstep-attempt=\"a\"", "a=b; ;;=;,", "\x00=\x00", "__Host-doorstep-notice=" + body + "." + mac + "A", "$Version=1; __Host-doorstep=x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/sign-in", nil)
		r.Header["Cookie"] = []string{header}
		rw := httptest.NewRecorder()
		v, err := w.visit(rw, r)
		if err != nil || v.session != nil || v.dead == nil {
			t.Fatalf("%q: a session %v, %v", header, v.session, err)
		}
		if !words.Known(string(v.words.Language())) {
			t.Fatalf("%q picks %s", header, v.words.Language())
		}
		if n := v.readNotice(); n != nil && n.Says != "" && !strings.Contains(header, body+"."+mac) {
			t.Fatalf("%q says %+v", header, n)
		}
		if v.needs = core.NeedAttempt; v.checkForm(core.NeedAttempt) == nil {
			t.Fatalf("%q passes for a form that we made", header)
		}
		for _, c := range (&http.Response{Header: rw.Header()}).Cookies() {
			if c.Value != "" {
				t.Fatalf("%q: a page that was only read sets %s", header, c)
			}
		}
	})
}

// FuzzFormToken: no text is the token of a form but the one that was put into it, for
// whom it was put there.
func FuzzFormToken(f *testing.F) {
	w := bareWeb(f)
	const attempt = "an-attempt-as-a-browser-holds-it-0123456789"
	good := (&visit{web: w, core: w.core}).tokenFor("attempt:" + attempt)
	for _, seed := range []string{"", good, good + "=", strings.ToUpper(good), " " + good, (&visit{web: w, core: w.core}).tokenFor("form:" + attempt), (&visit{web: w, core: w.core}).tokenFor("attempt:")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodPost, "/sign-in/second-step?csrf="+url.QueryEscape(good), strings.NewReader(url.Values{"csrf": {text}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: "__Host-" + attemptCookie, Value: attempt})
		if err := parseForm(r); err != nil {
			t.Fatal(err)
		}
		v := &visit{web: w, core: w.core, r: r, needs: core.NeedAttempt}
		if err := v.checkForm(core.NeedAttempt); (err == nil) != (unmasked(text) == unmasked(good)) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// unmasked takes the pad of an answer off a token, "" where there is none.
func unmasked(token string) string {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 64 {
		return ""
	}
	for i := range 32 {
		raw[i] ^= raw[32+i]
	}
	return string(raw[:32])
}

// FuzzForm: a body of any kind is read or refused, and a page that takes no file reads
// none.
func FuzzForm(f *testing.F) {
	const multi = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nemail\n\r\n--x--\r\n"
	for _, kind := range []string{"multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "multipart/form-data; boundary=\"", ""} {
		for _, body := range []string{multi, "a=b&csrf=c", "%zz", "--x", strings.Repeat("--x\r\n\r\n\r\n", 50), "\x00"} {
			f.Add(kind, body)
		}
	}
	f.Fuzz(func(t *testing.T, kind, body string) {
		for _, path := range []string{importPath, "/sign-in"} {
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader([]byte(body)))
			r.Header["Content-Type"] = []string{kind}
			err := parseForm(r)
			if path != importPath && r.MultipartForm != nil {
				t.Fatalf("%s takes a file", path)
			}
			if err != nil {
				continue
			}
			v := &visit{r: r}
			if text, err := v.sentFile(); path == importPath && err == nil && len(text) > core.ImportLimit+1 && r.MultipartForm != nil && r.MultipartForm.File["file"] != nil {
				t.Fatalf("%d bytes of a file", len(text))
			}
		}
	})
}

// FuzzReadTime: a time of the policy is what was typed, or one that no range has; it
// never overflows into one that a range has.
func FuzzReadTime(f *testing.F) {
	for _, number := range []string{"", "0", "1", "-1", " 7 ", "07", "+7", "1e3", "100000", "100001", "9223372036854775807", "٧", "0x10", "1_0"} {
		for _, unit := range []string{"days", "hours", "minutes", "", "weeks"} {
			f.Add(number, unit)
		}
	}
	f.Fuzz(func(t *testing.T, number, unit string) {
		d := readTime(number, unit)
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if d < 0 {
			if d != -1 || err == nil && n >= 0 && n <= longestTyped && unitOf[unit] != 0 {
				t.Fatalf("%q %q is %v", number, unit, d)
			}
			return
		}
		if err != nil || n < 0 || d/unitOf[unit] != time.Duration(n) || d%unitOf[unit] != 0 || d > 280*365*24*time.Hour {
			t.Fatalf("%q %q is %v", number, unit, d)
		}
		shown, of, _ := asTyped(d, []string{"hours", "days"})
		if again := readTime(strconv.Itoa(shown), of); again != d && shown <= longestTyped {
			t.Fatalf("%v is shown as %d %s, which is %v", d, shown, of, again)
		}
	})
}
