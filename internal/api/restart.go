package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// restart is a line of a person's history.
type restart struct {
	ID         string    `json:"id"`
	By         restarter `json:"by"`
	BegunBy    string    `json:"begun_by,omitempty" doc:"The name of whoever began it, where \"by\" approved it as the second"`
	At         time.Time `json:"at"`
	Reason     string    `json:"reason"`
	VerifiedBy string    `json:"verified_by" enum:"in_person,video_call,known_number,other"`
	Receipt
}

type restarter struct {
	ID   *string `json:"id" doc:"null for the server's console"`
	Name string  `json:"name"`
}

type restartRequest struct {
	Reason     string `json:"reason" doc:"Why, in 3 to 200 characters; the person reads it"`
	VerifiedBy string `json:"verified_by" enum:"in_person,video_call,known_number,other" doc:"How you made sure that it is really the person"`
}

type restartPerson struct {
	ID   string `path:"id"`
	Body restartRequest
}

// Receipt says in numbers what a restart did.
type Receipt struct {
	SessionsEnded            int       `json:"sessions_ended"`
	AuthenticatorsRemoved    int       `json:"authenticators_removed"`
	RecoveryCodesRemoved     int       `json:"recovery_codes_removed" doc:"The unused ones"`
	RememberedDevicesRemoved int       `json:"remembered_devices_removed"`
	DueBy                    time.Time `json:"due_by" doc:"The account closes unless 2-step authentication is active by then"`
}

// restartOutcome is a restart, or that it waits; the status tells which.
type restartOutcome struct {
	Status int
	Body   restartAnswer
}

// restartAnswer is the receipt of the act itself: none while it waits.
type restartAnswer struct {
	*Receipt
	Pass string `json:"pass,omitempty" doc:"The re-activation pass, where the team wants one: hand it over in person or on a call. It is in this answer and in no other"`

	Waiting *waitingRestart `json:"waiting,omitempty" doc:"With 202 and in place of all else: nothing has changed yet, a second approver is wanted"`
}

func (a *API) restart() {
	add(a, operation{
		method: http.MethodPost, path: "/team/users/{id}/restart-two-step", needs: core.NeedSteppedUpAdmin, id: "restart-two-step", tag: tagTeam,
		summary: "Restart a person's 2-step authentication",
		description: "For somebody who lost everything: authenticators, recovery codes and half-done sign-ins are gone, every session has ended, and the next " +
			"sign-in with the same password leads to activation and to nothing else. An owner restarts anyone but themself, an admin members only. " +
			"Restarting somebody who is `due` gives a new window and a new pass. Where the team wants a second approver " +
			"for owners and admins, the answer is 202 with `waiting`.",
		accepted: "Nothing has changed yet: it waits for a second approver",
		refuses: []core.Code{
			core.Self, core.Rank, core.Contained, core.NothingToRestart, core.ReasonMissing, core.ReasonTooLong, core.VerifiedByMissing,
			core.RestartLimit, core.PersonLimit, core.RestartWaiting, core.NoSecondApprover, core.ServerBusy,
		},
	}, func(ctx context.Context, c *call, in *restartPerson) (*restartOutcome, error) {
		r, err := a.core.RestartTwoStep(ctx, c.by, in.ID, core.RestartRequest{Reason: in.Body.Reason, VerifiedBy: core.VerifiedBy(in.Body.VerifiedBy)})
		if err != nil {
			return nil, err
		}
		return outcomeOf(r), nil
	})
}

// outcomeOf is 202 for a restart that waits for a second approver.
func outcomeOf(r *core.Restart) *restartOutcome {
	if r.Waiting != nil {
		return &restartOutcome{http.StatusAccepted, restartAnswer{Waiting: waitingOf(r.Waiting)}}
	}
	receipt := receiptOf(r)
	return &restartOutcome{http.StatusOK, restartAnswer{Receipt: &receipt, Pass: r.Pass}}
}

func receiptOf(r *core.Restart) Receipt {
	return Receipt{
		SessionsEnded: r.SessionsEnded, AuthenticatorsRemoved: r.AuthenticatorsRemoved, RecoveryCodesRemoved: r.RecoveryCodesRemoved,
		RememberedDevicesRemoved: r.RememberedDevicesRemoved, DueBy: r.DueBy,
	}
}

func restartOf(r *core.Restart) restart {
	out := restart{
		ID: r.ID, By: restarter{Name: r.ByName}, BegunBy: r.BegunBy, At: r.At, Reason: r.Reason, VerifiedBy: string(r.VerifiedBy), Receipt: receiptOf(r),
	}
	if r.ByID != "" {
		out.By.ID = &r.ByID
	}
	return out
}
