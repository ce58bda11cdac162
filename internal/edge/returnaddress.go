package edge

import (
	"net/url"
	"strings"

	"doorstep/internal/core"
)

// ReturnAddressMost is how long an address may be to which somebody is led back,
// in bytes. It stands in other addresses, encoded twice at worst.
const ReturnAddressMost = 1024

// ReturnAddress reads the address of a page of somebody else's to which a person
// wants to go back, as it came through a browser or a proxy. It returns the
// address as it may stand in a redirect, with its host as core.FoldHost writes
// it, and that host for core.MayReturnTo, which decides; "" for whatever two
// programs could read in two ways.
func ReturnAddress(text string) (address, host string) {
	u, err := url.Parse(text)
	if err != nil || len(text) > ReturnAddressMost || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Opaque != "" {
		return "", ""
	}
	if host = core.FoldHost(u.Scheme, u.Host); host == "" {
		return "", ""
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	address = u.Scheme + "://" + host + path
	if u.RawQuery != "" {
		address += "?" + escapeQuery(u.RawQuery)
	}
	if len(address) > ReturnAddressMost { // by what had to be escaped
		return "", ""
	}
	return address, host
}

// OriginOf is the origin of an address that ReturnAddress wrote.
func OriginOf(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// escapeQuery leaves what is escaped as it is and escapes what no address may
// hold: url.Parse takes a query as it comes, with blanks and bytes of any kind.
func escapeQuery(query string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(query) {
		c := query[i]
		if c > ' ' && c < 0x7f && !strings.ContainsRune("\"'<>\\^`{|}", rune(c)) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}
