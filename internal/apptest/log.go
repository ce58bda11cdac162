package apptest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// logBook keeps the log, at its most talkative level.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (b *logBook) end(lines int) string {
	all := strings.Split(strings.TrimSpace(b.String()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Log is what was logged so far.
func (a *App) Log() string { return a.log.String() }

// Faults are the lines that the log has at the level of errors: faults of
// Doorstep's own, and panics. A test that plants a fault expects it and calls
// TakeFaults.
func (a *App) Faults() string {
	var faults []string
	for line := range strings.SplitSeq(a.log.String(), "\n") {
		if strings.Contains(line, "level=ERROR") {
			faults = append(faults, line)
		}
	}
	return strings.Join(faults, "\n")
}

// TakeFaults returns the faults and forgets the log: they were expected.
func (a *App) TakeFaults() string {
	faults := a.Faults()
	a.log.mu.Lock()
	defer a.log.mu.Unlock()
	a.log.text.Reset()
	return faults
}
