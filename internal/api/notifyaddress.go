package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// notifyAddress is where letters about the account go besides its own address.
type notifyAddress struct {
	Email        *string    `json:"email" doc:"The verified one, or null"`
	VerifiedAt   *time.Time `json:"verified_at"`
	Waiting      *string    `json:"waiting" doc:"One that was asked for and has yet to agree, or null"`
	WaitingUntil *time.Time `json:"waiting_until" doc:"Until when its link works"`
}

type notifyAddressRequest struct {
	Email string `json:"email"`
}

type notifyAddressToken struct {
	Token string `json:"token" doc:"The last part of the link's address"`
}

type notifyAddressConfirmed struct {
	Email string `json:"email"`
}

func (a *API) notifyAddress() {
	add(a, operation{
		method: http.MethodGet, path: "/notification-address", needs: core.NeedSignedIn, id: "get-notification-address", tag: tagSession,
		summary: "My second address", description: "Letters about the account go there as well, and no link to get in by ever does.",
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[notifyAddress], error) {
		return notifyAddressOf(a.core.NotificationAddress(ctx, c.by))
	})
	add(a, operation{
		method: http.MethodPut, path: "/notification-address", needs: core.NeedSteppedUp, id: "set-notification-address", tag: tagSession,
		summary:     "Ask for a second address",
		description: "A one-use link goes to it. The one that holds so far goes on until the link was used, and the person hears of it where they are known.",
		refuses:     []core.Code{core.Contained, core.EmailInvalid, core.SameAddress, core.TooManyLetters},
	}, func(ctx context.Context, c *call, in *request[notifyAddressRequest]) (*answer[notifyAddress], error) {
		return notifyAddressOf(a.core.SetNotificationAddress(ctx, c.by, in.Body.Email))
	})
	add(a, operation{
		method: http.MethodDelete, path: "/notification-address", needs: core.NeedSteppedUp, id: "remove-notification-address", tag: tagSession,
		summary: "Remove my second address", description: "Also one that has yet to agree. Both addresses are told.",
		refuses: []core.Code{core.Contained},
	}, func(ctx context.Context, c *call, _ *nothing) (*nothing, error) {
		return nil, a.core.RemoveNotificationAddress(ctx, c.by)
	})
	add(a, operation{
		method: http.MethodPost, path: "/notification-address/confirm", needs: core.NeedOpen, id: "confirm-notification-address", tag: tagSession,
		summary: "Agree to get letters", description: "With the token of the link that was sent to the address. Uses the link up and opens nothing else.",
		refuses: []core.Code{core.LinkGone},
	}, func(ctx context.Context, c *call, in *request[notifyAddressToken]) (*answer[notifyAddressConfirmed], error) {
		form, err := a.core.OpenNotificationLink(ctx, in.Body.Token)
		if err != nil {
			return nil, err
		}
		email, err := a.core.ConfirmNotificationAddress(ctx, c.by, form)
		if err != nil {
			return nil, err
		}
		return &answer[notifyAddressConfirmed]{Body: notifyAddressConfirmed{Email: email}}, nil
	})
}

func notifyAddressOf(n *core.NotifyAddress, err error) (*answer[notifyAddress], error) {
	if err != nil {
		return nil, err
	}
	out := notifyAddress{VerifiedAt: when(n.VerifiedAt), WaitingUntil: when(n.WaitingUntil)}
	if n.Email != "" {
		out.Email = &n.Email
	}
	if n.Waiting != "" {
		out.Waiting = &n.Waiting
	}
	return &answer[notifyAddress]{Body: out}, nil
}
