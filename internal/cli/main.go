package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"doorstep/internal/config"
	"doorstep/internal/core"
)

const (
	done   = 0
	failed = 1
	misuse = 2
)

// console is what a command has of the outside.
type console struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookup         func(string) (string, bool)
	ctx            context.Context // ends at SIGINT or SIGTERM; kong hands commands one value only
}

// commands is the grammar; kong reads the tags.
type commands struct {
	Demo      demo      `cmd:"" help:"Try it: a sample team on this computer, thrown away when it stops."`
	Serve     serve     `cmd:"" help:"Run it. The first start prints a one-use link that makes the first team and its owner."`
	SetupLink setupLink `cmd:"" help:"Print a new set-up link, while there is no owner."`
	User      struct {
		Add       userAdd       `cmd:"" help:"Add a person. Without a password, print a one-use link with which they set one."`
		BringBack userBringBack `cmd:"" help:"Bring back a suspended or frozen account, for a team in which nobody is left who can: recorded and mailed."`
		List      userList      `cmd:"" help:"List people."`
	} `cmd:"" help:"People, from the console."`
	Restart  restart  `cmd:"" help:"Restart somebody's 2-step authentication from the console: recorded and mailed like any other."`
	Restored restored `cmd:"" help:"After a backup was put back: end what it brought back to life, and tell everybody to make new recovery codes."`
	Migrate  migrate  `cmd:"" help:"Bring the database's schema up to date and say its number."`
	Routes   routes   `cmd:"" help:"List every route of serve, one a line: METHOD /path needs."`
	Version  version  `cmd:"" help:"Say which Doorstep this is."`
}

// Main runs one command and returns its exit code. args are without the
// program's name.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return run(&console{stdin: stdin, stdout: stdout, stderr: stderr, lookup: os.LookupEnv, ctx: ctx}, args)
}

func run(c *console, args []string) int {
	helped := false
	parser, err := kong.New(new(commands),
		kong.Name("doorstep"),
		kong.Description("2-step sign-in for teams, with a safe way back in."),
		kong.Writers(c.stdout, c.stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return c.fail(err)
	}
	parsed, err := parser.Parse(args)
	if helped {
		return done
	}
	if err != nil {
		return c.misused(err)
	}
	err = parsed.Run(c)
	if bad := new(config.Error); errors.As(err, &bad) {
		c.say(err)
		return misuse
	}
	if err != nil {
		return c.fail(err)
	}
	return done
}

// misused says what was wrong with the command line, and where its help is.
func (c *console) misused(err error) int {
	command := "doorstep"
	if bad := new(kong.ParseError); errors.As(err, &bad) && bad.Context != nil {
		if path := bad.Context.Command(); path != "" {
			words := strings.Fields(path)
			for i, w := range words {
				if strings.HasPrefix(w, "<") {
					words = words[:i]
					break
				}
			}
			command += " " + strings.Join(words, " ")
		}
	}
	c.say(fmt.Errorf("%w; see %s --help", err, command))
	return misuse
}

func (c *console) fail(err error) int {
	if r := core.Refused(err); r != nil {
		err = errors.New(sentence(r))
	}
	c.say(err)
	return failed
}

// say writes one line, whatever the error is made of.
func (c *console) say(err error) {
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	fmt.Fprintln(c.stderr, "doorstep:", line)
}
