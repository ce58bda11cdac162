package server

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"doorstep/internal/config"
	"doorstep/internal/web"
)

// placeOf is what the set-up page says of the folders, as they are when the server
// has started: the edges know nothing of the process.
func placeOf(c config.Config) web.Place {
	p := web.Place{Data: "PostgreSQL", Keys: absolute(c.Keys), KeysOpen: openToOthers(c.Keys)}
	if c.Database == "" {
		p.Data = absolute(c.Data)
		p.Passing = passing(p.Data)
	}
	return p
}

func absolute(folder string) string {
	if abs, err := filepath.Abs(folder); err == nil {
		return abs
	}
	return folder
}

// passing says whether a folder lies among temporary files, which a restart of the
// computer may take along.
func passing(folder string) bool {
	temporary := filepath.Clean(os.TempDir())
	if real, err := filepath.EvalSymlinks(temporary); err == nil {
		temporary = real
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	return folder == temporary || strings.HasPrefix(folder, temporary+string(filepath.Separator))
}

// openToOthers says whether somebody else on this computer may read something in a
// folder. Windows says nothing of that in a file's mode.
func openToOthers(folder string) bool {
	if runtime.GOOS == "windows" {
		return false
	}
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return false // whoever may not enter the folder reads nothing in it
	}
	open := false
	_ = filepath.WalkDir(folder, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // what cannot be looked at is not read either
		}
		if i, err := e.Info(); err == nil && i.Mode().Perm()&0o044 != 0 {
			open = true
		}
		return nil
	})
	return open
}
