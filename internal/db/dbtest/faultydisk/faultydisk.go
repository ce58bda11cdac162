// Package faultydisk is a disk under SQLite that a test can make fail: at the k-th
// write, sync or truncation, once, for good, or as a power cut that forgets what was
// not synced. Only tests import it. It stands between SQLite and its own access to
// files (a VFS around the built-in one) and knows nothing of what is in them.
package faultydisk

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"
)

// Mode is what happens at the k-th operation.
type Mode string

const (
	Fails  Mode = "fails"  // an error, and nothing is written
	Torn   Mode = "torn"   // half of it is written, then an error
	Full   Mode = "full"   // no space left
	Cut    Mode = "cut"    // the power: nothing more gets to the disk, and what was not synced may not be there
	Counts Mode = "counts" // nothing; operations are counted
)

// Disk is the disk below one folder.
type Disk struct {
	folder string

	mu      sync.Mutex
	mode    Mode
	left    int // operations until it happens
	done    int // operations since Arm
	struck  bool
	changes map[string][]change // path → what was written since its last sync
}

// change is one write or truncation, and how to undo it.
type change struct {
	at         int64
	data, old  []byte // old is what stood there, as far as there was anything
	size       int64  // of the file before
	truncation bool   // to at
}

// New is the disk of everything that SQLite opens below the folder from now on.
func New(t testing.TB, folder string) *Disk {
	t.Helper()
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	register(t)
	d := &Disk{folder: folder + string(filepath.Separator), changes: map[string][]change{}}
	all.Lock()
	defer all.Unlock()
	all.disks = append(all.disks, d)
	return d
}

// Arm makes it happen at the k-th write, sync or truncation from now on.
func (d *Disk) Arm(mode Mode, k int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mode, d.left, d.done, d.struck = mode, k, 0, false
}

// Mend ends it, and says how many operations there were and whether it happened.
func (d *Disk) Mend() (operations int, struck bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mode = ""
	return d.done, d.struck
}

// next is what happens to an operation: "" when nothing.
func (d *Disk) next() Mode {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mode == "" {
		return ""
	}
	d.done++
	if d.mode == Counts {
		return ""
	}
	if d.struck {
		if d.mode == Cut {
			return Cut // for good
		}
		return ""
	}
	if d.left--; d.left > 0 {
		return ""
	}
	d.struck = true
	return d.mode
}

// code is the error that SQLite gets.
func (m Mode) code(otherwise int32) int32 {
	if m == Full {
		return sqlite3.SQLITE_FULL
	}
	return otherwise
}

func (d *Disk) changed(path string, c change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes[path] = append(d.changes[path], c)
}

func (d *Disk) synced(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.changes, path)
}

// CopyTo copies the files as a killed process leaves them: all that was written.
func (d *Disk) CopyTo(t testing.TB, folder string) {
	t.Helper()
	d.copyTo(t, folder, nil)
}

// CopyCutTo copies the files as a power cut leaves them: what was synced, and of
// the rest what keeps says, write by write. What SQLite shares between processes in
// memory is not there any more.
func (d *Disk) CopyCutTo(t testing.TB, folder string, keeps func() bool) {
	t.Helper()
	d.copyTo(t, folder, keeps)
}

func (d *Disk) copyTo(t testing.TB, folder string, keeps func() bool) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	files, err := filepath.Glob(d.folder + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, ".lock") {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if keeps != nil {
			data = afterCut(data, d.changes[path], keeps)
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(path)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func afterCut(data []byte, changes []change, keeps func() bool) []byte {
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		data = put(data, c.at, c.old)
		data = sized(data, c.size)
	}
	for _, c := range changes {
		switch {
		case !keeps():
		case c.truncation:
			data = sized(data, c.at)
		default:
			data = put(data, c.at, c.data)
		}
	}
	return data
}

func put(data []byte, at int64, what []byte) []byte {
	if end := at + int64(len(what)); int64(len(data)) < end {
		data = sized(data, end)
	}
	copy(data[at:], what)
	return data
}

func sized(data []byte, size int64) []byte {
	if int64(len(data)) >= size {
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}
