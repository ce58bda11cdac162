package forward_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/forward"
)

// identity are the headers by which an app learns who it is.
var identity = []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Role", "Remote-Team", "Remote-Second-Step"}

// proxied is an App behind a proxy on this computer, with apps under example.com.
func proxied(t testing.TB, o apptest.Options) *apptest.App {
	t.Helper()
	o.TrustedProxies, o.AppsDomain = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "example.com"
	return apptest.Start(t, o)
}

// ask asks as a proxy does, with headers as "Name: value".
func ask(a *apptest.App, method, path string, headers ...string) *apptest.Answer {
	h := http.Header{}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		h[http.CanonicalHeaderKey(name)] = append(h[http.CanonicalHeaderKey(name)], value)
	}
	c := a.Client()
	c.Device = "a proxy"
	return c.Send(method, path, nil, h)
}

// letIn checks that an answer says who it is, and refused that it says nobody.
func letIn(t *testing.T, what string, answer *apptest.Answer, p *apptest.Person, secondStep string) {
	t.Helper()
	want := map[string]string{
		"Remote-User": p.ID, "Remote-Email": p.Email, "Remote-Name": p.Name, "Remote-Role": string(p.Role), "Remote-Team": p.TeamID, "Remote-Second-Step": secondStep,
	}
	if answer.Status != http.StatusOK || len(answer.Body) > 0 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: got %d %q, Cache-Control %q", what, answer.Status, answer.Body, answer.Header.Get("Cache-Control"))
	}
	for name, value := range want {
		if got := answer.Header.Values(name); !slices.Equal(got, []string{value}) {
			t.Errorf("%s: %s is %q, want %q", what, name, got, value)
		}
	}
	if len(answer.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("%s: sets a cookie", what)
	}
}

func refused(t *testing.T, what string, answer *apptest.Answer, status int) {
	t.Helper()
	if answer.Status != status || len(answer.Body) > 0 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: got %d %q, want %d", what, answer.Status, answer.Body, status)
	}
	for _, name := range append([]string{"Set-Cookie", "Strict-Transport-Security", "Content-Security-Policy"}, identity...) {
		if answer.Header.Values(name) != nil {
			t.Errorf("%s: has %s", what, name)
		}
	}
}

// TestForwardAuth has the attacks on others that the design names.
//
// ASVS 4.1.3, ASVS 7.6.1, NIST 5.1.2, R6, P5
func TestForwardAuth(t *testing.T) {
	// T-FA-1
	t.Run("T-FA-1", notWhole)
	// T-FA-2, T-FA-4, T-FA-5
	t.Run("T-FA-2 and T-FA-5", nothingElseDecides)
	// T-FA-3, T-FA-9
	t.Run("T-FA-3 and T-FA-9", trustsNobody)
	// T-FA-10
	t.Run("T-FA-10", endedAtOnce)
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	carla, elena := a.Session("carla"), a.Session("elena")
	apps := apptest.AppsToken(t, a.Core, carla)
	who := a.Person("carla")
	const none = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	over := a.Session("bruno")
	c := a.Client()
	c.Token = over
	if answer := c.Call("DELETE", "/session", nil); !answer.OK() {
		t.Fatal(answer)
	}
	for what, headers := range map[string][]string{
		"a bearer token":                    {"Authorization: Bearer " + carla},
		"a bearer token, small":             {"Authorization: bearer " + carla},
		"a bearer token with blanks":        {"Authorization: Bearer   " + carla},
		"the cookie":                        {"Cookie: doorstep=" + carla},
		"the cookie among others":           {"Cookie: a=b; doorstep-x=1; doorstep=" + carla + "; c=d"},
		"the cookie in a second line":       {"Cookie: a=b", "Cookie: doorstep=" + carla},
		"the cookie without blanks":         {"Cookie: a=b;doorstep=" + carla + ";c"},
		"the cookie for apps":               {"Cookie: doorstep-apps=" + apps},
		"after a Basic line":                {"Authorization: Basic YTpi", "Cookie: doorstep=" + carla},
		"after an unknown bearer":           {"Authorization: Bearer " + none, "Cookie: doorstep=" + carla},
		"after an ended bearer":             {"Authorization: Bearer " + over, "Cookie: doorstep=" + carla},
		"after an app's own bearer":         {"Authorization: Bearer x.y.z", "Cookie: doorstep-apps=" + apps},
		"after an ended cookie":             {"Cookie: doorstep=" + over + "; doorstep-apps=" + apps},
		"after planted cookies":             {"Cookie: doorstep=" + none + "; doorstep=; doorstep=x; doorstep=" + carla},
		"after planted cookies for apps":    {"Cookie: doorstep-apps=" + none + "; doorstep-apps=; doorstep-apps=x; doorstep-apps=" + apps},
		"before somebody else's":            {"Authorization: Bearer " + carla, "Cookie: doorstep=" + elena},
		"our cookie before the one of apps": {"Cookie: doorstep-apps=" + apptest.AppsToken(t, a.Core, elena) + "; doorstep=" + carla},
	} {
		letIn(t, what, ask(a, "GET", "/forward-auth", headers...), who, "authenticator")
	}
	letIn(t, "somebody without 2-step", ask(a, "GET", "/forward-auth", "Authorization: Bearer "+elena), a.Person("elena"), "none")
	for what, headers := range map[string][]string{
		"nothing":                        nil,
		"an unknown bearer":              {"Authorization: Bearer " + none},
		"an ended bearer":                {"Authorization: Bearer " + over},
		"a token alone":                  {"Authorization: " + carla},
		"a token as Basic":               {"Authorization: Basic " + carla},
		"half a token":                   {"Authorization: Bearer " + carla[:30]},
		"a token and more":               {"Authorization: Bearer " + carla + "x"},
		"two tokens":                     {"Authorization: Bearer " + carla + " " + carla},
		"a cookie in capitals":           {"Cookie: DOORSTEP=" + carla},
		"a quoted cookie":                {`Cookie: doorstep="` + carla + `"`},
		"a cookie behind four others":    {"Cookie: doorstep=1; doorstep=2; doorstep=3; doorstep=4; doorstep=" + carla},
		"the https name over http":       {"Cookie: __Host-doorstep=" + carla},
		"the apps' token as the session": {"Cookie: doorstep=" + apps},
		"the apps' token as a bearer":    {"Authorization: Bearer " + apps},
		"the session's token for apps":   {"Cookie: doorstep-apps=" + carla},
		"somebody else's id before it":   {"Cookie: doorstep-apps=" + strings.Split(apptest.AppsToken(t, a.Core, elena), ".")[0] + "." + strings.Split(apps, ".")[1]},
		"the attempt's cookie":           {"Cookie: doorstep-attempt=" + carla},
		"a token in another header":      {"Proxy-Authorization: Bearer " + carla, "X-Token: " + carla},
	} {
		refused(t, what, ask(a, "GET", "/forward-auth", headers...), http.StatusUnauthorized)
	}
	refused(t, "a token in the address", ask(a, "GET", "/forward-auth?token="+carla+"&access_token="+carla), http.StatusUnauthorized)
}

// TestNamesOfCookies: over https the session's cookie is only known by the name
// that no neighbour can plant; without a domain for apps there is no cookie for them.
func TestNamesOfCookies(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{HTTPS: true})
	token := a.Session("carla")
	letIn(t, "https", ask(a, "GET", "/forward-auth", "Cookie: __Host-doorstep="+token), a.Person("carla"), "authenticator")
	refused(t, "the weaker name", ask(a, "GET", "/forward-auth", "Cookie: doorstep="+token), http.StatusUnauthorized)
	refused(t, "no domain for apps", ask(a, "GET", "/forward-auth", "Cookie: doorstep-apps="+apptest.AppsToken(t, a.Core, token)), http.StatusUnauthorized)
}

func TestReach(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	if _, err := a.RestartFromConsole("carla", "lost phone"); err != nil {
		t.Fatal(err)
	}
	token := a.Session("carla")
	for _, headers := range []string{"Authorization: Bearer " + token, "Cookie: doorstep=" + token, "Cookie: doorstep-apps=" + apptest.AppsToken(t, a.Core, token)} {
		refused(t, headers, ask(a, "GET", "/forward-auth", headers), http.StatusUnauthorized)
	}
	other := a.Session("elena")
	letIn(t, "behind it somebody else", ask(a, "GET", "/forward-auth", "Authorization: Bearer "+token, "Cookie: doorstep="+other), a.Person("elena"), "none")
	page := ask(a, "GET", "/forward-auth", "Cookie: doorstep="+token, "Accept: text/html")
	refused(t, "in a browser", page, http.StatusFound)
	if to := page.Header.Get("Location"); to != a.URL+"/sign-in" {
		t.Errorf("led to %s", to)
	}
}

// TestRecoveryCode: what was really proved.
func TestRecoveryCode(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	c, who := a.Client(), a.Person("carla")
	attempt := c.Call("POST", "/sign-in", map[string]any{"email": who.Email, "password": apptest.Password}).Get("attempt")
	refused(t, "half signed in", ask(a, "GET", "/forward-auth", "Cookie: doorstep="+attempt+"; doorstep-attempt="+attempt, "Authorization: Bearer "+attempt), http.StatusUnauthorized)
	token := c.Call("POST", "/sign-in/second-step", map[string]any{"attempt": attempt, "code": who.Phone.Paper()[0]}).Get("session.token")
	letIn(t, "by recovery code", ask(a, "GET", "/forward-auth", "Authorization: Bearer "+token), who, "recovery_code")
}

const browser = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"

func seen(scheme, host, uri string) []string {
	return []string{"X-Forwarded-Proto: " + scheme, "X-Forwarded-Host: " + host, "X-Forwarded-Uri: " + uri}
}

func TestBrowsersAndPrograms(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	for _, c := range []struct {
		what, method string
		headers      []string
		status       int
		location     bool
	}{
		{"a program", "GET", []string{"Accept: application/json"}, 401, false},
		{"a program that takes anything", "GET", []string{"Accept: */*"}, 401, false},
		{"a program that says nothing", "GET", nil, 401, false},
		{"a browser", "GET", []string{browser}, 302, true},
		{"a browser in capitals", "GET", []string{"Accept: TEXT/HTML"}, 302, true},
		{"a browser in the second line", "GET", []string{"Accept: image/png", "Accept: text/html"}, 302, true},
		{"a browser's HEAD", "HEAD", []string{browser}, 302, true},
		{"a browser, says the proxy", "GET", []string{browser, "X-Forwarded-Method: HEAD"}, 302, true},
		{"a form", "GET", []string{browser, "X-Forwarded-Method: POST"}, 401, false},
		{"a form, in other words", "GET", []string{browser, "X-Original-Method: POST"}, 401, false},
		{"a form, by both", "GET", []string{browser, "X-Forwarded-Method: GET", "X-Original-Method: DELETE"}, 401, false},
		{"a form, asked about with its method", "POST", []string{browser}, 401, false},
		{"a websocket", "GET", []string{"Upgrade: websocket", "Connection: Upgrade"}, 401, false},
		{"a browser behind nginx", "GET", []string{browser, "X-Original-URL: https://app.example.com/"}, 401, true},
		{"a program behind nginx", "GET", []string{"X-Original-URL: https://app.example.com/"}, 401, false},
		{"a form behind nginx", "GET", []string{browser, "X-Forwarded-Method: POST", "X-Original-URL: https://app.example.com/"}, 401, false},
	} {
		answer := ask(a, c.method, "/forward-auth", c.headers...)
		refused(t, c.what, answer, c.status)
		if to := answer.Header.Get("Location"); (to == a.URL+"/sign-in") != c.location {
			t.Errorf("%s: led to %q", c.what, to)
		}
		if c.status == 401 && answer.Header.Get("Www-Authenticate") != "Bearer" {
			t.Errorf("%s: WWW-Authenticate is %q", c.what, answer.Header.Get("Www-Authenticate"))
		}
	}
}

// TestWayBack: only what a trusted proxy reports, and only to a host that a team
// registered, stands on the sign-in address.
func TestWayBack(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	a.ReturnHosts("ana", "app.example.com", "app.example.com:8443")
	a.ReturnHosts("zoe", "else.example.com")
	long := "/" + strings.Repeat("a", 8000)
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{seen("https", "app.example.com", "/notes?q=a%20b&c=d"), "https://app.example.com/notes?q=a%20b&c=d"},
		{seen("https", "APP.example.com.:443", "/"), "https://app.example.com/"},
		{seen("http", "app.example.com:80", "/x"), "http://app.example.com/x"},
		{seen("https", "app.example.com:8443", "/x"), "https://app.example.com:8443/x"},
		{seen("https", "else.example.com", "/"), "https://else.example.com/"},
		{seen("https", "app.example.com", long), "https://app.example.com/"},
		{seen("https", "app.example.com", "//evil.example/"), "https://app.example.com//evil.example/"},
		{seen("https", "app.example.com", "/?return=https://evil.example"), "https://app.example.com/?return=https://evil.example"},
		{[]string{"X-Original-URL: https://app.example.com/y"}, "https://app.example.com/y"},
		{append(seen("https", "evil.example", "/"), "X-Original-URL: https://app.example.com/y"), "https://app.example.com/y"},
		{append(seen("https", "app.example.com", "/"), "Referer: https://evil.example/"), "https://app.example.com/"},
		{seen("https", "app.example.com:9000", "/"), ""},
		{seen("https", "evil.example", "/"), ""},
		{seen("https", "evilapp.example.com", "/"), ""},
		{seen("https", "app.example.com.evil.example", "/"), ""},
		{seen("https", "[::1]", "/"), ""},
		{seen("https", "äpp.example.com", "/"), ""},
		{[]string{"X-Forwarded-Host: app.example.com", "X-Forwarded-Proto: https"}, ""},
		{[]string{"Referer: https://app.example.com/"}, ""},
		{[]string{"Host: app.example.com"}, ""},
		{[]string{"Forwarded: host=app.example.com;proto=https"}, ""},
	} {
		answer := ask(a, "GET", "/forward-auth", append(c.headers, browser)...)
		to, err := url.Parse(answer.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if to.Scheme+"://"+to.Host+to.Path != a.URL+"/sign-in" || to.Query().Get("return") != c.want || len(to.Query()) > 1 {
			t.Errorf("%.200q: led to %s", c.headers, to)
		}
	}
}

// trustsNobody is T-FA-3 and T-FA-9: as it comes, no header is believed, and
// somebody who is signed in gets in all the same.
func trustsNobody(t *testing.T) {
	t.Parallel()
	for _, trusted := range [][]netip.Prefix{nil, {netip.MustParsePrefix("10.0.0.0/8")}} {
		a := apptest.Start(t, apptest.Options{TrustedProxies: trusted})
		a.ReturnHosts("ana", "app.example.com")
		for _, headers := range [][]string{seen("https", "app.example.com", "/"), {"X-Original-URL: https://app.example.com/"}} {
			headers = append(headers, browser, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Prefix: /x", "X-Forwarded-Port: 443", "X-Real-Ip: 127.0.0.1")
			if to := ask(a, "GET", "/forward-auth", headers...).Header.Get("Location"); to != a.URL+"/sign-in" {
				t.Errorf("%v: %q: led to %s", trusted, headers, to)
			}
			letIn(t, "signed in", ask(a, "GET", "/forward-auth", append(headers, "Authorization: Bearer "+a.Session("carla"))...), a.Person("carla"), "authenticator")
		}
		refused(t, "an address that is not whole", ask(a, "GET", "/forward-auth", "X-Original-URL: https://app.example.com/%zz"), http.StatusBadRequest)
	}
}

// notWhole is T-FA-1: an address that can be read in two ways lets nobody in.
func notWhole(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	good := "Authorization: Bearer " + a.Session("carla")
	for _, headers := range [][]string{
		{"X-Original-URL: "},
		{"X-Original-URL: /notes"},
		{"X-Original-URL: //app.example.com/"},
		{"X-Original-URL: https:///x"},
		{"X-Original-URL: ftp://app.example.com/"},
		{"X-Original-URL: https://ana@app.example.com/"},
		{"X-Original-URL: https://app.example.com/%"},
		{"X-Original-URL: https://app.example.com/%zz"},
		{"X-Original-URL: https://app.example.com/", "X-Original-URL: https://app.example.com/"},
		{"X-Forwarded-Uri: /"},
		seen("https", "", "/"), seen("", "app.example.com", "/"), seen("https", "app.example.com", ".evil.example"), seen("https", "app.example.com", "/%4"),
		seen("https", "app.example.com, b.example", "/"), append(seen("https", "app.example.com", "/"), "X-Forwarded-Uri: /b"),
	} {
		for what, more := range map[string][]string{"signed in": {good}, "not signed in": nil, "a browser": {browser}} {
			refused(t, fmt.Sprintf("%q, %s", headers, what), ask(a, "GET", "/forward-auth", append(headers, more...)...), http.StatusBadRequest)
		}
	}
}

// nothingElseDecides is T-FA-2 and T-FA-5, as a property: whatever surrounds
// the credentials, the same people get in.
func nothingElseDecides(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	a.ReturnHosts("ana", "app.example.com")
	before := a.Dump()
	good := "Cookie: doorstep=" + a.Session("carla")
	surroundings := [][]string{
		{"User-Agent: GoogleHC/1.0"},
		{"User-Agent: ELB-HealthChecker/2.0"},
		{"User-Agent: kube-probe/1.30"},
		{"X-Forwarded-Prefix: /healthz"},
		{"X-Forwarded-Port: 0"},
		{"X-Forwarded-For: 127.0.0.1"},
		{"X-Forwarded-Method: OPTIONS"},
		{"Origin: https://app.example.com", "Access-Control-Request-Method: GET"},
		{"Upgrade: websocket", "Connection: Upgrade"},
		{"Remote-User: ana", "Remote_user: ana"},
		{"Sec-Fetch-Site: cross-site"},
		{"X-Http-Method-Override: DELETE"},
	}
	for _, host := range []string{"app.example.com", "APP.Example.COM", "app.example.com.", "app.example.com:443", "app.example.com:8443", "xn--pp-fka.example.com", "äpp.example.com", "[::1]", "127.0.0.1", "localhost"} {
		for _, uri := range []string{"/", "/healthz", "/ping", "/robots.txt", "/.well-known/acme-challenge/x", "//", "/%2e%2e/", "/a?b=/healthz", "/a%23/healthz", "/%2F", "/\xc3\xa9", "/a?%zz", "/" + strings.Repeat("a", 8000)} {
			surroundings = append(surroundings, seen("https", host, uri), []string{"X-Original-URL: http://" + host + uri})
		}
	}
	for _, headers := range surroundings {
		letIn(t, fmt.Sprintf("%.120q", headers), ask(a, "GET", "/forward-auth", append(headers, good)...), a.Person("carla"), "authenticator")
		answer := ask(a, "GET", "/forward-auth", append(headers, browser)...)
		if answer.Status != http.StatusFound && answer.Status != http.StatusUnauthorized {
			t.Errorf("%.120q: a stranger got %d", headers, answer.Status)
		}
	}
	for _, path := range []string{"/forward-auth", "/forward-auth?x=/healthz", "/forward-auth/", "/forward-auth/healthz", "/forward-auth//", "/forward-auth//evil.example/", "/forward-auth/../healthz", "/forward-auth/%2e%2e/healthz", "/forward-auth/a%00b", "/forward-auth/?q=%zz", "/forward-auth/" + strings.Repeat("a", 8000)} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			letIn(t, method+" "+path, ask(a, method, path, good), a.Person("carla"), "authenticator")
			refused(t, method+" "+path, ask(a, method, path), http.StatusUnauthorized)
		}
	}
	for _, path := range []string{"/forward-authx", "/Forward-auth", "/x/forward-auth", "/api/v1/forward-auth", "//forward-auth"} {
		if answer := ask(a, "GET", path, good); answer.Header.Get("Remote-User") != "" {
			t.Errorf("%s says who it is", path)
		}
	}
	if n := strings.Count(a.Dump(), "\n") - strings.Count(before, "\n"); n > 4 { // Carla's sign-in, and nothing of all the rest
		t.Errorf("%d rows were added:\n%s", n, a.Dump())
	}
}

// TestAsDocumented asks as each proxy documents that it does.
func TestAsDocumented(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	a.ReturnHosts("ana", "app.example.com")
	cookie := "Cookie: theme=dark; doorstep-apps=" + apptest.AppsToken(t, a.Core, a.Session("carla"))
	theirs := []string{browser, "Accept-Encoding: gzip", "Accept-Language: en", "User-Agent: Mozilla/5.0", "Sec-Fetch-Mode: navigate", "Upgrade-Insecure-Requests: 1"}
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		refusal      int
	}{
		// https://doc.traefik.io/traefik/middlewares/http/forwardauth/: the client's headers, and these.
		"Traefik": {"GET", "/forward-auth", slices.Concat(theirs, seen("https", "app.example.com", "/notes?q=1"), []string{
			"X-Forwarded-Method: GET", "X-Forwarded-For: 198.51.100.9", "X-Forwarded-Port: 443", "X-Forwarded-Server: edge-1", "X-Real-Ip: 198.51.100.9",
		}), 302},
		// haproxy-auth-request, auth-intercept with HEAD and every header of the request.
		"HAProxy": {"HEAD", "/forward-auth", slices.Concat(theirs, seen("https", "app.example.com", "/notes?q=1"), []string{"X-Forwarded-Method: GET", "Host: app.example.com"}), 302},
		// ext_authz: the method and path of the request, Host, and the headers that are named.
		"Envoy": {"GET", "/forward-auth/notes?q=1", slices.Concat([]string{browser, "Host: app.example.com", "Content-Length: 0"}, seen("https", "app.example.com", "/notes?q=1")), 302},
		// ngx_http_auth_request_module with the configuration of the documents.
		"nginx": {"GET", "/forward-auth", slices.Concat(theirs, []string{"X-Original-URL: https://app.example.com/notes?q=1", "X-Forwarded-Method: GET", "X-Forwarded-For: 198.51.100.9"}), 401},
		// https://caddyserver.com/docs/caddyfile/directives/forward_auth
		"Caddy": {"GET", "/forward-auth", slices.Concat(theirs, seen("https", "app.example.com", "/notes?q=1"), []string{"X-Forwarded-Method: GET", "X-Forwarded-For: 198.51.100.9", "Via: 2.0 Caddy"}), 302},
	} {
		letIn(t, name, ask(a, c.method, c.path, append(c.headers, cookie)...), a.Person("carla"), "authenticator")
		answer := ask(a, c.method, c.path, c.headers...)
		refused(t, name, answer, c.refusal)
		if to := answer.Header.Get("Location"); to != a.URL+"/sign-in?return="+url.QueryEscape("https://app.example.com/notes?q=1") {
			t.Errorf("%s: led to %s", name, to)
		}
		script := slices.DeleteFunc(slices.Clone(c.headers), func(line string) bool { return line == browser })
		refused(t, name+", a program", ask(a, c.method, c.path, script...), http.StatusUnauthorized)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} { // Envoy, and Traefik with preserveRequestMethod
		headers := append(seen("https", "app.example.com", "/notes"), browser)
		letIn(t, method, ask(a, method, "/forward-auth/notes", append(headers, cookie)...), a.Person("carla"), "authenticator")
		refused(t, method, ask(a, method, "/forward-auth/notes", headers...), http.StatusUnauthorized)
	}
}

// endedAtOnce is T-FA-10: once the end of a session is answered, the next question
// is refused, whatever it is asked with.
func endedAtOnce(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{AppsDomain: "example.com"}, func(t *testing.T, a *apptest.App) {
		admin := a.Client()
		admin.Token = a.Session("bruno")
		for what, end := range map[string]func(token string) *apptest.Answer{
			"signed out": func(token string) *apptest.Answer {
				c := a.Client()
				c.Token = token
				return c.Call("DELETE", "/session", nil)
			},
			"ended by an admin": func(string) *apptest.Answer {
				return admin.Call("DELETE", "/team/users/"+a.Person("carla").ID+"/sessions", nil)
			},
			"a new token": func(token string) *apptest.Answer {
				c := a.Client()
				c.Token = token
				return c.Call("POST", "/step-up", map[string]any{"password": apptest.Password, "code": a.Person("carla").Phone.Code()})
			},
			"suspended": func(string) *apptest.Answer {
				return admin.Call("PATCH", "/team/users/"+a.Person("carla").ID, map[string]any{"status": "suspended"})
			},
		} {
			if what == "suspended" {
				continue // last, below
			}
			ends(t, a, what, end)
		}
		ends(t, a, "suspended", func(string) *apptest.Answer {
			return admin.Call("PATCH", "/team/users/"+a.Person("carla").ID, map[string]any{"status": "suspended"})
		})
		token := a.Session("elena")
		letIn(t, "before an hour", ask(a, "GET", "/forward-auth", "Authorization: Bearer "+token), a.Person("elena"), "none")
		a.Pass(61 * time.Minute)
		refused(t, "after an hour without use", ask(a, "GET", "/forward-auth", "Authorization: Bearer "+token), http.StatusUnauthorized)
	})
}

func ends(t *testing.T, a *apptest.App, what string, end func(token string) *apptest.Answer) {
	t.Helper()
	token := a.Session("carla")
	credentials := []string{"Authorization: Bearer " + token, "Cookie: doorstep=" + token, "Cookie: doorstep-apps=" + apptest.AppsToken(t, a.Core, token)}
	for _, c := range credentials {
		letIn(t, what, ask(a, "GET", "/forward-auth", c), a.Person("carla"), "authenticator")
	}
	if answer := end(token); !answer.OK() {
		t.Fatalf("%s: %s", what, answer)
	}
	for _, c := range credentials {
		refused(t, what+", "+c[:12], ask(a, "GET", "/forward-auth", c), http.StatusUnauthorized)
	}
}

// TestAway: a storage that does not answer lets nobody in, whatever was remembered
// of whom.
func TestAway(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	token := a.Session("carla")
	apps := apptest.AppsToken(t, a.Core, token)
	letIn(t, "before", ask(a, "GET", "/forward-auth", "Cookie: doorstep="+token), a.Person("carla"), "authenticator")
	if err := a.Core.Close(); err != nil {
		t.Fatal(err)
	}
	a.Core.Forget()
	for _, c := range []string{"Authorization: Bearer " + token, "Cookie: doorstep=" + token, "Cookie: doorstep-apps=" + apps} {
		answer := ask(a, "GET", "/forward-auth", c)
		refused(t, c[:12], answer, http.StatusServiceUnavailable)
		if answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no time to come back", c[:12])
		}
	}
	refused(t, "a browser with an address", ask(a, "GET", "/forward-auth", append(seen("https", "app.example.com", "/"), browser)...), http.StatusServiceUnavailable)
	refused(t, "nothing to look up", ask(a, "GET", "/forward-auth"), http.StatusUnauthorized)
	if faults := a.TakeFaults(); strings.Contains(faults, token) || strings.Contains(faults, apps) || !strings.Contains(faults, "a proxy could not be answered") {
		t.Errorf("the log: %s", faults)
	}
}

// TestPanics: a fault of ours is 500, and in the log without what was sent.
func TestPanics(t *testing.T) {
	var log strings.Builder
	f := forward.New(forward.Options{URL: &url.URL{Scheme: "http", Host: "localhost"}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	answer := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/forward-auth", nil)
	r.Header.Set("Authorization", "Bearer s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3t")
	f.ServeHTTP(answer, r) // there is no core
	if answer.Code != http.StatusInternalServerError || answer.Header().Get("Remote-User") != "" || answer.Body.Len() > 0 {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
	if !strings.Contains(log.String(), "a handler panicked") || strings.Contains(log.String(), "s3cr3t") {
		t.Errorf("the log: %s", log.String())
	}
}

// TestLog: a line for each question only where somebody looks for it.
func TestLog(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 1} {
		var log strings.Builder
		f := forward.New(forward.Options{URL: &url.URL{Scheme: "http", Host: "localhost"}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))})
		f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/forward-auth?s3cr3t", nil))
		if got := strings.Count(log.String(), "status=401"); got != want || strings.Contains(log.String(), "s3cr3t") {
			t.Errorf("%v: %s", level, log.String())
		}
	}
}

// TestNames: a name in any script, as it was typed, and nothing that ends a line.
func TestNames(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	ana, token := a.Client(), a.Session("elena")
	ana.Token = a.Session("ana")
	for _, name := range []string{"Zoë Πάρκ 朴", "O'Brien, Jr.", `"; Remote-Role: owner`, "a\u202eb", "=?utf-8?q?x?=", strings.Repeat("é", 80)} {
		if answer := ana.Call("PATCH", "/team/users/"+a.Person("elena").ID, map[string]any{"name": name}); !answer.OK() {
			t.Fatalf("%q: %s", name, answer)
		}
		answer := ask(a, "GET", "/forward-auth", "Authorization: Bearer "+token)
		if got := answer.Header.Values("Remote-Name"); len(got) != 1 || got[0] != strings.ReplaceAll(name, "\u202e", "") || answer.Header.Get("Remote-Role") != "member" {
			t.Errorf("%q became %q, role %s", name, got, answer.Header.Get("Remote-Role"))
		}
	}
}

// quiet is a ResponseWriter that costs nothing.
type quiet struct {
	header http.Header
	status int
}

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) WriteHeader(status int)      { q.status = status }
func (q *quiet) Write(b []byte) (int, error) { return len(b), nil }

func BenchmarkForwardAuth(b *testing.B) {
	a := proxied(b, apptest.Options{})
	f := forward.New(forward.Options{Core: a.Core, URL: &url.URL{Scheme: "http", Host: "localhost"}, Apps: true, Log: slog.New(slog.DiscardHandler)})
	token := a.Session("carla")
	traefik := http.Header{}
	for _, line := range append(seen("https", "app.example.com", "/notes?q=1"), "X-Forwarded-Method: GET", "X-Forwarded-For: 198.51.100.9", browser) {
		name, value, _ := strings.Cut(line, ": ")
		traefik.Set(name, value)
	}
	for name, header := range map[string]http.Header{
		"bearer": {"Authorization": {"Bearer " + token}},
		"cookie": {"Cookie": {"theme=dark; doorstep=" + token}},
		"apps":   {"Cookie": {"theme=dark; doorstep-apps=" + apptest.AppsToken(b, a.Core, token)}},
		"nobody": {},
	} {
		maps.Copy(header, traefik)
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/forward-auth", nil).WithContext(context.Background())
			r.Header = header
			q := &quiet{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(q.header)
				f.ServeHTTP(q, r)
			}
			if want := map[bool]int{true: 302, false: 200}[name == "nobody"]; q.status != want {
				b.Fatal(errors.New("the status is another"), q.status)
			}
		})
	}
}
