package core

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// After a restart somebody activates 2-step again, with the password and, where the
// policy wants one, a pass. Whether it was the person, only somebody who knows them
// can say: the approver and the owners are told when, from where and with what, and
// asked.

// WasThemLasts is for how long the question may be answered.
const WasThemLasts = 7 * day

// Reactivation is an activation after a restart, and what was said of it.
type Reactivation struct {
	Person      User
	Restart     Restart
	ActivatedAt time.Time
	Address     string
	Device      string
	SeenBefore  bool // they had signed in with such a browser before the restart
	Until       time.Time
	Answer      WasThem
	AnsweredAt  time.Time
	AnsweredBy  string // a name; "" where a freeze for another reason closed it

	answeredBy string // an id
}

// WasThem is the answer.
type WasThem string

const (
	WasThemUnanswered WasThem = ""
	WasThemYes        WasThem = "yes"
	WasThemNo         WasThem = "no"
)

// noteReactivation keeps the facts of the first activation after a restart and tells
// whoever may answer for it; in the transaction of the activation.
func (t *tx) noteReactivation(by Actor, u *userRow, seenBefore bool) error {
	history, err := restartsOf(t, u, 1)
	if err != nil || len(history) == 0 {
		return err
	}
	r := history[0]
	n, err := t.exec(`INSERT INTO reactivations (restart_id, team_id, user_id, activated_at, address, device, seen_before) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (restart_id) DO NOTHING`,
		r.ID, u.teamID, u.id, ms(t.now), by.origin.Address, by.origin.Device, seenBefore)
	if err != nil || n == 0 {
		return err
	}
	args := map[string]any{"name": u.name, "user": u.id, "restart": r.ID, "browser": "new"}
	if seenBefore {
		args["browser"] = "seen"
	}
	if err := t.queueLetterToOwners(LetterActivatedAgain, u, by.origin, args); err != nil || r.ByID == "" || r.ByID == u.id {
		return err
	}
	approvers, err := listUsers(t, `u.id = $1 AND u.team_id = $2 AND u.status = 'active' AND u.role = 'admin'`, r.ByID, u.teamID)
	if err != nil || len(approvers) == 0 {
		return err // gone, or an owner, who was told already
	}
	return t.queueLetter(LetterActivatedAgain, approvers[0], by.origin, args)
}

// mayAnswer: the approver, while they outrank the person, or an owner. It is for the
// verb and for the page. A step-up is not asked for: the answer takes access away
// from somebody who was just restarted and gives none, and whoever would need a phone
// for it says No later. But whoever was restarted themself says nothing of others.
// Refuses: admin-only, self, rank, not-the-approver, contained.
func mayAnswer(actor, target *userRow, approver string, now time.Time) error {
	switch {
	case actor.id == target.id:
		return refuse(Self)
	case actor.role != RoleOwner && actor.id != approver:
		return refuse(NotTheApprover)
	}
	if err := outranks(actor, target); err != nil {
		return err
	}
	if actor.contained(now) {
		return refuse(Contained).with("at", at(actor.containedUntil))
	}
	return nil
}

func reactivationOf(r reader, u *userRow, restartID string, now time.Time) (*Reactivation, error) {
	if !isID(restartID) {
		return nil, refuse(Missing)
	}
	v := &Reactivation{Person: u.view(now)}
	var activated, answered, restarted int64
	err := r.row(`SELECT a.activated_at, a.address, a.device, a.seen_before, a.answer, a.answered_at, a.answered_by, a.answered_name,
			r.id, r.by_id, r.by_name, r.reason, r.verified_by, r.at
		FROM reactivations a JOIN restarts r ON r.id = a.restart_id AND r.team_id = a.team_id
		WHERE a.restart_id = $1 AND a.user_id = $2 AND a.team_id = $3`, restartID, u.id, u.teamID).
		Scan(&activated, &v.Address, &v.Device, &v.SeenBefore, (*string)(&v.Answer), &answered, &v.answeredBy, &v.AnsweredBy,
			&v.Restart.ID, &v.Restart.ByID, &v.Restart.ByName, &v.Restart.Reason, (*string)(&v.Restart.VerifiedBy), &restarted)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(Missing)
	}
	v.Restart.At = at(restarted)
	v.ActivatedAt, v.AnsweredAt, v.Until = at(activated), at(answered), at(activated).Add(WasThemLasts)
	return v, err
}

// Reactivation reads the facts for whoever may answer. Refuses: not-signed-in,
// activation-required, not-found, and what mayAnswer refuses.
func (c *Core) Reactivation(ctx context.Context, by Actor, userID, restartID string) (*Reactivation, error) {
	r, now := c.read(ctx), c.Now()
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	if !isID(userID) {
		return nil, refuse(Missing)
	}
	u, err := oneUser(r, `u.id = $1 AND u.team_id = $2`, userID, actor.teamID)
	if err != nil {
		return nil, err
	}
	v, err := reactivationOf(r, u, restartID, now)
	if err != nil {
		return nil, err
	}
	return v, mayAnswer(actor, u, v.Restart.ByID, now)
}

// AnswerReactivation says whether it was the person who activated again. Yes is
// written down; No freezes the account. It is answered once, whoever is first, within
// seven days. The same answer given twice by one person is no mistake.
// Refuses: not-signed-in, session-ended, activation-required, recovery-session,
// not-found, answered-already, too-late-to-answer, and what mayAnswer refuses.
func (c *Core) AnswerReactivation(ctx context.Context, by Actor, userID, restartID string, wasThem bool) (*Reactivation, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	var v *Reactivation
	err := c.write(ctx, func(t *tx) error {
		if err := t.lockTeam(by.session.User.Team.ID); err != nil {
			return err
		}
		actor, target, _, err := t.actOnOther(by, userID)
		if err != nil {
			return err
		}
		if v, err = reactivationOf(t, target, restartID, t.now); err != nil {
			return err
		}
		if err := mayAnswer(actor, target, v.Restart.ByID, t.now); err != nil {
			return err
		}
		answer := WasThemNo
		if wasThem {
			answer = WasThemYes
		}
		n, err := t.exec(`UPDATE reactivations SET answer = $1, answered_at = $2, answered_by = $3, answered_name = $4
			WHERE restart_id = $5 AND user_id = $6 AND team_id = $7 AND answer = '' AND activated_at > $8`,
			string(answer), ms(t.now), actor.id, actor.name, restartID, target.id, target.teamID, ms(t.now.Add(-WasThemLasts)))
		if err != nil {
			return err
		}
		if n != 1 {
			return t.notAnswered(v, actor, answer)
		}
		v.Answer, v.AnsweredAt, v.AnsweredBy = answer, t.now, actor.name
		details := map[string]any{"restart": restartID}
		if wasThem {
			return t.record(eventOf{event: EventReactivationConfirmed, by: by, actor: actor, target: target, details: details})
		}
		return t.freeze(by, actor, target, FrozenNotThem, details)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// notAnswered says why an answer does not count. Refuses: answered-already,
// too-late-to-answer.
func (t *tx) notAnswered(v *Reactivation, actor *userRow, answer WasThem) error {
	switch {
	case v.Answer == WasThemUnanswered:
		return refuse(TooLateToAnswer)
	case v.Answer != answer || v.answeredBy != actor.id:
		return refuse(AnsweredAlready).with("at", v.AnsweredAt)
	}
	t.endsAccess() // the first may still be waiting for other processes to forget
	t.nothingToRecord()
	return nil
}

// openReactivation is the restart about which the actor may still be asked; "" for none.
func openReactivation(r reader, actor, u *userRow, now time.Time) (restartID string, err error) {
	err = r.each(`SELECT a.restart_id, r.by_id FROM reactivations a JOIN restarts r ON r.id = a.restart_id AND r.team_id = a.team_id
		WHERE a.user_id = $1 AND a.team_id = $2 AND a.answer = '' AND a.activated_at > $3 ORDER BY a.activated_at, a.restart_id`,
		[]any{u.id, u.teamID, ms(now.Add(-WasThemLasts))}, func(scan func(...any) error) error {
			var id, approver string
			err := scan(&id, &approver)
			if err == nil && mayAnswer(actor, u, approver, now) == nil {
				restartID = id
			}
			return err
		})
	return restartID, err
}

// closeReactivations answers what is still open of an account that is frozen.
func (t *tx) closeReactivations(u *userRow) error {
	_, err := t.exec(`UPDATE reactivations SET answer = $1, answered_at = $2 WHERE user_id = $3 AND team_id = $4 AND answer = ''`,
		string(WasThemNo), ms(t.now), u.id, u.teamID)
	return err
}
