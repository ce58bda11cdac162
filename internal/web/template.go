package web

import (
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"text/template/parse"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// readTemplates parses every template once, checks that the catalog has each key
// that they say, and binds a copy to each language.
func (w *Web) readTemplates(files, assets fs.FS) (map[words.Language]*template.Template, error) {
	all := template.New("").Option("missingkey=error").Funcs(w.functions(w.words.In(words.English)))
	all, err := all.ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the templates: %w", err)
	}
	if all, err = all.ParseFS(assets, "icons.html"); err != nil {
		return nil, fmt.Errorf("read the icons: %w", err)
	}
	for _, t := range all.Templates() {
		if t.Tree != nil {
			if err := w.checkKeys(t.Tree.Root); err != nil {
				return nil, fmt.Errorf("template %s: %w", t.Name(), err)
			}
		}
	}
	pages := map[words.Language]*template.Template{}
	for _, l := range words.Languages() {
		t, err := all.Clone()
		if err != nil {
			return nil, fmt.Errorf("copy the templates: %w", err)
		}
		pages[l] = t.Funcs(w.functions(w.words.In(l)))
	}
	return pages, nil
}

// functions are what a template can call, in one language.
func (w *Web) functions(in words.Words) template.FuncMap {
	return template.FuncMap{
		"say": func(key string, pairs ...any) (string, error) {
			args := words.Args{}
			for i := 0; i+1 < len(pairs); i += 2 {
				name, ok := pairs[i].(string)
				if !ok {
					return "", errors.New("say: names come before their values")
				}
				args[name] = pairs[i+1]
			}
			return in.Say(key, args), nil
		},
		"asset": w.assetAddress,
		"article": func(slug string) (string, error) {
			title := w.core.ArticleTitle(string(in.Language()), slug)
			if title == "" {
				return "", fmt.Errorf("there is no article %q", slug)
			}
			return title, nil
		},
		"role": func(r core.Role) string { return in.Say("role." + string(r)) },
		"iso":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"at":   in.DateTime,
		"ago":  func(t time.Time) string { return in.Ago(t, w.core.Now()) },
	}
}

// checkKeys walks a template for {{say "key"}}.
func (w *Web) checkKeys(n parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, inner := range n.Nodes {
			if err := w.checkKeys(inner); err != nil {
				return err
			}
		}
	case *parse.ActionNode:
		return w.checkKeys(n.Pipe)
	case *parse.IfNode:
		return w.checkBranch(n.BranchNode)
	case *parse.RangeNode:
		return w.checkBranch(n.BranchNode)
	case *parse.WithNode:
		return w.checkBranch(n.BranchNode)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			return w.checkKeys(n.Pipe)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			if err := w.checkKeys(c); err != nil {
				return err
			}
		}
	case *parse.CommandNode:
		return w.checkCommand(n)
	}
	return nil
}

func (w *Web) checkBranch(b parse.BranchNode) error {
	for _, n := range []parse.Node{b.Pipe, b.List, b.ElseList} {
		if err := w.checkKeys(n); err != nil {
			return err
		}
	}
	return nil
}

func (w *Web) checkCommand(c *parse.CommandNode) error {
	if name, ok := c.Args[0].(*parse.IdentifierNode); ok && name.Ident == "say" && len(c.Args) > 1 {
		if key, ok := c.Args[1].(*parse.StringNode); ok && !w.words.In(words.English).Has(key.Text) {
			return fmt.Errorf("says %q: %w", key.Text, words.ErrNoKey)
		}
	}
	for _, arg := range c.Args {
		if err := w.checkKeys(arg); err != nil {
			return err
		}
	}
	return nil
}
