package doorstep_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/words"
)

// identityHeaders are the headers that an app believes.
var identityHeaders = []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Role", "Remote-Team", "Remote-Second-Step"}

const asBrowser = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"

// reached fails the test unless the request reached the app as that person's, with
// no other word about who it is in any spelling.
func (e *edgeOfTown) reached(what string, answer *http.Response, name string) {
	e.t.Helper()
	p := e.Person(name)
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusSwitchingProtocols {
		e.t.Errorf("%s: got %d", what, answer.StatusCode)
		return
	}
	want := map[string]string{
		"remote-user": p.ID, "remote-email": p.Email, "remote-name": p.Name, "remote-role": string(p.Role), "remote-team": p.TeamID, "remote-second-step": "authenticator",
	}
	r := e.upstream.last()
	for header, values := range r.header {
		plain := strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(header))
		if !strings.HasPrefix(plain, "remote") {
			continue
		}
		if header != http.CanonicalHeaderKey(plain) || !slices.Equal(values, []string{want[plain]}) {
			e.t.Errorf("%s: the app was sent %s: %q", what, header, values)
		}
		delete(want, plain)
	}
	if len(want) > 0 {
		e.t.Errorf("%s: the app was not told %v", what, want)
	}
	if strings.Contains(r.header.Get("Cookie"), "doorstep-apps=") || r.header.Get("Authorization") != "" {
		e.t.Errorf("%s: the app was sent credentials: %q %q", what, r.header["Cookie"], r.header["Authorization"])
	}
	for header, values := range r.header {
		if strings.Contains(strings.Join(values, " "), "spoofed") {
			e.t.Errorf("%s: the app was sent %s: %q", what, header, values)
		}
	}
}

// turnedAway fails the test unless a request was refused and reached no app.
func (e *edgeOfTown) turnedAway(what string, send func() *http.Response, statuses ...int) *http.Response {
	e.t.Helper()
	before := e.upstream.count()
	answer := send()
	if !slices.Contains(statuses, answer.StatusCode) {
		e.t.Errorf("%s: got %d, want %d", what, answer.StatusCode, statuses)
	}
	if e.upstream.count() != before {
		e.t.Errorf("%s: it reached the app: %+v", what, e.upstream.last())
	}
	return answer
}

// ASVS 4.1.3, ASVS 7.1.3, T-FA-1, T-FA-6, T-FA-10
func TestProxies(t *testing.T) {
	t.Parallel()
	eachProxy(t, func(t *testing.T, p proxy) {
		e := behind(t, p, true)
		for _, part := range []struct {
			name string
			run  func(e *edgeOfTown)
		}{
			{"allowed", (*edgeOfTown).allowed},
			{"refused", (*edgeOfTown).refused},
			{"by forms", (*edgeOfTown).byForms},
			{"ended", (*edgeOfTown).ended},
			{"spoofed", (*edgeOfTown).spoofed},
			{"reports", (*edgeOfTown).reports},
			{"websockets", (*edgeOfTown).websockets},
			{"odd addresses", (*edgeOfTown).oddAddresses},
			{"stopped", (*edgeOfTown).stopped},
		} {
			t.Run(part.name, func(t *testing.T) {
				in := *e
				in.t = t
				part.run(&in)
			})
		}
	})
}

// credentials are the ways in which somebody's requests say whose they are.
func (e *edgeOfTown) credentials(token string) []string {
	apps := apptest.AppsToken(e.t, e.Core, token)
	return []string{"Authorization: Bearer " + token, "Cookie: a=b; doorstep-apps=" + apps + "; c=d", "Cookie: doorstep-apps=" + apps, "Cookie: doorstep-apps=planted; doorstep-apps=" + apps + "; doorstep-apps=planted"}
}

func (e *edgeOfTown) allowed() {
	for _, credential := range e.credentials(e.Session("carla")) {
		e.reached(credential[:20], e.get("/notes?q=a%20b", credential), "carla")
		if r := e.upstream.last(); r.uri != "/notes?q=a%20b" {
			e.t.Errorf("the app was asked for %s", r.uri)
		}
	}
	e.get("/", "Cookie: a=b; doorstep-apps="+apptest.AppsToken(e.t, e.Core, e.Session("carla"))+"; c=d")
	if got := e.upstream.last().header.Get("Cookie"); strings.ReplaceAll(got, " ", "") != "a=b;c=d" {
		e.t.Errorf("of a=b, ours and c=d the app was sent %q", got)
	}
	// What a request carries arrives, and the question about it does not eat it up.
	body := strings.Repeat("x", 50_000)
	answer, _ := e.say("POST /save HTTP/1.1", "Host: "+e.app, "Content-Type: text/plain", fmt.Sprintf("Content-Length: %d", len(body)), "Authorization: Bearer "+e.Session("carla"), "", body)
	e.reached("a form", answer, "carla")
	if r := e.upstream.last(); r.method != "POST" || r.body != body {
		e.t.Errorf("the app was sent %s with %d bytes", r.method, len(r.body))
	}
}

func (e *edgeOfTown) refused() {
	answer := e.turnedAway("a program", func() *http.Response { return e.get("/notes") }, 401)
	if answer.Header.Get("Www-Authenticate") != "Bearer" || answer.Header.Get("Location") != "" {
		e.t.Errorf("a program is told %v", answer.Header)
	}
	e.turnedAway("a program with a wrong token", func() *http.Response {
		return e.get("/notes", "Authorization: Bearer "+strings.Repeat("x", 43), "Cookie: doorstep-apps=x")
	}, 401)
	answer = e.turnedAway("a browser", func() *http.Response { return e.get("/notes?q=a%20b&c=d", asBrowser) }, 302)
	if want := e.URL + "/sign-in?return=" + url.QueryEscape("http://"+e.app+"/notes?q=a%20b&c=d"); answer.Header.Get("Location") != want {
		e.t.Errorf("a browser is led to %s, want %s", answer.Header.Get("Location"), want)
	}
	for _, name := range identityHeaders {
		if answer.Header.Get(name) != "" {
			e.t.Errorf("a refusal has %s", name)
		}
	}
	e.turnedAway("a form", func() *http.Response {
		answer, _ := e.say("POST /save HTTP/1.1", "Host: "+e.app, asBrowser, "Content-Length: 1", "Connection: close", "", "x")
		return answer
	}, 401)
}

// byForms is somebody who opens the app, signs in, and is back.
func (e *edgeOfTown) byForms() {
	carla := roams(e.App, "carla", words.English)
	carla.Visit("http://" + e.app + "/notes?q=a%20b")
	carla.IsAt("/sign-in", http.StatusOK)
	carla.givesPassword()
	carla.IsAt("/sign-in/second-step", http.StatusOK)
	carla.givesCode(carla.who.Phone.Code())
	if carla.URL.Host != e.app || carla.URL.RequestURI() != "/notes?q=a%20b" {
		e.t.Fatalf("not back at the app: %s", carla)
	}
	e.reached("after signing in", &http.Response{StatusCode: carla.Status}, "carla")
	carla.Visit("/") // Doorstep's own pages, through the same proxy
	carla.IsAt("/", http.StatusOK)
	carla.Press(carla.Say("nav.out"))
	carla.Visit("http://" + e.app + "/notes")
	carla.IsAt("/sign-in", http.StatusOK)
}

// ended is T-FA-10 through a proxy.
func (e *edgeOfTown) ended() {
	token := e.Session("carla")
	for _, credential := range e.credentials(token) {
		e.reached("before", e.get("/", credential), "carla")
	}
	admin := e.Client()
	admin.Token = e.Session("bruno")
	if answer := admin.Call("DELETE", "/team/users/"+e.Person("carla").ID+"/sessions", nil); !answer.OK() {
		e.t.Fatal(answer)
	}
	for _, credential := range []string{"Authorization: Bearer " + token, "Cookie: doorstep=" + token} {
		e.turnedAway("after "+credential[:12], func() *http.Response { return e.get("/", credential) }, 401)
	}
}

// spellings of a header's name that some program takes for that header.
func nameSpellings(name string) []string {
	all := []string{name, strings.ToLower(name), strings.ToUpper(name), "rEMOTE" + name[len("Remote"):]}
	for _, spelling := range slices.Clone(all) {
		all = append(all, strings.ReplaceAll(spelling, "-", "_"), strings.ReplaceAll(spelling, "-", ".")) // CGI, and PHP's reading of it
	}
	if parts := strings.Split(name, "-"); len(parts) > 2 {
		all = append(all, parts[0]+"_"+parts[1]+"-"+parts[2], parts[0]+"-"+parts[1]+"_"+parts[2])
	}
	return all
}

// spoofed: whatever a client says of itself, the app hears Doorstep's word alone.
func (e *edgeOfTown) spoofed() {
	good := "Authorization: Bearer " + e.Session("carla")
	try := func(what string, lines ...string) {
		e.t.Helper()
		e.turnedAway("a stranger with "+what, func() *http.Response { return e.get("/", lines...) }, 401, 400)
		e.turnedAway("a stranger's browser with "+what, func() *http.Response { return e.get("/", append(lines, asBrowser)...) }, 302, 400)
		e.reached("Carla with "+what, e.get("/", append(lines, good)...), "carla")
	}
	var all []string
	for _, name := range identityHeaders {
		for _, spelling := range nameSpellings(name) {
			try(spelling, spelling+": spoofed")
			try(spelling+" twice", spelling+": spoofed", spelling+": spoofed")
			try(spelling+" empty", spelling+":")
			try(spelling+" empty and not", spelling+":", spelling+": spoofed")
			all = append(all, spelling+": spoofed")
		}
	}
	try("all of it", all...)
	for _, tokens := range []string{"Remote-User", "remote-user", "REMOTE-USER, Remote_User", "close, Remote-User", "keep-alive, Remote-Email, Remote-Role", strings.Join(identityHeaders, ", "), strings.Join(identityHeaders, ",Upgrade,")} {
		// The line that e.get sends itself says close: a second one is added to it.
		try("Connection: "+tokens, "Connection: "+tokens)
		try("Connection: "+tokens+" and a header", "Connection: "+tokens, "Remote-User: spoofed", "Remote-Role: spoofed")
	}
	for _, line := range []string{"Connection: Authorization", "Connection: Cookie, Authorization", "Proxy-Connection: Remote-User", "TE: Remote-User", "Trailer: Remote-User"} {
		before := e.upstream.count()
		if answer := e.get("/", line, good, "Remote-User: spoofed"); answer.StatusCode == http.StatusOK {
			e.reached(line, answer, "carla")
		} else if e.upstream.count() != before {
			e.t.Errorf("%s: %d, and it reached the app", line, answer.StatusCode)
		}
	}
}

// reports: what a client says of the address is replaced by what the proxy saw.
func (e *edgeOfTown) reports() {
	want := e.URL + "/sign-in?return=" + url.QueryEscape("http://"+e.app+"/notes")
	for _, lines := range [][]string{
		{"X-Original-URL: http://" + e.app + "/spoofed"},
		{"X-Original-URL: https://evil.example/"},
		{"X-Original-URL: %zz"},
		{"X-Forwarded-Host: evil.example"},
		{"X-Forwarded-Uri: /spoofed"},
		{"X-Forwarded-Uri: /%zz"},
		{"X-Forwarded-Proto: https"},
		{"X-Forwarded-Proto: gopher"},
		{"X-Forwarded-Host: evil.example", "X-Forwarded-Uri: /spoofed", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /healthz", "X-Forwarded-For: 127.0.0.1"},
		{"x-forwarded-uri: /spoofed", "X-FORWARDED-URI: /spoofed"},
		{"X-Forwarded-Method: POST"},
		{"X-Original-Method: POST"},
		{"Forwarded: host=evil.example"},
		{"Connection: X-Forwarded-Uri, X-Forwarded-Host, X-Original-URL"},
		{"User-Agent: GoogleHC/1.0"},
	} {
		answer := e.turnedAway(fmt.Sprint(lines), func() *http.Response { return e.get("/notes", append(lines, asBrowser)...) }, 302)
		if got := answer.Header.Get("Location"); got != want {
			e.t.Errorf("%q: led to %s, want %s", lines, got, want)
		}
	}
}

func (e *edgeOfTown) websockets() {
	upgrade := []string{"GET /socket HTTP/1.1", "Host: " + e.app, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: http://" + e.app}
	for _, connection := range []string{"Connection: Upgrade", "Connection: keep-alive, Upgrade", "Connection: Upgrade, Remote-User"} {
		lines := append(slices.Clone(upgrade), connection, "Remote-User: spoofed")
		e.turnedAway("a stranger, "+connection, func() *http.Response { answer, _ := e.say(lines...); return answer }, 401)
		answer, both := e.say(append(lines, "Authorization: Bearer "+e.Session("carla"))...)
		e.reached(connection, answer, "carla")
		if answer.StatusCode != http.StatusSwitchingProtocols {
			e.t.Errorf("%s: got %d", connection, answer.StatusCode)
			continue
		}
		fmt.Fprint(both, "hello\n")
		_ = both.Flush()
		if line, err := both.ReadString('\n'); line != "you said hello\n" {
			e.t.Errorf("%s: the app answers %q, %v", connection, line, err)
		}
	}
}

// oddAddresses is T-FA-1 through a proxy: no way to write an address turns a
// refusal into a pass, and whoever gets in is whom Doorstep says.
func (e *edgeOfTown) oddAddresses() {
	good := "Authorization: Bearer " + e.Session("carla")
	for _, uri := range []string{
		"/" + strings.Repeat("a", 7900), "/?" + strings.Repeat("a=b&", 1900), "/" + strings.Repeat("%C3%A9", 1300), "/" + strings.Repeat("a", 9000), "/" + strings.Repeat("a", 40_000),
		"//", "///", "//evil.example/", "/.", "/..", "/../..", "/%2e", "/%2e%2e/", "/%2E%2E%2Fdoorstep-auth", "/a/../doorstep-auth", "/doorstep-auth", "/forward-auth", "/healthz", "/sign-in", "/%2f", "/%5c", "/\\", "/a\\..\\b",
		"/%00", "/a%00b", "/%0d%0aRemote-User:%20spoofed", "/%", "/%z", "/%zz", "/%u0041", "/\xc3\xa9", "/\xff\xfe", "/a b", "/a\tb", "/a?b?c", "/?", "/??", "/#", "/a#b", "/?a#b", "/;a=b", "/a;b", "/|", "/<>", "/\"", "/{}", "/^", "/`", "/*", "*", "",
		"http://" + e.app + "/", "http://evil.example/", "http://" + e.app + "@evil.example/", "https://" + e.app + "/", "ftp://" + e.app + "/", "evil.example:80", "@evil.example", "/ HTTP/1.0\r\nX: y", "/ HTTP/1.1\r\nHost: evil.example",
	} {
		what := fmt.Sprintf("%.60q", uri)
		for _, more := range [][]string{nil, {asBrowser}, {"Remote-User: spoofed"}} {
			before := e.upstream.count()
			answer := e.get(uri, more...)
			if e.upstream.count() != before {
				e.t.Errorf("%s: it reached the app: %+v", what, e.upstream.last())
			}
			if to := answer.Header.Get("Location"); answer.StatusCode == 302 && !strings.HasPrefix(to, e.URL+"/sign-in") {
				e.t.Errorf("%s: led to %s", what, to)
			}
			if answer.StatusCode == http.StatusOK && !isNobodysHost(answer) {
				e.t.Errorf("%s: got 200", what)
			}
		}
		before := e.upstream.count()
		answer := e.get(uri, good, "Remote-User: spoofed")
		if e.upstream.count() != before {
			e.reached(what, answer, "carla")
		}
		if answer.Header.Get("Remote-User") != "" {
			e.t.Errorf("%s: the client itself is told who it is", what)
		}
	}
	for _, host := range []string{"APP.doorstep.localhost" + e.app[strings.Index(e.app, ":"):], "app.doorstep.localhost.", "app.doorstep.localhost", "evil.example", "app.doorstep.localhost:x", "ana@app.doorstep.localhost", "", "a b", "[::1]", "app.doorstep.localhost%00", "äpp.doorstep.localhost"} {
		e.turnedAway("Host: "+host, func() *http.Response {
			answer, _ := e.say("GET / HTTP/1.1", "Host: "+host, "Connection: close", "Remote-User: spoofed", asBrowser)
			if answer == nil {
				return &http.Response{}
			}
			if isNobodysHost(answer) {
				answer.StatusCode = 0
			}
			return answer
		}, 0, 302, 303, 308, 400, 401, 404, 421, 500)
	}
	for _, lines := range [][]string{{"GET / HTTP/1.0", "Remote-User: spoofed"}, {"GET /", ""}, {"GET  /  HTTP/1.1", "Host: " + e.app}, {"get / HTTP/1.1", "Host: " + e.app}, {"BREW / HTTP/1.1", "Host: " + e.app}, {"CONNECT " + e.app + " HTTP/1.1", "Host: " + e.app}, {"OPTIONS * HTTP/1.1", "Host: " + e.app}, {"TRACE / HTTP/1.1", "Host: " + e.app}, {"PROPFIND / HTTP/1.1", "Host: " + e.app}} {
		before := e.upstream.count()
		_, _ = e.say(append(lines, "Connection: close")...)
		time.Sleep(10 * time.Millisecond)
		if e.upstream.count() != before {
			e.t.Errorf("%q: it reached the app: %+v", lines, e.upstream.last())
		}
	}
}

// isNobodysHost: Caddy answers hosts that it does not know with an empty 200.
func isNobodysHost(answer *http.Response) bool {
	return answer.StatusCode == http.StatusOK && answer.ContentLength == 0 && answer.Header.Get("Server") == "Caddy"
}

// stopped: without Doorstep nobody gets in, whoever they were a moment ago.
func (e *edgeOfTown) stopped() {
	credentials := e.credentials(e.Session("carla"))
	e.reached("before", e.get("/", credentials[0]), "carla")
	e.Stop()
	for _, credential := range append(credentials, asBrowser) {
		e.turnedAway("with Doorstep stopped", func() *http.Response { return e.get("/", credential) }, 500, 502, 503, 504)
	}
}

// TestUntrustedProxies is T-FA-9: without --trusted-proxies people get in, and are
// led to the sign-in page without a way back.
//
// T-FA-9
func TestUntrustedProxies(t *testing.T) {
	t.Parallel()
	eachProxy(t, func(t *testing.T, p proxy) {
		e := behind(t, p, false)
		e.reached("signed in", e.get("/", "Authorization: Bearer "+e.Session("carla")), "carla")
		answer := e.turnedAway("a browser", func() *http.Response { return e.get("/notes", asBrowser) }, 302)
		if to := answer.Header.Get("Location"); to != e.URL+"/sign-in" {
			t.Errorf("led to %s", to)
		}
	})
}
