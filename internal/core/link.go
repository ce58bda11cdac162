package core

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"doorstep/internal/seal"
)

// One-use links are exchanged on arrival for a short-lived form: the token leaves
// the address bar, and opening a link (mail scanners do) consumes nothing (R9).
const (
	setupLinkLasts    = time.Hour
	passwordLinkLasts = 7 * day
	resetLinkLasts    = time.Hour
	emailLinkLasts    = day
	undoLinkLasts     = 3 * day
	formLasts         = 15 * time.Minute

	purposeSetup    = "setup"
	purposePassword = "password"
	purposeReset    = "reset"
	purposeEmail    = "email"
	purposeUndo     = "email-undo"

	tokenOfLink = "link"
)

// Link is a one-use link: the token of its address, and until when it works.
type Link struct {
	Token     string
	ExpiresAt time.Time
	id        string
}

type linkRow struct{ id, teamID, userID string }

// makeLink replaces the earlier links of this purpose to this person.
func (t *tx) makeLink(purpose string, u *userRow, lasts time.Duration) (*Link, error) {
	var teamID, userID string
	if u != nil {
		teamID, userID = u.teamID, u.id
	}
	if err := t.deleteLinksOf(purpose, teamID, userID); err != nil {
		return nil, err
	}
	return t.addLink(purpose, teamID, userID, lasts)
}

// addLink makes one beside the earlier ones.
func (t *tx) addLink(purpose, teamID, userID string, lasts time.Duration) (*Link, error) {
	l := &Link{Token: seal.NewToken(), ExpiresAt: t.now.Add(lasts), id: newID()}
	_, err := t.exec(`INSERT INTO links (id, team_id, user_id, purpose, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		l.id, teamID, userID, purpose, t.c.keys.TokenHash(tokenOfLink, l.Token), ms(t.now), ms(l.ExpiresAt))
	return l, err
}

// openLink exchanges a link's token for a form's. It only reads: a mail scanner, a
// second browser or a HEAD that opens the link too must not close the form that
// somebody is filling in. The form's token therefore is no row but a signed text:
// which link, until when. Refuses: link-gone.
func (c *Core) openLink(ctx context.Context, purpose, token string) (form string, err error) {
	var id string
	err = c.read(ctx).row(`SELECT id FROM links WHERE token_hash = $1 AND purpose = $2 AND used_at = 0 AND expires_at > $3`,
		c.keys.TokenHash(tokenOfLink, token), purpose, ms(c.Now())).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", refuse(LinkGone)
	}
	return c.signForm(purpose, id, ms(c.Now().Add(formLasts)), seal.NewToken()), err
}

// formOf takes a form's token, or the link's own from a client that has no address
// bar to keep it out of. Refuses: link-gone.
func (c *Core) formOf(ctx context.Context, purpose, text string) (form string, err error) {
	if strings.Contains(text, ".") {
		return text, nil
	}
	return c.openLink(ctx, purpose, text)
}

// orGone says of somebody who is not there any more that their link is not either.
func orGone(err error) error {
	if IsRefusal(err, Missing) {
		return refuse(LinkGone)
	}
	return err
}

// signForm makes a form's token; the nonce makes each opening's its own, so that
// what is bound to one browser's form is worth nothing in another.
func (c *Core) signForm(purpose, linkID string, until int64, nonce string) string {
	body := linkID + "." + strconv.FormatInt(until, 10) + "." + nonce
	return body + "." + base64.RawURLEncoding.EncodeToString(c.keys.MAC("link-form/"+purpose, []byte(body)))
}

// linkByForm reads the link behind a form. Refuses: link-gone.
func (c *Core) linkByForm(r reader, purpose, form string) (*linkRow, error) {
	now := ms(c.Now())
	id, rest, _ := strings.Cut(form, ".")
	text, rest, _ := strings.Cut(rest, ".")
	nonce, _, _ := strings.Cut(rest, ".")
	until, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !isID(id) || !hmac.Equal([]byte(form), []byte(c.signForm(purpose, id, until, nonce))) {
		return nil, refuse(LinkGone)
	}
	if until <= now {
		return nil, refuse(LinkGone).with("form", "old") // its link may still be good
	}
	var l linkRow
	err = r.row(`SELECT id, team_id, user_id FROM links WHERE id = $1 AND purpose = $2 AND used_at = 0 AND expires_at > $3`, id, purpose, now).
		Scan(&l.id, &l.teamID, &l.userID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(LinkGone)
	}
	return &l, err
}

// useLink uses the link up, in the transaction of what it allowed.
func (t *tx) useLink(l *linkRow) error {
	return t.must(refuse(LinkGone), `UPDATE links SET used_at = $1 WHERE id = $2 AND team_id = $3 AND used_at = 0 AND expires_at > $1`, ms(t.now), l.id, l.teamID)
}

func (t *tx) deleteLinksFor(purpose string, u *userRow) error {
	return t.deleteLinksOf(purpose, u.teamID, u.id)
}

func (t *tx) deleteLinksOf(purpose, teamID, userID string) error {
	_, err := t.exec(`DELETE FROM links WHERE purpose = $1 AND team_id = $2 AND user_id = $3`, purpose, teamID, userID)
	return err
}

// revokeLinks kills the links that a change of credentials overtakes: what somebody
// asked for before it must not undo it. The one that restores an address stays: it
// is there for the case that the change was an intruder's.
func (t *tx) revokeLinks(u *userRow) error {
	_, err := t.exec(`DELETE FROM links WHERE user_id = $1 AND team_id = $2 AND purpose <> $3`, u.id, u.teamID, purposeUndo)
	return err
}

func (t *tx) deleteLinks(u *userRow) error {
	_, err := t.exec(`DELETE FROM links WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

func (t *tx) forgetOldLinks() error {
	_, err := t.exec(`DELETE FROM links WHERE expires_at < $1`, ms(t.now.Add(-30*day)))
	return err
}
