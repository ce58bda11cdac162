package web

import (
	"crypto/hmac"
	"encoding/base64"

	"doorstep/internal/core"
)

// Refusals that only a page knows: nothing reached a verb.
const (
	crossOrigin core.Code = "cross-origin"
	formStale   core.Code = "form-stale"
	tooLarge    core.Code = "too-large"
	badRequest  core.Code = "bad-request"
	notAllowed  core.Code = "method-not-allowed"
	incomplete  core.Code = "invalid-field" // the visit has the sentences
)

// formToken is what a form carries in its content besides the cookie (NIST SP
// 800-63B-4 §5.1): a keyed hash of whom the form was made for. It changes at
// sign-in and at the second step, so one fixed before them is worth nothing.
// Before the first step there is nobody to bind it to: there the cross-origin
// check stands alone.
func (v *visit) formToken() string {
	var whom string
	switch {
	case v.needs == core.NeedAttempt:
		whom = "attempt:" + v.web.cookies.get(v.r, attemptCookie)
	case v.needs == core.NeedToken:
		whom = "form:" + v.web.cookies.get(v.r, formCookie)
	case v.session != nil:
		whom = v.session.ID
	default:
		return ""
	}
	return v.tokenFor(whom)
}

func (v *visit) tokenFor(whom string) string {
	return base64.RawURLEncoding.EncodeToString(v.core.MAC("form", whom))
}

// checkForm compares the token in the content; one in the address does not count.
// Refuses: form-stale.
func (v *visit) checkForm(needs core.Need) error {
	if needs == core.NeedOpen {
		return nil
	}
	if want := v.formToken(); want == "" || !hmac.Equal([]byte(want), []byte(v.sent("csrf"))) {
		return &core.Refusal{Code: formStale}
	}
	return nil
}
