package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"doorstep/internal/config"
	"doorstep/internal/core"
)

// trouble says what the computer would not do (a right that is missing, a full
// disk, a database that is away) so that somebody who has never seen our code knows
// what to do next. Every other error is a sentence already.
func trouble(cfg config.Config, err error) error {
	var path *fs.PathError
	var op *net.OpError
	switch {
	case core.Refused(err) != nil:
		return err
	case errors.As(err, &path) && errors.Is(path.Err, fs.ErrPermission):
		return forbidden(cfg, path)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: name folders with --data and --keys on a disk that has room and can be written, or make it so, then run it again", err)
	case errors.As(err, &op) && slices.Contains([]string{"listen", "accept", "close"}, op.Op):
		return err // our own port, and no storage
	case core.IsUnavailable(err):
		return away(cfg, err)
	}
	return err
}

// away is for a database that cannot do it now.
func away(cfg config.Config, err error) error {
	reason := strings.TrimPrefix(err.Error(), "database: ")
	if cfg.Database != "" {
		// A connection may break at the very end, and then nobody here knows how it ended.
		return fmt.Errorf("the database cannot do it now (%s): see that it runs, has room and is the one that --database names; look with doorstep user list whether anything was changed, then run it again", reason)
	}
	where := "its disk"
	if cfg.Data != "" { // the demo has none that it could name
		where = "the disk of " + cfg.Data
	}
	return fmt.Errorf("the database cannot do it now (%s), so nothing was changed: make room on %s, see that %s may write there and that no other program holds the file, then run it again", reason, where, account())
}

// forbidden is for a file or folder that this account may not touch.
func forbidden(cfg config.Config, at *fs.PathError) error {
	who, folder := account(), filepath.Dir(absolute(at.Path)) // in full: "." says little in the log of a service manager
	doing, remedy := at.Op, fmt.Sprintf("give the folder %s and what is in it to %s", folder, who)
	setting, above := settingOf(cfg, at.Path)
	switch {
	case at.Op == "mkdir":
		doing, remedy = "make", fmt.Sprintf("let %s write in %s, or make the folder there and give it to %s", who, folder, who)
	case above:
		doing, remedy = "look at", fmt.Sprintf("let %s into %s", who, folder)
	case strings.HasSuffix(at.Op, "stat"):
		doing = "look at"
	}
	return fmt.Errorf("%s may not %s %s: %s, name another folder with %s, or run doorstep as the account that it belongs to",
		who, doing, at.Path, remedy, setting)
}

// settingOf names the setting that leads to a path, and says whether the path is
// its folder, or one above, and not what is in it. A folder above both counts as
// that of the data, which is opened first.
func settingOf(cfg config.Config, path string) (name string, above bool) {
	if cfg.Data == "" && cfg.Keys == "" { // the demo
		return "the variable TMPDIR", false
	}
	for _, s := range []struct{ name, folder string }{{"--data", cfg.Data}, {"--keys", cfg.Keys}} {
		if inside(s.folder, path) {
			return s.name, true
		}
		if inside(path, s.folder) {
			return s.name, false
		}
	}
	return "--data or --keys", false
}

// inside says whether a path is a folder or lies in it. The database names its
// files by their true paths, whatever links led there.
func inside(path, folder string) bool {
	path = absolute(path)
	for _, f := range []string{absolute(folder), resolved(folder)} {
		if rest, err := filepath.Rel(f, path); err == nil && filepath.IsLocal(rest) {
			return true
		}
	}
	return false
}

func absolute(path string) string {
	if p, err := filepath.Abs(path); err == nil {
		return p
	}
	return path
}

func resolved(path string) string {
	path = absolute(path)
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

// account names whoever runs this program, inside a sentence.
func account() string { return "the account " + accountName() }
