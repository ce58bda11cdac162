package doorstep_test

import (
	"cmp"
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"doorstep/internal/core"
	"doorstep/internal/server"
)

// mayImport is the plan of the house: which of our rooms a room may import. A
// room that is not here, or an import that is not, fails: widen the plan with a
// record in docs/decisions, not in passing.
var mayImport = map[string][]string{
	"totp": nil, "password": nil, "code": nil, "seal": nil, "words": nil, "db": nil, "config": nil, "article": nil,
	"core":          {"db", "totp", "password", "code", "seal", "article"},
	"edge":          {"core", "words"},
	"mail":          {"core", "words"},
	"web":           {"core", "edge", "words"},
	"api":           {"core", "edge", "words"},
	"forward":       {"core", "edge"},
	"demo":          {"core", "totp", "code", "edge", "words", "mail", "web"},
	"server":        {"config", "core", "words", "mail", "edge", "web", "api", "forward", "demo"},
	"cli":           {"config", "core", "words", "server", "demo"},
	"cmd/doorstep":  {"cli"},
	"doorstep":      {"config", "core", "server", "edge"},
	"scripts/bench": nil, "scripts/evidence": nil, "scripts/mutate": nil,
}

// libraryOf is which rooms may import a library, by its longest prefix here. One
// library, one room, but for the few that are part of the language.
var libraryOf = map[string][]string{
	"github.com/alecthomas/kong":     {"cli", "config"},
	"github.com/danielgtaylor/huma":  {"api"},
	"github.com/google/uuid":         {"core"},
	"github.com/jackc/pgx":           {"db"},
	"github.com/mileusna/useragent":  {"edge", "web"},
	"github.com/nicksnyder/go-i18n":  {"words"},
	"github.com/pquerna/otp":         {"totp"},
	"github.com/pressly/goose":       {"core"},
	"github.com/tink-crypto/tink-go": {"seal"},
	"github.com/wneessen/go-mail":    {"mail"},
	"github.com/yuin/goldmark":       {"article"},
	"golang.org/x/crypto/argon2":     {"password", "code"},
	"golang.org/x/sync":              {"demo"},
	"golang.org/x/sys":               {"db"},
	"golang.org/x/term":              {"cli"},
	"golang.org/x/text":              {"core", "password", "words"},
	"modernc.org/sqlite":             {"db"},
	"rsc.io/qr":                      {"totp"},
}

// consoleRooms may call core.Console, the actor that passes every rank; they hand
// the actor on to whom they trust (the demo, for its sample team).
var consoleRooms = []string{"cli"}

// partOf maps a file of core that an edge has too, but that is no feature by
// itself, to the feature in whose documents it is told.
var partOf = map[string]string{
	"member":     "team",
	"lane":       "guessing",
	"secondstep": "signin",
	"twostep":    "activation",
	"user":       "team",
}

// moreFeatures have documents although no edge has a file of their name.
var moreFeatures = []string{"activation", "console", "guessing", "password", "recoverycode"}

// ASVS 11.2.1
func TestRoomsImportWhatThePlanSays(t *testing.T) {
	for _, s := range load(t) {
		if _, known := mayImport[s.room]; !known && !s.forTests {
			t.Errorf("%s: the room %q is not in the plan (mayImport in this test)", s.path, s.room)
			continue
		}
		for _, i := range s.file.Imports {
			name := unquote(i.Path)
			if name == "math/rand" || name == "math/rand/v2" {
				t.Errorf("%s: %s is not random enough for anything here: crypto/rand", at(i), name)
			}
			if s.forTests {
				continue
			}
			folder, ours := strings.CutPrefix(name, "doorstep/")
			switch {
			case ours || name == "doorstep":
				room, helper := roomOf(folder)
				if helper {
					t.Errorf("%s: %s is for tests only", at(i), name)
				} else if room != s.room && !slices.Contains(mayImport[s.room], room) {
					t.Errorf("%s: %s may not import %s (it may import: %s)", at(i), s.room, room, strings.Join(mayImport[s.room], ", "))
				}
			case strings.Contains(strings.Split(name, "/")[0], "."):
				if rooms, known := roomsOfLibrary(name); !known {
					t.Errorf("%s: %s belongs to no room yet (libraryOf in this test)", at(i), name)
				} else if !slices.Contains(rooms, s.room) {
					t.Errorf("%s: %s may only be imported by %s", at(i), name, strings.Join(rooms, ", "))
				}
			}
		}
	}
}

func roomsOfLibrary(name string) (rooms []string, known bool) {
	for prefix := name; prefix != "."; prefix = path.Dir(prefix) {
		if rooms, known = libraryOf[prefix]; known {
			return rooms, true
		}
	}
	return nil, false
}

var (
	createTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)
	writesTable = regexp.MustCompile(`\b(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)`)
	anySQL      = regexp.MustCompile(`\b(INSERT INTO|DELETE FROM|UPDATE \w+ SET|CREATE TABLE|SELECT [^.]* FROM)\b`)
)

// TestEachTableHasOneFile: whoever asks what can change a row of a table reads
// one file.
func TestEachTableHasOneFile(t *testing.T) {
	owners := map[string]map[string]bool{}
	migrations, err := filepath.Glob("internal/core/migrations/*.sql")
	if err != nil || len(migrations) == 0 {
		t.Fatalf("no migrations found (%v)", err)
	}
	for _, name := range migrations {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range createTable.FindAllStringSubmatch(string(text), -1) {
			owners[m[1]] = map[string]bool{}
		}
	}
	for _, s := range load(t) {
		if s.room != "core" || s.forTests {
			continue
		}
		eachText(s.file, func(n ast.Node, text string) {
			for _, m := range writesTable.FindAllStringSubmatch(text, -1) {
				verb, table := m[1], m[2]
				if table == "SET" { // of ON CONFLICT … DO UPDATE SET
					continue
				}
				if owners[table] == nil {
					t.Errorf("%s: %s %s: no migration makes this table", at(n), verb, table)
					continue
				}
				owners[table][s.path] = true
				if table == "audit_events" && verb != "INSERT INTO" {
					t.Errorf("%s: the audit log is only ever appended to", at(n))
				}
			}
		})
	}
	for _, table := range slices.Sorted(maps.Keys(owners)) {
		if writers := slices.Sorted(maps.Keys(owners[table])); len(writers) != 1 {
			t.Errorf("the table %s is written by %d files of core, not by one: %s", table, len(writers), strings.Join(writers, ", "))
		}
	}
}

// ASVS 1.2.4
func TestOnlyCoreSpeaksSQL(t *testing.T) {
	for _, s := range load(t) {
		if s.room == "core" || s.forTests {
			continue
		}
		eachText(s.file, func(n ast.Node, text string) {
			// db asks SQLite about itself; it knows no table of ours.
			if m := anySQL.FindString(text); m != "" && !strings.Contains(text, "sqlite_schema") {
				t.Errorf("%s: SQL (%q) outside of core", at(n), m)
			}
		})
	}
}

// P4
func TestOnlyTheConsoleActsAsTheConsole(t *testing.T) {
	eachSelector(load(t), func(s source, _ ast.Node, _ string, name *ast.Ident) {
		if name.Name == "Console" && !s.forTests && !slices.Contains(consoleRooms, s.room) {
			t.Errorf("%s: core.Console passes every rank; only %s may call it", at(name), strings.Join(consoleRooms, " and "))
		}
	})
}

// TestEachFeatureHasItsDocuments: a feature has the same name in every room, so
// one that is told nowhere, or has no scenario, is found by its files.
func TestEachFeatureHasItsDocuments(t *testing.T) {
	inCore, inEdge := map[string]bool{}, map[string]bool{}
	for _, s := range load(t) {
		if s.forTests {
			continue
		}
		name := strings.TrimSuffix(path.Base(s.path), ".go")
		switch s.room {
		case "core":
			inCore[name] = true
		case "web", "api":
			inEdge[name] = true
		}
	}
	features := map[string]bool{}
	for _, name := range moreFeatures {
		features[name] = true
	}
	for name := range inCore {
		if inEdge[name] && name != "doc" {
			features[cmp.Or(partOf[name], name)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(features)) {
		for _, document := range []string{"docs/features/" + name + ".md", "testdata/script/" + name + ".txtar"} {
			if _, err := os.Stat(document); err != nil {
				t.Errorf("the feature %s has no %s", name, document)
			}
		}
	}
}

var (
	rowOfDocument = regexp.MustCompile(`(?m)^\| (core|events|refusals) \| (.*) \|$`)
	quoted        = regexp.MustCompile("`([^`]+)`")
	eventName     = regexp.MustCompile(`^[a-z_]+\.[a-z_]+$`)
)

// TestFeatureDocumentsNameWhatThereIs: the verbs, events and refusals that a
// document names are in core under these names.
//
// ASVS 2.1.2, ASVS 6.1.3
func TestFeatureDocumentsNameWhatThereIs(t *testing.T) {
	known := map[string]bool{}
	for _, code := range core.Codes() {
		known[string(code)] = true
	}
	for _, s := range load(t) {
		if s.room != "core" || s.forTests {
			continue
		}
		known[path.Base(s.path)] = true
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				known[f.Name.Name] = true
			}
		}
		eachText(s.file, func(_ ast.Node, text string) { known[text] = known[text] || eventName.MatchString(text) })
	}
	documents, err := filepath.Glob("docs/features/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("no documents found (%v)", err)
	}
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rowOfDocument.FindAllStringSubmatch(string(text), -1) {
			for _, m := range quoted.FindAllStringSubmatch(row[2], -1) {
				name := path.Base(m[1])
				if strings.HasPrefix(m[1], "internal/") && !strings.HasSuffix(m[1], ".go") {
					continue // a room
				}
				name = strings.TrimPrefix(name, "Session.") // a method
				if !known[name] && !strings.HasSuffix(name, "…") {
					t.Errorf("%s, %s: core has no %s", document, row[1], m[1])
				}
			}
		}
	}
}

// TestEveryRouteSaysWhatItNeeds walks the table that `doorstep routes` prints.
//
// ASVS 8.1.1, P3
func TestEveryRouteSaysWhatItNeeds(t *testing.T) {
	table, err := server.Routes()
	if err != nil {
		t.Fatal(err)
	}
	needs := []core.Need{
		core.NeedOpen, core.NeedAttempt, core.NeedToken, core.NeedSession, core.NeedActivation, core.NeedSignedIn, core.NeedSteppedUp,
		core.NeedAdmin, core.NeedOwner, core.NeedSteppedUpAdmin, core.NeedProxy,
	}
	seen := map[string]bool{}
	for line := range strings.Lines(table) {
		method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		address, need, _ := strings.Cut(rest, " ") // a need may have two words
		route := method + " " + address
		if !slices.Contains(needs, core.Need(need)) {
			t.Errorf("%q does not say what it needs", line)
		}
		if seen[route] {
			t.Errorf("%s is in the table twice", route)
		}
		seen[route] = true
	}
	for _, route := range []string{"POST /sign-in", "POST /team/users/{id}/restart", "POST /api/v1/team/users/{id}/restart-two-step", "GET /readyz"} {
		if !seen[route] {
			t.Errorf("%s is not in the table of routes", route)
		}
	}
}

// TestNothingIsSkippedInCI: a test may be left out where a tool is missing, and
// only by a helper that fails instead when CI is set. A fuzz target may pass over
// an input.
func TestNothingIsSkippedInCI(t *testing.T) {
	skips := []string{"Skip", "Skipf", "SkipNow"}
	eachSelector(load(t), func(_ source, in ast.Node, function string, name *ast.Ident) {
		if !slices.Contains(skips, name.Name) || strings.HasPrefix(function, "Fuzz") {
			return
		}
		asksCI := false
		eachText(in, func(_ ast.Node, text string) { asksCI = asksCI || text == "CI" })
		if !asksCI {
			t.Errorf("%s: %s skips without failing where CI is set: a test that is left out looks like one that passed", at(name), function)
		}
	})
}

// TestSizes only tells: long files are a place to look, not a verdict.
func TestSizes(t *testing.T) {
	long := slices.DeleteFunc(slices.Clone(load(t)), func(s source) bool { return s.lines <= 400 })
	slices.SortFunc(long, func(a, b source) int { return cmp.Compare(b.lines, a.lines) })
	for _, s := range long {
		t.Logf("%4d lines: %s", s.lines, s.path)
	}
}
