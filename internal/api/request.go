package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

type askRequest struct {
	Attempt  string `json:"attempt" doc:"From POST /sign-in"`
	Happened string `json:"happened" enum:"lost_phone,new_phone,other" doc:"What happened, for whoever answers"`
	Token    string `json:"token,omitempty" doc:"Of an earlier request: while that one is open, the answer is it again and no second one is made"`
}

// Ask is one's own request, as whoever made it sees it.
type Ask struct {
	State     string     `json:"state" enum:"none,open,approved,refused,withdrawn,expired,ended" doc:"What became of the newest request. After a restart the attempt is over; approved says that a second approver is waited for"`
	Request   string     `json:"request,omitempty" doc:"The request's id"`
	Token     string     `json:"token,omitempty" doc:"Only when the request was just made: whoever has it sees the match code again"`
	MatchCode string     `json:"match_code,omitempty" example:"4782" doc:"Four digits that the person reads out to whoever approves; only for the token's holder, and while the request is open"`
	Happened  string     `json:"happened,omitempty" enum:"lost_phone,new_phone,other"`
	MadeAt    *time.Time `json:"made_at,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	MayAsk    bool       `json:"may_ask" doc:"Whether a new request can be made now"`
}

// myAsk carries both tokens in headers: addresses stand in the logs of proxies.
type myAsk struct {
	Attempt string `header:"Doorstep-Attempt" doc:"The attempt, from POST /sign-in"`
	Token   string `header:"Doorstep-Request" doc:"The token, from POST /sign-in/ask; without it there is no match code"`
}

// Request is a restart request as those see it who may answer it.
type Request struct {
	ID           string     `json:"id"`
	Person       asking     `json:"person"`
	Happened     string     `json:"happened" enum:"lost_phone,new_phone,other" doc:"As the person says"`
	State        string     `json:"state" enum:"open,approved,refused,withdrawn,expired,ended"`
	MadeAt       time.Time  `json:"made_at"`
	ExpiresAt    time.Time  `json:"expires_at"`
	Address      string     `json:"address" doc:"From where it was asked"`
	AddressSeen  bool       `json:"address_seen" doc:"Whether this person signed in with both steps from there within 90 days"`
	Device       string     `json:"device" doc:"The User-Agent with which it was asked"`
	DeviceSeen   bool       `json:"device_seen" doc:"Whether this person signed in with both steps with such a browser within 90 days"`
	AttemptsLeft int        `json:"attempts_left" doc:"At the match code"`
	AnsweredAt   *time.Time `json:"answered_at" doc:"Or ended; null while it is open"`
	AnsweredBy   *string    `json:"answered_by" doc:"A name; null where nobody answered"`
	Reason       string     `json:"reason" doc:"Of the answer"`
	Ended        string     `json:"ended_because" doc:"Where the state is ended: signed_in, restarted, deactivated, frozen, suspended, password_changed or wrong_match_codes; else empty"`
}

type asking struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  string `json:"role" enum:"owner,admin,member"`
}

type requestQuery struct {
	State  string `query:"state" enum:"open,answered" doc:"Those that wait, or those that are over; left out for both"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type approveRequest struct {
	MatchCode  string `json:"match_code" example:"4782" doc:"As the person read it out"`
	Reason     string `json:"reason" doc:"Why, in 10 to 200 characters; the person reads it"`
	VerifiedBy string `json:"verified_by" enum:"in_person,video_call,known_number,other" doc:"How you made sure that it is really the person"`
}

type approve struct {
	ID   string `path:"id"`
	Body approveRequest
}

type refuseRequest struct {
	Reason  string `json:"reason,omitempty" doc:"At most 200 characters"`
	NotThem bool   `json:"not_them,omitempty" doc:"It was not the person who asked: half-done sign-ins end, and the next sign-in asks for a new password"`
}

type refuse struct {
	ID   string `path:"id"`
	Body refuseRequest
}

func (a *API) request() {
	a.askTeam()
	a.answerRequests()
}

func (a *API) askTeam() {
	add(a, operation{
		method: http.MethodPost, path: "/sign-in/ask", needs: core.NeedAttempt, id: "ask-team", tag: tagSignIn, status: http.StatusCreated,
		summary: "Lost everything: ask the team for a restart",
		description: "For somebody who came as far as the second step and can use none. Owners and admins are told, and so is the person. Whoever approves " +
			"types the match code that the person reads out to them. One open request a person, for 72 hours; it ends when the person gets in by another way.",
		refuses: []core.Code{core.AttemptOver, core.SoleOwner, core.RequestIsOpen, core.RequestPause},
	}, func(ctx context.Context, c *call, in *request[askRequest]) (*answer[Ask], error) {
		x, err := a.core.AskTeam(ctx, c.by, in.Body.Attempt, in.Body.Token, core.Happened(in.Body.Happened))
		return askOf(x, err)
	})
	add(a, operation{
		method: http.MethodGet, path: "/sign-in/ask", needs: core.NeedAttempt, id: "get-ask", tag: tagSignIn,
		summary: "What became of my request", description: "Both tokens come in headers, so that no log of addresses holds one.",
		refuses: []core.Code{core.AttemptOver},
	}, func(ctx context.Context, _ *call, in *myAsk) (*answer[Ask], error) {
		x, err := a.core.Asked(ctx, in.Attempt, in.Token)
		return askOf(x, err)
	})
	add(a, operation{
		method: http.MethodDelete, path: "/sign-in/ask", needs: core.NeedAttempt, id: "withdraw-ask", tag: tagSignIn,
		summary: "Withdraw my request", description: "The attempt alone is enough for it.",
		refuses: []core.Code{core.AttemptOver, core.NoRequest},
	}, func(ctx context.Context, c *call, in *myAsk) (*nothing, error) {
		return nil, a.core.WithdrawAsk(ctx, c.by, in.Attempt)
	})
}

func (a *API) answerRequests() {
	add(a, operation{
		method: http.MethodGet, path: "/team/requests", needs: core.NeedAdmin, id: "list-requests", tag: tagTeam,
		summary: "Restart requests", description: "The newest first. An admin sees those of members, an owner all but their own.",
		refuses: []core.Code{core.Contained, core.InvalidCursor},
	}, a.listRequests)
	add(a, operation{
		method: http.MethodGet, path: "/team/requests/{id}", needs: core.NeedAdmin, id: "get-request", tag: tagTeam,
		summary: "One restart request", description: "The match code is not in it: whoever approves hears it from the person.",
		refuses: []core.Code{core.Contained, core.Self, core.Rank},
	}, func(ctx context.Context, c *call, in *withID) (*answer[Request], error) {
		q, err := a.core.Request(ctx, c.by, in.ID)
		if err != nil {
			return nil, err
		}
		return &answer[Request]{Body: requestOf(q)}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/requests/{id}/approve", needs: core.NeedSteppedUpAdmin, id: "approve-request", tag: tagTeam,
		summary: "Approve a restart request",
		description: "Approving is a restart, with all that a restart does and refuses. The third wrong match code ends the request; six digits are refused and " +
			"not compared, for they look like an authentication code. 202 where the restart waits for a second approver.",
		refuses: []core.Code{
			core.Self, core.Rank, core.Contained, core.RequestAnswered, core.MatchCodeLength, core.MatchCodeSix, core.WrongMatchCode, core.MatchCodesOver,
			core.ReasonMissing, core.ReasonTooShort, core.ReasonTooLong, core.VerifiedByMissing, core.NothingToRestart, core.RestartLimit, core.PersonLimit, core.RestartWaiting, core.NoSecondApprover,
			core.ServerBusy,
		},
	}, func(ctx context.Context, c *call, in *approve) (*restartOutcome, error) {
		r, err := a.core.ApproveRequest(ctx, c.by, in.ID, core.Approval{
			MatchCode: in.Body.MatchCode, Reason: in.Body.Reason, VerifiedBy: core.VerifiedBy(in.Body.VerifiedBy),
		})
		if err != nil {
			return nil, err
		}
		return outcomeOf(r), nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/requests/{id}/refuse", needs: core.NeedSteppedUpAdmin, id: "refuse-request", tag: tagTeam,
		summary: "Refuse a restart request", description: "The person is told, and can ask again in an hour.",
		refuses: []core.Code{core.Self, core.Rank, core.Contained, core.RequestAnswered, core.ReasonTooLong},
	}, func(ctx context.Context, c *call, in *refuse) (*nothing, error) {
		return nil, a.core.RefuseRequest(ctx, c.by, in.ID, core.Refusing{Reason: in.Body.Reason, NotThem: in.Body.NotThem})
	})
}

func (a *API) listRequests(ctx context.Context, c *call, in *requestQuery) (*answer[list[Request]], error) {
	page, err := a.core.Requests(ctx, c.by, core.RequestFilter{
		Open: in.State == "open", Answered: in.State == "answered", Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := list[Request]{Items: make([]Request, len(page.Items))}
	for i := range page.Items {
		out.Items[i] = requestOf(&page.Items[i])
	}
	if page.Next != "" {
		out.NextCursor = &page.Next
	}
	return &answer[list[Request]]{Body: out}, nil
}

func askOf(x *core.Ask, err error) (*answer[Ask], error) {
	if err != nil {
		return nil, err
	}
	return &answer[Ask]{Body: Ask{
		State: string(x.State), Request: x.ID, Token: x.Token, MatchCode: x.MatchCode, Happened: string(x.Happened),
		MadeAt: when(x.MadeAt), ExpiresAt: when(x.ExpiresAt), MayAsk: x.MayNotAsk == nil && x.State != core.RequestOpen,
	}}, nil
}

func requestOf(q *core.Request) Request {
	out := Request{
		ID: q.ID, Person: asking{q.Person.ID, q.Person.Email, q.Person.Name, string(q.Person.Role)}, Happened: string(q.Happened), State: string(q.State),
		MadeAt: q.MadeAt, ExpiresAt: q.ExpiresAt, Address: q.Address, AddressSeen: q.AddressSeen, Device: q.Device, DeviceSeen: q.DeviceSeen,
		AttemptsLeft: q.TriesLeft, AnsweredAt: when(q.AnsweredAt), Reason: q.Reason, Ended: string(q.Ended),
	}
	if q.AnsweredBy != "" {
		out.AnsweredBy = &q.AnsweredBy
	}
	return out
}
