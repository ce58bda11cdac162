package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

type activationAnswer struct {
	Activation string    `json:"activation" doc:"Names this activation in the two calls that follow"`
	Key        string    `json:"key" doc:"The key in Base32, for typing into any authenticator app"`
	URI        string    `json:"uri" doc:"The same key as otpauth://totp/…"`
	QRPNG      []byte    `json:"qr_png" doc:"The URI as a QR code, a PNG in Base64"`
	ExpiresAt  time.Time `json:"expires_at" doc:"What is not finished by then leaves no trace"`
}

type beginRequest struct {
	Pass string `json:"pass,omitempty" doc:"The re-activation pass, after a restart that wants one. Once it is right, this session needs it no more" example:"7k3m-q9wd-2xhq"`
}

type confirmRequest struct {
	Activation string `json:"activation"`
	Code       string `json:"code" doc:"The six digits that the app shows now" example:"634977"`
}

type confirmAnswer struct {
	RecoveryCodes []string `json:"recovery_codes" nullable:"false" doc:"Ten single-use codes: save them now"`
	Activation    string   `json:"activation"`
}

type finishRequest struct {
	Activation string `json:"activation"`
	Saved      bool   `json:"saved" doc:"true: the recovery codes are saved"`
}

type finishAnswer struct {
	State   string   `json:"state" enum:"active"`
	Session *Session `json:"session"`
}

func (a *API) activation() {
	pending := []core.Code{core.ActivationExpired, core.ActivationReplaced, core.AlreadyActive, core.AccountClosed, core.PassRequired, core.PassVoid}
	add(a, operation{
		method: http.MethodPost, path: "/two-step/activation", needs: core.NeedActivation, id: "begin-activation", tag: tagTwoStep,
		status: http.StatusCreated, summary: "Activate: a new key",
		description: "Makes a key for an authenticator app. It changes nothing else yet, and ends an earlier unfinished activation. From `off` the password " +
			"must have been proved within ten minutes. After a restart that wants one, `pass` comes first; it is used up when the activation is finished.",
		refuses: []core.Code{
			core.AlreadyActive, core.StepUpRequired, core.AccountClosed, core.PassRequired, core.PassEmpty, core.PassLength, core.PassTypo, core.WrongPass,
			core.PassWait, core.PassVoid, core.ServerBusy,
		},
	}, a.beginActivation)
	add(a, operation{
		method: http.MethodPost, path: "/two-step/activation/confirm", needs: core.NeedActivation, id: "confirm-activation", tag: tagTwoStep,
		summary:     "Activate: prove that the app works",
		description: "A right code shows the recovery codes; 2-step authentication is not on yet. A wrong one keeps the key. Confirming again shows the same codes.",
		refuses: append(pending, core.CodeEmpty, core.CodeLength, core.RecoveryCodeLength, core.RecoveryCodeTypo, core.RecoveryCodeRefused,
			core.WrongCode, core.TooManyTries, core.ServerBusy),
	}, func(ctx context.Context, c *call, in *request[confirmRequest]) (*answer[confirmAnswer], error) {
		x, err := a.core.ConfirmActivation(ctx, c.by, in.Body.Activation, in.Body.Code)
		if err != nil {
			return nil, err
		}
		return &answer[confirmAnswer]{Body: confirmAnswer{RecoveryCodes: x.Codes, Activation: x.ID}}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/two-step/activation/finish", needs: core.NeedActivation, id: "finish-activation", tag: tagTwoStep,
		summary:     "Activate: turn it on",
		description: "From now on a second step is asked for. Every other session has ended, and this one has a new token; the old one is dead.",
		refuses:     append(pending, core.NotSaved, core.ActivationNotProved),
	}, func(ctx context.Context, c *call, in *request[finishRequest]) (*answer[finishAnswer], error) {
		s, err := a.core.FinishActivation(ctx, c.by, in.Body.Activation, in.Body.Saved)
		if err != nil {
			return nil, err
		}
		return &answer[finishAnswer]{Body: finishAnswer{State: string(s.User.TwoStep), Session: sessionOf(s)}}, nil
	})
}

func (a *API) beginActivation(ctx context.Context, c *call, in *optional[beginRequest]) (*answer[activationAnswer], error) {
	if in.Body != nil && in.Body.Pass != "" {
		if err := a.core.AcceptPass(ctx, c.by, in.Body.Pass); err != nil {
			return nil, err
		}
	}
	x, err := a.core.BeginActivation(ctx, c.by)
	if err != nil {
		return nil, err
	}
	picture, err := core.QRPicture(x.URI)
	if err != nil {
		return nil, err
	}
	return &answer[activationAnswer]{Body: activationAnswer{Activation: x.ID, Key: x.Key, URI: x.URI, QRPNG: picture, ExpiresAt: x.ExpiresAt}}, nil
}
