package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

type importRequest struct {
	CSV string `json:"csv" doc:"Columns email, name, role in any order, named in the first line; comma, semicolon or tab between them"`
}

type importConfirm struct {
	ID   string `path:"id"`
	Body importChoice
}

type importChoice struct {
	LeaveOutBad bool `json:"leave_out_bad,omitempty" doc:"Invite the others although some lines are bad; without it those are a refusal and nobody is invited"`
}

// Import is a file that was looked at.
type Import struct {
	ID        string    `json:"id"`
	Ready     int       `json:"ready" doc:"How many people will be invited"`
	Bad       []badLine `json:"bad" nullable:"false"`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when it can be confirmed"`
}

type badLine struct {
	Line   int    `json:"line" doc:"Where it begins in the file, from 1"`
	Email  string `json:"email" doc:"As it was written"`
	Type   string `json:"type" doc:"What is wrong, as a refusal names it"`
	Detail string `json:"detail"`
}

// Imported is what a confirmed file did.
type Imported struct {
	Invited int          `json:"invited"`
	LeftOut int          `json:"left_out"`
	Items   []Invitation `json:"items" nullable:"false" doc:"Who was invited; empty when it was confirmed before"`
}

func (a *API) importing() {
	add(a, operation{
		method: http.MethodPost, path: "/team/imports", needs: core.NeedSteppedUpAdmin, id: "look-at-import", tag: tagTeam, status: http.StatusCreated,
		summary: "Look at a file of people", description: "Says who will be invited and what is wrong with the other lines. Nothing is sent before it is confirmed, within an hour.",
		refuses: []core.Code{core.Contained, core.ImportEmpty, core.ImportNoHeader, core.ImportBroken, core.ImportTooLarge},
	}, func(ctx context.Context, c *call, in *request[importRequest]) (*answer[Import], error) {
		look, err := a.core.LookAtImport(ctx, c.by, []byte(in.Body.CSV))
		if err != nil {
			return nil, err
		}
		out := Import{ID: look.ID, Ready: len(look.Ready), Bad: make([]badLine, len(look.Bad)), ExpiresAt: look.ExpiresAt}
		for i, line := range look.Bad {
			p := edge.ProblemOf(c.words, line.Refused)
			out.Bad[i] = badLine{Line: line.Line, Email: line.Email, Type: p.Type, Detail: p.Detail}
		}
		return &answer[Import]{Body: out}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/imports/{id}/confirm", needs: core.NeedSteppedUpAdmin, id: "confirm-import", tag: tagTeam,
		summary: "Invite the people of a file", description: "All of them or nobody. Confirmed twice it sends once.",
		refuses: []core.Code{core.Contained, core.ImportOver, core.ImportHasBadLines, core.ImportNobody, core.TooManyInvitations},
	}, func(ctx context.Context, c *call, in *importConfirm) (*answer[Imported], error) {
		done, err := a.core.ConfirmImport(ctx, c.by, in.ID, in.Body.LeaveOutBad)
		if err != nil {
			return nil, err
		}
		out := Imported{Invited: done.Invited, LeftOut: done.LeftOut, Items: make([]Invitation, len(done.Sent))}
		for i := range done.Sent {
			out.Items[i] = a.invitationOf(&done.Sent[i])
		}
		return &answer[Imported]{Body: out}, nil
	})
}
