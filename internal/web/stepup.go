package web

import (
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// stepUpPage proves the person anew before what only they may do, and leads back
// to it with what was typed there.
type stepUpPage struct {
	common
	Email    string
	For, Why string
	Code     bool   // 2-step is active: a code too
	Recovery bool   // a recovery code opened this session: it cannot step up (R8)
	Cancel   string // the page before the act
	Carried  map[string]string
}

// carried are the fields that outlive a step-up; never a secret.
func carried() []string {
	return append(policyFields(), "reason", "verified_by", "role", "name", "emails", "email")
}

// carriedRoom is how many bytes of them, as they are written with their names, a notice holds inside
// a cookie's 4 KiB.
const carriedRoom = 2800

// carry collects what was typed before the step-up, also what was emptied.
func (v *visit) carry() map[string]string {
	kept := map[string]string{}
	for _, name := range carried() {
		const nothing = "\x00"
		if text := v.retyped(name, nothing); text != nothing {
			kept[name] = text
		}
	}
	return kept
}

// tellTyped gives the page of the act what was typed there. What has no room is
// left out whole, and the page says so: half of a list would be saved as all of it.
func (v *visit) tellTyped(kept map[string]string) {
	if len(kept) == 0 {
		return
	}
	n := notice{Typed: map[string]string{}}
	room := carriedRoom
	for _, name := range carried() {
		text, typed := kept[name]
		switch written := len(strconv.Quote(text)) + len(name) + len(`"":,`); {
		case !typed:
		case written > room:
			n.Says = "up.toolong"
		default:
			room -= written
			n.Typed[name] = text
		}
	}
	v.tell(n)
}

// toStepUp answers an act that wants a step-up first. What a form sent would be
// lost by a redirect, so there the page itself is the answer.
func (v *visit) toStepUp(r *core.Refusal) error {
	v.next = v.web.known.wayBack(v.here().String())
	if !v.isPost() {
		return v.see(keepWanted("/me/confirm", v.next))
	}
	v.refused = r
	return showStepUp(v)
}

func showStepUp(v *visit) error {
	s := v.session
	p := &stepUpPage{
		common: v.common(v.say("up.title")), Email: s.User.Email, For: v.stepUpFor(), Cancel: "/me",
		Code: s.User.TwoStep == core.TwoStepActive, Recovery: s.SecondStep == core.SecondStepRecoveryCode, Carried: v.carry(),
	}
	if v.next != "" && !isOutside(v.next) {
		p.Cancel, _, _ = strings.Cut(v.next, "?")
		if p.Cancel != policyPath { // that one can be read without a step-up
			p.Cancel = path.Dir(p.Cancel)
		}
	}
	key := "up.whypw"
	if p.Code {
		key = "up.why"
	}
	p.Why = v.say(key, words.Args{"time": v.stepUpLasts()})
	switch r := v.refused; {
	case r == nil:
	case r.Code == core.StepUpRequired:
		p.Problems = nil // nothing went wrong: the page itself says what is wanted
	case r.Field == "code":
		p.Problems[0].Lines = v.aboutCode(r, false)
	}
	return v.show("confirm", p)
}

// stepUpLasts asks core for how long a proof counts that is made now.
func (v *visit) stepUpLasts() time.Duration {
	now := v.core.Now()
	return (&core.Session{PasswordAt: now}).StepUpUntil(now).Sub(now)
}

// stepUpFor names the act that waits.
func (v *visit) stepUpFor() string {
	u, err := url.Parse(v.next)
	if err != nil || isOutside(v.next) {
		return v.say("up.for.other")
	}
	switch u.Path {
	case "/me/two-step/activate":
		return v.say("up.for.activate")
	case "/me/password":
		return v.say("up.for.password")
	case "/me/email":
		return v.say("up.for.email")
	case "/me/two-step/recovery-codes":
		return v.say("up.for.codes")
	case policyPath:
		return v.say("up.for.policy")
	case importPath, "/team/invite":
		return v.say("up.for.people")
	case notifyPath:
		return v.say("up.for.notify")
	}
	if id, request := strings.CutPrefix(u.Path, "/team/requests/"); request {
		if q, err := v.core.Request(v.ctx(), v.by(), id); err == nil {
			return v.say("up.for.request", words.Args{"name": q.Person.Name})
		}
	}
	if id, act, about := strings.Cut(strings.TrimPrefix(u.Path, "/team/users/"), "/"); about {
		if p, err := v.core.Person(v.ctx(), v.by(), id); err == nil {
			key := "up.for.user"
			if act == "restart" {
				key = "up.for.restart"
			}
			return v.say(key, words.Args{"name": p.Name})
		}
	}
	return v.say("up.for.other")
}

// stepUp proves it. The session has a new token from here on.
func stepUp(v *visit) error {
	s, err := v.core.StepUp(v.ctx(), v.by(), v.sent("password"), v.sent("code"))
	if err != nil {
		return err
	}
	v.keepToken(s)
	v.tellTyped(v.carry())
	return v.seeWanted("/me")
}
