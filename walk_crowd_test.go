package doorstep_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// visitor is somebody at the door, with what they hold.
type visitor struct {
	name      string
	token     string // of the session
	attempt   string // of the half-done sign-in
	sessionID string
	target    string // the id of the session that they try to end: their own, a stranger's of somebody else
	csrf      string // the token of their forms
}

// crowd is an installation with all visitors at its door, made once a process.
var crowd struct {
	once  sync.Once
	state *apptest.State
	in    map[string]*visitor

	request, match string // Carla's open restart request
	restart        string // one of Bruno's that waits for a second approver
}

func theCrowd(t *testing.T) (*apptest.State, map[string]*visitor) {
	t.Helper()
	crowd.once.Do(func() { crowd.state, crowd.in = gather(t) })
	if crowd.state == nil {
		t.Fatal("the visitors were not made")
	}
	return crowd.state, crowd.in
}

// gather signs everybody in.
func gather(t *testing.T) (*apptest.State, map[string]*visitor) {
	t.Helper()
	a := apptest.Start(t, apptest.Options{})
	a.Add("gina", "Gina Weber", core.RoleOwner, "Northwind", true)
	crowd.restart = begunRestart(t, a)
	in := map[string]*visitor{}
	comes := func(as, name string, code func(*apptest.Phone) string) *apptest.Client {
		c := a.Client()
		v := &visitor{name: as}
		in[as] = v
		if name == "" {
			return c
		}
		who := a.Person(name)
		answer := c.Call("POST", "/sign-in", map[string]any{"email": who.Email, "password": apptest.Password})
		v.attempt = answer.Get("attempt")
		if code != nil {
			answer = c.Call("POST", "/sign-in/second-step", map[string]any{"attempt": v.attempt, "code": code(who.Phone)})
			v.attempt = ""
		}
		v.token, v.sessionID = answer.Get("session.token"), answer.Get("session.id")
		if v.token == "" && v.attempt == "" {
			t.Fatalf("%s did not get in: %s", as, answer)
		}
		c.Token = v.token
		return c
	}
	app := (*apptest.Phone).Code
	old := comes(stale, "olga", app)
	a.Pass(11 * time.Minute)
	comes(nobody, "", nil)
	comes(half, "carla", nil)
	comes(newcomer, "elena", nil)
	comes(activation, "gina", nil)
	comes(member, "carla", app)
	comes(admin, "bruno", app)
	comes(owner, "ana", app)
	comes(recovered, "ana", func(p *apptest.Phone) string { return p.Paper()[9] })
	comes(stranger, "zoe", app)
	// Whoever is half signed in as Carla has asked for a restart.
	asked := a.Client().Call("POST", "/sign-in/ask", map[string]any{"attempt": in[half].attempt, "happened": "lost_phone"})
	if crowd.request, crowd.match = asked.Get("request"), asked.Get("match_code"); crowd.match == "" {
		t.Fatalf("no request: %s", asked)
	}
	// The newcomer owner's activation has begun: a page that shows it again changes nothing.
	in[activation].ask(a, http.MethodGet, "/me/two-step/activate", "", nil)
	old.Call("GET", "/session", nil) // from here on nobody's last-seen time moves
	for _, v := range in {
		v.learnToken(t, a)
		if v.target = v.sessionID; v.target == "" || v.name == stranger {
			v.target = in[member].sessionID
		}
	}
	a.Letters()
	return a.Save(), in
}

// begunRestart has a third owner begin a restart of Bruno's that waits.
func begunRestart(t *testing.T, a *apptest.App) string {
	t.Helper()
	a.Add("hugo", "Hugo Weber", core.RoleOwner, "Northwind", true)
	hugo, c := a.Person("hugo"), a.Client()
	call := func(method, path string, body map[string]any) *apptest.Answer {
		t.Helper()
		answer := c.Call(method, path, body)
		if !answer.OK() {
			t.Fatalf("%s %s: %s", method, path, answer)
		}
		if token := answer.Get("session.token"); token != "" {
			c.Token = token
		}
		return answer
	}
	call("POST", "/sign-in", map[string]any{"email": hugo.Email, "password": apptest.Password})
	begun := call("POST", "/two-step/activation", map[string]any{})
	if err := hugo.Phone.Scan(begun.Get("key")); err != nil {
		t.Fatal(err)
	}
	call("POST", "/two-step/activation/confirm", map[string]any{"activation": begun.Get("activation"), "code": hugo.Phone.Code()})
	call("POST", "/two-step/activation/finish", map[string]any{"activation": begun.Get("activation"), "saved": true})
	call("PATCH", "/team/policy", map[string]any{"second_approver": true})
	waiting := call("POST", "/team/users/"+a.Person("bruno").ID+"/restart-two-step", map[string]any{"reason": "lost phone", "verified_by": "in_person"})
	call("PATCH", "/team/policy", map[string]any{"second_approver": false})
	call("DELETE", "/session", nil)
	return waiting.Get("waiting.id")
}

var tokenOnPage = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// learnToken reads the token of the visitor's forms from a page of theirs.
func (v *visitor) learnToken(t *testing.T, a *apptest.App) {
	t.Helper()
	page := "/sign-out"
	switch {
	case v.attempt != "":
		page = "/sign-in/second-step"
	case v.token == "":
		return
	}
	found := tokenOnPage.FindSubmatch(v.ask(a, http.MethodGet, page, "", nil).Body)
	if found == nil {
		t.Fatalf("%s: %s has no form token", v.name, page)
	}
	v.csrf = string(found[1])
}

// ask sends one request as this visitor: a bearer to the API, cookies to pages.
// Half signed in, the attempt's token is tried as a session's too.
func (v *visitor) ask(a *apptest.App, method, path, body string, header http.Header) *apptest.Answer {
	c := a.Client()
	h := http.Header{}
	token := v.token
	if token == "" {
		token = v.attempt
	}
	if strings.HasPrefix(path, "/api/") {
		c.Token = token
		if body != "" {
			h.Set("Content-Type", "application/json")
		}
	} else {
		var cookies []string
		for name, value := range map[string]string{"doorstep": token, "doorstep-attempt": v.attempt} {
			if value != "" {
				cookies = append(cookies, name+"="+value)
			}
		}
		if len(cookies) > 0 {
			h.Set("Cookie", strings.Join(cookies, "; "))
		}
		h.Set("Sec-Fetch-Site", "same-origin")
		if method == http.MethodPost {
			h.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	for name, values := range header {
		h[name] = values
	}
	return c.Send(method, path, strings.NewReader(body), h)
}

// try asks for a route as it is meant to be asked for.
func (v *visitor) try(a *apptest.App, r edge.Route) *apptest.Answer {
	path, body := v.request(a, r)
	return v.ask(a, r.Method, path, body, nil)
}

func (v *visitor) request(a *apptest.App, r edge.Route) (path, body string) {
	s := samples[r.Method+" "+r.Path]
	path, body = v.address(a, r), strings.ReplaceAll(s.body, "{match}", crowd.match)
	if query, is := strings.CutPrefix(body, "?"); is {
		path, body = path+"?"+query, ""
	}
	if r.Method == http.MethodPost && !isAPI(r) {
		form, err := url.ParseQuery(body)
		if err != nil {
			panic(err)
		}
		form.Set("csrf", v.csrf)
		body = form.Encode()
	}
	return path, body
}

func isAPI(r edge.Route) bool { return strings.HasPrefix(r.Path, "/api/") }

// address fills in the pattern of a route.
func (v *visitor) address(a *apptest.App, r edge.Route) string {
	id := a.Person("carla").ID
	if strings.Contains(r.Path, "/sessions/{id}") {
		id = v.target
	}
	if strings.Contains(r.Path, "/requests/{id}") {
		id = crowd.request
	}
	if strings.Contains(r.Path, "/restarts/{id}") {
		id = crowd.restart
	}
	return strings.NewReplacer("{id}", id, "{$}", "", "{name}", "none.css", "{token}", "none", "{path...}", "notes", "{article}", "activate").Replace(r.Path)
}
