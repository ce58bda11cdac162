package api

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words/wordstest"
)

// TestOpenAPI: what is served is what is committed. UPDATE=1 rewrites it.
//
// ASVS 2.1.1
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	a := w.call("GET", "/openapi.json", "", nil).is(200)
	if a.header.Get("Content-Type") != "application/json" {
		t.Error(a.header)
	}
	committed := filepath.FromSlash("../../docs/openapi.json")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(committed, []byte(a.raw), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != a.raw {
		t.Error("docs/openapi.json is not what is served: UPDATE=1 go test ./internal/api -run TestOpenAPI")
	}
	for _, stranger := range []string{"ErrorModel", "$schema\"", "<script", "http://", "https://"} {
		if strings.Contains(a.raw, stranger) {
			t.Errorf("it has %s", stranger)
		}
	}
	eachRef(t, a.body, a.body)
}

// eachRef checks that every reference leads somewhere.
func eachRef(t *testing.T, doc, v any) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			at := (&reply{t: t, body: doc.(map[string]any)}).at(strings.ReplaceAll(strings.TrimPrefix(ref, "#/"), "/", "."))
			if at == nil {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		for _, x := range v {
			eachRef(t, doc, x)
		}
	case []any:
		for _, x := range v {
			eachRef(t, doc, x)
		}
	}
}

func TestOpenAPINamesThePublicAddress(t *testing.T) {
	w := newWorld(t)
	public, err := url.Parse("https://id.acme.example/")
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{Core: w.core, Words: wordstest.Strict(t), URL: public, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Servers []struct{ URL string }
		Info    struct{ Version string }
	}
	if err := json.NewDecoder(bytes.NewReader(a.document)).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.Servers[0].URL != "https://id.acme.example/api/v1" || doc.Info.Version != "1.2.3" {
		t.Errorf("%+v", doc)
	}
}

// codesIn reads the constants of type Code that a file declares.
func codesIn(t *testing.T, file string) (codes []core.Code) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil || len(spec.Values) != 1 {
			return true
		}
		name := ""
		switch x := spec.Type.(type) {
		case *ast.Ident:
			name = x.Name
		case *ast.SelectorExpr:
			name = x.Sel.Name
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && name == "Code" {
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, core.Code(text))
		}
		return true
	})
	return codes
}

var tableLine = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (\\d{3}) \\| .+ \\|$")

// TestTheTableOfProblems: docs/api.md lists every problem type with its status,
// and every one has its words.
func TestTheTableOfProblems(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("../../docs/api.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[core.Code]int{}
	for _, line := range tableLine.FindAllStringSubmatch(string(text), -1) {
		status, _ := strconv.Atoi(line[2])
		if documented[core.Code(line[1])] != 0 {
			t.Errorf("%s stands there twice", line[1])
		}
		documented[core.Code(line[1])] = status
	}
	want := map[core.Code]int{
		codeBadRequest: 400, codeInvalidField: 422, codeInvalidLimit: 422, codeTooLarge: 413, codeMediaType: 415,
		codeMethodNotAllowed: 405, codeInternal: 500, codeUnavailable: 503, codeOutcomeUnknown: 503,
		"wrong-host": 421, // what all edges share refuses it (server/host.go)
	}
	for _, code := range codesIn(t, "problem.go") {
		if want[code] == 0 {
			t.Errorf("%s is not in this test", code)
		}
	}
	for _, code := range core.Codes() {
		want[code] = edge.Status((&core.Refusal{Code: code}).Kind())
	}
	say := wordstest.Strict(t).In("en")
	for code, status := range want {
		if documented[code] != status {
			t.Errorf("docs/api.md says %d of %s, want | `%s` | %d | … |", documented[code], code, code, status)
		}
		if !say.Has("refusal."+string(code)) || !say.Has("refusal."+string(code)+".title") {
			t.Errorf("no words for %s", code)
		}
	}
	for code := range documented {
		if want[code] == 0 {
			t.Errorf("docs/api.md has %s, which nothing answers", code)
		}
	}
}

// TestTheGuideNamesEveryCall: docs/api.md lists every operation with its need.
//
// ASVS 8.1.1, ASVS 8.1.2, ASVS 2.1.1
func TestTheGuideNamesEveryCall(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("../../docs/api.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, need := range needOf {
		if strings.HasSuffix(name, " /") {
			continue
		}
		line := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(name) + "` \\| " + regexp.QuoteMeta(string(need)) + " \\|")
		if !line.Match(text) {
			t.Errorf("docs/api.md lacks a line | `%s` | %s | … |", name, need)
		}
	}
}
