package server

import (
	"context"
	"io"
	"net/http"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// readyPatience is how long storage may take to answer before it counts as not ready.
const readyPatience = 2 * time.Second

// health is two questions of whoever watches over the process. healthz: does it
// answer at all, else start it anew. readyz: can it serve, else send people
// elsewhere for now; a database that is away must not have every replica killed.
func health(c *core.Core) []edge.Route {
	say := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text+"\n") // the asker may have left
	}
	return []edge.Route{
		{Method: http.MethodGet, Path: "/healthz", Needs: core.NeedOpen, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			say(w, http.StatusOK, "ok")
		})},
		{Method: http.MethodGet, Path: "/readyz", Needs: core.NeedOpen, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), readyPatience)
			defer cancel()
			if err := c.Ready(ctx); err != nil {
				say(w, http.StatusServiceUnavailable, "not ready: storage does not answer") // and not why: anybody may ask
				return
			}
			say(w, http.StatusOK, "ok")
		})},
	}
}
