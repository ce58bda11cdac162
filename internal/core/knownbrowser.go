package core

import (
	"database/sql"
	"errors"
	"strings"
	"time"
)

// This file knows with which browsers a person has signed in, so that a letter can
// tell them of a new one and an approver sees whether a request comes from one. It
// decides about no access: a User-Agent is the client's to write.

const (
	// browserForgotten is after what time a browser counts as new again.
	browserForgotten = 90 * day
	// browserNoted is how often at most a browser's last time is written.
	browserNoted = day
	// browsersMost is how many are kept of a person, those seen last: whoever has the
	// password must not fill the table with made-up names.
	browsersMost = 20
	familyLimit  = 40
)

// browserNames and systemNames are looked for in this order: most browsers claim to
// be an older one too, which stands further down.
var (
	browserNames = [...][2]string{
		{"edg/", "edge"},
		{"edga/", "edge"},
		{"edgios/", "edge"},
		{"opr/", "opera"},
		{"vivaldi/", "vivaldi"},
		{"samsungbrowser/", "samsung"},
		{"firefox/", "firefox"},
		{"fxios/", "firefox"},
		{"crios/", "chrome"},
		{"chrome/", "chrome"},
		{"safari/", "safari"},
	}
	systemNames = [...][2]string{
		{"android", "android"}, {"iphone", "ios"}, {"ipad", "ios"}, {"windows", "windows"}, {"cros", "chromeos"}, {"mac os x", "macos"}, {"freebsd", "freebsd"}, {"linux", "linux"},
	}
)

// browserFamily folds a User-Agent to browser and system: an update of either is no
// new browser. A program that is none is known by its name.
func browserFamily(device string) string {
	device = strings.ToLower(cut(device, deviceLimit))
	find := func(names [][2]string) string {
		for _, n := range names {
			if strings.Contains(device, n[0]) {
				return n[1]
			}
		}
		return ""
	}
	if browser := find(browserNames[:]); browser != "" {
		return browser + "/" + find(systemNames[:])
	}
	name, _, _ := strings.Cut(device, "/")
	return cut(name, familyLimit)
}

// browserSeen says whether a person has signed in with such a browser within the
// last 90 days.
func (c *Core) browserSeen(r reader, u *userRow, device string) (bool, error) {
	seen, _, err := seenBrowser(r, u, browserFamily(device), c.Now())
	return seen, err
}

// seenBrowser also says when that was written down last, 0 for never. The sessions that
// are kept count too, since accounts are older than what is noted here: those behind a
// second step, and none that somebody disowned.
func seenBrowser(r reader, u *userRow, family string, now time.Time) (seen bool, notedAt int64, err error) {
	since := ms(now.Add(-browserForgotten))
	err = r.row(`SELECT last_seen_at FROM known_browsers WHERE user_id = $1 AND team_id = $2 AND family = $3`, u.id, u.teamID, family).Scan(&notedAt)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || notedAt > since {
		return notedAt > since, notedAt, err
	}
	err = r.each(`SELECT device FROM sessions WHERE user_id = $1 AND team_id = $2 AND created_at > $3
			AND second_step <> 'none' AND end_reason NOT IN ($4, $5)`, []any{u.id, u.teamID, since, string(EndedFrozen), string(EndedNotMe)},
		func(scan func(...any) error) error {
			var used string
			err := scan(&used)
			seen = seen || browserFamily(used) == family
			return err
		})
	return seen, notedAt, err
}

// noteBrowser remembers the browser of a full sign-in, before its session is
// opened, and says whether it is new.
func (t *tx) noteBrowser(u *userRow, device string) (isNew bool, err error) {
	family := browserFamily(device)
	seen, notedAt, err := seenBrowser(t, u, family, t.now)
	if err != nil || notedAt >= ms(t.now.Add(-browserNoted)) {
		return false, err
	}
	if _, err := t.exec(`INSERT INTO known_browsers (team_id, user_id, family, last_seen_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, family) DO UPDATE SET last_seen_at = excluded.last_seen_at`,
		u.teamID, u.id, family, ms(t.now)); err != nil || seen {
		return false, err
	}
	_, err = t.exec(`DELETE FROM known_browsers WHERE user_id = $1 AND team_id = $2 AND family NOT IN
		(SELECT family FROM known_browsers WHERE user_id = $1 AND team_id = $2 ORDER BY last_seen_at DESC, family LIMIT $3)`, u.id, u.teamID, browsersMost)
	return true, err
}

// forgetBrowsers is for an account whose browsers may have been somebody else's.
func (t *tx) forgetBrowsers(u *userRow) error {
	_, err := t.exec(`DELETE FROM known_browsers WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

func (t *tx) forgetOldBrowsers() error {
	_, err := t.exec(`DELETE FROM known_browsers WHERE last_seen_at < $1`, ms(t.now.Add(-browserForgotten-time.Hour)))
	return err
}
