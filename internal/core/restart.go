package core

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// VerifiedBy is how the approver made sure that it is really the person.
type VerifiedBy string

const (
	VerifiedInPerson    VerifiedBy = "in_person"
	VerifiedVideoCall   VerifiedBy = "video_call"
	VerifiedKnownNumber VerifiedBy = "known_number"
	VerifiedOther       VerifiedBy = "other"
)

// VerifiedByValues lists them in the order in which pages offer them.
func VerifiedByValues() []VerifiedBy {
	return []VerifiedBy{VerifiedInPerson, VerifiedVideoCall, VerifiedKnownNumber, VerifiedOther}
}

const (
	reasonShortest = 3
	// ReasonLongest is how long a reason may be, in characters.
	ReasonLongest = 200
)

// RestartRequest is what an owner or admin says about a restart.
type RestartRequest struct {
	Reason     string
	VerifiedBy VerifiedBy
	// Seen is the id of the newest restart that the form showed, "" for none. With
	// CheckSeen, a restart made meanwhile is not made twice: one's own (the form
	// was sent twice) answers with the same receipt, somebody else's with 409.
	Seen      string
	CheckSeen bool
}

// Restart is the receipt, and a line of a person's history.
type Restart struct {
	ID, ByID, ByName         string // ByID is "" for the server's console
	PersonID                 string // who was restarted
	Reason                   string
	VerifiedBy               VerifiedBy
	At, DueBy                time.Time
	SessionsEnded            int
	AuthenticatorsRemoved    int
	RecoveryCodesRemoved     int // the unused ones
	RememberedDevicesRemoved int
	// Pass is the re-activation pass, where the team wants one: here once, for
	// whoever approved, and in no later receipt.
	Pass string
	// PassMade says of the act itself, and of the same form sent again, that there is
	// a pass, shown here or before.
	PassMade bool
	// BegunBy is who began it, where ByName was the second to approve.
	BegunBy string
	// Waiting says that nothing has happened yet: a second approver is wanted.
	Waiting *PendingRestart
}

// mayRestart is R7 in one place, for the verb and for the menus that grey it out.
// Refuses: admin-only, self, rank, contained, nothing-to-restart.
func mayRestart(actor, target *userRow, now time.Time) error {
	switch {
	case actor.role.rank() < RoleAdmin.rank():
		return refuse(AdminOnly)
	case actor.id == target.id:
		return refuse(Self)
	case actor.role != RoleOwner && target.role.rank() >= actor.role.rank():
		return refuse(Rank)
	case actor.contained(now):
		return refuse(Contained).with("at", at(actor.containedUntil))
	}
	return somethingToRestart(target, now)
}

func somethingToRestart(target *userRow, now time.Time) error {
	if target.status == StatusInvited || target.state(now) == TwoStepOff {
		return refuse(NothingToRestart)
	}
	return nil
}

// tidy checks what was said. Refuses: reason-missing, reason-too-long,
// verified-by-missing.
func (r RestartRequest) tidy() (RestartRequest, error) {
	var reason, verified error
	r.Reason = strings.Join(strings.Fields(cut(r.Reason, 10*ReasonLongest)), " ")
	switch n := utf8.RuneCountInString(r.Reason); {
	case seen(r.Reason) < reasonShortest:
		reason = refuseField(ReasonMissing, "reason")
	case n > ReasonLongest:
		reason = refuseField(ReasonTooLong, "reason").with("n", ReasonLongest)
	}
	if !slices.Contains(VerifiedByValues(), r.VerifiedBy) {
		verified = refuseField(VerifiedByMissing, "verified_by")
	}
	return r, together(verified, reason)
}

// RestartTwoStep restarts another person's 2-step: authenticators, recovery
// codes, half-done sign-ins and activations gone, every session ended, state
// `due` with a window, the account contained, the event recorded and the letters
// queued, in one transaction (R4, R15). The actor sees and chooses no secret of
// the person, who signs in with the same password and activates again. Where the
// team wants a second approver for this person, nothing happens yet: the receipt
// has Waiting and no numbers.
// Refuses: not-signed-in, activation-required, recovery-session,
// step-up-required, not-found (also another team's person), admin-only, self,
// rank, contained, nothing-to-restart, restarted-meanwhile, reason-missing,
// reason-too-long, verified-by-missing, restart-limit, person-limit, restart-waiting,
// no-second-approver, busy.
func (c *Core) RestartTwoStep(ctx context.Context, by Actor, userID string, request RestartRequest) (*Restart, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	var receipt *Restart
	err := c.restarting(ctx, by, userID, func(t *tx, pass *madePass) error {
		actor, target, s, err := t.actOnOther(by, userID)
		if err != nil {
			return err
		}
		if request.CheckSeen {
			if receipt, err = t.restartedMeanwhile(actor, target, request.Seen); err != nil || receipt != nil {
				return err
			}
		}
		if err := mayRestart(actor, target, t.now); err != nil {
			return err
		}
		if err := needStepUp(actor, s, t.now); err != nil {
			return err
		}
		request, err := request.tidy()
		if err != nil {
			return err
		}
		receipt, err = t.beginOrRestart(by, actor, target, request, pass)
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipt, nil
}

// beginOrRestart restarts, or where the team wants a second approver, waits for one.
func (t *tx) beginOrRestart(by Actor, actor, target *userRow, request RestartRequest, pass *madePass) (*Restart, error) {
	policy, err := policyOf(t, target.teamID)
	if err != nil {
		return nil, err
	}
	second, err := policy.secondWanted(t, target, t.now)
	if err != nil {
		return nil, err
	}
	if !second {
		return t.restart(by, actor, target, request, pass)
	}
	waiting, err := t.beginRestart(by, actor, target, request, policy)
	if err != nil {
		return nil, err
	}
	return &Restart{PersonID: target.id, ByID: actor.id, ByName: actor.name, Reason: request.Reason, VerifiedBy: request.VerifiedBy, At: t.now, Waiting: waiting}, nil
}

// RestartFromConsole is the break-glass restart: no rank, no step-up, no limit, but
// the same act, recorded and mailed like any other. Refuses: not-found,
// nothing-to-restart, reason-missing, reason-too-long, busy.
func (c *Core) RestartFromConsole(ctx context.Context, by Actor, email, reason string) (*Restart, error) {
	if by.console == "" {
		return nil, refuse(NotSignedIn)
	}
	found, err := userByEmail(c.read(ctx), email)
	if err != nil {
		return nil, err
	}
	request, err := RestartRequest{Reason: reason, VerifiedBy: VerifiedOther}.tidy()
	if err != nil {
		return nil, err
	}
	var receipt *Restart
	err = c.restarting(ctx, by, found.id, func(t *tx, pass *madePass) error {
		target, err := t.lockUser(found.teamID, found.id)
		if err != nil {
			return err
		}
		if err := somethingToRestart(target, t.now); err != nil {
			return err
		}
		receipt, err = t.restart(by, nil, target, request, pass)
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipt, nil
}

// actOnOther locks actor and target and checks that the actor's session lives
// and reaches. Somebody who may not see the team's people hears so before
// learning whether an id exists.
func (t *tx) actOnOther(by Actor, userID string) (actor, target *userRow, s *sessionRow, err error) {
	if by.session.User.Role.rank() < RoleAdmin.rank() {
		return nil, nil, nil, refuse(AdminOnly)
	}
	actor, target, err = t.lockPair(by.session.User.Team.ID, by.session.User.ID, userID)
	if err != nil {
		return nil, nil, nil, err
	}
	if s, err = t.liveSession(by, actor); err != nil {
		return nil, nil, nil, err
	}
	if err := needFull(actor, t.now); err != nil {
		return nil, nil, nil, err
	}
	if s.secondStep == SecondStepRecoveryCode {
		return nil, nil, nil, refuse(RecoverySession) // R8: it deactivates its own 2-step and acts on nobody else
	}
	return actor, target, s, nil
}

// restart is a restart by one approver, or by the console (actor is nil), under the
// locks of both rows. Refuses: second-approver, and what restartNow refuses.
func (t *tx) restart(by Actor, actor, target *userRow, request RestartRequest, pass *madePass) (*Restart, error) {
	policy, err := policyOf(t, target.teamID)
	if err != nil {
		return nil, err
	}
	second, err := policy.secondWanted(t, target, t.now)
	if err != nil {
		return nil, err
	}
	if actor != nil && second {
		return nil, refuse(SecondApprover).with("name", target.name)
	}
	return t.restartNow(by, actor, target, request, policy, pass, nil)
}

// restartNow is the act itself; begun is the waiting restart that actor approves as
// the second, nil for none. Refuses: restart-limit, person-limit.
func (t *tx) restartNow(by Actor, actor, target *userRow, request RestartRequest, policy Policy, pass *madePass, begun *pendingRow) (*Restart, error) {
	if err := t.withinLimits(actor, target, policy); err != nil {
		return nil, err
	}
	if policy.wantsPass(target.role) && pass == nil {
		return nil, errPassWanted
	}
	dueBy := t.now.Add(policy.ActivationWindow)
	gone, err := t.endTwoStep(by, actor, target, EndedRestarted, dueBy, DueRestarted)
	if err != nil {
		return nil, err
	}
	if err := t.deleteLanes(target); err != nil {
		return nil, err
	}
	if err := t.contain(target, t.now.Add(policy.Containment)); err != nil {
		return nil, err
	}
	r := &Restart{
		ID: newID(), PersonID: target.id, ByName: by.console, Reason: request.Reason, VerifiedBy: request.VerifiedBy, At: t.now, DueBy: dueBy,
		SessionsEnded: gone.sessions, AuthenticatorsRemoved: gone.authenticators, RecoveryCodesRemoved: gone.recoveryCodes,
		RememberedDevicesRemoved: gone.devices,
	}
	if actor != nil {
		r.ByID, r.ByName = actor.id, actor.name
	}
	if _, err := t.exec(`INSERT INTO restarts (id, team_id, user_id, by_id, by_name, reason, verified_by, at, due_by, sessions_ended, authenticators_removed, recovery_codes_removed, remembered_devices_removed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.ID, target.teamID, target.id, r.ByID, r.ByName, r.Reason, string(r.VerifiedBy), ms(r.At), ms(r.DueBy),
		r.SessionsEnded, r.AuthenticatorsRemoved, r.RecoveryCodesRemoved, r.RememberedDevicesRemoved); err != nil {
		return nil, err
	}
	if begun != nil {
		r.BegunBy = begun.byName
		if err := t.nameRestartOf(begun, r.ID); err != nil {
			return nil, err
		}
	}
	if policy.wantsPass(target.role) {
		if err := t.storePass(target, r.ID, pass, dueBy); err != nil {
			return nil, err
		}
		r.Pass, r.PassMade = pass.shown, true
	}
	if err := t.record(eventOf{event: EventTwoStepRestarted, by: by, actor: actor, target: target, reason: r.Reason, details: map[string]any{
		"restart": r.ID, "verified_by": r.VerifiedBy, "due_by": r.DueBy, "sessions_ended": r.SessionsEnded,
		"authenticators_removed": r.AuthenticatorsRemoved, "recovery_codes_removed": r.RecoveryCodesRemoved,
		"remembered_devices_removed": r.RememberedDevicesRemoved, "pass": r.Pass != "", "began_by": r.BegunBy,
	}}); err != nil {
		return nil, err
	}
	return r, t.alarmAtLimits(by, actor, target, policy)
}

// restartedMeanwhile answers a form that shows an older state. Refuses:
// restarted-meanwhile.
func (t *tx) restartedMeanwhile(actor, target *userRow, seen string) (*Restart, error) {
	history, err := restartsOf(t, target, 1)
	if err != nil || len(history) == 0 || history[0].ID == seen {
		return nil, err
	}
	if newest := history[0]; newest.ByID != actor.id {
		return nil, refuse(RestartedMeanwhile).with("by", newest.ByName).with("at", newest.At)
	}
	t.endsAccess()      // the first may still be waiting for other processes to forget
	t.nothingToRecord() // the same receipt, but for the pass
	history[0].PassMade, err = passWanted(t, target)
	return &history[0], err
}

func restartsOf(r reader, u *userRow, limit int) ([]Restart, error) {
	var list []Restart
	err := r.each(`SELECT id, by_id, by_name, reason, verified_by, at, due_by, sessions_ended, authenticators_removed, recovery_codes_removed, remembered_devices_removed,
			COALESCE((SELECT p.by_name FROM pending_restarts p WHERE p.restart_id = restarts.id AND p.team_id = restarts.team_id), '')
		FROM restarts WHERE team_id = $1 AND user_id = $2 ORDER BY at DESC, id DESC LIMIT $3`, []any{u.teamID, u.id, limit},
		func(scan func(...any) error) error {
			var x Restart
			var when, due int64
			if err := scan(&x.ID, &x.ByID, &x.ByName, &x.Reason, (*string)(&x.VerifiedBy), &when, &due,
				&x.SessionsEnded, &x.AuthenticatorsRemoved, &x.RecoveryCodesRemoved, &x.RememberedDevicesRemoved, &x.BegunBy); err != nil {
				return err
			}
			x.PersonID, x.At, x.DueBy = u.id, at(when), at(due)
			list = append(list, x)
			return nil
		})
	return list, err
}

// RestartPreview says in numbers what a restart of this person would do now.
type RestartPreview struct {
	Person            Person
	Sessions          int
	Authenticators    int
	RecoveryCodes     int
	RememberedDevices int
	DueBy             time.Time // when the window would end
	Newest            string    // for RestartRequest.Seen
	OwnersTold        int       // owners who get a letter besides the person
	Pass              bool      // it would make a re-activation pass
	Second            bool      // it would wait for a second approver
}

// RestartPreview refuses what RestartTwoStep would refuse, but for what the form
// has yet to say and the step-up.
func (c *Core) RestartPreview(ctx context.Context, by Actor, userID string) (*RestartPreview, error) {
	p, err := c.Person(ctx, by, userID)
	if err != nil {
		return nil, err
	}
	if p.MayNotRestart != nil {
		return nil, p.MayNotRestart
	}
	r := c.read(ctx)
	policy, err := policyOf(r, p.Team.ID)
	if err != nil {
		return nil, err
	}
	v := &RestartPreview{
		Person: *p, Sessions: p.Sessions, Authenticators: p.Authenticators, RecoveryCodes: p.RecoveryCodesLeft,
		DueBy: c.Now().Add(policy.ActivationWindow), Pass: policy.wantsPass(p.Role),
	}
	if v.Second, err = policy.secondWanted(r, &userRow{id: p.ID, teamID: p.Team.ID, role: p.Role}, c.Now()); err != nil {
		return nil, err
	}
	if len(p.Restarts) > 0 {
		v.Newest = p.Restarts[0].ID
	}
	if v.RememberedDevices, err = devicesOf(r, &userRow{id: p.ID, teamID: p.Team.ID}, c.Now()); err != nil {
		return nil, err
	}
	owners, err := listUsers(r, `u.team_id = $1 AND u.role = 'owner' AND u.status = 'active' AND u.id <> $2`, p.Team.ID, p.ID)
	v.OwnersTold = len(owners)
	return v, err
}
