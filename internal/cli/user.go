package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/server"
)

type userAdd struct {
	config.Flags  `embed:""`
	Email         string `required:"" placeholder:"ADDRESS" help:"Their email address: what they sign in with."`
	Name          string `required:"" help:"Their name, as the team sees it."`
	Role          string `required:"" enum:"owner,admin,member" placeholder:"ROLE" help:"owner, admin or member."`
	Team          string `help:"The team's name (default the only team). A team that does not exist is made when its first person is an owner."`
	PasswordStdin bool   `help:"Read the password from standard input, its first line; without it a link is printed."`
}

// Run is called by kong.
func (u *userAdd) Run(c *console) error {
	password := ""
	if u.PasswordStdin {
		var err error
		if password, err = c.readPassword(); err != nil {
			return err
		}
	}
	return c.with(u.Flags, func(cfg config.Config, store *core.Core) error {
		added, err := store.AddUser(c.ctx, operator(), core.NewUser{
			Email: u.Email, Name: u.Name, Role: core.Role(u.Role), Team: u.Team, Password: password,
		})
		if err != nil {
			return err
		}
		text := "id: " + added.ID + "\n"
		if added.Link != nil {
			text += fmt.Sprintf("link: %s\nworks once, until %s; hand it to them over a channel that you trust\n",
				server.PasswordURL(cfg.Base(), added.Link), when(added.Link.ExpiresAt))
		}
		return c.print(text)
	})
}

// passwordLimit is how much of standard input is read; the rule about a
// password's length is core's.
const passwordLimit = 4096

// readPassword takes the first line of standard input. At a terminal it asks, and
// asks again: nobody sees what was typed.
func (c *console) readPassword() (string, error) {
	if f, ok := c.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return c.askPassword(int(f.Fd()))
	}
	line, err := bufio.NewReader(io.LimitReader(c.stdin, passwordLimit)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	if line = firstLine(line); line == "" {
		return "", errors.New("standard input holds no password: write it on the first line, or leave --password-stdin out to get a link")
	}
	return line, nil
}

func (c *console) askPassword(fd int) (string, error) {
	var typed [2]string
	for i, question := range []string{"Password: ", "The same again: "} {
		fmt.Fprint(c.stderr, question)
		b, err := term.ReadPassword(fd)
		fmt.Fprintln(c.stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(b)
	}
	switch {
	case typed[0] == "":
		return "", errors.New("no password was typed: try again, or leave --password-stdin out to get a link")
	case typed[0] != typed[1]:
		return "", errors.New("the two passwords differ: try again")
	}
	return typed[0], nil
}

type userBringBack struct {
	config.Flags `embed:""`
	Email        string `arg:"" help:"The email address of the person."`
	Reason       string `required:"" placeholder:"TEXT" help:"Why, in a few words, for the audit log."`
}

// Run is called by kong.
func (u *userBringBack) Run(c *console) error {
	return c.with(u.Flags, func(_ config.Config, store *core.Core) error {
		if err := store.BringBackFromConsole(c.ctx, operator(), u.Email, u.Reason); err != nil {
			return err
		}
		return c.print(fmt.Sprintf("The account %s is no longer suspended.\n"+
			"If it was frozen, its 2-step authentication has to be restarted too: doorstep restart %s --reason \"…\"\n"+
			"It was recorded, and letters are queued.\n", u.Email, u.Email))
	})
}

type userList struct {
	config.Flags `embed:""`
	Team         string `help:"Only this team's people (default everybody)."`
}

// Run is called by kong.
func (u *userList) Run(c *console) error {
	return c.with(u.Flags, func(_ config.Config, store *core.Core) error {
		users, err := store.ListUsers(c.ctx, operator(), u.Team)
		if err != nil {
			return err
		}
		return c.print(listing(users))
	})
}

// listing aligns people in columns. The team stands in it only where there is
// more than one.
func listing(users []core.User) string {
	teams := map[string]bool{}
	for _, u := range users {
		teams[u.Team.ID] = true
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(team string, cells ...string) {
		if len(teams) > 1 {
			cells = append(cells, team)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	row("TEAM", "ID", "EMAIL", "NAME", "ROLE", "STATUS", "2-STEP", "LAST SIGN-IN")
	for _, u := range users {
		last := "never"
		if !u.LastSignInAt.IsZero() {
			last = u.LastSignInAt.UTC().Format("2006-01-02 15:04 UTC")
		}
		row(u.Team.Name, u.ID, u.Email, u.Name, string(u.Role), string(u.Status), string(u.TwoStep), last)
	}
	_ = w.Flush() // into memory
	return b.String()
}
