package web

import (
	"slices"
	"strings"

	"doorstep/internal/core"
)

// byBrowser is the actor of a form of signing in, with what this browser keeps of
// earlier sign-ins: those of several people, who share it.
func (v *visit) byBrowser() core.Actor {
	return v.by().InBrowser(v.browserTokens()...)
}

func (v *visit) browserTokens() []string {
	kept := v.web.cookies.get(v.r, browserCookie)
	if kept == "" {
		return nil
	}
	tokens := strings.Split(kept, ".")
	return tokens[:min(len(tokens), core.LaneTokens)]
}

// keepBrowser puts what core gave for a full sign-in in front of what the browser
// held; nil leaves what is there.
func (v *visit) keepBrowser(b *core.Lane) {
	if b == nil {
		return
	}
	others := slices.DeleteFunc(v.browserTokens(), func(token string) bool { return token == b.Token })
	tokens := append([]string{b.Token}, others...)
	v.web.cookies.set(v.rw, browserCookie, strings.Join(tokens[:min(len(tokens), core.LaneTokens)], "."), b.ExpiresAt.Sub(v.core.Now()))
}
