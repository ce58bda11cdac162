package crashtest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/totp"
)

// crew acts for the people of one installation, and remembers what was said to them.
type crew struct {
	*place
	t      *testing.T
	admins []*person
	over   atomic.Bool   // this round is
	aims   chan struct{} // somebody is about to send what changes an account

	first     bool      // nobody was killed yet
	steppedUp time.Time // when the admins signed in

	mu     sync.Mutex
	people []*person
	tally  map[string]int
	faults []string
}

func (c *crew) counts(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally[what] += n
}

// fault is something that must not be.
func (c *crew) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults = append(c.faults, fmt.Sprintf(format, args...)); len(c.faults) < 30 {
		c.t.Errorf(format, args...)
	}
}

// works acts for people until the round is over or nobody is left whose state is known.
func (c *crew) works(workers int) *sync.WaitGroup {
	c.over.Store(false)
	all := new(sync.WaitGroup)
	for range workers {
		all.Go(func() {
			for !c.over.Load() {
				p := c.takes()
				if p == nil {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				c.act(p)
				c.mu.Lock()
				p.busy = p.doubt != nil
				c.mu.Unlock()
			}
		})
	}
	return all
}

func (c *crew) takes() *person {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range 2 * len(c.people) {
		if p := c.people[random(len(c.people))]; !p.busy {
			p.busy = true
			return p
		}
	}
	return nil
}

// doubts notes that an answer was lost; what says what cannot be known.
func (c *crew) doubts(p *person, a *answer, d doubt) {
	d.unavail = a.status == http.StatusServiceUnavailable
	p.doubt = &d
	if a.status != 0 && !d.unavail {
		c.fault("%s is answered with %d %s", d.what, a.status, a.raw)
	}
}

// refused notes a refusal that nothing explains, unless it only says "later".
func (c *crew) refused(p *person, what string, a *answer) {
	if a.problem() == "busy" || a.status == http.StatusTooManyRequests {
		c.counts("told to wait", 1)
		return
	}
	c.fault("%s of %s (%s) is refused: %d %s", what, p.email, p.state, a.status, a.raw)
}

// decides is a call that changes an account, which is worth being killed in.
func (c *crew) decides(from, token, method, path string, body any) *answer {
	select {
	case c.aims <- struct{}{}:
	default:
	}
	return c.call(from, token, method, path, body)
}

func (c *crew) act(p *person) {
	if p.link == "" {
		p.link = c.mail.takeLink(p.email)
	}
	switch p.state {
	case "invited":
		if p.link != "" {
			c.joins(p)
		} else {
			time.Sleep(5 * time.Millisecond)
		}
		return
	case "off", "due":
		if p.link != "" && chance(20) {
			c.resetsPassword(p)
		} else {
			c.activates(p)
		}
		return
	}
	switch n := random(100); {
	case n < 20 && p.restarts < 3:
		c.isRestarted(p)
	case n < 25:
		c.invitesSomebody()
	case n < 40 && p.link != "":
		c.resetsPassword(p)
	case n < 50 && p.links < 5:
		c.asksForLink(p)
	case n < 60 && len(p.live) > 0:
		c.signsOut(p)
	case n < 75 && len(p.live) > 0:
		c.deactivates(p)
	default:
		c.signsIn(p)
	}
}

// begins is the first step of a sign-in. It gives an attempt or a session.
func (c *crew) begins(p *person) (attempt, session string, ok bool) {
	a := c.call(p.from, "", http.MethodPost, "/sign-in", map[string]string{"email": p.email, "password": p.password})
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "sign-in"})
	case !a.done():
		c.refused(p, "a sign-in", a)
	default:
		attempt, session = a.text("attempt"), a.text("session", "token")
		if session != "" {
			p.live[session] = ""
		}
		return attempt, session, true
	}
	return "", "", false
}

func (c *crew) signsIn(p *person) {
	code, ok := p.pick("")
	if !ok {
		if p.restarts < 3 {
			c.isRestarted(p) // nothing is left to prove
		}
		return
	}
	attempt, _, ok := c.begins(p)
	if !ok {
		return
	}
	c.provesSecondStep(p, attempt, code)
}

func (c *crew) provesSecondStep(p *person, attempt string, code spentCode) {
	a := c.decides(p.from, "", http.MethodPost, "/sign-in/second-step", map[string]string{"attempt": attempt, "code": code.code})
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "second step", code: code})
	case !a.done():
		c.refused(p, "a second step", a)
	default:
		c.counts("acknowledged", 1)
		p.uses(code)
		opener := ""
		if code.step == 0 {
			opener = code.code
		}
		p.live[a.text("session", "token")] = opener
	}
}

func (c *crew) activates(p *person) {
	_, session, ok := c.begins(p)
	if !ok {
		return
	}
	begun := c.call(p.from, session, http.MethodPost, "/two-step/activation", nil)
	switch {
	case begun.lost():
		c.doubts(p, begun, doubt{what: "activation begun"})
		return
	case !begun.done():
		c.refused(p, "an activation", begun)
		return
	}
	key, err := keyOf(begun.text("key"))
	if err != nil {
		c.fault("%v", err)
		return
	}
	code := spentCode{step: totp.StepAt(time.Now())}
	code.code = totp.Code(key, code.step)
	confirmed := c.call(p.from, session, http.MethodPost, "/two-step/activation/confirm", map[string]string{"activation": begun.text("activation"), "code": code.code})
	switch {
	case confirmed.lost():
		c.doubts(p, confirmed, doubt{what: "activation confirmed"})
		return
	case !confirmed.done():
		c.refused(p, "an activation's code", confirmed)
		return
	}
	var codes []string
	for _, one := range confirmed.body["recovery_codes"].([]any) {
		codes = append(codes, one.(string))
	}
	finished := c.decides(p.from, session, http.MethodPost, "/two-step/activation/finish", map[string]any{"activation": begun.text("activation"), "saved": true})
	switch {
	case finished.lost():
		c.doubts(p, finished, doubt{what: "activation finished", key: key, code: code, codes: codes})
	case !finished.done():
		c.refused(p, "an activation's end", finished)
	default:
		c.counts("acknowledged", 1)
		c.counts("activations", 1)
		p.isActive(key, code.step, codes)
		p.accepted = append(p.accepted, code)
		p.live[finished.text("session", "token")] = ""
	}
}

// any is one of the sessions that live, and the code that opened it.
func (p *person) any() (token, opener string) {
	for token, opener := range p.live {
		return token, opener
	}
	return "", ""
}

func (c *crew) deactivates(p *person) {
	token, opener := p.any()
	code, ok := p.pick(opener)
	if !ok {
		return
	}
	a := c.decides(p.from, token, http.MethodPost, "/two-step/deactivate", map[string]string{"code": code.code, "password": p.password})
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "deactivation", code: code})
	case !a.done():
		c.refused(p, "a deactivation", a)
	default:
		c.counts("acknowledged", 1)
		c.counts("deactivations", 1)
		p.isDue()
	}
}

func (c *crew) admin() *person { return c.admins[random(len(c.admins))] }

func (c *crew) isRestarted(p *person) {
	by := c.admin()
	a := c.decides(by.from, by.token, http.MethodPost, "/team/users/"+p.id+"/restart-two-step", map[string]string{"reason": "Lost the phone on a train", "verified_by": "video_call"})
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "restart"})
	case a.problem() == "step-up-required":
		c.counts("told to step up", 1) // the next round begins with new sessions
	case !a.done():
		c.refused(p, "a restart", a)
	default:
		c.counts("acknowledged", 1)
		c.counts("restarts", 1)
		if n, _ := a.body["sessions_ended"].(float64); int(n) != len(p.live)+p.unknown {
			c.fault("a restart of %s says that it ended %v sessions, of %d", p.email, n, len(p.live)+p.unknown)
		}
		p.restarts++
		p.isDue()
	}
}

func (c *crew) signsOut(p *person) {
	token, _ := p.any()
	a := c.decides(p.from, token, http.MethodDelete, "/session", nil)
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "sign-out", token: token})
	case !a.done():
		c.refused(p, "a sign-out", a)
	default:
		c.counts("acknowledged", 1)
		p.hasEnded(token)
	}
}

func (p *person) hasEnded(token string) {
	delete(p.live, token)
	p.ended = append(p.ended, token)
}

func (c *crew) asksForLink(p *person) {
	a := c.decides(p.from, "", http.MethodPost, "/password/forgot", map[string]string{"email": p.email})
	p.links++
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "link asked for"})
	case !a.done():
		c.refused(p, "asking for a link", a)
	default:
		c.counts("acknowledged", 1)
		c.counts("links", 1)
	}
}

func (c *crew) resetsPassword(p *person) {
	link, password := p.link, fmt.Sprintf("a harbor of %d violets", random(1_000_000_000))
	p.link = ""
	body := map[string]string{"token": link, "new": password}
	var code spentCode
	if p.state == "active" {
		var ok bool
		if code, ok = p.pick(""); !ok {
			return
		}
		body["code"] = code.code
	}
	a := c.decides(p.from, "", http.MethodPost, "/password/reset", body)
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "password reset", code: code, password: password, link: link})
	case a.problem() == "link-gone":
		c.counts("links overtaken", 1) // its letter came late, and it was revoked meanwhile
	case !a.done():
		c.refused(p, "a password reset", a)
	default:
		c.counts("acknowledged", 1)
		p.hasReset(c, password, link, code)
	}
}

func (p *person) hasReset(c *crew, password, link string, code spentCode) {
	c.counts("password resets", 1)
	p.password, p.spent = password, append(p.spent, link)
	p.resets++
	p.isOut()
	if code.code != "" {
		p.uses(code)
	}
}

// mostInvited keeps an installation small enough to look at the whole of it each time.
const mostInvited = 40

func (c *crew) invitesSomebody() {
	c.mu.Lock()
	n := len(c.people)
	c.mu.Unlock()
	if n >= mostInvited {
		return
	}
	p := &person{
		email: fmt.Sprintf("guest%d@example.com", random(1_000_000_000)), state: "invited", live: map[string]string{},
		from: fmt.Sprintf("10.1.%d.%d", random(250), random(250)), password: "violets of the harbor 9",
	}
	p.name = p.email[:9]
	by := c.admin()
	a := c.decides(by.from, by.token, http.MethodPost, "/team/users", map[string]string{"email": p.email, "name": p.name, "role": "member"})
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "invitation"})
		p.busy = true
	case !a.done():
		c.refused(p, "an invitation", a)
		return
	default:
		c.counts("acknowledged", 1)
		c.counts("invitations", 1)
		p.id = a.text("id")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.people = append(c.people, p)
}

func (c *crew) joins(p *person) {
	link := p.link
	p.link = ""
	a := c.join(p.from, link, p.name, p.password)
	switch {
	case a.lost():
		c.doubts(p, a, doubt{what: "joining", link: link})
	case a.status == http.StatusSeeOther && a.header.Get("Location") == "/sign-in":
		c.counts("acknowledged", 1)
		p.hasJoined(c, link)
	default:
		c.refused(p, "joining", a)
	}
}

func (p *person) hasJoined(c *crew, link string) {
	c.counts("joined", 1)
	p.state, p.spent = "off", append(p.spent, link)
}

// adminsSignIn gives each admin a new session.
func (c *crew) adminsSignIn() {
	for _, p := range c.admins {
		_, token, ok := c.begins(p)
		if !ok {
			c.t.Fatalf("an admin cannot sign in: %+v", p.doubt)
		}
		p.token = token
	}
}

// newest are the last n of a list.
func newest[T any](list []T, n int) []T { return slices.Clone(list[max(0, len(list)-n):]) }
