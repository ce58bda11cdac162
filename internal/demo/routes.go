package demo

import (
	"net/http"
	"regexp"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/mail"
	"doorstep/internal/words"
)

// Routes are the demo's pages. They need nothing: who can reach the demo may see
// everybody's codes, which is why it listens on loopback only.
func (d *Demo) Routes(s Serves) []edge.Route {
	d.web, d.base, d.deliver, d.log = s.Web, s.Base, s.Deliver, s.Log
	cross := http.NewCrossOriginProtection()
	get := func(path string, h http.HandlerFunc) edge.Route {
		return edge.Route{Method: http.MethodGet, Path: path, Needs: core.NeedOpen, Handler: h}
	}
	post := func(path string, h http.HandlerFunc) edge.Route {
		return edge.Route{Method: http.MethodPost, Path: path, Needs: core.NeedOpen, Handler: cross.Handler(h)}
	}
	return []edge.Route{
		get("/demo", d.home),
		get("/demo/as/{who}", d.signInAs),
		get("/demo/inbox", d.inbox),
		get("/demo/inbox/{id}", d.letter),
		get("/demo/inbox/{id}/html", d.letterHTML),
		get("/demo/phone", d.phone),
		post("/demo/phone", d.paste),
		post("/demo/phone/scan", d.scan),
		post("/demo/phone/drop", d.drop),
		get("/demo/phone/paper", d.paper),
	}
}

func (d *Demo) home(rw http.ResponseWriter, r *http.Request) {
	w := d.web.Language(r)
	t := d.team
	page := struct {
		data
		progress
		Request  string
		People   []who
		Password string
	}{
		data: data{w}, progress: d.progress(r.Context(), w), People: d.people(w), Password: Password,
		Request: w.Say("demo.task.request.text", words.Args{
			"by": t.bruno.Name, "name": t.carla.Name, "code": t.carla.matchCode[:2] + "\u00a0" + t.carla.matchCode[2:],
		}),
	}
	d.show(rw, r, http.StatusOK, "home", w.Say("demo.title"), page)
}

// who is a person as the demo's first page lists them, at the beginning.
type who struct{ Name, Email, Role, State, As string }

func (d *Demo) people(w words.Words) []who {
	t := d.team
	states := map[*Person]string{
		t.ana: w.Say("st.active"), t.bruno: w.Say("st.active"), t.carla: w.Say("demo.lost"),
		t.dmitri: w.Say("two.codes", words.Args{"n": 2, "m": 10}),
		t.elena:  w.Say("st.due", words.Args{"at": w.Date(t.elena.until)}),
		t.farid:  w.Say("st.invited", words.Args{"at": w.Date(t.farid.until)}),
		t.gwen:   w.Say("st.paused", words.Args{"at": t.gwen.until}),
	}
	var list []who
	for _, p := range t.all() {
		as := "/demo/as/" + p.first()
		if p == t.farid {
			as = "" // who is invited has no password yet: the way in is a letter
		}
		list = append(list, who{p.Name, p.Email, w.Say("role." + string(p.Role)), states[p], as})
	}
	return list
}

func (d *Demo) inbox(rw http.ResponseWriter, r *http.Request) {
	if _, err := d.deliver(r.Context()); err != nil { // or the letter that one looks for would come a second later
		d.log.WarnContext(r.Context(), "letters were not delivered", "error", err)
	}
	w, to := d.web.Language(r), r.URL.Query().Get("to")
	page := struct {
		data
		progress
		To         string
		Addressees []string
		Letters    []mail.Message
	}{data{w}, d.progress(r.Context(), w), to, d.Inbox.Addressees(), d.Inbox.Letters(to)}
	d.show(rw, r, http.StatusOK, "inbox", w.Say("demo.inbox"), page)
}

type piece struct{ Text, Link string }

// letter shows the text; its links work.
func (d *Demo) letter(rw http.ResponseWriter, r *http.Request) {
	m, ok := d.Inbox.Letter(r.PathValue("id"))
	if !ok {
		d.web.NotFound().ServeHTTP(rw, r)
		return
	}
	ours := regexp.MustCompile(regexp.QuoteMeta(d.base) + `(/\S*)?`)
	var paragraphs [][]piece
	for text := range strings.SplitSeq(m.Text, "\n\n") {
		var pieces []piece
		from := 0
		for _, at := range ours.FindAllStringIndex(text, -1) {
			pieces = append(pieces, piece{Text: text[from:at[0]]}, piece{Link: text[at[0]:at[1]]})
			from = at[1]
		}
		paragraphs = append(paragraphs, append(pieces, piece{Text: text[from:]}))
	}
	page := struct {
		data
		Letter     mail.Message
		Paragraphs [][]piece
	}{data{d.web.Language(r)}, m, paragraphs}
	d.show(rw, r, http.StatusOK, "letter", m.Subject, page)
}

// letterHTML shows the letter as a mail program would: alone, with its own
// styles, and with nothing that runs or loads. The sandbox keeps its origin, or a
// link to one of our pages would count as coming from another site.
func (d *Demo) letterHTML(rw http.ResponseWriter, r *http.Request) {
	m, ok := d.Inbox.Letter(r.PathValue("id"))
	if !ok {
		d.web.NotFound().ServeHTTP(rw, r)
		return
	}
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "+
		"form-action 'none'; sandbox allow-same-origin allow-top-navigation-by-user-activation")
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = rw.Write([]byte(m.HTML)) // the browser may have left
}
