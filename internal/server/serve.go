package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/mail"
	"doorstep/internal/words"
)

// Options say what a server is made of.
type Options struct {
	Config  config.Config
	Version string
	Out     io.Writer // what the operator reads: addresses, links, letters that no mail is set up for
	Err     io.Writer // the log
}

// Serve runs until ctx ends, then stops within ten seconds. Errors are sentences
// for whoever started it.
func Serve(ctx context.Context, o Options) error {
	log := NewLog(o.Err, o.Config)
	for _, w := range o.Config.Warnings {
		log.Warn(w)
	}
	catalog := loadWords()
	l, err := listen(o.Config.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := core.Open(ctx, core.Options{
		DataDir: o.Config.Data, KeysDir: o.Config.Keys, Database: o.Config.Database, Exclusive: true, Mail: o.Config.SMTP != nil, Contact: o.Config.Contact, Log: log,
	})
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer c.Close()
	base, err := baseOf(o.Config, l)
	if err != nil {
		return err
	}
	w, err := catalog()
	if err != nil {
		return err
	}
	eo := edgeOptions{core: c, words: w, url: base, trusted: o.Config.TrustedProxies, apps: o.Config.AppsDomain, log: log, version: o.Version, place: placeOf(o.Config)}
	e, err := newEdges(eo)
	if err != nil {
		return err
	}
	post := &mail.Postman{Core: c, Letters: mail.Letters{Words: w, Base: base.String(), Device: edge.Device}, Sender: mail.NewPrinter(o.Out), Log: log}
	if o.Config.SMTP != nil {
		if post.Sender, err = smtpSender(o.Config.SMTP, base); err != nil {
			return err
		}
		post.AtOnce = lettersAtOnce
	}
	if err := greet(ctx, o, c, l, base); err != nil {
		return err
	}
	return run(ctx, l, e, eo, post)
}

// lettersAtOnce is how many connections to the mail server there may be.
const lettersAtOnce = 4

func smtpSender(s *config.SMTP, base *url.URL) (mail.Sender, error) {
	return mail.NewSMTP(mail.SMTPOptions{
		Host: s.Host, Port: s.Port, User: s.User, Password: s.Password, From: s.From, Encryption: mail.Encryption(s.Encryption), Home: base.Hostname(),
	})
}

// unlessStopped: who is stopped while starting has nothing to complain about.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// loadWords reads the words while the store opens: both take their time, and
// neither needs the other.
func loadWords() func() (*words.Catalog, error) {
	type result struct {
		catalog *words.Catalog
		err     error
	}
	done := make(chan result, 1)
	go func() {
		catalog, err := words.Load()
		done <- result{catalog, err}
	}()
	return func() (*words.Catalog, error) {
		r := <-done
		return r.catalog, r.err
	}
}

// baseOf is the public address. With port 0 it is known only now.
func baseOf(c config.Config, l net.Listener) (*url.URL, error) {
	base := c.URL
	if base == "" {
		host, _, err := net.SplitHostPort(c.Listen)
		if err != nil {
			return nil, fmt.Errorf("derive the public address: %w", err)
		}
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("derive the public address: %w", err)
		}
		base = config.URLOf(net.JoinHostPort(host, port))
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("derive the public address: %w", err)
	}
	return u, nil
}

// greet says where everything is, and how the first owner comes in.
func greet(ctx context.Context, o Options, c *core.Core, l net.Listener, base *url.URL) error {
	data := o.Config.Data
	if o.Config.Database != "" {
		data = "PostgreSQL"
	}
	fmt.Fprintf(o.Out, "Doorstep %s\n  Address  %s  (listening on %s)\n  Data     %s\n  Keys     %s\n", o.Version, base, l.Addr(), data, o.Config.Keys)
	if s := o.Config.SMTP; s != nil {
		fmt.Fprintf(o.Out, "  Letters  go to %s\n", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	} else {
		fmt.Fprintf(o.Out, "  Letters  are printed here, since no mail is set up (--smtp)\n")
	}
	owned, err := c.HasOwner(ctx)
	if err != nil || owned {
		return err
	}
	link, err := c.MakeSetupLink(ctx)
	if err != nil {
		return fmt.Errorf("make the set-up link: %w", err)
	}
	fmt.Fprintf(o.Out, "  Set up   %s\n           works once, 60 minutes; a new one: doorstep setup-link\n", SetupURL(base.String(), link))
	return nil
}

// SetupURL is the address of a set-up link.
func SetupURL(base string, l *core.Link) string { return base + "/setup/" + l.Token }

// PasswordURL is the address of a link with which somebody sets a first password.
func PasswordURL(base string, l *core.Link) string { return base + "/set-password/" + l.Token }

// choresEvery is how often what is over is swept away.
const choresEvery = time.Minute

func chores(ctx context.Context, c *core.Core, log *slog.Logger) {
	tick := time.NewTicker(choresEvery)
	defer tick.Stop()
	for {
		if err := c.Chores(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "chores were not done; they are tried again in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Routes lists every route of `serve`, one a line. It needs no store: the edges
// are made over a core that is never asked anything.
func Routes() (string, error) {
	w, err := words.Load()
	if err != nil {
		return "", err
	}
	e, err := newEdges(edgeOptions{
		core: new(core.Core), words: w, url: &url.URL{Scheme: "http", Host: "localhost"}, log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return "", err
	}
	return edge.Print(e.routes), nil
}
