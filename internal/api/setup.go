package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type setupRequest struct {
	Token    string `json:"token" doc:"What follows /setup/ in the link that doorstep serve or doorstep setup-link prints"`
	Team     string `json:"team" doc:"The team's name"`
	Name     string `json:"name"`
	Email    string `json:"email" example:"ana@acme.example"`
	Password string `json:"password" doc:"Of 15 to 256 characters"`
	Language string `json:"language,omitempty" enum:"en,es,pt-BR" doc:"Left out, it is that of Accept-Language"`
}

type setupAnswer struct {
	Status  string   `json:"status" enum:"activation_required" doc:"An owner activates before anything else"`
	Session *Session `json:"session"`
}

func (a *API) setUp() {
	add(a, operation{
		method: http.MethodPost, path: "/setup", needs: core.NeedToken, id: "set-up", tag: tagSignIn, status: http.StatusCreated,
		summary:     "Set up: make the first team and its owner",
		description: "With the one-use link that the server prints while there is no owner. The link is used up with the owner's making; a refused call leaves it good.",
		refuses: append(refusedPasswords(), core.LinkGone, core.SetupUsed, core.TeamNameMissing, core.TeamNameTaken, core.NameMissing, core.NameTooLong,
			core.EmailInvalid),
	}, func(ctx context.Context, c *call, in *request[setupRequest]) (*answer[setupAnswer], error) {
		n := core.NewOwner{Team: in.Body.Team, Name: in.Body.Name, Email: in.Body.Email, Password: in.Body.Password, Language: in.Body.Language}
		if n.Language == "" {
			n.Language = string(c.words.Language())
		}
		s, err := a.core.SetUp(ctx, c.by, in.Body.Token, n)
		if err != nil {
			return nil, err
		}
		return &answer[setupAnswer]{Body: setupAnswer{Status: string(core.StepActivation), Session: sessionOf(s)}}, nil
	})
}
