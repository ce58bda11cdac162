package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// What this edge refuses by itself, before any verb hears of it.
const (
	codeBadRequest       core.Code = "bad-request"
	codeInvalidField               = core.InvalidField
	codeInvalidLimit     core.Code = "invalid-limit"
	codeTooLarge         core.Code = "too-large"
	codeMediaType        core.Code = "unsupported-media-type"
	codeMethodNotAllowed core.Code = "method-not-allowed"
	codeInternal         core.Code = "internal"
	codeUnavailable      core.Code = "unavailable"
	codeOutcomeUnknown   core.Code = "outcome-unknown"
)

// unavailableWait is what callers are told to wait while the storage does not
// answer: a restart of the database or a full queue is over by then, mostly.
const unavailableWait = 5 * time.Second

// edgeRefusal is a refusal of this edge.
type edgeRefusal struct {
	code   core.Code
	status int
	field  string
	wait   time.Duration
	id     string // of a fault
}

func (e *edgeRefusal) Error() string { return "refused: " + string(e.code) }

func (e *edgeRefusal) in(w words.Words) *edge.Problem {
	args := words.Args{"field": e.field, "id": e.id}
	return &edge.Problem{
		Type: edge.ProblemType(e.code), Title: w.Say("refusal." + string(e.code) + ".title"), Status: e.status,
		Detail: w.Say("refusal."+string(e.code), args), Field: e.field, RetryAfterSeconds: edge.Seconds(e.wait),
	}
}

// problem turns any error into the document that the caller gets. What is
// neither a refusal nor a storage that cannot now is a fault of ours: it is
// logged, and the caller is shown its number and nothing else of it.
func (a *API) problem(r *http.Request, w words.Words, err error) *edge.Problem {
	var own *edgeRefusal
	if refused := core.Refused(err); refused != nil {
		return edge.ProblemOf(w, refused)
	}
	if errors.As(err, &own) {
		return own.in(w)
	}
	away := core.IsUnavailable(err)
	if away { // no fault of ours, but whoever runs the server has to hear of it
		a.log.WarnContext(r.Context(), "the storage cannot serve a call", "route", r.Pattern, "error", err)
	}
	if core.IsOutcomeUnknown(err) {
		return (&edgeRefusal{code: codeOutcomeUnknown, status: http.StatusServiceUnavailable, wait: unavailableWait}).in(w)
	}
	if away || r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return (&edgeRefusal{code: codeUnavailable, status: http.StatusServiceUnavailable, wait: unavailableWait}).in(w)
	}
	id := edge.FaultID()
	a.log.ErrorContext(r.Context(), "a call failed", "id", id, "route", r.Pattern, "error", err)
	return internal(id).in(w)
}

func internal(id string) *edgeRefusal {
	return &edgeRefusal{code: codeInternal, status: http.StatusInternalServerError, id: id}
}

// write answers with a problem where there is no call yet.
func (a *API) write(w http.ResponseWriter, r *http.Request, err error) {
	writeProblem(w, a.problem(r, a.wordsFor(r, ""), err))
}

func writeProblem(w http.ResponseWriter, p *edge.Problem) {
	problemHeaders(w.Header().Set, p)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // nobody is left to hear of a broken connection
}

// problemHeaders sets what belongs to a problem but stands outside its body.
func problemHeaders(set func(name, value string), p *edge.Problem) {
	if p.RetryAfterSeconds > 0 {
		set("Retry-After", strconv.Itoa(p.RetryAfterSeconds))
	}
	if p.Status == http.StatusUnauthorized {
		set("WWW-Authenticate", "Bearer")
	}
	if p.Status == http.StatusRequestEntityTooLarge {
		set("Connection", "close") // what is left of the body is not read to its end
	}
}

// transform makes a problem of every error that huma writes. A transformer
// belongs to this API alone; huma.NewError is a variable of the whole program,
// and a host in which Doorstep is embedded has an API of its own. huma's model
// repeats what was sent, passwords too (errors[].value): only the place of the
// fault is taken from it.
func (a *API) transform(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*edge.Problem)
	if m, is := v.(*huma.ErrorModel); is {
		r, _ := humago.Unwrap(ctx)
		p, ok = a.problem(r, callOf(ctx.Context()).words, refusalOf(m)), true
	}
	if !ok {
		return v, nil
	}
	problemHeaders(ctx.SetHeader, p)
	return p, nil
}

// begunWriter notes whether an answer has begun.
type begunWriter struct {
	http.ResponseWriter
	begun bool
}

func (b *begunWriter) WriteHeader(status int) {
	b.begun = true
	b.ResponseWriter.WriteHeader(status)
}

func (b *begunWriter) Write(p []byte) (int, error) {
	b.begun = true
	return b.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController set deadlines.
func (b *begunWriter) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// rescue turns a panic into a problem. Of what was panicked with only an error of
// the runtime is logged by its text: another one's may quote what was sent.
func (a *API) rescue(w *begunWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // a sentinel that net/http compares so
		panic(p)
	}
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	id := edge.FaultID()
	a.log.ErrorContext(r.Context(), "a call panicked", "id", id, "route", r.Pattern, "panic", what, "stack", string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	a.write(w, r, internal(id))
}
