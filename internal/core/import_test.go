package core

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func (w *world) looks(s *Session, file string) *Import {
	w.t.Helper()
	look, err := w.LookAtImport(w.ctx(), by(s), []byte(file))
	w.ok(err)
	return look
}

// However a spreadsheet writes a file, it is read the same.
//
// ASVS 5.2.2
func TestReadImport(t *testing.T) {
	plain := "Email,Name,Role\nnora@example.com,Núñez,member\n"
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(plain)
	if err != nil {
		t.Fatal(err)
	}
	big, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(plain)
	if err != nil {
		t.Fatal(err)
	}
	windows, err := charmap.Windows1252.NewEncoder().String(plain)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		file string
		in   ImportEncoding
	}{
		"plain":                  {plain, ImportUTF8},
		"with a mark":            {"\ufeff" + plain, ImportUTF8},
		"semicolons":             {strings.ReplaceAll(plain, ",", ";"), ImportUTF8},
		"tabs":                   {strings.ReplaceAll(plain, ",", "\t"), ImportUTF8},
		"ends of lines":          {strings.ReplaceAll(plain, "\n", "\r\n"), ImportUTF8},
		"said above":             {"sep=;\r\n" + strings.ReplaceAll(plain, ",", ";"), ImportUTF8},
		"another order":          {"role;extra;EMAIL ;name\nmember;x;nora@example.com;Núñez\n", ImportUTF8},
		"quoted, and empty":      {"email,name,role\n\n\"nora@example.com\",\"Núñez\",member\n,,\n", ImportUTF8},
		"UTF-16, little end":     {utf16, ImportUTF16},
		"UTF-16, big end":        {big, ImportUTF16},
		"as Windows writes":      {windows, ImportWindows1252},
		"guarded by our export":  {"email,name,role\nnora@example.com,Núñez,'=member\n", ImportUTF8},
		"no role, as the member": {"email,name\nnora@example.com,Núñez\n", ImportUTF8},
	} {
		text, in, err := decodeImport([]byte(c.file))
		if err != nil || in != c.in {
			t.Errorf("%s: %s %v", what, in, err)
		}
		lines, err := readImport(text)
		if err != nil || len(lines) != 1 || lines[0].Email != "nora@example.com" || lines[0].Name != "Núñez" || strings.TrimPrefix(lines[0].RoleSays, "=") != "member" && lines[0].RoleSays != "" {
			t.Errorf("%s: %+v %v", what, lines, err)
		}
	}
	for file, want := range map[string]Code{
		"": ImportEmpty, " \n ": ImportEmpty, "email\n": ImportEmpty, "a,b\n1,2\n": ImportNoHeader, "email,name\nx,\"y\n": ImportBroken,
		"email\n" + strings.Repeat("a@example.com\n", ImportPeopleMost+1): ImportTooLarge,
	} {
		if _, err := readImport(file); !IsRefusal(err, want) {
			t.Errorf("%.20q: %v, want %s", file, err, want)
		}
	}
}

// All or nobody, and once.
func TestImport(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		look := w.looks(ana, "email;role\nnora@example.com;ADMIN\ncarla@example.com;\nfarid@example.com;\nzoe@example.com;\nbad;\nking@example.com;king\nNORA@example.com;\n")
		var bad []string
		for _, line := range look.Bad {
			bad = append(bad, fmt.Sprint(line.Line, " ", line.Refused.Code))
		}
		if got := strings.Join(bad, ", "); got != "3 already-in-team, 4 already-invited, 6 email-invalid, 7 role-invalid, 8 address-twice" || len(look.Ready) != 2 {
			t.Errorf("%d ready, bad: %s", len(look.Ready), got)
		}
		before := w.snapshot("users", "teams")
		_, err := w.ConfirmImport(w.ctx(), by(ana), look.ID, false)
		w.refused(err, ImportHasBadLines)
		if w.snapshot("users", "teams") != before {
			t.Error("a refused file changed something")
		}
		sent := make([]int, 6)
		won, errs := race(6, func(i int) error {
			done, err := w.ConfirmImport(w.ctx(), by(ana), look.ID, true)
			if err == nil {
				sent[i] = len(done.Sent)
				if done.Invited != 2 || done.LeftOut != 5 {
					t.Errorf("the receipt says %d and %d", done.Invited, done.LeftOut)
				}
			}
			return err
		})
		slices.Sort(sent)
		if won != 6 || sent[5] != 2 || sent[4] != 0 {
			t.Errorf("%d confirmed, sent %v: %v", won, sent, errs)
		}
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE event = $1`, EventPeopleImported); n != 1 {
			t.Errorf("recorded %d times", n)
		}
		if n := w.count(`SELECT COUNT(*) FROM users WHERE email = 'nora@example.com' AND role = 'admin' AND status = 'invited'`); n != 1 {
			t.Errorf("%d of Nora", n)
		}
		// Nothing of it is kept but what was left out.
		if n := w.count(`SELECT COUNT(*) FROM imports WHERE file LIKE '%king%' AND file NOT LIKE '%nora%;%'`); n != 1 {
			t.Error("the file is not the lines that were left out")
		}
		// One that cannot be sent takes all others back.
		look = w.looks(ana, "email\na@example.com\nb@example.com\nc@example.com\n")
		w.exec(`UPDATE invitation_counts SET sent = $1 WHERE sent > 1`, InvitationsPerDay-2)
		_, err = w.ConfirmImport(w.ctx(), by(ana), look.ID, false)
		w.refused(err, TooManyInvitations)
		if n := w.count(`SELECT COUNT(*) FROM users WHERE email IN ('a@example.com', 'b@example.com', 'c@example.com')`); n != 0 {
			t.Errorf("%d were invited all the same", n)
		}
	})
}

// A file is its person's, for an hour, and takes a step-up.
//
// ASVS 5.3.1
func TestImportIsTheirs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, olga, zoe, carla := w.signIn("ana"), w.signIn("olga"), w.signIn("zoe"), w.signIn("carla")
		look := w.looks(ana, "email\na@example.com\n")
		for _, s := range []*Session{olga, zoe} {
			_, err := w.ConfirmImport(w.ctx(), by(s), look.ID, false)
			w.refused(err, Missing)
			_, err = w.Import(w.ctx(), by(s), look.ID)
			w.refused(err, Missing)
		}
		_, err := w.LookAtImport(w.ctx(), by(carla), []byte("email\na@example.com\n"))
		w.refused(err, AdminOnly)
		_, err = w.LookAtImport(w.ctx(), by(ana), bytes.Repeat([]byte("x"), ImportLimit+1))
		w.refused(err, ImportTooLarge)
		newer := w.looks(ana, "email\nb@example.com\n")
		_, err = w.ConfirmImport(w.ctx(), by(ana), look.ID, false)
		w.refused(err, Missing) // a newer one was looked at
		w.clock.advance(11 * time.Minute)
		_, err = w.ConfirmImport(w.ctx(), by(ana), newer.ID, false)
		w.refused(err, StepUpRequired)
		w.clock.advance(49 * time.Minute)
		_, err = w.ConfirmImport(w.ctx(), by(w.signIn("ana")), newer.ID, false)
		w.refused(err, ImportOver)
		w.ok(w.Chores(w.ctx()))
		if n := w.count(`SELECT COUNT(*) FROM imports`); n != 0 {
			t.Errorf("%d files are left", n)
		}
	})
}

// No cell of ours is a formula, whatever somebody calls themself; and what was
// exported is read again as it was.
//
// ASVS 1.2.10
func TestExportPeople(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		hostile := []string{"=cmd|' /C calc'!A1", "+1", "-2+3", "@SUM(1)", "a\"b,c;d", "'quoted"}
		var crew []string
		for i := range 430 {
			crew = append(crew, fmt.Sprintf("Zed %03d", i))
		}
		w.addMembers(append(crew, hostile...)...)
		var file bytes.Buffer
		begun := 0
		w.ok(w.ExportPeople(w.ctx(), by(ana), PeopleFilter{}, func() { begun++ }, &file))
		text, _ := strings.CutPrefix(file.String(), "\ufeff")
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		w.ok(err)
		if len(rows) != 1+7+430+len(hostile) || begun != 1 {
			t.Errorf("%d rows", len(rows))
		}
		seen := map[string]bool{}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
					t.Errorf("a cell begins with %q", cell)
				}
			}
			seen[unguarded(row[1])] = true
		}
		for _, name := range hostile {
			if !seen[name] {
				t.Errorf("%q is not read again", name)
			}
		}
		for _, secret := range []string{w.cast["carla"].codes[0], "argon2"} {
			if strings.Contains(text, secret) {
				t.Error("the file has a secret")
			}
		}
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE event = $1`, EventPeopleExported); n != 1 {
			t.Errorf("recorded %d times", n)
		}
		// With the filters of the list, and for who may see it.
		file.Reset()
		w.ok(w.ExportPeople(w.ctx(), by(ana), PeopleFilter{Role: RoleOwner}, func() {}, &file))
		if n := strings.Count(file.String(), "\n"); n != 3 {
			t.Errorf("%d lines of owners", n)
		}
		refused := func(s *Session, f PeopleFilter, code Code) {
			t.Helper()
			file.Reset()
			w.refused(w.ExportPeople(w.ctx(), by(s), f, func() { t.Error("begun") }, &file), code)
			if file.Len() != 0 {
				t.Error("something was written")
			}
		}
		refused(w.signIn("carla"), PeopleFilter{}, AdminOnly)
		refused(w.signInWithCode("olga", 0), PeopleFilter{}, RecoverySession)
		refused(ana, PeopleFilter{Role: "king"}, RoleInvalid)
	})
}
