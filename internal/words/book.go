package words

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// entry is one text: plain, or with forms that a number chooses among.
type entry struct {
	plain  template
	plural bool
	// names are the values to fill in, sorted. "n" is left out of a plural entry's: every one wants it.
	names []string
}

// readBook reads one language from the layers, later texts over earlier ones. A layer without a file for the
// language is passed over, unless it is the first.
func readBook(l Language, layers []fs.FS) (*book, error) {
	b := &book{language: l, entries: map[string]entry{}}
	messages := map[string]*i18n.Message{}
	file := string(l) + ".json"
	for i, layer := range layers {
		data, err := fs.ReadFile(layer, file)
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the texts: %w", err)
		}
		parsed, err := i18n.ParseMessageFileBytes(data, file, nil)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		for _, m := range parsed.Messages {
			e, err := newEntry(l, m)
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", file, m.ID, err)
			}
			if old, ok := b.entries[m.ID]; i > 0 && (!ok || !old.same(e)) {
				return nil, fmt.Errorf("%s: %q: %w", file, m.ID, errUnlike)
			}
			b.entries[m.ID], messages[m.ID] = e, m
		}
	}
	bundle := i18n.NewBundle(l.tag())
	if err := bundle.AddMessages(l.tag(), slices.Collect(maps.Values(messages))...); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	b.plurals = i18n.NewLocalizer(bundle, string(l))
	var err error
	if b.calendar, err = newCalendar(b); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return b, nil
}

// errUnlike: two texts of one key that cannot stand for each other.
var errUnlike = errors.New("not the same key, {names} and plural forms as the built-in text")

// newEntry checks a message against the plural forms that its language needs.
func newEntry(l Language, m *i18n.Message) (entry, error) {
	if m.Other == "" {
		return entry{}, errors.New("the text is empty")
	}
	if m.Zero+m.Two+m.Few != "" {
		return entry{}, errors.New("has a form that the language does not use")
	}
	other, err := parse(m.Other)
	if err != nil {
		return entry{}, err
	}
	if m.One+m.Many == "" {
		return entry{plain: other, names: other.names()}, nil
	}
	if m.One == "" || (m.Many == "") != (l == English) {
		return entry{}, errors.New(`wants the forms "one" and "other", in es and pt-BR "many" too`)
	}
	e := entry{plural: true, names: without(other.names(), "n")}
	for _, form := range []string{m.One, m.Many} {
		t, err := parse(form)
		if err != nil {
			return entry{}, err
		}
		if form != "" && !slices.Equal(without(t.names(), "n"), e.names) {
			return entry{}, errors.New("its forms have different {names}")
		}
	}
	return e, nil
}

// same tells whether two texts take the same values.
func (e entry) same(as entry) bool {
	return e.plural == as.plural && slices.Equal(e.names, as.names)
}

// fits checks one language against another: the same keys, which take the same values.
func (b *book) fits(model *book) error {
	for _, key := range slices.Sorted(maps.Keys(model.entries)) {
		e, ok := b.entries[key]
		if !ok {
			return fmt.Errorf("%s.json lacks %q", b.language, key)
		}
		if !e.same(model.entries[key]) {
			return fmt.Errorf("%s.json: %q: %w", b.language, key, errUnlike)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.entries)) {
		if _, ok := model.entries[key]; !ok {
			return fmt.Errorf("%s.json has %q, which %s.json lacks", b.language, key, model.language)
		}
	}
	return nil
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == name })
}
