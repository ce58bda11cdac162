package core

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	// ImportLimit is how large a file may be, in bytes: with what a form adds to it,
	// what a request may be.
	ImportLimit = 60 << 10
	// ImportPeopleMost is how many people are invited by one file.
	ImportPeopleMost = InvitationsPerDay
)

// ImportEncoding is how a file's letters were written.
type ImportEncoding string

const (
	ImportUTF8        ImportEncoding = "utf-8"
	ImportUTF16       ImportEncoding = "utf-16"
	ImportWindows1252 ImportEncoding = "windows-1252" // a guess: it says so nowhere
)

// ImportLine is a line of a file: somebody to invite, or why not.
type ImportLine struct {
	Line int // where it begins in the file, from 1
	Invitee
	RoleSays string // as it was written
	Refused  *Refusal
}

// decodeImport reads the letters of a file: what begins with a mark of Unicode is
// that, what can be UTF-8 is, and the rest was written by a spreadsheet on Windows.
func decodeImport(file []byte) (string, ImportEncoding, error) {
	mark16 := bytes.HasPrefix(file, []byte{0xfe, 0xff}) || bytes.HasPrefix(file, []byte{0xff, 0xfe})
	encoding := ImportUTF8
	var err error
	switch {
	case mark16:
		encoding = ImportUTF16
		file, err = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(file)
	case !utf8.Valid(file):
		encoding = ImportWindows1252
		file, err = charmap.Windows1252.NewDecoder().Bytes(file)
	}
	text := strings.TrimPrefix(string(file), "\ufeff")
	return strings.ReplaceAll(text, "\x00", ""), encoding, err
}

// The columns of a file, in any order; others are passed over, so that an export can
// be read again.
const (
	columnEmail = "email"
	columnName  = "name"
	columnRole  = "role"
)

// readImport reads the lines of a decoded file.
// Refuses: import-empty, import-no-header, import-broken, import-too-large.
func readImport(text string) ([]ImportLine, error) {
	if strings.TrimSpace(text) == "" {
		return nil, refuseField(ImportEmpty, "file")
	}
	comma, text := separatorOf(text)
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = comma, -1
	header, err := r.Read()
	if err != nil {
		return nil, brokenImport(err)
	}
	place := map[string]int{}
	for i, name := range header {
		if name = strings.ToLower(strings.TrimSpace(name)); place[name] == 0 {
			place[name] = i + 1
		}
	}
	if place[columnEmail] == 0 {
		return nil, refuseField(ImportNoHeader, "file")
	}
	var lines []ImportLine
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, brokenImport(err)
		}
		if strings.TrimSpace(strings.Join(cells, "")) == "" {
			continue
		}
		cell := func(name string) string {
			if i := place[name]; 0 < i && i <= len(cells) {
				return unguarded(strings.TrimSpace(cells[i-1]))
			}
			return ""
		}
		at, _ := r.FieldPos(0)
		lines = append(lines, ImportLine{Line: at, Invitee: Invitee{Email: cell(columnEmail), Name: cell(columnName)}, RoleSays: cell(columnRole)})
		if len(lines) > ImportPeopleMost {
			return nil, refuseField(ImportTooLarge, "file").with("n", ImportPeopleMost)
		}
	}
	if len(lines) == 0 {
		return nil, refuseField(ImportEmpty, "file")
	}
	return lines, nil
}

func brokenImport(err error) error {
	line := 1
	if parse := new(csv.ParseError); errors.As(err, &parse) {
		line = parse.StartLine
	}
	return refuseField(ImportBroken, "file").with("n", line)
}

// separatorOf finds what parts the columns, which spreadsheets choose by the country:
// what the first line says of it, or what it holds most of. Some write it above the
// columns.
func separatorOf(text string) (comma rune, rest string) {
	first, below, _ := strings.Cut(text, "\n")
	first = strings.TrimSpace(first)
	if said, is := strings.CutPrefix(strings.ToLower(first), "sep="); is && len(said) == 1 && strings.Contains(",;\t", said) {
		return rune(said[0]), below
	}
	comma = ','
	for _, other := range ";\t" {
		if strings.Count(first, string(other)) > strings.Count(first, string(comma)) {
			comma = other
		}
	}
	return comma, text
}

// writeImport is the inverse of readImport, for the lines that are left out.
func writeImport(lines []ImportLine) (string, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	err := w.Write([]string{columnEmail, columnName, columnRole})
	for _, line := range lines {
		err = errors.Join(err, w.Write([]string{line.Email, line.Name, line.RoleSays}))
	}
	w.Flush()
	return b.String(), errors.Join(err, w.Error())
}

// GuardCell keeps a spreadsheet from taking a text for a formula: whoever chooses
// their own name must not run anything on the computer of who opens a list of people.
func GuardCell(text string) string {
	if text != "" && strings.ContainsRune(formulas, rune(text[0])) {
		return "'" + text
	}
	return text
}

// unguarded takes the guard off again.
func unguarded(text string) string {
	if inner, is := strings.CutPrefix(text, "'"); is && GuardCell(inner) != inner {
		return inner
	}
	return text
}

// formulas are how one can begin. Spreadsheets skip spaces, but no cell of ours has
// one in front; a tab or a line break would hide what follows.
const formulas = "=+-@\t\r\n"
