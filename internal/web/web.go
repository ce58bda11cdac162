package web

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/app.css assets/app.js assets/favicon.svg assets/icons.html
var assetFiles embed.FS

// Options say what the pages are made of.
type Options struct {
	Core    *core.Core
	Words   *words.Catalog
	URL     *url.URL       // the public address; https makes the cookies Secure
	Trusted []netip.Prefix // proxies whose X-Forwarded-For counts
	Log     *slog.Logger
	Demo    bool // the banner, and the button that hands the QR code to the demo phone
	// Place is what the process knows of where it keeps things, for the checks of the set-up.
	Place Place
	// AppsDomain is a parent domain of ours whose hosts get a cookie for their proxies, or "".
	AppsDomain string
}

// Web is the room: made once, safe for concurrent use.
type Web struct {
	core    *core.Core
	words   *words.Catalog
	url     *url.URL
	trusted []netip.Prefix
	log     *slog.Logger
	demo    bool
	place   Place

	cookies  cookies
	apps     apps
	assets   map[string]*asset
	pages    map[words.Language]*template.Template // a set for each language: {{say}} speaks it
	cross    *http.CrossOriginProtection
	known    *addresses
	answered answered
	owned    atomic.Bool // there is an owner; that never becomes untrue again (R11)

	stopping chan struct{} // closed when the streams are to end
	stopOnce sync.Once
}

// StopWatching ends the streams of open pages, now and from now on. It is for the
// stop of a server: http.Server.Shutdown waits for every answer, and theirs last as
// long as a page is open. Nothing else is cut short; a page asks the next process.
func (w *Web) StopWatching() { w.stopOnce.Do(func() { close(w.stopping) }) }

// New reads templates and assets. A template that cannot be parsed, or that says
// a key which the catalog lacks, is an error: better no start than half a page.
func New(o Options) (*Web, error) {
	w := &Web{
		core: o.Core, words: o.Words, url: o.URL, trusted: o.Trusted, log: o.Log, demo: o.Demo, place: o.Place,
		cookies: cookies{secure: o.URL.Scheme == "https"}, apps: apps{domain: o.AppsDomain, secure: o.URL.Scheme == "https"},
		cross: http.NewCrossOriginProtection(), stopping: make(chan struct{}),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	assets, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	if w.assets, err = readAssets(assets); err != nil {
		return nil, err
	}
	if w.pages, err = w.readTemplates(templateFiles, assets); err != nil {
		return nil, err
	}
	// Our own origin, for browsers that say nothing but it, behind a proxy that
	// changes Host.
	if err := w.cross.AddTrustedOrigin(o.URL.Scheme + "://" + o.URL.Host); err != nil {
		return nil, fmt.Errorf("the public address: %w", err)
	}
	w.cross.SetDenyHandler(w.plain(func(v *visit) error { return v.refusePage(&core.Refusal{Code: crossOrigin}) }))
	w.known = knownAddresses(w.Routes())
	w.answered = answered{now: time.Now, all: map[[sha256.Size]byte]*firstAnswer{}}
	return w, nil
}

// Routes is the whole surface for browsers. What a route needs is checked before
// its handler runs; the verbs check again under the lock of what they change.
func (w *Web) Routes() []edge.Route {
	return []edge.Route{
		w.post(languagePath, core.NeedOpen, noLanguage, leadBack),
		w.get("/sign-in", core.NeedOpen, orLeave(showSignIn)),
		w.post("/sign-in", core.NeedOpen, signIn, showSignIn),
		w.get("/sign-in/second-step", core.NeedAttempt, showSecondStep),
		w.post("/sign-in/second-step", core.NeedAttempt, secondStep, showSecondStep),
		w.get(askPath, core.NeedAttempt, showAsk),
		w.post(askPath, core.NeedAttempt, askTeam, showAsk),
		w.post(askPath+"/withdraw", core.NeedAttempt, withdrawAsk, showAsk),
		w.get(newPasswordPath, core.NeedSession, showNewPassword),
		w.post(newPasswordPath, core.NeedSession, chooseNewPassword, showNewPassword),
		w.get("/sign-out", core.NeedSession, showSignOut),
		w.post("/sign-out", core.NeedSession, signOut, showSignOut),

		w.get("/{$}", core.NeedSignedIn, showHome),
		w.post(putAwayPath, core.NeedSignedIn, putAway, showHome),
		w.get("/me", core.NeedSignedIn, showMe),
		w.get("/me/confirm", core.NeedSignedIn, showStepUp),
		w.post("/me/confirm", core.NeedSignedIn, stepUp, showStepUp),
		w.get("/me/password", core.NeedSteppedUp, showChangePassword),
		w.post("/me/password", core.NeedSteppedUp, changePassword, showChangePassword),
		w.get("/me/email", core.NeedSteppedUp, showChangeEmail),
		w.post("/me/email", core.NeedSteppedUp, changeEmail, showChangeEmail),
		w.get("/me/sessions", core.NeedSignedIn, showSessions),
		w.post("/me/sessions/end", core.NeedSignedIn, endSession, showSessions),
		w.post("/me/sessions/others", core.NeedSignedIn, endOtherSessions, showSessions),
		w.post("/me/sessions/forget", core.NeedSignedIn, forgetDevice, showSessions),
		w.get("/me/two-step", core.NeedSignedIn, showTwoStep),
		w.get("/me/two-step/activate", core.NeedActivation, showActivation),
		w.post("/me/two-step/activate", core.NeedActivation, confirmActivation, showActivation),
		w.post("/me/two-step/activate/over", core.NeedActivation, startOver, showActivation),
		w.post("/me/two-step/activate/pass", core.NeedActivation, enterPass, showActivation),
		w.post("/me/two-step/activate/finish", core.NeedActivation, finishActivation, showActivation),
		w.get("/me/two-step/recovery-codes", core.NeedSignedIn, showRecoveryCodes),
		w.post("/me/two-step/recovery-codes", core.NeedSteppedUp, renewRecoveryCodes, showRecoveryCodes),
		w.post("/me/two-step/recovery-codes/finish", core.NeedSignedIn, finishRecoveryCodes, showRecoveryCodes),
		w.get("/me/two-step/deactivate", core.NeedSignedIn, showDeactivate),
		w.post("/me/two-step/deactivate", core.NeedSignedIn, deactivate, showDeactivate),

		w.get(notifyPath, core.NeedSignedIn, showNotifyAddress),
		w.post(notifyPath, core.NeedSteppedUp, setNotifyAddress, showNotifyAddress),
		w.post(notifyPath+"/remove", core.NeedSteppedUp, removeNotifyAddress, showNotifyAddress),

		w.get("/team", core.NeedAdmin, showTeam),
		w.get(lettersPath, core.NeedOwner, showLetters),
		w.post(lettersPath+"/resend", core.NeedOwner, resendLetter, showLetters),
		w.post(lettersPath+"/resend-all", core.NeedOwner, resendLetters, showLetters),
		w.get("/team/users/{id}", core.NeedAdmin, showUser),
		w.get("/team/users/{id}/restart", core.NeedSteppedUpAdmin, showRestart),
		w.post("/team/users/{id}/restart", core.NeedSteppedUpAdmin, restart, showRestart),
		w.get("/team/users/{id}/was-this-them", core.NeedAdmin, showWasThem),
		w.post("/team/users/{id}/was-this-them", core.NeedAdmin, answerWasThem, showWasThem),
		w.get("/team/restarts", core.NeedAdmin, showWaiting),
		w.get("/team/restarts/{id}", core.NeedSteppedUpAdmin, showSecond),
		w.post("/team/restarts/{id}/approve", core.NeedSteppedUpAdmin, approveRestart, showSecond),
		w.post("/team/restarts/{id}/refuse", core.NeedAdmin, refuseRestart, showSecond),
		w.get("/team/users/{id}/sessions", core.NeedAdmin, showUserSessions),
		w.post("/team/users/{id}/sessions", core.NeedAdmin, endUserSessions, showUserSessions),
		w.get("/team/users/{id}/role", core.NeedSteppedUpAdmin, showRole),
		w.post("/team/users/{id}/role", core.NeedSteppedUpAdmin, changeRole, showRole),
		w.get("/team/users/{id}/rename", core.NeedAdmin, showRename),
		w.post("/team/users/{id}/rename", core.NeedAdmin, rename, showRename),
		w.get("/team/users/{id}/suspend", core.NeedSteppedUpAdmin, suspendAct().show),
		w.post("/team/users/{id}/suspend", core.NeedSteppedUpAdmin, suspendAct().send, suspendAct().show),
		w.get("/team/users/{id}/bringback", core.NeedSteppedUpAdmin, bringBackAct().show),
		w.post("/team/users/{id}/bringback", core.NeedSteppedUpAdmin, bringBackAct().send, bringBackAct().show),
		w.get("/team/users/{id}/remove", core.NeedSteppedUpAdmin, removeAct().show),
		w.post("/team/users/{id}/remove", core.NeedSteppedUpAdmin, removeAct().send, removeAct().show),
		w.post("/team/users/{id}/invite-again", core.NeedAdmin, inviteAgain, showUser),
		w.post("/team/users/{id}/cancel-invitation", core.NeedAdmin, cancelInvitation, showUser),
		w.get("/team/invite", core.NeedAdmin, showInvite),
		w.post("/team/invite", core.NeedAdmin, invite, showInvite),
		w.get(importPath, core.NeedSteppedUpAdmin, showImport),
		w.post(importPath, core.NeedSteppedUpAdmin, lookAtImport, showImport),
		w.get(importPath+"-example", core.NeedAdmin, importExample),
		w.get(importPath+"/{id}", core.NeedSteppedUpAdmin, showImportLook),
		w.post(importPath+"/{id}", core.NeedSteppedUpAdmin, confirmImport, showImportLook),
		w.get(importPath+"/{id}/left-out", core.NeedSteppedUpAdmin, importLeftOut),
		w.get("/team/export", core.NeedAdmin, exportPeople),
		w.get("/team/requests", core.NeedAdmin, showRequests),
		w.get("/team/requests/{id}", core.NeedSteppedUpAdmin, showRequest),
		w.post("/team/requests/{id}/approve", core.NeedSteppedUpAdmin, approveRequest, showRequest),
		w.post("/team/requests/{id}/refuse", core.NeedSteppedUpAdmin, refuseRequest, showRequest),
		w.get("/team/audit", core.NeedAdmin, showAudit),
		w.get("/team/audit/export", core.NeedAdmin, exportAudit),
		w.get("/team/audit/{id}", core.NeedAdmin, showEvent),
		w.get("/team/policy", core.NeedAdmin, showPolicy),
		w.post("/team/policy", core.NeedSteppedUpAdmin, changePolicy, showPolicy),
		w.post("/team/policy/effect", core.NeedAdmin, lookAtPolicy, showPolicy),

		w.get("/set-password/{token}", core.NeedOpen, openPasswordLink),
		w.get("/set-password/form", core.NeedToken, showSetPassword),
		w.post("/set-password/form", core.NeedToken, setPassword, showSetPassword),
		w.get("/not-me/{token}", core.NeedOpen, openNotMe),
		w.get("/not-me", core.NeedToken, showNotMe),
		w.post("/not-me", core.NeedToken, reportNotMe, showNotMe),
		w.get("/notification-address/{token}", core.NeedOpen, openNotifyLink),
		w.get("/notification-address/form", core.NeedToken, showNotifyForm),
		w.post("/notification-address/form", core.NeedToken, confirmNotifyAddress, showNotifyForm),
		w.get("/forgot-password", core.NeedOpen, showForgotPassword),
		w.post("/forgot-password", core.NeedOpen, forgotPassword, showForgotPassword),
		w.get("/set-password/again", core.NeedToken, showResetPassword),
		w.post("/set-password/again", core.NeedToken, resetPassword, showResetPassword),
		w.get("/email/confirm/{token}", core.NeedOpen, openEmailLink),
		w.get("/email/confirm", core.NeedToken, showConfirmEmail),
		w.post("/email/confirm", core.NeedToken, confirmEmail, showConfirmEmail),
		w.get("/email/undo/{token}", core.NeedOpen, openUndoLink),
		w.get("/email/undo", core.NeedToken, showUndoEmail),
		w.post("/email/undo", core.NeedToken, undoEmail, showUndoEmail),
		w.get("/.well-known/change-password", core.NeedOpen, wellKnownChangePassword),
		w.get(helpPath, core.NeedOpen, showHelp),
		w.get(helpPath+"/{article}", core.NeedOpen, showArticle),
		w.post(helpPath+"/{article}/vote", core.NeedOpen, vote, showArticle),
		w.post(helpPath+"/{article}/comments", core.NeedSignedIn, comment, showArticle),
		w.post(helpPath+"/{article}/comments/delete", core.NeedSignedIn, deleteComment, showArticle),
		w.post(helpPath+"/{article}/comments/hide", core.NeedOwner, hideComment, showArticle),
		w.get(helpRequestsPath+"/new", core.NeedOpen, showNewHelp),
		w.post(helpRequestsPath+"/new", core.NeedOpen, sendHelp, showNewHelp),
		w.get(helpRequestsPath+"/{id}", core.NeedSignedIn, showHelpRequest),
		w.post(helpRequestsPath+"/{id}/messages", core.NeedSignedIn, writeInHelp, showHelpRequest),
		w.post(helpRequestsPath+"/{id}/close", core.NeedSignedIn, closeHelp, showHelpRequest),

		w.get("/setup/{token}", core.NeedOpen, openSetupLink),
		w.get("/setup", core.NeedToken, showSetup),
		w.post("/setup", core.NeedToken, setUp, showSetup),

		{Method: http.MethodGet, Path: "/session/watch", Needs: core.NeedSession, Handler: http.HandlerFunc(w.watch)},
		{Method: http.MethodGet, Path: "/assets/{name}", Needs: core.NeedOpen, Handler: http.HandlerFunc(w.serveAsset)},
		{Method: http.MethodGet, Path: "/favicon.ico", Needs: core.NeedOpen, Handler: http.HandlerFunc(w.serveIcon)},
	}
}

// get is a page: show renders it.
func (w *Web) get(path string, needs core.Need, show page) edge.Route {
	return edge.Route{Method: http.MethodGet, Path: path, Needs: needs, Handler: w.plain(w.guard(needs, show))}
}

// post is what a form sends: send calls the verb, and show renders the form again
// when the verb, or the form's own token, refuses.
func (w *Web) post(path string, needs core.Need, send, show page) edge.Route {
	act := func(v *visit) error {
		err := v.checkForm(needs)
		switch {
		case err == nil && v.chosenLanguage() != "": // nothing was sent but what it is said in
			v.keepLanguage()
			return show(v)
		case err == nil:
			err = v.sendOnce(send)
		}
		if r := core.Refused(err); r != nil && !leadsAway(r) {
			v.refused = r
			return show(v)
		}
		return err
	}
	return edge.Route{Method: http.MethodPost, Path: path, Needs: needs, Handler: w.cross.Handler(w.plain(w.guard(needs, act)))}
}
