package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// call is one request on its way to a verb: who calls and in which language.
type call struct {
	request *http.Request
	words   words.Words
	session *core.Session // nil where none is needed
	by      core.Actor
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// enter is the door of an operation. Nothing of the body is read before the need
// is met: who may not come in costs nothing and learns nothing of what is wanted.
func (a *API) enter(needs core.Need) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		c, err := a.admit(r, needs)
		if err == nil && !couldBeID(r.PathValue("id")) {
			err = &edgeRefusal{code: core.Missing, status: http.StatusNotFound}
		}
		if err == nil {
			err = readBody(w, r, ctx.Operation().RequestBody)
		}
		if err != nil {
			writeProblem(w, a.problem(r, c.words, err))
			return
		}
		next(huma.WithValue(ctx, callKey{}, c))
	}
}

// admit finds out who calls and whether that is enough. The call that it returns
// with an error has the words to say so.
func (a *API) admit(r *http.Request, needs core.Need) (*call, error) {
	origin := edge.Origin(r, a.trusted, core.ViaAPI)
	c := &call{request: r, words: a.wordsFor(r, ""), by: core.Nobody(origin)}
	if needs != core.NeedOpen && needs != core.NeedAttempt && needs != core.NeedToken {
		s, err := a.core.Session(r.Context(), bearer(r.Header))
		if err != nil {
			return c, err
		}
		c.session, c.by, c.words = s, s.By(origin), a.wordsFor(r, s.User.Language)
	}
	if refused := needs.Meets(c.session, a.core.Now()); refused != nil {
		return c, refused
	}
	return c, nil
}

// wordsFor picks the language that the request asks for, else the person's own.
func (a *API) wordsFor(r *http.Request, own string) words.Words {
	return a.words.In(words.Pick(strings.Join(r.Header.Values("Accept-Language"), ","), own))
}

// couldBeID keeps what no id of ours looks like, such as %00, from the storage,
// which would call it a fault. "" is the id of an address without one.
func couldBeID(id string) bool {
	return len(id) <= 64 && strings.Trim(id, tokenLetters) == ""
}

// tokenLimit is far above what we hand out; nothing longer is worth a hash.
const tokenLimit = 256

// bearer reads the token of a request: one header, the scheme Bearer, one space,
// one token (RFC 6750 §2.1). Anything else is no token at all: two headers, of
// which a proxy checked the other one, must not get in.
func bearer(h http.Header) string {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > tokenLimit || strings.Trim(token, tokenLetters) != "" {
		return ""
	}
	return token
}

// tokenLetters are those of b64token (RFC 6750 §2.1).
const tokenLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
