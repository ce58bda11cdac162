package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// home is what needs doing.
type home struct {
	TwoStep    string     `json:"two_step" enum:"off,active,due"`
	Todo       []homeItem `json:"todo" nullable:"false" doc:"What is missing, the most urgent first"`
	Advice     []homeItem `json:"advice" nullable:"false" doc:"What would be better; it can be put away"`
	FirstSteps []homeStep `json:"first_steps" nullable:"false" doc:"An owner's, while any is left and they were not put away"`
	LastSignIn *pastVisit `json:"last_sign_in" doc:"The one before this session, or null"`
	Apps       []string   `json:"apps" nullable:"false" doc:"Hosts that a sign-in of the team may lead back to"`
}

type homeItem struct {
	What  string     `json:"what" doc:"What needs doing; there can be new ones"`
	N     *int       `json:"n" doc:"How many, or null where it is not about a number; exact up to 1,000"`
	More  bool       `json:"more" doc:"There are more than that"`
	Until *time.Time `json:"until" doc:"By when, or null"`
	Name  *string    `json:"name" doc:"Whom it is about, or null"`
}

type homeStep struct {
	What string  `json:"what" enum:"invite,second_owner,mail,try_restart"`
	Done bool    `json:"done"`
	User *string `json:"user" doc:"With whom a restart can be tried: an id, or null"`
}

type pastVisit struct {
	At      time.Time `json:"at"`
	Device  string    `json:"device"`
	Address string    `json:"address"`
}

type putAwayRequest struct {
	Item string `json:"item" enum:"recovery_codes,second_address,first_steps,try_restart" doc:"recovery_codes: I still have them"`
}

func (a *API) home() {
	add(a, operation{
		method: http.MethodGet, path: "/home", needs: core.NeedSignedIn, id: "get-home", tag: tagSession,
		summary: "What needs doing", description: "Of everybody their own safety; of owners and admins what they look after in the team as well.",
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[home], error) {
		h, err := a.core.Home(ctx, c.by)
		if err != nil {
			return nil, err
		}
		out := home{
			TwoStep: string(h.TwoStep.State), Todo: homeItems(h.Todo), Advice: homeItems(h.Advice), FirstSteps: make([]homeStep, len(h.Begin)), Apps: h.Apps,
		}
		for i, s := range h.Begin {
			out.FirstSteps[i] = homeStep{What: string(s.What), Done: s.Done, User: orNull(s.ID)}
		}
		if l := h.LastSignIn; l != nil {
			out.LastSignIn = &pastVisit{l.At, l.Device, l.Address}
		}
		return &answer[home]{Body: out}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/home/put-away", needs: core.NeedSignedIn, id: "put-away", tag: tagSession,
		summary: "Put a reminder away", description: "It changes what the person is shown and nothing else. Put away twice is put away once.",
	}, func(ctx context.Context, c *call, in *request[putAwayRequest]) (*nothing, error) {
		return nil, a.core.PutAway(ctx, c.by, in.Body.Item)
	})
}

func homeItems(list []core.HomeItem) []homeItem {
	out := make([]homeItem, len(list))
	for i, x := range list {
		out[i] = homeItem{What: string(x.What), More: x.N.More, Until: when(x.Until), Name: orNull(x.Name)}
		if x.N.N > 0 {
			out[i].N = &x.N.N
		}
	}
	return out
}

// orNull writes a text that may be absent.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
