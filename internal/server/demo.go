package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/demo"
	"doorstep/internal/edge"
	"doorstep/internal/mail"
)

// Demo runs the demo until ctx ends: the same edges over a sample team in a store
// that is thrown away. console is the operator, who adds people to it.
func Demo(ctx context.Context, o Options, console core.Actor) (err error) {
	log := NewLog(o.Err, o.Config)
	catalog := loadWords()
	l, err := listen(o.Config.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := o.Config.CheckDemo(l.Addr()); err != nil {
		return err
	}
	base, err := baseOf(o.Config, l)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "doorstep-demo-")
	if err != nil {
		return fmt.Errorf("make a place for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	clock := demo.NewClock(demo.Begins(time.Now()))
	c, err := core.Open(ctx, core.Options{DataDir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), Clock: clock.Now, Log: log, Exclusive: true, Mail: true, Contact: demo.Operator})
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer c.Close()
	d, err := demo.Make(ctx, c, clock, console)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	w, err := catalog()
	if err != nil {
		return err
	}
	eo := edgeOptions{core: c, words: w, url: base, log: log, version: o.Version, demo: true}
	e, err := newEdges(eo)
	if err != nil {
		return err
	}
	post := &mail.Postman{Core: c, Letters: mail.Letters{Words: w, Base: base.String(), Device: edge.Device}, Sender: d.Inbox, Log: log}
	d.Watch(e.routes)
	e.routes = append(e.routes, d.Routes(demo.Serves{Web: e.web, Base: base.String(), Deliver: post.Round, Log: log})...)
	fmt.Fprint(o.Out, d.Printout())
	return run(ctx, l, e, eo, post)
}
