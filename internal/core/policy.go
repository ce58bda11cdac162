package core

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
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

func defaultPolicy() Policy {
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
// somebody finish what they do; the longest are those of SP 800-63B-4 §2.1.3 for
// AAL1, beyond which a session is no proof of anything.
var (
	RangeSessionIdle     = PolicyRange{Least: 5 * time.Minute, Most: 24 * time.Hour}
	RangeSessionAbsolute = PolicyRange{Least: 15 * time.Minute, Most: 30 * day}
	RangeRememberDevices = PolicyRange{Least: day, Most: 30 * day, Off: true}
)

// ReturnHostsMost is how many hosts a team may register.
const ReturnHostsMost = 50

func (r PolicyRange) check(field string, d time.Duration) error {
	if r.Off && d == 0 || r.Least <= d && d <= r.Most && d%time.Minute == 0 {
		return nil
	}
	return refuseField(OutOfRange, field).with("min", r.Least).with("max", r.Most)
}

// PolicyChange is what an owner changes; nil leaves it.
type PolicyChange struct {
	SessionIdle, SessionAbsolute, RememberDevices *time.Duration
	ReturnHosts                                   *[]string
	// Seen is the version that the form showed; 0 does not compare. Whoever saved in
	// between is not overwritten.
	Seen int64
}

func (t *tx) createPolicy(teamID string) error {
	p := defaultPolicy()
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

func wholePolicy(r reader, teamID string) (*Policy, error) {
	p, err := policyOf(r, teamID)
	if err != nil {
		return nil, err
	}
	p.ReturnHosts, err = returnHosts(r, teamID)
	return &p, err
}

func returnHosts(r reader, teamID string) ([]string, error) {
	hosts := []string{}
	err := r.each(`SELECT host FROM return_hosts WHERE team_id = $1`, []any{teamID}, func(scan func(...any) error) error {
		var host string
		err := scan(&host)
		hosts = append(hosts, host)
		return err
	})
	slices.Sort(hosts)
	return hosts, err
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
// is now. Shorter times hold for sessions and devices that are there already.
// Refuses: not-signed-in, session-ended, activation-required, owner-only,
// contained, recovery-session, step-up-required, policy-changed, out-of-range,
// host-invalid, too-many-hosts.
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

// with is the policy after a change. Refuses: out-of-range, host-invalid,
// too-many-hosts, all that is wrong at once.
func (p Policy) with(change PolicyChange) (Policy, error) {
	set := func(to *time.Duration, from *time.Duration, field string, in PolicyRange) error {
		if from == nil {
			return nil
		}
		*to = *from
		return in.check(field, *from)
	}
	problems := []error{
		set(&p.SessionIdle, change.SessionIdle, "session_idle", RangeSessionIdle),
		set(&p.SessionAbsolute, change.SessionAbsolute, "session_absolute", RangeSessionAbsolute),
		set(&p.RememberDevices, change.RememberDevices, "remember_devices", RangeRememberDevices),
	}
	if p.SessionIdle > p.SessionAbsolute {
		problems = append(problems, refuseField(OutOfRange, "session_idle").with("min", RangeSessionIdle.Least).with("max", min(p.SessionAbsolute, RangeSessionIdle.Most)))
	}
	if change.ReturnHosts != nil {
		hosts, err := readHosts(*change.ReturnHosts)
		problems = append(problems, err)
		p.ReturnHosts = hosts
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
	if err := t.must(refuse(PolicyChanged), `UPDATE policies SET session_idle_ms = $1, session_absolute_ms = $2, remember_ms = $3, version = $4 WHERE team_id = $5 AND version = $6`,
		after.SessionIdle.Milliseconds(), after.SessionAbsolute.Milliseconds(), after.RememberDevices.Milliseconds(), after.Version, actor.teamID, before.Version); err != nil {
		return err
	}
	if !slices.Equal(before.ReturnHosts, after.ReturnHosts) {
		if err := t.storeReturnHosts(actor.teamID, after.ReturnHosts); err != nil {
			return err
		}
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

// differences are what a change changes, for the event: old and new by name.
func (p *Policy) differences(after *Policy) map[string]any {
	d := map[string]any{}
	note := func(name string, old, now any, same bool) {
		if !same {
			d[name] = map[string]any{"before": old, "after": now}
		}
	}
	note("session_idle", p.SessionIdle.String(), after.SessionIdle.String(), p.SessionIdle == after.SessionIdle)
	note("session_absolute", p.SessionAbsolute.String(), after.SessionAbsolute.String(), p.SessionAbsolute == after.SessionAbsolute)
	note("remember_devices", p.RememberDevices.String(), after.RememberDevices.String(), p.RememberDevices == after.RememberDevices)
	note("return_hosts", p.ReturnHosts, after.ReturnHosts, slices.Equal(p.ReturnHosts, after.ReturnHosts))
	return d
}

func (t *tx) storeReturnHosts(teamID string, hosts []string) error {
	if _, err := t.exec(`DELETE FROM return_hosts WHERE team_id = $1`, teamID); err != nil {
		return err
	}
	for _, host := range hosts {
		if _, err := t.exec(`INSERT INTO return_hosts (team_id, host) VALUES ($1, $2)`, teamID, host); err != nil {
			return err
		}
	}
	return nil
}

// hostShape is a name of letters, digits and hyphens in labels, or an address of
// the fourth version, and perhaps a port: nothing that two programs could read in
// two ways. Other scripts are written as xn--….
var hostShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*(:[1-9][0-9]{0,4})?$`)

// FoldHost writes a host as it is compared: small letters, no final dot, no port
// that its scheme implies. "" for what is no host.
func FoldHost(scheme, host string) string {
	host = strings.ToLower(host)
	name, port, ported := strings.Cut(host, ":")
	name = strings.TrimSuffix(name, ".")
	if ported && !(scheme == "https" && port == "443" || scheme == "http" && port == "80") {
		name += ":" + port
	}
	if len(name) > 259 || !hostShape.MatchString(name) {
		return ""
	}
	return name
}

// readHosts reads the hosts of a form. Refuses: host-invalid, too-many-hosts.
func readHosts(texts []string) ([]string, error) {
	var hosts []string
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		host := FoldHost("https", text)
		if host == "" {
			return nil, refuseField(HostInvalid, "return_hosts").with("host", cut(text, 80))
		}
		hosts = append(hosts, host)
	}
	slices.SortFunc(hosts, cmp.Compare[string])
	if hosts = slices.Compact(hosts); len(hosts) > ReturnHostsMost {
		return nil, refuseField(TooManyHosts, "return_hosts").with("n", ReturnHostsMost)
	}
	return hosts, nil
}

// MayReturnTo says whether a sign-in may lead back to a host (as FoldHost writes
// it): for somebody signed in, one that their team registered; for nobody yet, one
// that any team did.
func (c *Core) MayReturnTo(ctx context.Context, by Actor, host string) (bool, error) {
	if host == "" {
		return false, nil
	}
	where, args := `host = $1`, []any{host}
	if by.session != nil {
		where, args = where+` AND team_id = $2`, append(args, by.session.User.Team.ID)
	}
	var n int
	err := c.read(ctx).row(`SELECT COUNT(*) FROM return_hosts WHERE `+where, args...).Scan(&n)
	return n > 0, err
}
