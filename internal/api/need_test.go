package api

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// needOf is the contract, written down once more: a route that is not here, or
// whose need changed, fails.
var needOf = map[string]core.Need{
	"POST /sign-in":                          core.NeedOpen,
	"POST /sign-in/second-step":              core.NeedAttempt,
	"GET /session":                           core.NeedSession,
	"DELETE /session":                        core.NeedSession,
	"POST /password":                         core.NeedSession,
	"PUT /password":                          core.NeedSteppedUp,
	"POST /password/forgot":                  core.NeedOpen,
	"POST /password/reset":                   core.NeedToken,
	"PUT /email":                             core.NeedSteppedUp,
	"POST /email/confirm":                    core.NeedToken,
	"POST /email/undo":                       core.NeedToken,
	"GET /sessions":                          core.NeedSignedIn,
	"DELETE /sessions/{id}":                  core.NeedSignedIn,
	"DELETE /sessions":                       core.NeedSignedIn,
	"GET /devices":                           core.NeedSignedIn,
	"DELETE /devices/{id}":                   core.NeedSignedIn,
	"GET /two-step":                          core.NeedActivation,
	"POST /two-step/activation":              core.NeedActivation,
	"POST /two-step/activation/confirm":      core.NeedActivation,
	"POST /two-step/activation/finish":       core.NeedActivation,
	"POST /two-step/deactivate":              core.NeedSignedIn,
	"POST /two-step/recovery-codes":          core.NeedSteppedUp,
	"POST /step-up":                          core.NeedSignedIn,
	"GET /team/users":                        core.NeedAdmin,
	"POST /team/users":                       core.NeedAdmin,
	"POST /team/users/{id}/invitation":       core.NeedAdmin,
	"DELETE /team/users/{id}/invitation":     core.NeedAdmin,
	"POST /team/imports":                     core.NeedSteppedUpAdmin,
	"POST /team/imports/{id}/confirm":        core.NeedSteppedUpAdmin,
	"GET /team/readiness":                    core.NeedAdmin,
	"GET /team/users/{id}":                   core.NeedAdmin,
	"PATCH /team/users/{id}":                 core.NeedAdmin,
	"DELETE /team/users/{id}":                core.NeedSteppedUpAdmin,
	"DELETE /team/users/{id}/sessions":       core.NeedAdmin,
	"POST /team/users/{id}/restart-two-step": core.NeedSteppedUpAdmin,
	"GET /team/users/{id}/was-this-them":     core.NeedAdmin,
	"POST /team/users/{id}/was-this-them":    core.NeedAdmin,
	"POST /not-me":                           core.NeedOpen,
	"POST /sign-in/ask":                      core.NeedAttempt,
	"GET /sign-in/ask":                       core.NeedAttempt,
	"DELETE /sign-in/ask":                    core.NeedAttempt,
	"GET /team/requests":                     core.NeedAdmin,
	"GET /team/requests/{id}":                core.NeedAdmin,
	"POST /team/requests/{id}/approve":       core.NeedSteppedUpAdmin,
	"POST /team/requests/{id}/refuse":        core.NeedSteppedUpAdmin,
	"GET /team/audit":                        core.NeedAdmin,
	"GET /team/audit/export":                 core.NeedAdmin,
	"GET /team/audit/{id}":                   core.NeedAdmin,
	"GET /team/restarts":                     core.NeedAdmin,
	"POST /team/restarts/{id}/approve":       core.NeedSteppedUpAdmin,
	"POST /team/restarts/{id}/refuse":        core.NeedAdmin,
	"GET /team/policy":                       core.NeedAdmin,
	"PATCH /team/policy":                     core.NeedSteppedUpAdmin,
	"GET /team/letters":                      core.NeedOwner,
	"POST /team/letters/resend-all":          core.NeedOwner,
	"POST /team/letters/{id}/resend":         core.NeedOwner,
	"GET /notification-address":              core.NeedSignedIn,
	"PUT /notification-address":              core.NeedSteppedUp,
	"DELETE /notification-address":           core.NeedSteppedUp,
	"POST /notification-address/confirm":     core.NeedOpen,
	"GET /help":                              core.NeedOpen,
	"GET /help/{article}":                    core.NeedOpen,
	"PUT /help/{article}/vote":               core.NeedSignedIn,
	"GET /help/comments":                     core.NeedSignedIn,
	"POST /help/{article}/comments":          core.NeedSignedIn,
	"DELETE /help/comments/{id}":             core.NeedSignedIn,
	"PATCH /help/comments/{id}":              core.NeedOwner,
	"POST /help/requests":                    core.NeedSignedIn,
	"POST /help/requests/signed-out":         core.NeedOpen,
	"GET /help/requests":                     core.NeedSignedIn,
	"GET /help/requests/{id}":                core.NeedSignedIn,
	"POST /help/requests/{id}/messages":      core.NeedSignedIn,
	"POST /help/requests/{id}/close":         core.NeedSignedIn,
	"GET /team/questions":                    core.NeedAdmin,
	"GET /home":                              core.NeedSignedIn,
	"POST /home/put-away":                    core.NeedSignedIn,
	"POST /setup":                            core.NeedToken,
	"POST /password/first":                   core.NeedToken,
	"PUT /language":                          core.NeedSignedIn,
	"GET /openapi.json":                      core.NeedOpen,
	"GET /":                                  core.NeedOpen, "POST /": core.NeedOpen, "PATCH /": core.NeedOpen, "DELETE /": core.NeedOpen,
	"PUT /": core.NeedOpen, "OPTIONS /": core.NeedOpen, "TRACE /": core.NeedOpen,
}

// ownersOnly is what the door of owners says to whom that of admins says this.
func ownersOnly(admin core.Code, isAdmin bool) core.Code {
	if isAdmin || admin == core.AdminOnly {
		return core.OwnerOnly
	}
	return admin
}

func nameOf(r edge.Route) string { return r.Method + " " + strings.TrimPrefix(r.Path, base) }

func TestEveryRouteIsClassified(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for _, r := range w.api.Routes() {
		name := nameOf(r)
		seen[name] = true
		if need, ok := needOf[name]; !ok || need != r.Needs {
			t.Errorf("%s needs %q, want %q", name, r.Needs, need)
		}
	}
	for name := range needOf {
		if !seen[name] {
			t.Errorf("%s is not there", name)
		}
	}
}

func TestEveryOperationHasItsRowNeedAndLimit(t *testing.T) {
	w := newWorld(t)
	rows := map[string]core.Need{}
	for _, r := range w.api.Routes() {
		rows[nameOf(r)] = r.Needs
	}
	n := 0
	for path, item := range w.api.huma.OpenAPI().Paths {
		all := reflect.ValueOf(*item)
		for _, field := range all.Fields() {
			op, ok := field.Interface().(*huma.Operation)
			if !ok || op == nil {
				continue
			}
			n++
			need, ok := rows[op.Method+" "+path]
			if !ok || string(need) != op.Extensions["x-needs"] {
				t.Errorf("%s %s: the row needs %q, the document %v", op.Method, path, need, op.Extensions["x-needs"])
			}
			// huma refuses a body that reaches its limit: one more byte than ours.
			if op.MaxBodyBytes != 64<<10+1 || len(op.Middlewares) != 1 {
				t.Errorf("%s %s: limit %d, %d doors", op.Method, path, op.MaxBodyBytes, len(op.Middlewares))
			}
			if open := need == core.NeedOpen || need == core.NeedAttempt || need == core.NeedToken; open != (len(op.Security) == 0) {
				t.Errorf("%s %s: security %v", op.Method, path, op.Security)
			}
			if op.Summary == "" || op.Description == "" || op.OperationID == "" || op.Responses["500"] == nil {
				t.Errorf("%s %s is not documented", op.Method, path)
			}
		}
	}
	if n != len(needOf)-8 { // openapi.json and the seven catch-alls are no operations
		t.Errorf("%d operations", n)
	}
}

// TestNeeds is T-STEP-1, T-SU-1 and the rows of T-AZ-1: every route as everybody.
// An answer of the door must be the expected one. Who gets past it is stopped by
// the body, which is read after it, or by an id that nobody has.
//
// ASVS 8.2.1, T-STEP-1, T-SU-1, T-AZ-1, P3
func TestNeeds(t *testing.T) {
	door := []core.Code{core.NotSignedIn, core.SessionEnded, core.ActivationRequired, core.AdminOnly, core.OwnerOnly, core.RecoverySession, core.StepUpRequired}
	const in = core.Code("")
	for _, who := range []struct {
		name  string
		token func(w *world) string
		// what the door says to: any session, full reach, stepped up, admin, stepped-up admin
		any, full, stepped, admin, steppedAdmin core.Code
	}{
		{
			"nobody", func(*world) string { return "" },
			core.NotSignedIn, core.NotSignedIn, core.NotSignedIn, core.NotSignedIn, core.NotSignedIn,
		},
		{
			"a made-up token", func(*world) string { return strings.Repeat("A", 43) },
			core.NotSignedIn, core.NotSignedIn, core.NotSignedIn, core.NotSignedIn, core.NotSignedIn,
		},
		{
			"half signed in", func(w *world) string { return w.password("ana").text("attempt") },
			core.NotSignedIn, core.NotSignedIn, core.NotSignedIn, core.NotSignedIn, core.NotSignedIn,
		},
		{
			"signed out", func(w *world) string {
				w.call("DELETE", "/session", w.cast["ana"].token, nil).is(204)
				return w.cast["ana"].token
			},
			core.SessionEnded, core.SessionEnded, core.SessionEnded, core.SessionEnded, core.SessionEnded,
		},
		{
			"an owner who must activate", func(w *world) string { return w.cast["dora"].token },
			in, core.ActivationRequired, core.ActivationRequired, core.ActivationRequired, core.ActivationRequired,
		},
		{
			"an owner by recovery code", func(w *world) string { return w.signIn("ana", w.cast["ana"].codes[0]) },
			in, in, core.RecoverySession, in, core.RecoverySession,
		},
		{
			"an owner, 11 minutes later", func(w *world) string { w.clock.advance(11 * time.Minute); return w.cast["ana"].token },
			in, in, core.StepUpRequired, in, core.StepUpRequired,
		},
		{"a member", func(w *world) string { return w.cast["carla"].token }, in, in, in, core.AdminOnly, core.AdminOnly},
		{"a member in grace", func(w *world) string { return w.cast["elena"].token }, in, in, in, core.AdminOnly, core.AdminOnly},
		{"an admin", func(w *world) string { return w.cast["bruno"].token }, in, in, in, in, in},
		{"an owner", func(w *world) string { return w.cast["ana"].token }, in, in, in, in, in},
		{"a stranger", func(w *world) string { return w.cast["zoe"].token }, in, in, in, in, in},
	} {
		t.Run(who.name, func(t *testing.T) {
			w := newWorld(t)
			token := who.token(w)
			expected := map[core.Need]core.Code{
				core.NeedOpen: in, core.NeedAttempt: in, core.NeedToken: in, core.NeedSession: who.any, core.NeedActivation: who.any, core.NeedSignedIn: who.full,
				core.NeedSteppedUp: who.stepped, core.NeedAdmin: who.admin, core.NeedOwner: ownersOnly(who.admin, who.name == "an admin"), core.NeedSteppedUpAdmin: who.steppedAdmin,
			}
			rows := w.api.Routes()
			last := func(r edge.Route) int { // signing out comes last
				if nameOf(r) == "DELETE /session" {
					return 1
				}
				return 0
			}
			slices.SortStableFunc(rows, func(a, b edge.Route) int { return last(a) - last(b) })
			for _, row := range rows {
				path := strings.ReplaceAll(strings.TrimPrefix(row.Path, base), "{id}", "019aa000-0000-7000-8000-000000000000")
				var body any
				if slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, row.Method) {
					body = object{"no_such_field": 1}
				}
				a := w.call(row.Method, path, token, body)
				want, ok := expected[row.Needs]
				if !ok {
					t.Fatalf("%s: nobody said what %q means", nameOf(row), row.Needs)
				}
				got := a.problemCode()
				if !slices.Contains(door, got) {
					got = in
				}
				if got != want {
					t.Errorf("%s (%s): %d %q, want %q", nameOf(row), row.Needs, a.status, got, want)
				}
			}
		})
	}
}

// TestObjectSweep is T-AZ-2: everything that another team's ids name is not there,
// whoever asks, and nothing changes.
//
// ASVS 8.2.2, T-AZ-2
func TestObjectSweep(t *testing.T) {
	w := newWorld(t)
	bodies := map[string]object{
		"PATCH /team/users/{id}":                 {"name": "Taken over", "role": "member"},
		"POST /team/users/{id}/was-this-them":    {"restart": "none", "answer": "no"},
		"POST /team/users/{id}/restart-two-step": {"reason": "Lost phone", "verified_by": "other"},
		"POST /team/imports/{id}/confirm":        {},
		"POST /team/requests/{id}/approve":       {"match_code": "4782", "reason": "Lost phone, she says", "verified_by": "other"},
		"POST /team/requests/{id}/refuse":        {"not_them": true},
		"PATCH /help/comments/{id}":              {"hidden": true},
		"POST /help/requests/{id}/messages":      {"text": "Tell me your code."},
	}
	for _, row := range w.api.Routes() {
		if !strings.Contains(row.Path, "{id}") {
			continue
		}
		theirs := []string{w.cast["ana"].id, w.cast["carla"].id, w.cast["farid"].id, w.cast["ana"].session, "%00", "%ff", "..", "%2e%2e%2f", strings.Repeat("x", 5000)}
		for _, id := range theirs {
			var body any
			if b, ok := bodies[nameOf(row)]; ok {
				body = b
			}
			path := strings.ReplaceAll(strings.TrimPrefix(row.Path, base), "{id}", id)
			if id == ".." { // the mux leads away from it
				continue
			}
			w.call(row.Method, path, w.cast["zoe"].token, body).refused(404, core.Missing)
		}
	}
	for _, who := range []string{"ana", "carla"} {
		w.call("GET", "/session", w.cast[who].token, nil).is(200)
	}
	a := w.call("GET", "/team/users/"+w.cast["carla"].id, w.cast["ana"].token, nil).is(200)
	if a.text("name") != "Carla" || a.text("role") != "member" || a.text("two_step") != "active" {
		t.Errorf("changed: %s", a.raw)
	}
}

func TestBearer(t *testing.T) {
	w := newWorld(t)
	token := w.cast["ana"].token
	request := func(path string, set func(h http.Header)) *reply {
		r, err := http.NewRequest(http.MethodGet, base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "192.0.2.7:1234"
		set(r.Header)
		return w.send(r)
	}
	for _, good := range []string{"Bearer " + token, "bearer " + token, "BEARER " + token} {
		request("/session", func(h http.Header) { h.Set("Authorization", good) }).is(200)
	}
	for _, bad := range []string{
		token, "Bearer", "Bearer ", "Bearer  " + token, " Bearer " + token, "Bearer\t" + token, "Bearer " + token + " ", "Bearer " + token + " x",
		"Bearer " + token + "," + token, "Bearer " + token + ", Bearer " + token, "Basic " + token, "Bearer \"" + token + "\"", "Bearer " + token[:42],
		"Bearer " + token + "A", "Bearer " + token + "=", "Bearer " + strings.ToUpper(token), "Bearer " + strings.Repeat("A", 60_000), "Token " + token,
	} {
		if a := request("/session", func(h http.Header) { h.Set("Authorization", bad) }); a.problemCode() != core.NotSignedIn {
			t.Errorf("%.60q: %d %s", bad, a.status, a.raw)
		}
	}
	request("/session", func(h http.Header) { h["Authorization"] = []string{"Bearer " + token, "Bearer " + token} }).refused(401, core.NotSignedIn)
	for _, cookie := range []string{"session", "__Host-session", "doorstep", "__Host-doorstep"} {
		request("/session", func(h http.Header) { h.Set("Cookie", cookie+"="+token) }).refused(401, core.NotSignedIn)
	}
	for _, query := range []string{"?access_token=", "?token=", "?session="} {
		request("/session"+query+token, func(http.Header) {}).refused(401, core.NotSignedIn)
	}
	if strings.Contains(w.log.String(), token) {
		t.Error("a token is in the log")
	}
}

// T-SESS-2
func TestNoTokenIsAdopted(t *testing.T) {
	w := newWorld(t)
	mine := strings.Repeat("B", 43)
	a := w.call("POST", "/sign-in", mine, object{"email": w.cast["elena"].email, "password": testPassword}).is(200)
	if a.text("session.token") == mine {
		t.Error("the token that came with the sign-in was adopted")
	}
	w.call("GET", "/session", mine, nil).refused(401, core.NotSignedIn)
}

func TestWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/nothing", "/sign-in/", "/team", "/team/users/x/y/z", "/SIGN-IN", "/openapi.yaml", "/docs", "/schemas/Session.json"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			w.call(method, path, "", nil).refused(404, core.Missing)
		}
	}
	for _, x := range []struct{ method, path, allow string }{
		{"GET", "/sign-in", "POST, OPTIONS"},
		{"HEAD", "/sign-in", "POST, OPTIONS"},
		{"PUT", "/session", "GET, HEAD, DELETE, OPTIONS"},
		{"POST", "/team/users/1", "GET, HEAD, PATCH, DELETE, OPTIONS"},
		{"DELETE", "/openapi.json", "GET, HEAD, OPTIONS"},
	} {
		if a := w.call(x.method, x.path, w.cast["ana"].token, nil).refused(405, codeMethodNotAllowed); a.header.Get("Allow") != x.allow {
			t.Errorf("%s %s: Allow %q", x.method, x.path, a.header.Get("Allow"))
		}
	}
	if a := w.call("OPTIONS", "/session", "", nil).is(204); a.header.Get("Allow") != "GET, HEAD, DELETE, OPTIONS" {
		t.Errorf("OPTIONS: %v", a.header)
	}
	if got := edge.Print(w.api.Routes()); !strings.Contains(got, "POST /api/v1/team/users/{id}/restart-two-step stepped-up admin\n") {
		t.Error(got)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("an API without a core")
	}
}
