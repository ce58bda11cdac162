package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type forgotRequest struct {
	Email string `json:"email" example:"ana@acme.example"`
}

type resetRequest struct {
	Token string `json:"token" doc:"What stands at the end of the link's address"`
	New   string `json:"new" doc:"The new password, of 15 to 256 characters"`
	Code  string `json:"code,omitempty" doc:"An authentication code or a recovery code; left out while 2-step authentication is not active"`
}

// refusedPasswords are the answers to a new password, wherever one is taken.
func refusedPasswords() []core.Code {
	return []core.Code{
		core.PasswordTooShort, core.PasswordTooLong, core.PasswordCommon, core.PasswordPersonal, core.PasswordSame, core.ServerBusy,
	}
}

// asNew names the input as this call's body does.
func asNew(err error) error {
	if r := core.Refused(err); r != nil && r.Field == "password" {
		r.Field = "new"
	}
	return err
}

func (a *API) passwordReset() {
	add(a, operation{
		method: http.MethodPost, path: "/password/forgot", needs: core.NeedOpen, id: "forgot-password", tag: tagSignIn,
		summary: "Forgotten password: send a link",
		description: "Sends a one-use link, good for an hour, to the account with this address. The answer is the same for every address. A newer link takes " +
			"the place of an older one; beyond five an hour none is sent, and the last one stays good.",
		refuses: []core.Code{core.EmailInvalid, core.TooManyTries, core.NoMail},
	}, func(ctx context.Context, c *call, in *request[forgotRequest]) (*nothing, error) {
		return nil, a.core.AskPasswordReset(ctx, c.by, in.Body.Email)
	})
	add(a, operation{
		method: http.MethodPost, path: "/password/reset", needs: core.NeedToken, id: "reset-password", tag: tagSignIn,
		summary: "Forgotten password: set a new one",
		description: "With the token of the link, and where 2-step authentication is active a code besides. Signs nobody in and leaves 2-step authentication as it " +
			"is; every session ends and every remembered device is forgotten. A refused code leaves the link good.",
		refuses: append(append(refusedCodes(), refusedPasswords()...), core.LinkGone),
	}, func(ctx context.Context, c *call, in *request[resetRequest]) (*nothing, error) {
		_, err := a.core.SetForgottenPassword(ctx, c.by, in.Body.Token, in.Body.New, in.Body.Code)
		return nil, asNew(err)
	})
}
