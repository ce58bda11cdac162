package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

const defaultListen = "127.0.0.1:8420"

func (r *reader) listen(flag *string) string {
	v := r.value("listen", flag, defaultListen)
	const right = "write HOST:PORT, such as " + defaultListen + ", or :8420 for every address of this computer"
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		r.fail("listen", "is "+quote(v)+", which is no address to listen on", right)
		return ""
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		r.fail("listen", "has the port "+quote(port), "a port is a number from 0 (any that is free) to 65535")
		return ""
	}
	if strings.ContainsAny(host, "/ ") {
		r.fail("listen", "is "+quote(v)+", which is no address to listen on", right)
		return ""
	}
	return v
}

// url checks the public address. It is the base of every link in letters, so it
// holds an origin and nothing else.
func (r *reader) url(flag *string) string {
	v := r.value("url", flag, "")
	if v == "" && flag == nil {
		return ""
	}
	const right = "write the address as people type it, such as https://id.example.com"
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https":
		// Not even quoted: what does not parse may hold a password.
		r.fail("url", "is no http or https address", right)
	case u.User != nil:
		r.fail("url", "holds a user name or password", right)
	case u.Hostname() == "" || u.Opaque != "":
		r.fail("url", "is "+quote(v)+", which names no host", right)
	case strings.Contains(u.Host, "%"):
		r.fail("url", "is "+quote(v)+", whose zone means something on one computer only", right)
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c > unicode.MaxASCII }):
		// Browsers say it in xn--, and the origin of a form is compared with ours.
		r.fail("url", "is "+quote(v)+", whose host has other letters than a to z",
			"write the host as browsers send it, beginning with xn--, such as https://xn--bcher-kva.example")
	case strings.Trim(u.Path, "/") != "":
		r.fail("url", "is "+quote(v)+", which has a path", "Doorstep has a host of its own; "+right)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(v, "#"):
		r.fail("url", "is "+quote(v)+", which has more after the host", right)
	case !goodPort(u):
		r.fail("url", "is "+quote(v)+", whose port is no number from 1 to 65535", right)
	}
	if r.err != nil {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

func goodPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n >= 1 && n <= 65535
}

// URLOf derives a public address from one that is listened on. A name instead of
// 127.0.0.1, because passkeys work on localhost and never on a bare number.
func URLOf(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	a, err := netip.ParseAddr(host)
	if host == "" || err == nil && (a.IsUnspecified() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1})) {
		host = "localhost"
	}
	if port == "80" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "http://" + host
	}
	return "http://" + net.JoinHostPort(host, port)
}

// IsLoopback says whether only this computer can reach an address of the form
// host:port, or a bare host.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// proxies reads networks and single addresses. A prefix that covers everything
// would let any client write its own address, so it is refused.
func (r *reader) proxies(flag *string) []netip.Prefix {
	v := r.value("trusted-proxies", flag, "")
	const right = "write networks or addresses with commas between, such as 10.0.0.0/8,192.0.2.7"
	var list []netip.Prefix
	for _, one := range strings.Split(v, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		p, ok := prefixOf(one)
		switch {
		case !ok:
			r.fail("trusted-proxies", "holds "+quote(one)+", which is neither a network nor an address", right)
		case p.Bits() == 0:
			r.fail("trusted-proxies", "holds "+quote(one)+", which trusts every client to name its own address", right)
		default:
			list = append(list, p)
		}
	}
	return list
}

func prefixOf(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		a := p.Addr()
		if a.Is4In6() && p.Bits() >= 96 { // clients' addresses are compared unmapped
			return netip.PrefixFrom(a.Unmap(), p.Bits()-96).Masked(), true
		}
		return p.Masked(), !a.Is4In6()
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

// domainShape is a name of two labels or more. That keeps a cookie from all of
// com; whether co.uk is one owner's, nobody can tell by its looks.
var domainShape = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$`)

// appsDomain checks the parent domain for whose hosts a cookie is set. A browser
// drops one for a domain that is not the page's own or its parent, in silence.
func (r *reader) appsDomain(flag *string, c Config) string {
	v := strings.ToLower(r.value("apps-domain", flag, ""))
	if r.err != nil || v == "" && flag == nil {
		return ""
	}
	u, err := url.Parse(c.Base())
	if err != nil {
		return "" // Base was made from checked parts
	}
	const right = "write a parent domain of the host in --url, such as example.com for https://id.example.com"
	host := u.Hostname()
	switch {
	case !domainShape.MatchString(v):
		r.fail("apps-domain", "is "+quote(v)+", which is no domain of two labels or more", right)
	case host != v && !strings.HasSuffix(host, "."+v):
		r.fail("apps-domain", "is "+quote(v)+", to which "+c.Base()+" does not belong", right)
	case u.Scheme != "https" && !IsLoopback(host):
		r.fail("apps-domain", "is set for "+c.Base()+", whose cookies everybody on the way can read", "put a proxy with https in front and set --url to its address")
	}
	return v
}

// warn says what is allowed but seldom meant.
func (c *Config) warn() {
	u, err := url.Parse(c.Base())
	if err != nil {
		return // Base was made from checked parts
	}
	if u.Scheme == "http" && !IsLoopback(u.Host) {
		c.Warnings = append(c.Warnings, "people reach this server at "+c.Base()+", which is not https: passwords and codes cross the network readable by anybody on the way. Put a proxy with https in front and set --url to its address")
	}
	if c.URL == "" && !IsLoopback(c.Listen) {
		c.Warnings = append(c.Warnings, "other computers can reach "+c.Listen+", but links say "+c.Base()+": set --url to the address as people type it")
	}
}
