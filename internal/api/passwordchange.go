package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type changePasswordRequest struct {
	New string `json:"new" doc:"The new password, of 15 to 256 characters"`
}

type changedPasswordAnswer struct {
	SessionsEnded int      `json:"sessions_ended"`
	Session       *Session `json:"session" doc:"This one, with a new token"`
}

type choosePasswordRequest struct {
	Password string `json:"password" doc:"The new password, of 15 to 256 characters"`
}

type choosePasswordAnswer struct {
	Status  string   `json:"status" enum:"signed_in,activation_required" doc:"What comes next"`
	Session *Session `json:"session" doc:"This one, with a new token"`
}

func (a *API) passwordChange() {
	add(a, operation{
		method: http.MethodPut, path: "/password", needs: core.NeedSteppedUp, id: "change-password", tag: tagSession,
		summary:     "Change my password",
		description: "All other sessions end and remembered devices are forgotten. This session gets a new token; the old one is dead.",
		refuses:     refusedPasswords(),
	}, func(ctx context.Context, c *call, in *request[changePasswordRequest]) (*answer[changedPasswordAnswer], error) {
		s, n, err := a.core.ChangePassword(ctx, c.by, in.Body.New)
		if err != nil {
			return nil, asNew(err)
		}
		return &answer[changedPasswordAnswer]{Body: changedPasswordAnswer{SessionsEnded: n, Session: sessionOf(s)}}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/password", needs: core.NeedSession, id: "choose-password", tag: tagSignIn,
		summary: "Sign in: the new password",
		description: "For a session with reach `password`, which a sign-in with `password_change_required` gave: somebody else may have the old one. All other sessions " +
			"end. This session gets a new token and reaches what comes next.",
		refuses: append(refusedPasswords(), core.NoPasswordDue, core.PasswordByLink, core.AccountClosed),
	}, func(ctx context.Context, c *call, in *request[choosePasswordRequest]) (*answer[choosePasswordAnswer], error) {
		s, err := a.core.ChooseNewPassword(ctx, c.by, in.Body.Password)
		if err != nil {
			return nil, err
		}
		return &answer[choosePasswordAnswer]{Body: choosePasswordAnswer{Status: string(s.Next), Session: sessionOf(s.Session)}}, nil
	})
}
