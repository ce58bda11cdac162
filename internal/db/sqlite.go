package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	busyTimeout = 5 * time.Second // how long a statement waits for another process (a console command, a backup)
	readersIdle = time.Minute     // a reader that nobody needed for so long gives its memory back
)

func openSQLite(ctx context.Context, o Options) (_ *DB, err error) {
	path, err := prepareFile(o.SQLite)
	if err != nil {
		return nil, err
	}
	unlock := func() error { return nil }
	if o.Exclusive {
		if unlock, err = lockFile(path, o.SQLite); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unlock())
		}
	}()
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("cannot make the database file %s: %w", o.SQLite, err)
	}

	// The writer first: it turns the file into a WAL database, which the readers cannot.
	writer, err := sqliteHandle(path, url.Values{"_txlock": {"immediate"}, "_pragma": {"cache_size(-8000)"}}) // kB, taken as it is needed
	if err != nil {
		return nil, fmt.Errorf("cannot open the database %s: %w", o.SQLite, err)
	}
	writer.SetMaxOpenConns(1)
	writer.SetMaxIdleConns(1)
	if err := firstUse(ctx, writer); err != nil {
		return nil, errors.Join(sqliteSentence(o.SQLite, err), writer.Close())
	}
	reader, err := sqliteHandle(path, url.Values{"_query_only": {"1"}, "_pragma": {"cache_size(-2000)"}})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open the database %s: %w", o.SQLite, err), writer.Close())
	}
	readers := max(4, 2*runtime.NumCPU())
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(min(readers, 8))
	reader.SetConnMaxIdleTime(readersIdle)

	d := &DB{
		engine: sqliteEngine, writer: writer, reader: reader,
		writerTexts: newStatements(writer), readerTexts: newStatements(reader),
		queue: make(chan struct{}, 1), finish: unlock,
	}
	for _, text := range batchTexts {
		if _, err := d.writerTexts.learn(ctx, text); err != nil {
			return nil, errors.Join(sqliteSentence(o.SQLite, err), reader.Close(), writer.Close())
		}
	}
	d.probe = func(ctx context.Context) error {
		if err := exists(path); err != nil {
			return err
		}
		var version int64 // of the file's header; SELECT 1 would not look at the file
		return d.Read().QueryRow(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&version)
	}
	return d, nil
}

// sqliteHandle makes a handle whose every connection is set up alike. The path is absolute, and escaped: a `?` in a
// folder's name must not become an option.
func sqliteHandle(path string, options url.Values) (*sql.DB, error) {
	options.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	options.Set("_journal_mode", "WAL")
	// FULL: with NORMAL a power cut may take back the last commits, and a spent recovery code would be good again.
	options.Set("_synchronous", "FULL")
	options.Set("_foreign_keys", "1")
	options.Set("_dqs", "0")                // "name" is never a string, as in PostgreSQL
	options.Set("_defensive", "1")          // no SQL can damage the file itself
	options.Set("_error_rc", "1")           // no stale sentence behind an error
	options.Add("_pragma", "temp_store(2)") // no temporary files: the container may be read-only
	// A checkpoint writes each page once, however often it changed since the last one, and a sign-in changes a dozen.
	options.Add("_pragma", "wal_autocheckpoint(4000)")     // pages
	options.Add("_pragma", "journal_size_limit(33554432)") // the WAL shrinks again after a burst
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	location := url.URL{Scheme: "file", Path: slashed, RawQuery: options.Encode()}
	connector, err := sqlite.NewConnector(location.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// firstUse opens the first connection. SQLite does not wait by itself while another process turns the same new file
// into a WAL database, so we do.
func firstUse(ctx context.Context, writer *sql.DB) error {
	for begun := time.Now(); ; {
		var mode string
		err := writer.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
		if err == nil && !strings.EqualFold(mode, "wal") {
			return errors.New("it cannot be used in WAL mode; a network file system, perhaps?")
		}
		if err == nil {
			var tables int64
			err = writer.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&tables)
		}
		if sqliteCode(err)&0xff != sqlite3.SQLITE_BUSY || time.Since(begun) > busyTimeout {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// prepareFile makes the folder and returns the file's one true path, so that two names of a file (a link, a relative
// path) meet at the same lock.
func prepareFile(path string) (string, error) {
	if strings.ContainsRune(path, 0) {
		return "", errors.New("the name of the database file contains a NUL byte")
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("cannot find the database file %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of the database %s: %w", path, err)
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder, err := filepath.EvalSymlinks(filepath.Dir(full))
		if err != nil {
			return "", fmt.Errorf("cannot find the folder of the database %s: %w", path, err)
		}
		return filepath.Join(folder, filepath.Base(full)), nil
	case err != nil:
		return "", fmt.Errorf("cannot look at the database file %s: %w", path, err)
	case info.IsDir():
		return "", fmt.Errorf("%s is a folder, not a database file", path)
	}
	if full, err = filepath.EvalSymlinks(full); err != nil {
		return "", fmt.Errorf("cannot find the database file %s: %w", path, err)
	}
	return full, nil
}

// makeFile makes a missing file with mode 0600 (SQLite's own would follow the umask; its WAL copies the mode of the
// file). It appears under its name complete and closed: a descriptor of the live file, closed after another goroutine
// has opened it, would drop SQLite's locks.
func makeFile(path string) error {
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	// A file system without hard links.
	f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
