package cli

import (
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"doorstep/internal/config"
	"doorstep/internal/core"
)

// The console's commands are another process beside a running serve. When
// sessions come to be answered from memory, each command that ends some must wait
// out one lease before it says so; today every request reads the row.

// with opens the store that the settings name, runs fn on it and closes it.
func (c *console) with(f config.Flags, fn func(cfg config.Config, store *core.Core) error) error {
	cfg, err := config.Read(f, c.lookup)
	if err != nil {
		return err
	}
	store, err := core.Open(c.ctx, core.Options{DataDir: cfg.Data, KeysDir: cfg.Keys, Database: cfg.Database})
	if err != nil {
		return trouble(cfg, err)
	}
	defer store.Close()
	if err := fn(cfg, store); err != nil {
		return trouble(cfg, err)
	}
	return nil
}

// operator is the actor of the console's commands, under the name that the
// operating system knows.
func operator() core.Actor { return core.Console(accountName()) }

func accountName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("user %d", os.Getuid())
}

// when writes a time for the console.
func when(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// count writes a number with its noun: "1 session", "3 sessions".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// firstLine cuts a line's end off: \n, or \r\n as Windows writes it.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r")
}
