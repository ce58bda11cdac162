package web

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// statusOf is edge.Status, and what only a page refuses.
func statusOf(r *core.Refusal) int {
	switch r.Code {
	case crossOrigin, formStale:
		return http.StatusForbidden
	case tooLarge:
		return http.StatusRequestEntityTooLarge
	case badRequest:
		return http.StatusBadRequest
	case notAllowed:
		return http.StatusMethodNotAllowed
	}
	return edge.Status(r.Kind())
}

// leadsAway says whether a refusal is answered by another page than the form's.
func leadsAway(r *core.Refusal) bool {
	switch r.Code {
	case core.NotSignedIn, core.SessionEnded, core.AttemptOver, core.ActivationRequired, core.PasswordChangeRequired, core.StepUpRequired:
		return true
	}
	return false
}

// fail answers what a page did not answer itself.
func (v *visit) fail(err error) {
	if r := core.Refused(err); r != nil {
		if err = v.refuse(r); err == nil {
			return
		}
	}
	if errors.Is(err, context.Canceled) && v.ctx().Err() != nil {
		return // the browser left
	}
	id := edge.FaultID()
	v.web.log.ErrorContext(v.ctx(), "a page failed", "id", id, "route", v.r.Pattern, "error", err)
	if core.IsUnavailable(err) && !v.web.owned.Load() {
		v.starting()
		return
	}
	p := &refusalPage{Text: v.say("err.server", words.Args{"id": id})}
	status := http.StatusInternalServerError
	p.Title = v.say("refusal.internal.title")
	if core.IsUnavailable(err) {
		status = http.StatusServiceUnavailable
		p.Title = v.say("refusal.unavailable.title")
		v.rw.Header().Set("Retry-After", "5")
	}
	if core.IsOutcomeUnknown(err) { // "nothing was changed" may not be true
		p.Title, p.Text = v.say("refusal.outcome-unknown.title"), v.say("refusal.outcome-unknown")
	}
	p.Links = []link{{"/", v.say("common.home")}}
	if v.showAs(status, "refusal", p) != nil {
		http.Error(v.rw, p.Text, status)
	}
}

// starting is what a page says as long as the storage has not answered once since the
// start: nobody has typed anything yet that could be lost, so it tries again by itself.
func (v *visit) starting() {
	p := &refusalPage{Text: v.say("setup.starting")}
	p.Title, p.Bare = v.say("setup.starting.title"), true
	p.Links = []link{{"/", v.say("common.again")}}
	v.rw.Header().Set("Retry-After", "5")
	if !v.isPost() {
		v.rw.Header().Set("Refresh", "5")
	}
	if v.showAs(http.StatusServiceUnavailable, "refusal", p) != nil {
		http.Error(v.rw, p.Text, http.StatusServiceUnavailable)
	}
}

// refuse answers a refusal that no form says: some lead to the page where the
// person can do something about it.
func (v *visit) refuse(r *core.Refusal) error {
	switch r.Code {
	case core.NotSignedIn, core.SessionEnded:
		return v.toSignIn()
	case core.AttemptOver:
		return v.attemptOver()
	case core.ActivationRequired:
		if !v.isPost() {
			v.tell(notice{Says: "err.due"})
			return v.see(keepWanted("/me/two-step/activate", v.web.known.wayBack(v.here().String())))
		}
	case core.PasswordChangeRequired:
		if !v.isPost() {
			return v.see(keepWanted(newPasswordPath, v.web.known.wayBack(v.here().String())))
		}
	case core.StepUpRequired:
		return v.toStepUp(r)
	}
	return v.refusePage(r)
}

// refusalPage says what happened, why, and what to do next.
type refusalPage struct {
	common
	Text  string
	Links []link
}

type link struct{ Href, Text string }

func (v *visit) refusePage(r *core.Refusal) error {
	switch {
	case r.Code == core.Missing:
		return v.refuseSaying(r, v.say("err.404.title"), v.say("err.notfound"))
	case r.Code == core.LinkGone && strings.HasPrefix(v.r.URL.Path, "/setup"):
		return v.refuseSaying(r, v.say("refusal.link-gone.title"), v.say("setup.gone"))
	case r.Code == core.LinkGone && strings.HasPrefix(v.r.URL.Path, "/email/"):
		return v.refuseSaying(r, v.say("refusal.link-gone.title"), v.say("email.gone"))
	case r.Code == core.LinkGone && r.Args["form"] != nil:
		return v.refuseSaying(r, v.say("refusal.link-gone.title"), v.say("setpw.old"))
	}
	return v.refuseSaying(r, v.say("refusal."+string(r.Code)+".title"), edge.Sentence(v.words, r))
}

// refuseSaying is refusePage for a page that knows better what to say.
func (v *visit) refuseSaying(r *core.Refusal, title, text string) error {
	p := &refusalPage{Text: text}
	p.Title, p.Main = title, "flow"
	edge.RetryAfter(v.rw.Header(), r.RetryAfter)
	p.Links = v.waysOn(r)
	return v.showAs(statusOf(r), "refusal", p)
}

// waysOn are where somebody can go from a refusal, the likeliest first.
func (v *visit) waysOn(r *core.Refusal) []link {
	var links []link
	switch r.Code {
	case core.Self:
		links = append(links, link{"/me", v.say("nav.me")})
	case core.PasswordByLink:
		return []link{{"/forgot-password", v.say("signin.forgot")}}
	case core.RecoverySession:
		links = append(links, link{"/me/two-step/deactivate", v.say("up.todeactivate")})
	case core.Rank, core.OwnerOnly, core.OwnersSessions, core.Contained, core.NothingToRestart, core.RestartedMeanwhile, core.LastOwner, core.NotInvited,
		core.NotTheApprover, core.AnsweredAlready, core.TooLateToAnswer:
		if person, _ := path.Split(v.r.URL.Path); v.web.known.back[v.web.known.pattern(v.r.URL)] != "" && path.Dir(path.Clean(person)) == "/team/users" {
			links = append(links, link{path.Clean(person), v.say("team.view")})
		}
	case core.ImportOver:
		links = append(links, link{importPath, v.say("csv.title")})
	case core.RestartOver, core.SameApprover, core.OwnerTooNew:
		links = append(links, link{waitingPath, v.say("second.title")})
	case core.InvalidCursor, core.RoleInvalid, core.StatusInvalid:
		if strings.HasPrefix(v.r.URL.Path, auditPath) {
			links = append(links, link{auditPath, v.say("nav.audit")})
			break
		}
		links = append(links, link{"/team", v.say("nav.team")})
	}
	if r.Code == core.LinkGone && strings.HasPrefix(v.r.URL.Path, "/set-password/") {
		links = append(links, link{"/forgot-password", v.say("signin.forgot")})
	}
	if slug := articleFor(r.Code); slug != "" {
		links = append(links, link{helpPath + "/" + slug, v.core.ArticleTitle(v.language(), slug)})
	}
	switch {
	case v.session == nil:
		return append(links, link{"/sign-in", v.say("common.tosignin")})
	case v.session.Reach == core.ReachPassword:
		return append(links, link{newPasswordPath, v.say("setpw.title")})
	case v.session.Reach != core.ReachFull:
		return append(links, link{"/me/two-step/activate", v.say("home.activate")})
	}
	return append(links, link{"/", v.say("common.home")})
}

// NotFound is the page of every address that is not ours, and of ours when what
// was sent is not what they take.
func (w *Web) NotFound() http.Handler {
	return w.plain(w.guard(core.NeedOpen, func(v *visit) error {
		methods := w.known.methods[w.known.pattern(v.r.URL)]
		if len(methods) > 0 && !slices.Contains(methods, v.r.Method) && v.r.Method != http.MethodHead {
			v.rw.Header().Set("Allow", strings.Join(methods, ", "))
			return v.refusePage(&core.Refusal{Code: notAllowed})
		}
		return v.refusePage(&core.Refusal{Code: core.Missing})
	}))
}
