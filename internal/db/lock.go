package db

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

var errLocked = errors.New("locked")

// lockFile takes <path>.lock for this process and returns how to let go. The operating system lets go by itself when
// the process dies, however it dies. The file stays: removing it would let a third process lock a new file of that
// name while the second still waits at the old one. It is a file of its own because SQLite's locks on the database
// would be dropped with any descriptor of it that we close, and because console commands must get in.
func lockFile(path, shown string) (letGo func() error, err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot make the lock file %s.lock: %w", shown, err)
	}
	err = lock(f)
	if errors.Is(err, errLocked) {
		holder := ""
		if text, err := io.ReadAll(io.LimitReader(f, 20)); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				holder = fmt.Sprintf(" (process %d)", pid)
			}
		}
		f.Close()
		return nil, fmt.Errorf("another doorstep serve%s is already running on %s; stop it first, or give this one another file",
			holder, shown)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot lock %s.lock: %w", shown, err)
	}
	// For the sentence above only. A full disk must not keep the server from starting.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	// Closing alone is not enough: a child process that another goroutine is just starting shares the open file
	// until it executes its program.
	return func() error { return errors.Join(unlock(f), f.Close()) }, nil
}
