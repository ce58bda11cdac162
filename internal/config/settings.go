package config

import (
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
)

func (r *reader) folder(setting string, flag *string, otherwise string) string {
	v := r.value(setting, flag, otherwise)
	if v == "" {
		r.fail(setting, "is empty", "name a folder, such as "+otherwise)
	}
	if strings.ContainsRune(v, 0) {
		r.fail(setting, "holds a NUL character", "name a folder, such as "+otherwise)
	}
	return v
}

// apart refuses to keep the keys with the data. Whoever copies the one, a backup
// job most of all, must not have the other: a database without its keys signs
// nobody in.
func (r *reader) apart(data, keys string) {
	if r.err != nil {
		return
	}
	d, k := resolved(data), resolved(keys)
	const right = "keep the keys apart, such as ./keys beside ./data, so that a copy of the data does not hold them"
	switch {
	case d == k:
		r.fail("keys", "is the folder of the data", right)
	case within(d, k):
		r.fail("keys", "is inside the folder of the data", right)
	case within(k, d):
		r.fail("data", "is inside the folder of the keys", right)
	}
}

// resolved is the folder's real place: a link must not hide that two are one. Of
// a folder that does not exist yet, the part that does is resolved.
func resolved(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = filepath.Clean(path)
	}
	for rest := ""; ; {
		if real, err := filepath.EvalSymlinks(abs); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(abs)
		if parent == abs {
			return filepath.Join(abs, rest)
		}
		abs, rest = parent, filepath.Join(filepath.Base(abs), rest)
	}
}

func within(outer, inner string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// database checks the address's kind only; the driver says the rest when it
// connects. The value is a secret, so no sentence repeats any of it.
func (r *reader) database(flag *string) string {
	v := r.secret("database", flag)
	if v == "" && flag == nil {
		return ""
	}
	const right = "write postgres://USER:PASSWORD@HOST/NAME, or leave it out for SQLite in --data"
	u, err := url.Parse(v)
	switch {
	case v == "":
		r.fail("database", "is empty", right)
	case err != nil:
		r.fail("database", "cannot be read as an address", right+"; characters such as @ : / ? # % in a password are written in percent form")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		r.fail("database", "does not begin with postgres://", right)
	}
	return v
}

func (r *reader) logFormat(flag *string) string {
	v := r.value("log-format", flag, "text")
	if v != "text" && v != "json" {
		r.fail("log-format", "is "+quote(v), "write text or json")
	}
	return v
}

func (r *reader) logLevel(flag *string) slog.Level {
	v := r.value("log-level", flag, "info")
	switch v {
	case "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	r.fail("log-level", "is "+quote(v), "write debug, info, warn or error")
	return slog.LevelInfo
}
