package core

import (
	"context"
	"encoding/base32"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"doorstep/internal/totp"
)

// TestHistories lets people, owners, admins and a thief who knows somebody's
// password do what comes to their minds, in any order, and asks after every step
// whether the rules still hold. What may be is written here once more, in words as
// plain as the design's, and knows nothing of how core decides: an act that goes
// through must have been allowed, and one that was allowed must go through.
//
// A history that fails is told in its shortest form, with what plays it again.
// Without more ado a few are played, always the same; RAPID_CHECKS=3000 plays
// thousands of others.
//
// R11, P5
func TestHistories(t *testing.T) {
	if os.Getenv("RAPID_CHECKS") == "" {
		for name, value := range map[string]string{"rapid.checks": "15", "rapid.steps": "40", "rapid.seed": "20261124"} {
			before := flag.Lookup(name).Value.String()
			if err := flag.Set(name, value); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = flag.Set(name, before) })
		}
	}
	each(t, func(t *testing.T, w *world) {
		did, histories := map[string]int{}, 0
		w.letsTheLogGo()
		rapid.Check(t, func(r *rapid.T) {
			w.startsAnew()
			histories++
			h := &history{T: r, w: w, did: did, people: map[string]*soul{}}
			// Limits of an address are kept in memory, and this clock goes back.
			h.from = Origin{Via: ViaAPI, Address: fmt.Sprintf("10.%d.%d.7", histories>>8, histories&255), Device: "a test"}
			h.begins()
			r.Repeat(map[string]func(*rapid.T){
				"":                   h.theRulesHold,
				"sign in":            h.signsIn,
				"sign in, old code":  h.signsInWithAnOldCode,
				"step up":            h.stepsUp,
				"sign out":           h.signsOut,
				"activate":           h.activates,
				"deactivate":         h.deactivates,
				"restart":            h.restarts,
				"restart, too":       h.restarts, // what everything is about comes twice as often
				"come back":          h.comesBack,
				"change role":        h.changesRole,
				"change role, too":   h.changesRole,
				"change status":      h.changesStatus,
				"end their sessions": h.endsTheirSessions,
				"time passes":        h.timePasses,
				"thief signs in":     h.thiefSignsIn,
				"thief guesses":      h.thiefGuesses,
				"thief activates":    h.thiefActivates,
				"another team":       h.anotherTeamTries,
				"forgotten password": h.forgetsPassword,
				"asks the team":      h.asksTheTeam,
				"answers a request":  h.answersARequest,
			})
		})
		t.Logf("acts that went through: %v", did)
		for _, act := range []string{"sign-in", "restart", "activation", "deactivation", "change", "request"} {
			if did[act] < histories/20 {
				t.Errorf("in %d histories %d times %s: they say nothing", histories, did[act], act)
			}
		}
	})
}

// history is one of them.
type history struct {
	*rapid.T
	w      *world
	from   Origin
	did    map[string]int
	people map[string]*soul
	held   []*held
	victim string // whose password the thief knows
	taken  bool   // the thief has activated an app of their own, where the rules let them
	passes bool   // everybody needs a pass after a restart
}

// soul is somebody with what they hold in their hands.
type soul struct {
	castMember
	name   string
	knows  string   // their password
	pass   string   // that an approver gave them
	match  string   // of their open request, as the browser that asked shows it
	spent  []string // codes that were accepted once
	unused []string // recovery codes
}

// held is a session that somebody holds, and how it was come by.
type held struct {
	s        *Session
	who      string
	thief    bool
	over     bool // it was said to have ended
	code     string
	provedAt time.Time // the password; the second step came after it
}

// account is a person's row, as the database has it.
type account struct {
	passwordDue bool
	role        Role
	status      Status
	twoStep     TwoStep
	dueBy       int64
	dueReason   DueReason
	contained   int64
	restarts    int
	passWanted  bool
}

// letsTheLogGo does what only the owner of a database can, so that one of them serves
// many histories.
func (w *world) letsTheLogGo() {
	w.t.Helper()
	statement := `DROP TRIGGER audit_events_never_go`
	if w.Engine() == "postgres" {
		statement = `ALTER TABLE audit_events DISABLE TRIGGER USER`
	}
	_, err := w.db.Migrations().Exec(statement)
	w.ok(err)
}

// startsAnew brings the rows and the time back to those of the cast.
func (w *world) startsAnew() {
	w.t.Helper()
	made, err := theCast()
	w.ok(err)
	for _, table := range slices.Backward(allTables) {
		_, err := w.db.Migrations().Exec(`DELETE FROM ` + table)
		w.ok(err)
	}
	file := filepath.Join(w.t.TempDir(), "doorstep.db")
	w.ok(os.WriteFile(file, made.file, 0o600))
	copyRows(w.t, file, w.Core)
	w.Forget()
	w.clock.mu.Lock()
	w.clock.now = testStart
	w.clock.mu.Unlock()
}

func (h *history) begins() {
	for name, m := range h.w.cast {
		h.people[name] = &soul{castMember: m, name: name, knows: testPassword, unused: slices.Clone(m.codes)}
	}
	h.victim = rapid.SampledFrom([]string{"carla", "bruno", "olga"}).Draw(h.T, "the thief knows the password of")
	h.passes = rapid.Bool().Draw(h.T, "passes for everybody")
	if h.passes {
		_, err := h.w.db.Migrations().Exec(`UPDATE policies SET pass_for = 'everybody'`)
		h.w.ok(err)
	}
}

var everybody = []string{"ana", "olga", "bruno", "carla", "dmitri", "elena"}

func (h *history) somebody(label string) *soul {
	return h.people[rapid.SampledFrom(everybody).Draw(h.T, label)]
}

func (h *history) account(p *soul) account {
	var a account
	h.w.ok(h.w.db.Migrations().QueryRow(`SELECT role, status, two_step, due_by, due_reason, contained_until,
			(SELECT COUNT(*) FROM restarts r WHERE r.user_id = u.id), (SELECT COUNT(*) FROM passes p WHERE p.user_id = u.id) > 0, password_due
		FROM users u WHERE id = $1`, p.id).
		Scan(&a.role, &a.status, &a.twoStep, &a.dueBy, &a.dueReason, &a.contained, &a.restarts, &a.passWanted, &a.passwordDue))
	if a.twoStep == TwoStepOff && a.dueBy != 0 && h.now() >= a.dueBy {
		a.twoStep = TwoStepDue // days of grace are over
	}
	return a
}

func (a account) closed(now int64) bool {
	return a.twoStep == TwoStepDue && a.dueReason == DueRestarted && now >= a.dueBy
}

func (h *history) now() int64 { return h.w.clock.Now().UnixMilli() }

// live are the sessions that may still work, of whom the filter lets through.
func (h *history) live(fits func(*held) bool) []*held {
	var some []*held
	for _, x := range h.held {
		if !x.over && fits(x) && h.asked(x) != nil {
			some = append(some, x)
		}
	}
	return some
}

// asked is what core says of a session now, nil for nothing.
func (h *history) asked(x *held) *Session {
	s, err := h.w.Session(context.Background(), x.s.Token)
	if err != nil && Refused(err) == nil {
		h.Fatalf("asking for a session of %s: %v", x.who, err)
	}
	return s
}

// one is a session that was held before or, as often as not, one that somebody who
// could do it opens for the purpose; nil when there is none.
func (h *history) one(label string, of []*held, could ...string) (*held, Actor) {
	if len(could) > 0 && (len(of) == 0 || rapid.Bool().Draw(h.T, "opened for it")) {
		if x := h.signsInAs(h.people[rapid.SampledFrom(could).Draw(h.T, label)]); x != nil {
			return x, h.asked(x).By(h.from)
		}
	}
	if len(of) == 0 {
		return nil, Actor{}
	}
	x := rapid.SampledFrom(of).Draw(h.T, label)
	return x, h.asked(x).By(h.from)
}

func anybodys(*held) bool { return true }

var leaders = []string{"ana", "olga", "bruno"}

func full(x *held) bool { return !x.thief }

// ended marks sessions that were said to be over.
func (h *history) ended(who *soul, but *held) {
	for _, x := range h.held {
		if x.who == who.name && x != but {
			x.over = true
		}
	}
}

func (h *history) holds(x *held) { h.held = append(h.held, x) }

// went counts acts that went through, so that a run in which nothing happens is seen.
func (h *history) went(act string) { h.did[act]++ }

// freshCode waits for a code that was never accepted.
func (h *history) freshCode(p *soul) string {
	for {
		h.w.clock.advance(30 * time.Second)
		if c := totp.Code(p.key, totp.StepAt(h.w.clock.Now())); !slices.Contains(p.spent, c) {
			return c
		}
	}
}

// proof is an app's code or, now and then, a recovery code.
func (h *history) proof(p *soul) string {
	if len(p.unused) > 0 && rapid.IntRange(0, 3).Draw(h.T, "with a recovery code") == 0 {
		return p.unused[0]
	}
	return h.freshCode(p)
}

func (p *soul) spends(code string) {
	p.spent = append(p.spent, code)
	p.unused = slices.DeleteFunc(p.unused, func(c string) bool { return c == code })
}

// refused checks for a refusal: one of these, or any that says "wait".
func (h *history) refused(what string, err error, codes ...Code) {
	r := Refused(err)
	if r == nil {
		h.Fatalf("%s: got %v, want a refusal %v", what, err, codes)
	}
	if len(codes) > 0 && !slices.Contains(codes, r.Code) && r.RetryAfter == 0 {
		h.Fatalf("%s: got the refusal %s, want one of %v", what, r.Code, codes)
	}
}

// password gives the right one and checks what it leads to.
func (h *history) password(p *soul) *SignIn { return h.passwordOf(p, p.knows) }

// passwordOf types a password, right or not any more.
func (h *history) passwordOf(p *soul, typed string) *SignIn {
	a := h.account(p)
	in, err := h.w.BeginSignIn(context.Background(), Nobody(h.from), p.email, typed, "")
	switch {
	case typed != p.knows:
		h.refused("the sign-in with an old password", err, WrongCredentials)
		return nil
	case a.status != StatusActive:
		h.refused("the sign-in of somebody suspended", err, WrongCredentials)
		return nil
	case a.closed(h.now()):
		h.refused("the sign-in to a closed account", err, AccountClosed)
		return nil
	case err != nil:
		if r := Refused(err); r == nil || r.RetryAfter == 0 {
			h.Fatalf("%s, %+v, cannot sign in: %v", p.name, a, err)
		}
		return nil
	case a.twoStep == TwoStepActive && (in.Next != StepSecondStep || in.Session != nil):
		h.Fatalf("the password of %s alone opened a session", p.name)
	case a.passwordDue && in.Session != nil && in.Session.Reach != ReachPassword:
		h.Fatalf("R13: %s has to choose a new password, and the old one led to %s", p.name, in.Session.Reach)
	case a.twoStep == TwoStepDue && !a.passwordDue && (in.Session == nil || in.Session.Reach != ReachActivation):
		h.Fatalf("R6: %s is due, and the password led to %+v", p.name, in)
	}
	return in
}

func (h *history) signsIn(*rapid.T) { h.signsInAs(h.somebody("who")) }

// signsInAs does what the person does, as far as it goes.
func (h *history) signsInAs(p *soul) *held {
	in := h.password(p)
	if in == nil || h.taken && p.name == h.victim {
		return nil
	}
	if in.Session != nil && in.Session.Reach == ReachPassword {
		h.choosesPassword(p, in.Session)
		return nil
	}
	x := &held{s: in.Session, who: p.name, provedAt: h.w.clock.Now()}
	if in.Session != nil {
		h.holds(x)
		h.went("sign-in without a second step")
		return x
	}
	code := h.proof(p)
	got, err := h.w.AcceptSecondStep(context.Background(), Nobody(h.from), in.Attempt, code, false)
	if err != nil {
		if r := Refused(err); r == nil || r.RetryAfter == 0 {
			h.Fatalf("%s, with a right and unused code %s: %v", p.name, code, err)
		}
		return nil
	}
	p.spends(code)
	p.match = "" // a request ends when its person gets in
	if got.Session.Reach == ReachPassword {
		h.choosesPassword(p, got.Session)
		return nil
	}
	x.s, x.code = got.Session, code
	h.holds(x)
	h.went("sign-in")
	return x
}

// signsInWithAnOldCode: R1 and R2, also for whoever looked over a shoulder.
func (h *history) signsInWithAnOldCode(*rapid.T) {
	p := h.somebody("who")
	if len(p.spent) == 0 {
		return
	}
	in := h.password(p)
	if in == nil || in.Attempt == "" {
		return
	}
	_, err := h.w.AcceptSecondStep(context.Background(), Nobody(h.from), in.Attempt, rapid.SampledFrom(p.spent).Draw(h.T, "code"), false)
	h.refused("R1, R2: a code that was used", err, CodeUsed, WrongCode, WrongRecoveryCode)
}

func (h *history) stepsUp(*rapid.T) {
	x, actor := h.one("whose session", h.live(full))
	if x == nil {
		return
	}
	p := h.people[x.who]
	a := h.account(p)
	code := ""
	if a.twoStep == TwoStepActive {
		code = h.proof(p)
	}
	recovery := slices.Contains(p.unused, code)
	s, err := h.w.StepUp(context.Background(), actor, p.knows, code)
	if err != nil {
		h.refused("a step-up", err, RecoverySession, WrongCode, NotSignedIn, SessionEnded, RecoveryCodeRefused)
		return
	}
	if recovery || x.s.SecondStep == SecondStepRecoveryCode && a.twoStep == TwoStepActive {
		h.Fatalf("R8: a recovery code stepped up")
	}
	if code != "" {
		p.spends(code)
	}
	x.over = true // its token was replaced
	h.holds(&held{s: s, who: x.who, code: x.code, provedAt: h.w.clock.Now()})
	h.went("step-up")
}

func (h *history) signsOut(*rapid.T) {
	x, actor := h.one("whose session", h.live(anybodys))
	if x == nil {
		return
	}
	h.w.ok(h.w.SignOut(context.Background(), actor))
	x.over = true
}

func (h *history) activates(*rapid.T) {
	x, actor := h.one("whose session", h.live(full), everybody...)
	if x == nil {
		return
	}
	p := h.people[x.who]
	h.activatesAs(x, actor, p)
}

// activatesAs goes through an activation and says whether it came to its end.
func (h *history) activatesAs(x *held, actor Actor, p *soul) bool {
	ctx, before := context.Background(), h.account(p)
	if before.passWanted {
		_, err := h.w.BeginActivation(ctx, actor)
		if x.thief || p.pass == "" {
			h.refused("R15: an activation without the pass", err, PassRequired, PassVoid)
			return false
		}
		if err := h.w.AcceptPass(ctx, actor, p.pass); err != nil {
			h.refused("a right pass", err, PassVoid)
			return false
		}
	}
	a, err := h.w.BeginActivation(ctx, actor)
	if before.twoStep == TwoStepActive {
		h.refused("an activation while 2-step is active", err)
		return false
	}
	if err != nil {
		h.refused("an activation", err, StepUpRequired, SessionEnded, AccountClosed)
		return false
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Key)
	h.w.ok(err)
	code := totp.Code(key, totp.StepAt(h.w.clock.Now()))
	if a, err = h.w.ConfirmActivation(ctx, actor, a.ID, code); err != nil {
		h.Fatalf("confirming: %v", err)
	}
	if h.account(p).twoStep != before.twoStep {
		h.Fatalf("active before Finish")
	}
	s, err := h.w.FinishActivation(ctx, actor, a.ID, true)
	if err != nil {
		h.refused("finishing", err, SessionEnded, AccountClosed, StepUpRequired)
		return false
	}
	h.ended(p, nil)
	h.holds(&held{s: s, who: p.name, thief: x.thief, code: code, provedAt: x.provedAt})
	p.pass = ""
	if !x.thief {
		p.key, p.unused, p.spent = key, slices.Clone(a.Codes), []string{code}
	}
	h.went("activation")
	return true
}

// comesBack is somebody who was restarted, and has their pass if there is one, and then
// does what they may not for a day.
func (h *history) comesBack(*rapid.T) {
	p := h.somebody("who")
	if a := h.account(p); a.twoStep != TwoStepDue || a.passWanted && p.pass == "" {
		return
	}
	x := h.signsInAs(p)
	if x == nil || !h.activatesAs(x, h.asked(x).By(h.from), p) {
		return
	}
	x = h.held[len(h.held)-1]
	h.restartsAs(x, h.asked(x).By(h.from))
}

func (h *history) deactivates(*rapid.T) {
	x, actor := h.one("whose session", h.live(full), everybody...)
	if x == nil {
		return
	}
	p := h.people[x.who]
	before := h.account(p)
	if before.twoStep != TwoStepActive {
		return
	}
	code := h.proof(p)
	if x.code != "" && rapid.Bool().Draw(h.T, "with the code of the sign-in") {
		code = x.code
	}
	_, err := h.w.DeactivateTwoStep(context.Background(), actor, p.knows, code)
	if code == x.code {
		h.refused("R3: the code that opened the session", err)
		return
	}
	if err != nil {
		h.refused("a deactivation", err)
		return
	}
	p.spends(code)
	h.isReset("R4: a deactivation", p)
	h.went("deactivation")
}

// isReset: R4, all of it.
func (h *history) isReset(what string, p *soul) {
	a := h.account(p)
	if a.twoStep != TwoStepDue {
		h.Fatalf("%s left the state %s", what, a.twoStep)
	}
	for _, left := range []string{
		`authenticators WHERE user_id = $1`, `recovery_codes WHERE user_id = $1`, `sign_in_attempts WHERE user_id = $1`,
		`activations WHERE user_id = $1`, `devices WHERE user_id = $1`, `sessions WHERE user_id = $1 AND ended_at = 0`,
	} {
		if n := h.w.count(`SELECT COUNT(*) FROM `+left, p.id); n != 0 {
			h.Fatalf("%s left %d of %s", what, n, left)
		}
	}
	h.ended(p, nil)
	p.key, p.unused, p.match = nil, nil, ""
	if p.name == h.victim {
		h.taken = false
	}
}

func (h *history) restarts(*rapid.T) {
	x, actor := h.one("whose session", h.live(anybodys), leaders...)
	if x == nil {
		return
	}
	h.restartsAs(x, actor)
}

func (h *history) restartsAs(x *held, actor Actor) {
	target := h.somebody("whom")
	a, b := h.account(h.people[x.who]), h.account(target)
	allowed := !x.thief && a.role != RoleMember && x.who != target.name && (a.role == RoleOwner || b.role == RoleMember) && // R7
		h.now() >= a.contained && // R15
		a.twoStep == TwoStepActive && x.s.SecondStep == SecondStepAuthenticator && h.now() < x.provedAt.Add(10*time.Minute).UnixMilli() && // R8
		b.twoStep != TwoStepOff && b.status != StatusInvited
	got, err := h.w.RestartTwoStep(context.Background(), actor, target.id, goodReason)
	switch {
	case err == nil && !allowed && !(x.thief && h.taken):
		h.Fatalf("%s (%+v, by %s, proved %s ago) restarted %s (%+v)", x.who, a, x.s.SecondStep, h.w.clock.Now().Sub(x.provedAt), target.name, b)
	case err != nil && allowed:
		h.refused("an allowed restart", err, RestartLimit, PersonLimit)
	case err == nil:
		h.isReset("R4: a restart", target)
		after := h.account(target)
		if want := h.passes || b.role != RoleMember; want != (got.Pass != "") || after.contained <= h.now() || after.dueBy <= h.now() {
			h.Fatalf("R15: after a restart of %s: %+v, pass %t", target.name, after, got.Pass != "")
		}
		target.pass = got.Pass
		h.went("restart")
	}
}

func (h *history) changesRole(*rapid.T) {
	role := rapid.SampledFrom([]Role{RoleOwner, RoleAdmin, RoleMember}).Draw(h.T, "role")
	h.changes(UserChange{Role: &role}, func(a, b account) bool { return a.role == RoleOwner })
}

func (h *history) changesStatus(*rapid.T) {
	status := rapid.SampledFrom([]Status{StatusActive, StatusSuspended}).Draw(h.T, "status")
	h.changes(UserChange{Status: &status}, func(a, b account) bool {
		return a.role == RoleOwner || a.role == RoleAdmin && b.role == RoleMember
	})
}

func (h *history) changes(change UserChange, rank func(a, b account) bool) {
	x, actor := h.one("whose session", h.live(anybodys), leaders...)
	if x == nil {
		return
	}
	target := h.people[rapid.SampledFrom(append(slices.Clone(leaders), everybody...)).Draw(h.T, "whom")]
	a, b := h.account(h.people[x.who]), h.account(target)
	same := change.Role != nil && *change.Role == b.role || change.Status != nil && *change.Status == b.status
	_, err := h.w.ChangeUser(context.Background(), actor, target.id, change)
	after := h.account(target)
	if err != nil || same {
		if after != b {
			h.Fatalf("a change that was refused (%v) left %+v of %+v", err, after, b)
		}
		return
	}
	proved := a.twoStep == TwoStepOff && h.now() < x.s.PasswordAt.Add(10*time.Minute).UnixMilli() ||
		x.s.SecondStep == SecondStepAuthenticator && h.now() < x.provedAt.Add(10*time.Minute).UnixMilli()
	if !rank(a, b) || !proved || h.now() < a.contained || x.thief && !h.taken {
		h.Fatalf("%s (%+v) changed %s (%+v to %+v)", x.who, a, target.name, b, after)
	}
	h.ended(target, nil)
	h.went("change")
}

func (h *history) endsTheirSessions(*rapid.T) {
	x, actor := h.one("whose session", h.live(full), leaders...)
	if x == nil {
		return
	}
	target := h.somebody("whom")
	a, b := h.account(h.people[x.who]), h.account(target)
	if _, err := h.w.EndUserSessions(context.Background(), actor, target.id); err == nil {
		if a.role == RoleMember || a.role == RoleAdmin && b.role != RoleMember {
			h.Fatalf("%s ended the sessions of %s", a.role, b.role)
		}
		h.ended(target, nil)
		h.went("end of another's sessions")
	}
}

func (h *history) timePasses(*rapid.T) {
	h.w.clock.advance(rapid.SampledFrom([]time.Duration{
		time.Minute, 5 * time.Minute, 9 * time.Minute, 11 * time.Minute, 59 * time.Minute, time.Hour, 25 * time.Hour, 73 * time.Hour,
	}).Draw(h.T, "for"))
}

func (h *history) thiefSignsIn(*rapid.T) {
	p := h.people[h.victim]
	if in := h.passwordOf(p, testPassword); in != nil && in.Session != nil && in.Session.Reach != ReachPassword {
		h.holds(&held{s: in.Session, who: p.name, thief: true, provedAt: h.w.clock.Now()})
		h.went("the thief has a session for activation")
	}
}

// thiefGuesses more often than is free: never in, and never in the victim's way
// with the other method.
func (h *history) thiefGuesses(*rapid.T) {
	p := h.people[h.victim]
	a := h.account(p)
	in := h.passwordOf(p, testPassword)
	if in == nil || in.Attempt == "" || h.taken {
		return
	}
	right := map[string]bool{}
	for step := int64(-2); step <= 2; step++ {
		right[totp.Code(p.key, totp.StepAt(h.w.clock.Now())+step)] = true
	}
	evaluated := 0
	for i := range rapid.IntRange(1, 8).Draw(h.T, "guesses") {
		guess := fmt.Sprintf("%06d", 100_003*(i+1)%1_000_000)
		if right[guess] {
			continue
		}
		_, err := h.w.AcceptSecondStep(context.Background(), Nobody(h.from), in.Attempt, guess, false)
		h.refused("a guess", err, WrongCode, AuthenticatorWait)
		if IsRefusal(err, WrongCode) {
			evaluated++
		}
	}
	if evaluated > freeTries {
		h.Fatalf("R13: %d guesses at once were looked at", evaluated)
	}
	if a.twoStep == TwoStepActive && len(p.unused) > 0 && rapid.IntRange(0, 3).Draw(h.T, "then a recovery code of the victim's") == 0 {
		code := p.unused[0]
		if in := h.password(p); in != nil && in.Attempt != "" {
			got, err := h.w.AcceptSecondStep(context.Background(), Nobody(h.from), in.Attempt, code, false)
			if err != nil {
				h.Fatalf("R13: guesses at the app locked the recovery codes: %v", err)
			}
			p.spends(code)
			p.match = ""
			if got.Session.Reach != ReachPassword {
				h.holds(&held{s: got.Session, who: p.name, code: code, provedAt: h.w.clock.Now()})
			}
		}
	}
}

func (h *history) thiefActivates(*rapid.T) {
	h.thiefSignsIn(nil)
	x, actor := h.one("the thief's session", h.live(func(x *held) bool { return x.thief }))
	if x == nil {
		return
	}
	p := h.people[x.who]
	before := h.account(p)
	if !h.activatesAs(x, actor, p) {
		return
	}
	if before.passWanted {
		h.Fatal("R15: the thief activated without the pass")
	}
	h.taken = true
	p.key, p.unused = nil, nil
	h.went("the thief activated behind the password alone")
}

// choosesPassword is what somebody does who has to.
func (h *history) choosesPassword(p *soul, s *Session) {
	chosen := fmt.Sprintf("spruce-and-paper-%d", h.now())
	ctx := context.Background()
	_, err := h.w.Sessions(ctx, s.By(h.from))
	h.refused("R13: something else than a new password", err, PasswordChangeRequired)
	if _, err := h.w.ChooseNewPassword(ctx, s.By(h.from), chosen); err != nil {
		h.refused("choosing a new password", err) // by link, where the password was all that was proved
		return
	}
	p.knows = chosen
	h.ended(p, nil)
	h.went("a password that was due")
}

// forgetsPassword: J7 and R9, by whoever reads the mailbox.
func (h *history) forgetsPassword(*rapid.T) {
	p := h.somebody("who")
	ctx, before := context.Background(), h.account(p)
	_, err := h.w.db.Migrations().Exec(`DELETE FROM outbox WHERE kind = $1`, string(LetterPasswordSet))
	h.w.ok(err)
	if err := h.w.AskPasswordReset(ctx, Nobody(h.from), p.email); err != nil {
		h.refused("asking for a new password", err)
		return
	}
	token := h.linkTo(p, LetterPasswordSet)
	if token == "" {
		return
	}
	form, err := h.w.OpenResetLink(ctx, token)
	if err != nil {
		h.refused("a reset's link", err)
		return
	}
	chosen := fmt.Sprintf("paper-and-spruces-%d", h.now())
	if before.twoStep == TwoStepActive {
		_, err := h.w.SetForgottenPassword(ctx, Nobody(h.from), form, chosen, "000000")
		if err == nil {
			h.Fatal("R9: the mailbox alone set a password where 2-step is active")
		}
		h.refused("R9", err)
	}
	code := ""
	if before.twoStep == TwoStepActive {
		if h.taken && p.name == h.victim {
			return
		}
		code = h.proof(p)
	}
	if _, err := h.w.SetForgottenPassword(ctx, Nobody(h.from), form, chosen, code); err != nil {
		h.refused("a reset", err)
		return
	}
	if code != "" {
		p.spends(code)
	}
	p.knows = chosen
	after := h.account(p)
	after.passwordDue = before.passwordDue
	if after != before {
		h.Fatalf("R9: a reset of the password made %+v of %+v", after, before)
	}
	if n := h.w.count(`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at = 0`, p.id); n != 0 {
		h.Fatalf("R9: %d sessions live after a reset of the password", n)
	}
	h.ended(p, nil)
	h.went("reset of a password")
}

// linkTo is the token of the newest letter of a kind to somebody.
func (h *history) linkTo(p *soul, kind LetterKind) string {
	for {
		letters, err := h.w.ClaimLetters(context.Background(), 50)
		h.w.ok(err)
		for _, l := range letters {
			if l.Kind == kind && l.Recipient == p.email {
				return l.Link[strings.LastIndexByte(l.Link, '/')+1:]
			}
		}
		if len(letters) == 0 {
			return ""
		}
	}
}

// asksTheTeam: J8, by the person or, with the password, by the thief, who then talks
// somebody into typing the digits.
func (h *history) asksTheTeam(*rapid.T) {
	p := h.somebody("who")
	in := h.password(p)
	if in == nil || in.Attempt == "" {
		return
	}
	ask, err := h.w.AskTeam(context.Background(), Nobody(h.from), in.Attempt, "", LostPhone)
	if err != nil {
		h.refused("asking the team", err)
		return
	}
	p.match = ask.MatchCode
	h.went("request")
}

func (h *history) answersARequest(*rapid.T) {
	x, actor := h.one("whose session", h.live(full), leaders...)
	if x == nil {
		return
	}
	target := h.somebody("whose request")
	ctx, a, b := context.Background(), h.account(h.people[x.who]), h.account(target)
	var id, answeredBy string
	if err := h.w.db.Migrations().QueryRow(`SELECT id, answered_by_id FROM restart_requests WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1`, target.id).Scan(&id, &answeredBy); err != nil {
		return // never asked
	}
	heard := target.match
	if rapid.IntRange(0, 3).Draw(h.T, "did not listen") == 0 {
		heard = "0000"
	}
	if rapid.IntRange(0, 3).Draw(h.T, "refuses") == 0 {
		if err := h.w.RefuseRequest(ctx, actor, id, Refusing{NotThem: rapid.Bool().Draw(h.T, "it was not them")}); err == nil {
			target.match = ""
			h.went("refusal of a request")
		}
		return
	}
	got, err := h.w.ApproveRequest(ctx, actor, id, Approval{MatchCode: heard, Reason: "heard the digits on a call to a known number", VerifiedBy: VerifiedKnownNumber})
	if err != nil {
		h.refused("an approval", err)
		return
	}
	if answeredBy == h.people[x.who].id { // sent twice: the receipt of what it did before
		if after := h.account(target); after != b || got.Pass != "" {
			h.Fatalf("approving a request for a second time made %+v of %+v, pass %t", after, b, got.Pass != "")
		}
		return
	}
	allowed := a.role != RoleMember && x.who != target.name && (a.role == RoleOwner || b.role == RoleMember) && h.now() >= a.contained &&
		a.twoStep == TwoStepActive && x.s.SecondStep == SecondStepAuthenticator && h.now() < x.provedAt.Add(10*time.Minute).UnixMilli()
	if !allowed || heard == "" || heard != target.match {
		h.Fatalf("%s (%+v) approved the request of %s with %q, and the browser that asked shows %q", x.who, a, target.name, heard, target.match)
	}
	h.isReset("R4: an approved request", target)
	target.pass = got.Pass
	h.went("approval of a request")
}

// anotherTeamTries: another team's people do not exist (R7).
func (h *history) anotherTeamTries(*rapid.T) {
	zoe := h.people["zoe"]
	in := h.password(zoe)
	if in == nil || in.Attempt == "" {
		return
	}
	code := h.freshCode(zoe)
	got, err := h.w.AcceptSecondStep(context.Background(), Nobody(h.from), in.Attempt, code, false)
	h.w.ok(err)
	zoe.spends(code)
	target := h.somebody("whom")
	role := RoleMember
	ctx, actor := context.Background(), got.Session.By(h.from)
	_, err = h.w.RestartTwoStep(ctx, actor, target.id, goodReason)
	h.refused("R7: a restart of another team's person", err, Missing)
	_, err = h.w.ChangeUser(ctx, actor, target.id, UserChange{Role: &role})
	h.refused("R7: another team's person", err, Missing)
	_, err = h.w.EndUserSessions(ctx, actor, target.id)
	h.refused("R7: another team's person", err, Missing)
}

// theRulesHold is asked after every step.
func (h *history) theRulesHold(*rapid.T) {
	if h.w.count(`SELECT COUNT(*) FROM users WHERE team_id = $1 AND role = 'owner' AND status = 'active'`, h.people["ana"].team) == 0 {
		h.Fatal("R11: the team has no owner")
	}
	for _, x := range h.held {
		s := h.asked(x)
		if s == nil {
			continue
		}
		a := h.account(h.people[x.who])
		switch {
		case x.over:
			h.Fatalf("R5: a session of %s that has ended is accepted", x.who)
		case a.status != StatusActive:
			h.Fatalf("%s is suspended and signed in", x.who)
		case s.Reach != ReachPassword && (a.twoStep == TwoStepDue) != (s.Reach == ReachActivation):
			h.Fatalf("R6: %s is %s and reaches %s", x.who, a.twoStep, s.Reach)
		case x.thief && s.Reach == ReachFull && !h.taken && a.twoStep != TwoStepOff:
			h.Fatalf("the thief is %s", x.who)
		case a.twoStep == TwoStepDue:
			ctx := context.Background()
			_, devices := h.w.Devices(ctx, s.By(h.from))
			_, sessions := h.w.Sessions(ctx, s.By(h.from))
			h.refused("R6: something else than activation", devices, ActivationRequired)
			h.refused("R6: something else than activation", sessions, ActivationRequired)
		}
	}
	events, told := h.w.count(`SELECT COUNT(*) FROM audit_events WHERE event = $1`, EventTwoStepRestarted), h.w.count(`SELECT COUNT(*) FROM outbox WHERE kind = $1`, string(LetterRestarted))
	if events != told || events != h.w.count(`SELECT COUNT(*) FROM restarts`) {
		h.Fatalf("R14: %d restarts were recorded, and %d letters written", events, told)
	}
}
