package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// rememberedDevice is what a client keeps to skip the second step.
type rememberedDevice struct {
	Token     string    `json:"token" doc:"For the field device of the next POST /sign-in. Each works once: keep the newest"`
	ExpiresAt time.Time `json:"expires_at"`
}

// device is a line of the list of one's own.
type device struct {
	ID         string    `json:"id"`
	Device     string    `json:"device" doc:"The User-Agent that it was remembered with"`
	Address    string    `json:"address" doc:"From where it was remembered"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

func (a *API) device() {
	add(a, operation{
		method: http.MethodGet, path: "/devices", needs: core.NeedSignedIn, id: "list-devices", tag: tagSession,
		summary: "My remembered devices", description: "Those that skip the second step, the newest first, all on one page. Never a token.",
	}, a.listDevices)
	add(a, operation{
		method: http.MethodDelete, path: "/devices/{id}", needs: core.NeedSignedIn, id: "forget-device", tag: tagSession,
		summary: "Forget one of my remembered devices", description: "The next sign-in there asks for the second step. Sessions that it opened go on.",
	}, func(ctx context.Context, c *call, in *withID) (*nothing, error) {
		return nil, a.core.ForgetDevice(ctx, c.by, in.ID)
	})
}

func (a *API) listDevices(ctx context.Context, c *call, _ *nothing) (*answer[list[device]], error) {
	found, err := a.core.Devices(ctx, c.by)
	if err != nil {
		return nil, err
	}
	items := make([]device, len(found))
	for i, d := range found {
		items[i] = device{
			ID: d.ID, Device: d.Device, Address: d.Address, CreatedAt: d.CreatedAt, LastUsedAt: d.LastUsedAt, ExpiresAt: d.ExpiresAt,
		}
	}
	return &answer[list[device]]{Body: list[device]{Items: items}}, nil
}

// rememberedOf writes what a sign-in gave for a device; nil when it gave nothing.
func rememberedOf(d *core.RememberedDevice) *rememberedDevice {
	if d == nil {
		return nil
	}
	return &rememberedDevice{Token: d.Token, ExpiresAt: d.ExpiresAt}
}
