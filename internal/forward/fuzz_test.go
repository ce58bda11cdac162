package forward

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzCookiePairs: of a Cookie header this room finds every value that net/http finds,
// but for names with spaces behind them, which no browser sends, and of no name but the
// one asked for.
func FuzzCookiePairs(f *testing.F) {
	for _, seed := range []string{
		"doorstep=a; x=b;doorstep=c", "doorstep", "doorstep=", "=doorstep", " doorstep = a", "Doorstep=a", "doorstep=\"a\"", "doorstep-apps=a; doorstep=b", ";;;doorstep=a", "doorstep=a\x00", "x=doorstep=a",
		"doorstep=a, doorstep=b", "\tdoorstep=a\t;", "doorstep\u00a0=a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if strings.ContainsAny(header, "\r\n") {
			return // ends a line of headers, and is in none
		}
		var ours []string
		for pair := range strings.SplitSeq(header, ";") {
			value, found := valueOf(pair, "doorstep")
			if !found {
				continue
			}
			if strings.Trim(value, " \t") != strings.TrimRight(value, " \t") && !strings.HasPrefix(value, " ") && !strings.HasPrefix(value, "\t") || !strings.HasPrefix(strings.TrimLeft(pair, " \t"), "doorstep=") {
				t.Fatalf("%q of %q", value, pair)
			}
			ours = append(ours, value)
		}
		for _, c := range (&http.Request{Header: http.Header{"Cookie": {header}}}).CookiesNamed("doorstep") {
			if c.Value == "" || strings.ContainsAny(c.Value, " \t") || strings.Contains(strings.ReplaceAll(header, "\t", " "), "doorstep =") {
				continue
			}
			i := slices.IndexFunc(ours, func(value string) bool { return strings.Trim(value, " \t\"") == strings.Trim(c.Value, " \t\"") })
			if i < 0 {
				t.Fatalf("net/http finds %q in %q, and this %q", c.Value, header, ours)
			}
		}
	})
}

// FuzzPlain: whatever somebody calls themself, the header that tells an app who it is
// is one line without marks that steer it; ASCII stays as it is, and it says nothing
// that the name does not hold.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"Ana Silva", "a\r\nRemote-User: root", "Zoë\u202e", "\xff\xfe", "朴", "می\u200cخواهم", "\x7f", "\u0085", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := plain(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) }) {
			t.Fatalf("%q is said as %q", text, got)
		}
		if plain(got) != got || len(got) > 3*len(text) {
			t.Fatalf("%q is said as %q, and that as %q", text, got, plain(got))
		}
		if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .-@+") == "" && got != text {
			t.Fatalf("%q is said as %q", text, got)
		}
	})
}
