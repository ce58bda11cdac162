package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// waitingRestart is a restart that waits for a second approver.
type waitingRestart struct {
	ID         string    `json:"id"`
	Person     named     `json:"person" doc:"Who would be restarted"`
	By         named     `json:"by" doc:"Who began it"`
	At         time.Time `json:"at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Reason     string    `json:"reason"`
	VerifiedBy string    `json:"verified_by" enum:"in_person,video_call,known_number,other"`
	MayApprove bool      `json:"may_approve"`
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type waitingRestarts struct {
	Items      []waitingRestart `json:"items" nullable:"false"`
	NextCursor *string          `json:"next_cursor" doc:"Always null: so many never wait"`
}

type ofRestart struct {
	ID string `path:"id"`
}

func (a *API) secondApprover() {
	add(a, operation{
		method: http.MethodGet, path: "/team/restarts", needs: core.NeedAdmin, id: "list-waiting-restarts", tag: tagTeam,
		summary:     "Restarts that wait for a second approver",
		description: "Those that you began or could approve, the oldest first. Where the team wants it, restarts of owners and admins wait.",
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[waitingRestarts], error) {
		list, err := a.core.PendingRestarts(ctx, c.by)
		if err != nil {
			return nil, err
		}
		out := waitingRestarts{Items: make([]waitingRestart, len(list))}
		for i := range list {
			out.Items[i] = *waitingOf(&list[i])
		}
		return &answer[waitingRestarts]{Body: out}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/restarts/{id}/approve", needs: core.NeedSteppedUpAdmin, id: "approve-restart", tag: tagTeam,
		summary: "Approve a restart as the second",
		description: "It is the restart: the answer is its receipt, with the pass. Whoever began it cannot approve it, nor can the person; only who may restart " +
			"that person themself.",
		refuses: []core.Code{
			core.SameApprover, core.OwnerTooNew, core.Contained, core.NothingToRestart, core.RestartOver, core.RestartLimit, core.PersonLimit, core.ServerBusy,
		},
	}, func(ctx context.Context, c *call, in *ofRestart) (*answer[restartAnswer], error) {
		r, err := a.core.ApproveRestart(ctx, c.by, in.ID)
		if err != nil {
			return nil, err
		}
		receipt := receiptOf(r)
		return &answer[restartAnswer]{Body: restartAnswer{Receipt: &receipt, Pass: r.Pass}}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/restarts/{id}/refuse", needs: core.NeedAdmin, id: "refuse-restart", tag: tagTeam, status: http.StatusNoContent,
		summary:     "Refuse or withdraw a restart that waits",
		description: "Nothing else changes; the person and the owners are told.",
		refuses:     []core.Code{core.RecoverySession, core.Contained, core.RestartOver},
	}, func(ctx context.Context, c *call, in *ofRestart) (*struct{}, error) {
		return nil, a.core.RefuseRestart(ctx, c.by, in.ID)
	})
}

func waitingOf(p *core.PendingRestart) *waitingRestart {
	if p == nil {
		return nil
	}
	return &waitingRestart{
		ID: p.ID, Person: named{p.Person.ID, p.Person.Name}, By: named{p.ByID, p.ByName}, At: p.At, ExpiresAt: p.ExpiresAt,
		Reason: p.Reason, VerifiedBy: string(p.VerifiedBy), MayApprove: p.MayNotApprove == nil,
	}
}
