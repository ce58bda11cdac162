package crashtest

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"doorstep/internal/core"
	"doorstep/internal/db/dbtest/faultydisk"
	"doorstep/internal/seal"
)

// TestFailingStart makes each write, sync and truncation of a first start fail, and of
// a stop, which folds the log of changes into the file. A first start ends with an
// error or without one; whatever was made of the tables by then, the next start makes
// the rest. A stop loses nothing that was there.
func TestFailingStart(t *testing.T) {
	t.Parallel()
	apart := 61 // operations between two that fail; there are hundreds
	if os.Getenv("DOORSTEP_CRASH_DISK") == "every" {
		apart = 1
	}
	starts, stops, refused := 0, 0, 0
	for k := 1 + random(apart); ; k += apart {
		dir := t.TempDir()
		disk := faultydisk.New(t, dir)
		way := []faultydisk.Mode{faultydisk.Fails, faultydisk.Torn, faultydisk.Full}[starts%3]
		disk.Arm(way, k)
		c, err := opensIn(dir)
		_, struck := disk.Mend()
		if err == nil {
			if err := c.Close(); err != nil {
				t.Errorf("stop after a start with %s at %d: %v", way, k, err)
			}
		} else if refused++; !struck {
			t.Fatalf("a start without a failure: %v", err)
		}
		if c, err = opensIn(dir); err != nil {
			t.Fatalf("start again after %s at %d: %v", way, k, err)
		}
		added, err := c.AddUser(t.Context(), core.Console("crash"), core.NewUser{Email: "ana@example.com", Name: "Ana", Role: core.RoleOwner, Team: "Northwind"})
		if err != nil || added.Link == nil {
			t.Fatalf("after %s at %d nobody can be added: %v", way, k, err)
		}
		whole(t, dir, 1)
		if !struck {
			stops = failingStops(t, disk, dir, c)
			break
		}
		if starts++; c.Close() != nil {
			t.Errorf("stop after %s at %d: %v", way, k, err)
		}
	}
	t.Logf("evidence: P8 engine=sqlite first_starts_with_a_failure=%d refused=%d started_the_next_time=%d stops_with_a_failure=%d lost=0", starts, refused, starts, stops)
}

// failingStops stops and starts with each operation of the stop failing.
func failingStops(t *testing.T, disk *faultydisk.Disk, dir string, c *core.Core) (stops int) {
	t.Helper()
	for k := 1; ; k++ {
		// Something has to be in the log of changes that a stop folds into the file.
		if _, err := c.MakeSetupLink(t.Context()); err != nil && core.Refused(err) == nil {
			t.Fatal(err)
		}
		added, err := c.AddUser(t.Context(), core.Console("crash"), core.NewUser{
			Email: strings.Repeat("a", k) + "@example.net", Name: "Somebody", Role: core.RoleMember, Team: "Northwind",
		})
		if err != nil || added == nil {
			t.Fatal(err)
		}
		disk.Arm(faultydisk.Fails, k)
		_ = c.Close() // it may say so or not: what counts is what is there
		_, struck := disk.Mend()
		if c, err = opensIn(dir); err != nil {
			t.Fatalf("start after a stop that failed at %d: %v", k, err)
		}
		whole(t, dir, 1+k)
		if !struck || k == 40 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			return stops
		}
		stops++
	}
}

// whole: the file is sound and these people are in it, each with an event.
func whole(t *testing.T, dir string, people int) {
	t.Helper()
	d := openedIn(t, dir)
	defer d.Close()
	var b strings.Builder
	lines(t, d, `PRAGMA integrity_check`, &b)
	lines(t, d, `SELECT 'people ' || COUNT(*) FROM users`, &b)
	lines(t, d, `SELECT 'invited ' || COUNT(*) FROM audit_events WHERE event = 'user.invited'`, &b)
	want := "ok\npeople " + strconv.Itoa(people) + "\ninvited " + strconv.Itoa(people) + "\n"
	if b.String() != want {
		t.Errorf("there is\n%swant\n%s", b.String(), want)
	}
}

var keysOfStarts = seal.NewKeysForTest()

func opensIn(dir string) (*core.Core, error) {
	return core.Open(context.Background(), core.Options{DataDir: dir, Keys: keysOfStarts, Exclusive: true, Mail: true})
}
