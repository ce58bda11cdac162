package doorstep_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A test says what it proves in a line of its own at the end of the comment above it:
//
//	// ASVS 6.5.1, NIST 3.1.4.2, T-REPLAY-4, R1, P1
//
// ASVS is a requirement of OWASP ASVS 5.0, NIST a section of SP 800-63B-4, T-… an
// attack of the catalogue, R… a rule of the product, P… a promise. The same above a
// t.Run with a name of its own tags that part alone. docs/security-*.md are drawn from
// these lines.
var (
	oneTag    = regexp.MustCompile(`^(ASVS \d+\.\d+\.\d+|NIST \d+(\.\d+)+(\([a-z0-9]+\))?|T-[A-Z]+-\d+|R\d+|P\d+)$`)
	likelyTag = regexp.MustCompile(`^(ASVS|NIST) \d`)
)

// proof is a test, or a part of one, that says what it proves.
type proof struct {
	room, test, part string // "core", "TestR1", "A, B, A: the second A is refused"
	path             string
	tags             []string
}

func (p proof) String() string {
	name := "`" + p.test + "`"
	if p.part != "" {
		name += " (" + p.part + ")"
	}
	return "[" + p.room + "](" + path.Join("..", p.path) + ") " + name
}

// readTags finds the lines of tags in a comment. What looks like one and cannot be
// read is an error, or a slip of the pen would take a proof away.
func readTags(t *testing.T, c *ast.CommentGroup) (tags []string) {
	if c == nil {
		return nil
	}
	for _, line := range c.List {
		text := strings.TrimSpace(strings.TrimPrefix(line.Text, "//"))
		parts := strings.Split(text, ", ")
		if good := !slices.ContainsFunc(parts, func(p string) bool { return !oneTag.MatchString(p) }); good {
			tags = append(tags, parts...)
		} else if likelyTag.MatchString(text) {
			t.Errorf("%s: %q is no line of tags", at(line), text)
		}
	}
	return tags
}

// proofs are all tests of the checkout that have tags, in the order of their files.
func proofs(t *testing.T) (all []proof, tests map[string]bool) {
	tests = map[string]bool{}
	for _, s := range load(t) {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		room := strings.TrimPrefix(path.Dir(s.path), "internal/")
		if room == "." {
			room = "program"
		}
		for _, d := range s.file.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			tests[f.Name.Name] = true
			p := proof{room: room, test: f.Name.Name, path: s.path, tags: readTags(t, f.Doc)}
			if len(p.tags) > 0 {
				all = append(all, p)
			}
			all = append(all, partsOf(t, s, f, p)...)
		}
	}
	return all, tests
}

// partsOf are the t.Run of a test that have a comment of tags right above them.
func partsOf(t *testing.T, s source, f *ast.FuncDecl, whole proof) (all []proof) {
	above := map[int]*ast.CommentGroup{} // by the line under it
	for _, c := range s.file.Comments {
		if f.Pos() < c.Pos() && c.End() < f.End() {
			above[files.Position(c.End()).Line+1] = c
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is || len(call.Args) != 2 {
			return true
		}
		name, isText := call.Args[0].(*ast.BasicLit)
		run, isRun := call.Fun.(*ast.SelectorExpr)
		if !isRun || run.Sel.Name != "Run" || !isText || name.Kind != token.STRING {
			return true
		}
		if tags := readTags(t, above[files.Position(call.Pos()).Line]); len(tags) > 0 {
			p := whole
			p.part, p.tags = unquote(name), tags
			all = append(all, p)
		}
		return true
	})
	return all
}
