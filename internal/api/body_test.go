package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"doorstep/internal/core"
)

// planted is the secret that must come back from nowhere.
const planted = "CANARY-hunter2-paper-and-spruce"

// post sends a raw body to the sign-in.
func (w *world) post(body string, headers ...string) *reply {
	w.t.Helper()
	return w.call("POST", "/sign-in", "", body, headers...)
}

// ASVS 1.5.2, ASVS 1.5.3, ASVS 15.3.5, ASVS 15.3.7
func TestHostileBodies(t *testing.T) {
	w := newWorld(t)
	s := planted
	for name, x := range map[string]struct {
		body   string
		status int
		code   core.Code
		field  string
	}{
		"cut off":               {`{"email":"a","password":"` + s, 400, codeBadRequest, ""},
		"no JSON":               {`email=a&password=` + s, 400, codeBadRequest, ""},
		"trailing garbage":      {`{"email":"a","password":"` + s + `"} x`, 400, codeBadRequest, ""},
		"two values":            {`{"email":"a","password":"` + s + `"}{}`, 400, codeBadRequest, ""},
		"trailing comma":        {`{"email":"a","password":"` + s + `",}`, 400, codeBadRequest, ""},
		"a comment":             {`{"email":"a",/*x*/"password":"` + s + `"}`, 400, codeBadRequest, ""},
		"a byte order mark":     {"\ufeff" + `{"email":"a","password":"` + s + `"}`, 400, codeBadRequest, ""},
		"a key twice":           {`{"email":"a","password":"x","password":"` + s + `"}`, 400, codeBadRequest, ""},
		"a key twice, escaped":  {`{"email":"a","password":"x","p\u0061ssword":"` + s + `"}`, 400, codeBadRequest, ""},
		"a key twice, inside":   {`{"email":"a","password":"x","more":[{"k":1,"k":"` + s + `"}]}`, 400, codeBadRequest, ""},
		"a key in capitals":     {`{"email":"a","password":"x","PASSWORD":"` + s + `"}`, 422, codeInvalidField, wholeBody},
		"a key in Kelvin":       {`{"email":"a","password":"x","pa\u017fsword":"` + s + `"}`, 422, codeInvalidField, wholeBody},
		"nested arrays":         {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), 400, codeBadRequest, ""},
		"nested objects":        {`{"email":` + strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_001), 400, codeBadRequest, ""},
		"a raw NUL":             {"{\"email\":\"a\x00\",\"password\":\"" + s + "\"}", 400, codeBadRequest, ""},
		"an escaped NUL":        {`{"email":"a\u0000","password":"` + s + `"}`, 400, codeBadRequest, ""},
		"NUL in a key":          {`{"email\u0000":"a","password":"` + s + `"}`, 400, codeBadRequest, ""},
		"not UTF-8":             {"{\"email\":\"\xff\xfe\",\"password\":\"" + s + "\"}", 400, codeBadRequest, ""},
		"half a surrogate pair": {`{"email":"a","password":"` + s + `\ud83d"}`, 400, codeBadRequest, ""},
		"the other half":        {`{"email":"a","password":"` + s + `\udc00"}`, 400, codeBadRequest, ""},
		"the halves swapped":    {`{"email":"a","password":"` + s + `\udc00\ud83d"}`, 400, codeBadRequest, ""},
		"two high halves":       {`{"email":"a","password":"` + s + `\ud83d\ud83d"}`, 400, codeBadRequest, ""},
		"a huge number":         {`{"email":1e999999,"password":"` + s + `"}`, 400, codeBadRequest, ""},
		"an array":              {`["` + s + `"]`, 422, codeInvalidField, wholeBody},
		"a text":                {`"` + s + `"`, 422, codeInvalidField, wholeBody},
		"null":                  {`null`, 422, codeInvalidField, wholeBody},
		"nothing at all":        {``, 400, codeBadRequest, ""},
		"only spaces":           {`   `, 400, codeBadRequest, ""},
		"an empty object":       {`{}`, 422, codeInvalidField, "email"},
		"one missing":           {`{"email":"` + s + `"}`, 422, codeInvalidField, "password"},
		"a number":              {`{"email":"a","password":31337}`, 422, codeInvalidField, "password"},
		"an object":             {`{"email":"a","password":{"$ne":"` + s + `"}}`, 422, codeInvalidField, "password"},
		"a list":                {`{"email":["` + s + `"],"password":"x"}`, 422, codeInvalidField, "email"},
		"a null":                {`{"email":"a","password":null}`, 422, codeInvalidField, "password"},
		"unknown":               {`{"email":"a","password":"x","remember":"` + s + `"}`, 422, codeInvalidField, "remember"},
		"several unknown":       {`{"email":"a","password":"x","zz":1,"token":"` + s + `","yy":2}`, 422, codeInvalidField, "token"},
		"a secret as a key":     {`{"email":"a","password":"x","` + s + `":1}`, 422, codeInvalidField, wholeBody},
		"a phrase as a key":     {`{"email":"a","password":"x","paperandsprucepaperandspruce":1}`, 422, codeInvalidField, wholeBody},
		"__proto__":             {`{"email":"a","password":"x","__proto__":{"role":"` + s + `"}}`, 422, codeInvalidField, "__proto__"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.post(x.body).refused(x.status, x.code)
			if a.text("field") != x.field {
				t.Errorf("field %q, want %q", a.text("field"), x.field)
			}
			for _, secret := range []string{planted, "hunter2", "31337", "paperandspruce"} {
				if strings.Contains(a.raw, secret) {
					t.Errorf("echoed: %s", a.raw)
				}
			}
		})
	}
	if log := w.log.String(); strings.Contains(log, "hunter2") || strings.Contains(log, "31337") {
		t.Errorf("logged:\n%s", log)
	}
	// None of all that cost anybody a try.
	w.post(`{"email":"nobody@example.com","password":"\ud83d\ude00"}`).refused(401, core.WrongCredentials)
}

// ASVS 3.5.2
func TestMediaType(t *testing.T) {
	w := newWorld(t)
	body := `{"email":"nobody@example.com","password":"` + planted + `"}`
	for _, good := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", ""} {
		w.post(body, "Content-Type", good).refused(401, core.WrongCredentials)
	}
	for _, bad := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=latin1", "text/json", "application/problem+json", "application/cbor", "json", ";", "application/json, text/plain"} {
		w.post(body, "Content-Type", bad).refused(415, codeMediaType)
	}
	if a := w.post(body, "Accept", "text/html"); a.status != 401 {
		t.Errorf("Accept: %d", a.status)
	}
	// There is nothing in an empty body that could be of the wrong kind.
	w.call("POST", "/two-step/activation", w.cast["elena"].token, "", "Content-Type", "application/x-www-form-urlencoded").is(201)
	w.call("POST", "/two-step/activation", w.cast["elena"].token, `{"passport":"`+planted+`"}`).refused(422, codeInvalidField)
}

// padded is a sign-in of exactly n bytes.
func padded(n int) string {
	body := `{"email":"nobody@example.com","password":"no"}`
	return body + strings.Repeat(" ", n-len(body))
}

// ASVS 5.2.1
func TestBodyLimit(t *testing.T) {
	w := newWorld(t)
	w.post(padded(64<<10)).refused(401, core.WrongCredentials)
	w.post(padded(64<<10+1)).refused(413, codeTooLarge)
	w.post(padded(70_000)).refused(413, codeTooLarge)
	w.call("POST", "/two-step/deactivate", "", padded(70_000)).refused(401, core.NotSignedIn) // who may not come in is not read

	server := httptest.NewServer(w.mux)
	defer server.Close()
	for n, want := range map[int]int{64 << 10: 401, 64<<10 + 1: 413, 70_000: 413, 1 << 20: 413} {
		// A reader of unknown length makes the client send chunks without Content-Length.
		r, err := http.NewRequest(http.MethodPost, server.URL+base+"/sign-in", io.MultiReader(strings.NewReader(padded(n))))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := server.Client().Do(r)
		if n == 1<<20 && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
			continue // whoever is still sending when the connection closes may hear of that before the answer
		}
		if err != nil {
			t.Fatalf("%d bytes in chunks: %v", n, err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d bytes in chunks: %d %s", n, answer.StatusCode, answer.Header.Get("Content-Type"))
		}
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.mux)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"password\":\"%s", base, planted)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != 400 || bytes.Contains(text, []byte("hunter2")) {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
}

// TestMassAssignment is T-SU-6: no operation takes a field that is not its own.
//
// ASVS 8.2.3, ASVS 15.3.3, T-SU-6
func TestMassAssignment(t *testing.T) {
	w := newWorld(t)
	carla, ana := w.cast["carla"], w.cast["ana"].token
	for path, x := range map[string]struct {
		method, token string
		good          object
	}{
		"/sign-in":                                      {"POST", "", object{"email": "nobody@example.com", "password": "no"}},
		"/sign-in/second-step":                          {"POST", "", object{"attempt": "no such", "code": "123456"}},
		"/two-step/activation":                          {"POST", w.cast["elena"].token, object{}},
		"/two-step/deactivate":                          {"POST", carla.token, object{"code": carla.codes[0]}},
		"/two-step/recovery-codes":                      {"POST", carla.token, object{}},
		"/step-up":                                      {"POST", carla.token, object{"password": testPassword, "code": carla.codes[0]}},
		"/two-step/activation/confirm":                  {"POST", w.cast["elena"].token, object{"activation": "x", "code": "123456"}},
		"/two-step/activation/finish":                   {"POST", w.cast["elena"].token, object{"activation": "x", "saved": true}},
		"/team/users/" + carla.id:                       {"PATCH", ana, object{}},
		"/team/users/" + carla.id + "/restart-two-step": {"POST", ana, object{"reason": "Lost phone", "verified_by": "other"}},
	} {
		for _, field := range []string{
			"id", "user_id", "user", "team", "team_id", "email", "email_verified", "verified", "role", "status", "admin", "is_admin", "owner", "two_step", "state",
			"reach", "second_step", "session", "token", "stepped_up", "password_at", "expires_at", "key", "secret", "uri", "recovery_codes", "contained_until",
			"due_by", "by", "at", "seen", "force", "name", "pass", "language", "created_at", "password_hash", "version", "saved", "$schema",
		} {
			if _, its := x.good[field]; its || path == "/two-step/activation" && field == "pass" || x.method == "PATCH" && (field == "name" || field == "role" || field == "status") {
				continue
			}
			body := object{field: planted}
			for k, v := range x.good {
				body[k] = v
			}
			a := w.call(x.method, path, x.token, body).refused(422, codeInvalidField)
			if f := a.text("field"); f != field && f != wholeBody || strings.Contains(a.raw, "hunter2") {
				t.Errorf("%s with %s: %s", path, field, a.raw)
			}
		}
	}
	if a := w.call("GET", "/team/users/"+carla.id, ana, nil).is(200); a.text("role") != "member" || a.text("two_step") != "active" || a.at("recovery_codes_left") != 10.0 || a.text("email") != carla.email {
		t.Errorf("something was taken: %s", a.raw)
	}
	if strings.Contains(w.log.String(), "hunter2") {
		t.Error("the planted secret is in the log")
	}
}

// FuzzBody: whatever is sent, the answer is one of a few, repeats no secret, and
// what the checker takes means one thing only.
//
// ASVS 15.3.5
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"email":"a","password":"b"}`, `{"email":"a","email":"b"}`, `{}`, `[]`, `{"a":{"b":[1,2,{"c":null}]}}`, `"\ud83d\ude00"`, `"\ud83d"`, "\x00",
		`{"email":"a","password":"` + planted + `"`, `{"e":1e5}`, `1 2`, `{"A":1}`, `{"":1}`, `{"a":"\\"}`, `"\\ud83d"`, `{"a":"\u0000"}`, strings.Repeat("[", 20),
	} {
		f.Add(seed)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, body string) {
		w := *w
		w.t = t
		a := w.call("POST", "/sign-in/second-step", "", body)
		switch a.status {
		case 400, 410, 413, 422:
		default:
			t.Fatalf("%d %s", a.status, a.raw)
		}
		if strings.Contains(a.raw, "hunter2") {
			t.Fatalf("echoed: %s", a.raw)
		}
		if checkJSON([]byte(body)) != nil {
			return
		}
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil || !utf8.ValidString(body) {
			t.Fatalf("taken, although: %v", err)
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		replaced := strings.Contains(string(again), "\ufffd")
		if written := strings.Contains(body, "\ufffd") || strings.Contains(strings.ToLower(body), `\ufffd`); replaced && !written {
			t.Fatalf("taken with text that is none: %q", again)
		}
	})
}
