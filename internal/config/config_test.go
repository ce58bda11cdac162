package config

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// environ is a lookup over a map.
func environ(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

// given makes flags from --name=value texts, as the command line would.
func given(t *testing.T, flags ...string) Flags {
	t.Helper()
	var f Flags
	into := map[string]**string{
		"listen": &f.Listen, "url": &f.URL, "data": &f.Data, "keys": &f.Keys, "database": &f.Database,
		"trusted-proxies": &f.TrustedProxies, "smtp": &f.SMTP, "contact": &f.Contact, "apps-domain": &f.AppsDomain, "log-format": &f.LogFormat, "log-level": &f.LogLevel,
	}
	for _, flag := range flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		if into[name] == nil {
			t.Fatalf("no flag --%s", name)
		}
		*into[name] = &value
	}
	return f
}

func TestDefaults(t *testing.T) {
	c, err := Read(Flags{}, environ(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Listen: "127.0.0.1:8420", Data: "./data", Keys: "./keys", LogFormat: "text", LogLevel: slog.LevelInfo}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if got := c.Base(); got != "http://localhost:8420" {
		t.Errorf("people reach it at %s", got)
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "database")
	if err := os.WriteFile(file, []byte("postgres://file/x\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags []string
		env   map[string]string
		want  string
	}{
		"default":               {nil, nil, ""},
		"file":                  {nil, map[string]string{"DOORSTEP_DATABASE_FILE": file}, "postgres://file/x"},
		"variable":              {nil, map[string]string{"DOORSTEP_DATABASE": "postgres://env/x"}, "postgres://env/x"},
		"flag over variable":    {[]string{"--database=postgres://flag/x"}, map[string]string{"DOORSTEP_DATABASE": "postgres://env/x"}, "postgres://flag/x"},
		"flag over file":        {[]string{"--database=postgres://flag/x"}, map[string]string{"DOORSTEP_DATABASE_FILE": file}, "postgres://flag/x"},
		"empty variable":        {nil, map[string]string{"DOORSTEP_DATABASE": " "}, ""},
		"empty variable, file":  {nil, map[string]string{"DOORSTEP_DATABASE": "", "DOORSTEP_DATABASE_FILE": file}, "postgres://file/x"},
		"flag over broken file": {[]string{"--database=postgres://flag/x"}, map[string]string{"DOORSTEP_DATABASE_FILE": file + "-not"}, "postgres://flag/x"},
	} {
		got, err := Read(given(t, c.flags...), environ(c.env))
		if err != nil || got.Database != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got.Database, err, c.want)
		}
	}
	got, err := Read(given(t, "--log-level=warn"), environ(map[string]string{"DOORSTEP_LOG_LEVEL": "debug", "DOORSTEP_LISTEN": ":80"}))
	if err != nil || got.LogLevel != slog.LevelWarn || got.Listen != ":80" || got.Base() != "http://localhost" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGoodSettings(t *testing.T) {
	c, err := Read(given(t, "--url=HTTPS://Id.Example.com/", "--trusted-proxies=10.1.2.3/8, 192.0.2.7,::1,2001:db8::/32,::ffff:198.51.100.0/120"), environ(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.URL != "https://id.example.com" || len(c.Warnings) != 0 {
		t.Errorf("url %q, warnings %q", c.URL, c.Warnings)
	}
	var want []netip.Prefix
	for _, p := range []string{"10.0.0.0/8", "192.0.2.7/32", "::1/128", "2001:db8::/32", "198.51.100.0/24"} {
		want = append(want, netip.MustParsePrefix(p))
	}
	if !slices.Equal(c.TrustedProxies, want) {
		t.Errorf("proxies %v, want %v", c.TrustedProxies, want)
	}
}

func TestAppsDomain(t *testing.T) {
	for url, domain := range map[string]string{
		"https://id.example.com": "Example.com", "https://example.com:8443": "example.com", "https://a.b.example.com": "b.example.com",
		"http://id.doorstep.localhost:8420": "doorstep.localhost", "https://id.xn--bcher-kva.example": "xn--bcher-kva.example",
	} {
		c, err := Read(given(t, "--url="+url, "--apps-domain="+domain), environ(nil))
		if err != nil || c.AppsDomain != strings.ToLower(domain) {
			t.Errorf("%s for %s: %q, %v", domain, url, c.AppsDomain, err)
		}
	}
}

func TestURLOf(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8420": "http://localhost:8420", "localhost:80": "http://localhost", ":9000": "http://localhost:9000",
		"0.0.0.0:9000": "http://localhost:9000", "[::]:9000": "http://localhost:9000", "[::1]:9000": "http://[::1]:9000",
		"[::1]:80": "http://[::1]", "192.0.2.1:8420": "http://192.0.2.1:8420", "id.example.com:80": "http://id.example.com",
	} {
		if got := URLOf(listen); got != want {
			t.Errorf("URLOf(%q) = %q, want %q", listen, got, want)
		}
	}
}

// Every bad setting stops the start with one sentence: which setting, what is
// wrong, what would be right.
//
// ASVS 3.5.4, T-HOST-1
func TestBadSettings(t *testing.T) {
	dir := t.TempDir()
	empty, link := filepath.Join(dir, "empty"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(empty, []byte("\n"), 0o600), os.Mkdir(filepath.Join(dir, "data"), 0o700), os.Symlink(filepath.Join(dir, "data"), link)); err != nil {
		t.Fatal(err)
	}
	const rightURL = ": write the address as people type it, such as https://id.example.com"
	for _, c := range []struct {
		flags []string
		env   map[string]string
		want  string // how the sentence begins, or all of it
	}{
		{[]string{"--contact=whoever"}, nil, `--contact is "whoever", which is no email address: write an address such as help@example.com, or leave it out`},
		{[]string{"--contact=Help <help@example.com>"}, nil, `--contact is "Help <help@example.com>", which`},
		{nil, map[string]string{"DOORSTEP_CONTACT": "a@b, c@d"}, `DOORSTEP_CONTACT is "a@b, c@d", which`},
		{[]string{"--listen=8420"}, nil, `--listen is "8420", which is no address to listen on: write HOST:PORT, such as 127.0.0.1:8420`},
		{[]string{"--listen="}, nil, `--listen is "", which`},
		{nil, map[string]string{"DOORSTEP_LISTEN": "localhost"}, `DOORSTEP_LISTEN is "localhost", which`},
		{[]string{"--listen=:http"}, nil, `--listen has the port "http": a port is a number from 0 (any that is free) to 65535`},
		{[]string{"--listen=:65536"}, nil, `--listen has the port "65536"`},
		{[]string{"--listen=http://x:1"}, nil, `--listen is "http://x:1", which`},
		{[]string{"--url=id.example.com"}, nil, `--url is no http or https address` + rightURL},
		{[]string{"--url="}, nil, `--url is no http or https address`},
		{[]string{"--url=ftp://id.example.com"}, nil, `--url is no http`},
		{[]string{"--url=https://"}, nil, `--url is "https://", which names no host`},
		{[]string{"--url=https://id.example.com/auth"}, nil, `--url is "https://id.example.com/auth", which has a path`},
		{[]string{"--url=https://id.example.com?x=1"}, nil, `--url is "https://id.example.com?x=1", which has more after the host`},
		{[]string{"--url=https://id.example.com/#"}, nil, `--url is "https://id.example.com/#", which has more`},
		{[]string{"--url=https://id.example.com:0"}, nil, `--url is "https://id.example.com:0", whose port`},
		{[]string{"--url=https://id.example.com:"}, nil, `--url is "https://id.example.com:", whose port`},
		{[]string{"--url=https://[fe80::1%25eth0]"}, nil, `--url is "https://[fe80::1%25eth0]", whose zone means something on one computer only` + rightURL},
		{[]string{"--url=https://bücher.example"}, nil, `--url is "https://bücher.example", whose host has other letters than a to z: write the host as browsers send it, beginning with xn--, such as https://xn--bcher-kva.example`},
		{[]string{"--url=https://b%C3%BCcher.example:8420"}, nil, `--url is "https://b%C3%BCcher.example:8420", whose host has other letters`},
		{[]string{"--url=https://ann:hush@id.example.com"}, nil, `--url holds a user name or password` + rightURL},
		{[]string{"--data="}, nil, `--data is empty: name a folder, such as ./data`},
		{[]string{"--keys="}, nil, `--keys is empty: name a folder, such as ./keys`},
		{[]string{"--data=x", "--keys=x"}, nil, `--keys is the folder of the data: keep the keys apart`},
		{[]string{"--data=x", "--keys=./y/../x/"}, nil, `--keys is the folder of the data`},
		{[]string{"--data=x", "--keys=x/keys"}, nil, `--keys is inside the folder of the data: keep`},
		{[]string{"--data=.", "--keys=./keys"}, nil, `--keys is inside the folder of the data`},
		{[]string{"--data=x/data", "--keys=x"}, nil, `--data is inside the folder of the keys`},
		{[]string{"--data=" + link, "--keys=" + dir + "/data/k"}, nil, `--keys is inside the folder of the data`},
		{nil, map[string]string{"DOORSTEP_KEYS": "./data/keys"}, `DOORSTEP_KEYS is inside the folder of the data`},
		{[]string{"--database=mysql://ann:hush@h/x"}, nil, `--database does not begin with postgres://: write postgres://USER`},
		{[]string{"--database=postgres://ann:hush%zz@h/x"}, nil, `--database cannot be read as an address: write`},
		{[]string{"--database="}, nil, `--database is empty: write`},
		{nil, map[string]string{"DOORSTEP_DATABASE": "postgres://h/x", "DOORSTEP_DATABASE_FILE": "f"}, `DOORSTEP_DATABASE and DOORSTEP_DATABASE_FILE are both set: set one of them`},
		{nil, map[string]string{"DOORSTEP_DATABASE_FILE": dir + "/not"}, `DOORSTEP_DATABASE_FILE names ` + dir + `/not, which is not there: name a file`},
		{nil, map[string]string{"DOORSTEP_DATABASE_FILE": empty}, `DOORSTEP_DATABASE_FILE names ` + empty + `, which is empty: name a file`},
		{nil, map[string]string{"DOORSTEP_DATABASE_FILE": dir}, `DOORSTEP_DATABASE_FILE names ` + dir + `, which cannot be read`},
		{[]string{"--trusted-proxies=10.0.0.0/33"}, nil, `--trusted-proxies holds "10.0.0.0/33", which is neither a network nor an address: write networks`},
		{[]string{"--trusted-proxies=10.0.0.1,proxy"}, nil, `--trusted-proxies holds "proxy", which`},
		{[]string{"--trusted-proxies=fe80::1%eth0"}, nil, `--trusted-proxies holds "fe80::1%eth0", which`},
		{[]string{"--trusted-proxies=0.0.0.0/0"}, nil, `--trusted-proxies holds "0.0.0.0/0", which trusts every client`},
		{[]string{"--trusted-proxies=::/0"}, nil, `--trusted-proxies holds "::/0", which trusts`},
		{[]string{"--apps-domain=com", "--url=https://id.example.com"}, nil, `--apps-domain is "com", which is no domain of two labels or more: write a parent domain of the host in --url, such as example.com for https://id.example.com`},
		{[]string{"--apps-domain=", "--url=https://id.example.com"}, nil, `--apps-domain is "", which is no domain`},
		{[]string{"--apps-domain=.example.com", "--url=https://id.example.com"}, nil, `--apps-domain is ".example.com", which is no domain`},
		{[]string{"--apps-domain=example.com.", "--url=https://id.example.com"}, nil, `--apps-domain is "example.com.", which is no domain`},
		{[]string{"--apps-domain=https://example.com", "--url=https://id.example.com"}, nil, `--apps-domain is "https://example.com", which is no domain`},
		{[]string{"--apps-domain=example.com; Secure", "--url=https://id.example.com"}, nil, `--apps-domain is "example.com; secure", which is no domain`},
		{[]string{"--apps-domain=0.0.1", "--url=https://127.0.0.1"}, nil, `--apps-domain is "0.0.1", which is no domain`},
		{[]string{"--apps-domain=example.org", "--url=https://id.example.com"}, nil, `--apps-domain is "example.org", to which https://id.example.com does not belong: write a parent`},
		{[]string{"--apps-domain=ample.com", "--url=https://id.example.com"}, nil, `--apps-domain is "ample.com", to which`},
		{[]string{"--apps-domain=app.id.example.com", "--url=https://id.example.com"}, nil, `--apps-domain is "app.id.example.com", to which`},
		{nil, map[string]string{"DOORSTEP_APPS_DOMAIN": "example.com"}, `DOORSTEP_APPS_DOMAIN is "example.com", to which http://localhost:8420 does not belong`},
		{[]string{"--apps-domain=example.com", "--url=http://id.example.com"}, nil, `--apps-domain is set for http://id.example.com, whose cookies everybody on the way can read: put a proxy with https in front and set --url to its address`},
		{[]string{"--log-format=xml"}, nil, `--log-format is "xml": write text or json`},
		{nil, map[string]string{"DOORSTEP_LOG_LEVEL": "loud"}, `DOORSTEP_LOG_LEVEL is "loud": write debug, info, warn or error`},
	} {
		_, err := Read(given(t, c.flags...), environ(c.env))
		var bad *Error
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v %v:\n got %v\nwant %s", c.flags, c.env, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v %v: tells a secret or takes two lines: %v", c.flags, c.env, err)
		}
	}
}

// ASVS 12.2.1
func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		flags []string
		want  []string // what each begins with
	}{
		{[]string{"--url=http://id.example.com"}, []string{"people reach this server at http://id.example.com, which is not https"}},
		{[]string{"--url=http://localhost:8420"}, nil},
		{[]string{"--url=http://127.0.0.1:8420"}, nil},
		{[]string{"--listen=0.0.0.0:8420"}, []string{"other computers can reach 0.0.0.0:8420, but links say http://localhost:8420"}},
		{[]string{"--listen=0.0.0.0:8420", "--url=https://id.example.com"}, nil},
		{[]string{"--listen=192.0.2.1:8420"}, []string{"people reach", "other computers"}},
	} {
		got, err := Read(given(t, c.flags...), environ(nil))
		if err != nil || len(got.Warnings) != len(c.want) {
			t.Errorf("%v: %q, %v", c.flags, got.Warnings, err)
			continue
		}
		for i, w := range c.want {
			if !strings.HasPrefix(got.Warnings[i], w) {
				t.Errorf("%v: %q, want %q", c.flags, got.Warnings[i], w)
			}
		}
	}
}

func TestDemo(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "localhost:8420", "[::1]:8420", "127.0.0.9:80", "[::ffff:127.0.0.1]:80"} {
		if _, err := ReadDemo(&listen, LogFlags{}, environ(nil)); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for _, listen := range []string{":8420", "0.0.0.0:8420", "[::]:8420", "192.0.2.1:8420", "example.com:80", "localhost.example.com:80", "evil.localhost:80"} {
		_, err := ReadDemo(&listen, LogFlags{}, environ(nil))
		if err == nil || !strings.Contains(err.Error(), "which other computers can reach: the demo's passwords are public") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	// What leads to a real store means nothing to it.
	c, err := ReadDemo(nil, LogFlags{}, environ(map[string]string{"DOORSTEP_DATABASE": "postgres://h/x", "DOORSTEP_DATA": "/srv", "DOORSTEP_URL": "https://x"}))
	if err != nil || c.Database != "" || c.Data != "" || c.Keys != "" || c.URL != "" {
		t.Errorf("%+v, %v", c, err)
	}
}

// What counts in the end is where the demo really listens.
func TestDemoListensHere(t *testing.T) {
	c := Config{Listen: "localhost:0"}
	for at, fine := range map[string]bool{
		"127.0.0.1:8420": true, "[::1]:8420": true, "[::ffff:127.0.0.1]:8420": true,
		"192.0.2.1:8420": false, "0.0.0.0:8420": false, "[::]:8420": false, "[fe80::1%lo]:8420": false,
	} {
		a := netip.MustParseAddrPort(at)
		err := c.CheckDemo(net.TCPAddrFromAddrPort(a))
		if fine && err == nil {
			continue
		}
		if bad := new(Error); fine || !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), `--listen is "localhost:0", which other computers can reach: the demo's`) {
			t.Errorf("%s: %v", at, err)
		}
	}
}
