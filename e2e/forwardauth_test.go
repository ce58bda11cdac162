package e2e

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestBackToTheApp: somebody opens an app at a neighboring host, is led to sign in
// and back, in a browser that holds the rule for forms against redirects, and with
// cookies as a browser keeps them. The proxy asks as Caddy does.
func TestBackToTheApp(t *testing.T) {
	need(t)
	x, app := withApp(t)
	owner := x.add(t, "Ana Duarte", "owner")
	ana := arrives(t, x.program, owner, how{})
	ana.signsIn()
	ana.activates()
	ana.opens("/team/policy")
	ana.fills(ana.say("pol.hosts"), strings.TrimPrefix(app, "http://"))
	ana.clicks(ana.say("pol.save"))
	ana.sees(ana.say("pol.saved"))

	for name, h := range map[string]how{"with JavaScript": {}, "without JavaScript": {noJavaScript: true}} {
		t.Run(name, func(t *testing.T) {
			p := arrives(t, x.program, owner, h)
			p.watch.also = app
			p.phone, p.codes = ana.phone, ana.codes
			here := p.base
			p.base = app
			p.opens("/notes?q=1")
			p.isAt("/sign-in")
			p.signsIn()
			p.types(p.phone.code(t))
			p.sees("Notes of Ana Duarte at /notes?q=1")

			// Signed in, and out again: the app hears of both at once.
			p.opens("/other")
			p.sees("Notes of Ana Duarte at /other")
			p.base = here
			p.opens("/")
			p.signsOut()
			p.base = app
			p.opens("/other")
			p.isAt("/sign-in")
		})
	}
}

// withApp is a server of its own, and an app beside it behind a proxy.
func withApp(t *testing.T) (*team, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	l.Close()
	folder := t.TempDir()
	store := []string{"--data", filepath.Join(folder, "data"), "--keys", filepath.Join(folder, "keys")}
	p, err := start(append([]string{
		"serve", "--listen", "127.0.0.1:" + port, "--url", "http://id.doorstep.localhost:" + port,
		"--apps-domain", "doorstep.localhost", "--trusted-proxies", "127.0.0.1",
	}, store...)...)
	if err != nil {
		t.Fatal(err)
	}
	p.store = store
	t.Cleanup(p.stop)
	s := httptest.NewServer(proxyOf("http://127.0.0.1:" + port))
	t.Cleanup(s.Close)
	return &team{program: p, name: "Northwind"}, "http://app.doorstep.localhost" + s.URL[strings.LastIndex(s.URL, ":"):]
}

// proxyOf lets whoever Doorstep knows see a page, and hands on its refusals.
func proxyOf(doorstep string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		q, err := http.NewRequestWithContext(r.Context(), http.MethodGet, doorstep+"/forward-auth", nil)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		q.Header = r.Header.Clone()
		for name, value := range map[string]string{"Method": r.Method, "Proto": "http", "Host": r.Host, "Uri": r.RequestURI} {
			q.Header.Set("X-Forwarded-"+name, value)
		}
		answer, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			rw.Header().Set("Location", answer.Header.Get("Location"))
			rw.WriteHeader(answer.StatusCode)
			return
		}
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(rw, "<!doctype html><title>Notes</title><link rel=icon href=data:,><h1>Notes of %s at %s</h1>",
			html.EscapeString(answer.Header.Get("Remote-Name")), html.EscapeString(r.RequestURI))
	}
}
