package words

import (
	"fmt"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	i18ntemplate "github.com/nicksnyder/go-i18n/v2/i18n/template"
)

// say fills in an entry; where it has plural forms, the library chooses one by "n" first.
func (e entry) say(w Words, key string, args []Args) (string, error) {
	if !e.plural {
		return e.plain.fill(w, args)
	}
	n, _ := find(args, "n")
	switch n.(type) {
	case int, int64:
	default:
		return "", fmt.Errorf("{n}: %w", ErrNoValue)
	}
	return w.book.plurals.Localize(&i18n.LocalizeConfig{
		MessageID:      key,
		PluralCount:    n,
		TemplateData:   filling{w, args},
		TemplateParser: parser{},
	})
}

// parser puts our templates in the place of Go's in the library, which keeps what it parsed.
type parser struct{}

func (parser) Cacheable() bool { return true }

func (parser) Parse(src, _, _ string) (i18ntemplate.ParsedTemplate, error) {
	t, err := parse(src)
	return form{t}, err
}

// form is one plural form. filling is what the library carries through to it.
type (
	form    struct{ template }
	filling struct {
		words Words
		args  []Args
	}
)

func (f form) Execute(data any) (string, error) {
	with, ok := data.(filling)
	if !ok {
		return "", ErrNoValue
	}
	return f.fill(with.words, with.args)
}
