package doorstep_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/db"
	"doorstep/internal/edge"
	"doorstep/internal/seal"
	"doorstep/internal/server"
	"doorstep/internal/words"
)

// broken is a storage that can be made to fail, as a full disk or a database that
// is away does: whatever would be written fails, and what is read is read.
type broken struct{ mode atomic.Value }

func (b *broken) is(mode string) { b.mode.Store(mode) }

var errFull = fmt.Errorf("planted: no space left: %w", sql.ErrConnDone)

func (b *broken) before(statement string) error {
	switch mode, _ := b.mode.Load().(string); {
	case mode == "writes fail", mode == "commits fail" && statement == "COMMIT":
		return errFull
	}
	return nil
}

// TestStorageThatCannot: while nothing can be saved, every page and call that would
// save answers 503 with a time to come back, leaves a line in the log and nothing
// half-done, and works as soon as there is room.
//
// ASVS 16.5.2, ASVS 16.5.3, P7, P8
func TestStorageThatCannot(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	for _, engine := range []string{apptest.SQLite, apptest.Postgres} {
		for _, mode := range []string{"writes fail", "commits fail"} {
			t.Run(engine+" "+mode, func(t *testing.T) {
				t.Parallel()
				b := &broken{}
				a := apptest.Start(t, apptest.Options{State: state, Engine: engine, BeforeStatement: b.before})
				before, refused := a.Dump(), 0
				for _, r := range a.Routes {
					if r.Method == http.MethodGet && r.Path != "/me/two-step/activate" || r.Path == "/api/v1/" {
						continue // they only read
					}
					if isCostly(r) && (engine != apptest.SQLite || mode != "commits fail") {
						continue
					}
					by := whoSends(in, r.Needs)
					if r.Needs == core.NeedAttempt {
						by = in[half]
					}
					b.is(mode)
					answer := by.try(a, r)
					b.is("")
					if unavailable(t, a, r, answer) {
						refused++
					}
					if after := a.Dump(); after != before {
						t.Errorf("%s: something was changed: %s", r, difference(before, after))
					}
					if answer.Status == http.StatusServiceUnavailable && !isCostly(r) {
						if again := by.try(a, r); again.Status >= 500 { // there is room again
							t.Errorf("%s: when there is room again: %s", r, again)
						}
						a.Restore()
					}
				}
				if refused < 12 {
					t.Errorf("only %d routes met a storage that cannot", refused)
				}
			})
		}
	}
}

// unavailable says whether a route needed the storage, and checks how it said that
// there is none.
func unavailable(t *testing.T, a *apptest.App, r edge.Route, answer *apptest.Answer) bool {
	t.Helper()
	log := a.Log()
	faults := a.TakeFaults()
	if answer.Status < 500 {
		if faults != "" {
			t.Errorf("%s answered %d and logged %s", r, answer.Status, faults)
		}
		return false
	}
	if answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%s: %d, Retry-After %q: %s", r, answer.Status, answer.Header.Get("Retry-After"), shortened(answer.Body))
	}
	if isAPI(r) && answer.Problem() != "unavailable" {
		t.Errorf("%s: %s", r, answer)
	}
	if strings.Contains(string(answer.Body), "planted") || !strings.Contains(log, "no space left") {
		t.Errorf("%s: why is for the log and not for the answer: %s\nlog: %s", r, shortened(answer.Body), log)
	}
	return true
}

// TestNothingIsLostWhenStorageFails: the code that was typed while nothing could be
// saved is not used up and cost no try; nobody is signed out meanwhile.
//
// ASVS 2.3.3, P8
func TestNothingIsLostWhenStorageFails(t *testing.T) {
	t.Parallel()
	b := &broken{}
	a := apptest.Start(t, apptest.Options{BeforeStatement: b.before})
	carla := walk(a, "carla", words.English)
	carla.Visit("/sign-in")
	carla.givesPassword()
	code := carla.who.Phone.Code()
	for _, mode := range []string{"writes fail", "commits fail"} {
		b.is(mode)
		carla.givesCode(code)
		carla.IsAt("/sign-in/second-step", http.StatusServiceUnavailable)
		carla.Sees("Nothing was changed", carla.Say("refusal.unavailable.title"))
		b.is("")
		carla.Visit("/sign-in/second-step")
	}
	if n := a.Count(`SELECT SUM(fails) FROM authenticators`); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
	carla.givesCode(code)
	carla.IsAt("/", http.StatusOK)
	a.Pass(2 * time.Minute) // her last-seen time is due, and cannot be written
	b.is("writes fail")
	for _, page := range []string{"/", "/me", "/me/two-step", "/me/two-step/deactivate"} {
		carla.Visit(page)
		carla.IsAt(page, http.StatusOK)
	}
	b.is("")
	a.TakeFaults()
}

// TestNewerSchemaIsRefused: a store that a newer Doorstep has changed is not opened,
// whatever opens it, and the sentence says what to do.
func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{apptest.SQLite, apptest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			a := apptest.Start(t, apptest.Options{Engine: engine})
			where := a.Storage()
			a.Stop()
			future(t, where)
			c, err := core.Open(t.Context(), core.Options{DataDir: filepath.Dir(where.SQLite), Database: where.Postgres, Keys: seal.NewKeysForTest()})
			if err == nil {
				c.Close()
				t.Fatal("a store of schema 9999 was opened")
			}
			saysWhatToDo(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err = server.Serve(ctx, server.Options{
				Config: config.Config{Listen: "127.0.0.1:0", Data: filepath.Dir(where.SQLite), Keys: filepath.Join(t.TempDir(), "keys"), Database: where.Postgres, LogFormat: "text"},
				Out:    io.Discard, Err: io.Discard,
			})
			saysWhatToDo(t, err)
		})
	}
}

func future(t *testing.T, where db.Options) {
	t.Helper()
	d, err := db.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func saysWhatToDo(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "9999") || !strings.Contains(err.Error(), "newer") {
		t.Errorf("the error is %v", err)
	}
}
