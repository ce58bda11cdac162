package crashtest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"doorstep/internal/db"
	"doorstep/internal/totp"
)

// facts are what the tables say of one person.
type facts struct {
	id, status, state                                    string
	authenticators, lastStep, sets, codes, used, counted int64
	live, restarts, resets                               int64
}

const factsOfAll = `SELECT u.email, u.id, u.status, u.two_step,
	(SELECT COUNT(*) FROM authenticators a WHERE a.user_id = u.id),
	COALESCE((SELECT MAX(a.last_step) FROM authenticators a WHERE a.user_id = u.id), 0),
	(SELECT COUNT(*) FROM recovery_code_sets s WHERE s.user_id = u.id),
	(SELECT COUNT(*) FROM recovery_codes k WHERE k.user_id = u.id),
	(SELECT COUNT(*) FROM recovery_codes k WHERE k.user_id = u.id AND k.used_at <> 0),
	COALESCE((SELECT n FROM codes_left l WHERE l.user_id = u.id), 0),
	(SELECT COUNT(*) FROM sessions s WHERE s.user_id = u.id AND s.ended_at = 0),
	(SELECT COUNT(*) FROM restarts r WHERE r.user_id = u.id),
	(SELECT COUNT(*) FROM audit_events e WHERE e.team_id = u.team_id AND e.target_id = u.id AND e.event = 'password.set')
	FROM users u`

// beside opens the database beside the program. It is closed before the next kill:
// SQLite recovers only a file that nobody else has open.
func (c *crew) beside() *db.DB {
	c.t.Helper()
	o := db.Options{SQLite: c.data + "/doorstep.db"}
	if c.postgres != "" {
		o = db.Options{Postgres: c.postgres}
	}
	d, err := db.Open(context.Background(), o)
	if err != nil {
		c.t.Fatalf("open the database beside the program: %v", err)
	}
	return d
}

func (c *crew) facts(d *db.DB) map[string]facts {
	c.t.Helper()
	all := map[string]facts{}
	c.rows(d, factsOfAll, func(scan func(...any) error) error {
		var email string
		var f facts
		err := scan(&email, &f.id, &f.status, &f.state, &f.authenticators, &f.lastStep, &f.sets, &f.codes, &f.used, &f.counted, &f.live, &f.restarts, &f.resets)
		all[email] = f
		return err
	})
	return all
}

func (c *crew) rows(d *db.DB, query string, scan func(func(...any) error) error) {
	c.t.Helper()
	rows, err := d.Read().Query(context.Background(), query)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		c.t.Fatal(err)
	}
}

// check looks at everything after a crash: first what became of the calls whose
// answers were lost, then whether what was used is still used, then whether what was
// said, what stands in the tables and what the program says are one.
func (c *crew) check() {
	c.t.Helper()
	d := c.beside()
	defer d.Close()
	before := c.facts(d)
	for _, p := range c.people {
		if p.doubt != nil {
			c.settle(p, before[p.email])
		}
	}
	c.replays()
	now := c.facts(d)
	for _, p := range c.people {
		c.compares(p, now)
		c.probes(p)
		p.busy, p.accepted = false, nil
	}
	c.people = slices.DeleteFunc(c.people, func(p *person) bool { return p.state == "nobody" })
	for _, a := range c.admins {
		if got := c.call(a.from, a.token, http.MethodGet, "/session", nil); got.status != http.StatusOK {
			c.fault("the session of %s is lost: %d %s", a.email, got.status, got.raw)
		}
	}
	c.consistent(d)
	c.integrity(d)
}

// settle finds out whether the call was done, by the one fact that it changes, and
// takes the whole of what it would have done from there: compares finds what is half.
func (c *crew) settle(p *person, f facts) {
	d := p.doubt
	p.doubt = nil
	done := false
	usedCode := d.code.step > 0 && f.lastStep == d.code.step && f.state == "active" || d.code.step == 0 && d.code.code != "" && f.used == int64(len(p.used))+1
	switch d.what {
	case "sign-in", "activation begun", "activation confirmed":
		if p.state != "active" && f.live == int64(len(p.live)+p.unknown)+1 {
			p.unknown++
		}
		return
	case "second step":
		if done = usedCode; done {
			p.uses(d.code)
			p.unknown++
		} else {
			c.accepts(p, d.code)
		}
	case "activation finished":
		if done = f.state == "active"; done {
			p.isActive(d.key, d.code.step, d.codes)
			p.accepted = append(p.accepted, d.code)
			p.unknown = 1 // whose token was in the answer
		}
	case "deactivation":
		if done = f.state == "due"; done {
			p.isDue()
		} else {
			c.accepts(p, d.code)
		}
	case "restart":
		if done = f.restarts == int64(p.restarts)+1; done {
			p.restarts++
			p.isDue()
		}
	case "sign-out":
		if done = c.call(p.from, d.token, http.MethodGet, "/session", nil).status == http.StatusUnauthorized; done {
			p.hasEnded(d.token)
		}
	case "password reset":
		if done = f.resets == int64(p.resets)+1; done {
			p.hasReset(c, d.password, d.link, d.code)
		} else {
			p.link = d.link // still good
		}
	case "invitation":
		if done = f.id != ""; done {
			p.id = f.id
		} else {
			p.state = "nobody"
		}
	case "joining":
		if done = f.status == "active"; done {
			p.hasJoined(c, d.link)
		} else {
			p.link = d.link
		}
	}
	c.counts("answers lost", 1)
	if done {
		c.counts("answers lost of what was done", 1)
	}
	if done && d.unavail {
		c.counts("done but answered with 503", 1)
	}
}

// accepts: a code whose acceptance was undone by the crash is as good as before.
func (c *crew) accepts(p *person, code spentCode) {
	if now := totp.StepAt(time.Now()); code.step > 0 && (code.step < now || code.step > now+1) {
		return
	}
	attempt, _, ok := c.begins(p)
	if !ok || p.state != "active" {
		return
	}
	c.provesSecondStep(p, attempt, code)
	if p.doubt == nil {
		c.counts("codes good after all", 1)
	}
}

const (
	replaysAtOnce  = 4
	missesThatWait = 3 // in a row, so that the pause after five is far
)

// replays sends codes that were accepted since the last kill once more, and links.
func (c *crew) replays() {
	left := replaysAtOnce
	for _, i := range shuffled(len(c.people)) {
		p := c.people[i]
		for _, link := range newest(p.spent, 1) {
			a := c.call(p.from, "", http.MethodPost, "/password/reset", map[string]string{"token": link, "new": p.password})
			if c.counts("links replayed", 1); a.problem() != "link-gone" {
				c.fault("a link that was used is answered with %d %s", a.status, a.raw)
			}
		}
		if len(p.accepted) == 0 || left == 0 || p.state != "active" {
			continue
		}
		code := p.accepted[random(len(p.accepted))]
		if now := totp.StepAt(time.Now()); code.step == 0 && p.misses >= missesThatWait || code.step > 0 && code.step < now-1 {
			continue
		}
		attempt, _, ok := c.begins(p)
		if !ok {
			continue
		}
		left--
		a := c.call(p.from, "", http.MethodPost, "/sign-in/second-step", map[string]string{"attempt": attempt, "code": code.code})
		switch kind := a.problem(); {
		case a.done():
			c.fault("a code of %s (step %d) is accepted again", p.email, code.step)
		case code.step > 0 && kind == "code-used":
			c.counts("codes replayed", 1)
		case code.step > 0 && kind == "wrong-code" && code.step < totp.StepAt(time.Now())-1:
			// Its window ended just now.
		case code.step == 0 && kind == "wrong-recovery-code":
			p.misses++
			c.counts("codes replayed", 1)
		default:
			c.refused(p, "a replay", a)
		}
	}
}

func shuffled(n int) []int {
	list := make([]int, n)
	for i := range list {
		j := random(i + 1)
		list[i], list[j] = list[j], i
	}
	return list
}

// compares what was said to a person with what the tables say.
func (c *crew) compares(p *person, all map[string]facts) {
	f, there := all[p.email]
	if p.state == "nobody" {
		if there {
			c.fault("%s is there and was not", p.email)
		}
		return
	}
	want := facts{
		id: p.id, status: "active", state: p.state, live: int64(len(p.live) + p.unknown), restarts: int64(p.restarts), resets: int64(p.resets),
	}
	switch p.state {
	case "invited":
		want.status, want.state = "invited", "off"
	case "active":
		want.authenticators, want.lastStep, want.sets, want.codes = 1, p.lastStep, 1, 10
		want.used, want.counted = int64(len(p.used)), 10-int64(len(p.used))
	}
	c.counts("people compared", 1)
	if f != want {
		c.fault("of %s was said\n%+v and is there\n%+v", p.email, want, f)
	}
}

// probes asks the program itself about sessions.
func (c *crew) probes(p *person) {
	for token := range p.live {
		a := c.call(p.from, token, http.MethodGet, "/session", nil)
		if c.counts("sessions asked", 1); a.status != http.StatusOK {
			c.fault("a session of %s is lost: %d %s", p.email, a.status, a.raw)
		}
	}
	for _, token := range newest(p.ended, 5) {
		a := c.call(p.from, token, http.MethodGet, "/session", nil)
		if c.counts("ended sessions asked", 1); a.status != http.StatusUnauthorized {
			c.fault("a session of %s that was said to have ended is answered with %d", p.email, a.status)
		}
	}
}
