package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// ArticleHead is an article as a list shows it.
type ArticleHead struct {
	Article string `json:"article" doc:"Its name in addresses"`
	Group   string `json:"group" enum:"start,codes,trouble,team"`
	Title   string `json:"title"`
	Summary string `json:"summary"`
}

// FullArticle is one article with its votes.
type FullArticle struct {
	ArticleHead
	Language  string        `json:"language" enum:"en,es,pt-BR"`
	HTML      string        `json:"html" doc:"The text: headings, paragraphs and lists, no scripts, nothing from elsewhere"`
	Text      string        `json:"text" doc:"The same words without markup"`
	UpdatedOn string        `json:"updated_on" format:"date"`
	Related   []ArticleHead `json:"related"`
	Helpful   int           `json:"helpful" doc:"How many found it helpful …"`
	Votes     int           `json:"votes" doc:"… out of how many who answered"`
}

type articleQuery struct {
	Q        string `query:"q" maxLength:"200" doc:"What to look for; accents and capitals do not matter. Left out for all"`
	Language string `query:"language" enum:"en,es,pt-BR" doc:"Left out for the one that Accept-Language asks for"`
}

type oneArticle struct {
	Article  string `path:"article"`
	Language string `query:"language" enum:"en,es,pt-BR" doc:"Left out for the one that Accept-Language asks for"`
}

type voteRequest struct {
	Helpful bool   `json:"helpful"`
	Missing string `json:"missing,omitempty" doc:"What was missing, for the owners and admins of one's team; at most 500 characters, kept only of a no"`
}

type voteOn struct {
	Article string `path:"article"`
	Body    voteRequest
}

// Votes is what an article's readers thought of it.
type Votes struct {
	Helpful int `json:"helpful"`
	Votes   int `json:"votes"`
}

// Comment is one of a team's own.
type Comment struct {
	ID       string    `json:"id"`
	By       string    `json:"by" doc:"A name"`
	Role     string    `json:"role" enum:"owner,admin,member"`
	Mine     bool      `json:"mine"`
	Text     string    `json:"text" doc:"Plain text in lines"`
	At       time.Time `json:"at"`
	Hidden   bool      `json:"hidden" doc:"Only owners and whoever wrote it see one that is"`
	HiddenBy string    `json:"hidden_by,omitempty"`
}

type commentQuery struct {
	Article string `query:"article" required:"true" doc:"Below which article"`
	Cursor  string `query:"cursor" doc:"next_cursor of the page before"`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type commentRequest struct {
	Text string `json:"text" doc:"Plain text, at most 2,000 characters; what looks like a code is refused"`
}

type commentOn struct {
	Article string `path:"article"`
	Body    commentRequest
}

type madeComment struct {
	ID string `json:"id"`
}

type hideComment struct {
	ID   string `path:"id"`
	Body struct {
		Hidden bool `json:"hidden"`
	}
}

func (a *API) article() {
	add(a, operation{
		method: http.MethodGet, path: "/help", needs: core.NeedOpen, id: "list-articles", tag: tagHelp,
		summary: "Articles of the help center", description: "All, or those that a search finds, the best first.",
	}, func(_ context.Context, c *call, in *articleQuery) (*answer[list[ArticleHead]], error) {
		out := list[ArticleHead]{Items: []ArticleHead{}}
		for _, x := range a.core.Articles(c.languageOf(in.Language), in.Q) {
			out.Items = append(out.Items, headOf(x))
		}
		return &answer[list[ArticleHead]]{Body: out}, nil
	})
	add(a, operation{
		method: http.MethodGet, path: "/help/{article}", needs: core.NeedOpen, id: "get-article", tag: tagHelp,
		summary: "One article", description: "With how many found it helpful.", refuses: []core.Code{core.Missing},
	}, func(ctx context.Context, c *call, in *oneArticle) (*answer[FullArticle], error) {
		language := c.languageOf(in.Language)
		p, err := a.core.Article(ctx, c.by, language, in.Article, "")
		if err != nil {
			return nil, err
		}
		out := FullArticle{
			ArticleHead: headOf(p.Article), Language: language, HTML: p.HTML, Text: p.Text, UpdatedOn: p.Updated.Format(time.DateOnly),
			Related: []ArticleHead{}, Helpful: p.Helpful, Votes: p.Votes,
		}
		for _, r := range p.Related {
			out.Related = append(out.Related, headOf(r))
		}
		return &answer[FullArticle]{Body: out}, nil
	})
	add(a, operation{
		method: http.MethodPut, path: "/help/{article}/vote", needs: core.NeedSignedIn, id: "vote-on-article", tag: tagHelp,
		summary: "Was this article helpful?", description: "One vote a person; another one changes it.",
		refuses: []core.Code{core.Missing, core.TextTooLong, core.TextHasCode},
	}, func(ctx context.Context, c *call, in *voteOn) (*answer[Votes], error) {
		if _, err := a.core.VoteOnArticle(ctx, c.by, in.Article, "", core.Vote{Helpful: in.Body.Helpful, Missing: in.Body.Missing}); err != nil {
			return nil, err
		}
		p, err := a.core.Article(ctx, c.by, string(c.words.Language()), in.Article, "")
		if err != nil {
			return nil, err
		}
		return &answer[Votes]{Body: Votes{p.Helpful, p.Votes}}, nil
	})
	a.comments()
}

func (a *API) comments() {
	add(a, operation{
		method: http.MethodGet, path: "/help/comments", needs: core.NeedSignedIn, id: "list-comments", tag: tagHelp,
		summary: "Comments of one's team on an article", description: "The newest first. Other teams have their own.",
		refuses: []core.Code{core.Missing, core.InvalidCursor},
	}, func(ctx context.Context, c *call, in *commentQuery) (*answer[list[Comment]], error) {
		page, err := a.core.Comments(ctx, c.by, in.Article, in.Cursor, in.Limit)
		if err != nil {
			return nil, err
		}
		out := list[Comment]{Items: make([]Comment, len(page.Items))}
		for i, x := range page.Items {
			out.Items[len(page.Items)-1-i] = Comment{x.ID, x.ByName, string(x.ByRole), x.Mine, x.Text, x.At, x.Hidden, x.HiddenBy}
		}
		if page.Older != "" {
			out.NextCursor = &page.Older
		}
		return &answer[list[Comment]]{Body: out}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/help/{article}/comments", needs: core.NeedSignedIn, id: "comment-on-article", tag: tagHelp, status: http.StatusCreated,
		summary: "Write a comment for one's own team", description: "The same text sent twice is one comment.",
		refuses: []core.Code{core.Missing, core.TextMissing, core.TextTooLong, core.TextHasCode, core.TooManyComments},
	}, func(ctx context.Context, c *call, in *commentOn) (*answer[madeComment], error) {
		id, err := a.core.CommentOnArticle(ctx, c.by, in.Article, in.Body.Text)
		if err != nil {
			return nil, err
		}
		return &answer[madeComment]{Body: madeComment{id}}, nil
	})
	add(a, operation{
		method: http.MethodDelete, path: "/help/comments/{id}", needs: core.NeedSignedIn, id: "delete-comment", tag: tagHelp,
		summary: "Delete one's own comment", description: "Another's is not there to be deleted; owners hide those.",
	}, func(ctx context.Context, c *call, in *withID) (*nothing, error) {
		return nil, a.core.DeleteComment(ctx, c.by, in.ID)
	})
	add(a, operation{
		method: http.MethodPatch, path: "/help/comments/{id}", needs: core.NeedOwner, id: "hide-comment", tag: tagHelp,
		summary: "Hide a comment of one's team, or show it again", description: "Owners and whoever wrote it still see a hidden one.",
	}, func(ctx context.Context, c *call, in *hideComment) (*nothing, error) {
		return nil, a.core.HideComment(ctx, c.by, in.ID, in.Body.Hidden)
	})
}

func headOf(x core.Article) ArticleHead { return ArticleHead{x.Slug, x.Group, x.Title, x.Summary} }

// languageOf is the one that was asked for by name, else that of the request.
func (c *call) languageOf(asked string) string {
	if asked != "" {
		return string(words.Pick(asked))
	}
	return string(c.words.Language())
}
