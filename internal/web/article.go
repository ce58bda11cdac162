package web

import (
	"html/template"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

const (
	helpPath = "/help"
	// voterLasts is how long a browser keeps which vote is its own.
	voterLasts    = 365 * 24 * time.Hour
	commentsShown = 50
)

// helpPage is the list of articles, or what a search found.
type helpPage struct {
	common
	Q      string
	Says   string // what the search found, or that there is no such article
	Groups []articleGroup
	Yours  []helpLine
}

// articleGroup is a part of the list; a search's has no name.
type articleGroup struct {
	Name     string
	Articles []core.Article
}

func showHelp(v *visit) error {
	p, err := v.helpList(v.r.URL.Query().Get("q"))
	if err != nil {
		return err
	}
	return v.show("help", p)
}

func (v *visit) language() string { return string(v.words.Language()) }

func (v *visit) helpList(q string) (*helpPage, error) {
	p := &helpPage{common: v.common(v.say("nav.help")), Q: strings.TrimSpace(q)}
	p.Main = "mid"
	list := v.core.Articles(v.language(), q)
	switch {
	case p.Q == "":
		p.Groups = v.inGroups(list)
	case len(list) == 0:
		p.Says = v.say("help.none", words.Args{"q": p.Q})
	default:
		p.Says, p.Groups = v.say("help.found", words.Args{"n": len(list)}), []articleGroup{{Articles: list}}
	}
	if !v.reachesAll() || p.Q != "" {
		return p, nil
	}
	mine, err := v.core.HelpRequests(v.ctx(), v.by(), core.HelpFilter{Limit: 10})
	if err != nil {
		return nil, err
	}
	p.Yours = v.helpLines(mine.Items)
	return p, nil
}

func (v *visit) inGroups(list []core.Article) (groups []articleGroup) {
	for _, a := range list {
		name := v.say("help.group." + a.Group)
		if len(groups) == 0 || groups[len(groups)-1].Name != name {
			groups = append(groups, articleGroup{Name: name})
		}
		last := &groups[len(groups)-1]
		last.Articles = append(last.Articles, a)
	}
	return groups
}

// reachesAll says whether somebody is signed in with full reach.
func (v *visit) reachesAll() bool { return v.session != nil && v.session.Reach == core.ReachFull }

// articlePage is one article, its vote, and the comments of the reader's team.
type articlePage struct {
	common
	core.ArticlePage
	Group     string
	UpdatedOn string
	Body      template.HTML
	Count     string
	Mine      string // what this reader answered, "" for nothing yet
	AsksWhy   bool   // … no, and somebody would read why
	MayVote   bool
	MissedNow string // what is typed of it
	SignIn    string // where to sign in to comment; "" for whoever may not
	Comments  []commentLine
	Older     string
	Newest    bool // these are not the newest
	Hint      string
	Text      string
	Owner     bool
}

// commentLine is one comment, with what this reader can do about it.
type commentLine struct {
	core.Comment
	By, HiddenSays string
}

func showArticle(v *visit) error {
	slug := v.r.PathValue("article")
	a, err := v.core.Article(v.ctx(), v.by(), v.language(), slug, v.web.cookies.get(v.r, voterCookie))
	if core.IsRefusal(err, core.Missing) {
		return v.noArticle(err)
	}
	if err != nil {
		return err
	}
	p := &articlePage{
		common: v.common(a.Title), ArticlePage: *a, Group: v.say("help.group." + a.Group), UpdatedOn: v.say("help.updated", words.Args{"date": v.words.Date(a.Updated)}),
		Body:  template.HTML(a.HTML), // our own text, made from Markdown without raw HTML
		Count: v.say("help.count", words.Args{"n": a.Helpful, "m": a.Votes}), MayVote: a.MayNotVote == nil,
	}
	p.Main, p.ArticlePage.Title = "mid", ""
	if m := a.Mine; m != nil {
		p.Mine = v.say("help.minehelpful")
		if !m.Helpful {
			p.Mine, p.AsksWhy, p.MissedNow = v.say("help.mineunhelpful"), v.session != nil, v.retyped("missing", m.Missing)
		}
	}
	switch {
	case v.reachesAll():
		err = v.addComments(p, slug)
	case v.session == nil:
		p.SignIn = keepWanted("/sign-in", helpPath+"/"+slug)
	}
	if err != nil {
		return err
	}
	return v.show("article", p)
}

// noArticle is the list, with the word that there is no such article.
func (v *visit) noArticle(err error) error {
	p, failed := v.helpList("")
	if failed != nil {
		return failed
	}
	p.Says = v.say("help.gone")
	return v.showAs(statusOf(core.Refused(err)), "help", p)
}

func (v *visit) addComments(p *articlePage, slug string) error {
	before := v.r.URL.Query().Get("before")
	list, err := v.core.Comments(v.ctx(), v.by(), slug, before, commentsShown)
	if err != nil {
		return err
	}
	p.Owner, p.Newest, p.Older = v.session.User.Role == core.RoleOwner, before != "", list.Older
	p.Hint, p.Text = v.say("help.commenthint", words.Args{"n": core.TextLongest}), v.typed("text")
	for _, m := range list.Items {
		line := commentLine{Comment: m, By: v.say("help.byrole", words.Args{"name": m.ByName, "role": v.say("role." + string(m.ByRole))})}
		if m.Hidden {
			line.HiddenSays = v.say("help.hiddenby", words.Args{"by": m.HiddenBy})
		}
		p.Comments = append(p.Comments, line)
	}
	return nil
}

// vote counts an answer. The route is open, so the form's token is looked at here where
// there is somebody whose vote it would be.
func vote(v *visit) error {
	if v.session != nil {
		if err := v.checkForm(core.NeedSession); err != nil {
			return err
		}
	}
	slug, answer := v.r.PathValue("article"), v.sent("helpful")
	if answer != "yes" && answer != "no" {
		return &core.Refusal{Code: incomplete, Args: map[string]any{"field": "helpful"}}
	}
	keep, err := v.core.VoteOnArticle(v.ctx(), v.by(), slug, v.web.cookies.get(v.r, voterCookie), core.Vote{Helpful: answer == "yes", Missing: v.sent("missing")})
	if err != nil {
		return err
	}
	if keep != "" {
		v.web.cookies.set(v.rw, voterCookie, keep, voterLasts)
	}
	v.tell(notice{Says: "help.thanks"})
	return v.see(helpPath + "/" + slug)
}

func comment(v *visit) error {
	slug := v.r.PathValue("article")
	if _, err := v.core.CommentOnArticle(v.ctx(), v.by(), slug, v.sent("text")); err != nil {
		return err
	}
	v.tell(notice{Says: "help.commented"})
	return v.see(helpPath + "/" + slug)
}

func deleteComment(v *visit) error {
	err := v.core.DeleteComment(v.ctx(), v.by(), v.sent("comment"))
	if err != nil && !core.IsRefusal(err, core.Missing) { // it was sent twice
		return err
	}
	v.tell(notice{Says: "help.deleted"})
	return v.see(helpPath + "/" + v.r.PathValue("article"))
}

func hideComment(v *visit) error {
	hidden := v.sent("hidden") == "true"
	if err := v.core.HideComment(v.ctx(), v.by(), v.sent("comment"), hidden); err != nil {
		return err
	}
	says := "help.shown"
	if hidden {
		says = "help.hid"
	}
	v.tell(notice{Says: says})
	return v.see(helpPath + "/" + v.r.PathValue("article"))
}

// articleFor is the article that helps with a refusal, "" for none.
func articleFor(code core.Code) string {
	switch code {
	case core.WrongCode, core.CodeUsed, core.WrongRecoveryCode, core.RecoveryCodeTypo, core.CodeLength, core.RecoveryCodeLength, core.AuthenticatorWait, core.RecoveryWait:
		return "code-not-accepted"
	case core.AuthenticatorBlocked, core.RecoveryBlocked, core.SecondStepBlocked, core.AccountClosed, core.DeactivationPaused, core.SameCode, core.AttemptOver:
		return "lost-or-new-phone"
	case core.RecoverySession:
		return "recovery-codes"
	case core.Rank, core.Contained, core.NothingToRestart, core.RestartLimit, core.PersonLimit, core.MatchCodeSix, core.WrongMatchCode, core.VerifiedByMissing:
		return "restart-somebody"
	case core.PasswordChangeRequired:
		return "somebody-else-got-in"
	case core.TextHasCode:
		return "asked-for-a-code-by-phone"
	}
	return ""
}
