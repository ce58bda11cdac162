package faultydisk_test

import (
	"context"
	"path/filepath"
	"testing"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest/faultydisk"
)

// TestFaultyDisk: the disk under SQLite fails when it is told to, and a power cut
// takes what was not synced and nothing else.
func TestFaultyDisk(t *testing.T) {
	dir := t.TempDir()
	disk := faultydisk.New(t, dir)
	d := open(t, dir)
	exec(t, d.Write, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
	exec(t, d.Write, `INSERT INTO things VALUES (1)`)
	for _, mode := range []faultydisk.Mode{faultydisk.Fails, faultydisk.Torn, faultydisk.Full} {
		disk.Arm(mode, 1)
		if err := d.Write(t.Context(), insert(2)); !db.IsUnavailable(err) {
			t.Errorf("%s: %v", mode, err)
		}
		if _, struck := disk.Mend(); !struck {
			t.Errorf("%s did not happen", mode)
		}
	}
	exec(t, d.Write, `INSERT INTO things VALUES (3)`)
	exec(t, d.WriteUnsynced, `INSERT INTO things VALUES (4)`)
	for name, want := range map[string]struct {
		copyTo func(folder string)
		things int64
	}{
		"killed":                   {func(folder string) { disk.CopyTo(t, folder) }, 3},
		"cut":                      {func(folder string) { disk.CopyCutTo(t, folder, func() bool { return false }) }, 2},
		"cut, and all was written": {func(folder string) { disk.CopyCutTo(t, folder, func() bool { return true }) }, 3},
	} {
		after := t.TempDir()
		want.copyTo(after)
		var n int64
		if err := open(t, after).Read().QueryRow(t.Context(), `SELECT COUNT(*) FROM things`).Scan(&n); err != nil || n != want.things {
			t.Errorf("%s: %d things, want %d (%v)", name, n, want.things, err)
		}
	}
}

func open(t *testing.T, dir string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{SQLite: filepath.Join(dir, "doorstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func insert(id int64) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), `INSERT INTO things VALUES ($1)`, id)
		return err
	}
}

func exec(t *testing.T, write func(context.Context, func(*db.Tx) error) error, statement string) {
	t.Helper()
	err := write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
