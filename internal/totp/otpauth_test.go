package totp

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestURI(t *testing.T) {
	const rest = "&algorithm=SHA1&digits=6&period=30"
	const secret = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for _, v := range []struct{ issuer, account, want string }{
		{"Acme", "ana@acme.example", "otpauth://totp/Acme:ana%40acme.example?" + secret + "&issuer=Acme" + rest},
		{"Acme Corp", "Ana María", "otpauth://totp/Acme%20Corp:Ana%20Mar%C3%ADa?" + secret + "&issuer=Acme%20Corp" + rest},
		{"A+B & C?", "ana+work@acme.example", "otpauth://totp/A%2BB%20%26%20C%3F:ana%2Bwork%40acme.example?" + secret + "&issuer=A%2BB%20%26%20C%3F" + rest},
		{"Bank: Admin", "evil:ana", "otpauth://totp/Bank%20Admin:evilana?" + secret + "&issuer=Bank%20Admin" + rest},
		{"50%3A off", "a/../b#c", "otpauth://totp/50%253A%20off:a%2F..%2Fb%23c?" + secret + "&issuer=50%253A%20off" + rest},
		{"A\r\nB\x00C\u202eD\u2028E", "\tana\t", "otpauth://totp/ABCD%20E:ana?" + secret + "&issuer=ABCD%20E" + rest},
		{"&secret=AAAA", "ana&issuer=x", "otpauth://totp/%26secret%3DAAAA:ana%26issuer%3Dx?" + secret + "&issuer=%26secret%3DAAAA" + rest},
		{" : ", "ana", "otpauth://totp/ana?" + secret + rest},
		{"Acme", "", "otpauth://totp/Acme:?" + secret + "&issuer=Acme" + rest},
	} {
		if got := URI(v.issuer, v.account, rfcSecret); got != v.want {
			t.Errorf("URI(%q, %q)\n got %s\nwant %s", v.issuer, v.account, got, v.want)
		}
	}
}

func TestALongLabelIsCut(t *testing.T) {
	uri := URI(strings.Repeat("🦊", 300), strings.Repeat("é", 79)+"@acme.example", rfcSecret)
	parsed, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	issuer, account, _ := strings.Cut(strings.TrimPrefix(parsed.Path, "/"), ":")
	if utf8.RuneCountInString(issuer) != maxIssuer || !strings.HasSuffix(issuer, "🦊…") {
		t.Errorf("issuer is %q", issuer)
	}
	if utf8.RuneCountInString(account) != maxAccount || !strings.HasSuffix(account, "é…") {
		t.Errorf("account is %q", account)
	}
	if issuer != parsed.Query().Get("issuer") {
		t.Error("the issuer must equal the label's beginning")
	}
	if _, err := QRSVG(uri); err != nil {
		t.Error(err)
	}
}

// FuzzURI: whatever a team or a person is called, an app reads one issuer, one
// account and our parameters, and the whole fits into a QR code.
//
// ASVS 1.2.2
func FuzzURI(f *testing.F) {
	for _, seed := range hardNames {
		f.Add(seed, seed)
		f.Add("Acme", seed)
	}
	f.Fuzz(func(t *testing.T, issuer, account string) {
		uri := URI(issuer, account, rfcSecret)
		for i := range len(uri) {
			if uri[i] <= ' ' || uri[i] > '~' || uri[i] == '+' || uri[i] == '"' || uri[i] == '<' {
				t.Fatalf("byte %q in %s", uri[i], uri)
			}
		}
		parsed, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		query, err := url.ParseQuery(parsed.RawQuery)
		if err != nil || parsed.Scheme != "otpauth" || parsed.Host != "totp" || parsed.Fragment != "" {
			t.Fatalf("%s: %v", uri, err)
		}
		for name, want := range map[string]string{"secret": Key(rfcSecret), "algorithm": "SHA1", "digits": "6", "period": "30"} {
			if got := query[name]; len(got) != 1 || got[0] != want {
				t.Fatalf("%s = %q in %s", name, got, uri)
			}
		}
		label := strings.TrimPrefix(parsed.Path, "/")
		if strings.Count(label, ":") > 1 || strings.ContainsFunc(label, unicode.IsControl) || !utf8.ValidString(label) {
			t.Fatalf("label %q", label)
		}
		if before, _, named := strings.Cut(label, ":"); named && before != query.Get("issuer") {
			t.Fatalf("label %q, issuer %q", label, query.Get("issuer"))
		}
		if _, err := encode(uri); err != nil {
			t.Fatal(err)
		}
	})
}
