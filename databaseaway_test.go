package doorstep_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/db/dbtest/faulty"
	"doorstep/internal/seal"
)

// TestDatabaseAway: when PostgreSQL is gone, people who are signed in notice nothing
// for a lease. Then pages, the API and reverse proxies are answered 503 with a time
// to come back: nobody is let in, nobody is told to be signed out, and no browser
// loses its cookie. When PostgreSQL is back, so is everything else.
//
// ASVS 16.5.2, P8
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	postgres, keys := dbtest.Postgres(t), seal.NewKeysForTest()
	wire := faulty.New(t, postgres)
	r := newReplica(t, "one", wire.Address(), keys, false)
	beside, err := db.Open(t.Context(), db.Options{Postgres: postgres})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { beside.Close() })
	people := &team{t: t, keys: keys, beside: beside}
	ana := people.joins(r.core, core.RoleOwner, "Ana", false)
	s := people.opens(ana.id, time.Now())
	s.apps = r.core.AppsToken(&core.Session{ID: s.id, Token: s.token})

	cookie := http.Header{"Cookie": {"doorstep=" + s.token}, "Accept": {"text/html"}}
	questions := []struct {
		name, path string
		header     http.Header
	}{
		{"the API", "/api/v1/session", bearing(s.token)},
		{"a page", "/me", cookie},
		{"the first page", "/", cookie},
		{"a proxy for a browser", "/forward-auth", cookie},
		{"a proxy for an app's cookie", "/forward-auth", http.Header{"Cookie": {"doorstep-apps=" + s.apps}, "Accept": {"text/html"}}},
		{"a proxy for a program", "/forward-auth", bearing(s.token)},
	}
	all := func(when string, want int) {
		t.Helper()
		for _, q := range questions {
			answer, err := r.send(http.MethodGet, q.path, q.header, nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer.status != want {
				t.Errorf("%s %s is answered with %d, not %d: %s", when, q.name, answer.status, want, shortened(answer.body))
			}
			if want != http.StatusServiceUnavailable {
				continue
			}
			h := answer.header
			if h.Get("Retry-After") == "" || h.Get("Location") != "" || h.Get("Set-Cookie") != "" || h.Get("WWW-Authenticate") != "" || h.Get("Remote-User") != "" {
				t.Errorf("%s %s is answered with %v", when, q.name, h)
			}
			if strings.Contains(string(answer.body), "127.0.0.1") || strings.Contains(strings.ToLower(string(answer.body)), "postgres") {
				t.Errorf("%s %s is told why: %s", when, q.name, shortened(answer.body))
			}
			if q.path == "/api/v1/session" && !strings.Contains(string(answer.body), "urn:doorstep:problem:unavailable") {
				t.Errorf("%s the API answers %s", when, shortened(answer.body))
			}
		}
	}
	probes := func(when string, ready int) {
		t.Helper()
		for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": ready} {
			if answer, err := r.send(http.MethodGet, path, nil, nil); err != nil || answer.status != want {
				t.Errorf("%s %s is answered with %d, not %d (%v)", when, path, answer.status, want, err)
			}
		}
	}
	// remembered is when the answers were last found in memory, or put there.
	remembered := time.Now()
	inUse := func(when string) {
		t.Helper()
		for begun := time.Now(); time.Since(begun) < 400*time.Millisecond; time.Sleep(20 * time.Millisecond) {
			remembered = time.Now()
			all(when, http.StatusOK)
		}
	}
	inUse("with a database")
	for name, happens := range map[string]func(){
		"crashed": func() { wire.Refuse(); wire.Cut() },
		"hung up": func() { wire.Refuse(); wire.HangUp() },
	} {
		happens()
		answer, err := r.send(http.MethodGet, "/forward-auth", bearing(s.token), nil)
		if slow := time.Since(remembered) > 250*time.Millisecond; err != nil || answer.status != http.StatusOK && !slow {
			t.Errorf("%s: right afterwards a session in memory is answered with %d (%v)", name, answer.status, err)
		}
		time.Sleep(600 * time.Millisecond)
		all(name+":", http.StatusServiceUnavailable)
		probes(name+":", http.StatusServiceUnavailable)
		wire.Mend()
		all("after it was "+name, http.StatusOK)
		probes("after it was "+name, http.StatusOK)
		inUse("a while after it was " + name)
	}
}
