package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/server"
)

// versionText is this program's version; a release changes it.
const versionText = "0.1.0"

func (c *console) print(text string) error {
	if _, err := io.WriteString(c.stdout, text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

type setupLink struct {
	config.Flags `embed:""`
}

// Run is called by kong.
func (s *setupLink) Run(c *console) error {
	return c.with(s.Flags, func(cfg config.Config, store *core.Core) error {
		link, err := store.MakeSetupLink(c.ctx)
		if err != nil {
			return err
		}
		return c.print(fmt.Sprintf("%s\nworks once, until %s; earlier links are void\n", server.SetupURL(cfg.Base(), link), when(link.ExpiresAt)))
	})
}

type restart struct {
	config.Flags `embed:""`
	Email        string `arg:"" help:"The email address of the person."`
	Reason       string `required:"" placeholder:"TEXT" help:"Why, in a few words, for the audit log and the letters."`
}

// Run is called by kong.
func (r *restart) Run(c *console) error {
	return c.with(r.Flags, func(_ config.Config, store *core.Core) error {
		receipt, err := store.RestartFromConsole(c.ctx, operator(), r.Email, r.Reason)
		if err != nil {
			return err
		}
		return c.print(receiptText(r.Email, receipt))
	})
}

func receiptText(email string, r *core.Restart) string {
	var b strings.Builder
	fmt.Fprintf(&b, "2-step authentication of %s was restarted.\n", email)
	fmt.Fprintf(&b, "%s ended, %s, %s and %s removed.\n", count(r.SessionsEnded, "session"), count(r.AuthenticatorsRemoved, "authenticator"),
		count(r.RecoveryCodesRemoved, "unused recovery code"), count(r.RememberedDevicesRemoved, "remembered device"))
	fmt.Fprintf(&b, "They sign in with the same password and activate 2-step authentication again by %s; after that the account closes until it is restarted again.\n", when(r.DueBy))
	if r.Pass != "" {
		fmt.Fprintf(&b, "re-activation pass: %s\nThey need it besides the password. Hand it over in person or on a call; it is not shown again.\n", r.Pass)
	}
	fmt.Fprintln(&b, "It was recorded, and letters to them and to the other owners of the team are queued.")
	return b.String()
}

type restored struct {
	config.Flags `embed:""`
	Reason       string `required:"" placeholder:"TEXT" help:"Which backup and why, in a few words, for the audit log."`
}

// Run is called by kong.
func (r *restored) Run(c *console) error {
	return c.with(r.Flags, func(_ config.Config, store *core.Core) error {
		done, err := store.AfterRestore(c.ctx, operator(), r.Reason)
		if err != nil {
			return err
		}
		return c.print(fmt.Sprintf("%s: %s ended; half-done sign-ins, links and remembered devices removed; no authentication code shown so far works.\n"+
			"Recovery codes that were used since the backup was made work again until their owners make new ones: letters to %s are queued.\n"+
			"Who was suspended, restarted or removed since then is as before: do that again.\n",
			people(done.People), count(done.SessionsEnded, "session"), people(done.Told)))
	})
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

type migrate struct {
	config.Flags `embed:""`
}

// Run is called by kong. Opening the store is what migrates it.
func (m *migrate) Run(c *console) error {
	return c.with(m.Flags, func(_ config.Config, store *core.Core) error {
		v, err := store.SchemaVersion(c.ctx)
		if err != nil {
			return err
		}
		return c.print(fmt.Sprintf("schema %d (%s), up to date\n", v, store.Engine()))
	})
}

type version struct{}

// Run is called by kong.
func (*version) Run(c *console) error {
	schema, err := core.NewestSchema()
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("doorstep %s%s\n%s\nschema %d\n", versionText, builtFrom(), runtime.Version(), schema))
}

// builtFrom says which commit the program was built from, where the build knew it.
func builtFrom() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	if commit == "" {
		return ""
	}
	text := " (" + commit[:min(12, len(commit))]
	if at := settings["vcs.time"]; at != "" {
		text += ", " + at
	}
	if settings["vcs.modified"] == "true" {
		text += ", with changes"
	}
	return text + ")"
}
