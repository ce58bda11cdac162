package edge

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// BodyLimit is how large a request's body may be, in bytes.
const BodyLimit = 64 << 10

// PolicyOfPages lets a page load our own styles, module and pictures and nothing
// else; downloads of recovery codes are data: links, which navigation allows.
// leadsTo is the origin to which a form may lead in the end, "" for ours alone:
// some browsers hold the rule for forms against every redirect after them, and
// would stop whoever has just signed in on the way back to their app.
func PolicyOfPages(leadsTo string) string {
	if leadsTo != "" {
		leadsTo = " " + leadsTo
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'" + leadsTo + "; frame-ancestors 'none'; base-uri 'none'"
}

var policyOfPages = PolicyOfPages("")

// Headers sets what every answer carries. https is whether people reach us by
// https; only then may a browser be told to insist on it.
func Headers(https bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policyOfPages)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: under it browsers send "Origin: null" with our own forms, and
		// where they send no Sec-Fetch-Site (plain http, older ones) the cross-origin
		// check would refuse them. Other sites learn nothing of us either way.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// LimitBody refuses a body over the limit, before and while it is read.
func LimitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, BodyLimit)
		next.ServeHTTP(w, r)
	})
}

// Log writes one line a request: the route's pattern instead of the address as
// typed (a link's token stands in it), and never a header or a body.
func Log(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		seen := &seenStatus{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				id := LogPanic(log, r, r.Pattern, p)
				if !seen.wrote {
					http.Error(seen, "Something went wrong ("+id+")", http.StatusInternalServerError)
				}
			}
			log.DebugContext(r.Context(), "request", "method", r.Method, "route", r.Pattern, "status", seen.status, "ms", time.Since(start).Milliseconds())
		}()
		next.ServeHTTP(seen, r)
	})
}

// LogPanic writes down what a handler panicked with and returns the number of the
// fault. A handler that only gave up its connection goes on doing so.
func LogPanic(log *slog.Logger, r *http.Request, route string, p any) (id string) {
	if p == http.ErrAbortHandler { //nolint:errorlint // a sentinel that net/http compares so
		panic(p)
	}
	id = FaultID()
	log.ErrorContext(r.Context(), "a handler panicked", "id", id, "route", route, "panic", p, "stack", string(debug.Stack()))
	return id
}

type seenStatus struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (s *seenStatus) WriteHeader(status int) {
	if !s.wrote {
		s.status, s.wrote = status, true
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seenStatus) Write(b []byte) (int, error) {
	s.wrote = true
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush streams.
func (s *seenStatus) Unwrap() http.ResponseWriter { return s.ResponseWriter }
