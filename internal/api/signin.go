package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

type signInRequest struct {
	Email    string `json:"email" example:"ana@acme.example"`
	Password string `json:"password"`
	Device   string `json:"device,omitempty" doc:"The token of a remembered device, which stands for the second step. One that is not good changes nothing"`
	Browser  string `json:"browser,omitempty" doc:"What an earlier full sign-in gave: strangers who guess at the address do not make this client wait. It proves nothing else. new asks for one"`
}

type signInAnswer struct {
	Status    string     `json:"status" enum:"second_step_required,signed_in,activation_required,password_change_required" doc:"What comes next"`
	Attempt   string     `json:"attempt,omitempty" doc:"The half-done sign-in, for POST /sign-in/second-step"`
	Methods   []string   `json:"methods,omitempty" nullable:"false" enum:"authenticator,recovery_code" doc:"What can prove the second step now"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"When the attempt is over"`
	Session   *Session   `json:"session,omitempty"`

	Browser *knownBrowser `json:"browser,omitempty" doc:"After a remembered device stood for the second step, when browser was sent"`

	Device *rememberedDevice `json:"device,omitempty" doc:"Keep it instead of the one that was sent, which is used up"`
}

func (a *API) signIn() {
	add(a, operation{
		method: http.MethodPost, path: "/sign-in", needs: core.NeedOpen, id: "sign-in", tag: tagSignIn,
		summary: "Sign in: the password",
		description: "With active 2-step authentication a right password gives an attempt, which POST /sign-in/second-step takes. Without, it gives a " +
			"session; with `activation_required` that session reaches activation and nothing else, with `password_change_required` POST /password. An unknown address, a wrong password and a " +
			"suspended account look the same, and so do the pauses after wrong tries: `too-many-tries` for a while, `password-blocked` after 100 in a row. A remembered device skips the second step: `signed_in`, with second_step `none`.",
		refuses: []core.Code{core.WrongCredentials, core.TooManyTries, core.PasswordBlocked, core.AccountClosed, core.ServerBusy},
	}, func(ctx context.Context, c *call, in *request[signInRequest]) (*answer[signInAnswer], error) {
		s, err := a.core.BeginSignIn(ctx, inBrowser(c.by, in.Body.Browser), in.Body.Email, in.Body.Password, in.Body.Device)
		if err != nil {
			return nil, err
		}
		out := signInAnswer{Status: string(s.Next), Attempt: s.Attempt, Methods: s.Methods, Device: rememberedOf(s.Remembered), Browser: browserOf(s.Browser)}
		if s.Session != nil {
			out.Session = sessionOf(s.Session)
		} else {
			out.ExpiresAt = when(s.ExpiresAt)
		}
		return &answer[signInAnswer]{Body: out}, nil
	})
}
