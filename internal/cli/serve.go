package cli

import (
	"os"
	"runtime/debug"
	"time"

	"doorstep/internal/config"
	"doorstep/internal/server"
)

type serve struct {
	config.Flags `embed:""`
}

// Run is called by kong.
func (s *serve) Run(c *console) error {
	cfg, err := config.Read(s.Flags, c.lookup)
	if err != nil {
		return err
	}
	smallHeap()
	return trouble(cfg, server.Serve(c.ctx, server.Options{Config: cfg, Version: versionText, Out: c.stdout, Err: c.stderr}))
}

type demo struct {
	Listen          *string `placeholder:"HOST:PORT" help:"Where to listen, on this computer only (default 127.0.0.1:8420). $DOORSTEP_LISTEN"`
	config.LogFlags `embed:""`
}

// Run is called by kong.
func (d *demo) Run(c *console) error {
	cfg, err := config.ReadDemo(d.Listen, d.LogFlags, c.lookup)
	if err != nil {
		return err
	}
	return trouble(cfg, server.Demo(c.ctx, server.Options{Config: cfg, Version: versionText, Out: c.stdout, Err: c.stderr}, operator()))
}

type routes struct{}

// Run is called by kong.
func (*routes) Run(c *console) error {
	text, err := server.Routes()
	if err != nil {
		return err
	}
	return c.print(text)
}

// smallHeap collects garbage a little sooner than Go would: what a program keeps in
// memory is mostly the sessions in use, and with 100,000 of them in turns it stays
// under 150 MB. It is here, and not in a room that others link, because it is a
// setting of the whole process. GOGC overrides it.
func smallHeap() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(75)
		time.AfterFunc(time.Second, debug.FreeOSMemory) // what only the start needed
	}
}
