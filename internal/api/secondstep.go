package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type secondStepRequest struct {
	Attempt string `json:"attempt"`
	Code    string `json:"code" doc:"Six digits of the authenticator app, or a recovery code" example:"634977"`

	Remember bool `json:"remember,omitempty" doc:"Skip the second step on this device from now on, where the team allows it; a recovery code cannot"`
}

type secondStepAnswer struct {
	Status            string   `json:"status" enum:"signed_in"`
	Session           *Session `json:"session"`
	RecoveryCodesLeft int      `json:"recovery_codes_left" doc:"Unused recovery codes"`

	Device *rememberedDevice `json:"device,omitempty" doc:"When it was asked for and is allowed"`
}

// refusedCodes are the answers to a code, wherever one is taken.
func refusedCodes() []core.Code {
	return []core.Code{
		core.CodeEmpty, core.CodeLength, core.RecoveryCodeLength, core.RecoveryCodeTypo, core.WrongCode, core.WrongRecoveryCode, core.CodeUsed,
		core.AuthenticatorWait, core.RecoveryWait, core.ServerBusy,
	}
}

func (a *API) secondStep() {
	add(a, operation{
		method: http.MethodPost, path: "/sign-in/second-step", needs: core.NeedAttempt, id: "second-step", tag: tagSignIn,
		summary: "Sign in: the second step",
		description: "Takes an authentication code or a recovery code in one field and opens the session. A code is accepted once. A typo in a recovery " +
			"code, and a code that is too short or too long, does not count as a try. A session that a recovery code opened lasts an hour and cannot step up.",
		refuses: append(refusedCodes(), core.AttemptOver),
	}, func(ctx context.Context, c *call, in *request[secondStepRequest]) (*answer[secondStepAnswer], error) {
		s, err := a.core.AcceptSecondStep(ctx, c.by, in.Body.Attempt, in.Body.Code, in.Body.Remember)
		if err != nil {
			return nil, err
		}
		return &answer[secondStepAnswer]{Body: secondStepAnswer{
			Status: string(s.Next), Session: sessionOf(s.Session), RecoveryCodesLeft: s.RecoveryCodesLeft, Device: rememberedOf(s.Remembered),
		}}, nil
	})
}
