package forward

import (
	"net/http"
	"net/url"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// address is what a proxy says that the browser asked for.
type address struct {
	scheme, host, uri string
	byNginx           bool
}

// addressOf reads the address from the headers of a proxy: X-Original-URL (nginx),
// else X-Forwarded-Proto, -Host and -Uri (Traefik, Caddy, HAProxy, Envoy). Without
// X-Forwarded-Uri the other two are not about a request of somebody else's. Each
// that is there has to be whole, whoever sent it; it is not fine otherwise.
func addressOf(h http.Header) (a address, fine bool) {
	uri := h["X-Forwarded-Uri"]
	if uri != nil {
		scheme, host := h["X-Forwarded-Proto"], h["X-Forwarded-Host"]
		if len(uri) != 1 || len(scheme) != 1 || len(host) != 1 {
			return a, false
		}
		a = address{scheme: schemeOf(scheme[0]), host: host[0], uri: uri[0]}
		if a.uri == "" || a.uri[0] != '/' || !a.whole() {
			return a, false
		}
	}
	original := h["X-Original-Url"]
	if original == nil {
		return a, true
	}
	if len(original) != 1 {
		return a, false
	}
	scheme, rest, _ := strings.Cut(original[0], "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	a = address{scheme: schemeOf(scheme), host: rest[:end], uri: rest[end:], byNginx: true}
	return a, a.whole()
}

// schemeOf writes a scheme as it is compared. Traefik calls the scheme of a
// request that opens a websocket ws or wss.
func schemeOf(scheme string) string {
	switch {
	case strings.EqualFold(scheme, "https"), strings.EqualFold(scheme, "wss"):
		return "https"
	case strings.EqualFold(scheme, "http"), strings.EqualFold(scheme, "ws"):
		return "http"
	}
	return ""
}

// oddInHost is what url.Parse takes in a host and no host has.
const oddInHost = "!$&'()*+,;=<>\"%"

// whole says whether it is an address that everybody reads alike. Most are so at a
// glance; the others are parsed.
func (a *address) whole() bool {
	if a.scheme == "" || a.host == "" {
		return false
	}
	if isPlainHost(a.host) && isPlainURI(a.uri) {
		return true
	}
	u, err := url.Parse(a.text())
	return err == nil && u.User == nil && u.Hostname() != "" && u.Host == a.host && !strings.ContainsAny(a.host, oddInHost)
}

func (a *address) text() string { return a.scheme + "://" + a.host + a.uri }

// isPlainHost: letters, digits, dots and hyphens, and perhaps a port.
func isPlainHost(host string) bool {
	name, port, _ := strings.Cut(host, ":")
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '.' && c != '-' {
			return false
		}
	}
	for i := range len(port) {
		if c := port[i]; c < '0' || c > '9' {
			return false
		}
	}
	return name != ""
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isPlainURI: what every parser takes in a path and a query without a thought.
func isPlainURI(uri string) bool {
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c >= 0x7f || c == '%' || c == '#' || c == '\\' {
			return false
		}
	}
	return true
}

// signInAddress is the sign-in page's, with the way back where there is one: the
// proxy must be trusted, or anybody could have written the address, and some team
// must have registered its host. The pages ask both again, with who signed in.
func (f *Forward) signInAddress(r *http.Request, asked address) (string, error) {
	if asked.host == "" || !edge.FromTrusted(r, f.trusted) {
		return f.signIn, nil
	}
	back, host := edge.ReturnAddress(asked.text())
	if back == "" { // too long, say: then at least to the same app
		back, host = edge.ReturnAddress(asked.scheme + "://" + asked.host + "/")
	}
	known, err := f.core.MayReturnTo(r.Context(), core.Nobody(core.Origin{Via: core.ViaPage}), host)
	if err != nil || !known {
		return f.signIn, err
	}
	return f.signIn + "?return=" + url.QueryEscape(back), nil
}
