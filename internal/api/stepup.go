package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

type stepUpRequest struct {
	Password string `json:"password"`
	Code     string `json:"code,omitempty" doc:"An authentication code; left out while 2-step authentication is off"`
}

type stepUpAnswer struct {
	ValidUntil time.Time `json:"valid_until"`
	Session    *Session  `json:"session"`
}

func (a *API) stepUp() {
	add(a, operation{
		method: http.MethodPost, path: "/step-up", needs: core.NeedSignedIn, id: "step-up", tag: tagSession,
		summary: "Confirm that it is you",
		description: "Proves password and authentication code anew, for ten minutes. The session gets a new token; the old one is dead. A recovery code " +
			"does not do here and is not used up.",
		refuses: []core.Code{
			core.RecoverySession, core.WrongPassword, core.TooManyTries, core.RecoveryCodeRefused, core.CodeEmpty, core.CodeLength,
			core.RecoveryCodeLength, core.RecoveryCodeTypo, core.WrongCode, core.CodeUsed, core.AuthenticatorWait, core.ServerBusy,
		},
	}, func(ctx context.Context, c *call, in *request[stepUpRequest]) (*answer[stepUpAnswer], error) {
		s, err := a.core.StepUp(ctx, c.by, in.Body.Password, in.Body.Code)
		if err != nil {
			return nil, err
		}
		return &answer[stepUpAnswer]{Body: stepUpAnswer{ValidUntil: s.StepUpUntil(a.core.Now()), Session: sessionOf(s)}}, nil
	})
}
