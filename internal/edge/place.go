package edge

import (
	"net/netip"
	"time"

	"doorstep/internal/words"
)

// sharedSpace is what networks behind a carrier's or a mesh's translation use
// (RFC 6598): private as far as anybody who reads it is concerned.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// Place says an address with what can be known of it without asking anybody: the
// server's own computer, a private network, else the address alone. A loopback
// address is not called the reader's own: behind a proxy that nobody declared as
// trusted, everybody has it.
func Place(w words.Words, address string) string {
	if address == "" {
		return w.Say("address.unknown")
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap()
	ip := words.Args{"ip": address}
	switch {
	case a.IsLoopback():
		return w.Say("address.server", ip)
	case a.IsPrivate(), a.IsLinkLocalUnicast(), sharedSpace.Contains(a):
		return w.Say("address.private", ip)
	}
	return address
}

// Exactly says the length of a setting, in the largest unit that leaves nothing
// over: "90 minutes" is not "2 hours", as it would be to somebody who waits.
func Exactly(w words.Words, d time.Duration) string {
	for _, u := range []struct {
		key  string
		unit time.Duration
	}{{"dur.days", 24 * time.Hour}, {"dur.hours", time.Hour}, {"dur.minutes", time.Minute}} {
		if d >= u.unit && d%u.unit == 0 {
			return w.Say(u.key, words.Args{"n": int(d / u.unit)})
		}
	}
	return w.Duration(d)
}
