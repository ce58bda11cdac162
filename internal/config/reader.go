package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// reader looks settings up and keeps the first thing that is wrong.
type reader struct {
	lookup  func(string) (string, bool)
	err     error
	sources map[string]string // the variable that a setting came from, for the sentence about it
}

func newReader(lookup func(string) (string, bool)) *reader {
	return &reader{lookup: lookup, sources: map[string]string{}}
}

func (r *reader) fail(setting, wrong, right string) {
	if r.err == nil {
		r.err = &Error{Setting: r.nameOf(setting), Wrong: wrong, Right: right}
	}
}

// nameOf names a setting the way it was given, so that it is found where it stands.
func (r *reader) nameOf(setting string) string {
	if source := r.sources[setting]; source != "" {
		return source
	}
	return "--" + setting
}

func variable(setting string) string {
	return "DOORSTEP_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// value looks one setting up: the flag, else the variable, else the default. An
// empty variable counts as not set (that is how files of variables leave one
// out); an empty flag was typed, so it is judged like any other value.
func (r *reader) value(setting string, flag *string, otherwise string) string {
	if flag != nil {
		return strings.TrimSpace(*flag)
	}
	name := variable(setting)
	if v, _ := r.lookup(name); strings.TrimSpace(v) != "" {
		r.sources[setting] = name
		return strings.TrimSpace(v)
	}
	return otherwise
}

// secret is value with one place more: a file, named by DOORSTEP_…_FILE, so that
// the secret need not stand in the environment, which children inherit.
func (r *reader) secret(setting string, flag *string) string {
	v := r.value(setting, flag, "")
	name := variable(setting)
	direct, _ := r.lookup(name)
	path, _ := r.lookup(name + "_FILE")
	if path == "" {
		return v
	}
	if direct != "" {
		r.sources[setting] = name
		r.fail(setting, "and "+name+"_FILE are both set", "set one of them")
		return ""
	}
	if flag != nil {
		return v
	}
	r.sources[setting] = name + "_FILE"
	text, err := readSecret(path)
	if err != nil {
		r.fail(setting, fmt.Sprintf("names %s, %s", path, reasonOf(err)), "name a file that this account can read and that holds the setting on its first line")
		return ""
	}
	return text
}

const secretLimit = 64 << 10 // bytes; a connection address is far below

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, secretLimit))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", errEmpty
	}
	return line, nil
}

var errEmpty = errors.New("the file is empty")

// reasonOf says why a file cannot be read without repeating its name, and never
// with any of its content.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, errEmpty):
		return "which is empty"
	case errors.Is(err, fs.ErrNotExist):
		return "which is not there"
	case errors.Is(err, fs.ErrPermission):
		return "which this account may not read"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return "which cannot be read (" + path.Err.Error() + ")"
	}
	return "which cannot be read"
}

func quote(s string) string { return fmt.Sprintf("%q", s) }
