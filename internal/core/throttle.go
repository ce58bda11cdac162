package core

import (
	"fmt"
	"strings"
	"time"
)

// R13: five tries are free, then waits of 30 s that double up to an hour. A try
// is charged before the comparison, in a statement of its own that is committed
// whatever happens after it: guesses in parallel, on any number of replicas,
// are evaluated exactly as often as the rule allows.
const (
	freeTries = 5
	firstWait = 30 * time.Second
	longWait  = time.Hour
)

// After so many failures in a row a method is blocked: it is set up anew and not
// waited out (NIST SP 800-63B-4 §3.2.2 allows 100). A guarded charge stops there, so
// a block is nothing but the counter's value: no try is compared past it, ever.
const (
	mostCodes         int64 = 50
	mostRecoveryCodes int64 = 20
	mostPasswords     int64 = 100
)

// waitAfter is how long the next try waits after so many failures in a row.
func waitAfter(fails int64) time.Duration {
	if fails < freeTries {
		return 0
	}
	wait := firstWait
	for i := int64(freeTries); i < fails && wait < longWait; i++ {
		wait *= 2
	}
	return min(wait, longWait)
}

// chargeSet is the SET clause of a charge, made from waitAfter so that the rule
// stands once; it reads now from $1.
var chargeSet = func() string {
	var b strings.Builder
	b.WriteString("fails = fails + 1, next_try_at = CASE")
	for fails := int64(1); ; fails++ {
		wait := waitAfter(fails)
		if wait >= longWait {
			fmt.Fprintf(&b, " ELSE CAST($1 AS BIGINT) + %d END", wait.Milliseconds())
			return b.String()
		}
		if wait == 0 {
			fmt.Fprintf(&b, " WHEN fails + 1 = %d THEN 0", fails)
		} else {
			fmt.Fprintf(&b, " WHEN fails + 1 = %d THEN CAST($1 AS BIGINT) + %d", fails, wait.Milliseconds())
		}
	}
}()

// pauseOf is the length of the pause that a row's failures began, as SQL.
var pauseOf = func() string {
	var b strings.Builder
	b.WriteString("CASE")
	for fails := int64(freeTries); ; fails++ {
		wait := waitAfter(fails)
		if wait >= longWait {
			fmt.Fprintf(&b, " ELSE %d END", wait.Milliseconds())
			return b.String()
		}
		fmt.Fprintf(&b, " WHEN fails = %d THEN %d", fails, wait.Milliseconds())
	}
}()

// charge is one try that has been counted.
type charge struct {
	fails     int64 // failures in a row, this one included
	nextTryAt int64
	most      int64 // failures in a row that block; 0 for never
}

// blocks says whether a wrong try was the one that blocked its method.
func (ch charge) blocks() bool { return ch.most > 0 && ch.fails >= ch.most }

// wrong puts what a counted wrong try means into the refusal: how many free
// tries are left, or how long the pause is that it began.
func (ch charge) wrong(r *Refusal) *Refusal {
	r.Counted, r.TriesLeft = true, int(max(0, freeTries-ch.fails))
	if r.Blocked = ch.blocks(); !r.Blocked {
		r.RetryAfter = waitAfter(ch.fails)
	}
	return r.with("misses", int(ch.fails))
}

// waiting is the refusal while a pause runs; nothing was compared or counted.
func waiting(code Code, now time.Time, nextTryAt int64) *Refusal {
	r := refuseField(code, "code")
	r.RetryAfter = max(at(nextTryAt).Sub(now), time.Second)
	return r
}

// tries is one counter of tries at a password. Strangers at an address share one,
// whoever is signed in has another, and so has each browser that signed in before:
// nobody is locked out by somebody else's guesses.
type tries struct {
	subject []byte   // a keyed hash
	u       *userRow // whose; nil for an address that belongs to nobody
	browser string   // the id of the browser whose lane it is, "" for none
	most    int64
}

// triesAt is the counter of everybody who types this address: the account's, else
// the address's. Both look alike in all they answer (R12).
func (c *Core) triesAt(u *userRow, email string) tries {
	if u != nil {
		return tries{subject: c.keys.MAC("throttle", []byte("user/"+u.id)), u: u, most: mostPasswords}
	}
	return tries{subject: c.keys.MAC("throttle", []byte("address/"+foldEmail(email))), most: mostPasswords}
}

// triesSignedIn is the counter of whoever holds a session of this account.
func (c *Core) triesSignedIn(u *userRow) tries {
	return tries{subject: c.keys.MAC("throttle", []byte("signed-in/"+u.id)), u: u, most: mostPasswords}
}

func (c *Core) triesInLane(u *userRow, browser string) tries {
	return tries{subject: c.subjectOfLane(browser), u: u, browser: browser, most: mostInLane}
}

func (c *Core) subjectOfLane(id string) []byte {
	return c.keys.MAC("throttle", []byte("browser/"+id))
}

// owner names the account and its team, "" for nobody's.
func (tr tries) owner() (teamID, userID string) {
	if tr.u == nil {
		return "", ""
	}
	return tr.u.teamID, tr.u.id
}

// chargePassword counts a try at the password of an account, or of an address
// that belongs to none. Refuses: too-many-tries, password-blocked.
func (t *tx) chargePassword(tr tries) (charge, error) {
	teamID, userID := tr.owner()
	if _, err := t.exec(`INSERT INTO throttles (subject, team_id, user_id, fails, next_try_at, updated_at) VALUES ($1, $2, $3, 0, 0, $4) ON CONFLICT (subject) DO NOTHING`,
		tr.subject, teamID, userID, ms(t.now)); err != nil {
		return charge{}, err
	}
	ch := charge{most: tr.most}
	found := false
	err := t.each(`UPDATE throttles SET `+chargeSet+`, updated_at = $1, team_id = $2, user_id = $3 WHERE subject = $4 AND next_try_at <= $1 AND fails < $5 RETURNING fails, next_try_at`,
		[]any{ms(t.now), teamID, userID, tr.subject, tr.most}, func(scan func(...any) error) error {
			found = true
			return scan(&ch.fails, &ch.nextTryAt)
		})
	if err != nil || found {
		return ch, err
	}
	var fails, until int64
	if err := t.row(`SELECT fails, next_try_at FROM throttles WHERE subject = $1`, tr.subject).Scan(&fails, &until); err != nil {
		return charge{}, err
	}
	if fails >= tr.most {
		return charge{}, refuse(PasswordBlocked)
	}
	r := waiting(TooManyTries, t.now, until)
	r.Field = ""
	return charge{}, r
}

// refundPassword gives a try back that was never compared.
func (t *tx) refundPassword(tr tries, ch charge) error {
	_, err := t.exec(`UPDATE throttles SET fails = fails - 1, next_try_at = CASE WHEN next_try_at = $1 THEN 0 ELSE next_try_at END WHERE subject = $2 AND fails > 0`, ch.nextTryAt, tr.subject)
	return err
}

// clearPassword forgets the failures after a right password, those of its own
// counter alone: signing in from a browser of one's own gives strangers no new tries.
func (t *tx) clearPassword(tr tries) error {
	_, err := t.exec(`UPDATE throttles SET fails = 0, next_try_at = 0, updated_at = $1 WHERE subject = $2`, ms(t.now), tr.subject)
	return err
}

// deleteThrottles forgets all tries at a person's password.
func (t *tx) deleteThrottles(u *userRow) error {
	_, err := t.exec(`DELETE FROM throttles WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

func (t *tx) deleteThrottleOfLane(id string) error {
	_, err := t.exec(`DELETE FROM throttles WHERE subject = $1`, t.c.subjectOfLane(id))
	return err
}

// forgetOldThrottles removes counters that nobody has touched for 30 days, of
// addresses that belong to nobody. What was tried at an account is kept until a right
// or a new password: a block cannot be waited out.
func (t *tx) forgetOldThrottles() error {
	_, err := t.exec(`DELETE FROM throttles WHERE updated_at < $1 AND next_try_at < $2 AND (user_id = '' OR fails = 0)`, ms(t.now.Add(-30*day)), ms(t.now))
	return err
}

// countWithin counts one more of what may happen so often in a time, which begins
// with the first. It says whether this one is still within, and when the next may
// be where it is not.
func (t *tx) countWithin(what string, most int64, in time.Duration) (within bool, next time.Time, err error) {
	subject := t.c.keys.MAC("throttle", []byte(what))
	if _, err := t.exec(`INSERT INTO throttles (subject, fails, next_try_at, updated_at) VALUES ($1, 0, 0, $2) ON CONFLICT (subject) DO NOTHING`, subject, ms(t.now)); err != nil {
		return false, time.Time{}, err
	}
	n, err := t.exec(`UPDATE throttles SET fails = CASE WHEN next_try_at <= $1 THEN 1 ELSE fails + 1 END,
			next_try_at = CASE WHEN next_try_at <= $1 THEN $2 ELSE next_try_at END, updated_at = $1
		WHERE subject = $3 AND (next_try_at <= $1 OR fails < $4)`, ms(t.now), ms(t.now.Add(in)), subject, most)
	if err != nil || n == 1 {
		return n == 1, time.Time{}, err
	}
	var until int64
	err = t.row(`SELECT next_try_at FROM throttles WHERE subject = $1`, subject).Scan(&until)
	return false, at(until), err
}
