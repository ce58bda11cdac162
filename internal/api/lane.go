package api

import (
	"time"

	"doorstep/internal/core"
)

// knownBrowser is what a client keeps of a full sign-in.
type knownBrowser struct {
	Token     string    `json:"token" doc:"For the field browser of the next POST /sign-in by the same person"`
	ExpiresAt time.Time `json:"expires_at"`
}

// browserOf writes it; nil when the sign-in gave nothing.
func browserOf(b *core.Lane) *knownBrowser {
	if b == nil {
		return nil
	}
	return &knownBrowser{Token: b.Token, ExpiresAt: b.ExpiresAt}
}

// inBrowser is the caller of a sign-in with what it keeps of earlier ones. A client
// that names nothing keeps nothing; anything that is no token of ours asks for one.
func inBrowser(by core.Actor, token string) core.Actor {
	if token == "" {
		return by
	}
	return by.InBrowser(token)
}
