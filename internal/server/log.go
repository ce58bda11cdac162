package server

import (
	"io"
	"log/slog"
	"slices"
	"strings"

	"doorstep/internal/config"
)

// NewLog makes the program's log. Nobody logs a secret on purpose; whoever does it
// by mistake, under a name that says so, finds it taken out.
func NewLog(w io.Writer, c config.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel, ReplaceAttr: redact}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

const redacted = "[taken out]"

// redact takes out the value of every attribute whose name says that it is a
// secret: "token", "session_token", "newPassword", "recovery_code".
func redact(_ []string, a slog.Attr) slog.Attr {
	if isSecret(strings.ToLower(a.Key)) {
		return slog.String(a.Key, redacted)
	}
	return a
}

func isSecret(name string) bool {
	for _, word := range []string{"token", "passw", "secret", "pepper", "cookie", "authorization", "otpauth", "credential", "csrf"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	// Short words stand in harmless ones too ("keys", "status_code"), so here only the last counts.
	last := name[strings.LastIndexAny(name, "_-. ")+1:]
	return slices.Contains([]string{"code", "codes", "key", "pass", "link"}, last) && name != "status_code"
}
