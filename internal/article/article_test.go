package article_test

import (
	"encoding/json"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"doorstep/internal/article"
)

var (
	bold     = regexp.MustCompile(`<strong>(.*?)</strong>`)
	headings = regexp.MustCompile(`<h[1-6]`)
	unescape = strings.NewReplacer("&quot;", `"`, "&#39;", "'", "&amp;", "&")
)

// An article is the same in every language: its parts, its steps, what it leads to.
func TestArticlesAreTheSameInEveryLanguage(t *testing.T) {
	for _, language := range article.Languages() {
		list := article.In(language)
		if len(list) != 10 {
			t.Errorf("%s: %d articles", language, len(list))
		}
		for i, a := range list {
			english := article.In("en")[i]
			for _, tag := range []string{"<h2", "<ol", "<ul", "<li", "<p", "<strong"} {
				if got, want := strings.Count(a.HTML, tag), strings.Count(english.HTML, tag); got != want {
					t.Errorf("%s/%s: %d of %s, in English %d", language, a.Slug, got, tag, want)
				}
			}
			if !slices.Equal(a.Related, english.Related) || !a.Updated.Equal(english.Updated) {
				t.Errorf("%s/%s: related or date differ from English", language, a.Slug)
			}
			for _, slug := range a.Related {
				if !article.Is(slug) || slug == a.Slug {
					t.Errorf("%s/%s is related to %q", language, a.Slug, slug)
				}
			}
			if !strings.HasSuffix(a.Summary, ".") || len(a.Also) < 3 || strings.Contains(a.HTML, "<h1") || strings.ContainsAny(a.HTML, "!¡") && !strings.Contains(a.HTML, "<!--") {
				t.Errorf("%s/%s: %q %v", language, a.Slug, a.Summary, a.Also)
			}
		}
	}
	if _, ok := article.One("en", "none"); ok || article.Is("") || article.Is("none") {
		t.Error("there is an article that nobody wrote")
	}
}

// What stands in bold is the name of something on a page, in the words of that page.
func TestArticlesNameWhatPagesSay(t *testing.T) {
	for _, language := range article.Languages() {
		said := map[string]bool{}
		text, err := os.ReadFile(path.Join("..", "words", "messages", language+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var messages map[string]any
		if err := json.Unmarshal(text, &messages); err != nil {
			t.Fatal(err)
		}
		for _, message := range messages {
			if s, ok := message.(string); ok {
				said[s] = true
			}
		}
		n := 0
		for _, a := range article.In(language) {
			for _, found := range bold.FindAllStringSubmatch(a.HTML, -1) {
				n++
				if !said[unescape.Replace(found[1])] {
					t.Errorf("%s/%s names %q, which no page says", language, a.Slug, found[1])
				}
			}
		}
		if n < 40 {
			t.Errorf("%s: only %d names", language, n)
		}
	}
}

// Articles are plain text with headings in order: nothing from elsewhere, no raw HTML.
func TestArticlesHoldNothingElse(t *testing.T) {
	allowed := []string{"html", "head", "body", "p", "h2", "h3", "ol", "ul", "li", "strong", "em", "a"}
	for _, language := range article.Languages() {
		for _, a := range article.In(language) {
			root, err := html.Parse(strings.NewReader(a.HTML))
			if err != nil {
				t.Fatal(err)
			}
			for n := range root.Descendants() {
				if n.Type == html.CommentNode || n.Type == html.ElementNode && !slices.Contains(allowed, n.Data) {
					t.Errorf("%s/%s holds %s %q", language, a.Slug, "<"+n.Data+">", n.Data)
				}
				for _, attribute := range n.Attr {
					if attribute.Key != "href" || !article.Is(strings.TrimPrefix(attribute.Val, "/help/")) {
						t.Errorf("%s/%s: %s=%q", language, a.Slug, attribute.Key, attribute.Val)
					}
				}
			}
			if headings.FindString(a.HTML) == "" && len(a.Text) > 3000 {
				t.Errorf("%s/%s is long and has no headings", language, a.Slug)
			}
		}
	}
}
