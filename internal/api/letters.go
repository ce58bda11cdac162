package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
)

// deadLetter is a letter that could not be delivered: never what it says.
type deadLetter struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind" doc:"What it is about, such as restarted"`
	Recipient string    `json:"recipient" doc:"The address"`
	Name      string    `json:"name"`
	QueuedAt  time.Time `json:"queued_at"`
	GivenUpAt time.Time `json:"given_up_at"`
	Tries     int       `json:"tries"`
	Why       string    `json:"why" enum:"unreachable,delayed,refused,unwritable,link-over" doc:"unreachable: no mail server answered. delayed, refused: it said later, or never. unwritable: it could not be put into words. link-over: its link works no longer"`
	Reply     *string   `json:"reply" doc:"The mail server's own words, or null"`
	MayResend bool      `json:"may_resend"`
}

type lettersQuery struct {
	State string `query:"state" enum:"dead" default:"dead"`
}

type resentLetters struct {
	Letters int `json:"letters" doc:"How many are in the queue again"`
}

type deadLetters struct {
	Items []deadLetter `json:"items" nullable:"false"`
	Total int          `json:"total" doc:"How many there are; the list has the newest 100"`
}

func (a *API) letters() {
	add(a, operation{
		method: http.MethodGet, path: "/team/letters", needs: core.NeedOwner, id: "list-letters", tag: tagTeam,
		summary: "Letters that could not be delivered", description: "To whom, since when and why; never what they say. The newest first.",
	}, func(ctx context.Context, c *call, _ *lettersQuery) (*answer[deadLetters], error) {
		found, total, err := a.core.DeadLetters(ctx, c.by)
		if err != nil {
			return nil, err
		}
		out := deadLetters{Items: make([]deadLetter, len(found)), Total: total}
		for i, l := range found {
			out.Items[i] = deadLetter{
				ID: l.ID, Kind: string(l.Kind), Recipient: l.Recipient, Name: l.Name, QueuedAt: l.QueuedAt, GivenUpAt: l.GivenUpAt,
				Tries: l.Tries, Why: string(l.Why), MayResend: l.MayNotResend == nil,
			}
			if l.Reply != "" {
				out.Items[i].Reply = &l.Reply
			}
		}
		return &answer[deadLetters]{Body: out}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/letters/resend-all", needs: core.NeedOwner, id: "resend-letters", tag: tagTeam,
		summary: "Have all letters sent again", description: "All that could not be delivered and whose links still work.",
		refuses: []core.Code{core.RecoverySession},
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[resentLetters], error) {
		n, err := a.core.ResendLetters(ctx, c.by)
		if err != nil {
			return nil, err
		}
		return &answer[resentLetters]{Body: resentLetters{Letters: n}}, nil
	})
	add(a, operation{
		method: http.MethodPost, path: "/team/letters/{id}/resend", needs: core.NeedOwner, id: "resend-letter", tag: tagTeam,
		summary: "Have a letter sent again", description: "It goes back into the queue, with all its tries and under the same Message-ID.",
		refuses: []core.Code{core.RecoverySession, core.LetterNotDead, core.LetterLinkGone},
	}, func(ctx context.Context, c *call, in *withID) (*nothing, error) {
		return nil, a.core.ResendLetter(ctx, c.by, in.ID)
	})
}
