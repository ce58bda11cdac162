package core

import (
	"bytes"
	"database/sql"
	"errors"
	"time"

	"doorstep/internal/seal"
)

// A browser that has passed a second step before keeps a lane of its own at the password's
// throttle: strangers who guess at an address make it wait, and in the end block its
// password, but not for the person whose browser this is. What it keeps proves
// nothing else. It opens nothing, stands for no step, and dies with the password and with
// a restart.
const (
	laneLasts = 90 * day
	// LaneTokens is how many of them one browser keeps: people share computers.
	LaneTokens = 4

	lanesMost = 10 // of one person; the one that was not used for longest goes
	// mostInLane is how many wrong passwords in a row close a lane for good; behind
	// it that browser is a stranger's.
	mostInLane int64 = 20

	tokenOfLane = "browser"
)

// Lane is what a browser keeps of a full sign-in.
type Lane struct {
	Token     string
	ExpiresAt time.Time
}

// laneRow is which of a person's browsers the actor is in; the zero one is a
// stranger's. For an address that nobody owns (u is nil) it asks the same question.
type laneRow struct{ id, token string }

func (c *Core) laneOf(r reader, by Actor, u *userRow) (known laneRow, err error) {
	who := &userRow{}
	if u != nil {
		who = u
	}
	for _, token := range by.browsers {
		if _, ok := keyOf(token, tokenOfLane); !ok {
			continue
		}
		var hash []byte
		want := c.keys.TokenHash(tokenOfLane, token)
		err := r.row(`SELECT id, token_hash FROM lanes WHERE token_hash = $1 AND user_id = $2 AND team_id = $3 AND expires_at > $4`,
			want, who.id, who.teamID, ms(c.Now())).Scan(&known.id, &hash)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return laneRow{}, err
		case bytes.Equal(hash, want):
			known.token = token
		}
	}
	return known, nil
}

// openLane gives a browser that passed the second step its lane, or keeps the one
// that it has, in the transaction that opens the session; nil where nothing would keep it.
func (t *tx) openLane(by Actor, u *userRow) (*Lane, error) {
	if !by.keeps {
		return nil, nil
	}
	b := &Lane{ExpiresAt: t.now.Add(laneLasts)}
	known, err := t.c.laneOf(t, by, u)
	if err != nil {
		return nil, err
	}
	if known.id != "" {
		b.Token = known.token
		if _, err := t.exec(`UPDATE lanes SET last_used_at = $1, expires_at = $2 WHERE id = $3 AND user_id = $4 AND team_id = $5`,
			ms(t.now), ms(b.ExpiresAt), known.id, u.id, u.teamID); err != nil {
			return nil, err
		}
		return b, t.deleteThrottleOfLane(known.id)
	}
	b.Token = seal.NewToken()
	if _, err := t.exec(`INSERT INTO lanes (id, team_id, user_id, token_hash, created_at, last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`,
		newID(), u.teamID, u.id, t.c.keys.TokenHash(tokenOfLane, b.Token), ms(t.now), ms(b.ExpiresAt)); err != nil {
		return nil, err
	}
	return b, t.dropLanes(`user_id = $1 AND team_id = $2 AND id NOT IN
		(SELECT id FROM lanes WHERE user_id = $1 AND team_id = $2 ORDER BY last_used_at DESC, id DESC LIMIT $3)`, u.id, u.teamID, lanesMost)
}

// dropLanes closes lanes, with their counters.
func (t *tx) dropLanes(where string, args ...any) error {
	var ids []string
	err := t.each(`DELETE FROM lanes WHERE `+where+` RETURNING id`, args, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	for _, id := range ids {
		if err == nil {
			err = t.deleteThrottleOfLane(id)
		}
	}
	return err
}

// closeLane makes a browser in which too many wrong passwords were typed a stranger's.
func (t *tx) closeLane(tr tries) error {
	return t.dropLanes(`id = $1 AND user_id = $2 AND team_id = $3`, tr.browser, tr.u.id, tr.u.teamID)
}

func (t *tx) deleteLanes(u *userRow) error {
	return t.dropLanes(`user_id = $1 AND team_id = $2`, u.id, u.teamID)
}

func (t *tx) forgetOldLanes() error {
	return t.dropLanes(`expires_at <= $1`, ms(t.now))
}
