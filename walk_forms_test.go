package doorstep_test

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// What another website, a proxy or a curious client may send to a page, and what
// every answer carries.

// forged is a form as somebody else sends it: the cookies of the person are on it,
// because the browser adds them.
type forged struct {
	name   string
	token  string // "own", "other" or "none" in the content
	query  string
	header http.Header
}

func forgeries() []forged {
	from := func(site, origin string) http.Header {
		h := http.Header{"Sec-Fetch-Site": nil, "Origin": nil}
		if site != "" {
			h.Set("Sec-Fetch-Site", site)
		}
		if origin != "" {
			h.Set("Origin", origin)
		}
		return h
	}
	return []forged{
		{"no token", "none", "", nil},
		{"another session's token", "other", "", nil},
		{"the token in the address", "none", "own", nil},
		{"JSON that calls itself text", "own", "", http.Header{"Content-Type": {"text/plain"}}},
		{"from another site", "own", "", from("cross-site", "https://evil.example")},
		{"from a neighbour under the same domain", "own", "", from("same-site", "https://evil.example.com")},
		{"from another site, by an old browser", "own", "", from("", "https://evil.example")},
		{"from a page without an origin, by an old browser", "own", "", from("", "null")},
	}
}

// TestForgedForms is T-CSRF-1: every form, sent by everybody who may send it, in
// every way in which it was not their own page that sent it.
//
// ASVS 3.5.1, ASVS 3.5.3, NIST 5.1(csrf), T-CSRF-1
func TestForgedForms(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	t.Run("T-CSRF-1", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{State: state})
		before := a.Dump()
		n := 0
		for _, r := range a.Routes {
			if r.Method != http.MethodPost || isAPI(r) || r.Needs == core.NeedToken || r.Needs == core.NeedProxy { // those have a test of their own
				continue
			}
			n++
			by := in[owner]
			switch r.Needs {
			case core.NeedAttempt:
				by = in[half]
			case core.NeedActivation: // whom an activation would change something for
				by = in[activation]
			}
			for _, f := range forgeries() {
				if r.Needs == core.NeedOpen && f.header.Get("Sec-Fetch-Site") == "" && f.header.Get("Origin") == "" {
					continue // before the first step there is nobody whose token it could be
				}
				answer := f.send(a, by, in[admin], r)
				if answer.Status != http.StatusForbidden {
					t.Errorf("%s %s: got %d %s, want 403", r, f.name, answer.Status, answer.Header.Get("Location"))
				}
				if len(answer.Header.Values("Set-Cookie")) > 0 {
					t.Errorf("%s %s: sets a cookie: %q", r, f.name, answer.Header.Values("Set-Cookie"))
				}
			}
			// A form is not sent by an address.
			answer := by.ask(a, http.MethodGet, by.address(a, r)+"?_method=POST&csrf="+by.csrf+"&"+samples[r.Method+" "+r.Path].body, "", nil)
			if answer.Status >= 500 {
				t.Errorf("%s by GET: %s", r, answer)
			}
		}
		if n < 10 {
			t.Errorf("only %d forms", n)
		}
		if after := a.Dump(); after != before {
			t.Errorf("something was changed: %s", difference(before, after))
		}
	})
}

func (f forged) send(a *apptest.App, by, other *visitor, r edge.Route) *apptest.Answer {
	form, err := url.ParseQuery(samples[r.Method+" "+r.Path].body)
	if err != nil {
		panic(err)
	}
	if token := map[string]string{"own": by.csrf, "other": other.csrf}[f.token]; token != "" {
		form.Set("csrf", token)
	}
	address := by.address(a, r)
	if f.query == "own" {
		address += "?csrf=" + url.QueryEscape(by.csrf)
	}
	return by.ask(a, http.MethodPost, address, form.Encode(), f.header)
}

// TestFormsOfLinks is T-CSRF-1 for the forms behind one-use links: without the
// cookie of whoever opened the link, and the token of that form, nothing is set.
//
// ASVS 3.5.1, T-CSRF-1
func TestFormsOfLinks(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		path, fields string
		state        func() (*apptest.State, error)
		link         func(a *apptest.App) string
	}{
		{"/set-password/form", "password=" + apptest.Password, apptest.Cast, func(a *apptest.App) string {
			return a.Add("hugo", "Hugo Weber", core.RoleMember, "Northwind", false)
		}},
		{"/setup", "team=Mine&name=Me&email=me@example.com&password=" + apptest.Password, apptest.Nobody, func(a *apptest.App) string {
			link, err := a.SetupLink()
			if err != nil {
				t.Fatal(err)
			}
			return link
		}},
	} {
		t.Run(x.path, func(t *testing.T) {
			state, err := x.state()
			if err != nil {
				t.Fatal(err)
			}
			a := apptest.Start(t, apptest.Options{State: state})
			link := strings.TrimPrefix(x.link(a), a.URL)
			other := a.Browser(words.English)
			other.Visit(link)
			b := a.Browser(words.English)
			b.Visit(link) // the newer form counts
			b.IsAt(x.path, http.StatusOK)
			token, foreign := string(tokenOnPage.FindSubmatch(b.Body)[1]), string(tokenOnPage.FindSubmatch(other.Body)[1])
			before := a.Dump()
			send := func(fields string, header http.Header) *apptest.Answer {
				h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
				for _, c := range b.Jar.Cookies(b.URL) {
					h.Add("Cookie", c.Name+"="+c.Value)
				}
				for name, values := range header {
					h[name] = values
				}
				return a.Client().Send(http.MethodPost, x.path, strings.NewReader(fields), h)
			}
			own := x.fields + "&csrf=" + token
			for name, answer := range map[string]*apptest.Answer{
				"no token":        send(x.fields, nil),
				"another's token": send(x.fields+"&csrf="+foreign, nil),
				"another site":    send(own, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}),
				"no cookie":       send(own, http.Header{"Cookie": nil}),
				"another cookie":  send(own, http.Header{"Cookie": {"doorstep-form=none"}}),
			} {
				if answer.Status != http.StatusForbidden && answer.Status != http.StatusGone && answer.Status != http.StatusOK || answer.Header.Get("Location") != "" {
					t.Errorf("%s: %d %s", name, answer.Status, answer.Header.Get("Location"))
				}
			}
			if after := a.Dump(); after != before {
				t.Errorf("something was changed: %s", difference(before, after))
			}
			if answer := send(own, nil); answer.Status != http.StatusSeeOther {
				t.Errorf("the person's own form: %d %s", answer.Status, shortened(answer.Body))
			}
		})
	}
}

// TestFormTokensChange is T-CSRF-2: a token that somebody planted or saw before a
// step of signing in is worth nothing after it.
//
// T-CSRF-2
func TestFormTokensChange(t *testing.T) {
	t.Parallel()
	t.Run("T-CSRF-2", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{})
		carla := walk(a, "carla", words.English)
		var tokens []string
		note := func() {
			for _, found := range tokenOnPage.FindAllSubmatch(carla.Body, 1) {
				token := unmasked(t, string(found[1]))
				if slices.Contains(tokens, token) {
					t.Errorf("%s has the token of a page before it", carla.URL.Path)
				}
				tokens = append(tokens, token)
			}
		}
		carla.Visit("/sign-in")
		note()
		carla.givesPassword()
		note()
		carla.givesCode(carla.who.Phone.Code())
		note()
		carla.Press(carla.Say("nav.out"))
		carla.signsIn()
		note()
		if len(tokens) != 3 {
			t.Errorf("%d pages had a token", len(tokens))
		}
	})
}

// unmasked is what stays the same of a token from answer to answer: a pad stands
// before it, and it is told by what differs from that.
func unmasked(t *testing.T, text string) string {
	t.Helper()
	token, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(token) != 64 {
		t.Fatalf("the token %q: %v", text, err)
	}
	subtle.XORBytes(token, token[:32], token[32:])
	return string(token[:32])
}

// TestSessionCookies is T-SESS-2: over https a session is a __Host- cookie that no
// script reads and no neighbour plants, a new one at each step; one that somebody
// made up, or planted under a weaker name, is never taken into use.
//
// ASVS 3.3.1, ASVS 3.3.2, ASVS 3.3.3, ASVS 3.3.4, ASVS 3.4.1, ASVS 7.2.4, NIST 5.1.1, T-SESS-2
func TestSessionCookies(t *testing.T) {
	t.Parallel()
	t.Run("T-SESS-2", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{HTTPS: true, Record: true})
		carla := walk(a, "carla", words.English)
		u, err := url.Parse(a.URL)
		if err != nil {
			t.Fatal(err)
		}
		const planted = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		carla.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-doorstep", Value: planted, Path: "/", Secure: true}, {Name: "doorstep", Value: planted, Path: "/"}})
		carla.signsIn()
		first := cookie(carla, "__Host-doorstep")
		if first == planted || first == "" {
			t.Errorf("the session is %q", first)
		}
		a.Pass(11 * time.Minute)
		carla.Visit("/me/two-step/recovery-codes")
		carla.Fill(carla.Say("signin.password"), apptest.Password)
		carla.Fill(carla.Say("up.code"), carla.who.Phone.Code())
		carla.Press(carla.Say("up.button"))
		if second := cookie(carla, "__Host-doorstep"); second == first || second == "" {
			t.Errorf("after a step-up the session is %q, as before", second)
		}
		for _, e := range a.Exchanges() {
			if e.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s %s: no Strict-Transport-Security", e.Method, e.Path)
			}
			for _, line := range e.Header.Values("Set-Cookie") {
				for _, want := range []string{"__Host-", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"} {
					if !strings.Contains(line, want) {
						t.Errorf("%s %s: the cookie %q lacks %s", e.Method, e.Path, line, want)
					}
				}
				if strings.Contains(line, "Domain=") || strings.HasPrefix(line, "__Host-doorstep=") && strings.Contains(line, "Max-Age=") {
					t.Errorf("%s %s: the cookie %q", e.Method, e.Path, line)
				}
			}
		}
	})
}

// guarded: no answer may be framed, guessed at, kept or run scripts of others,
// whatever it is an answer to. The walk asks it of every answer.
func guarded(t *testing.T, what string, answer *apptest.Answer) {
	t.Helper()
	h := answer.Header
	if strings.Contains(what, " /forward-auth") {
		// It goes to a proxy, which shows a refusal under the name of an app: nothing to
		// look at, and no promise that is not the app's.
		if h.Get("Cache-Control") != "no-store" || len(answer.Body) > 0 || h.Values("Set-Cookie") != nil || h.Values("Strict-Transport-Security") != nil {
			t.Errorf("%s: %v %s", what, h, answer.Body)
		}
		return
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %s is %q", what, name, h.Get(name))
		}
	}
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s: the policy %q lacks %s", what, policy, want)
		}
	}
	if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Server") != "" || h.Get("X-Powered-By") != "" {
		t.Errorf("%s: opens to others, or says what it is: %v", what, h)
	}
	if strings.Contains(policy, "unsafe") || h.Get("Permissions-Policy") == "" || h.Get("Referrer-Policy") == "" {
		t.Errorf("%s: headers %v", what, h)
	}
	mayBeKept := strings.HasPrefix(what, "GET /assets/") || strings.HasPrefix(what, "GET /favicon.ico")
	if h.Get("Cache-Control") != "no-store" && (!mayBeKept || len(h.Values("Set-Cookie")) > 0) {
		t.Errorf("%s: Cache-Control is %q", what, h.Get("Cache-Control"))
	}
}

// TestStrangeAddresses is T-CACHE-1: no address beside a page is that page, so that
// no cache takes somebody's page for a picture, and none leads to another host.
//
// ASVS 5.3.2, ASVS 13.4.1, ASVS 13.4.2, ASVS 13.4.3, ASVS 14.2.5, T-CACHE-1
func TestStrangeAddresses(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state})
	for _, path := range []string{"/me/x.css", "/me.css", "/team/x.js", "/me/", "//me", "/assets/", "/assets/../me", "/api/v1", "/api/v2/session", "/.well-known/none", "/.git/config", "/.svn/entries", "/doorstep.db", "/../data/doorstep.db", "/debug/pprof/", "/metrics", "/%2e%2e/etc/passwd"} {
		answer := in[owner].ask(a, http.MethodGet, path, "", nil)
		guarded(t, "GET "+path, answer)
		if answer.Status != http.StatusNotFound && answer.Status/100 != 3 {
			t.Errorf("GET %s: %d", path, answer.Status)
		}
		if to := answer.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "://") {
			t.Errorf("GET %s leads away, to %s", path, to)
		}
	}
}

// TestUnknownMethods: whatever a client calls its request, it gets in by no other
// door: every address takes the methods of the table, and says which.
//
// ASVS 3.5.3, ASVS 4.1.4, ASVS 13.4.4
func TestUnknownMethods(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state})
	before := a.Dump()
	takes := map[string][]string{}
	for _, r := range a.Routes {
		takes[r.Path] = append(takes[r.Path], r.Method)
	}
	for path, methods := range takes {
		if path == "/api/v1/" || strings.HasPrefix(path, "/forward-auth") { // they take all, whether to say that nothing is there or that somebody is
			continue
		}
		address := in[owner].address(a, edge.Route{Path: path})
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "BREW", "get"} {
			if slices.Contains(methods, method) || method == "HEAD" && slices.Contains(methods, "GET") {
				continue
			}
			if wider := takes[path[:strings.LastIndexByte(path, '/')+1]+"{id}"]; slices.Contains(wider, strings.Replace(method, "HEAD", "GET", 1)) {
				continue // another route's, for which the last part is an id that nothing has
			}
			answer := in[owner].ask(a, method, address, "", http.Header{"X-Http-Method-Override": {"DELETE"}, "X-Method-Override": {"POST"}})
			allow := answer.Header.Get("Allow")
			switch {
			case method == "OPTIONS" && answer.Status == http.StatusNoContent && allow != "":
			case answer.Status == http.StatusNotFound && !strings.HasPrefix(path, "/api/") && slices.Contains([]string{"BREW", "get", "HEAD"}, method): // what no table has is nowhere
			case answer.Status == http.StatusMethodNotAllowed && strings.Contains(allow, methods[0]):
			default:
				t.Errorf("%s %s: %d, Allow %q: it takes %q", method, path, answer.Status, allow, methods)
			}
		}
	}
	if after := a.Dump(); after != before {
		t.Errorf("something was changed: %s", difference(before, after))
	}
}
