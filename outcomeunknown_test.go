package doorstep_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/db/dbtest/faulty"
	"doorstep/internal/seal"
	"doorstep/internal/words"
)

// TestOutcomeUnknown: PostgreSQL commits and the answer is lost. Nobody is told that
// nothing was changed: it was.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	postgres, keys := dbtest.Postgres(t), seal.NewKeysForTest()
	wire := faulty.New(t, postgres)
	var loses atomic.Bool
	r := newReplica(t, "one", wire.Address(), keys, false, func(o *core.Options) {
		o.BeforeStatement = func(query string) error {
			if query == "COMMIT" && loses.Swap(false) {
				wire.Mute()
				time.AfterFunc(200*time.Millisecond, wire.Cut)
			}
			return nil
		}
	})
	beside, err := db.Open(t.Context(), db.Options{Postgres: postgres})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { beside.Close() })
	people := &team{t: t, keys: keys, beside: beside}
	ana := people.joins(r.core, core.RoleOwner, "Ana", false)
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	text := catalog.In(words.English).Say("refusal.outcome-unknown")

	byCall := people.opens(ana.id, time.Now())
	loses.Store(true)
	answer, err := r.send(http.MethodDelete, "/api/v1/session", bearing(byCall.token), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.status != http.StatusServiceUnavailable || !strings.Contains(string(answer.body), "urn:doorstep:problem:outcome-unknown") || !strings.Contains(string(answer.body), text) {
		t.Errorf("the API answers %d %s", answer.status, answer.body)
	}
	if answer, err := r.send(http.MethodGet, "/api/v1/session", bearing(byCall.token), nil); err != nil || answer.status != http.StatusUnauthorized {
		t.Errorf("the session that ended is answered with %d (%v)", answer.status, err)
	}

	byPage := people.opens(ana.id, time.Now())
	cookie := http.Header{"Cookie": {"doorstep=" + byPage.token}, "Accept": {"text/html"}}
	page, err := r.send(http.MethodGet, "/me", cookie, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindSubmatch(page.body)
	if token == nil {
		t.Fatalf("no form on /me: %d %s", page.status, page.body)
	}
	form := url.Values{"csrf": {html.UnescapeString(string(token[1]))}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/sign-out", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = cookie.Clone()
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", r.url)
	loses.Store(true)
	shown, err := r.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer shown.Body.Close()
	body, err := io.ReadAll(shown.Body)
	if err != nil {
		t.Fatal(err)
	}
	if shown.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), text) || strings.Contains(string(body), "Nothing was changed") {
		t.Errorf("the page answers %d %s", shown.StatusCode, body)
	}
}
