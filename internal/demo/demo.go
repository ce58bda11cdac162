package demo

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/web"
	"doorstep/internal/words"
)

//go:embed pages/*.html
var pageFiles embed.FS

// Demo is the sample team and what stands around it.
type Demo struct {
	Inbox *Inbox
	Phone *Phone

	team    cast
	core    *core.Core
	owner   *core.Session // of Ana's set-up, to ask the audit log with
	began   time.Time     // when the story was told, and the demo began
	readLog atomic.Bool   // somebody has read the audit log
	base    string        // the address that people type
	log     *slog.Logger

	web     *web.Web
	deliver func(context.Context) (int, error)
	pages   *template.Template

	mu     sync.Mutex
	notice func(words.Words) string // what the phone has to say at its next look, once
}

// Make makes the sample team in a fresh core whose clock is the given one, and
// puts the authenticators of some of them on the phone. console is the operator.
func Make(ctx context.Context, c *core.Core, clock *Clock, console core.Actor) (*Demo, error) {
	team, owner, err := tell(ctx, c, clock, console, time.Now())
	if err != nil {
		return nil, err
	}
	d := &Demo{Inbox: &Inbox{}, Phone: &Phone{}, team: team, core: c, owner: owner, began: time.Now()}
	for _, p := range team.all() {
		if !p.OnPhone {
			continue
		}
		if _, err := d.Phone.Scan(p.uri); err != nil {
			return nil, fmt.Errorf("put %s on the demo phone: %w", p.Name, err)
		}
	}
	d.pages, err = template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the demo's pages: %w", err)
	}
	return d, nil
}

// Serves says over what the demo's pages are served.
type Serves struct {
	Web     *web.Web
	Base    string                             // the public address
	Deliver func(context.Context) (int, error) // brings waiting letters to the inbox now
	Log     *slog.Logger
}

// Printout is what the terminal shows: where it is, who can sign in.
func (d *Demo) Printout() string {
	ana, carla := d.team.ana, d.team.carla
	var rest []string
	for _, p := range d.team.all() {
		if p != ana && p != carla {
			rest = append(rest, p.first())
		}
	}
	var b strings.Builder
	line := func(name, value, note string) {
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-15s %-28s %s", name, value, note), " "))
	}
	line("Doorstep demo", d.base, "nothing is kept")
	line("Sign in", ana.Email, ana.State)
	line("", carla.Email, carla.State)
	line("", "(five more: "+strings.Join(rest, ", ")+")", "")
	line("Password", Password, "the same for all")
	line("Inbox", d.base+"/demo/inbox", "")
	line("Phone", d.base+"/demo/phone", "")
	return b.String()
}

// data is what every page of the demo has.
type data struct{ Words words.Words }

// Say says a text; pairs are names and values.
func (d data) Say(key string, pairs ...any) string {
	args := words.Args{}
	for i := 0; i+1 < len(pairs); i += 2 {
		args[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return d.Words.Say(key, args)
}

// Ago says how long ago something was.
func (d data) Ago(t time.Time) string { return d.Words.Ago(t, time.Now()) }

// show renders one of the demo's pages in the frame of all pages.
func (d *Demo) show(rw http.ResponseWriter, r *http.Request, status int, name, title string, page any) {
	var body bytes.Buffer
	if err := d.pages.ExecuteTemplate(&body, name, page); err != nil {
		d.log.ErrorContext(r.Context(), "a page of the demo was not rendered", "page", name, "error", err)
		http.Error(rw, "Something went wrong", http.StatusInternalServerError)
		return
	}
	d.web.Frame(rw, r, status, title, template.HTML(body.String())) //nolint:gosec // our own template made it
}
