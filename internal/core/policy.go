package core

import (
	"context"
	"slices"
	"time"
)

// Policy is what a team decides. The defaults are product.md §5's.
type Policy struct {
	TwoStepRequired     bool
	Grace               time.Duration // for newcomers; owners have none
	ActivationWindow    time.Duration // after a restart
	Containment         time.Duration // after a restart
	SessionIdle         time.Duration
	SessionAbsolute     time.Duration
	DeactivationAllowed bool          // off is "threat mode"
	PassFor             PassFor       // who needs a re-activation pass after a restart
	SecondApprover      bool          // restarts of owners and admins wait for another owner or admin
	RestartsPerHour     int           // of one approver; the owners are told when it is reached
	RememberDevices     time.Duration // for how long a device may skip the second step; 0 is not at all
	ReturnHosts         []string      // host or host:port to which a sign-in may lead back, sorted; only from Core.Policy
	Version             int64
	MayNotChange        *Refusal // why the actor may not change it, apart from a step-up; nil when they may; only from Core.Policy
}

// PassFor is whose activation after a restart asks for a re-activation pass.
type PassFor string

const (
	PassForOwnersAndAdmins PassFor = "owners_and_admins"
	PassForEverybody       PassFor = "everybody"
	PassForNobody          PassFor = "nobody"
)

const day = 24 * time.Hour

// PassForValues lists them in the order in which pages offer them.
func PassForValues() []PassFor {
	return []PassFor{PassForOwnersAndAdmins, PassForEverybody, PassForNobody}
}

// DefaultPolicy is what a team begins with.
func DefaultPolicy() Policy {
	return Policy{
		TwoStepRequired:     true,
		Grace:               7 * day,
		ActivationWindow:    72 * time.Hour,
		Containment:         24 * time.Hour,
		SessionIdle:         time.Hour,
		SessionAbsolute:     24 * time.Hour,
		DeactivationAllowed: true,
		PassFor:             PassForOwnersAndAdmins,
		RestartsPerHour:     5,
	}
}

// PolicyRange is what a setting may be, both ends included. Zero is allowed
// besides where Off is true.
type PolicyRange struct {
	Least, Most time.Duration
	Off         bool
}

// Ranges of what teams may choose. The shortest times are those that still let
// somebody finish what they do; the longest of sessions are those of SP 800-63B-4
// §2.1.3 for AAL1, beyond which a session is no proof of anything. Behind a restart
// a member's account stands behind its password alone, so the window ends in two
// weeks at most, and containment can be short but not absent (R15).
var (
	RangeGrace            = PolicyRange{Least: day, Most: 30 * day, Off: true}
	RangeActivationWindow = PolicyRange{Least: time.Hour, Most: 14 * day}
	RangeContainment      = PolicyRange{Least: time.Hour, Most: 30 * day}
	RangeSessionIdle      = PolicyRange{Least: 5 * time.Minute, Most: 24 * time.Hour}
	RangeSessionAbsolute  = PolicyRange{Least: 15 * time.Minute, Most: 30 * day}
	RangeRememberDevices  = PolicyRange{Least: day, Most: 30 * day, Off: true}
)

// RestartsPerHourLeast and RestartsPerHourMost are the range of restarts per
// approver and hour.
const (
	RestartsPerHourLeast = 1
	RestartsPerHourMost  = 100
)

func (r PolicyRange) check(field string, d time.Duration) error {
	if r.Off && d == 0 || r.Least <= d && d <= r.Most && d%time.Minute == 0 {
		return nil
	}
	return refuseField(OutOfRange, field).with("min", r.Least).with("max", r.Most)
}

// PolicyChange is what an owner changes; nil leaves it.
type PolicyChange struct {
	TwoStepRequired, SecondApprover, DeactivationAllowed *bool
	Grace, ActivationWindow, Containment                 *time.Duration
	PassFor                                              *PassFor
	RestartsPerHour                                      *int
	SessionIdle, SessionAbsolute, RememberDevices        *time.Duration
	ReturnHosts                                          *[]string
	// Seen is the version that the form showed; 0 does not compare. Whoever saved in
	// between is not overwritten.
	Seen int64
}

func (t *tx) createPolicy(teamID string) error {
	p := DefaultPolicy()
	_, err := t.exec(`INSERT INTO policies (team_id, two_step_required, grace_ms, activation_window_ms, containment_ms, session_idle_ms, session_absolute_ms, deactivation_allowed, pass_for, second_approver, restarts_per_hour)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		teamID, p.TwoStepRequired, p.Grace.Milliseconds(), p.ActivationWindow.Milliseconds(), p.Containment.Milliseconds(),
		p.SessionIdle.Milliseconds(), p.SessionAbsolute.Milliseconds(), p.DeactivationAllowed, string(p.PassFor), p.SecondApprover, p.RestartsPerHour)
	return err
}

// policyOf reads all but the hosts, which only the policy's own page and a return
// from a sign-in ask for.
func policyOf(r reader, teamID string) (Policy, error) {
	var p Policy
	var grace, window, containment, idle, absolute, remember int64
	err := r.row(`SELECT two_step_required, grace_ms, activation_window_ms, containment_ms, session_idle_ms, session_absolute_ms, deactivation_allowed, pass_for, second_approver, restarts_per_hour, remember_ms, version
		FROM policies WHERE team_id = $1`, teamID).
		Scan(&p.TwoStepRequired, &grace, &window, &containment, &idle, &absolute, &p.DeactivationAllowed, (*string)(&p.PassFor), &p.SecondApprover, &p.RestartsPerHour, &remember, &p.Version)
	p.Grace = time.Duration(grace) * time.Millisecond
	p.ActivationWindow = time.Duration(window) * time.Millisecond
	p.Containment = time.Duration(containment) * time.Millisecond
	p.SessionIdle = time.Duration(idle) * time.Millisecond
	p.SessionAbsolute = time.Duration(absolute) * time.Millisecond
	p.RememberDevices = time.Duration(remember) * time.Millisecond
	return p, err
}

// policyForNewcomer reads what a new user is made under, and holds it until they
// are: a change of policy that comes between would find neither them nor be found.
func (t *tx) policyForNewcomer(teamID string) (required bool, grace time.Duration, err error) {
	var milliseconds int64
	err = t.row(`UPDATE policies SET version = version WHERE team_id = $1 RETURNING two_step_required, grace_ms`, teamID).Scan(&required, &milliseconds)
	return required, time.Duration(milliseconds) * time.Millisecond, err
}

func wholePolicy(r reader, teamID string) (*Policy, error) {
	p, err := policyOf(r, teamID)
	if err != nil {
		return nil, err
	}
	p.ReturnHosts, err = returnHosts(r, teamID)
	return &p, err
}

// Policy reads the team's policy. Refuses: not-signed-in, activation-required,
// admin-only.
func (c *Core) Policy(ctx context.Context, by Actor) (*Policy, error) {
	r := c.read(ctx)
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	p, err := wholePolicy(r, actor.teamID)
	if err != nil {
		return nil, err
	}
	p.MayNotChange = Refused(mayChangePolicy(actor, by.session.SecondStep, c.Now()))
	return p, nil
}

// ChangePolicy changes the team's policy and tells the owners what was before and
// is now. Shorter times hold for sessions and devices that are there already, and
// what is said of 2-step for everybody who is in the team (dueCases); times after a
// restart hold from the next one on.
// Refuses: not-signed-in, session-ended, activation-required, owner-only,
// contained, recovery-session, step-up-required, policy-changed, out-of-range,
// number-out-of-range, invalid-field, host-invalid, too-many-hosts.
func (c *Core) ChangePolicy(ctx context.Context, by Actor, change PolicyChange) (*Policy, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	var changed *Policy
	err := c.write(ctx, func(t *tx) error {
		if err := t.lockTeam(by.session.User.Team.ID); err != nil {
			return err
		}
		actor, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := mayChangePolicy(actor, s.secondStep, t.now); err != nil {
			return err
		}
		if err := needStepUp(actor, s, t.now); err != nil {
			return err
		}
		before, err := wholePolicy(t, actor.teamID)
		if err != nil {
			return err
		}
		if change.Seen != 0 && change.Seen != before.Version {
			return refuse(PolicyChanged)
		}
		after, err := before.with(change)
		if err != nil {
			return err
		}
		changed = &after
		return t.changePolicy(by, actor, before, changed)
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// mayChangePolicy is for the verb and for the page that shows the form.
// Refuses: activation-required, owner-only, recovery-session, contained.
func mayChangePolicy(actor *userRow, proved SecondStep, now time.Time) error {
	switch {
	case actor.state(now) == TwoStepDue:
		return refuse(ActivationRequired)
	case actor.role != RoleOwner:
		return refuse(OwnerOnly)
	case proved == SecondStepRecoveryCode:
		return refuse(RecoverySession)
	case actor.contained(now):
		return refuse(Contained).with("at", at(actor.containedUntil))
	}
	return nil
}

// with is the policy after a change. Refuses: out-of-range, number-out-of-range,
// invalid-field, host-invalid, too-many-hosts, all that is wrong at once.
func (p Policy) with(change PolicyChange) (Policy, error) {
	set := func(to *time.Duration, from *time.Duration, field string, in PolicyRange) error {
		if from == nil {
			return nil
		}
		*to = *from
		return in.check(field, *from)
	}
	problems := []error{
		set(&p.Grace, change.Grace, "grace", RangeGrace),
		set(&p.ActivationWindow, change.ActivationWindow, "activation_window", RangeActivationWindow),
		set(&p.Containment, change.Containment, "containment", RangeContainment),
	}
	if change.PassFor != nil {
		if p.PassFor = *change.PassFor; !slices.Contains(PassForValues(), p.PassFor) {
			problems = append(problems, refuseField(InvalidField, "pass_for").with("field", "pass_for"))
		}
	}
	if change.RestartsPerHour != nil {
		if p.RestartsPerHour = *change.RestartsPerHour; p.RestartsPerHour < RestartsPerHourLeast || p.RestartsPerHour > RestartsPerHourMost {
			problems = append(problems, refuseField(NumberOutOfRange, "restarts_per_hour").with("min", RestartsPerHourLeast).with("max", RestartsPerHourMost))
		}
	}
	problems = append(problems,
		set(&p.SessionIdle, change.SessionIdle, "session_idle", RangeSessionIdle),
		set(&p.SessionAbsolute, change.SessionAbsolute, "session_absolute", RangeSessionAbsolute),
		set(&p.RememberDevices, change.RememberDevices, "remember_devices", RangeRememberDevices))
	if p.SessionIdle > p.SessionAbsolute {
		problems = append(problems, refuseField(OutOfRange, "session_idle").with("min", RangeSessionIdle.Least).with("max", min(p.SessionAbsolute, RangeSessionIdle.Most)))
	}
	if change.ReturnHosts != nil {
		hosts, err := readHosts(*change.ReturnHosts)
		problems = append(problems, err)
		p.ReturnHosts = hosts
	}
	for _, yesOrNo := range []struct{ to, from *bool }{
		{&p.TwoStepRequired, change.TwoStepRequired}, {&p.SecondApprover, change.SecondApprover}, {&p.DeactivationAllowed, change.DeactivationAllowed},
	} {
		if yesOrNo.from != nil {
			*yesOrNo.to = *yesOrNo.from
		}
	}
	return p, together(problems...)
}

func (t *tx) changePolicy(by Actor, actor *userRow, before, after *Policy) error {
	details := before.differences(after)
	if len(details) == 0 {
		t.nothingToRecord()
		return nil
	}
	after.Version = before.Version + 1
	// First of all the row that newcomers are made under: whoever is being made at this
	// moment is there for the statements below, or is made under the new policy.
	if err := t.must(refuse(PolicyChanged), `UPDATE policies SET two_step_required = $1, grace_ms = $2, activation_window_ms = $3, containment_ms = $4,
			deactivation_allowed = $5, pass_for = $6, second_approver = $7, restarts_per_hour = $8,
			session_idle_ms = $9, session_absolute_ms = $10, remember_ms = $11, version = $12
		WHERE team_id = $13 AND version = $14`,
		after.TwoStepRequired, after.Grace.Milliseconds(), after.ActivationWindow.Milliseconds(), after.Containment.Milliseconds(),
		after.DeactivationAllowed, string(after.PassFor), after.SecondApprover, after.RestartsPerHour,
		after.SessionIdle.Milliseconds(), after.SessionAbsolute.Milliseconds(), after.RememberDevices.Milliseconds(), after.Version,
		actor.teamID, before.Version); err != nil {
		return err
	}
	if !slices.Equal(before.ReturnHosts, after.ReturnHosts) {
		if err := t.storeReturnHosts(actor.teamID, after.ReturnHosts); err != nil {
			return err
		}
	}
	if err := t.applyDueCases(actor.teamID, before.dueCases(after, t.now), details); err != nil {
		return err
	}
	if after.SessionIdle < before.SessionIdle || after.SessionAbsolute < before.SessionAbsolute {
		if err := t.shortenSessions(actor.teamID, after.SessionIdle, after.SessionAbsolute); err != nil {
			return err
		}
	}
	if before.RememberDevices > 0 && after.RememberDevices == 0 {
		if err := t.deleteDevicesOfTeam(actor.teamID); err != nil {
			return err
		}
	}
	return t.record(eventOf{event: EventPolicyChanged, by: by, actor: actor, team: actor.teamID, details: details})
}

// settings are what a policy says, by the names of the API and of the audit log.
// Times are written as Go writes a duration.
func (p *Policy) settings() map[string]any {
	return map[string]any{
		"two_step_required": p.TwoStepRequired, "grace": p.Grace.String(), "activation_window": p.ActivationWindow.String(),
		"containment": p.Containment.String(), "pass_for": string(p.PassFor), "second_approver": p.SecondApprover,
		"restarts_per_hour": p.RestartsPerHour, "deactivation_allowed": p.DeactivationAllowed, "session_idle": p.SessionIdle.String(),
		"session_absolute": p.SessionAbsolute.String(), "remember_devices": p.RememberDevices.String(), "return_hosts": p.ReturnHosts,
	}
}

// differences are what a change changes, for the event: old and new by name.
func (p *Policy) differences(after *Policy) map[string]any {
	d, now := map[string]any{}, after.settings()
	for name, old := range p.settings() {
		if name == "return_hosts" && slices.Equal(p.ReturnHosts, after.ReturnHosts) || name != "return_hosts" && old == now[name] {
			continue
		}
		d[name] = map[string]any{"before": old, "after": now[name]}
	}
	return d
}

// Weaker names the settings that protect less than the default does.
func (p *Policy) Weaker() []string {
	d, weaker := DefaultPolicy(), []string{}
	for _, s := range []struct {
		name string
		is   bool
	}{
		{"two_step_required", !p.TwoStepRequired},
		{"grace", p.Grace > d.Grace},
		{"activation_window", p.ActivationWindow > d.ActivationWindow},
		{"containment", p.Containment < d.Containment},
		{"pass_for", p.PassFor == PassForNobody},
		{"restarts_per_hour", p.RestartsPerHour > d.RestartsPerHour},
		{"session_idle", p.SessionIdle > d.SessionIdle},
		{"session_absolute", p.SessionAbsolute > d.SessionAbsolute},
		{"remember_devices", p.RememberDevices > 0},
	} {
		if s.is {
			weaker = append(weaker, s.name)
		}
	}
	return weaker
}
