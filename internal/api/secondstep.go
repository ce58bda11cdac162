package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type secondStepRequest struct {
	Attempt string `json:"attempt"`
	Code    string `json:"code" doc:"Six digits of the authenticator app, or a recovery code" example:"634977"`

	Remember bool   `json:"remember,omitempty" doc:"Skip the second step on this device from now on, where the team allows it; a recovery code cannot"`
	Browser  string `json:"browser,omitempty" doc:"As in POST /sign-in"`
}

type secondStepAnswer struct {
	Status            string   `json:"status" enum:"signed_in,password_change_required"`
	Session           *Session `json:"session"`
	RecoveryCodesLeft int      `json:"recovery_codes_left" doc:"Unused recovery codes"`

	Browser *knownBrowser `json:"browser,omitempty" doc:"When browser was sent"`

	Device *rememberedDevice `json:"device,omitempty" doc:"When it was asked for and is allowed"`
}

// refusedCodes are the answers to a code, wherever one is taken.
func refusedCodes() []core.Code {
	return []core.Code{
		core.CodeEmpty, core.CodeLength, core.RecoveryCodeLength, core.RecoveryCodeTypo, core.WrongCode, core.WrongRecoveryCode, core.CodeUsed,
		core.AuthenticatorWait, core.RecoveryWait, core.AuthenticatorBlocked, core.RecoveryBlocked, core.SecondStepBlocked, core.ServerBusy,
	}
}

func (a *API) secondStep() {
	add(a, operation{
		method: http.MethodPost, path: "/sign-in/second-step", needs: core.NeedAttempt, id: "second-step", tag: tagSignIn,
		summary: "Sign in: the second step",
		description: "Takes an authentication code or a recovery code in one field and opens the session; with `password_change_required` one that reaches POST /password. A code is accepted once. A typo in a recovery " +
			"code, and a code that is too short or too long, does not count as a try. A session that a recovery code opened lasts an hour and cannot step up. " +
			"While the authenticator waits, three right codes in a row, from time steps that follow on each other, end its pause: `unlock_codes_left` " +
			"says how many are missing, and the last one signs in.",
		refuses: append(refusedCodes(), core.AttemptOver),
	}, func(ctx context.Context, c *call, in *request[secondStepRequest]) (*answer[secondStepAnswer], error) {
		s, err := a.core.AcceptSecondStep(ctx, inBrowser(c.by, in.Body.Browser), in.Body.Attempt, in.Body.Code, in.Body.Remember)
		if err != nil {
			return nil, err
		}
		return &answer[secondStepAnswer]{Body: secondStepAnswer{
			Status: string(s.Next), Session: sessionOf(s.Session), RecoveryCodesLeft: s.RecoveryCodesLeft, Device: rememberedOf(s.Remembered),
			Browser: browserOf(s.Browser),
		}}, nil
	})
}
