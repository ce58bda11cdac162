package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
)

// TestSQLiteFile: the folder is made 0700 and the files 0600 whatever the umask; odd names are names; an existing
// folder keeps its mode.
func TestSQLiteFile(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "a b?mode=memory&x=%41#é", "deeper", "door:step?.db")
	d := open(t, db.Options{SQLite: odd})
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
	for path, want := range map[string]os.FileMode{
		filepath.Dir(odd): 0o700, odd: 0o600, odd + "-wal": 0o600, odd + "-shm": 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
		} else if runtime.GOOS != "windows" && info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
	if err := d.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Rename(odd, odd+".away"); err != nil {
		t.Fatal(err)
	}
	if err := d.Ping(t.Context()); !db.IsUnavailable(err) {
		t.Errorf("Ping without the file: %v", err)
	}
	if err := os.Rename(odd+".away", odd); err != nil {
		t.Fatal(err)
	}
	if err := d.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSQLiteRefusals(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                            "is a folder",
		text:                           "is not a SQLite database",
		filepath.Join(text, "x.db"):    "cannot make the folder",
		filepath.Join(dir, "a\x00.db"): "NUL",
	} {
		d, err := db.Open(t.Context(), db.Options{SQLite: path, Exclusive: true})
		if err == nil {
			d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}

// TestSQLiteSettings: on every connection of both pools.
func TestSQLiteSettings(t *testing.T) {
	d := open(t, db.Options{SQLite: dbtest.SQLite(t)})
	ctx := t.Context()
	want := map[string]int64{"synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 4000, "temp_store": 2, "busy_timeout": 5000}
	for name, n := range want {
		if got := number(t, d, "PRAGMA "+name); got != n {
			t.Errorf("reader: %s = %d, want %d", name, got, n)
		}
		var got int64
		if err := d.Migrations().QueryRowContext(ctx, "PRAGMA "+name).Scan(&got); err != nil || got != n {
			t.Errorf("writer: %s = %d, want %d (%v)", name, got, n, err)
		}
	}
	var writes int64
	if err := d.Migrations().QueryRowContext(ctx, "PRAGMA cache_size").Scan(&writes); err != nil || number(t, d, "PRAGMA cache_size") != -2000 || writes != -8000 {
		t.Errorf("the writer's cache is of %d (%v)", writes, err)
	}
	var mode string
	if err := d.Read().QueryRow(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal_mode = %q, %v", mode, err)
	}
	// A reader cannot write, and "name" in double quotes is never a string.
	rows, err := d.Read().Query(ctx, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0) RETURNING id`)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		rows.Close()
	}
	if err == nil || number(t, d, countThings) != 0 {
		t.Errorf("a reader wrote: %v", err)
	}
	var s string
	if err := d.Read().QueryRow(ctx, `SELECT "no such column"`).Scan(&s); err == nil {
		t.Errorf("a misspelt column was read as %q", s)
	}
}

// TestPreparedAcrossSchemaChange: kept statements follow a schema that somebody else changes, and survive the loss of
// the writer's connection.
func TestPreparedAcrossSchemaChange(t *testing.T) {
	path := dbtest.SQLite(t)
	d, other := open(t, db.Options{SQLite: path}), openEmpty(t, db.Options{SQLite: path})
	const insert = `INSERT INTO things (id, name, n) VALUES ($1, $2, 0)`
	const latest = `SELECT name FROM things ORDER BY id DESC LIMIT 1`
	var name string
	for i := range int64(30) {
		want := fmt.Sprint("thing ", i)
		exec(t, d, insert, i, want)
		if err := d.Read().QueryRow(t.Context(), latest).Scan(&name); err != nil || name != want {
			t.Fatalf("round %d: %q, %v", i, name, err)
		}
		switch i % 5 {
		case 1:
			exec(t, other, fmt.Sprintf(`ALTER TABLE things ADD COLUMN extra%d TEXT`, i))
		case 3: // an interrupted connection is replaced
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			err := d.Write(ctx, func(tx *db.Tx) error {
				var n int64
				return tx.QueryRow(ctx, `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000000) SELECT COUNT(*) FROM c`).Scan(&n)
			})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !db.IsUnavailable(err) {
				t.Errorf("interrupted: %v", err)
			}
		}
	}
}

// TestExclusive: a second `serve` is refused with a sentence, a console command is not, and a killed holder holds nothing.
func TestExclusive(t *testing.T) {
	t.Parallel()
	path := dbtest.SQLite(t)
	refused := func(want string) {
		t.Helper()
		d, err := db.Open(t.Context(), db.Options{SQLite: path, Exclusive: true})
		if err == nil {
			d.Close()
		}
		if err == nil || err.Error() != want {
			t.Errorf("a second exclusive opener: %v\nwant: %s", err, want)
		}
	}
	sentence := func(pid int) string {
		return fmt.Sprintf("another doorstep serve (process %d) is already running on %s; stop it first, or give this one another file", pid, path)
	}

	serve := open(t, db.Options{SQLite: path, Exclusive: true})
	refused(sentence(os.Getpid()))
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if d, err := db.Open(t.Context(), db.Options{SQLite: link, Exclusive: true}); err == nil {
		d.Close()
		t.Error("let in by another name of the file")
	}
	console := openEmpty(t, db.Options{SQLite: path})
	exec(t, console, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
	if n := number(t, serve, countThings); n != 1 {
		t.Errorf("serve sees %d rows", n)
	}
	serve.Close()
	d, err := db.Open(t.Context(), db.Options{SQLite: path, Exclusive: true})
	if err != nil {
		t.Fatalf("after serve has ended: %v", err)
	}
	d.Close()

	cmd := child(t, path, "hold")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	refused(sentence(cmd.Process.Pid))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if n := exec(t, openEmpty(t, db.Options{SQLite: path, Exclusive: true}), `UPDATE things SET n = 1`); n != 1 {
		t.Errorf("after the holder was killed: %d rows", n)
	}
}

// TestTwoProcesses: `serve` and console commands write at the same time; nothing is lost and nobody hears "locked".
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := dbtest.SQLite(t)
	d := open(t, db.Options{SQLite: path, Exclusive: true})
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'sum', 0)`)
	commands := []*osexec.Cmd{child(t, path, "add"), child(t, path, "add")}
	for _, c := range commands {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	race(4, func(int) {
		for range childAdds {
			exec(t, d, `UPDATE things SET n = n + 1 WHERE id = 1`)
		}
	})
	for _, c := range commands {
		if err := c.Wait(); err != nil {
			t.Errorf("a console command: %v", err)
		}
	}
	if n := number(t, d, `SELECT n FROM things WHERE id = 1`); n != 6*childAdds {
		t.Errorf("counted %d, want %d", n, 6*childAdds)
	}
}

// TestLockedByAnother: while another process holds the file, a cancelled writer stops waiting at once, and who waits
// too long hears an error that IsUnavailable knows.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	path := dbtest.SQLite(t)
	d, other := open(t, db.Options{SQLite: path}), openEmpty(t, db.Options{SQLite: path})
	err := other.Write(t.Context(), func(tx *db.Tx) error {
		if err := addThing(t.Context(), tx, 1, "one"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begun := time.Now()
		err := d.Write(ctx, func(tx *db.Tx) error { return errors.New("begun beside another writer") })
		if !errors.Is(err, context.DeadlineExceeded) || !db.IsUnavailable(err) || time.Since(begun) > 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if _, err := d.Migrations().Exec(`PRAGMA busy_timeout = 1`); err != nil {
			return err
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return nil }); !db.IsUnavailable(err) {
			t.Errorf("busy: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (2, 'two', 0)`)
}

// TestFull: SQLite undoes the transaction by itself when the disk is full. Nothing of it stays, reading goes on, and
// when there is room again the same DB works.
func TestFull(t *testing.T) {
	d := open(t, db.Options{SQLite: dbtest.SQLite(t)})
	ctx := t.Context()
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
	fill := func(tx *db.Tx) error {
		if err := addThing(ctx, tx, 2, "two"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO things (id, name, n, blob) VALUES (3, 'three', 0, $1)`, make([]byte, 1<<20))
		if err == nil {
			return nil
		}
		// What would run outside of any transaction now, were it let through.
		if other := addThing(ctx, tx, 4, "four"); other == nil {
			t.Error("a statement after the full disk was carried out")
		}
		return err
	}
	setting := func(text string) {
		t.Helper()
		if _, err := d.Migrations().Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		setting(`PRAGMA max_page_count = 20`)
		if err := d.Write(ctx, fill); !db.IsUnavailable(err) {
			t.Errorf("full: %v", err)
		}
		if n := number(t, d, countThings); n != 1 {
			t.Errorf("%d rows", n)
		}
	}
	setting(`PRAGMA max_page_count = 1000000`)
	if err := d.Write(ctx, fill); err != nil {
		t.Errorf("with room again: %v", err)
	}
	setting(`PRAGMA query_only = 1`)
	err := d.Write(ctx, func(tx *db.Tx) error { return addThing(ctx, tx, 9, "nine") })
	if !db.IsUnavailable(err) {
		t.Errorf("read only: %v", err)
	}
	if n := number(t, d, countThings); n != 3 {
		t.Errorf("%d rows", n)
	}
	setting(`PRAGMA query_only = 0`)
	exec(t, d, `INSERT INTO things (id, name, n) VALUES (9, 'nine', 0)`)
}

const (
	childVariable = "DOORSTEP_DB_TEST_CHILD"
	childAdds     = 40
)

// child is this test binary again, as another process on the same file.
func child(t *testing.T, path, work string) *osexec.Cmd {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVariable+"="+work, childVariable+"_PATH="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestChild is what the other process does.
func TestChild(t *testing.T) {
	work, path := os.Getenv(childVariable), os.Getenv(childVariable+"_PATH")
	work, round, _ := strings.Cut(work, " ")
	switch work {
	case "hold":
		openEmpty(t, db.Options{SQLite: path, Exclusive: true})
		fmt.Println("held")
		time.Sleep(time.Minute)
	case "add":
		d := openEmpty(t, db.Options{SQLite: path})
		for range childAdds {
			exec(t, d, `UPDATE things SET n = n + 1 WHERE id = 1`)
		}
	case "write":
		childWrites(t, openEmpty(t, db.Options{SQLite: path}), round)
	}
}
