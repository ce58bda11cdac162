package edge

import (
	"net/url"
	"strings"
	"testing"
)

// T-REDIR-1
func TestReturnAddress(t *testing.T) {
	for text, want := range map[string]string{
		"https://app.example.com/notes?q=1": "https://app.example.com/notes?q=1", "http://app.example.com": "http://app.example.com/", "HTTPS://App.Example.com:443/A": "https://app.example.com/A",
		"http://app.example.com:80/": "http://app.example.com/", "https://app.example.com.:8443/": "https://app.example.com:8443/", "https://app.example.com/a?": "https://app.example.com/a",
		"https://app.example.com//e": "https://app.example.com//e", "https://app.example.com/\\e": "https://app.example.com/%5Ce", "https://app.example.com/%09/e": "https://app.example.com/%09/e",
		"https://app.example.com/a b?c d\"<é": "https://app.example.com/a%20b?c%20d%22%3C%C3%A9", "https://app.example.com/é?a#b": "https://app.example.com/%C3%A9?a", "https://app.example.com/../a": "https://app.example.com/../a",
		"https://app.example.com?x=http://y": "https://app.example.com/?x=http://y",
		// T-REDIR-1's corpus, and more that browsers read in another way than it looks.
		"": "", "/": "", "/me": "", "//e": "", "/\\e": "", "\\\\e": "", "/%09/e": "", "/%5ce": "", "https:e": "", "https:///e": "", "https:/e": "", "http://good@e": "", "http://good:x@e": "", "http://@e": "", "javascript:alert(1)": "",
		"JavaScript://good/%0aalert(1)": "", "data:text/html,x": "", "ftp://good/": "", "http:\\\\e": "", "http:/\\e": "", "http://good\\@e": "", "http://good\\.e": "", "http://good\t.e": "", "ht\ttp://e": "", "http://good%2ee": "", "http://e%00.good/": "",
		"http://good\r\nLocation: http://e": "", "http://good/\r\nX: y": "", "http://bücher.example/": "", "http://good\u3002e/": "", "http://ｅ.example/": "", "http://[::1]/": "", "http://a_b.example/": "", "http://good:0/": "", "http://good:/": "", "http://good:x/": "",
		" https://app.example.com/": "", "\thttps://app.example.com/": "", "https://app.example.com/" + strings.Repeat("a", ReturnAddressMost): "", "https://app.example.com/" + strings.Repeat("é", 400): "",
	} {
		got, host := ReturnAddress(text)
		if got != want || (host == "") != (want == "") {
			t.Errorf("%q: %q at %q, want %q", text, got, host, want)
		}
	}
}

// FuzzReturnAddress is T-REDIR-1: an address is at the host that core is asked
// about, as a parser reads it and as a browser does, and reading it again changes
// nothing.
//
// ASVS 1.1.1, T-REDIR-1
func FuzzReturnAddress(f *testing.F) {
	for _, text := range []string{"https://app.example.com/a?b#c", "http://good@e", "http://good\\@e", "https:///e", "//e", "http://good.:80/%5c", "HTTP://A:443?\"", "https://a/\x7f", "http://a\tb"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, host := ReturnAddress(text)
		if address == "" {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Host != host || u.User != nil || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
			t.Fatalf("%q gave %q, which is %#v, %v", text, address, u, err)
		}
		if !strings.HasPrefix(address, u.Scheme+"://"+host+"/") || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '"' || r == '<' }) {
			t.Fatalf("%q gave %q", text, address)
		}
		if again, same := ReturnAddress(address); again != address || same != host {
			t.Fatalf("%q gave %q, and that %q", text, address, again)
		}
	})
}
