package forward

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doorstep/internal/edge"
)

func addressIn(headers ...string) (address, bool) {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	return addressOf(h)
}

func forwarded(scheme, host, uri string) []string {
	return []string{"X-Forwarded-Proto", scheme, "X-Forwarded-Host", host, "X-Forwarded-Uri", uri}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, "://"},
		{[]string{"X-Forwarded-Proto", "https, http"}, "://"},
		{[]string{"X-Forwarded-Host", "a, b", "X-Forwarded-Proto", "https"}, "://"},
		{forwarded("https", "app.example.com", "/notes?q=a%20b"), "https://app.example.com/notes?q=a%20b"},
		{forwarded("HTTPS", "App.Example.com:8443", "/"), "https://App.Example.com:8443/"},
		{forwarded("wss", "app.example.com", "/socket"), "https://app.example.com/socket"},
		{forwarded("ws", "app.example.com", "/socket"), "http://app.example.com/socket"},
		{forwarded("http", "[::1]:8080", "/"), "http://[::1]:8080/"},
		{forwarded("http", "my_app", "/"), "http://my_app/"},
		{forwarded("http", "bücher.example", "/ü ?#%"), "?"},
		{forwarded("http", "bücher.example", "/ü ?%#"), "http://bücher.example/ü ?%#"},
		{[]string{"X-Original-Url", "https://app.example.com"}, "https://app.example.com"},
		{[]string{"X-Original-Url", "https://app.example.com?x=//y"}, "https://app.example.com?x=//y"},
		{append(forwarded("http", "other.example.com", "/"), "X-Original-Url", "https://app.example.com/x"), "https://app.example.com/x"},
	} {
		a, fine := addressIn(c.headers...)
		got := a.text()
		if !fine {
			got = "?"
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.headers, got, c.want)
		}
	}
}

// notWhole is T-FA-1's corpus of addresses.
var notWhole = []string{
	"", " ", "x", "/", "//", "//app.example.com/", "https:", "https:/", "https://", "https:///x", "https:x", "https:/app.example.com", "https:app.example.com",
	"http://:8080/", "http://?x", "http://#x", "ftp://app.example.com/", "javascript://app.example.com/%0aalert(1)", "file:///etc/passwd", "ldap://app.example.com",
	"http://ana@app.example.com/", "http://ana:x@app.example.com/", "http://@app.example.com/", "http://app.example.com@evil.example/", "http://app.example.com%40evil.example/",
	"http://app.example.com/%", "http://app.example.com/%zz", "http://app.example.com/%4", "http://app%2eexample.com/", "http://app.example.com%00/", "http://%61pp.example.com/",
	"http://app.example.com/\x00", "http://app.example.com/\x7f", "http://app.example.com/\r\nX: y", "http://app.example.com/\tx", "http://app.example.com\t/", "\thttp://app.example.com/",
	" http://app.example.com/", "http ://app.example.com/", "http://app example.com/", "http://app.example.com :80/", "http://app.example.com:80:80/", "http://app.example.com:x/", "http://[::1/", "http://::1/",
	"http://[app.example.com]x/", "http://app.example.com\\@evil.example/", "http://app.example.com\\/", "http://<app>/", "http://app^example.com/", "https//app.example.com/", "hттp://app.example.com/",
	"http://a.example, http://b.example", "http://a.example,b.example/", "http://[fe80::1%25eth0]/", "http://a;b/",
}

// T-FA-1
func TestAddressesThatAreNotWhole(t *testing.T) {
	for _, text := range notWhole {
		if a, fine := addressIn("X-Original-Url", text); fine {
			t.Errorf("%q is taken for %+v", text, a)
		}
		// The same beside a good one of the other kind, and twice.
		if a, fine := addressIn(append(forwarded("https", "app.example.com", "/"), "X-Original-Url", text)...); fine {
			t.Errorf("%q is taken for %+v", text, a)
		}
	}
	for _, headers := range [][]string{
		{"X-Forwarded-Uri", "/"},
		{"X-Forwarded-Uri", "/", "X-Forwarded-Host", "app.example.com"},
		{"X-Forwarded-Uri", "/", "X-Forwarded-Proto", "https"},
		forwarded("", "app.example.com", "/"), forwarded("https", "", "/"), forwarded("https", "app.example.com", ""), forwarded("https", "app.example.com", "x"),
		forwarded("https", "app.example.com", ".evil.example/"), forwarded("https", "app.example.com", "@evil.example/"), forwarded("https", "app.example.com", "?x"), forwarded("https", "app.example.com", "*"),
		forwarded("https", "app.example.com", "https://app.example.com/"), forwarded("https", "app.example.com/", "/"), forwarded("https", "app.example.com?", "/"), forwarded("https", "app.example.com#", "/"),
		forwarded("https", "ana@app.example.com", "/"), forwarded("https", "a.example, b.example", "/"), forwarded("https,http", "app.example.com", "/"), forwarded("gopher", "app.example.com", "/"),
		forwarded("https", "app.example.com", "/%"), forwarded("https", "app.example.com", "/\x01"), forwarded("https", "app.example.com\x00", "/"), forwarded("https", "app.example.com:", "/%zz"),
		append(forwarded("https", "app.example.com", "/"), "X-Forwarded-Uri", "/"), append(forwarded("https", "app.example.com", "/"), "X-Forwarded-Host", "b.example"),
		append(forwarded("https", "app.example.com", "/"), "X-Forwarded-Proto", "https"),
		append(forwarded("https", "", "/"), "X-Original-Url", "https://app.example.com/"),
		{"X-Original-Url", "https://app.example.com/", "X-Original-Url", "https://app.example.com/"},
	} {
		if a, fine := addressIn(headers...); fine {
			t.Errorf("%q is taken for %+v", headers, a)
		}
	}
}

// FuzzAddresses: what is taken at a glance is what url.Parse reads too, with that
// host and no other; and where it leads back to, is at that host.
func FuzzAddresses(f *testing.F) {
	for _, text := range notWhole {
		f.Add(text, "app.example.com", "/")
		f.Add("https://app.example.com/", text, text)
	}
	f.Fuzz(func(t *testing.T, original, host, uri string) {
		var found []address
		if a, fine := addressIn("X-Original-Url", original); fine {
			found = append(found, a)
		}
		if a, fine := addressIn(forwarded("https", host, uri)...); fine {
			found = append(found, a)
		}
		for _, a := range found {
			u, err := url.Parse(a.text())
			if err != nil || u.Host != a.host || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
				t.Fatalf("%+v is parsed as %#v, %v", a, u, err)
			}
			if back, folded := edge.ReturnAddress(a.text()); back != "" {
				b, err := url.Parse(back)
				if err != nil || b.Host != folded || !strings.EqualFold(strings.TrimSuffix(b.Hostname(), "."), strings.TrimSuffix(u.Hostname(), ".")) {
					t.Fatalf("%+v leads back to %s: %v", a, back, err)
				}
			}
		}
	})
}

func TestCookiePairs(t *testing.T) {
	for pair, want := range map[string]string{
		"doorstep=abc": "abc", " doorstep=abc ": "abc", "\tdoorstep=abc": "abc", "doorstep=a=b": "a=b", "doorstep=": "",
		"doorstep": "-", "doorstep-apps=abc": "-", "Doorstep=abc": "-", "xdoorstep=abc": "-", "=abc": "-", "": "-", "x=doorstep=abc": "-", "doorstep =abc": "-",
	} {
		got, found := valueOf(pair, "doorstep")
		if !found {
			got = "-"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", pair, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"Ana Silva": "Ana Silva", "": "", "Zoë Πάρκ 朴": "Zoë Πάρκ 朴", "a\r\nSet-Cookie: x": "aSet-Cookie: x", "a\x00b\x7f\u0085c": "abc", "a\u2028b\u2029": "ab",
		"a\u202eb\u2066c": "abc", "a\xffb": "a\uFFFDb", "می\u200cخواهم": "می\u200cخواهم", "\t": "",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
