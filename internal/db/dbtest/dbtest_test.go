package dbtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// TestFresh: two tests on one server do not see each other, and nothing is left of a finished one.
func TestFresh(t *testing.T) {
	dbtest.Postgres(t) // leaves this test out where there is none
	var first string
	t.Run("first", func(t *testing.T) {
		first = dbtest.Postgres(t)
		second := dbtest.Postgres(t)
		for _, address := range []string{first, second} {
			ask(t, address, `CREATE TABLE things (id BIGINT)`)
			if n := ask(t, address, `SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()`); n != "1" {
				t.Errorf("%s tables", n)
			}
		}
		begun := time.Now()
		dbtest.Postgres(t)
		t.Logf("a fresh schema took %v", time.Since(begun))
	})
	if n := ask(t, first, `SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()`); n != "0" {
		t.Errorf("%s tables are left", n)
	}
	for setting, want := range map[string]string{
		"listen_addresses": "", "max_connections": "200", "lc_collate": "C.UTF-8", "server_encoding": "UTF8",
	} {
		if got := ask(t, first, `SHOW `+setting); got != want && os.Getenv(dbtest.SharedVariable) == "" {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
}

func TestEach(t *testing.T) {
	dbtest.Postgres(t) // leaves this test out where there is none
	engines := ""
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		engines += d.Engine() + " "
	})
	if engines != "sqlite postgres " {
		t.Errorf("ran on %q", engines)
	}
}

// TestEndsWithItsProcess: a killed test process leaves no server and no folder.
func TestEndsWithItsProcess(t *testing.T) {
	dbtest.Postgres(t) // leaves this test out where there is none
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "DOORSTEP_DBTEST_CHILD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	if one := ask(t, address, `SELECT 1`); one != "1" {
		t.Fatal(one)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(config.Host); errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%s is still there", config.Host)
		}
	}
}

// TestChild is the process that is killed.
func TestChild(t *testing.T) {
	if os.Getenv("DOORSTEP_DBTEST_CHILD") == "" {
		return
	}
	c, err := dbtest.Start(dbtest.Settings{FsyncOn: true})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(c.URL())
	time.Sleep(time.Minute)
	c.Stop()
}

// ask runs one statement on a connection of its own and returns its first value as text.
func ask(t *testing.T, address, query string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var text string
	if strings.HasPrefix(query, "CREATE") {
		_, err = conn.Exec(ctx, query)
	} else {
		err = conn.QueryRow(ctx, query, pgx.QueryExecModeSimpleProtocol).Scan(&text)
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}
