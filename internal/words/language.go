package words

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Language is the tag (BCP 47) of a language that Doorstep speaks.
type Language string

// The languages, as they stand in addresses, cookies, the API and the database.
const (
	English    Language = "en"
	Spanish    Language = "es"
	Portuguese Language = "pt-BR"
)

// Languages lists them in the order in which pages offer them. The first is the default.
func Languages() []Language { return []Language{English, Spanish, Portuguese} }

// Name is the language's name in itself, for the links that switch. It is never translated: who landed in
// a language they cannot read must find their own.
func (l Language) Name() string {
	switch l {
	case English:
		return "English"
	case Spanish:
		return "Español"
	case Portuguese:
		return "Português (Brasil)"
	}
	return string(l)
}

// Known tells whether tag is exactly one of ours.
func Known(tag string) bool { return slices.Contains(Languages(), Language(tag)) }

// Limits on what Pick reads of one header. Browsers send three or four entries of five bytes; the rest is
// somebody trying what a long one costs.
const (
	maxEntries  = 16
	maxEntryLen = 40
)

// matcher knows which languages are near which. It is a constant in all but name: nothing writes to it, and
// making it costs more than a hundred look-ups.
var matcher = language.NewMatcher(tags())

// Pick chooses a language from wants, the weightiest first: the person's setting, a cookie, the
// Accept-Language header. Each is a tag or the text of such a header; an empty one, or one that names
// nothing near a language of ours, is passed over. pt gives pt-BR, es-MX gives es. Without any: [English].
func Pick(wants ...string) Language {
	for _, want := range wants {
		if Known(want) {
			return Language(want)
		}
		if found, ok := nearest(want); ok {
			return found
		}
	}
	return English
}

// nearest is the language of ours that suits a header best, if any does.
func nearest(header string) (Language, bool) {
	type wanted struct {
		tag    language.Tag
		weight float32
	}
	var all []wanted
	rest, more := header, header != ""
	for n := 0; more && n < maxEntries; n++ {
		var entry string
		entry, rest, more = strings.Cut(rest, ",")
		if len(entry) > maxEntryLen {
			continue
		}
		// Entry by entry, because the parser gives up on a whole header for one bad entry.
		parsed, weights, err := language.ParseAcceptLanguage(entry)
		if err != nil {
			continue
		}
		for i, tag := range parsed {
			if weights[i] > 0 {
				all = append(all, wanted{tag, weights[i]})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b wanted) int { return cmp.Compare(b.weight, a.weight) })
	for _, w := range all {
		if _, index, confidence := matcher.Match(w.tag); confidence > language.No {
			return Languages()[index], true
		}
	}
	return "", false
}

// tags are the languages as x/text knows them, in the order of Languages.
func tags() []language.Tag {
	all := make([]language.Tag, 0, len(Languages()))
	for _, l := range Languages() {
		all = append(all, l.tag())
	}
	return all
}

func (l Language) tag() language.Tag { return language.Make(string(l)) }
