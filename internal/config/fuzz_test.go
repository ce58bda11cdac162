package config

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzURL: the public address is the base of every link in a letter. What is taken is
// an origin and nothing else, and no complaint repeats a password that stood in it.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://id.example.com", "http://localhost:8420", "https://ID.example.com/", "https://a:b@c", "https://a?", "https://a#", "https://a/b", "https:a", "//a", "https://[::1]:80", "https://[fe80::1%25eth0]",
		"https://bücher.example", "https://a:", "https://a:99999", "https://a\\b", "https://a b", "https://a\r\nX: y", "javascript://a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader(environ(nil))
		got := r.url(&text)
		if r.err != nil {
			if got != "" {
				t.Fatalf("%q is refused (%v) and taken as %q", text, r.err, got)
			}
			return
		}
		u, err := url.Parse(got)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme+"://"+u.Host != got {
			t.Fatalf("%q is taken as %q: %+v %v", text, got, u, err)
		}
		again := newReader(environ(nil))
		if same := again.url(&got); again.err != nil || same != got {
			t.Fatalf("%q is taken as %q, and that as %q: %v", text, got, same, again.err)
		}
	})
}

// FuzzProxies: no list of trusted proxies trusts every client, and a network is
// compared as clients' addresses are.
func FuzzProxies(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8,192.0.2.7", "0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.1/33", "10.0.0.0/8,,", "::ffff:0:0/1", "a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader(environ(nil))
		list := r.proxies(&text)
		if r.err != nil {
			return
		}
		for _, p := range list {
			if p.Bits() == 0 || !p.IsValid() || p.Masked() != p || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Fatalf("%q trusts %v", text, p)
			}
		}
	})
}

// FuzzSMTP: what is wrong with a mail server's address is said without its password,
// and what is taken never sends one in the clear across a network.
func FuzzSMTP(f *testing.F) {
	for _, seed := range []string{
		"smtp://u:%s@mail.example.com:587?from=a@b", "smtps://u:%s@mail.example.com", "smtp://:%s@h", "smtp://u:%s@h?starttls=never", "smtp://u:%s@localhost?starttls=never", "smtp://u:%s@h?from=%zz", "smtp://u:%s@h/p", "smtp://u:%s@h?a=b&from=c",
		"smtp:u:%s@h", "%s", "smtp://u:%s@h:0", "http://u:%s@h", "smtp://u:%s@[::1", "smtp://u:%s@h?from=a%0d%0aBcc:x@y",
	} {
		f.Add(seed)
	}
	const secret = "Tr0ub4dor-hunter2"
	f.Fuzz(func(t *testing.T, shape string) {
		text := strings.ReplaceAll(shape, "%s", secret)
		r := newReader(environ(nil))
		s := r.smtp(&text, Config{Listen: defaultListen})
		if r.err != nil {
			// A parameter's name is repeated, so that it is found: one who writes the password there is told where.
			if _, query, _ := strings.Cut(shape, "?"); strings.Contains(r.err.Error(), secret) && !strings.Contains(query, "%s") {
				t.Fatalf("%q: %v", shape, r.err)
			}
			return
		}
		if s == nil || s.Host == "" || s.Port < 1 || s.Port > 65535 || strings.ContainsAny(s.From, "\r\n") || !strings.Contains(s.From, "@") {
			t.Fatalf("%q is %+v", shape, s)
		}
		if s.Encryption == "plaintext" && s.User != "" && !IsLoopback(s.Host) {
			t.Fatalf("%q sends its password readable to %s", shape, s.Host)
		}
	})
}
