package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type firstPasswordRequest struct {
	Token    string `json:"token" doc:"What follows /set-password/ in the link of an invitation, or of doorstep user add"`
	Name     string `json:"name,omitempty" doc:"By what name they go; left out, it is the one that whoever invited them typed"`
	Password string `json:"password" doc:"Of 15 to 256 characters"`
}

type firstPasswordAnswer struct {
	Email string `json:"email" doc:"With which they sign in now"`
}

func (a *API) firstPassword() {
	add(a, operation{
		method: http.MethodPost, path: "/password/first", needs: core.NeedToken, id: "set-first-password", tag: tagSignIn,
		summary:     "Join: set the first password",
		description: "With the one-use link of an invitation. It signs nobody in. A refused call leaves the link good.",
		refuses:     append(refusedPasswords(), core.LinkGone, core.NameMissing, core.NameTooLong, core.EmailTaken),
	}, func(ctx context.Context, c *call, in *request[firstPasswordRequest]) (*answer[firstPasswordAnswer], error) {
		email, err := a.core.SetFirstPassword(ctx, c.by, in.Body.Token, in.Body.Name, in.Body.Password)
		if err != nil {
			return nil, err
		}
		return &answer[firstPasswordAnswer]{Body: firstPasswordAnswer{Email: email}}, nil
	})
}
