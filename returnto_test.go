package doorstep_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// The way back to an app, and the cookie by which its proxy knows who it is.

// anApp is an app at app.doorstep.localhost, without a proxy: it notes who comes.
type anApp struct {
	host string
	mu   sync.Mutex
	seen []*http.Request
}

func startApp(t *testing.T) *anApp {
	t.Helper()
	app := &anApp{}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		app.mu.Lock()
		defer app.mu.Unlock()
		app.seen = append(app.seen, r)
		fmt.Fprintf(rw, "<title>App</title><h1>Notes</h1>")
	}))
	t.Cleanup(s.Close)
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	app.host = "app.doorstep.localhost:" + port
	return app
}

func (app *anApp) last() *http.Request {
	app.mu.Lock()
	defer app.mu.Unlock()
	return app.seen[len(app.seen)-1]
}

// besideApps is Doorstep at id.doorstep.localhost, with an app beside it to which
// Northwind's sign-ins may lead back.
func besideApps(t *testing.T, o apptest.Options) (*apptest.App, *anApp) {
	t.Helper()
	o.URL, o.AppsDomain = "http://id.doorstep.localhost:0", "doorstep.localhost"
	a, app := apptest.Start(t, o), startApp(t)
	a.ReturnHosts("ana", app.host)
	return a, app
}

// roams is somebody with a browser who may be led to an app.
func roams(a *apptest.App, name string, l words.Language) *walker {
	w := walk(a, name, l)
	w.Roams = true
	return w
}

// isBackAt fails the test unless the browser has arrived at the app, with the
// cookie for apps and not with the session.
func (w *walker) isBackAt(t *testing.T, app *anApp, uri string) {
	t.Helper()
	if w.URL.Host != app.host || w.URL.RequestURI() != uri || w.Status != http.StatusOK {
		t.Fatalf("not back at %s, but: %s", uri, w)
	}
	r := app.last()
	if cookies := r.CookiesNamed("doorstep-apps"); len(cookies) != 1 || len(r.Cookies()) != 1 {
		t.Errorf("the app was sent the cookies %q", r.Header["Cookie"])
	}
	if r.Referer() != "" {
		t.Errorf("the app was told %s", r.Referer())
	}
}

func TestBackToTheApp(t *testing.T) {
	t.Parallel()
	for _, l := range words.Languages() {
		t.Run(string(l), func(t *testing.T) {
			a, app := besideApps(t, apptest.Options{})
			start := "/sign-in?return=" + url.QueryEscape("http://"+app.host+"/notes?q=a%20b&x=//y")
			carla := roams(a, "carla", l)
			carla.Visit(start)
			carla.Fill(carla.Say("signin.email"), carla.who.Email)
			carla.Fill(carla.Say("signin.password"), "not the password at all")
			carla.Press(carla.Say("common.continue"))
			carla.IsAt("/sign-in", http.StatusUnauthorized)
			carla.givesPassword()
			carla.IsAt("/sign-in/second-step", http.StatusOK)
			carla.givesCode(carla.who.Phone.WrongCode())
			carla.IsAt("/sign-in/second-step", http.StatusUnprocessableEntity)
			carla.Press(words.Portuguese.Name()) // the languages keep it too
			carla.Language = words.Portuguese
			carla.givesCode(carla.who.Phone.Code())
			carla.isBackAt(t, app, "/notes?q=a%20b&x=//y")

			// Whoever is signed in is led on at once, and gets the cookie again.
			old := cookie(carla, "doorstep-apps")
			carla.Jar.SetCookies(carla.URL, []*http.Cookie{{Name: "doorstep-apps", Domain: "doorstep.localhost", Path: "/", MaxAge: -1}})
			carla.Visit(start)
			carla.isBackAt(t, app, "/notes?q=a%20b&x=//y")
			if len(carla.Hops) != 2 || cookie(carla, "doorstep-apps") != old || old == "" {
				t.Errorf("by %q, with %q after %q", carla.Hops, cookie(carla, "doorstep-apps"), old)
			}
		})
	}
}

// TestBackToTheAppByActivation: whoever has to activate first is led back after it,
// also when that takes a step-up or starts over.
func TestBackToTheAppByActivation(t *testing.T) {
	t.Parallel()
	a, app := besideApps(t, apptest.Options{})
	if _, err := a.RestartFromConsole("carla", "lost phone"); err != nil {
		t.Fatal(err)
	}
	carla := roams(a, "carla", words.English)
	carla.who.Phone.Drop()
	start := "/sign-in?return=" + url.QueryEscape("http://"+app.host+"/notes")
	carla.Visit(start)
	carla.givesPassword()
	carla.IsAt("/me/two-step/activate", http.StatusOK)
	carla.Visit(start) // a session that only activates is led nowhere else
	carla.IsAt("/sign-in", http.StatusOK)
	carla.givesPassword()
	carla.Press(carla.Say("act.over"))
	carla.activates(t)
	carla.isBackAt(t, app, "/notes")
}

func TestBackToTheAppByStepUp(t *testing.T) {
	t.Parallel()
	a, app := besideApps(t, apptest.Options{})
	ana := roams(a, "ana", words.English)
	ana.signsIn()
	before := cookie(ana, "doorstep-apps")
	ana.Visit("/me/confirm?return=" + url.QueryEscape("http://"+app.host+"/me/two-step/activate"))
	ana.Sees(ana.Say("up.for.other"))
	if to := ana.Link(ana.Say("common.cancel")); to.Path != "/me" {
		t.Errorf("Cancel leads to %s", to)
	}
	ana.Fill(ana.Say("signin.password"), apptest.Password)
	ana.Fill(ana.Say("up.code"), ana.who.Phone.WrongCode())
	ana.Press(ana.Say("up.button"))
	ana.Fill(ana.Say("signin.password"), apptest.Password)
	ana.Fill(ana.Say("up.code"), ana.who.Phone.Code())
	ana.Press(ana.Say("up.button"))
	ana.isBackAt(t, app, "/me/two-step/activate")
	if after := app.last().CookiesNamed("doorstep-apps")[0].Value; after == before {
		t.Error("the session has a new token, and the apps the old one")
	}
}

// TestOnlyToOwnApps: the page before the sign-in leads to any team's apps, the
// sign-in to those of the person's own.
//
// ASVS 3.7.2
func TestOnlyToOwnApps(t *testing.T) {
	t.Parallel()
	a, app := besideApps(t, apptest.Options{})
	start := "/sign-in?return=" + url.QueryEscape("http://"+app.host+"/")
	zoe := roams(a, "zoe", words.English)
	zoe.Visit(start)
	zoe.givesPassword()
	zoe.givesCode(zoe.who.Phone.Code())
	zoe.IsAt("/", http.StatusOK)
	if zoe.URL.Host == app.host {
		t.Error("led to another team's app")
	}
	zoe.Visit(start)
	zoe.IsAt("/sign-in", http.StatusOK)
	// A host that is taken off the list while somebody signs in.
	carla := roams(a, "carla", words.English)
	carla.Visit(start)
	carla.givesPassword()
	a.ReturnHosts("ana")
	carla.givesCode(carla.who.Phone.Code())
	carla.IsAt("/", http.StatusOK)
	if carla.URL.Host == app.host {
		t.Error("led to a host that is not on the list any more")
	}
}

// TestNoCircle: where the cookie does not reach the app, whoever is signed in is
// shown the page, or browser, proxy and Doorstep would send each other round.
func TestNoCircle(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{URL: "http://id.doorstep.localhost:0"})
	app := startApp(t)
	a.ReturnHosts("ana", app.host)
	carla := roams(a, "carla", words.English)
	start := "/sign-in?return=" + url.QueryEscape("http://"+app.host+"/")
	carla.Visit(start)
	carla.givesPassword()
	carla.givesCode(carla.who.Phone.Code())
	if carla.URL.Host != app.host {
		t.Fatalf("not led back once: %s", carla)
	}
	carla.Visit(start)
	carla.IsAt("/sign-in", http.StatusOK)
	if to := carla.Link(carla.Say("common.continue")); to.Host != app.host {
		t.Errorf("Continue leads to %s", to)
	}
	for _, c := range carla.Jar.Cookies(&url.URL{Scheme: "http", Host: app.host}) {
		t.Errorf("the app is sent %s", c)
	}
}

// elsewhere is T-REDIR-1's corpus, for a host "good" that is on the list.
func elsewhere(good string) []string {
	return []string{
		"//evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/%09/evil.example", "/\t/evil.example", "/%5cevil.example", "https:evil.example", "https:///evil.example", "http:/evil.example", "https:\\\\evil.example",
		"http://" + good + "@evil.example", "http://" + good + ":x@evil.example/", "http://" + good + ".evil.example", "http://evil.example/" + good, "http://evil.example?" + good, "http://evil.example#" + good, "http://evil.example\\@" + good, "http://" + good + "\\@evil.example",
		"HTTP://EVIL.example", "hTtP://evil.example/", "ht\ttp://evil.example", "\thttp://evil.example", " http://evil.example", "http://evil.example\t", "http://évil.example", "http://xn--vil-9la.example", "http://evil\u3002example", "http://ｅvil.example",
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "javascript://" + good + "/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "blob:http://" + good, "filesystem:http://" + good,
		"http://" + good + "\r\nLocation: http://evil.example", "/me\r\nSet-Cookie: x=y", "http://" + good + "%0d%0aX: y@evil.example", "http://[::1]/", "http://127.0.0.1/", "http://localhost/", "http://evil" + good, "ftp://" + good, "//" + good, "/",
		"http://" + good + ":1/", "http://" + good + "/" + strings.Repeat("a", 5000), "", ".", "..", "?", "#", "%", "\x00", "http://" + good + "/\x00",
	}
}

// leadsHome fails the test unless an answer keeps the browser here, or leads to the
// host that is on the list.
func leadsHome(t *testing.T, a *apptest.App, good, what string, answer *apptest.Answer) {
	t.Helper()
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range answer.Header.Values("Location") {
		to, err := u.Parse(text)
		if err == nil && to.Host == good && (to.Scheme == "http" || to.Scheme == "https") && to.User == nil {
			continue
		}
		if err != nil || to.Host != u.Host || to.Scheme != u.Scheme || to.User != nil || strings.ContainsAny(text, "\\\r\n\t ") || strings.HasPrefix(text, "//") {
			t.Errorf("%s: led to %q (%v)", what, text, err)
		}
	}
	for _, name := range []string{"Refresh", "Set-Cookie"} {
		if text := answer.Header.Get(name); strings.Contains(text, "evil") || strings.Contains(text, "x=y") {
			t.Errorf("%s: %s is %q", what, name, text)
		}
	}
	policy := answer.Header.Get("Content-Security-Policy")
	if policy = strings.NewReplacer(" http://"+good+";", ";", " https://"+good+";", ";").Replace(policy); !strings.Contains(policy, "form-action 'self';") {
		t.Errorf("%s: the policy is %s", what, policy)
	}
	for _, attribute := range []string{`href="`, `action="`, `value="`, `src="`} {
		if i := strings.Index(string(answer.Body), attribute+"http://evil"); i >= 0 {
			t.Errorf("%s: %s", what, answer.Body[i:min(len(answer.Body), i+100)])
		}
	}
}

// TestRedirects is T-REDIR-1: whatever a link, a form or a Referer asks for, the
// answer leads to a page of ours, or to an app on the list.
//
// ASVS 1.1.1, ASVS 3.7.2, T-REDIR-1
func TestRedirects(t *testing.T) {
	t.Parallel()
	t.Run("T-REDIR-1", func(t *testing.T) {
		state, in := theCrowd(t)
		a := apptest.Start(t, apptest.Options{State: state, AppsDomain: "example.com"})
		const good = "app.example.com"
		a.ReturnHosts("olga", good)
		for _, text := range elsewhere(good) {
			for _, name := range []string{"return", "next", "rd", "redirect", "return_to", "url"} {
				query := url.Values{name: {text}}.Encode()
				for _, visitor := range []string{nobody, half, activation, owner} {
					for _, page := range []string{"/sign-in", "/sign-in/second-step", "/me/confirm", "/me/two-step/activate", "/sign-out"} {
						if name != "return" && name != "next" && page != "/sign-in" {
							continue
						}
						leadsHome(t, a, good, fmt.Sprintf("%s: %s?%s", visitor, page, query), in[visitor].ask(a, "GET", page+"?"+query, "", http.Header{"Referer": {"http://evil.example/"}}))
					}
				}
				leadsHome(t, a, good, "a form with "+query, in[nobody].ask(a, "POST", "/sign-in?"+query, query+"&email=nobody@example.com&password=x", http.Header{"Referer": {"http://evil.example/"}}))
			}
		}
		for _, text := range []string{"http://evil.example/", "https://" + good + "/", "//evil.example"} {
			for _, name := range []string{"return", "next"} {
				query := url.Values{name: {text}, "csrf": {in[admin].csrf}}.Encode()
				answer := in[admin].ask(a, "POST", "/sign-out?"+query, query, http.Header{"Referer": {"http://evil.example/"}})
				leadsHome(t, a, good, "signing out with "+query, answer)
				if answer.Header.Get("Location") != "/sign-in" {
					t.Errorf("signing out with %s leads to %q", query, answer.Header.Get("Location"))
				}
				a.Restore()
				a.ReturnHosts("olga", good)
			}
		}
	})
	t.Run("signed in by forms", func(t *testing.T) {
		a, app := besideApps(t, apptest.Options{})
		for i, text := range elsewhere(app.host) {
			elena := walk(a, "elena", words.English)
			elena.Visit("/sign-in?return=" + url.QueryEscape(text) + "&next=" + url.QueryEscape(text))
			elena.givesPassword()
			if elena.URL.Path != "/" || elena.URL.Host == app.host {
				t.Errorf("%q leads to %s", text, elena)
			}
			if i%20 == 19 {
				a.Restore() // the tries at her password are counted
				a.ReturnHosts("ana", app.host)
			}
		}
	})
}

// TestAppsCookie: where it is set, with what, and when it goes.
//
// ASVS 3.3.1, ASVS 3.3.3
func TestAppsCookie(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{HTTPS: true, Record: true, AppsDomain: "doorstep.localhost", URL: "https://id.doorstep.localhost:0"})
	carla := walk(a, "carla", words.English)
	carla.signsIn()
	carla.Visit("/me/confirm")
	carla.Fill(carla.Say("signin.password"), apptest.Password)
	carla.Fill(carla.Say("up.code"), carla.who.Phone.Code())
	carla.Press(carla.Say("up.button"))
	token := cookie(carla, "__Host-doorstep")
	if cookie(carla, "doorstep-apps") != apptest.AppsToken(t, a.Core, token) {
		t.Error("after a step-up the apps have another session's token")
	}
	carla.Press(carla.Say("nav.out"))
	if cookie(carla, "doorstep-apps") != "" {
		t.Error("signing out leaves the cookie for apps")
	}
	carla.signsIn()
	carla.Visit("/me/two-step/deactivate")
	carla.Fill(carla.Say("off.labelapp"), carla.who.Phone.Code())
	carla.Press(carla.Say("off.button"))
	if cookie(carla, "doorstep-apps") != "" {
		t.Error("deactivating leaves the cookie for apps")
	}
	set, cleared := 0, 0
	for _, e := range a.Exchanges() {
		lines := e.Header.Values("Set-Cookie")
		i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "doorstep-apps=") })
		if session := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "__Host-doorstep=") }); session >= 0 && i < 0 {
			t.Errorf("%s %s sets the session's cookie alone: %q", e.Method, e.Path, lines)
		}
		if i < 0 {
			continue
		}
		for _, want := range []string{"; Domain=doorstep.localhost", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s %s: the cookie %q lacks %s", e.Method, e.Path, lines[i], want)
			}
		}
		if strings.Contains(lines[i], "Max-Age=0") {
			cleared++
		} else if set++; strings.Contains(lines[i], "Max-Age") || strings.Contains(lines[i], "Expires") {
			t.Errorf("the cookie outlives the browser: %q", lines[i])
		}
	}
	if set != 3 || cleared != 2 {
		t.Errorf("it was set %d times and cleared %d times", set, cleared)
	}
}

// TestAppsCookieOpensNothing: with only the cookie for apps, every page and call is
// as for nobody; the one thing that it is for is the question of a proxy.
//
// NIST 5.1.2
func TestAppsCookieOpensNothing(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state, AppsDomain: "example.com"})
	token := apptest.AppsToken(t, a.Core, in[owner].token)
	for _, name := range []string{"doorstep-apps", "doorstep", "doorstep-attempt", "doorstep-form", "doorstep-device", "bearer"} {
		stolen := *in[nobody]
		header := http.Header{"Cookie": {name + "=" + token}}
		if name == "bearer" {
			header = http.Header{"Authorization": {"Bearer " + token}}
		} else {
			header.Set("Authorization", "Bearer "+token)
		}
		before := a.Dump()
		for _, r := range a.Routes {
			if stolen.outcome(r) == "" || r.Needs == core.NeedProxy {
				continue
			}
			path, body := stolen.request(a, r)
			answer := stolen.ask(a, r.Method, path, body, header)
			if name == "doorstep-attempt" && r.Needs == core.NeedAttempt && !isAPI(r) {
				continue // it is told that this attempt is over
			}
			stolen.check(t, r, answer)
		}
		if after := a.Dump(); after != before {
			t.Errorf("%s changed something: %s", name, difference(before, after))
		}
	}
	if answer := in[nobody].ask(a, "GET", "/forward-auth", "", http.Header{"Cookie": {"doorstep-apps=" + token}}); answer.Status != http.StatusOK {
		t.Errorf("a proxy is told %s", answer)
	}
}
