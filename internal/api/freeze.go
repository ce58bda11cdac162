package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// frozen is why an account is shut.
type frozen struct {
	Why string    `json:"why" enum:"not_them,not_me" doc:"not_them: the answer to \"was this them?\"; not_me: a letter was answered with \"this was not me\""`
	By  string    `json:"by" doc:"The name of who answered; empty for somebody who read a letter"`
	At  time.Time `json:"at"`
}

// reactivation is an activation after a restart, and what was said of it.
type reactivation struct {
	Restart     restart    `json:"restart"`
	ActivatedAt time.Time  `json:"activated_at"`
	Address     string     `json:"address"`
	Device      string     `json:"device" doc:"The client's User-Agent"`
	SeenBefore  bool       `json:"seen_before" doc:"Whether the person had signed in with such a browser in the 90 days before"`
	Until       time.Time  `json:"answer_until"`
	Answer      *string    `json:"answer" enum:"yes,no" doc:"null while nobody has answered"`
	AnsweredAt  *time.Time `json:"answered_at"`
	AnsweredBy  *string    `json:"answered_by" doc:"Their name; null also where the account was frozen for another reason"`
}

type reactivationQuery struct {
	ID      string `path:"id"`
	Restart string `query:"restart" doc:"The id of the restart"`
}

type wasThemAnswer struct {
	Restart string `json:"restart" doc:"The id of the restart"`
	Answer  string `json:"answer" enum:"yes,no" doc:"no freezes the account"`
}

type answerWasThem struct {
	ID   string `path:"id"`
	Body wasThemAnswer
}

func (a *API) freeze() {
	mayNot := []core.Code{core.Self, core.Rank, core.NotTheApprover, core.Contained}
	add(a, operation{
		method: http.MethodGet, path: "/team/users/{id}/was-this-them", needs: core.NeedAdmin, id: "get-reactivation", tag: tagTeam,
		summary: "When and with what a restarted person activated again", description: "For whoever restarted the person, and for owners.",
		refuses: mayNot,
	}, func(ctx context.Context, c *call, in *reactivationQuery) (*answer[reactivation], error) {
		r, err := a.core.Reactivation(ctx, c.by, in.ID, in.Restart)
		if err != nil {
			return nil, err
		}
		return &answer[reactivation]{Body: reactivationOf(r)}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/users/{id}/was-this-them", needs: core.NeedAdmin, id: "answer-reactivation", tag: tagTeam,
		summary: "Say whether it was the person who activated again",
		description: "Once, within 7 days, by whoever restarted the person or an owner. `no` freezes the account: every session ends, the second step and all links " +
			"are gone, and nobody can sign in until an owner brings it back and it is restarted. It takes access away only, so it needs no step-up.",
		refuses: append(mayNot, core.RecoverySession, core.AnsweredAlready, core.TooLateToAnswer),
	}, func(ctx context.Context, c *call, in *answerWasThem) (*answer[reactivation], error) {
		r, err := a.core.AnswerReactivation(ctx, c.by, in.ID, in.Body.Restart, in.Body.Answer == string(core.WasThemYes))
		if err != nil {
			return nil, err
		}
		return &answer[reactivation]{Body: reactivationOf(r)}, nil
	})
}

func reactivationOf(r *core.Reactivation) reactivation {
	out := reactivation{
		Restart: restartOf(&r.Restart), ActivatedAt: r.ActivatedAt, Address: r.Address, Device: r.Device, SeenBefore: r.SeenBefore,
		Until: r.Until, AnsweredAt: when(r.AnsweredAt),
	}
	if r.Answer != core.WasThemUnanswered {
		out.Answer = (*string)(&r.Answer)
	}
	if r.AnsweredBy != "" {
		out.AnsweredBy = &r.AnsweredBy
	}
	return out
}
