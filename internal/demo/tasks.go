package demo

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// task is one of the four that guide a newcomer. It is ticked off by what really
// happened since the story was told, whoever did it and however.
type task struct {
	Title, Text string
	Done        bool
	As          string // who signs in for it: the address that fills in their email …
	AsSays      string // … and what its link says
}

// progress is how far a newcomer has come, for every page of the demo.
type progress struct {
	Tasks []task
	Done  int
	Next  string // the title of the first that is left, "" for none
}

func (d *Demo) progress(ctx context.Context, w words.Words) progress {
	t := d.team
	say := func(name string, who *Person, args words.Args) task {
		return task{
			Title: w.Say("demo.task."+name+".title", args), Text: w.Say("demo.task."+name+".text", args),
			As: "/demo/as/" + who.first(), AsSays: w.Say("demo.signinas", words.Args{"name": who.Name}),
		}
	}
	p := progress{Tasks: []task{
		say("activate", t.elena, words.Args{"name": t.elena.Name}),
		say("recovery", t.dmitri, words.Args{"name": t.dmitri.Name}),
		say("restart", t.ana, words.Args{"by": t.ana.Name, "name": t.carla.Name}),
		say("audit", t.ana, words.Args{"by": t.ana.Name}),
	}}
	for i, f := range []core.EventFilter{
		{Event: core.EventTwoStepActivated}, {Event: core.EventRecoveryCodeUsed}, {Event: core.EventTwoStepRestarted, Target: t.carla.id},
	} {
		p.Tasks[i].Done = d.happened(ctx, f)
	}
	p.Tasks[3].Done = d.readLog.Load()
	for _, one := range p.Tasks {
		switch {
		case one.Done:
			p.Done++
		case p.Next == "":
			p.Next = one.Title
		}
	}
	return p
}

// happened asks the audit log, in Ana's name: she made the team, and the demo kept
// the session of that. Should somebody take the log from her, nothing is ticked off.
func (d *Demo) happened(ctx context.Context, f core.EventFilter) bool {
	f.From, f.Limit = d.began.UTC().Format(time.RFC3339), 1
	page, err := d.core.Events(ctx, d.owner.By(d.team.ana.origin), f)
	return err == nil && len(page.Items) > 0
}

// Watch notes who reads the audit log: that leaves no event.
func (d *Demo) Watch(routes []edge.Route) {
	for i, r := range routes {
		if r.Method != http.MethodGet || r.Path != "/team/audit" {
			continue
		}
		inner := r.Handler
		routes[i].Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			status := &statusWriter{ResponseWriter: rw}
			inner.ServeHTTP(status, r)
			if status.code == http.StatusOK {
				d.readLog.Store(true)
			}
		})
	}
}

// statusWriter remembers how a request was answered.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (s *statusWriter) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// signInAs leads to the sign-in page with somebody's email filled in.
func (d *Demo) signInAs(rw http.ResponseWriter, r *http.Request) {
	for _, p := range d.team.all() {
		if p.first() == r.PathValue("who") {
			d.web.FillIn(rw, map[string]string{"email": p.Email})
			http.Redirect(rw, r, "/sign-in", http.StatusSeeOther)
			return
		}
	}
	d.web.NotFound().ServeHTTP(rw, r)
}
