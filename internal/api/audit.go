package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// EventFilter is how the audit log is asked for. A person is an id, or what a search
// of the team finds.
type EventFilter struct {
	Q      string `query:"q" doc:"Somebody who did it or to whom it was done: an id, also of a removed person, or the beginnings of words of their name or address"`
	Actor  string `query:"actor" doc:"Who did it, likewise; console is somebody at the server's console"`
	Target string `query:"target" doc:"To whom, likewise"`
	Event  string `query:"event" doc:"Such as two_step.restarted, or two_step for all that begin so"`
	From   string `query:"from" doc:"RFC 3339, or a day in UTC"`
	To     string `query:"to" doc:"RFC 3339, exclusive; a day in UTC includes it"`
}

type eventsQuery struct {
	EventFilter
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type eventsExport struct {
	EventFilter
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl"`
}

func (f EventFilter) of() core.EventFilter {
	return core.EventFilter{Query: f.Q, Actor: f.Actor, Target: f.Target, Event: f.Event, From: f.From, To: f.To}
}

func (a *API) audit() {
	add(a, operation{
		method: http.MethodGet, path: "/team/audit", needs: core.NeedAdmin, id: "list-events", tag: tagTeam,
		summary:     "The audit log of the team",
		description: "The newest first. Nobody can change or remove an event. A page can be short and still have a next one.",
		refuses:     []core.Code{core.InvalidCursor, core.DateInvalid},
	}, a.listEvents)
	add(a, operation{
		method: http.MethodGet, path: "/team/audit/export", needs: core.NeedAdmin, id: "export-events", tag: tagTeam,
		summary: "All events that a filter lets through, as a file",
		description: "`application/x-ndjson` with one event a line, shaped as in the list, or `text/csv`, whose cells never begin as a formula does. " +
			"A file that ends without the end of the answer is not whole.",
		refuses: []core.Code{core.DateInvalid},
	}, a.exportEvents)
	add(a, operation{
		method: http.MethodGet, path: "/team/audit/{id}", needs: core.NeedAdmin, id: "get-event", tag: tagTeam,
		summary: "One event", description: "Another team's is not there.",
	}, func(ctx context.Context, c *call, in *withID) (*answer[edge.EventRecord], error) {
		e, err := a.core.Event(ctx, c.by, in.ID)
		if err != nil {
			return nil, err
		}
		return &answer[edge.EventRecord]{Body: edge.EventRecordOf(c.words, *e)}, nil
	})
}

func (a *API) listEvents(ctx context.Context, c *call, in *eventsQuery) (*answer[list[edge.EventRecord]], error) {
	f := in.of()
	f.Cursor, f.Limit = in.Cursor, in.Limit
	page, err := a.core.Events(ctx, c.by, f)
	if err != nil {
		return nil, err
	}
	out := list[edge.EventRecord]{Items: make([]edge.EventRecord, len(page.Items))}
	for i, e := range page.Items {
		out.Items[i] = edge.EventRecordOf(c.words, e)
	}
	if page.Next != "" {
		out.NextCursor = &page.Next
	}
	return &answer[list[edge.EventRecord]]{Body: out}, nil
}

func (a *API) exportEvents(ctx context.Context, c *call, in *eventsExport) (*huma.StreamResponse, error) {
	stream, err := a.core.ExportEvents(ctx, c.by, in.of())
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		edge.SendEvents(w, r, c.words, a.log, in.Format, stream, a.core.Now())
	}}, nil
}
