package server

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// wrongHost refuses a request for a name that is not ours.
const wrongHost core.Code = "wrong-host"

// atOwnHost answers at the host of --url and nowhere else. No link is made of what a
// request says of hosts, so a strange one gains nothing by itself; but a page of
// somebody else whose name they point at us (DNS rebinding) would be one of ours to
// the browser, and a cache between us would keep our answers under their name.
// Taken as well: the very address that the connection came in at, by which proxies
// beside us and whoever watches the process ask. Nobody can point a number elsewhere.
func atOwnHost(base *url.URL, catalog *words.Catalog, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOwnHost(r.Context(), base, r.Host) || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		say := catalog.In(words.Pick(r.Header.Get("Accept-Language")))
		title := say.Say("refusal." + string(wrongHost) + ".title")
		detail := say.Say("refusal."+string(wrongHost), words.Args{"url": base.String()})
		if strings.HasPrefix(r.URL.Path, "/api/") {
			w.Header().Set("Content-Type", (&edge.Problem{}).ContentType(""))
			w.WriteHeader(http.StatusMisdirectedRequest)
			_ = json.NewEncoder(w).Encode(&edge.Problem{Type: edge.ProblemType(wrongHost), Title: title, Status: http.StatusMisdirectedRequest, Detail: detail}) // the asker may have left
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusMisdirectedRequest)
		_, _ = io.WriteString(w, title+"\n\n"+detail+"\n") // the asker may have left
	})
}

// isOwnHost compares hosts as browsers write them: in any case, the port of the
// scheme said or not.
func isOwnHost(ctx context.Context, base *url.URL, host string) bool {
	standard := map[string]string{"http": ":80", "https": ":443"}[base.Scheme]
	plain := func(s string) string { return strings.TrimSuffix(strings.ToLower(s), standard) }
	if plain(host) == plain(base.Host) {
		return true
	}
	local, _ := ctx.Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	came, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return false
	}
	came = netip.AddrPortFrom(came.Addr().Unmap(), came.Port())
	if asked, err := netip.ParseAddrPort(host); err == nil {
		return netip.AddrPortFrom(asked.Addr().Unmap(), asked.Port()) == came
	}
	asked, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && asked.Unmap() == came.Addr() && came.Port() == 80
}
