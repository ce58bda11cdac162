package doorstep_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is one Go file.
type source struct {
	path string // from the root, with slashes
	room string // the name of its folder under internal/, "doorstep" at the root
	// forTests: a _test.go file, or one of a package that only tests import; such
	// a package's name ends in "test".
	forTests bool
	lines    int
	file     *ast.File
}

var files = token.NewFileSet()

// at says where a node is, for a failure.
func at(n ast.Node) string {
	p := files.Position(n.Pos())
	return fmt.Sprintf("%s:%d", filepath.ToSlash(p.Filename), p.Line)
}

// sources parses every Go file of the checkout once.
var sources = sync.OnceValues(func() (list []source, err error) {
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skip := name != "." && strings.HasPrefix(d.Name(), "."); skip || slices.Contains([]string{"bin", "node_modules", "testdata"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		s, err := parse(name)
		list = append(list, s)
		return err
	})
	return list, err
})

func parse(name string) (source, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	f, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(name), file: f, lines: strings.Count(string(text), "\n")}
	var helper bool
	s.room, helper = roomOf(path.Dir(s.path))
	// "go:build ignore" is a program that somebody runs by hand.
	s.forTests = helper || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(string(text), "//go:build ignore")
	return s, nil
}

// roomOf names the room of a folder and says whether only tests may import it.
func roomOf(folder string) (room string, helper bool) {
	folder = strings.Trim(folder, "/")
	if folder == "." || folder == "" {
		return "doorstep", false
	}
	parts := strings.Split(folder, "/")
	helper = parts[0] == "e2e" || slices.ContainsFunc(parts, func(p string) bool { return strings.HasSuffix(p, "test") })
	if parts[0] == "internal" && len(parts) > 1 {
		return parts[1], helper
	}
	return folder, helper
}

func load(t *testing.T) []source {
	t.Helper()
	list, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Fatalf("only %d Go files found: this test must run in the root of the checkout", len(list))
	}
	return list
}

// eachText visits the string constants of a file as they are at run time, a
// concatenation's parts one by one.
func eachText(in ast.Node, visit func(n ast.Node, text string)) {
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				visit(n, unquote(n))
			}
		}
		return true
	})
}

// eachSelector visits every x.Name in a function, called or not.
func eachSelector(list []source, visit func(s source, in ast.Node, function string, name *ast.Ident)) {
	for _, s := range list {
		for _, d := range s.file.Decls {
			function := ""
			if f, ok := d.(*ast.FuncDecl); ok {
				function = f.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if x, ok := n.(*ast.SelectorExpr); ok {
					visit(s, d, function, x.Sel)
				}
				return true
			})
		}
	}
}

func unquote(l *ast.BasicLit) string {
	text, err := strconv.Unquote(l.Value)
	if err != nil {
		panic(err) // the parser took it
	}
	return text
}
