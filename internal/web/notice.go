package web

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// notice is what one page has to tell the next, in a cookie that is signed, read
// once and good for a minute or two: no link can make a page say something.
type notice struct {
	Says  string            `json:"s,omitempty"` // a key of the messages, or "recovery"
	N     int               `json:"n,omitempty"`
	Typed map[string]string `json:"t,omitempty"` // what was typed before a step-up; never a secret
	With  map[string]string `json:"w,omitempty"` // what the sentence names
	Until int64             `json:"u"`
}

const noticeLasts = 2 * time.Minute

// afterRecoveryCode is the notice of §1.4, several sentences by the codes left.
const afterRecoveryCode = "recovery"

// tell leaves a notice for the next page.
func (v *visit) tell(n notice) {
	n.Until = v.core.Now().Add(noticeLasts).Unix()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // a cookie has 4 KiB
	if enc.Encode(n) != nil {
		return // strings and numbers always encode
	}
	body := base64.RawURLEncoding.EncodeToString(text.Bytes())
	mac := base64.RawURLEncoding.EncodeToString(v.core.MAC("notice", body))
	v.web.cookies.set(v.rw, noticeCookie, body+"."+mac, 0)
}

// Notice leaves a sentence of the messages for this browser's next page: for the demo.
func (w *Web) Notice(rw http.ResponseWriter, key string, with map[string]string) {
	v := &visit{web: w, core: w.core, rw: rw}
	v.tell(notice{Says: key, With: with})
}

// FillIn leaves what the next page's form holds already: for the demo.
func (w *Web) FillIn(rw http.ResponseWriter, typed map[string]string) {
	v := &visit{web: w, core: w.core, rw: rw}
	v.tell(notice{Typed: typed})
}

// readNotice takes the notice that the last page left.
func (v *visit) readNotice() *notice {
	if v.notice != nil {
		return v.notice
	}
	value := v.web.cookies.get(v.r, noticeCookie)
	if value == "" {
		return nil
	}
	v.web.cookies.clear(v.rw, noticeCookie)
	v.notice = new(notice)
	body, mac, _ := strings.Cut(value, ".")
	sum, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(sum, v.core.MAC("notice", body)) {
		return v.notice
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	n := new(notice)
	if err == nil && json.Unmarshal(text, n) == nil && v.core.Now().Unix() <= n.Until {
		v.notice = n
	}
	return v.notice
}

// banner is what just happened, said on top of a page.
type banner struct {
	Tone     string // ok, warn, info
	Lines    []string
	Link     string
	LinkText string
}

// banner says the notice; names are filled in by the page that knows them.
func (v *visit) banner(names words.Args) *banner {
	n := v.readNotice()
	if n == nil || n.Says == "" {
		return nil
	}
	args := words.Args{"n": n.N}
	for name, value := range n.With {
		args[name] = value
	}
	switch n.Says {
	case "forgot.sent":
		args["time"] = core.ResetLinkLasts
	case "email.sent":
		args["time"] = core.EmailLinkLasts
	}
	switch n.Says {
	case afterRecoveryCode:
		return v.recoveryBanner(n.N)
	case "re.done":
		if names == nil {
			return nil // another page came first; the person's own shows the restart anyway
		}
		b := v.restartDone(names, n.N)
		if n.With["pass"] != "" {
			b.Lines = append(b.Lines, v.say("pass.shown")+" "+v.say("pass.lost"))
		}
		return b
	case "user.sessions.ended", "user.sessions.endednone", "req.refused":
		if names == nil {
			return nil // likewise
		}
	case "err.due", "step.timeout", "up.toolong", "signin.restarted":
		return &banner{Tone: "warn", Lines: []string{v.say(n.Says)}}
	case "forgot.sent", "email.sent", "act.already", "refusal.not-active", "sess.already", "sess.endednone", "dev.already":
		return &banner{Tone: "info", Lines: []string{v.say(n.Says, args)}}
	}
	return &banner{Tone: "ok", Lines: []string{v.say(n.Says, names, args)}}
}

func (v *visit) recoveryBanner(left int) *banner {
	b := &banner{Tone: "warn", Link: "/me/two-step", LinkText: v.say("two.title")}
	switch {
	case left == 0:
		b.Lines = []string{v.say("rec.last")}
	case left <= core.FewCodes:
		b.Lines = []string{v.say("rec.low", words.Args{"n": left})}
	default:
		b.Tone, b.Lines = "info", []string{v.say("rec.left", words.Args{"n": left})}
	}
	if v.session != nil && v.session.SecondStep == core.SecondStepRecoveryCode {
		b.Lines = append(b.Lines, v.say("rec.hour", v.until(v.session.ExpiresAt)))
	}
	return b
}
