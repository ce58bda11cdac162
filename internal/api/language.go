package api

import (
	"context"
	"net/http"

	"doorstep/internal/core"
)

type languageRequest struct {
	Language string `json:"language" enum:"en,es,pt-BR"`
}

func (a *API) language() {
	add(a, operation{
		method: http.MethodPut, path: "/language", needs: core.NeedSignedIn, id: "set-language", tag: tagSession,
		summary: "Choose my language", description: "Of my pages and of the letters to me. Answers of the API follow Accept-Language first.",
	}, func(ctx context.Context, c *call, in *request[languageRequest]) (*nothing, error) {
		return nil, a.core.SetLanguage(ctx, c.by, in.Body.Language)
	})
}
