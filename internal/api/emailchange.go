package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type changeEmailRequest struct {
	Email string `json:"email" doc:"The new address" example:"ana@acme.example"`
}

type emailLinkRequest struct {
	Token string `json:"token" doc:"What stands at the end of the link's address"`
}

type emailAnswer struct {
	Email string `json:"email" doc:"The account's address from now on"`
}

func (a *API) emailChange() {
	add(a, operation{
		method: http.MethodPut, path: "/email", needs: core.NeedSteppedUp, id: "change-email", tag: tagSession,
		summary: "Change my email address: send a link",
		description: "The new address gets a link that confirms it, good for a day; the present one is told. Until then nothing changes. An address that belongs to an " +
			"account is answered in the same way, and told so by the letter alone.",
		refuses: []core.Code{core.EmailInvalid, core.EmailSame, core.Contained, core.TooManyTries, core.NoMail},
	}, func(ctx context.Context, c *call, in *request[changeEmailRequest]) (*nothing, error) {
		return nil, a.core.AskEmailChange(ctx, c.by, in.Body.Email)
	})
	add(a, operation{
		method: http.MethodPost, path: "/email/confirm", needs: core.NeedToken, id: "confirm-email", tag: tagSession,
		summary:     "Change my email address: confirm it",
		description: "With the token of the link to the new address, which signs in from now on. The address before it gets a link that takes the change back for 72 hours.",
		refuses:     []core.Code{core.LinkGone, core.EmailTaken},
	}, func(ctx context.Context, c *call, in *request[emailLinkRequest]) (*answer[emailAnswer], error) {
		email, err := a.core.ConfirmEmailChange(ctx, c.by, in.Body.Token)
		return emailOf(email, err)
	})
	add(a, operation{
		method: http.MethodPost, path: "/email/undo", needs: core.NeedToken, id: "undo-email", tag: tagSession,
		summary: "Take a change of email address back",
		description: "With the token of the link to the address before. It holds again, every session has ended, and the next sign-in asks for a " +
			"new password.",
		refuses: []core.Code{core.LinkGone, core.EmailTaken},
	}, func(ctx context.Context, c *call, in *request[emailLinkRequest]) (*answer[emailAnswer], error) {
		email, err := a.core.UndoEmailChange(ctx, c.by, in.Body.Token)
		return emailOf(email, err)
	})
}

func emailOf(email string, err error) (*answer[emailAnswer], error) {
	if err != nil {
		return nil, err
	}
	return &answer[emailAnswer]{Body: emailAnswer{Email: email}}, nil
}
