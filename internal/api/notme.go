package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type notMeRequest struct {
	Token string `json:"token" doc:"What follows /not-me/ in the link of the letter"`
}

type notMeDone struct {
	Status        string `json:"status" enum:"signed_out,frozen" doc:"frozen after a restart that was not asked for: only an owner brings the account back"`
	SessionsEnded int    `json:"sessions_ended" doc:"0 when it was said before"`
}

func (a *API) notMe() {
	add(a, operation{
		method: http.MethodPost, path: "/not-me", needs: core.NeedOpen, id: "report-not-me", tag: tagSession,
		summary: "Say that a change was not one's own",
		description: "With the link of a letter about it, within 7 days. All sessions end, remembered devices and links are forgotten, and the next sign-in asks for a new " +
			"password; after a restart the account is frozen. It only ever takes access away. Said again it changes nothing, and a letter written before the last time " +
			"it was said says nothing new.",
		refuses: []core.Code{core.LinkGone, core.TooManyReports},
	}, func(ctx context.Context, c *call, in *request[notMeRequest]) (*answer[notMeDone], error) {
		n, err := a.core.ReportNotMe(ctx, c.by, in.Body.Token)
		if err != nil {
			return nil, err
		}
		out := notMeDone{Status: "signed_out", SessionsEnded: n.SessionsEnded}
		if n.Freezes {
			out.Status = "frozen"
		}
		return &answer[notMeDone]{Body: out}, nil
	})
}
