package article

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed texts
var files embed.FS

// Article is one text in one language.
type Article struct {
	Slug    string // the end of its address, the same in every language
	Group   string // in which part of the list it stands
	Title   string
	Summary string   // one sentence, for lists
	Also    []string // what others call the things it is about: for the search, shown nowhere
	Related []string // slugs
	Updated time.Time
	HTML    string // made from Markdown, without raw HTML
	Text    string // the same words without markup, for the search
}

// order is the list of articles as pages show it.
var order = []struct {
	group string
	slugs []string
}{
	{"start", []string{"what-is-2-step-authentication", "which-apps-to-use", "activate"}},
	{"codes", []string{"authentication-codes", "recovery-codes", "code-not-accepted"}},
	{"trouble", []string{"lost-or-new-phone", "asked-for-a-code-by-phone", "somebody-else-got-in"}},
	{"team", []string{"restart-somebody"}},
}

// Languages are those in which every article is written.
func Languages() []string { return []string{"en", "es", "pt-BR"} }

// Slugs lists all articles in the order of the list.
func Slugs() (all []string) {
	for _, part := range order {
		all = append(all, part.slugs...)
	}
	return all
}

// Is says whether there is such an article.
func Is(slug string) bool { return slices.Contains(Slugs(), slug) }

// In lists all articles in one language, in the order of the list.
func In(language string) []Article { return shelf()[language] }

// One returns one article; ok is false where there is none of this name.
func One(language, slug string) (a Article, ok bool) {
	list := In(language)
	i := slices.IndexFunc(list, func(a Article) bool { return a.Slug == slug })
	if i < 0 {
		return Article{}, false
	}
	return list[i], true
}

// shelf reads the files at the first question. They are compiled in and a test reads
// them all, so one that cannot be read is a mistake that no run of the program meets.
var shelf = sync.OnceValue(func() map[string][]Article {
	all := map[string][]Article{}
	for _, language := range Languages() {
		for _, part := range order {
			for _, slug := range part.slugs {
				text, err := files.ReadFile(path.Join("texts", language, slug+".md"))
				if err != nil {
					panic(fmt.Sprintf("article: %v", err))
				}
				a, err := parse(string(text))
				if err != nil {
					panic(fmt.Sprintf("article: %s/%s: %v", language, slug, err))
				}
				a.Slug, a.Group = slug, part.group
				all[language] = append(all[language], a)
			}
		}
	}
	return all
})

// parse reads a file: lines `name: value`, an empty line, and the text.
func parse(file string) (Article, error) {
	head, body, found := strings.Cut(file, "\n\n")
	if !found {
		return Article{}, fmt.Errorf("no empty line ends its head")
	}
	var a Article
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "title":
			a.Title = value
		case "summary":
			a.Summary = value
		case "also":
			a.Also = strings.Split(value, ", ")
		case "related":
			a.Related = strings.Split(value, ", ")
		case "updated":
			day, err := time.Parse(time.DateOnly, value)
			if err != nil {
				return Article{}, err
			}
			a.Updated = day
		default:
			return Article{}, fmt.Errorf("its head says %q", line)
		}
	}
	if a.Title == "" || a.Summary == "" || len(a.Related) == 0 || a.Updated.IsZero() {
		return Article{}, fmt.Errorf("its head lacks a title, a summary, related articles or a date")
	}
	var err error
	a.HTML, a.Text, err = render(body)
	return a, err
}
