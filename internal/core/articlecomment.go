package core

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"doorstep/internal/article"
	"doorstep/internal/code"
)

// Comments are a team's own talk below an article: the articles are everybody's, the
// talk is not, because other teams do not exist to anybody (R7). Whoever is signed in
// with a password alone and must activate does not see it: it has names and roles, and
// so tells whom to pass for.

// Comment is one of them, as its reader sees it.
type Comment struct {
	ID       string
	ByName   string
	ByRole   Role
	Mine     bool
	Text     string
	At       time.Time
	Hidden   bool   // shown to owners and to whoever wrote it
	HiddenBy string // a name
}

// Comments is a page of them, the newest last.
type Comments struct {
	Items []Comment
	Older string // cursor, "" when there are none
}

// TextLongest is how many characters a comment, a request or an answer may have.
const TextLongest = 2000

const (
	commentsOfPerson   = 20
	commentsOfPersonIn = time.Hour
	sameTextWithin     = 10 * time.Minute // a form sent twice
)

// readText checks what people write for each other: plain text in lines. What looks
// like a code is refused and not kept. Refuses: text-missing (unless it may be),
// text-too-long, text-has-code.
func readText(s, field string, longest int, mayBeEmpty bool) (string, error) {
	var lines []string
	for line := range strings.SplitSeq(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s), "\n") {
		line = cut(line, 8*longest)
		if line == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, line)
	}
	text := strings.TrimSpace(strings.Join(lines, "\n"))
	switch {
	case seen(text) == 0 && mayBeEmpty:
		return "", nil
	case seen(text) == 0:
		return "", refuseField(TextMissing, field)
	case utf8.RuneCountInString(text) > longest:
		return "", refuseField(TextTooLong, field).with("n", longest)
	case code.Within(text):
		return "", refuseField(TextHasCode, field)
	}
	return text, nil
}

// Comments lists what the reader's team wrote about an article. before is the cursor of
// a newer page. Refuses: not-found, not-signed-in, password-change-required,
// activation-required, invalid-cursor.
func (c *Core) Comments(ctx context.Context, by Actor, slug, before string, limit int) (*Comments, error) {
	if !article.Is(slug) {
		return nil, refuse(Missing)
	}
	r := c.read(ctx)
	u, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	if limit = min(max(limit, 0), pageMost); limit == 0 {
		limit = pageDefault
	}
	if before == "" {
		before = "z" // after every id, in every collation
	} else if !isID(before) {
		return nil, refuseField(InvalidCursor, "cursor")
	}
	page, ids := &Comments{}, []string(nil)
	err = r.each(`SELECT c.id, c.user_id, u.name, u.role, c.text, c.created_at, c.hidden_at, c.hidden_by
		FROM article_comments c JOIN users u ON u.id = c.user_id AND u.team_id = c.team_id
		WHERE c.team_id = $1 AND c.article = $2 AND c.id < $3 AND (c.hidden_at = 0 OR c.user_id = $4 OR $5) ORDER BY c.id DESC LIMIT $6`,
		[]any{u.teamID, slug, before, u.id, u.role == RoleOwner, limit + 1}, func(scan func(...any) error) error {
			var m Comment
			var author string
			var created, hidden int64
			if err := scan(&m.ID, &author, &m.ByName, (*string)(&m.ByRole), &m.Text, &created, &hidden, &m.HiddenBy); err != nil {
				return err
			}
			m.At, m.Mine, m.Hidden = at(created), author == u.id, hidden != 0
			page.Items, ids = append(page.Items, m), append(ids, m.ID)
			return nil
		})
	if len(page.Items) > limit {
		page.Items, page.Older = page.Items[:limit], ids[limit-1]
	}
	slices.Reverse(page.Items)
	return page, err
}

// CommentOnArticle writes a comment for one's own team. Sent twice, it is one comment.
// Refuses: not-found, not-signed-in, session-ended, password-change-required,
// activation-required, text-missing, text-too-long, text-has-code, too-many-comments.
func (c *Core) CommentOnArticle(ctx context.Context, by Actor, slug, text string) (id string, err error) {
	if !article.Is(slug) {
		return "", refuse(Missing)
	}
	text, wrong := readText(text, "text", TextLongest, false)
	err = c.write(ctx, func(t *tx) error {
		u, err := t.actingFull(by)
		if err != nil {
			return err
		}
		if wrong != nil {
			return wrong
		}
		err = t.row(`SELECT id FROM article_comments WHERE team_id = $1 AND user_id = $2 AND article = $3 AND text = $4 AND created_at > $5`,
			u.teamID, u.id, slug, text, ms(t.now.Add(-sameTextWithin))).Scan(&id)
		if err == nil {
			t.nothingToRecord()
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		within, next, err := t.countWithin("comments/"+u.id, commentsOfPerson, commentsOfPersonIn)
		if err != nil {
			return err
		}
		if !within {
			return waitFor(TooManyComments, next.Sub(t.now))
		}
		id = newID()
		if _, err := t.exec(`INSERT INTO article_comments (id, team_id, user_id, article, text, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			id, u.teamID, u.id, slug, text, ms(t.now)); err != nil {
			return err
		}
		return t.record(eventOf{event: EventCommentWritten, by: by, actor: u, target: u, details: map[string]any{"article": slug, "comment": id}})
	})
	return id, err
}

// actingFull is actingUser with full reach. Refuses: not-signed-in, session-ended,
// password-change-required, activation-required.
func (t *tx) actingFull(by Actor) (*userRow, error) {
	u, _, err := t.actingUser(by)
	if err != nil {
		return nil, err
	}
	return u, needFull(u, t.now)
}

// DeleteComment deletes one's own. Refuses: not-found (also another's), not-signed-in,
// session-ended, password-change-required, activation-required.
func (c *Core) DeleteComment(ctx context.Context, by Actor, id string) error {
	if !isID(id) {
		return refuse(Missing)
	}
	return c.write(ctx, func(t *tx) error {
		u, err := t.actingFull(by)
		if err != nil {
			return err
		}
		var slug string
		err = t.row(`DELETE FROM article_comments WHERE id = $1 AND team_id = $2 AND user_id = $3 RETURNING article`, id, u.teamID, u.id).Scan(&slug)
		if errors.Is(err, sql.ErrNoRows) {
			return refuse(Missing)
		}
		if err != nil {
			return err
		}
		return t.record(eventOf{event: EventCommentDeleted, by: by, actor: u, target: u, details: map[string]any{"article": slug, "comment": id}})
	})
}

// HideComment takes a comment out of everybody's sight but the owners' and its
// writer's, or shows it again. Refuses: not-found (also another team's), not-signed-in,
// session-ended, password-change-required, activation-required, owner-only.
func (c *Core) HideComment(ctx context.Context, by Actor, id string, hidden bool) error {
	if !isID(id) {
		return refuse(Missing)
	}
	return c.write(ctx, func(t *tx) error {
		u, _, err := t.actingOwner(by)
		if err != nil {
			return err
		}
		var slug, author string
		var hiddenAt int64
		err = t.row(`SELECT article, user_id, hidden_at FROM article_comments WHERE id = $1 AND team_id = $2`, id, u.teamID).Scan(&slug, &author, &hiddenAt)
		if errors.Is(err, sql.ErrNoRows) {
			return refuse(Missing)
		}
		if err != nil {
			return err
		}
		event, when, name := EventCommentHidden, ms(t.now), u.name
		if !hidden {
			event, when, name = EventCommentShown, 0, ""
		}
		n, err := t.exec(`UPDATE article_comments SET hidden_at = $1, hidden_by = $2 WHERE id = $3 AND team_id = $4 AND (hidden_at = 0) = $5`, when, name, id, u.teamID, hidden)
		if err != nil {
			return err
		}
		if n == 0 {
			t.nothingToRecord() // it is so already
			return nil
		}
		target, err := oneUser(t, `u.id = $1 AND u.team_id = $2`, author, u.teamID)
		if err != nil {
			return err
		}
		return t.record(eventOf{event: event, by: by, actor: u, target: target, details: map[string]any{"article": slug, "comment": id}})
	})
}

// ArticleOfComment says below which article a comment of one's own team stands.
// Refuses: what whoReads refuses, not-found.
func (c *Core) ArticleOfComment(ctx context.Context, by Actor, id string) (slug string, err error) {
	r := c.read(ctx)
	u, err := c.whoReads(r, by)
	if err != nil {
		return "", err
	}
	if !isID(id) {
		return "", refuse(Missing)
	}
	err = r.row(`SELECT article FROM article_comments WHERE id = $1 AND team_id = $2`, id, u.teamID).Scan(&slug)
	if errors.Is(err, sql.ErrNoRows) {
		return "", refuse(Missing)
	}
	return slug, err
}

func (t *tx) deleteComments(u *userRow) error {
	_, err := t.exec(`DELETE FROM article_comments WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}
