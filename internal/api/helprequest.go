package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

type helpRequestBody struct {
	About string `json:"about" enum:"sign_in,codes,account,message,other" doc:"What it is about; message is a call or a letter that was not expected"`
	Text  string `json:"text" doc:"Plain text, at most 2,000 characters; what looks like a code is refused"`
}

type strangersBody struct {
	About  string `json:"about" enum:"sign_in,codes,account,message,other" doc:"What it is about"`
	Text   string `json:"text" doc:"Plain text, at most 2,000 characters; what looks like a code is refused"`
	Email  string `json:"email" doc:"Whereto the answer goes; nothing is sent there by this call"`
	Anyway bool   `json:"anyway,omitempty" doc:"About sign_in: send it although asking the team (POST /sign-in/ask) is the way back in"`
}

type sentRequest struct {
	Number string `json:"number" example:"R-4820937"`
}

// HelpRequest is a question to one's own team.
type HelpRequest struct {
	ID        string        `json:"id"`
	Number    string        `json:"number" example:"R-4820937"`
	From      asking        `json:"from"`
	Mine      bool          `json:"mine"`
	MayAnswer bool          `json:"may_answer"`
	About     string        `json:"about" enum:"sign_in,codes,account,message,other"`
	State     string        `json:"state" enum:"open,answered,closed"`
	MadeAt    time.Time     `json:"made_at"`
	ChangedAt time.Time     `json:"changed_at"`
	Messages  []helpMessage `json:"messages,omitempty" doc:"Of a single one: what was written, the oldest first"`
}

type helpMessage struct {
	By     string    `json:"by" doc:"A name"`
	Answer bool      `json:"answer" doc:"Of somebody who may answer, not of whoever asked"`
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
}

type helpQuery struct {
	State  string `query:"state" enum:"open,answered,closed" doc:"Left out for all"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type writeInHelp struct {
	ID   string `path:"id"`
	Body struct {
		Text string `json:"text" doc:"Plain text, at most 2,000 characters"`
	}
}

func (a *API) helpRequest() {
	add(a, operation{
		method: http.MethodPost, path: "/help/requests", needs: core.NeedSignedIn, id: "submit-help-request", tag: tagHelp, status: http.StatusCreated,
		summary: "Submit a request", description: "To the owners and admins of one's team, who are told by letter. It changes nothing. Sent twice, it is one.",
		refuses: []core.Code{core.AboutMissing, core.TextMissing, core.TextTooLong, core.TextHasCode, core.NobodyToAnswer, core.TooManyHelpRequests},
	}, func(ctx context.Context, c *call, in *request[helpRequestBody]) (*answer[HelpRequest], error) {
		q, err := a.core.SubmitHelpRequest(ctx, c.by, core.NewHelpRequest{About: core.HelpAbout(in.Body.About), Text: in.Body.Text})
		if err != nil {
			return nil, err
		}
		return &answer[HelpRequest]{Body: helpRequestOf(q)}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/help/requests/signed-out", needs: core.NeedOpen, id: "submit-strangers-request", tag: tagHelp, status: http.StatusCreated,
		summary: "Submit a request without being signed in", description: "To whoever runs the server, where that one gave an address (--contact); never to a team.",
		refuses: []core.Code{core.NoContact, core.AboutMissing, core.EmailInvalid, core.TextMissing, core.TextTooLong, core.TextHasCode, core.AskTeamFirst, core.TooManyHelpRequests},
	}, func(ctx context.Context, c *call, in *request[strangersBody]) (*answer[sentRequest], error) {
		number, err := a.core.SubmitStrangersRequest(ctx, c.by, core.StrangersRequest{
			NewHelpRequest: core.NewHelpRequest{About: core.HelpAbout(in.Body.About), Text: in.Body.Text}, Email: in.Body.Email, Anyway: in.Body.Anyway,
		})
		if err != nil {
			return nil, err
		}
		return &answer[sentRequest]{Body: sentRequest{number}}, nil
	})
	add(a, operation{
		method: http.MethodGet, path: "/help/requests", needs: core.NeedSignedIn, id: "list-help-requests", tag: tagHelp,
		summary: "My requests", description: "The newest first.", refuses: []core.Code{core.InvalidCursor},
	}, func(ctx context.Context, c *call, in *helpQuery) (*answer[list[HelpRequest]], error) {
		return a.listHelp(ctx, c, in, false)
	})
	add(a, operation{
		method: http.MethodGet, path: "/team/questions", needs: core.NeedAdmin, id: "list-questions", tag: tagHelp,
		summary: "Requests of the team's people", description: "All but one's own, the newest first.", refuses: []core.Code{core.Contained, core.InvalidCursor},
	}, func(ctx context.Context, c *call, in *helpQuery) (*answer[list[HelpRequest]], error) {
		return a.listHelp(ctx, c, in, true)
	})
	add(a, operation{
		method: http.MethodGet, path: "/help/requests/{id}", needs: core.NeedSignedIn, id: "get-help-request", tag: tagHelp,
		summary: "One request with its answers", description: "For whoever sent it, and for the owners and admins of their team.",
	}, func(ctx context.Context, c *call, in *withID) (*answer[HelpRequest], error) {
		q, err := a.core.HelpRequest(ctx, c.by, in.ID)
		if err != nil {
			return nil, err
		}
		return &answer[HelpRequest]{Body: helpRequestOf(q)}, nil
	})
	a.answerHelp()
}

func (a *API) answerHelp() {
	add(a, operation{
		method: http.MethodPost, path: "/help/requests/{id}/messages", needs: core.NeedSignedIn, id: "write-in-help-request", tag: tagHelp,
		summary: "Answer a request, or write more in one's own", description: "An answer goes out by letter too. It is words: nothing else changes.",
		refuses: []core.Code{core.RecoverySession, core.HelpRequestClosed, core.TextMissing, core.TextTooLong, core.TextHasCode, core.TooManyHelpRequests},
	}, func(ctx context.Context, c *call, in *writeInHelp) (*nothing, error) {
		return nil, a.core.WriteInHelpRequest(ctx, c.by, in.ID, in.Body.Text)
	})
	add(a, operation{
		method: http.MethodPost, path: "/help/requests/{id}/close", needs: core.NeedSignedIn, id: "close-help-request", tag: tagHelp,
		summary: "Say that a request is settled", description: "By whoever sent it, or by whoever may answer it. Nothing more is written in it then.", refuses: []core.Code{core.RecoverySession},
	}, func(ctx context.Context, c *call, in *withID) (*nothing, error) {
		return nil, a.core.CloseHelpRequest(ctx, c.by, in.ID)
	})
}

func (a *API) listHelp(ctx context.Context, c *call, in *helpQuery, team bool) (*answer[list[HelpRequest]], error) {
	page, err := a.core.HelpRequests(ctx, c.by, core.HelpFilter{Team: team, State: core.HelpState(in.State), Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := list[HelpRequest]{Items: make([]HelpRequest, len(page.Items))}
	for i := range page.Items {
		out.Items[i] = helpRequestOf(&page.Items[i])
	}
	if page.Next != "" {
		out.NextCursor = &page.Next
	}
	return &answer[list[HelpRequest]]{Body: out}, nil
}

func helpRequestOf(q *core.HelpRequest) HelpRequest {
	out := HelpRequest{
		ID: q.ID, Number: q.Number, From: asking{q.From.ID, q.From.Email, q.From.Name, string(q.From.Role)}, Mine: q.Mine, MayAnswer: q.MayAnswer,
		About: string(q.About), State: string(q.State), MadeAt: q.MadeAt, ChangedAt: q.ChangedAt,
	}
	for _, m := range q.Messages {
		out.Messages = append(out.Messages, helpMessage{m.ByName, m.Answer, m.Text, m.At})
	}
	return out
}
