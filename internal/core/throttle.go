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

// charge is one try that has been counted.
type charge struct {
	fails     int64 // failures in a row, this one included
	nextTryAt int64
}

// wrong puts what a counted wrong try means into the refusal: how many free
// tries are left, or how long the pause is that it began.
func (ch charge) wrong(r *Refusal) *Refusal {
	r.Counted, r.TriesLeft = true, int(max(0, freeTries-ch.fails))
	r.RetryAfter = waitAfter(ch.fails)
	return r.with("misses", int(ch.fails))
}

// waiting is the refusal while a pause runs; nothing was compared or counted.
func waiting(code Code, now time.Time, nextTryAt int64) *Refusal {
	r := refuseField(code, "code")
	r.RetryAfter = max(at(nextTryAt).Sub(now), time.Second)
	return r
}

// chargePassword counts a try at the password of an account, or of an address
// that belongs to none: both wait alike (R12). The subject is a keyed hash.
func (t *tx) chargePassword(subject []byte) (charge, error) {
	if _, err := t.exec(`INSERT INTO throttles (subject, fails, next_try_at, updated_at) VALUES ($1, 0, 0, $2) ON CONFLICT (subject) DO NOTHING`, subject, ms(t.now)); err != nil {
		return charge{}, err
	}
	var ch charge
	found := false
	err := t.each(`UPDATE throttles SET `+chargeSet+`, updated_at = $1 WHERE subject = $2 AND next_try_at <= $1 RETURNING fails, next_try_at`,
		[]any{ms(t.now), subject}, func(scan func(...any) error) error {
			found = true
			return scan(&ch.fails, &ch.nextTryAt)
		})
	if err != nil || found {
		return ch, err
	}
	var until int64
	if err := t.row(`SELECT next_try_at FROM throttles WHERE subject = $1`, subject).Scan(&until); err != nil {
		return charge{}, err
	}
	r := waiting(TooManyTries, t.now, until)
	r.Field = ""
	return charge{}, r
}

// refundPassword gives a try back that was never compared.
func (t *tx) refundPassword(subject []byte, ch charge) error {
	_, err := t.exec(`UPDATE throttles SET fails = fails - 1, next_try_at = CASE WHEN next_try_at = $1 THEN 0 ELSE next_try_at END WHERE subject = $2 AND fails > 0`, ch.nextTryAt, subject)
	return err
}

// clearPassword forgets the failures after a right password.
func (t *tx) clearPassword(subject []byte) error {
	_, err := t.exec(`UPDATE throttles SET fails = 0, next_try_at = 0, updated_at = $1 WHERE subject = $2`, ms(t.now), subject)
	return err
}

// passwordSubject is the throttle's key: the account's, else the address's.
func (c *Core) passwordSubject(u *userRow, email string) []byte {
	if u != nil {
		return c.keys.MAC("throttle", []byte("user/"+u.id))
	}
	return c.keys.MAC("throttle", []byte("address/"+foldEmail(email)))
}

// forgetOldThrottles removes counters that nobody has touched for 30 days: most
// are of addresses that belong to nobody.
func (t *tx) forgetOldThrottles() error {
	_, err := t.exec(`DELETE FROM throttles WHERE updated_at < $1 AND next_try_at < $2`, ms(t.now.Add(-30*day)), ms(t.now))
	return err
}
