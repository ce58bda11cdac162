package edge

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"doorstep/internal/words"
)

// FuzzAddress: whatever stands in X-Forwarded-For, a client that no trusted proxy
// speaks for has the connection's address, and behind one that is trusted nothing
// that the client wrote itself, left of what the proxy added, changes who it is.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"", "198.51.100.9", "127.0.0.1, 198.51.100.9", "::ffff:10.0.0.1", "fe80::1%eth0", "10.0.0.2,", ",,", "1.2.3.4:80", "[::1]", "unknown", "\x00", "198.51.100.9\r\nX: y"} {
		f.Add(seed, "203.0.113.7")
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	from := func(peer string, headers ...string) string {
		return Address(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": headers}}, trusted)
	}
	f.Fuzz(func(t *testing.T, sent, added string) {
		if got := from("192.0.2.1:1234", sent, added); got != "192.0.2.1" {
			t.Fatalf("a stranger is %q by %q", got, sent)
		}
		got := from("10.0.0.1:1234", sent)
		a, err := netip.ParseAddr(got)
		if err != nil || a.Zone() != "" || a.Is4In6() || a.String() != got {
			t.Fatalf("%q gives %q, which is no address as it is compared: %v", sent, got, err)
		}
		// T-BF-13: what the proxy added last counts, in one spelling.
		client, err := netip.ParseAddr(strings.TrimSpace(added))
		if err != nil || strings.Contains(added, ",") || isTrusted(client.Unmap().WithZone(""), trusted) || isTrusted(client.Unmap(), trusted) {
			return
		}
		want := client.Unmap().WithZone("").String()
		if one, two := from("10.0.0.1:1234", sent+", "+added), from("10.0.0.1:1234", sent, added); one != want || two != want {
			t.Fatalf("%q, then the proxy's %q: %q and %q", sent, added, one, two)
		}
	})
}

// FuzzDevice: a User-Agent is the client's to write. What is said of it is short and
// either names that we know or its own beginning.
func FuzzDevice(f *testing.F) {
	for _, seed := range []string{
		"", "curl/8", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
		"(((((", "a/b/c (;;;) d", strings.Repeat("é", 200), "\xff\xfe", "Mozilla/5.0 (", "<script>",
	} {
		f.Add(seed)
	}
	catalog, err := words.Load()
	if err != nil {
		f.Fatal(err)
	}
	w := catalog.In(words.English)
	f.Fuzz(func(t *testing.T, raw string) {
		said := Device(w, raw)
		if said == "" || utf8.RuneCountInString(said) > rawDevice {
			t.Fatalf("%q is said as %q", raw, said)
		}
		named := raw == "" || strings.Contains(said, " on ")
		if begins := strings.TrimSuffix(said, "…"); !named && !strings.HasPrefix(string([]rune(raw)), begins) && begins != raw {
			t.Fatalf("%q is said as %q", raw, said)
		}
	})
}

// FuzzOrigin: the origin that a page's policy lets forms lead to is that of the
// address, and no directive of the policy can be written by way of it.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"https://app.example.com/a;b", "https://app.example.com/' *", "http://a:8080?;script-src *", "https://a;b/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, host := ReturnAddress(text)
		if address == "" {
			return
		}
		origin := OriginOf(address)
		u, err := url.Parse(address)
		if err != nil || origin != u.Scheme+"://"+host || strings.ContainsAny(origin, " ;,'\"*\t\r\n") {
			t.Fatalf("%q has the origin %q", text, origin)
		}
		if strings.Count(PolicyOfPages(origin), ";") != strings.Count(PolicyOfPages("https://a"), ";") {
			t.Fatalf("%q writes directives: %s", text, PolicyOfPages(origin))
		}
	})
}
