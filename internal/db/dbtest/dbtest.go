package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doorstep/internal/db"
)

const (
	// SharedVariable names the environment variable with a superuser's address on a server to use.
	SharedVariable = "DOORSTEP_TEST_POSTGRES"
	// FsyncVariable set to "on" makes the server that this process starts sync to the disk.
	FsyncVariable = "DOORSTEP_TEST_POSTGRES_FSYNC"
)

// server gives the address of the process's one server: a cluster takes over a second to make, and `go test` offers no
// other place that outlives a test. It is never stopped here, the watchdog does that when this process is gone.
var server = sync.OnceValues(func() (address func() string, err error) {
	if shared := os.Getenv(SharedVariable); shared != "" {
		return func() string { return shared }, nil
	}
	c, err := Start(Settings{FsyncOn: os.Getenv(FsyncVariable) == "on"})
	if err != nil {
		return nil, err
	}
	return c.URL, nil // holds on to c: a collected Cluster closes its pipe, and so ends the server
})

// Each runs a test on both engines, each with a fresh and empty database.
func Each(t *testing.T, run func(t *testing.T, o db.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, db.Options{SQLite: SQLite(t)}) })
	t.Run("postgres", func(t *testing.T) { run(t, db.Options{Postgres: Postgres(t)}) })
}

// SQLite returns the path of a file that does not exist yet, in a folder that goes with the test.
func SQLite(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "doorstep.db")
}

// Postgres returns an address whose connections live in an empty schema that is the test's own and is dropped after it
// (a database of its own would take 40 ms, and 300 on a busy machine). Without PostgreSQL on the machine the test is
// left out, or fails where CI=true.
func Postgres(t testing.TB) string {
	t.Helper()
	address, err := server()
	if errors.Is(err, ErrMissing) {
		leaveOut(t)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	admin, name := address(), "t_"+strings.ToLower(rand.Text())
	if err := run(admin, "CREATE SCHEMA "+name); err != nil {
		t.Fatalf("make a PostgreSQL schema for this test: %v", err)
	}
	t.Cleanup(func() {
		// A test that forgot to close its rows must not hang here.
		if err := run(admin, "SET lock_timeout = '5s'; DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
			t.Logf("drop this test's PostgreSQL schema: %v", err)
		}
	})
	return inSchema(admin, name)
}

const leftOut = "LEFT OUT: PostgreSQL (no initdb and postgres in PATH or /usr/lib/postgresql/*/bin); run make test"

func leaveOut(t testing.TB) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(leftOut)
	}
	sayLoudly()
	t.Skip(leftOut)
}

var sayLoudly = sync.OnceFunc(func() { Loudly(leftOut) })

// Loudly says what was left out where people look: `go test` hides what a package
// prints that passes, so the line goes to the terminal itself, where there is one.
func Loudly(line string) {
	fmt.Fprintln(os.Stderr, line)
	if terminal, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		fmt.Fprintln(terminal, filepath.Base(os.Args[0])+": "+line)
		terminal.Close()
	}
}

// Schema is like Postgres for a cluster of the test's own. It goes with the cluster.
func (c *Cluster) Schema(t testing.TB, name string) (address string) {
	t.Helper()
	if err := run(c.URL(), "CREATE SCHEMA "+name); err != nil {
		t.Fatalf("make a PostgreSQL schema: %v", err)
	}
	return inSchema(c.URL(), name)
}

// run carries out one statement on a connection of its own.
func run(address, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// inSchema is the same address with another schema, in the form that psql and pg_dump understand too.
func inSchema(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // pgx will say what is wrong with it
	}
	query := u.Query()
	query.Set("options", strings.TrimSpace(query.Get("options")+" -csearch_path="+name))
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // libpq takes a plus for a plus
	return u.String()
}
