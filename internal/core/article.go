package core

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"doorstep/internal/article"
)

// Article is a text of the help center in one language; everybody may read it, signed
// in or not (R6).
type Article = article.Article

// ArticlePage is an article with what readers thought of it.
type ArticlePage struct {
	Article
	Related []Article

	Helpful, Votes int
	Mine           *Vote    // of this person or browser; nil for none
	MayNotVote     *Refusal // why this reader cannot vote; nil when they can
	// Missing is what people of the reader's team say was missing, for those who look
	// after it.
	Missing []MissingText
}

// Articles lists those that a search finds, the best first; without one, all in the
// order of the help center.
func (c *Core) Articles(language, query string) []Article {
	if strings.TrimSpace(query) == "" {
		return article.In(language)
	}
	return findArticles(language, query)
}

// ArticleTitle is the title of an article, "" where there is none.
func (c *Core) ArticleTitle(language, slug string) string {
	a, _ := article.One(language, slug)
	return a.Title
}

// Article reads one. browser is what this browser keeps of its votes, "" for nothing.
// Refuses: not-found.
func (c *Core) Article(ctx context.Context, by Actor, language, slug, browser string) (*ArticlePage, error) {
	a, found := article.One(language, slug)
	if !found {
		return nil, refuse(Missing)
	}
	p := &ArticlePage{Article: a, MayNotVote: mayVote(by.session)}
	for _, other := range a.Related {
		if r, found := article.One(language, other); found {
			p.Related = append(p.Related, r)
		}
	}
	r := c.read(ctx)
	var err error
	if p.Helpful, p.Votes, err = votesOn(r, slug); err != nil {
		return nil, err
	}
	if p.MayNotVote != nil {
		return p, nil
	}
	if p.Mine, err = c.voteOf(r, by, slug, browser); err != nil {
		return nil, err
	}
	if s := by.session; s != nil && s.User.Role.rank() >= RoleAdmin.rank() {
		p.Missing, err = missingOf(r, s.User.Team.ID, slug)
	}
	return p, err
}

// How a search weighs where a word stands.
const (
	inTitle   = 8
	inNames   = 6 // what others call it
	inSummary = 3
	inText    = 1
	asWritten = 60 // the whole of what is looked for, as a title or as what others call it

	queryLongest = 200
	queryWords   = 12
	// commonShare is in what share of the articles a word stands that says nothing about
	// what is looked for ("the", "my").
	commonShare = 0.6
)

// foldedArticle is an article as the search sees it: without accents and capitals.
type foldedArticle struct {
	Article
	parts [4][]string
	names string // title and what others call it, as one text
}

var partWeights = [4]int{inTitle, inNames, inSummary, inText}

// foldedArticles folds them once; a search then only compares.
var foldedArticles = sync.OnceValue(func() map[string][]foldedArticle {
	all := map[string][]foldedArticle{}
	for _, language := range article.Languages() {
		for _, a := range article.In(language) {
			f := foldedArticle{Article: a}
			for i, text := range []string{a.Title, strings.Join(a.Also, " "), a.Summary, a.Text} {
				f.parts[i] = wordsOfText(text)
			}
			f.names = " " + strings.Join(append(slices.Clone(f.parts[0]), f.parts[1]...), " ")
			all[language] = append(all[language], f)
		}
	}
	return all
})

// saysNothing are words of questions that tell no article from another, folded.
var saysNothing = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(`a an and are at can do does for from get have how i in is it me my not of on or that the this to use was we what when where why will with you your
		al como con cual cuando de del donde el en es esta esto la las lo los me mi mis no para por puedo que quiero se si sin su tengo un una y
		ao aos as com da das do dos e em essa esse eu isso meu meus minha minhas na nao nas nos o os ou posso preciso qual quando quero sem ser seu sua tenho um uma`) {
		all[word] = true
	}
	return all
})

func wordsOfText(text string) []string {
	return strings.FieldsFunc(foldName(text), func(r rune) bool { return !isOfWord(r) })
}

// findArticles: each word that is looked for has to begin one of the article's, at
// least half of them do, and words that stand nearly everywhere count for little.
// Accents do not matter, and neither does the plural.
func findArticles(language, query string) []Article {
	words := wordsOfText(cut(query, queryLongest))
	phrase := " " + strings.Join(words, " ")
	words = slices.DeleteFunc(words, func(word string) bool { return utf8.RuneCountInString(word) < 2 || saysNothing()[word] })
	words = words[:min(len(words), queryWords)]
	all := foldedArticles()[language]
	weights := make([][]int, len(words)) // of each word, in each article
	var telling []int
	for i, word := range words {
		weights[i] = make([]int, len(all))
		hits := 0
		for j, a := range all {
			if weights[i][j] = a.weight(word); weights[i][j] > 0 {
				hits++
			}
		}
		if float64(hits) <= commonShare*float64(len(all)) {
			telling = append(telling, i)
		}
	}
	if len(telling) == 0 {
		for i := range words {
			telling = append(telling, i)
		}
	}
	type found struct{ at, score int }
	var list []found
	for j := range all {
		matched, score := 0, 0
		for _, i := range telling {
			if weights[i][j] > 0 {
				matched++
				score += weights[i][j]
			}
		}
		if matched > 0 && strings.Contains(all[j].names, phrase) {
			score += asWritten
		}
		if matched > 0 && matched >= int(math.Ceil(float64(len(telling))/2)) {
			list = append(list, found{j, score + 100*matched})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int { return b.score - a.score })
	var articles []Article
	for _, f := range list {
		articles = append(articles, all[f.at].Article)
	}
	return articles
}

// weight is how much an article has to do with a word, 0 for nothing.
func (a *foldedArticle) weight(word string) (sum int) {
	singular := strings.TrimSuffix(word, "s")
	if len(singular) < 4 {
		singular = word
	}
	for i, part := range a.parts {
		if slices.ContainsFunc(part, func(w string) bool { return strings.HasPrefix(w, word) || strings.HasPrefix(w, singular) }) {
			sum += partWeights[i]
		}
	}
	return sum
}

// MissingText is what somebody said was missing in an article.
type MissingText struct {
	Text string
	At   time.Time
}

// eraseHelp removes what somebody wrote and voted in the help center.
func (t *tx) eraseHelp(u *userRow) error {
	if err := t.deleteVotes(u); err != nil {
		return err
	}
	if err := t.deleteComments(u); err != nil {
		return err
	}
	return t.deleteHelpRequests(u)
}
