package doorstep_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/seal"
	"doorstep/internal/server"
	"doorstep/internal/words"
)

// At a name that is not that of --url nothing is answered but that: by no route, to
// nobody, whatever else a request says of hosts. Whoever watches the process may ask
// at any name, and by its number everybody.
//
// ASVS 4.1.3, T-HOST-1
func TestStrangeHosts(t *testing.T) {
	t.Parallel()
	t.Run("T-HOST-1, 421", func(t *testing.T) {
		state, in := theCrowd(t)
		a := apptest.Start(t, apptest.Options{State: state})
		before, n := a.Dump(), 0
		for _, r := range a.Routes {
			if r.Path == "/healthz" || r.Path == "/readyz" || strings.HasPrefix(r.Path, "/forward-auth") {
				continue // a proxy asks its question under the name of the app
			}
			n++
			for _, host := range []string{"evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.2" + a.Listen[strings.LastIndex(a.Listen, ":"):]} {
				path, body := in[owner].request(a, r)
				answer := in[owner].ask(a, r.Method, path, body, http.Header{"Host": {host}})
				if answer.Status != http.StatusMisdirectedRequest || answer.Header.Get("Location") != "" || len(answer.Header.Values("Set-Cookie")) > 0 {
					t.Errorf("%s at %s: %d", r, host, answer.Status)
				}
				if isAPI(r) && r.Method != http.MethodTrace && answer.Problem() != "wrong-host" {
					t.Errorf("%s at %s: %s", r, host, answer)
				}
				if bytes.Contains(answer.Body, []byte("evil.example")) {
					t.Errorf("%s at %s repeats it: %s", r, host, answer.Body)
				}
			}
			guarded(t, "GET "+r.Path, in[owner].ask(a, "GET", "/", "", http.Header{"Host": {"evil.example"}}))
		}
		if after := a.Dump(); after != before || n < 150 {
			t.Errorf("of %d routes one changed something: %s", n, difference(before, after))
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			if answer := in[nobody].ask(a, "GET", path, "", http.Header{"Host": {"10-0-0-7.pods.example"}}); answer.Status != http.StatusOK {
				t.Errorf("%s at a name of a watcher: %s", path, answer)
			}
		}
		// The address in the first line of a request counts above Host, as RFC 9112 says.
		if answer := raw(t, a.Listen, []string{"GET http://evil.example/sign-in HTTP/1.1", "Host: " + a.Listen, "Connection: close"}, nil); answer.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("asked as a proxy: %d", answer.StatusCode)
		}
	})
	t.Run("T-HOST-1, which are ours", func(t *testing.T) {
		for _, c := range []struct {
			url, host string
			ours      bool
		}{
			{"https://id.example.com", "id.example.com", true},
			{"https://id.example.com", "ID.Example.COM", true},
			{"https://id.example.com", "id.example.com:443", true},
			{"https://id.example.com:443", "id.example.com", true},
			{"https://id.example.com", "id.example.com:80", false},
			{"https://id.example.com", "id.example.com.", false},
			{"https://id.example.com", "xid.example.com", false},
			{"https://id.example.com", "example.com", false},
			{"https://id.example.com", "", false},
			{"https://xn--bcher-kva.example", "xn--bcher-kva.example", true},
			{"https://xn--bcher-kva.example", "bücher.example", false}, // no browser sends it so
			{"http://id.example.com:8420", "id.example.com:8420", true},
			{"http://id.example.com:8420", "id.example.com", false},
			{"http://[::1]:8420", "[::1]:8420", true},
		} {
			a := apptest.Start(t, apptest.Options{URL: c.url, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
			// What else is said of hosts decides nothing, from a trusted proxy neither.
			got := raw(t, a.Listen, []string{"GET /sign-in HTTP/1.1", "Host: " + c.host, "X-Forwarded-Host: id.example.com", "Forwarded: host=id.example.com", "Connection: close"}, nil)
			if ours := got.StatusCode == http.StatusOK; ours != c.ours {
				t.Errorf("%s at %q: %d", c.url, c.host, got.StatusCode)
			}
		}
	})
}

// Whatever a client calls itself, a line of the log is one line that reads back equal,
// in both forms: nobody forges one for whoever counts them.
//
// ASVS 16.2.4, ASVS 16.4.1, T-LOG-2
func TestLogLinesAreNotForged(t *testing.T) {
	t.Parallel()
	t.Run("T-LOG-2", func(t *testing.T) {
		c, err := core.Open(t.Context(), core.Options{DataDir: t.TempDir(), Keys: seal.NewKeysForTest()})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		catalog, err := words.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"text", "json"} {
			var written bytes.Buffer
			log := server.NewLog(&written, config.Config{LogFormat: format, LogLevel: slog.LevelDebug})
			h, _, err := server.Handler(c, catalog, &url.URL{Scheme: "http", Host: "localhost"}, log, server.Front{})
			if err != nil {
				t.Fatal(err)
			}
			for _, hostile := range []string{"a\nlevel=ERROR msg=forged", "a\rlevel=ERROR msg=forged", "\x1b[2Jlevel=ERROR", "a\u2028level=ERROR", "a\xff\xfeb", `" level=ERROR msg="forged`, "{\"level\":\"ERROR\"}"} {
				r := httptest.NewRequest(http.MethodPost, "/api/v1/sign-in", strings.NewReader(`{"email":`+mustJSON(t, hostile+"@example.com")+`,"password":`+mustJSON(t, hostile)+`}`))
				r.Host = "localhost"
				r.Header = http.Header{"User-Agent": {hostile}, "Content-Type": {"application/json"}, "Accept-Language": {hostile}, "Referer": {hostile}, "X-Forwarded-For": {hostile}, "Cookie": {"doorstep=" + hostile}}
				h.ServeHTTP(httptest.NewRecorder(), r)
				log.Warn("somebody", "name", hostile, hostile, 1)
			}
			for line := range strings.Lines(written.String()) {
				line = strings.TrimSuffix(line, "\n")
				var all map[string]any
				if format == "json" && (json.Unmarshal([]byte(line), &all) != nil || all["level"] == "ERROR") {
					t.Errorf("a line of somebody's own: %q", line)
				}
				if format == "text" && !strings.HasPrefix(line, "time=") {
					t.Errorf("a line of somebody's own: %q", line)
				}
				if strings.ContainsAny(line, "\r\x1b\u2028") {
					t.Errorf("%q", line)
				}
			}
			if strings.Count(written.String(), "\n") < 14 {
				t.Errorf("%s: nothing was logged", format)
			}
		}
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
