package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

const bearerScheme = "bearer"

const about = "2-step sign-in for teams, with a safe way back in. Sign in with `POST /sign-in`, send the session's token as " +
	"`Authorization: Bearer TOKEN`. Times are RFC 3339 in UTC, ids are opaque. Refusals are problem documents (RFC 9457) with a " +
	"stable `type`, in the language that `Accept-Language` asks for (en, es, pt-BR). What an operation needs stands in `x-needs`: " +
	"open, attempt (a half-done sign-in, named in the body), activation (any session), signed-in (a session of full reach), " +
	"stepped-up (password and authentication code proved within ten minutes), admin (an owner's or admin's session). " +
	"Answers may gain fields; requests take none that is not described here."

// config is huma's, without what it would add by itself: $schema links, a page of
// documentation that loads scripts from elsewhere, and its own openapi.json, which
// it makes at the first request without a lock.
func (a *API) config(o Options) huma.Config {
	cfg := huma.DefaultConfig("Doorstep", o.Version)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", "", nil
	cfg.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "application/problem+json": huma.DefaultJSONFormat}
	cfg.RejectUnknownQueryParameters = true
	cfg.Transformers = []huma.Transformer{a.transform}
	cfg.Info.Description = about
	server := base
	if o.URL != nil {
		server = strings.TrimSuffix(o.URL.String(), "/") + base
	}
	cfg.Servers = []*huma.Server{{URL: server}}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearerScheme: {Type: "http", Scheme: "bearer", Description: "The token of a session, from signing in. No cookie is taken."},
	}
	cfg.Tags = []*huma.Tag{
		{Name: tagSignIn, Description: "Password, then the second step. In between there is an attempt, which opens nothing else."},
		{Name: tagSession, Description: "The caller's own sessions and remembered devices."},
		{Name: tagTwoStep, Description: "The caller's own 2-step authentication: activate, deactivate, recovery codes."},
		{Name: tagHelp, Description: "The help center: articles for everybody; votes, comments and requests of people who are signed in."},
		{Name: tagTeam, Description: "The people of the caller's team, for owners and admins. Other teams' people do not exist."},
	}
	return cfg
}

const (
	tagSignIn  = "sign-in"
	tagSession = "sessions"
	tagTwoStep = "two-step"
	tagTeam    = "team"
	tagHelp    = "help"
)

// publish writes openapi.json, once, and puts it on the API.
func (a *API) publish() error {
	doc := a.huma.OpenAPI()
	a.tidySchemas(doc)
	raw, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("write openapi.json: %w", err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, raw, "", "  "); err != nil {
		return fmt.Errorf("write openapi.json: %w", err)
	}
	text.WriteByte('\n')
	a.document = text.Bytes()

	const path = base + "/openapi.json"
	a.mux.HandleFunc(http.MethodGet+" "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(a.document)
	})
	a.rows = append(a.rows, edge.Route{Method: http.MethodGet, Path: path, Needs: core.NeedOpen, Handler: a})
	return nil
}

// tidySchemas removes huma's error model, which is never sent, and lets answers
// gain fields: "no other properties" is said of requests alone.
func (a *API) tidySchemas(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	asked := map[string]bool{}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Post, item.Patch} {
			if op != nil && op.RequestBody != nil {
				asked[op.RequestBody.Content["application/json"].Schema.Ref] = true
			}
		}
	}
	for name, schema := range schemas {
		if !asked["#/components/schemas/"+name] {
			schema.AdditionalProperties = nil
		}
	}
}
