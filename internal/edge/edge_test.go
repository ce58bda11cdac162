package edge

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// ASVS 4.1.3, ASVS 15.3.4, T-FA-3
func TestAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		trusted    []netip.Prefix
		want       string
	}{
		{"a direct client", "192.0.2.1:1234", nil, proxies, "192.0.2.1"},
		{"a direct client that lies", "192.0.2.1:1234", []string{"198.51.100.9"}, proxies, "192.0.2.1"},
		{"nobody is trusted", "10.0.0.1:1234", []string{"198.51.100.9"}, nil, "10.0.0.1"},
		{"behind a proxy", "10.0.0.1:1234", []string{"198.51.100.9"}, proxies, "198.51.100.9"},
		{"behind a proxy, the client lies", "10.0.0.1:1234", []string{"127.0.0.1, 198.51.100.9"}, proxies, "198.51.100.9"},
		{"behind two", "10.0.0.1:1234", []string{"6.6.6.6, 198.51.100.9, 10.0.0.2"}, proxies, "198.51.100.9"},
		{"in two headers", "10.0.0.1:1234", []string{"6.6.6.6, 198.51.100.9", "10.0.0.2"}, proxies, "198.51.100.9"},
		{"nonsense stops the walk", "10.0.0.1:1234", []string{"198.51.100.9, unknown"}, proxies, "10.0.0.1"},
		{"an IPv4 address in IPv6 clothes", "[::ffff:10.0.0.1]:1234", []string{"::ffff:198.51.100.9"}, proxies, "198.51.100.9"},
		{"all are proxies", "10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, proxies, "10.0.0.3"},
		{"a zone is no part of an address", "[::1]:1234", []string{"fe80::1%eth0"}, proxies, "fe80::1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, h := range c.forwarded {
			r.Header.Add("X-Forwarded-For", h)
		}
		if got := Address(r, c.trusted); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// P3
func TestTableRefusesUnclassifiedRoutes(t *testing.T) {
	h := http.NotFoundHandler()
	if _, err := Table([]Route{{"GET", "/", core.NeedOpen, h}, {"GET", "/new", "", h}}); err == nil {
		t.Error("a route without needs was taken")
	}
	if _, err := Table([]Route{{"GET", "/", core.NeedOpen, nil}}); err == nil {
		t.Error("a route without a handler was taken")
	}
	if _, err := Table([]Route{{"GET", "/", core.NeedOpen, h}}); err != nil {
		t.Error(err)
	}
}

func TestProblemOf(t *testing.T) {
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := &core.Refusal{Code: core.AuthenticatorWait, Field: "code", RetryAfter: 1500 * time.Millisecond, Counted: true}
	p := ProblemOf(catalog.In(words.English), r)
	if p.Type != "urn:doorstep:problem:authenticator-wait" || p.Status != 429 || p.RetryAfterSeconds != 2 || *p.AttemptsLeft != 0 || p.Field != "code" {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(p.Detail, "2 seconds") {
		t.Errorf("the sentence says no time: %s", p.Detail)
	}
}

// Every refusal of core has its words in every language, and a status.
func TestEveryRefusalHasWords(t *testing.T) {
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range core.Codes() {
		for _, l := range words.Languages() {
			w := catalog.In(l)
			if !w.Has("refusal."+string(code)) || !w.Has("refusal."+string(code)+".title") {
				t.Errorf("%s: no words for %s", l, code)
			}
		}
		if s := Status((&core.Refusal{Code: code}).Kind()); s < 400 || s > 503 {
			t.Errorf("%s: status %d", code, s)
		}
	}
}

// ASVS 16.5.4
func TestHeadersAndPanics(t *testing.T) {
	var log strings.Builder
	mux := http.NewServeMux()
	mux.HandleFunc("GET /secret/{token}", func(http.ResponseWriter, *http.Request) { panic("at the disco") })
	h := Headers(true, Log(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), LimitBody(mux)))
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/secret/s3cr3t", nil))
	if answer.Code != http.StatusInternalServerError || strings.Contains(answer.Body.String(), "disco") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if !strings.Contains(log.String(), "disco") || strings.Contains(log.String(), "s3cr3t") {
		t.Errorf("the log: %s", log.String())
	}
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security", "Cache-Control"} {
		if answer.Header().Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
	if strings.Contains(answer.Header().Get("Content-Security-Policy"), "unsafe") {
		t.Error("an unsafe policy")
	}
}
