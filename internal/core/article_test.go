package core

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// The search finds articles by their words in any spelling, and by what others call
// the thing, which stands in no article more than once.
func TestArticlesAreFound(t *testing.T) {
	w := newWorld(t, "")
	for _, x := range []struct{ language, query, first string }{
		{"en", "2FA", "what-is-2-step-authentication"},
		{"en", "MFA", "what-is-2-step-authentication"},
		{"en", "backup codes", "recovery-codes"},
		{"en", "my phone was stolen", "lost-or-new-phone"},
		{"en", "reset", "lost-or-new-phone"},
		{"en", "PHISHING call", "asked-for-a-code-by-phone"},
		{"en", "clock", "code-not-accepted"},
		{"en", "how do I enable 2fa", "activate"},
		{"en", "hacked", "somebody-else-got-in"},
		{"en", "Authy", "which-apps-to-use"},
		{"es", "codigo de verificacion", "authentication-codes"},
		{"es", "CÓDIGOS DE RESPALDO", "recovery-codes"},
		{"es", "perdí mi teléfono", "lost-or-new-phone"},
		{"es", "perdi mi telefono", "lost-or-new-phone"},
		{"pt-BR", "codigos de backup", "recovery-codes"},
		{"pt-BR", "celular roubado", "lost-or-new-phone"},
		{"pt-BR", "golpe", "asked-for-a-code-by-phone"},
		{"pt-BR", "reiniciar", "restart-somebody"},
	} {
		found := w.Articles(x.language, x.query)
		if len(found) == 0 || found[0].Slug != x.first {
			var slugs []string
			for _, a := range found {
				slugs = append(slugs, a.Slug)
			}
			t.Errorf("%s: %q finds %v, want %s first", x.language, x.query, slugs, x.first)
		}
	}
	for _, query := range []string{"zeppelin", "xyzzy plugh", "\x00\xff", strings.Repeat("z ", 5000), "' OR 1=1 --"} {
		if found := w.Articles("en", query); len(found) != 0 {
			t.Errorf("%q finds %d", query[:min(len(query), 20)], len(found))
		}
	}
	if all := w.Articles("es", "  "); len(all) != 10 {
		t.Errorf("%d articles without a query", len(all))
	}
}

func (w *world) votes(slug string) (helpful, all int) {
	w.t.Helper()
	helpful, all, err := votesOn(w.read(w.ctx()), slug)
	w.ok(err)
	return helpful, all
}

// One vote a person or a browser, however many at once; voting again changes it.
func TestOneVoteEach(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla := by(w.signIn("carla"))
		keep, err := w.VoteOnArticle(w.ctx(), carla, "activate", "", Vote{Helpful: true})
		w.ok(err)
		if keep != "" {
			t.Error("the browser of somebody signed in keeps something")
		}
		browser, err := w.VoteOnArticle(w.ctx(), Nobody(testOrigin), "activate", "", Vote{})
		w.ok(err)
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				_, err := w.VoteOnArticle(w.ctx(), carla, "activate", "", Vote{Helpful: i%2 == 0})
				if err != nil {
					t.Error(err)
				}
				if _, err := w.VoteOnArticle(w.ctx(), Nobody(testOrigin), "activate", browser, Vote{Helpful: i%2 == 0}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if _, n := w.votes("activate"); n != 2 {
			t.Errorf("two voters have %d votes", n)
		}
		// First votes at once, which no row is there for yet.
		for range 8 {
			all.Go(func() {
				if _, err := w.VoteOnArticle(w.ctx(), carla, "recovery-codes", "", Vote{Helpful: true}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if helpful, n := w.votes("recovery-codes"); n != 1 || helpful != 1 {
			t.Errorf("one voter has %d of %d votes", helpful, n)
		}
		_, err = w.VoteOnArticle(w.ctx(), carla, "activate", "", Vote{Missing: " Pictures.\r\n\r\n\r\nMore of them. "})
		w.ok(err)
		p, err := w.Article(w.ctx(), carla, "en", "activate", "")
		w.ok(err)
		if p.Mine == nil || p.Mine.Helpful || p.Mine.Missing != "Pictures.\n\nMore of them." || p.Missing != nil || p.MayNotVote != nil {
			t.Errorf("%+v", p)
		}
		// Her owners read it, another team's do not.
		p, err = w.Article(w.ctx(), by(w.signIn("ana")), "en", "activate", "")
		w.ok(err)
		if len(p.Missing) != 1 || p.Mine != nil || p.Votes != 2 {
			t.Errorf("%+v", p)
		}
		p, err = w.Article(w.ctx(), by(w.signIn("zoe")), "en", "activate", "")
		w.ok(err)
		if len(p.Missing) != 0 || p.Votes != 2 {
			t.Errorf("%+v", p)
		}
		// A browser that made its own token up is one browser; one that kept nothing is new each time.
		p, err = w.Article(w.ctx(), Nobody(testOrigin), "en", "activate", browser)
		w.ok(err)
		if p.Mine == nil {
			t.Error("the browser's vote is not its own")
		}
		for _, bad := range []string{"", "short", strings.Repeat("x", 44), strings.Repeat("\x00", 43)} {
			if p, err = w.Article(w.ctx(), Nobody(testOrigin), "en", "activate", bad); err != nil || p.Mine != nil {
				t.Errorf("%q: %v %v", bad, p, err)
			}
		}
		_, err = w.VoteOnArticle(w.ctx(), carla, "activate", "", Vote{Missing: "It was 634977"})
		w.refused(err, TextHasCode)
		_, err = w.VoteOnArticle(w.ctx(), carla, "none", "", Vote{})
		w.refused(err, Missing)
	})
}

// Browsers are whatever calls itself one: the net that they come from has so many a day.
func TestVotesOfOneNet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		from := func(address string) Actor { return Nobody(Origin{Via: ViaPage, Address: address}) }
		for range votesOfNet {
			_, err := w.VoteOnArticle(w.ctx(), from("2001:db8:1:2::7"), "activate", "", Vote{Helpful: true})
			w.ok(err)
		}
		_, err := w.VoteOnArticle(w.ctx(), from("2001:db8:1:2:ffff::1"), "activate", "", Vote{Helpful: true})
		if r := w.refused(err, TooManyVotes); r.RetryAfter <= 0 {
			t.Error("no time to wait for")
		}
		if _, n := w.votes("activate"); n != votesOfNet {
			t.Errorf("%d votes", n)
		}
		_, err = w.VoteOnArticle(w.ctx(), from("2001:db8:1:3::1"), "activate", "", Vote{Helpful: true})
		w.ok(err)
		w.clock.advance(25 * time.Hour)
		_, err = w.VoteOnArticle(w.ctx(), from("2001:db8:1:2::7"), "activate", "", Vote{Helpful: true})
		w.ok(err)
	})
}

// R6: whoever must activate, or choose a new password, reads and no more; and not what
// the team writes.
func TestDueReadsArticlesOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla := w.signIn("carla")
		_, err := w.CommentOnArticle(w.ctx(), by(carla), "activate", "Take the app that Bruno uses.")
		w.ok(err)
		_, err = w.DeactivateTwoStep(w.ctx(), by(carla), "", w.cast["carla"].codes[0])
		w.ok(err)
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
		w.ok(err)
		due := by(in.Session)
		before := w.snapshot("sessions", "throttles", "users")
		p, err := w.Article(w.ctx(), due, "en", "activate", "")
		w.ok(err)
		if p.MayNotVote == nil || p.MayNotVote.Code != ActivationRequired || p.HTML == "" {
			t.Errorf("%+v", p.MayNotVote)
		}
		_, err = w.VoteOnArticle(w.ctx(), due, "activate", "", Vote{Helpful: true})
		w.refused(err, ActivationRequired)
		_, err = w.Comments(w.ctx(), due, "activate", "", 0)
		w.refused(err, ActivationRequired)
		_, err = w.CommentOnArticle(w.ctx(), due, "activate", "Hello")
		w.refused(err, ActivationRequired)
		_, err = w.SubmitHelpRequest(w.ctx(), due, NewHelpRequest{About: AboutOther, Text: "Hello"})
		w.refused(err, ActivationRequired)
		_, err = w.HelpRequests(w.ctx(), due, HelpFilter{})
		w.refused(err, ActivationRequired)
		if w.snapshot("sessions", "throttles", "users") != before {
			t.Error("something was changed")
		}
		_, err = w.Comments(w.ctx(), Nobody(testOrigin), "activate", "", 0)
		w.refused(err, NotSignedIn)
		_, err = w.CommentOnArticle(w.ctx(), Nobody(testOrigin), "activate", "Hello")
		w.refused(err, NotSignedIn)
	})
}

// Comments belong to one team; people delete their own, and owners hide.
func TestCommentsStayInTheTeam(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla, ana, bruno, zoe := by(w.signIn("carla")), by(w.signIn("ana")), by(w.signIn("bruno")), by(w.signIn("zoe"))
		reads := func(who Actor) []Comment {
			t.Helper()
			page, err := w.Comments(w.ctx(), who, "activate", "", 0)
			w.ok(err)
			return page.Items
		}
		id, err := w.CommentOnArticle(w.ctx(), carla, "activate", "One\r\n<b>two</b>\x00\u202e https://evil.example\r\n")
		w.ok(err)
		again, err := w.CommentOnArticle(w.ctx(), carla, "activate", "One\n<b>two</b>\x00 https://evil.example")
		w.ok(err)
		if id != again || w.count(`SELECT COUNT(*) FROM article_comments`) != 1 || w.events("carla", EventCommentWritten) != 1 {
			t.Error("sent twice, it is two comments")
		}
		w.clock.advance(time.Second)
		_, err = w.CommentOnArticle(w.ctx(), bruno, "activate", "Three")
		w.ok(err)
		list := reads(ana)
		if len(list) != 2 || list[0].Text != "One\n<b>two</b>  https://evil.example" || list[0].ByName != "Carla" || list[0].ByRole != RoleMember || list[1].Text != "Three" {
			t.Errorf("%+v", list)
		}
		if n := len(reads(zoe)); n != 0 {
			t.Errorf("another team reads %d", n)
		}
		for _, x := range []struct {
			who  Actor
			code Code
		}{{zoe, Missing}, {bruno, OwnerOnly}, {carla, OwnerOnly}} {
			w.refused(w.HideComment(w.ctx(), x.who, id, true), x.code)
		}
		for _, who := range []Actor{ana, bruno, zoe} {
			w.refused(w.DeleteComment(w.ctx(), who, id), Missing)
		}
		w.ok(w.HideComment(w.ctx(), ana, id, true))
		w.ok(w.HideComment(w.ctx(), ana, id, true))
		if w.events("carla", EventCommentHidden) != 1 || len(reads(bruno)) != 1 || len(reads(ana)) != 2 || !reads(carla)[0].Hidden || reads(carla)[0].HiddenBy != "Ana" {
			t.Errorf("%+v", reads(carla))
		}
		w.ok(w.HideComment(w.ctx(), ana, id, false))
		if len(reads(bruno)) != 2 {
			t.Error("it is not shown again")
		}
		w.ok(w.DeleteComment(w.ctx(), carla, id))
		w.refused(w.DeleteComment(w.ctx(), carla, id), Missing)
		for _, bad := range []string{"", "\x00", strings.Repeat("x", 65)} {
			w.refused(w.DeleteComment(w.ctx(), carla, bad), Missing)
		}
		_, err = w.CommentOnArticle(w.ctx(), carla, "activate", strings.Repeat("é", TextLongest+1))
		w.refused(err, TextTooLong)
		_, err = w.CommentOnArticle(w.ctx(), carla, "activate", strings.Repeat("é", TextLongest))
		w.ok(err)
		_, err = w.CommentOnArticle(w.ctx(), carla, "activate", "\u2800\u200b \n")
		w.refused(err, TextMissing)
		_, err = w.CommentOnArticle(w.ctx(), carla, "activate", w.cast["carla"].codes[3])
		w.refused(err, TextHasCode)
	})
}

// Pages of comments, and how many somebody may write.
func TestManyComments(t *testing.T) {
	w := newWorld(t, "")
	carla := by(w.signIn("carla"))
	for i := range commentsOfPerson {
		w.clock.advance(time.Second)
		_, err := w.CommentOnArticle(w.ctx(), carla, "activate", "Number "+string(rune('a'+i)))
		w.ok(err)
	}
	_, err := w.CommentOnArticle(w.ctx(), carla, "activate", "One more")
	w.refused(err, TooManyComments)
	page, err := w.Comments(w.ctx(), carla, "activate", "", 15)
	w.ok(err)
	older, err := w.Comments(w.ctx(), carla, "activate", page.Older, 15)
	w.ok(err)
	if len(page.Items) != 15 || page.Items[14].Text != "Number t" || len(older.Items) != 5 || older.Items[0].Text != "Number a" || older.Older != "" {
		t.Errorf("%+v\n%+v", page, older)
	}
	_, err = w.Comments(w.ctx(), carla, "activate", "\x00", 0)
	w.refused(err, InvalidCursor)
}

// Whoever is removed takes what they wrote and voted with them.
func TestRemovedPeopleLeaveNothingInTheHelpCenter(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		carla := by(w.signIn("carla"))
		_, err := w.CommentOnArticle(w.ctx(), carla, "activate", "Hello")
		w.ok(err)
		_, err = w.VoteOnArticle(w.ctx(), carla, "activate", "", Vote{Missing: "Pictures"})
		w.ok(err)
		_, err = w.SubmitHelpRequest(w.ctx(), carla, NewHelpRequest{About: AboutOther, Text: "Which app?"})
		w.ok(err)
		w.ok(w.RemoveUser(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id))
		for _, table := range []string{"article_comments", "article_votes", "help_requests", "help_messages"} {
			if n := w.count(`SELECT COUNT(*) FROM ` + table); n != 0 {
				t.Errorf("%d rows of %s are left", n, table)
			}
		}
	})
}
