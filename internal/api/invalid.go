package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"doorstep/internal/core"
)

// wholeBody is the field of a fault that concerns no single one.
const wholeBody = "body"

func invalidField(field string) *edgeRefusal {
	return &edgeRefusal{code: codeInvalidField, status: http.StatusUnprocessableEntity, field: field}
}

// refusalOf reads from huma's model which field is at fault. The values in it are
// never looked at.
func refusalOf(m *huma.ErrorModel) error {
	switch m.Status {
	case http.StatusUnprocessableEntity:
		return blame(m.Errors)
	case http.StatusRequestEntityTooLarge:
		return &edgeRefusal{code: codeTooLarge, status: m.Status}
	case http.StatusUnsupportedMediaType:
		return &edgeRefusal{code: codeMediaType, status: m.Status}
	case http.StatusInternalServerError:
		return errors.New("huma: " + m.Detail) // a fixed text
	}
	return &edgeRefusal{code: codeBadRequest, status: m.Status}
}

// blame picks the fault to tell: the first one of a field that exists, else an
// unknown field. huma finds unknown ones in random order, so the first of the
// alphabet is told.
func blame(errs []*huma.ErrorDetail) *edgeRefusal {
	unknown := ""
	for _, e := range errs {
		if e == nil {
			continue
		}
		field := fieldOf(e.Location)
		if e.Message == validation.MsgUnexpectedProperty || e.Message == unknownParameter {
			if unknown == "" || field < unknown {
				unknown = field
			}
			continue
		}
		missing := missingIn(e.Message)
		if missing != "" {
			field = missing
		}
		refused := invalidField(tellable(field))
		refused.code = codeFor(field, missing != "")
		return refused
	}
	return invalidField(tellable(unknown))
}

// unknownParameter is what huma says of a parameter that nobody described.
const unknownParameter = "unknown query parameter"

// fieldOf is the name of the field at a place such as body.code or query.limit.
func fieldOf(location string) string {
	_, field, ok := strings.Cut(location, ".")
	if !ok {
		return wholeBody
	}
	return field
}

// missingIn names the field that a message says is missing.
func missingIn(message string) string {
	before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
	name, ok := strings.CutPrefix(message, before)
	if name, ok2 := strings.CutSuffix(name, after); ok && ok2 {
		return name
	}
	return ""
}

// longestName is longer than every field's name of ours.
const longestName = 24

// tellable keeps what somebody pasted into the place of a name from coming back.
func tellable(field string) string {
	if len(field) > longestName || !couldBeOurs(field) {
		return wholeBody
	}
	return field
}

// codeFor says a fault in core's words where core has a sentence for it: a field
// that is left out and one that is empty are the same to whoever calls.
func codeFor(field string, missing bool) core.Code {
	switch {
	case field == "limit":
		return codeInvalidLimit
	case field == "role":
		return core.RoleInvalid
	case field == "status":
		return core.StatusInvalid
	case field == "verified_by":
		return core.VerifiedByMissing
	case field == "reason" && missing:
		return core.ReasonMissing
	case field == "code" && missing:
		return core.CodeEmpty
	case field == "saved" && missing:
		return core.NotSaved
	}
	return codeInvalidField
}
