package faultydisk

import (
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite is C that was translated to Go: its structs lie in memory of its own, and
// its function pointers are Go functions as uintptr.

// all is every disk, and every file that is open on one.
var all = struct {
	sync.Mutex
	disks   []*Disk
	files   map[uintptr]*file
	methods map[uintptr]uintptr // SQLite's table of a file's methods → ours
	vfs     *sqlite3.Tsqlite3_vfs
	real    uintptr // the built-in one
}{files: map[uintptr]*file{}, methods: map[uintptr]uintptr{}}

type file struct {
	disk *Disk
	path string
	real *sqlite3.Tsqlite3_io_methods
}

// to reads memory of SQLite's. `go vet` cannot know that it is none of Go's.
func to[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func bytesAt(p uintptr, n int) []byte { return unsafe.Slice(to[byte](p), n) }

type (
	opening  = func(tls *libc.TLS, vfs, name, id uintptr, flags int32, out uintptr) int32
	closing  = func(tls *libc.TLS, id uintptr) int32
	moving   = func(tls *libc.TLS, id, data uintptr, n int32, at int64) int32
	cutting  = func(tls *libc.TLS, id uintptr, size int64) int32
	syncing  = func(tls *libc.TLS, id uintptr, flags int32) int32
	sizing   = func(tls *libc.TLS, id, size uintptr) int32
	callable interface {
		opening | closing | moving | cutting | syncing | sizing
	}
)

func function[F callable](p uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{p})) }

func pointer[F callable](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f F }{f})) }

// register puts our VFS before the built-in one, for the whole process.
func register(t testing.TB) {
	t.Helper()
	all.Lock()
	defer all.Unlock()
	if all.vfs != nil {
		return
	}
	tls := libc.NewTLS() // for good: SQLite keeps what is made with it
	all.real = sqlite3.Xsqlite3_vfs_find(tls, 0)
	size := unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})
	ours := libc.Xmalloc(tls, libc.Tsize_t(size))
	name, err := libc.CString("faultydisk")
	if all.real == 0 || ours == 0 || err != nil {
		t.Fatal("SQLite's access to files is not found")
	}
	all.vfs = to[sqlite3.Tsqlite3_vfs](ours)
	*all.vfs = *to[sqlite3.Tsqlite3_vfs](all.real)
	all.vfs.FzName, all.vfs.FpNext = name, 0
	all.vfs.FxOpen = pointer[opening](open)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, ours, 1); rc != sqlite3.SQLITE_OK {
		t.Fatalf("put a faulty disk under SQLite: %d", rc)
	}
}

// open lets the built-in VFS open the file, and then stands before its methods.
func open(tls *libc.TLS, _, name, id uintptr, flags int32, out uintptr) int32 {
	rc := function[opening](to[sqlite3.Tsqlite3_vfs](all.real).FxOpen)(tls, all.real, name, id, flags, out)
	if rc != sqlite3.SQLITE_OK || name == 0 {
		return rc
	}
	path := libc.GoString(name)
	all.Lock()
	defer all.Unlock()
	for _, d := range all.disks {
		if strings.HasPrefix(path, d.folder) {
			f := to[sqlite3.Tsqlite3_file](id)
			all.files[id] = &file{d, path, to[sqlite3.Tsqlite3_io_methods](f.FpMethods)}
			f.FpMethods = ourMethods(tls, f.FpMethods)
		}
	}
	return rc
}

func ourMethods(tls *libc.TLS, theirs uintptr) uintptr {
	if ours := all.methods[theirs]; ours != 0 {
		return ours
	}
	ours := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	m := to[sqlite3.Tsqlite3_io_methods](ours)
	*m = *to[sqlite3.Tsqlite3_io_methods](theirs)
	m.FxClose, m.FxWrite, m.FxTruncate, m.FxSync = pointer[closing](closeFile), pointer[moving](write), pointer[cutting](truncate), pointer[syncing](syncFile)
	all.methods[theirs] = ours
	return ours
}

func fileOf(id uintptr) *file {
	all.Lock()
	defer all.Unlock()
	return all.files[id]
}

func closeFile(tls *libc.TLS, id uintptr) int32 {
	f := fileOf(id)
	all.Lock()
	delete(all.files, id)
	all.Unlock()
	return function[closing](f.real.FxClose)(tls, id)
}

func write(tls *libc.TLS, id, data uintptr, n int32, at int64) int32 {
	f := fileOf(id)
	switch m := f.disk.next(); m {
	case "":
	case Torn:
		n /= 2
		f.note(tls, id, change{at: at, data: append([]byte(nil), bytesAt(data, int(n))...)})
		_ = function[moving](f.real.FxWrite)(tls, id, data, n, at)
		return sqlite3.SQLITE_IOERR_WRITE
	default:
		return m.code(sqlite3.SQLITE_IOERR_WRITE)
	}
	f.note(tls, id, change{at: at, data: append([]byte(nil), bytesAt(data, int(n))...)})
	return function[moving](f.real.FxWrite)(tls, id, data, n, at)
}

func truncate(tls *libc.TLS, id uintptr, size int64) int32 {
	f := fileOf(id)
	if m := f.disk.next(); m != "" {
		return m.code(sqlite3.SQLITE_IOERR_TRUNCATE)
	}
	f.note(tls, id, change{at: size, truncation: true})
	return function[cutting](f.real.FxTruncate)(tls, id, size)
}

// syncFile does not wait for the real disk: what counts as synced is known here.
func syncFile(_ *libc.TLS, id uintptr, _ int32) int32 {
	f := fileOf(id)
	if m := f.disk.next(); m != "" {
		return m.code(sqlite3.SQLITE_IOERR_FSYNC)
	}
	f.disk.synced(f.path)
	return sqlite3.SQLITE_OK
}

// note keeps what a change overwrites.
func (f *file) note(tls *libc.TLS, id uintptr, c change) {
	buffer := libc.Xmalloc(tls, libc.Tsize_t(8))
	defer libc.Xfree(tls, buffer)
	if rc := function[sizing](f.real.FxFileSize)(tls, id, buffer); rc != sqlite3.SQLITE_OK {
		return
	}
	c.size = *to[int64](buffer)
	n := int64(len(c.data))
	if c.truncation {
		n = c.size - c.at
	}
	if n = min(n, c.size-c.at); n > 0 {
		old := libc.Xmalloc(tls, libc.Tsize_t(n))
		defer libc.Xfree(tls, old)
		if rc := function[moving](f.real.FxRead)(tls, id, old, int32(n), c.at); rc == sqlite3.SQLITE_OK {
			c.old = append([]byte(nil), bytesAt(old, int(n))...)
		}
	}
	f.disk.changed(f.path, c)
}
