package edge

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"doorstep/internal/core"
)

// Address is the client's address: the connection's, or, when that is a trusted
// proxy's, the first address from the right of X-Forwarded-For that is not. What
// stands further left was written by the client itself and is worth nothing.
func Address(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(address, trusted) {
			break
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		address = next.Unmap().WithZone("")
	}
	return address.String()
}

// FromTrusted says whether a request's connection comes from a trusted proxy.
func FromTrusted(r *http.Request, trusted []netip.Prefix) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && isTrusted(peer.Addr().Unmap(), trusted)
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Origin says from where a request comes, for core to write down.
func Origin(r *http.Request, trusted []netip.Prefix, via core.Via) core.Origin {
	return core.Origin{Via: via, Address: Address(r, trusted), Device: r.UserAgent()}
}
