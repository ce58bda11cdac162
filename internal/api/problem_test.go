package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
)

func TestProblemsSpeakTheLanguage(t *testing.T) {
	w := newWorld(t)
	say := func(language, token string) string {
		return w.call("GET", "/team/users", token, nil, "Accept-Language", language).text("title")
	}
	english, spanish, portuguese := say("en", ""), say("es-MX,en;q=0.5", ""), say("pt", "")
	if english == spanish || spanish == portuguese || english == portuguese {
		t.Errorf("%q %q %q", english, spanish, portuguese)
	}
	s, err := w.core.Session(t.Context(), w.cast["carla"].token)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.core.SetLanguage(t.Context(), s.By(core.Origin{}), "es"); err != nil {
		t.Fatal(err)
	}
	own, asked := say("", w.cast["carla"].token), say("pt-BR", w.cast["carla"].token)
	if mine := say("es", w.cast["dmitri"].token); own != mine || asked == own {
		t.Errorf("the person's own language: %q, want %q; asked for another: %q", own, mine, asked)
	}
	// What huma finds wrong speaks it too.
	if a := w.call("POST", "/two-step/deactivate", w.cast["carla"].token, object{"code": 1}).refused(422, codeInvalidField); !strings.Contains(a.text("detail"), "code") || a.text("title") == w.call("POST", "/two-step/deactivate", w.cast["dmitri"].token, object{"code": 1}).text("title") {
		t.Error(a.raw)
	}
}

var faultID = regexp.MustCompile(`\b[0-9a-f]{10}\b`)

// ASVS 16.3.4, ASVS 16.5.1
func TestFaultsOfOurs(t *testing.T) {
	w := newWorld(t)
	w.fail = func(query string) error {
		if strings.Contains(query, "INSERT INTO sign_in_attempts") {
			return errDisk
		}
		return nil
	}
	a := w.password("ana").refused(500, codeInternal)
	id := faultID.FindString(a.text("detail"))
	if id == "" || strings.Contains(a.raw, errDisk.Error()) {
		t.Fatalf("the caller sees: %s", a.raw)
	}
	if log := w.log.String(); !strings.Contains(log, "id="+id) || !strings.Contains(log, errDisk.Error()) || !strings.Contains(log, "/api/v1/sign-in") || strings.Contains(log, testPassword) {
		t.Errorf("the log has:\n%s", log)
	}
	w.fail = func(string) error { return errDisk } // errors deny
	w.call("DELETE", "/sessions", w.cast["ana"].token, nil).refused(500, codeInternal)
	w.fail = nil
	w.call("GET", "/session", w.cast["ana"].token, nil).is(200)

	if err := w.core.Close(); err != nil {
		t.Fatal(err)
	}
	w.log.Reset()
	// Olga's session: one that was asked for a moment ago may be answered from memory.
	for _, a := range []*reply{w.password("ana"), w.call("GET", "/session", w.cast["olga"].token, nil)} {
		if a.refused(503, codeUnavailable); a.header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("logged as a fault:\n%s", w.log)
	}
}

// ASVS 16.5.1, ASVS 16.5.4
func TestPanics(t *testing.T) {
	w := newWorld(t)
	w.api.mux.HandleFunc("GET "+base+"/panic", func(http.ResponseWriter, *http.Request) { panic("with " + planted) })
	w.api.mux.HandleFunc("POST "+base+"/panic", func(_ http.ResponseWriter, r *http.Request) {
		var none []int
		none[len(r.Method)]++
	})
	w.api.mux.HandleFunc("PATCH "+base+"/panic", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"half":`))
		panic("in the middle")
	})
	a := w.call("GET", "/panic", "", nil).refused(500, codeInternal)
	if id := faultID.FindString(a.text("detail")); id == "" || !strings.Contains(w.log.String(), "id="+id) {
		t.Errorf("%s\n%s", a.raw, w.log)
	}
	if strings.Contains(w.log.String(), "hunter2") || strings.Contains(a.raw, "hunter2") {
		t.Error("a panic's value is told")
	}
	w.call("POST", "/panic", "", object{}).refused(500, codeInternal)
	if !strings.Contains(w.log.String(), "index out of range") {
		t.Error("the runtime's error is not logged")
	}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // a sentinel that net/http compares so
			t.Errorf("half an answer passes for a whole one: %v", p)
		}
	}()
	w.call("PATCH", "/panic", "", nil)
}

// TestTheClientHangsUp: that is no fault of ours.
func TestTheClientHangsUp(t *testing.T) {
	w := newWorld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, base+"/session", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+w.cast["ana"].token)
	w.send(r).refused(503, codeUnavailable)
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("logged as a fault:\n%s", w.log)
	}
}

func TestWaits(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.call("POST", "/two-step/deactivate", w.cast["carla"].token, object{"code": "000000"}).refused(422, core.WrongCode)
	}
	a := w.call("POST", "/two-step/deactivate", w.cast["carla"].token, object{"code": "000000"}).refused(429, core.AuthenticatorWait)
	if a.header.Get("Retry-After") != "30" || a.text("field") != "code" {
		t.Error(a.raw)
	}
	if p := w.call("GET", "/team/users?q=carla", w.cast["ana"].token, nil).is(200).items()[0]; p["paused_until"] != w.core.Now().Add(30*time.Second).Format(time.RFC3339) {
		t.Errorf("paused: %v", p)
	}
}
