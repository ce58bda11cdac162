package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// policyAnswer is what the team decides.
type policyAnswer struct {
	SessionIdleSeconds     int64    `json:"session_idle_seconds" doc:"A session that nobody uses ends after it"`
	SessionAbsoluteSeconds int64    `json:"session_absolute_seconds" doc:"Every session ends after it"`
	RememberDevicesSeconds int64    `json:"remember_devices_seconds" doc:"For how long a device may skip the second step; 0 is not at all"`
	ReturnHosts            []string `json:"return_hosts" nullable:"false" doc:"Hosts, with a port where it is not the usual one, to which a sign-in may lead back"`
	Version                int64    `json:"version" doc:"Grows with each change"`
}

type policyRequest struct {
	SessionIdleSeconds     *int64   `json:"session_idle_seconds,omitempty"`
	SessionAbsoluteSeconds *int64   `json:"session_absolute_seconds,omitempty"`
	RememberDevicesSeconds *int64   `json:"remember_devices_seconds,omitempty" doc:"NIST SP 800-63B-4 §5.1 advises against anything but 0"`
	ReturnHosts            []string `json:"return_hosts,omitempty" doc:"All of them: those that are left out are removed"`
	Version                int64    `json:"version,omitempty" doc:"That the change was made from: policy-changed when there is a newer one. 0 does not compare"`
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
		description: "An owner's to change. What is left out stays. Shorter times hold at once for the sessions and devices that are there. Times are whole " +
			"minutes in seconds: " + rangeOf("session_idle_seconds", core.RangeSessionIdle) + ", " + rangeOf("session_absolute_seconds", core.RangeSessionAbsolute) +
			", " + rangeOf("remember_devices_seconds", core.RangeRememberDevices) + ".",
		refuses: []core.Code{core.OwnerOnly, core.Contained, core.PolicyChanged, core.OutOfRange, core.HostInvalid, core.TooManyHosts},
	}, a.changePolicy)
}

func rangeOf(field string, r core.PolicyRange) string {
	off := ""
	if r.Off {
		off = ", or 0"
	}
	return fmt.Sprintf("`%s` from %d to %d%s", field, int(r.Least.Seconds()), int(r.Most.Seconds()), off)
}

func (a *API) changePolicy(ctx context.Context, c *call, in *request[policyRequest]) (*answer[policyAnswer], error) {
	change := core.PolicyChange{
		SessionIdle: lasting(in.Body.SessionIdleSeconds), SessionAbsolute: lasting(in.Body.SessionAbsoluteSeconds),
		RememberDevices: lasting(in.Body.RememberDevicesSeconds), Seen: in.Body.Version,
	}
	if in.Body.ReturnHosts != nil {
		change.ReturnHosts = &in.Body.ReturnHosts
	}
	p, err := a.core.ChangePolicy(ctx, c.by, change)
	if r := core.Refused(err); r != nil && r.Code == core.OutOfRange {
		named := *r
		named.Field += "_seconds" // as it is called here
		err = &named
	}
	return policyOf(p, err)
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
	return &answer[policyAnswer]{Body: policyAnswer{
		SessionIdleSeconds: int64(p.SessionIdle.Seconds()), SessionAbsoluteSeconds: int64(p.SessionAbsolute.Seconds()),
		RememberDevicesSeconds: int64(p.RememberDevices.Seconds()), ReturnHosts: append([]string{}, p.ReturnHosts...), Version: p.Version,
	}}, nil
}
