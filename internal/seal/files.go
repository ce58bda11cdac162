package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
	openToAll  = 0o077 // any of these bits lets group or others in

	maxFile = 1 << 20 // bytes; a key file is far below
)

// makeFolder makes the key folder at first use and otherwise checks who can
// reach it.
func makeFolder(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, folderMode); err != nil {
			return fmt.Errorf("making the key folder: %w", err)
		}
		if err := syncFolder(filepath.Dir(dir)); err != nil {
			return err
		}
		info, err = os.Stat(dir)
	}
	if err != nil {
		return fmt.Errorf("looking at the key folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the key folder %s is not a folder: move the file away or name another folder", dir)
	}
	return private("key folder", dir, info.Mode(), folderMode)
}

// exists reports whether there is a file of that name.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for the key file: %w", err)
	}
	return true, nil
}

// read returns the content of a key file that only its owner can reach. It asks
// the open file and not the name for its mode: between two looks at a name
// somebody could exchange what is behind it.
func read(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the key file %s is not a file: move it away and bring the file back from the backup", path)
	}
	if err := private("key file", path, info.Mode(), fileMode); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	return text, nil
}

// private refuses what group or others can reach: a key that a second account on
// the server can read protects nothing from it. Windows keeps rights elsewhere.
func private(what, path string, mode fs.FileMode, want fs.FileMode) error {
	if runtime.GOOS == "windows" || mode.Perm()&openToAll == 0 {
		return nil
	}
	return fmt.Errorf("the %s %s can be reached by other accounts of this computer (mode %04o): chmod %o %s", what, path, mode.Perm(), want, path)
}

// create makes a file that holds all of its content from the moment it exists,
// on disk, and leaves one that is already there as it is.
//
// The content goes to a temporary file first, which then gets its name by a hard
// link. A rename would do the same but replace what another process has just
// put there, and that process would go on with keys that no file holds any more.
func create(dir, name string, content []byte) error {
	temporary, err := os.CreateTemp(dir, "."+name+".*") // O_EXCL, 0600
	if err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	err = os.Link(temporary.Name(), filepath.Join(dir, name))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the key file: %w: the key folder must be on a file system with hard links, such as a local disk", err)
	}
	return syncFolder(dir) // also for another's file: it may not have come to that yet
}

// syncFolder makes sure that a new name survives a power cut. Keys that vanish
// after the first password was stored would take it along.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" { // cannot sync a folder, and does not need to
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	return nil
}
