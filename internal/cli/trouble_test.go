package cli

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"doorstep/internal/config"
	"doorstep/internal/core"
)

// A storage that cannot is told with what to do, wherever in a command it shows.
func TestStorageThatCannot(t *testing.T) {
	t.Chdir(t.TempDir())
	full := fmt.Errorf("database: commit: %w", sql.ErrConnDone) // of the kind that a full disk is of
	c := &console{ctx: t.Context(), lookup: func(string) (string, bool) { return "", false }}
	err := c.with(config.Flags{}, func(config.Config, *core.Core) error { return full })
	want := "the database cannot do it now (commit: " + sql.ErrConnDone.Error() + "), so nothing was changed: make room on the disk of ./data, see that the account "
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), ", then run it again") {
		t.Errorf("%v\nwant %s", err, want)
	}
	if err := trouble(config.Config{Database: "postgres://h/x"}, full); !strings.Contains(err.Error(), "--database") || strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("%v", err)
	}
	for _, command := range []string{"user list", "serve --listen 127.0.0.1:0"} {
		args := append(strings.Fields(command), "--database", "postgres://doorstep:hush@127.0.0.1:1/doorstep?connect_timeout=1")
		code, _, stderr := ran(t, nil, args...)
		if code != failed || !strings.HasPrefix(stderr, "doorstep: the database cannot do it now (cannot reach PostgreSQL at 127.0.0.1:1: ") || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "hush") {
			t.Errorf("%s: %d %q", command, code, stderr)
		}
	}
}

// Which folder, whose right, what to do.
func TestForbidden(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := errors.Join(os.Mkdir("real", 0o700), os.Symlink("real", "data")); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "real"))
	if err != nil {
		t.Fatal(err)
	}
	me := account()
	cfg := config.Config{Data: "./data", Keys: "./keys"}
	for _, c := range []struct {
		op, path string
		cfg      config.Config
		want     string
	}{
		{"stat", "keys/sealing.json", cfg, me + " may not look at keys/sealing.json: give the folder " + dir + "/keys and what is in it to " + me + ", name another folder with --keys, or run"},
		{"open", "keys/master.key", cfg, me + " may not open keys/master.key: give the folder " + dir + "/keys and what"},
		{"mkdir", "keys", cfg, me + " may not make keys: let " + me + " write in " + dir + ", or make the folder there and give it to " + me + ", name another folder with --keys, or run"},
		{"stat", "/srv/shut/keys", config.Config{Data: "/srv/shut/data", Keys: "/srv/shut/keys"}, me + " may not look at /srv/shut/keys: let " + me + " into /srv/shut, name another folder with --keys"},
		{"open", real + "/doorstep.db.lock", cfg, me + " may not open " + real + "/doorstep.db.lock: give the folder " + real + " and what is in it to " + me + ", name another folder with --data"},
		{"mkdir", "/nowhere", config.Config{}, me + " may not make /nowhere: let " + me + " write in /, or make the folder there and give it to " + me + ", name another folder with the variable TMPDIR"},
	} {
		err := trouble(c.cfg, fmt.Errorf("inner words: %w", &fs.PathError{Op: c.op, Path: c.path, Err: syscall.EACCES}))
		if !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "inner words") {
			t.Errorf("%s %s:\n got %v\nwant %s", c.op, c.path, err, c.want)
		}
	}
	full := trouble(cfg, fmt.Errorf("making the key file: %w", &fs.PathError{Op: "write", Path: "keys/x", Err: syscall.ENOSPC}))
	if !strings.Contains(full.Error(), "no space left on device: name folders with --data and --keys") {
		t.Errorf("%v", full)
	}
}

// What is no storage's is left as it was said.
func TestNoTrouble(t *testing.T) {
	for _, err := range []error{
		nil,
		&core.Refusal{Code: core.ServerBusy},
		&config.Error{Setting: "--listen", Wrong: "is wrong", Right: "write it right"},
		fmt.Errorf("cannot listen: %w", &net.OpError{Op: "listen", Err: syscall.EINVAL}),
	} {
		if got := trouble(config.Config{}, err); got != err { //nolint:errorlint // the very same
			t.Errorf("%v became %v", err, got)
		}
	}
}
