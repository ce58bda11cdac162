package api

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// operation is one call of the API: what a feature's file says of it.
type operation struct {
	method, path string // path below /api/v1
	needs        core.Need
	id, tag      string
	summary      string
	description  string
	status       int    // of the answer, 0 for 200 (204 where there is no body)
	accepted     string // what an answer 202 says, "" where there is none

	// refuses are the codes of core that the verb may answer with; what the door
	// and the body's reader refuse comes by itself.
	refuses []core.Code
}

// These are the shapes that huma wants around a body. An optional one may be
// left out altogether.
type (
	answer[T any]   struct{ Body T }
	request[T any]  struct{ Body T }
	optional[T any] struct{ Body *T }
	nothing         struct{}
)

// add puts an operation on the API: its row, its documentation, its door. One
// function does all of it, so that none can have an operation without a need.
func add[I, O any](a *API, op operation, verb func(ctx context.Context, c *call, in *I) (*O, error)) {
	h := huma.Operation{
		Method: op.method, Path: op.path, OperationID: op.id, Tags: []string{op.tag},
		Summary: op.summary, Description: op.description, DefaultStatus: op.status,
		// huma calls a body too large that reaches the limit; ours may be as large as it.
		MaxBodyBytes: edge.BodyLimit + 1,
		// readBody has set and taken away a deadline; huma's would cancel a verb that
		// waits in the queue for hashes.
		BodyReadTimeout: -1,
		Middlewares:     huma.Middlewares{a.enter(op.needs)},
		Extensions:      map[string]any{"x-needs": string(op.needs)},
		Security:        []map[string][]string{},
	}
	if op.needs != core.NeedOpen && op.needs != core.NeedAttempt && op.needs != core.NeedToken {
		h.Security = []map[string][]string{{bearerScheme: {}}}
	}
	h.Responses = a.refusals(op, reflect.TypeFor[I]())
	switch {
	case op.accepted != "":
		h.Responses["202"] = &huma.Response{Description: op.accepted}
	case has(reflect.TypeFor[O](), "Status"):
		h.Responses["204"] = &huma.Response{Description: "Done, and there is nothing that the caller may see of it"}
	}
	huma.Register(a.huma, h, func(ctx context.Context, in *I) (*O, error) {
		c := callOf(ctx)
		out, err := verb(ctx, c, in)
		if err != nil {
			return nil, a.problem(c.request, c.words, err)
		}
		return out, nil
	})
	a.rows = append(a.rows, edge.Route{Method: op.method, Path: base + op.path, Needs: op.needs, Handler: a})
}

// refusals documents what an operation may answer besides its success: for each
// status the types of problem that come with it.
func (a *API) refusals(op operation, input reflect.Type) map[string]*huma.Response {
	byStatus := map[int][]string{}
	note := func(status int, codes ...core.Code) {
		for _, code := range codes {
			if !slices.Contains(byStatus[status], string(code)) {
				byStatus[status] = append(byStatus[status], string(code))
			}
		}
	}
	if has(input, "Body") {
		note(http.StatusBadRequest, codeBadRequest)
		note(http.StatusRequestEntityTooLarge, codeTooLarge)
		note(http.StatusUnsupportedMediaType, codeMediaType)
		note(http.StatusUnprocessableEntity, codeInvalidField)
	}
	if has(input, "ID") {
		note(http.StatusNotFound, core.Missing)
	}
	if has(input, "Limit") {
		note(http.StatusUnprocessableEntity, codeInvalidField, codeInvalidLimit, core.RoleInvalid)
	}
	for _, code := range slices.Concat(refusedAtTheDoor(op.needs), op.refuses) {
		note(edge.Status((&core.Refusal{Code: code}).Kind()), code)
	}
	note(http.StatusInternalServerError, codeInternal)
	note(http.StatusServiceUnavailable, codeUnavailable)

	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[edge.Problem](), true, "")
	responses := map[string]*huma.Response{}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status) + ": `" + strings.Join(byStatus[status], "`, `") + "`",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
	return responses
}

func has(t reflect.Type, field string) bool {
	_, ok := t.FieldByName(field)
	return ok
}

// refusedAtTheDoor are the codes that core.Need.Meets and the look-up of the
// session answer with.
func refusedAtTheDoor(needs core.Need) []core.Code {
	codes := []core.Code{core.NotSignedIn, core.SessionEnded}
	switch needs {
	case core.NeedOpen, core.NeedAttempt, core.NeedToken:
		return nil
	case core.NeedSession:
		return codes
	}
	codes = append(codes, core.PasswordChangeRequired)
	switch needs {
	case core.NeedActivation:
		return codes
	case core.NeedAdmin:
		return append(codes, core.ActivationRequired, core.AdminOnly)
	case core.NeedOwner:
		return append(codes, core.ActivationRequired, core.OwnerOnly)
	case core.NeedSteppedUp:
		return append(codes, core.ActivationRequired, core.RecoverySession, core.StepUpRequired)
	case core.NeedSteppedUpAdmin:
		return append(codes, core.ActivationRequired, core.AdminOnly, core.RecoverySession, core.StepUpRequired)
	}
	return append(codes, core.ActivationRequired)
}
