package core

import (
	"net/netip"
	"sync"
	"time"
)

// The limit of a client's address stands in front of the password's hash: whoever
// tries one password at each of many accounts meets no account's counter, and each
// try costs a hash. Only wrong passwords count in the end: a try is taken before the
// hash and given back when the password was right or never compared, so that an
// office behind one address signs in as it likes. It only ever delays, and a browser
// that signed in before is not asked.
//
// It is kept in the memory of each process, not in the database: what it bounds is
// this process's work, an account's tries are counted exactly (throttle.go), and a
// flood must not become a flood of writes.
const (
	triesOfAddress  = 100             // at once, of one IPv4 address or one IPv6 /64 …
	addressRegains  = 6 * time.Second // … and one more so often: 14,400 a day
	triesOfSite     = 1600            // of one IPv6 /48, which one subscriber may have all of
	siteRegains     = 375 * time.Millisecond
	addressesAtOnce = 1 << 16 // remembered, some 5 MB
)

// addressLimit keeps for each net when it will have all its tries back (a leaky
// bucket as one number).
type addressLimit struct {
	mu    sync.Mutex
	until map[netip.Prefix]time.Time
}

func newAddressLimit() *addressLimit { return &addressLimit{until: map[netip.Prefix]time.Time{}} }

// netsOf are the nets whose tries an address uses: one spelling for each (T-BF-13).
// What is no address (a socket's name) is one net of its own.
func netsOf(address string) []netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return []netip.Prefix{{}}
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return []netip.Prefix{netip.PrefixFrom(a, 32)}
	}
	return []netip.Prefix{netip.PrefixFrom(a, 64).Masked(), netip.PrefixFrom(a, 48).Masked()}
}

func limitOf(p netip.Prefix) (tries int, regains time.Duration) {
	if p.IsValid() && p.Addr().Is6() && p.Bits() == 48 {
		return triesOfSite, siteRegains
	}
	return triesOfAddress, addressRegains
}

// take counts a try from an address. Refuses: too-many-tries.
func (l *addressLimit) take(address string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	nets := netsOf(address)
	for _, p := range nets {
		tries, regains := limitOf(p)
		full := now.Add(time.Duration(tries-1) * regains)
		if wait := l.until[p].Sub(full); wait > 0 {
			r := refuse(TooManyTries)
			r.RetryAfter = max(wait, time.Second)
			return r
		}
	}
	l.forgetSome(now, len(nets))
	for _, p := range nets {
		_, regains := limitOf(p)
		from := l.until[p]
		if from.Before(now) {
			from = now
		}
		l.until[p] = from.Add(regains)
	}
	return nil
}

// giveBack takes a try back that was no wrong password.
func (l *addressLimit) giveBack(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range netsOf(address) {
		if until, ok := l.until[p]; ok {
			_, regains := limitOf(p)
			l.until[p] = until.Add(-regains)
		}
	}
}

// forgetSome keeps the memory bounded: first whoever has all tries back, and when that
// is not enough, anybody. To be forgotten is worth some tries, and takes tens of
// thousands of addresses.
func (l *addressLimit) forgetSome(now time.Time, n int) {
	if len(l.until)+n <= addressesAtOnce {
		return
	}
	for p, until := range l.until {
		if !until.After(now) {
			delete(l.until, p)
		}
	}
	for p := range l.until {
		if len(l.until) <= addressesAtOnce*7/8 {
			return
		}
		delete(l.until, p)
	}
}
