package core

import "time"

// Policy is what a team decides. The defaults are product.md §5's.
type Policy struct {
	TwoStepRequired     bool
	Grace               time.Duration // for newcomers; owners have none
	ActivationWindow    time.Duration // after a restart
	Containment         time.Duration // after a restart
	SessionIdle         time.Duration
	SessionAbsolute     time.Duration
	DeactivationAllowed bool
}

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
	}
}

func (t *tx) createPolicy(teamID string) error {
	p := defaultPolicy()
	_, err := t.exec(`INSERT INTO policies (team_id, two_step_required, grace_ms, activation_window_ms, containment_ms, session_idle_ms, session_absolute_ms, deactivation_allowed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		teamID, p.TwoStepRequired, p.Grace.Milliseconds(), p.ActivationWindow.Milliseconds(), p.Containment.Milliseconds(),
		p.SessionIdle.Milliseconds(), p.SessionAbsolute.Milliseconds(), p.DeactivationAllowed)
	return err
}

func policyOf(r reader, teamID string) (Policy, error) {
	var p Policy
	var grace, window, containment, idle, absolute int64
	err := r.row(`SELECT two_step_required, grace_ms, activation_window_ms, containment_ms, session_idle_ms, session_absolute_ms, deactivation_allowed
		FROM policies WHERE team_id = $1`, teamID).
		Scan(&p.TwoStepRequired, &grace, &window, &containment, &idle, &absolute, &p.DeactivationAllowed)
	p.Grace = time.Duration(grace) * time.Millisecond
	p.ActivationWindow = time.Duration(window) * time.Millisecond
	p.Containment = time.Duration(containment) * time.Millisecond
	p.SessionIdle = time.Duration(idle) * time.Millisecond
	p.SessionAbsolute = time.Duration(absolute) * time.Millisecond
	return p, err
}
