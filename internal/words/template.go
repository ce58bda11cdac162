package words

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// template is a text cut at its {names}: literal, name, literal, name, …, literal. Go's own templates are not
// used, so that neither a text nor a value can ever be run as one.
type template []string

// parse cuts a text. Braces have no other use in a text.
func parse(text string) (template, error) {
	var t template
	for rest := text; ; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, fmt.Errorf("%q: a } without its {", text)
		}
		t = append(t, literal)
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed || !isName(name) {
			return nil, fmt.Errorf("%q: want {name} in small letters", text)
		}
		t = append(t, name)
		rest = after
	}
}

// isName keeps names to small letters and underscores.
func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// names are the values to fill in, sorted, each once.
func (t template) names() []string {
	var names []string
	for i := 1; i < len(t); i += 2 {
		names = append(names, t[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fill puts the values in.
func (t template) fill(w Words, args []Args) (string, error) {
	if len(t) == 1 {
		return t[0], nil
	}
	var b strings.Builder
	for i, piece := range t {
		if i%2 == 0 {
			b.WriteString(piece)
			continue
		}
		value, ok := find(args, piece)
		if !ok {
			return "", fmt.Errorf("{%s}: %w", piece, ErrNoValue)
		}
		b.WriteString(w.write(value))
	}
	return b.String(), nil
}

// find looks a name up; of several args the later wins. A nil is no value.
func find(args []Args, name string) (any, bool) {
	for _, a := range slices.Backward(args) {
		if value, ok := a[name]; ok {
			return value, value != nil
		}
	}
	return nil, false
}

// write puts a value into the words of the language.
func (w Words) write(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int:
		return w.Number(v)
	case int64:
		return w.Number(int(v))
	case time.Duration:
		return w.Duration(v)
	case time.Time:
		return w.DateTime(v)
	}
	return fmt.Sprint(value)
}
