package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"doorstep/internal/core"
)

// policyAnswer is what the team decides.
type policyAnswer struct {
	TwoStepRequired         bool     `json:"two_step_required" doc:"Whether everybody must activate 2-step authentication"`
	GraceSeconds            int64    `json:"grace_seconds" doc:"How long a newcomer who is no owner has for it; 0 is not at all"`
	ActivationWindowSeconds int64    `json:"activation_window_seconds" doc:"How long a restarted person has to activate again, before the account closes"`
	ContainmentSeconds      int64    `json:"containment_seconds" doc:"For how long a restarted person restarts nobody and changes no role or policy"`
	PassFor                 string   `json:"pass_for" enum:"owners_and_admins,everybody,nobody" doc:"Who needs a re-activation pass after a restart"`
	SecondApprover          bool     `json:"second_approver" doc:"Whether a restart of an owner or admin waits for a second person"`
	RestartsPerHour         int      `json:"restarts_per_hour" doc:"How many people one person may restart in an hour"`
	DeactivationAllowed     bool     `json:"deactivation_allowed" doc:"Whether people may deactivate their own 2-step authentication"`
	SessionIdleSeconds      int64    `json:"session_idle_seconds" doc:"A session that nobody uses ends after it"`
	SessionAbsoluteSeconds  int64    `json:"session_absolute_seconds" doc:"Every session ends after it"`
	RememberDevicesSeconds  int64    `json:"remember_devices_seconds" doc:"For how long a device may skip the second step; 0 is not at all"`
	ReturnHosts             []string `json:"return_hosts" nullable:"false" doc:"Hosts, with a port where it is not the usual one, to which a sign-in may lead back"`
	Version                 int64    `json:"version" doc:"Grows with each change"`
	Weaker                  []string `json:"weaker" nullable:"false" doc:"The settings above that protect less than their default"`

	Effect *policyEffect `json:"effect,omitempty" doc:"Only with effect=1: the rest is then how it would be, and nothing was saved"`
}

// policyEffect is what a change would do, in numbers.
type policyEffect struct {
	PeopleMustActivate    int        `json:"people_must_activate" doc:"By must_activate_by"`
	MustActivateBy        *time.Time `json:"must_activate_by"`
	PeopleMustActivateNow int        `json:"people_must_activate_now"`
	PeopleWithMoreDays    int        `json:"people_with_more_days"`
	PeopleFreed           int        `json:"people_freed" doc:"Who would not have to activate any more"`
	SessionsEnded         int        `json:"sessions_ended"`
	DevicesForgotten      int        `json:"devices_forgotten"`
	PeopleMayNotDeact     int        `json:"people_who_may_not_deactivate" doc:"Who may now, and could not any more"`
}

type policyRequest struct {
	TwoStepRequired         *bool    `json:"two_step_required,omitempty"`
	GraceSeconds            *int64   `json:"grace_seconds,omitempty"`
	ActivationWindowSeconds *int64   `json:"activation_window_seconds,omitempty"`
	ContainmentSeconds      *int64   `json:"containment_seconds,omitempty"`
	PassFor                 *string  `json:"pass_for,omitempty" enum:"owners_and_admins,everybody,nobody"`
	SecondApprover          *bool    `json:"second_approver,omitempty"`
	RestartsPerHour         *int     `json:"restarts_per_hour,omitempty"`
	DeactivationAllowed     *bool    `json:"deactivation_allowed,omitempty"`
	SessionIdleSeconds      *int64   `json:"session_idle_seconds,omitempty"`
	SessionAbsoluteSeconds  *int64   `json:"session_absolute_seconds,omitempty"`
	RememberDevicesSeconds  *int64   `json:"remember_devices_seconds,omitempty" doc:"NIST SP 800-63B-4 §5.1 advises against anything but 0"`
	ReturnHosts             []string `json:"return_hosts,omitempty" doc:"All of them: those that are left out are removed"`
	Version                 int64    `json:"version,omitempty" doc:"That the change was made from: policy-changed when there is a newer one. 0 does not compare"`
}

type changePolicy struct {
	Effect int `query:"effect" minimum:"0" maximum:"1" default:"0" doc:"1 says in numbers what the change would do, and saves nothing"`
	Body   policyRequest
}

func (a *API) policy() {
	add(a, operation{
		method: http.MethodGet, path: "/team/policy", needs: core.NeedAdmin, id: "get-policy", tag: tagTeam,
		summary: "What the team decides", description: "Times are in whole seconds.",
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[policyAnswer], error) {
		return policyOf(a.core.Policy(ctx, c.by))
	})
	add(a, operation{
		method: http.MethodPatch, path: "/team/policy", needs: core.NeedSteppedUpAdmin, id: "change-policy", tag: tagTeam,
		summary: "Change what the team decides",
		description: "An owner's to change. What is left out stays. Shorter times hold at once for the sessions and devices that are there; whether 2-step " +
			"authentication is required, and after how many days, holds for everybody who is in the team; times after a restart hold from the next one on. " +
			"Times are whole minutes in seconds: " + ranges() + ".",
		refuses: []core.Code{
			core.OwnerOnly, core.Contained, core.PolicyChanged, core.OutOfRange, core.NumberOutOfRange, core.InvalidField, core.HostInvalid, core.TooManyHosts,
		},
	}, a.changePolicy)
}

// ranges are what can be chosen, and what a team begins with.
func ranges() string {
	d := core.DefaultPolicy()
	var texts []string
	for _, x := range []struct {
		field   string
		in      core.PolicyRange
		without time.Duration
	}{
		{"grace_seconds", core.RangeGrace, d.Grace},
		{"activation_window_seconds", core.RangeActivationWindow, d.ActivationWindow},
		{"containment_seconds", core.RangeContainment, d.Containment},
		{"session_idle_seconds", core.RangeSessionIdle, d.SessionIdle},
		{"session_absolute_seconds", core.RangeSessionAbsolute, d.SessionAbsolute},
		{"remember_devices_seconds", core.RangeRememberDevices, d.RememberDevices},
	} {
		off := ""
		if x.in.Off {
			off = ", or 0"
		}
		texts = append(texts, fmt.Sprintf("`%s` from %d to %d%s (default %d)", x.field, int(x.in.Least.Seconds()), int(x.in.Most.Seconds()), off, int(x.without.Seconds())))
	}
	return strings.Join(texts, ", ") + fmt.Sprintf("; `restarts_per_hour` from %d to %d (default %d)", core.RestartsPerHourLeast, core.RestartsPerHourMost, d.RestartsPerHour)
}

func (a *API) changePolicy(ctx context.Context, c *call, in *changePolicy) (*answer[policyAnswer], error) {
	b := in.Body
	change := core.PolicyChange{
		TwoStepRequired: b.TwoStepRequired, SecondApprover: b.SecondApprover, DeactivationAllowed: b.DeactivationAllowed,
		Grace: lasting(b.GraceSeconds), ActivationWindow: lasting(b.ActivationWindowSeconds), Containment: lasting(b.ContainmentSeconds),
		PassFor: (*core.PassFor)(b.PassFor), RestartsPerHour: b.RestartsPerHour,
		SessionIdle: lasting(b.SessionIdleSeconds), SessionAbsolute: lasting(b.SessionAbsoluteSeconds), RememberDevices: lasting(b.RememberDevicesSeconds),
		Seen: b.Version,
	}
	if b.ReturnHosts != nil {
		change.ReturnHosts = &b.ReturnHosts
	}
	if in.Effect == 1 {
		e, err := a.core.PolicyEffect(ctx, c.by, change)
		if err != nil {
			return nil, inSeconds(err)
		}
		out, err := policyOf(&e.Policy, nil)
		out.Body.Effect = &policyEffect{
			PeopleMustActivate: e.MustActivate, MustActivateBy: when(e.MustActivateBy), PeopleMustActivateNow: e.MustActivateNow,
			PeopleWithMoreDays: e.MoreDays, PeopleFreed: e.Freed, SessionsEnded: e.SessionsEnd, DevicesForgotten: e.DevicesForgotten,
			PeopleMayNotDeact: e.MayNotDeactivate,
		}
		return out, err
	}
	p, err := a.core.ChangePolicy(ctx, c.by, change)
	return policyOf(p, inSeconds(err))
}

// inSeconds names the times of a refusal as they are called here.
func inSeconds(err error) error {
	r := core.Refused(err)
	if r == nil {
		return err
	}
	named := *r
	if named.Code == core.OutOfRange {
		named.Field += "_seconds"
	}
	if named.Also != nil {
		named.Also = core.Refused(inSeconds(named.Also))
	}
	return &named
}

// lasting is a number of seconds as a time. What a time cannot hold is one that no
// range has.
func lasting(seconds *int64) *time.Duration {
	if seconds == nil {
		return nil
	}
	d := time.Duration(-1)
	if *seconds >= 0 && *seconds <= math.MaxInt64/int64(time.Second) {
		d = time.Duration(*seconds) * time.Second
	}
	return &d
}

func policyOf(p *core.Policy, err error) (*answer[policyAnswer], error) {
	if err != nil {
		return nil, err
	}
	seconds := func(d time.Duration) int64 { return int64(d.Seconds()) }
	names := map[string]string{
		"grace": "grace_seconds", "activation_window": "activation_window_seconds", "containment": "containment_seconds",
		"session_idle": "session_idle_seconds", "session_absolute": "session_absolute_seconds", "remember_devices": "remember_devices_seconds",
	}
	weaker := p.Weaker()
	for i, name := range weaker {
		if named := names[name]; named != "" {
			weaker[i] = named
		}
	}
	return &answer[policyAnswer]{Body: policyAnswer{
		TwoStepRequired: p.TwoStepRequired, GraceSeconds: seconds(p.Grace), ActivationWindowSeconds: seconds(p.ActivationWindow),
		ContainmentSeconds: seconds(p.Containment), PassFor: string(p.PassFor), SecondApprover: p.SecondApprover,
		RestartsPerHour: p.RestartsPerHour, DeactivationAllowed: p.DeactivationAllowed,
		SessionIdleSeconds: seconds(p.SessionIdle), SessionAbsoluteSeconds: seconds(p.SessionAbsolute),
		RememberDevicesSeconds: seconds(p.RememberDevices), ReturnHosts: append([]string{}, p.ReturnHosts...), Version: p.Version, Weaker: weaker,
	}}, nil
}
