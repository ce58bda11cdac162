package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// due is how somebody's 2-step stands, in one text: state as it is now, the date
// from now on, and the reason.
func (w *world) due(name string) string {
	w.t.Helper()
	u, err := oneUser(w.read(w.ctx()), `u.id = $1`, w.cast[name].id)
	w.ok(err)
	left := "never"
	if u.dueBy != 0 {
		left = at(u.dueBy).Sub(w.Now()).String()
	}
	return fmt.Sprintf("%s %s %s", u.state(w.Now()), left, u.dueReason)
}

func (w *world) stands(want map[string]string) {
	w.t.Helper()
	for name, text := range want {
		if got := w.due(name); got != text {
			w.t.Errorf("%s: %q, want %q", name, got, text)
		}
	}
}

// joins adds somebody who has a password and no 2-step.
func (w *world) joins(name, team string, role Role) {
	w.t.Helper()
	added, err := w.AddUser(w.ctx(), Console("test"), NewUser{Email: name + "@example.com", Name: name, Role: role, Team: team, Password: testPassword})
	w.ok(err)
	w.cast[name] = castMember{id: added.ID, email: name + "@example.com", team: added.Team.ID}
}

// withPassword signs somebody in who has no second step.
func (w *world) withPassword(name string) *Session {
	w.t.Helper()
	in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast[name].email, testPassword, "")
	w.ok(err)
	return in.Session
}

func (w *world) reaches(s *Session, want Reach) {
	w.t.Helper()
	now, err := w.Session(w.ctx(), s.Token)
	w.ok(err)
	if now.Reach != want {
		w.t.Errorf("%s reaches %s, want %s", now.User.Name, now.Reach, want)
	}
}

// What a policy says of 2-step holds for everybody who is in the team, and the look
// at the effect says the same numbers before.
//
// ASVS 6.3.3
func TestPolicyOfTwoStepHoldsForEverybody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.joins("nora", "Northwind", RoleOwner)
		w.joins("yan", "Elsewhere", RoleMember)
		_, err := w.RestartTwoStep(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id, goodReason)
		w.ok(err)
		_, err = w.DeactivateTwoStep(w.ctx(), by(w.signInWithCode("dmitri", 0)), testPassword, w.cast["dmitri"].codes[1])
		w.ok(err)
		nora, elena := w.withPassword("nora"), w.withPassword("elena")
		w.reaches(nora, ReachActivation)
		w.reaches(elena, ReachFull)
		ana := w.signIn("ana")
		yan := w.due("yan")
		const days3, week = "off 72h0m0s grace", 7 * day

		change := func(c PolicyChange, want PolicyEffect) {
			t.Helper()
			before := w.snapshot()
			e, err := w.PolicyEffect(w.ctx(), by(ana), c)
			w.ok(err)
			if w.snapshot() != before {
				t.Error("looking at the effect changed something")
			}
			want.Policy, want.Changed = e.Policy, e.Changed
			if fmt.Sprintf("%+v", *e) != fmt.Sprintf("%+v", want) {
				t.Errorf("the effect is %+v, want %+v", *e, want)
			}
			_, err = w.ChangePolicy(w.ctx(), by(ana), c)
			w.ok(err)
		}
		restarted, deactivated := w.due("carla"), "due never deactivated"

		// Not required any more: who waits for nothing but the policy is free.
		change(PolicyChange{TwoStepRequired: ptr(false)}, PolicyEffect{Freed: 3})
		w.stands(map[string]string{
			"nora": "off never ", "elena": "off never ", "farid": "off never ", "carla": restarted, "dmitri": deactivated, "yan": yan, "ana": "active never ",
		})
		w.reaches(nora, ReachFull)
		w.joins("gina", "Northwind", RoleMember)
		w.stands(map[string]string{"gina": "off never "})

		// Required from now on: days from now, none for owners, at once.
		change(PolicyChange{TwoStepRequired: ptr(true), Grace: ptr(3 * day)}, PolicyEffect{MustActivate: 3, MustActivateBy: w.Now().Add(3 * day), MustActivateNow: 1})
		w.stands(map[string]string{"nora": "due never policy", "elena": days3, "farid": days3, "gina": days3, "carla": restarted, "dmitri": deactivated, "yan": yan})
		w.reaches(nora, ReachActivation)
		w.reaches(elena, ReachFull)

		// Fewer days: nobody has more left. More: for whose days still run.
		change(PolicyChange{Grace: ptr(day)}, PolicyEffect{MustActivate: 3, MustActivateBy: w.Now().Add(day)})
		w.stands(map[string]string{"nora": "due never policy", "elena": "off 24h0m0s grace", "yan": yan})
		change(PolicyChange{Grace: ptr(2 * day)}, PolicyEffect{MoreDays: 3})
		w.stands(map[string]string{"elena": "off 48h0m0s grace"})
		w.exec(`UPDATE users SET due_by = $1 WHERE id = $2`, ms(w.Now().Add(-time.Hour)), w.cast["gina"].id)
		change(PolicyChange{Grace: ptr(week)}, PolicyEffect{MoreDays: 2})
		w.stands(map[string]string{"elena": "off 168h0m0s grace", "gina": "due -1h0m0s grace", "nora": "due never policy"})

		// None at all: due at once, and so is whoever joins.
		elena, err = w.Session(w.ctx(), elena.Token)
		w.ok(err)
		if elena.Reach != ReachFull {
			t.Fatal("Elena has no full reach any more")
		}
		elena.Token = w.withPassword("elena").Token
		w.reaches(elena, ReachFull)
		change(PolicyChange{Grace: ptr(time.Duration(0))}, PolicyEffect{MustActivateNow: 2})
		w.stands(map[string]string{"elena": "due never policy", "farid": "due never policy", "carla": restarted, "yan": yan})
		w.reaches(elena, ReachActivation)
		w.joins("hugo", "Northwind", RoleMember)
		w.stands(map[string]string{"hugo": "due never policy"})

		// And free again: also whose days were over.
		change(PolicyChange{TwoStepRequired: ptr(false)}, PolicyEffect{Freed: 5})
		w.stands(map[string]string{"elena": "off never ", "gina": "off never ", "hugo": "off never ", "carla": restarted, "dmitri": deactivated})
		// While it is not required, the days are for later alone.
		change(PolicyChange{Grace: ptr(5 * day)}, PolicyEffect{})
		w.stands(map[string]string{"elena": "off never "})
		if n := w.count(`SELECT COUNT(*) FROM audit_events WHERE event = 'policy.changed' AND details LIKE '%"people_freed":5%' AND details LIKE '%"two_step_required":{"after":false,"before":true}%'`); n != 1 {
			t.Errorf("%d events say who was freed", n)
		}
	})
}

// Who joins while an owner makes 2-step required must not fall between the two.
func TestNobodyFallsBetweenPolicies(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{TwoStepRequired: ptr(false)})
		w.ok(err)
		const joining = 8
		won, errs := race(joining+1, func(i int) error {
			if i == joining/2 {
				_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{TwoStepRequired: ptr(true)})
				return err
			}
			_, err := w.AddUser(w.ctx(), Console("test"), NewUser{Email: fmt.Sprintf("new%d@example.com", i), Name: "New", Role: RoleMember, Team: "Northwind"})
			return err
		})
		if won != joining+1 {
			t.Fatal(errs)
		}
		if n := w.count(`SELECT COUNT(*) FROM users WHERE team_id = $1 AND two_step = 'off' AND due_by = 0`, w.cast["ana"].team); n != 0 {
			t.Errorf("%d people need not activate, although the team requires it", n)
		}
	})
}

// Owners have no days of grace, however they became one.
func TestANewOwnerHasNoDaysOfGrace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		_, err := w.ChangeUser(w.ctx(), by(ana), w.cast["elena"].id, UserChange{Role: ptr(RoleAdmin)})
		w.ok(err)
		if got := w.due("elena"); !strings.HasPrefix(got, "off ") {
			t.Errorf("an admin: %s", got)
		}
		_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["elena"].id, UserChange{Role: ptr(RoleOwner)})
		w.ok(err)
		w.stands(map[string]string{"elena": "due never policy"})
	})
}

// Every setting is changed by its own name, stays when it is left out, and is
// written down with what was before.
func TestEverySettingOfThePolicy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		want := Policy{
			TwoStepRequired: false, Grace: 2 * day, ActivationWindow: 5 * time.Hour, Containment: 3 * time.Hour, SessionIdle: 20 * time.Minute,
			SessionAbsolute: 40 * time.Minute, PassFor: PassForEverybody, SecondApprover: true, RestartsPerHour: 3, DeactivationAllowed: false,
			RememberDevices: 5 * day, ReturnHosts: []string{"app.example.com"}, Version: 2,
		}
		changed, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{
			TwoStepRequired: &want.TwoStepRequired, Grace: &want.Grace, ActivationWindow: &want.ActivationWindow, Containment: &want.Containment,
			SessionIdle: &want.SessionIdle, SessionAbsolute: &want.SessionAbsolute, PassFor: &want.PassFor, SecondApprover: &want.SecondApprover,
			RestartsPerHour: &want.RestartsPerHour, DeactivationAllowed: &want.DeactivationAllowed, RememberDevices: &want.RememberDevices,
			ReturnHosts: &want.ReturnHosts,
		})
		w.ok(err)
		read, err := w.Policy(w.ctx(), by(ana))
		w.ok(err)
		for _, got := range []*Policy{changed, read} {
			if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
				t.Errorf("got %+v, want %+v", *got, want)
			}
		}
		began := DefaultPolicy()
		if d := began.differences(&want); len(d) != len(want.settings()) {
			t.Errorf("the event names %d settings of %d: %v", len(d), len(want.settings()), d)
		}
		same, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{PassFor: ptr(PassForNobody)})
		w.ok(err)
		want.PassFor, want.Version = PassForNobody, 3
		if fmt.Sprintf("%+v", *same) != fmt.Sprintf("%+v", want) {
			t.Errorf("what was left out changed: %+v", *same)
		}
		if weaker := same.Weaker(); !slices.Equal(weaker, []string{"two_step_required", "containment", "pass_for", "remember_devices"}) {
			t.Errorf("weaker than the default: %v", weaker)
		}
		if weaker := began.Weaker(); len(weaker) != 0 {
			t.Errorf("the default is weaker than the default: %v", weaker)
		}
	})
}

// The table of rank and act: who looks, who looks at the effect, who changes.
func TestWhoMayDoWhatToThePolicy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		change := PolicyChange{RestartsPerHour: ptr(4)}
		stale := w.signIn("olga")
		w.clock.advance(stepUpLasts)
		restarted := w.castContained()
		sessions := map[string]*Session{
			"owner": w.signIn("ana"), "admin": w.signIn("bruno"), "member": w.signIn("carla"), "newcomer": w.withPassword("elena"),
			"owner by recovery code": w.signInWithCode("ana", 0), "owner without step-up": stale, "owner just restarted": restarted, "stranger": w.signIn("zoe"),
		}
		for _, x := range []struct {
			who                 string
			read, effect, write Code // "" is allowed
		}{
			{"nobody", NotSignedIn, NotSignedIn, NotSignedIn},
			{"newcomer", AdminOnly, AdminOnly, OwnerOnly},
			{"member", AdminOnly, AdminOnly, OwnerOnly},
			{"admin", "", OwnerOnly, OwnerOnly},
			{"owner by recovery code", "", RecoverySession, RecoverySession},
			{"owner just restarted", "", Contained, Contained},
			{"owner without step-up", "", "", StepUpRequired},
			{"owner", "", "", ""},
			{"stranger", "", "", ""}, // of their own team
		} {
			actor := Nobody(testOrigin)
			if s := sessions[x.who]; s != nil {
				actor = by(s)
			}
			before := w.snapshot("users")
			_, read := w.Policy(w.ctx(), actor)
			_, effect := w.PolicyEffect(w.ctx(), actor, change)
			if w.snapshot("users") != before {
				t.Errorf("%s: looking changed something", x.who)
			}
			_, write := w.ChangePolicy(w.ctx(), actor, change)
			for act, c := range map[string]struct {
				err  error
				want Code
			}{"read": {read, x.read}, "effect": {effect, x.effect}, "write": {write, x.write}} {
				if c.want == "" && c.err != nil || c.want != "" && !IsRefusal(c.err, c.want) {
					t.Errorf("%s, %s: %v, want %q", x.who, act, c.err, c.want)
				}
			}
			if x.write != "" && w.snapshot("users") != before {
				t.Errorf("%s was refused and changed something", x.who)
			}
		}
	})
}

// castContained is an owner who is contained, as after a restart and an activation.
func (w *world) castContained() *Session {
	w.t.Helper()
	w.joins("rita", "Northwind", RoleOwner)
	m := w.cast["rita"]
	w.ok(activateAs(w.ctx(), w.Core, w.withPassword("rita"), &m))
	w.cast["rita"] = m
	w.exec(`UPDATE users SET contained_until = $1 WHERE id = $2`, ms(w.Now().Add(time.Hour)), m.id)
	return w.signIn("rita")
}

// ASVS 2.2.3
func TestPolicyRangesOfWhatIsNew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		for _, x := range []struct {
			change PolicyChange
			code   Code
			field  string
		}{
			{PolicyChange{Grace: ptr(time.Hour)}, OutOfRange, "grace"},
			{PolicyChange{Grace: ptr(31 * day)}, OutOfRange, "grace"},
			{PolicyChange{Grace: ptr(-time.Hour)}, OutOfRange, "grace"},
			{PolicyChange{ActivationWindow: ptr(59 * time.Minute)}, OutOfRange, "activation_window"},
			{PolicyChange{ActivationWindow: ptr(15 * day)}, OutOfRange, "activation_window"},
			{PolicyChange{Containment: ptr(time.Duration(0))}, OutOfRange, "containment"},
			{PolicyChange{Containment: ptr(24*time.Hour + time.Second)}, OutOfRange, "containment"},
			{PolicyChange{PassFor: ptr(PassFor("some"))}, InvalidField, "pass_for"},
			{PolicyChange{PassFor: ptr(PassFor(""))}, InvalidField, "pass_for"},
			{PolicyChange{RestartsPerHour: ptr(0)}, NumberOutOfRange, "restarts_per_hour"},
			{PolicyChange{RestartsPerHour: ptr(101)}, NumberOutOfRange, "restarts_per_hour"},
		} {
			before := w.snapshot("users")
			_, err := w.ChangePolicy(w.ctx(), by(ana), x.change)
			if r := w.refused(err, x.code); r.Field != x.field {
				t.Errorf("%+v: field %q", x.change, r.Field)
			}
			_, err = w.PolicyEffect(w.ctx(), by(ana), x.change)
			w.refused(err, x.code)
			if w.snapshot("users") != before {
				t.Errorf("%+v was refused and changed something", x.change)
			}
		}
		_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{Grace: ptr(time.Hour), RestartsPerHour: ptr(0), SessionIdle: ptr(time.Minute)})
		if r := w.refused(err, OutOfRange); r.Also == nil || r.Also.Code != NumberOutOfRange || r.Also.Also == nil || r.Also.Also.Field != "session_idle" {
			t.Errorf("not all that is wrong is said at once: %+v", r)
		}
		_, err = w.PolicyEffect(w.ctx(), by(ana), PolicyChange{Grace: ptr(day), Seen: 9})
		w.refused(err, PolicyChanged)
	})
}

// Shorter times and no devices any more: the effect counts what they end.
func TestPolicyEffectOnSessionsAndDevices(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.signIn("carla")
		w.signIn("dmitri")
		w.clock.advance(10 * time.Minute)
		w.signIn("zoe")
		ana := w.signIn("ana")
		_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{RememberDevices: ptr(14 * day)})
		w.ok(err)
		w.clock.advance(30 * time.Second)
		_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), w.attempt("olga"), w.code("olga"), true)
		w.ok(err)
		change := PolicyChange{SessionIdle: ptr(5 * time.Minute), RememberDevices: ptr(time.Duration(0)), DeactivationAllowed: ptr(false)}
		e, err := w.PolicyEffect(w.ctx(), by(ana), change)
		w.ok(err)
		if e.SessionsEnd != 2 || e.DevicesForgotten != 1 || e.MayNotDeactivate != 5 || e.MustActivate+e.MustActivateNow+e.MoreDays+e.Freed != 0 {
			t.Errorf("the effect is %+v", *e)
		}
		live := func() int {
			n := 0
			for _, name := range []string{"ana", "olga", "bruno", "carla", "dmitri"} {
				list, err := w.sessionsOf(w.read(w.ctx()), &userRow{id: w.cast[name].id, teamID: w.cast[name].team}, w.Now())
				w.ok(err)
				n += len(list)
			}
			return n
		}
		before := live()
		_, err = w.ChangePolicy(w.ctx(), by(ana), change)
		w.ok(err)
		if after := live(); before-after != e.SessionsEnd {
			t.Errorf("%d sessions ended, and %d were announced", before-after, e.SessionsEnd)
		}
	})
}

// Threat mode: nobody deactivates their own 2-step, with whatever code, and it
// costs no try; a restart is still possible.
func TestThreatMode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, carla := w.signIn("ana"), w.signIn("carla")
		_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{DeactivationAllowed: ptr(false)})
		w.ok(err)
		before := w.snapshot()
		for _, code := range []string{w.cast["carla"].codes[0], w.codeAt("carla", 1), "000000"} {
			_, err := w.DeactivateTwoStep(w.ctx(), by(carla), testPassword, code)
			w.refused(err, DeactivationPaused)
		}
		if w.snapshot() != before {
			t.Error("what was refused left something behind")
		}
		_, err = w.DeactivateTwoStep(w.ctx(), by(ana), testPassword, w.cast["ana"].codes[0])
		w.refused(err, DeactivationPaused)
		status, err := w.TwoStepStatus(w.ctx(), by(carla))
		w.ok(err)
		if !status.Paused {
			t.Error("the page is not told")
		}
		_, err = w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, goodReason)
		w.ok(err)
		_, err = w.ChangePolicy(w.ctx(), by(ana), PolicyChange{DeactivationAllowed: ptr(true)})
		w.ok(err)
		_, err = w.DeactivateTwoStep(w.ctx(), by(w.signInWithCode("dmitri", 0)), "", w.cast["dmitri"].codes[1])
		w.ok(err)
	})
}

// Who is in the days of grace, as the list of the team finds them.
func TestPeopleInGrace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		names := func() string {
			page, err := w.People(w.ctx(), by(ana), PeopleFilter{TwoStep: TwoStepGrace})
			w.ok(err)
			text := ""
			for _, p := range page.Items {
				if p.DueBy.IsZero() {
					t.Errorf("%s has no date", p.Name)
				}
				text += p.Name + " "
			}
			if page.Found.N != len(page.Items) {
				t.Errorf("found %+v of %d", page.Found, len(page.Items))
			}
			return text
		}
		if got := names(); got != "Elena Farid " {
			t.Errorf("in grace: %s", got)
		}
		w.exec(`UPDATE users SET due_by = $1 WHERE id = $2`, ms(w.Now()), w.cast["farid"].id)
		if got := names(); got != "Elena " {
			t.Errorf("in grace: %s", got)
		}
		_, err := w.ChangePolicy(w.ctx(), by(ana), PolicyChange{TwoStepRequired: ptr(false)})
		w.ok(err)
		if got := names(); got != "" {
			t.Errorf("in grace: %s", got)
		}
	})
}
