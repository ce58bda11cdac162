package doorstep_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// TestEveryEventHasItsSentence: whoever adds an event adds it to core.EventWords, and
// one whole sentence for it (`ev.WORD`) in each language.
//
// ASVS 16.2.1, R14
func TestEveryEventHasItsSentence(t *testing.T) {
	constants := map[string]string{}
	for _, s := range load(t) {
		if s.room != "core" || s.forTests {
			continue
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Event") {
					continue
				}
				if text, ok := v.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
					constants[unquote(text)] = v.Names[0].Name
				}
			}
		}
	}
	if len(constants) < 20 {
		t.Fatalf("%d constants of events found", len(constants))
	}
	listed := core.EventWords()
	for word, name := range constants {
		if !eventName.MatchString(word) {
			t.Errorf("%s is %q: an event is noun.past_tense", name, word)
		}
		if !slices.Contains(listed, word) {
			t.Errorf("core.EventWords (event.go) lacks %s: nobody can filter the audit log by it", name)
		}
	}
	for _, word := range listed {
		if constants[word] == "" {
			t.Errorf("core.EventWords names %s, which is no constant", word)
		}
	}
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	somebody := core.Event{ActorID: "1", ActorName: "ACTOR", TargetID: "2", TargetName: "TARGET", Details: map[string]any{}}
	for _, language := range words.Languages() {
		w := catalog.In(language)
		for word := range constants {
			e := somebody
			e.Event = word
			if text := edge.EventSentence(w, e); text == w.Say("ev.unknown", words.Args{"actor": "ACTOR", "event": word}) || !strings.HasSuffix(text, ".") {
				t.Errorf("%s: messages/%s.json has no whole sentence ev.%s; it may name {actor}, {target} and {role} alone (it says %q)", constants[word], language, word, text)
			}
		}
	}
}

// TestEveryDetailHasItsLabel: what an event holds besides its sentence is shown with a
// label (`detail.NAME`) in each language, and not by its name in the program.
func TestEveryDetailHasItsLabel(t *testing.T) {
	names := map[string]bool{}
	for _, s := range load(t) {
		if s.room != "core" || s.forTests {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, ok := pair.Key.(*ast.Ident)
			list, isList := pair.Value.(*ast.CompositeLit)
			if !ok || !isList || key.Name != "details" {
				return true
			}
			for _, e := range list.Elts {
				if e, ok := e.(*ast.KeyValueExpr); ok {
					if name, ok := e.Key.(*ast.BasicLit); ok {
						names[unquote(name)] = true
					}
				}
			}
			return true
		})
	}
	if len(names) < 20 {
		t.Fatalf("%d details found", len(names))
	}
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range words.Languages() {
		for name := range names {
			if !catalog.In(l).Has("detail." + name) {
				t.Errorf("%s has no label detail.%s", l, name)
			}
		}
	}
}
