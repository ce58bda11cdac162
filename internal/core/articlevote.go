package core

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"doorstep/internal/article"
	"doorstep/internal/seal"
)

// Vote is whether an article was helpful, and what was missing in it.
type Vote struct {
	Helpful bool
	Missing string // may be ""
}

const (
	missingLongest = 500 // characters
	missingShown   = 20
	// A browser that nobody is signed in with is whatever calls itself one, so votes of
	// new ones are counted for each net that they come from.
	votesOfNet   = 30
	votesOfNetIn = day
	tokenOfVoter = "voter"
	voterLength  = 43 // of a token of ours
)

// mayVote: whoever is signed in with less than full reach reads and no more (R6).
// Refuses: password-change-required, activation-required.
func mayVote(s *Session) *Refusal {
	if s == nil {
		return nil
	}
	return NeedSignedIn.Meets(s, time.Time{})
}

// VoteOnArticle says whether an article was helpful: one vote a person, or a browser
// where nobody is signed in; voting again changes it. browser is what the browser keeps
// of an earlier vote; keep is what it is to keep of this one, "" for somebody signed in.
// Refuses: not-found, password-change-required, activation-required, session-ended,
// text-too-long, text-has-code, too-many-votes.
func (c *Core) VoteOnArticle(ctx context.Context, by Actor, slug, browser string, v Vote) (keep string, err error) {
	if !article.Is(slug) {
		return "", refuse(Missing)
	}
	if v.Helpful || by.session == nil {
		v.Missing = "" // of somebody without a team nobody would read it
	}
	if v.Missing, err = readText(v.Missing, "missing", missingLongest, true); err != nil {
		return "", err
	}
	err = c.keepCount(ctx, func(t *tx) error {
		var u *userRow
		keep = ""
		if by.session != nil {
			var err error
			if u, _, err = t.actingUser(by); err != nil {
				return err
			}
			if err := needFull(u, t.now); err != nil {
				return err
			}
		} else if keep = browser; !isVoter(browser) {
			keep = seal.NewToken()
		}
		return t.vote(by, u, keep, slug, v)
	})
	return keep, err
}

// vote writes it: one row for each voter, whatever happens at once.
func (t *tx) vote(by Actor, u *userRow, browser, slug string, v Vote) error {
	var teamID, userID string
	if u != nil {
		teamID, userID = u.teamID, u.id
	}
	voter := t.c.voter(userID, browser)
	n, err := t.exec(`INSERT INTO article_votes (article, voter, team_id, user_id, helpful, missing, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (article, voter) DO NOTHING`,
		slug, voter, teamID, userID, v.Helpful, v.Missing, ms(t.now))
	if err != nil {
		return err
	}
	if n == 0 {
		_, err = t.exec(`UPDATE article_votes SET helpful = $1, missing = $2, updated_at = $3 WHERE article = $4 AND voter = $5 AND team_id = $6`,
			v.Helpful, v.Missing, ms(t.now), slug, voter, teamID)
		return err
	}
	if u != nil {
		return nil
	}
	return t.countFrom("votes", by.origin.Address, votesOfNet, votesOfNetIn, TooManyVotes)
}

// countFrom counts what strangers may do so often from one net. An IPv6 /48 has as much
// as ten of its /64 have. Refuses: the given code.
func (t *tx) countFrom(what, address string, most int64, in time.Duration, otherwise Code) error {
	for _, net := range netsOf(address) {
		most := most
		if net.IsValid() && net.Addr().Is6() && net.Bits() == 48 {
			most *= 10
		}
		within, next, err := t.countWithin(what+"/"+net.String(), most, in)
		if err != nil {
			return err
		}
		if !within {
			return waitFor(otherwise, next.Sub(t.now))
		}
	}
	return nil
}

func waitFor(code Code, wait time.Duration) *Refusal {
	r := refuse(code)
	r.RetryAfter = max(wait, time.Second)
	return r
}

// voter is a keyed hash, so that a copy of the table does not say which browser voted.
func (c *Core) voter(userID, browser string) []byte {
	if userID != "" {
		return c.keys.MAC("voter", []byte("user/"+userID))
	}
	return c.keys.TokenHash(tokenOfVoter, browser)
}

// isVoter says whether a text can be what we let a browser keep.
func isVoter(browser string) bool { return len(browser) == voterLength && isID(browser) }

func (c *Core) voteOf(r reader, by Actor, slug, browser string) (*Vote, error) {
	teamID, userID := "", ""
	if s := by.session; s != nil {
		teamID, userID = s.User.Team.ID, s.User.ID
	} else if !isVoter(browser) {
		return nil, nil
	}
	v := new(Vote)
	err := r.row(`SELECT helpful, missing FROM article_votes WHERE article = $1 AND voter = $2 AND team_id = $3`, slug, c.voter(userID, browser), teamID).Scan(&v.Helpful, &v.Missing)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return v, err
}

// votesOn counts over all teams: the articles are everybody's.
func votesOn(r reader, slug string) (helpful, all int, err error) {
	err = r.row(`SELECT COALESCE(SUM(CASE WHEN helpful THEN 1 ELSE 0 END), 0), COUNT(*) FROM article_votes WHERE article = $1`, slug).Scan(&helpful, &all)
	return helpful, all, err
}

// missingOf reads what a team's people said was missing, without their names.
func missingOf(r reader, teamID, slug string) (list []MissingText, err error) {
	err = r.each(`SELECT missing, updated_at FROM article_votes WHERE article = $1 AND team_id = $2 AND missing <> '' ORDER BY updated_at DESC LIMIT $3`,
		[]any{slug, teamID, missingShown}, func(scan func(...any) error) error {
			var m MissingText
			var when int64
			err := scan(&m.Text, &when)
			m.At = at(when)
			list = append(list, m)
			return err
		})
	return list, err
}

func (t *tx) deleteVotes(u *userRow) error {
	_, err := t.exec(`DELETE FROM article_votes WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}
