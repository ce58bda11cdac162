package db_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"doorstep/internal/db"
)

// TestRealDisk fills a real file system of 1 MB, and turns it read only and back. Needs the right to mount.
func TestRealDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("cannot mount a small disk here: %v", err)
		}
		t.Skipf("LEFT OUT: cannot mount a small disk here (%v); TestFull simulates one", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	o := db.Options{SQLite: filepath.Join(dir, "doorstep.db"), Exclusive: true}
	d := openEmpty(t, o)
	ctx := t.Context()
	exec(t, d, `CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL, n BIGINT NOT NULL, blob BYTEA)`)

	ballast := filepath.Join(dir, "ballast")
	for round := range int64(3) {
		if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err == nil {
			t.Fatal("the disk is not small")
		}
		before := number(t, d, countThings)
		var err error
		stored := int64(0)
		for err == nil && stored < 100 { // what still fits into the file's own slack
			err = d.Write(ctx, func(tx *db.Tx) error {
				if err := addThing(ctx, tx, 1000*round+2*stored, "small"); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `INSERT INTO things (id, name, n, blob) VALUES ($1, 'large', 0, $2)`,
					1000*round+2*stored+1, make([]byte, 50_000))
				return err
			})
			if err == nil {
				stored++
			}
		}
		if !db.IsUnavailable(err) {
			t.Fatalf("round %d: full after %d: %v", round, stored, err)
		}
		if n := number(t, d, countThings); n != before+2*stored {
			t.Errorf("round %d: %d rows, want %d", round, n, before+2*stored)
		}
		if err := d.Ping(ctx); err != nil {
			t.Errorf("reading on a full disk: %v", err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		exec(t, d, `DELETE FROM things WHERE id >= 0`)
	}

	// A database that is read only from the start is refused with a sentence; one that becomes so cannot be remounted
	// while SQLite has it open for writing, so nothing else is to be seen here (see TestFull for the error).
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if d, err := db.Open(ctx, db.Options{SQLite: o.SQLite}); err == nil {
		d.Close()
		t.Error("opened a read-only database for writing")
	} else {
		t.Log(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	exec(t, openEmpty(t, o), `INSERT INTO things (id, name, n) VALUES (1, 'one', 0)`)
}
