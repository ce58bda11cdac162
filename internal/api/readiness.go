package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// readiness is what a lost phone would do to the team.
type readiness struct {
	OwnersAble int           `json:"owners_able" doc:"Owners who could restart another owner now: two are enough"`
	Owners     []ownerReady  `json:"owners" nullable:"false" doc:"The active ones, at most 20"`
	NotActive  countedPeople `json:"not_active"`
	OneCode    countedPeople `json:"one_code_left"`
	NoCode     countedPeople `json:"no_code_left"`
	Waiting    countedPeople `json:"waiting_after_restart"`
}

// countedPeople is a number of people, exact up to 1,000.
type countedPeople struct {
	People int  `json:"people"`
	More   bool `json:"more" doc:"There are more than that"`
}

type ownerReady struct {
	ID                 string     `json:"id"`
	Name               string     `json:"name"`
	TwoStep            string     `json:"two_step" enum:"off,active,due"`
	RecoveryCodesLeft  int        `json:"recovery_codes_left"`
	LastSignInAt       *time.Time `json:"last_sign_in_at"`
	SinglePointFailure bool       `json:"single_point_of_failure" doc:"Nobody could let this owner back in but the server's console"`
}

func (a *API) readiness() {
	add(a, operation{
		method: http.MethodGet, path: "/team/readiness", needs: core.NeedAdmin, id: "get-readiness", tag: tagTeam,
		summary: "How ready the team is to let people back in", description: "Which owner is a single point of failure, and how many people would be locked out by a lost phone.",
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[readiness], error) {
		v, err := a.core.Readiness(ctx, c.by)
		if err != nil {
			return nil, err
		}
		counted := func(n core.Count) countedPeople { return countedPeople{n.N, n.More} }
		out := readiness{
			OwnersAble: v.Able.N, Owners: make([]ownerReady, len(v.Owners)),
			NotActive: counted(v.NotActive), OneCode: counted(v.OneCode), NoCode: counted(v.NoCode), Waiting: counted(v.Waiting),
		}
		for i, o := range v.Owners {
			out.Owners[i] = ownerReady{o.ID, o.Name, string(o.TwoStep), o.CodesLeft, when(o.LastSignInAt), o.SinglePoint}
		}
		return &answer[readiness]{Body: out}, nil
	})
}
