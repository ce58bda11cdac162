package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

type inviteRequest struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty" doc:"Left out it is the first part of the address, until the person says otherwise"`
	Role  string `json:"role" enum:"owner,admin,member" doc:"An admin invites members only. A role above member needs a step-up"`
}

// Invitation is what was sent, or is to be handed over.
type Invitation struct {
	ID        string    `json:"id" doc:"The person's"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Role      string    `json:"role" enum:"owner,admin,member"`
	Status    string    `json:"status" enum:"invited"`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when the link works"`
	Link      *string   `json:"link" doc:"Only where no mail is set up: the one-use link to hand over, as a path below the public address where that is not known. Shown once. Else null"`
}

func (a *API) invitation() {
	add(a, operation{
		method: http.MethodPost, path: "/team/users", needs: core.NeedAdmin, id: "invite-person", tag: tagTeam, status: http.StatusCreated,
		summary: "Invite a person",
		description: "Sends a link with which the person chooses a password; it works once, for seven days. An address that has an account in another team is " +
			"answered like any other, and its owner is told.",
		refuses: []core.Code{
			core.OwnerOnly, core.Contained, core.RecoverySession, core.StepUpRequired, core.RoleInvalid, core.EmailInvalid, core.NameTooLong,
			core.AlreadyInTeam, core.AlreadyInvited, core.TooManyInvitations,
		},
	}, func(ctx context.Context, c *call, in *request[inviteRequest]) (*answer[Invitation], error) {
		sent, err := a.core.InvitePeople(ctx, c.by, core.Role(in.Body.Role), []core.Invitee{{Email: in.Body.Email, Name: in.Body.Name}})
		if err != nil {
			return nil, err
		}
		if sent[0].Refused != nil {
			return nil, sent[0].Refused
		}
		return &answer[Invitation]{Body: a.invitationOf(&sent[0])}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/users/{id}/invitation", needs: core.NeedAdmin, id: "send-invitation-again", tag: tagTeam,
		summary: "Send an invitation again", description: "A new link; the earlier one is dead.",
		refuses: []core.Code{core.Rank, core.Contained, core.RecoverySession, core.StepUpRequired, core.NotInvited, core.TooManyInvitations},
	}, func(ctx context.Context, c *call, in *withID) (*answer[Invitation], error) {
		sent, err := a.core.SendInvitationAgain(ctx, c.by, in.ID)
		if err != nil {
			return nil, err
		}
		return &answer[Invitation]{Body: a.invitationOf(sent)}, nil
	})
	add(a, operation{
		method: http.MethodDelete, path: "/team/users/{id}/invitation", needs: core.NeedAdmin, id: "cancel-invitation", tag: tagTeam,
		summary: "Cancel an invitation", description: "The invited person is gone from the team and the link is dead.",
		refuses: []core.Code{core.Rank, core.Contained, core.RecoverySession, core.NotInvited},
	}, func(ctx context.Context, c *call, in *withID) (*nothing, error) {
		return nil, a.core.CancelInvitation(ctx, c.by, in.ID)
	})
}

func (a *API) invitationOf(i *core.Invitation) Invitation {
	out := Invitation{ID: i.ID, Email: i.Email, Name: i.Name, Role: string(i.Role), Status: string(core.StatusInvited), ExpiresAt: i.ExpiresAt}
	if i.Link != nil {
		link := a.url + "/set-password/" + i.Link.Token
		out.Link = &link
	}
	return out
}
