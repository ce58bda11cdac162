package config

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
)

// Config is the settings, checked.
type Config struct {
	Listen         string // host:port
	URL            string // the public address without a final slash; "" to derive it from the address really listened on
	Data           string
	Keys           string
	Database       string // postgres://…, "" for SQLite in Data
	TrustedProxies []netip.Prefix
	AppsDomain     string // a parent of the public address's host, "" for none
	SMTP           *SMTP  // nil: no mail is set up
	Contact        string // whereto requests of people go who are not signed in, "" for nowhere
	LogFormat      string // "text" or "json"
	LogLevel       slog.Level

	// Warnings are lines for whoever starts the program: allowed, but look at it.
	Warnings []string
}

// Base is the public address, for links: the one that was set, or the one that
// follows from where Doorstep listens.
func (c Config) Base() string {
	if c.URL != "" {
		return c.URL
	}
	return URLOf(c.Listen)
}

// Error is a bad setting: which one, what is wrong, what would be right.
type Error struct{ Setting, Wrong, Right string }

func (e *Error) Error() string { return e.Setting + " " + e.Wrong + ": " + e.Right }

// Read checks the settings. lookup is os.LookupEnv. The error is an *Error, the
// first that was found.
func Read(f Flags, lookup func(string) (string, bool)) (Config, error) {
	r := newReader(lookup)
	c := Config{
		Listen:         r.listen(f.Listen),
		URL:            r.url(f.URL),
		Data:           r.folder("data", f.Data, "./data"),
		Keys:           r.folder("keys", f.Keys, "./keys"),
		Database:       r.database(f.Database),
		TrustedProxies: r.proxies(f.TrustedProxies),
		LogFormat:      r.logFormat(f.LogFormat),
		LogLevel:       r.logLevel(f.LogLevel),
	}
	c.AppsDomain = r.appsDomain(f.AppsDomain, c)
	c.SMTP = r.smtp(f.SMTP, c)
	c.Contact = r.contact(f.Contact)
	r.apart(c.Data, c.Keys)
	if r.err != nil {
		return Config{}, r.err
	}
	c.warn()
	if c.Contact != "" && c.SMTP == nil {
		c.Warnings = append(c.Warnings, "--contact is set and no mail is (--smtp): requests of people who are not signed in are not taken")
	}
	return c, nil
}

// ReadDemo checks the settings of the demo, which takes no others: a throw-away
// store must not be led to a real one by a variable of the environment.
func ReadDemo(listen *string, f LogFlags, lookup func(string) (string, bool)) (Config, error) {
	r := newReader(lookup)
	c := Config{Listen: r.listen(listen), LogFormat: r.logFormat(f.LogFormat), LogLevel: r.logLevel(f.LogLevel)}
	if r.err == nil && !staysHere(c.Listen) {
		r.fail("listen", reachable(c.Listen), demoListens)
	}
	if r.err != nil {
		return Config{}, r.err
	}
	return c, nil
}

const demoListens = "the demo's passwords are public, so it only listens on this computer, such as 127.0.0.1:8420"

func reachable(address string) string {
	return "is " + quote(address) + ", which other computers can reach"
}

// staysHere says whether listening on an address can be meant for this computer
// only, without asking anybody: of names that is localhost alone, because where
// x.localhost leads is up to whoever answers for names.
func staysHere(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// CheckDemo judges what the demo really listens on: a file of this computer may
// say that localhost is somewhere else. The error is an *Error.
func (c Config) CheckDemo(at net.Addr) error {
	if a, err := netip.ParseAddrPort(at.String()); err != nil || !a.Addr().Unmap().IsLoopback() {
		return &Error{Setting: "--listen", Wrong: reachable(c.Listen), Right: demoListens}
	}
	return nil
}
