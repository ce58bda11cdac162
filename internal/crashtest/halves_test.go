package crashtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"doorstep/internal/db"
)

// An act is one transaction with one time in it, so its event and its letters bear
// the same millisecond: whichever is missing was done by halves.

type happened struct {
	event, target string
	at            int64
	details       map[string]any
}

// lettersOf is which letters an event queues to the person it is about.
func lettersOf(e happened) []string {
	switch e.event {
	case "two_step.activated":
		return []string{"activated"}
	case "two_step.deactivated":
		return []string{"deactivated"}
	case "two_step.restarted":
		return []string{"restarted"}
	case "password.set":
		return []string{"password_set"}
	case "password.link_asked":
		if e.details["sent"] == true {
			return []string{"pwlink"}
		}
	case "user.invited":
		return []string{"invite"}
	case "session.started":
		if e.details["new_browser"] == true {
			if e.details["second_step"] == "none" {
				return []string{"device_password"}
			}
			return []string{"device"}
		}
	case "recovery_code.used":
		list := []string{"code_used"}
		if e.details["for"] == "password_reset" {
			list = []string{"code_used_reset"}
		}
		switch n, _ := e.details["recovery_codes_left"].(float64); {
		case n == 0:
			list = append(list, "codes_none")
		case n <= 2:
			list = append(list, "codes_low")
		}
		return list
	}
	return nil
}

// ofNoEvent are the letters that are looked at in another way, or not by name.
var ofNoEvent = []string{"replay", "person_limit", "limit", "policy_changed"}

// consistent looks for halves in all that ever happened here.
func (c *crew) consistent(d *db.DB) {
	c.t.Helper()
	events, owners := c.events(d), int64(0)
	c.rows(d, `SELECT COUNT(*) FROM users WHERE role = 'owner' AND status = 'active'`, func(scan func(...any) error) error { return scan(&owners) })
	want, acts := map[string]int{}, 0
	sessions, restarts, codesUsed, linksUsed, activated := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	lastEnd := map[string]int64{}
	for _, e := range events {
		for _, kind := range lettersOf(e) {
			want[fmt.Sprint(kind, " to ", e.target, " at ", e.at)]++
		}
		moment := fmt.Sprint(e.target, " at ", e.at)
		switch e.event {
		case "two_step.restarted":
			want[fmt.Sprint("restarted_owners at ", e.at)] += int(owners)
			restarts[fmt.Sprint(e.details["restart"])]++
			lastEnd[e.target] = max(lastEnd[e.target], e.at)
		case "two_step.deactivated":
			lastEnd[e.target] = max(lastEnd[e.target], e.at)
		case "password.set":
			linksUsed[moment]++
			lastEnd[e.target] = max(lastEnd[e.target], e.at)
		case "two_step.activated":
			activated[moment]++
		case "user.joined":
			linksUsed[moment]++
		case "session.started":
			sessions[fmt.Sprint(e.details["session"])]++
		case "recovery_code.used":
			codesUsed[moment]++
		default:
			continue
		}
		acts++
	}
	c.counts("acts looked at", acts)
	c.rows(d, `SELECT activated_at FROM reactivations`, func(scan func(...any) error) error {
		var at int64
		err := scan(&at)
		want[fmt.Sprint("activated_again at ", at)] += int(owners) + 1 // the approver, who is an admin
		return err
	})
	c.within(d, "reactivations", activated, `SELECT user_id, activated_at FROM reactivations`)
	c.sameLetters(d, want)
	c.same(d, "sessions", sessions, `SELECT id FROM sessions`)
	c.same(d, "restarts", restarts, `SELECT id FROM restarts`)
	c.within(d, "recovery codes", codesUsed, `SELECT user_id, used_at FROM recovery_codes WHERE used_at <> 0`)
	c.within(d, "links", linksUsed, `SELECT user_id, used_at FROM links WHERE used_at <> 0`)
	c.rows(d, `SELECT user_id, id, created_at FROM sessions WHERE ended_at = 0`, func(scan func(...any) error) error {
		var user, id string
		var created int64
		if err := scan(&user, &id, &created); err != nil {
			return err
		}
		if created < lastEnd[user] {
			c.fault("the session %s outlived what ended all of its person's", id)
		}
		return nil
	})
}

func (c *crew) events(d *db.DB) (list []happened) {
	c.t.Helper()
	c.rows(d, `SELECT event, target_id, at, details FROM audit_events ORDER BY at`, func(scan func(...any) error) error {
		var e happened
		var details string
		if err := scan(&e.event, &e.target, &e.at, &details); err != nil {
			return err
		}
		list = append(list, e)
		return json.Unmarshal([]byte(details), &list[len(list)-1].details)
	})
	return list
}

func (c *crew) sameLetters(d *db.DB, want map[string]int) {
	c.t.Helper()
	got := map[string]int{}
	c.rows(d, `SELECT kind, user_id, created_at FROM outbox`, func(scan func(...any) error) error {
		var kind, user string
		var at int64
		if err := scan(&kind, &user, &at); err != nil {
			return err
		}
		switch {
		case kind == "restarted_owners" || kind == "activated_again":
			got[fmt.Sprint(kind, " at ", at)]++
		case !slices.Contains(ofNoEvent, kind):
			got[fmt.Sprint(kind, " to ", user, " at ", at)]++
		}
		return nil
	})
	c.equal("letters", want, got)
}

// same: each event names one row, and each row has its event.
func (c *crew) same(d *db.DB, what string, want map[string]int, query string) {
	c.t.Helper()
	got := map[string]int{}
	c.rows(d, query, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		got[id]++
		return err
	})
	c.equal(what, want, got)
}

func (c *crew) equal(what string, want, got map[string]int) {
	c.t.Helper()
	if maps.Equal(want, got) {
		return
	}
	for k, n := range want {
		if got[k] != n {
			c.fault("%s: %d of %s, and events for %d", what, got[k], k, n)
		}
	}
	for k, n := range got {
		if want[k] == 0 {
			c.fault("%s: %d of %s without an event", what, n, k)
		}
	}
}

// within: what is used has an event of the same moment. Used rows go with their set.
func (c *crew) within(d *db.DB, what string, events map[string]int, query string) {
	c.t.Helper()
	left := maps.Clone(events)
	c.rows(d, query, func(scan func(...any) error) error {
		var user string
		var at int64
		if err := scan(&user, &at); err != nil {
			return err
		}
		moment := fmt.Sprint(user, " at ", at)
		if left[moment]--; left[moment] < 0 {
			c.fault("%s: one of %s is used without an event", what, moment)
		}
		return nil
	})
}

// integrity asks SQLite about its file.
func (c *crew) integrity(d *db.DB) {
	c.t.Helper()
	if c.postgres != "" {
		return
	}
	var lines []string
	for _, question := range []string{`PRAGMA integrity_check`, `PRAGMA foreign_key_check`} {
		c.rows(d, question, func(scan func(...any) error) error {
			var line string
			err := scan(&line)
			lines = append(lines, line)
			return err
		})
	}
	if c.counts("integrity checks", 1); strings.Join(lines, "\n") != "ok" {
		c.fault("integrity_check: %s", strings.Join(lines, "\n"))
	}
}
