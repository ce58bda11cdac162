package core

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Where the team wants a second approver, the restart of an owner or admin changes
// nothing yet: it waits until somebody else approves it who could restart that person
// themself. One stolen owner's session, or one owner who was talked into it, is then
// not enough. The console's restart does not wait: it is for when nobody is left.

// Letters about a restart that waits: that it was begun, and that it was refused.
const (
	LetterRestartBegan       LetterKind = "restart_began"
	LetterRestartBeganOwners LetterKind = "restart_began_owners"
	LetterRestartRefused     LetterKind = "restart_refused"
)

// PendingLasts is how long a restart waits for a second approver.
const PendingLasts = 72 * time.Hour

// PendingRestart is a restart that waits for a second approver.
type PendingRestart struct {
	ID           string
	Person       User // who would be restarted
	ByID, ByName string
	Reason       string
	VerifiedBy   VerifiedBy
	At           time.Time
	ExpiresAt    time.Time
	// MayNotApprove is why the actor may not approve it; nil when they may.
	MayNotApprove *Refusal
}

type pendingRow struct {
	id, teamID, userID         string
	byID, byName               string
	reason                     string
	verifiedBy                 VerifiedBy
	state                      string
	createdAt, expiresAt       int64
	endedByID, endedByName, of string
}

const pendingColumns = `p.id, p.team_id, p.user_id, p.by_id, p.by_name, p.reason, p.verified_by, p.state, p.created_at, p.expires_at, p.ended_by_id, p.ended_by_name, p.restart_id`

func (p *pendingRow) fields() []any {
	return []any{
		&p.id, &p.teamID, &p.userID, &p.byID, &p.byName, &p.reason, (*string)(&p.verifiedBy), &p.state, &p.createdAt, &p.expiresAt,
		&p.endedByID, &p.endedByName, &p.of,
	}
}

func (p *pendingRow) waits(now time.Time) bool { return p.state == "waiting" && ms(now) < p.expiresAt }

func (p *pendingRow) view(target *userRow, now time.Time) *PendingRestart {
	return &PendingRestart{
		ID: p.id, Person: target.view(now), ByID: p.byID, ByName: p.byName, Reason: p.reason, VerifiedBy: p.verifiedBy,
		At: at(p.createdAt), ExpiresAt: at(p.expiresAt),
	}
}

// wantsSecond says whether a restart of somebody in this role waits.
func (p Policy) wantsSecond(role Role) bool {
	return p.SecondApprover && role.rank() >= RoleAdmin.rank()
}

// settles is how long it takes until a change counts that would let one owner do
// alone what takes two: the rule turned off, the person made a member for a minute, a
// second owner made for the purpose. The owners have had a letter by then.
const settles = day

// secondWanted says whether a restart of this person waits, as things stand and as
// they stood within a day.
func (p Policy) secondWanted(r reader, target *userRow, now time.Time) (bool, error) {
	role := target.role
	err := eventDetails(r, target.teamID, target.id, EventRoleChanged, now, func(d *settling) {
		if d.From.rank() > role.rank() {
			role = d.From
		}
	})
	if err != nil || p.SecondApprover {
		return p.wantsSecond(role), err
	}
	err = eventDetails(r, target.teamID, "", EventPolicyChanged, now, func(d *settling) {
		p.SecondApprover = p.SecondApprover || d.SecondApprover.Before
	})
	return p.wantsSecond(role), err
}

// settling is what the details of a change say of what was before.
type settling struct {
	From           Role `json:"from"`
	To             Role `json:"to"`
	SecondApprover struct {
		Before bool `json:"before"`
	} `json:"second_approver"`
}

// eventDetails looks at the events of a word about somebody that have not settled.
func eventDetails(r reader, teamID, target, event string, now time.Time, look func(*settling)) error {
	return r.each(`SELECT details FROM audit_events WHERE team_id = $1 AND target_id = $2 AND event = $3 AND id >= $4`,
		[]any{teamID, target, event, firstEventID(now.Add(-settles))}, func(scan func(...any) error) error {
			var text string
			if err := scan(&text); err != nil {
				return err
			}
			var d settling
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				return fmt.Errorf("read the details of %s: %w", event, err)
			}
			look(&d)
			return nil
		})
}

// becameOwner says whether somebody is an owner for less than a day. The console's
// are not asked: it can restart anybody.
func becameOwner(r reader, u *userRow, now time.Time) (lately bool, err error) {
	err = eventDetails(r, u.teamID, u.id, EventRoleChanged, now, func(d *settling) { lately = lately || d.To == RoleOwner })
	if err != nil || lately {
		return lately, err
	}
	err = eventDetails(r, u.teamID, u.id, EventUserJoined, now, func(*settling) { lately = true })
	return lately, err
}

// mayApprove is for the verb and for the page that shows the button.
// Refuses: same-approver, owner-too-new, and what a restart refuses.
func (p *pendingRow) mayApprove(r reader, actor, target *userRow, now time.Time) error {
	if actor.id == p.byID {
		return refuse(SameApprover)
	}
	if err := mayRestart(actor, target, now); err != nil {
		return err
	}
	lately, err := becameOwner(r, actor, now)
	if err == nil && lately {
		err = refuse(OwnerTooNew)
	}
	return err
}

// sees says whether a waiting restart is the actor's to know of: whoever began it,
// and whoever may restart that person. It is not for the person's own eyes, who has
// a letter.
func (p *pendingRow) sees(actor, target *userRow) bool {
	return actor.id != target.id && (actor.id == p.byID || outranks(actor, target) == nil)
}

// beginRestart stores a restart that waits, and tells the person and the owners. Sent
// twice, it is one. Refuses: restart-limit, person-limit, restart-waiting,
// no-second-approver.
func (t *tx) beginRestart(by Actor, actor, target *userRow, request RestartRequest, policy Policy) (*PendingRestart, error) {
	waiting, err := waitingFor(t, target, t.now)
	switch {
	case err != nil:
		return nil, err
	case waiting != nil && waiting.byID == actor.id:
		t.nothingToRecord()
		return waiting.view(target, t.now), nil
	case waiting != nil:
		return nil, refuse(RestartWaiting).with("by", waiting.byName).with("at", at(waiting.createdAt))
	}
	if err := t.withinLimits(actor, target, policy); err != nil {
		return nil, err
	}
	if err := t.someoneToApprove(actor, target); err != nil {
		return nil, err
	}
	if _, err := t.exec(`UPDATE pending_restarts SET state = 'over', ended_at = expires_at WHERE team_id = $1 AND user_id = $2 AND state = 'waiting' AND expires_at <= $3`,
		target.teamID, target.id, ms(t.now)); err != nil {
		return nil, err
	}
	p := &pendingRow{
		id: newID(), teamID: target.teamID, userID: target.id, byID: actor.id, byName: actor.name, reason: request.Reason, verifiedBy: request.VerifiedBy,
		state: "waiting", createdAt: ms(t.now), expiresAt: ms(t.now.Add(PendingLasts)),
	}
	if _, err := t.exec(`INSERT INTO pending_restarts (id, team_id, user_id, by_id, by_name, reason, verified_by, state, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		p.id, p.teamID, p.userID, p.byID, p.byName, p.reason, string(p.verifiedBy), p.state, p.createdAt, p.expiresAt); err != nil {
		return nil, err
	}
	if err := t.record(eventOf{event: EventRestartBegan, by: by, actor: actor, target: target, reason: p.reason, details: map[string]any{
		"pending": p.id, "verified_by": p.verifiedBy, "until": at(p.expiresAt),
	}}); err != nil {
		return nil, err
	}
	return p.view(target, t.now), t.alarmAtLimits(by, actor, target, policy)
}

// someoneToApprove keeps a team from waiting for nobody. Only an owner may restart an
// admin or another owner, so only an owner can be the second.
// Refuses: no-second-approver.
func (t *tx) someoneToApprove(actor, target *userRow) error {
	owners, err := listUsers(t, `u.team_id = $1 AND u.role = 'owner' AND u.status = 'active' AND u.id <> $2 AND u.id <> $3`, target.teamID, actor.id, target.id)
	if err != nil {
		return err
	}
	for _, o := range owners {
		if !o.closed(t.now) && ms(t.now.Add(PendingLasts)) > o.containedUntil {
			return nil
		}
	}
	return refuse(NoSecondApprover).with("name", target.name)
}

// PendingRestarts lists the restarts that wait for a second approver and are the
// actor's to know of, the oldest first. Refuses: not-signed-in, activation-required,
// admin-only.
func (c *Core) PendingRestarts(ctx context.Context, by Actor) ([]PendingRestart, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	var rows []*pendingRow
	err = r.each(`SELECT `+pendingColumns+` FROM pending_restarts p WHERE p.team_id = $1 AND p.state = 'waiting' AND p.expires_at > $2 ORDER BY p.created_at, p.id`,
		[]any{actor.teamID, ms(now)}, func(scan func(...any) error) error {
			p := new(pendingRow)
			rows = append(rows, p)
			return scan(p.fields()...)
		})
	if err != nil {
		return nil, err
	}
	list := []PendingRestart{}
	for _, p := range rows {
		v, err := p.shownTo(r, actor, by, now)
		if IsRefusal(err, Missing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *v)
	}
	return list, nil
}

// PendingRestart is one of them. Refuses: not-signed-in, activation-required,
// admin-only, not-found (also another team's), restart-over.
func (c *Core) PendingRestart(ctx context.Context, by Actor, id string) (*PendingRestart, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	p, err := pendingOf(r, actor.teamID, id)
	if err != nil {
		return nil, err
	}
	v, err := p.shownTo(r, actor, by, now)
	if err == nil && !p.waits(now) {
		return nil, p.over()
	}
	return v, err
}

func (p *pendingRow) shownTo(r reader, actor *userRow, by Actor, now time.Time) (*PendingRestart, error) {
	target, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, p.userID, p.teamID)
	if err != nil {
		return nil, err
	}
	if !p.sees(actor, target) {
		return nil, refuse(Missing)
	}
	v := p.view(target, now)
	err = p.mayApprove(r, actor, target, now)
	if v.MayNotApprove = Refused(err); err != nil && v.MayNotApprove == nil {
		return nil, err
	}
	if v.MayNotApprove == nil && by.session.SecondStep == SecondStepRecoveryCode {
		v.MayNotApprove = refuse(RecoverySession)
	}
	return v, nil
}

// over says that a waiting restart is not waiting any more, and whose answer it was.
func (p *pendingRow) over() *Refusal { return refuse(RestartOver) }

func pendingOf(r reader, teamID, id string) (*pendingRow, error) {
	if !isID(id) {
		return nil, refuse(Missing)
	}
	p := new(pendingRow)
	err := r.row(`SELECT `+pendingColumns+` FROM pending_restarts p WHERE p.id = $1 AND p.team_id = $2`, id, teamID).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(Missing)
	}
	return p, err
}

// waitingFor is the restart of this person that waits, nil for none.
func waitingFor(r reader, target *userRow, now time.Time) (*pendingRow, error) {
	p := new(pendingRow)
	err := r.row(`SELECT `+pendingColumns+` FROM pending_restarts p WHERE p.team_id = $1 AND p.user_id = $2 AND p.state = 'waiting' AND p.expires_at > $3`,
		target.teamID, target.id, ms(now)).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return p, err
}

// secondAnswer is what became of somebody's request that one approver has approved and
// that led to no restart yet: it waits for the second one, who may have refused it.
func secondAnswer(r reader, u *userRow, now time.Time) (RequestState, error) {
	var state string
	var expiresAt int64
	err := r.row(`SELECT state, expires_at FROM pending_restarts WHERE team_id = $1 AND user_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1`, u.teamID, u.id).Scan(&state, &expiresAt)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return "", err
	case state == "refused":
		return RequestRefused, nil
	case state == "waiting" && ms(now) < expiresAt, state == "approved":
		return RequestApproved, nil
	}
	return RequestExpired, nil
}

// ApproveRestart is the second approval of a restart that waits: the restart itself,
// with the reason that was given when it was begun. Approved twice by one form, it
// answers with the same receipt, but for the pass.
// Refuses: not-signed-in, activation-required, recovery-session, step-up-required,
// admin-only, not-found, same-approver, owner-too-new, self, rank, contained, nothing-to-restart,
// restart-over, restart-limit, person-limit, busy.
func (c *Core) ApproveRestart(ctx context.Context, by Actor, id string) (*Restart, error) {
	p, err := c.pendingToAnswer(ctx, by, id)
	if err != nil {
		return nil, err
	}
	var receipt *Restart
	err = c.restarting(ctx, by, p.userID, func(t *tx, pass *madePass) error {
		actor, target, s, err := t.actOnPending(by, p)
		if err != nil {
			return err
		}
		if p, err = pendingOf(t, p.teamID, p.id); err != nil { // as it is under the lock
			return err
		}
		if receipt, err = t.approvedBefore(actor, target, p); err != nil || receipt != nil {
			return err
		}
		if !p.waits(t.now) {
			return p.over()
		}
		if err := p.mayApprove(t, actor, target, t.now); err != nil {
			return err
		}
		if err := needStepUp(actor, s, t.now); err != nil {
			return err
		}
		if err := t.answerPending(p, actor, "approved"); err != nil {
			return err
		}
		policy, err := policyOf(t, target.teamID)
		if err != nil {
			return err
		}
		receipt, err = t.restartNow(by, actor, target, RestartRequest{Reason: p.reason, VerifiedBy: p.verifiedBy}, policy, pass, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipt, nil
}

// RefuseRestart ends a restart that waits: a possible second approver refuses it, or
// whoever began it withdraws it. Nothing else changes; person and owners are told.
// Refuses: not-signed-in, activation-required, recovery-session, admin-only,
// not-found, contained, restart-over.
func (c *Core) RefuseRestart(ctx context.Context, by Actor, id string) error {
	p, err := c.pendingToAnswer(ctx, by, id)
	if err != nil {
		return err
	}
	return c.write(ctx, func(t *tx) error {
		actor, target, _, err := t.actOnPending(by, p)
		if err != nil {
			return err
		}
		if actor.contained(t.now) {
			return refuse(Contained).with("at", at(actor.containedUntil))
		}
		if err := t.answerPending(p, actor, "refused"); err != nil {
			return err
		}
		return t.record(eventOf{event: EventRestartRefused, by: by, actor: actor, target: target, reason: p.reason, details: map[string]any{
			"pending": p.id, "began_by": p.byName,
		}})
	})
}

// pendingToAnswer finds whom a waiting restart is about, so that their row can be
// locked first. A person who may not see the team hears so before anything else.
func (c *Core) pendingToAnswer(ctx context.Context, by Actor, id string) (*pendingRow, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	r := c.read(ctx)
	if _, err := c.needTeam(r, by); err != nil {
		return nil, err
	}
	return pendingOf(r, by.session.User.Team.ID, id)
}

// actOnPending is actOnOther for whoever may know of the waiting restart.
func (t *tx) actOnPending(by Actor, p *pendingRow) (actor, target *userRow, s *sessionRow, err error) {
	if actor, target, s, err = t.actOnOther(by, p.userID); err == nil && !p.sees(actor, target) {
		err = refuse(Missing)
	}
	return actor, target, s, err
}

// answerPending ends it: one guarded statement, one winner. Refuses: restart-over.
func (t *tx) answerPending(p *pendingRow, actor *userRow, as string) error {
	return t.must(p.over(), `UPDATE pending_restarts SET state = $1, ended_at = $2, ended_by_id = $3, ended_by_name = $4
		WHERE id = $5 AND team_id = $6 AND state = 'waiting' AND expires_at > $2`, as, ms(t.now), actor.id, actor.name, p.id, p.teamID)
}

// approvedBefore is the receipt of a form that the second approver sent twice.
func (t *tx) approvedBefore(actor, target *userRow, p *pendingRow) (*Restart, error) {
	if p.state != "approved" || p.endedByID != actor.id {
		return nil, nil
	}
	history, err := restartsOf(t, target, 1)
	if err != nil || len(history) == 0 || history[0].ID != p.of {
		return nil, err
	}
	t.endsAccess() // as in restartedMeanwhile
	t.nothingToRecord()
	history[0].PassMade, err = passWanted(t, target)
	return &history[0], err
}

// nameRestartOf writes down which restart came of it.
func (t *tx) nameRestartOf(p *pendingRow, restartID string) error {
	_, err := t.exec(`UPDATE pending_restarts SET restart_id = $1 WHERE id = $2 AND team_id = $3`, restartID, p.id, p.teamID)
	return err
}

// endWaiting ends what waits for this person, and what they began themself: their
// state, role or status has changed, and with it what was to be decided.
func (t *tx) endWaiting(teamID, userID string) error {
	_, err := t.exec(`UPDATE pending_restarts SET state = 'over', ended_at = $1 WHERE team_id = $2 AND (user_id = $3 OR by_id = $3) AND state = 'waiting'`,
		ms(t.now), teamID, userID)
	return err
}
