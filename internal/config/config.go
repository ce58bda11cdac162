package config

import (
	"log/slog"
	"net/netip"
)

// Config is the settings, checked.
type Config struct {
	Listen         string // host:port
	URL            string // the public address without a final slash; "" to derive it from the address really listened on
	Data           string
	Keys           string
	Database       string // postgres://…, "" for SQLite in Data
	TrustedProxies []netip.Prefix
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
	r.apart(c.Data, c.Keys)
	if r.err != nil {
		return Config{}, r.err
	}
	c.warn()
	return c, nil
}

// ReadDemo checks the settings of the demo, which takes no others: a throw-away
// store must not be led to a real one by a variable of the environment.
func ReadDemo(listen *string, f LogFlags, lookup func(string) (string, bool)) (Config, error) {
	r := newReader(lookup)
	c := Config{Listen: r.listen(listen), LogFormat: r.logFormat(f.LogFormat), LogLevel: r.logLevel(f.LogLevel)}
	if r.err == nil && !IsLoopback(c.Listen) {
		r.fail("listen", "is "+quote(c.Listen)+", which other computers can reach",
			"the demo's passwords are public, so it only listens on this computer, such as 127.0.0.1:8420")
	}
	if r.err != nil {
		return Config{}, r.err
	}
	return c, nil
}
