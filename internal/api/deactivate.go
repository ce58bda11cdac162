package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type deactivateRequest struct {
	Code     string `json:"code" doc:"An authentication code, or an unused recovery code other than the one that opened this session"`
	Password string `json:"password,omitempty" doc:"Needed when it was proved more than ten minutes ago"`
}

type deactivateAnswer struct {
	Status        string `json:"status" enum:"signed_out"`
	SessionsEnded int    `json:"sessions_ended" doc:"This one included"`
}

func (a *API) deactivate() {
	add(a, operation{
		method: http.MethodPost, path: "/two-step/deactivate", needs: core.NeedSignedIn, id: "deactivate", tag: tagTwoStep,
		summary: "Deactivate my 2-step authentication",
		description: "The way to another phone: ends every session, this one too. The next sign-in needs the password alone and leads to activation, and " +
			"nothing else is reachable before that is done.",
		refuses: append(refusedCodes(), core.SameCode, core.NotActive, core.DeactivationPaused, core.WrongPassword, core.TooManyTries, core.StepUpRequired),
	}, func(ctx context.Context, c *call, in *request[deactivateRequest]) (*answer[deactivateAnswer], error) {
		n, err := a.core.DeactivateTwoStep(ctx, c.by, in.Body.Password, in.Body.Code)
		if err != nil {
			return nil, err
		}
		return &answer[deactivateAnswer]{Body: deactivateAnswer{Status: "signed_out", SessionsEnded: n}}, nil
	})
}
