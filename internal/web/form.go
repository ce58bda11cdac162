package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
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
// 800-63B-4 §5.1): a keyed hash of whom the form was made for, masked. The hash
// changes at sign-in and at the second step, so one fixed before them is worth
// nothing. Before the first step there is nobody to bind it to: there the
// cross-origin check stands alone.
func (v *visit) formToken() string {
	if whom := v.formWhom(); whom != "" {
		return v.tokenFor(whom)
	}
	return ""
}

// formWhom is whom a form of this page is made for, "" for nobody.
func (v *visit) formWhom() string {
	switch {
	case v.needs == core.NeedAttempt:
		return "attempt:" + v.web.cookies.get(v.r, attemptCookie)
	case v.needs == core.NeedToken:
		return "form:" + v.web.cookies.get(v.r, formCookie)
	case v.session != nil:
		return v.session.ID
	}
	return ""
}

// tokenFor masks the hash with a pad of this answer: pad, then hash XOR pad. What
// repeats from answer to answer could be guessed from their lengths (compress.go).
func (v *visit) tokenFor(whom string) string {
	hash := v.core.MAC("form", whom)
	if v.pad == nil {
		v.pad = make([]byte, len(hash))
		_, _ = rand.Read(v.pad) // never fails
	}
	token := make([]byte, 2*len(hash))
	copy(token, v.pad)
	subtle.XORBytes(token[len(hash):], hash, v.pad)
	return base64.RawURLEncoding.EncodeToString(token)
}

// isTokenFor takes the mask off.
func (v *visit) isTokenFor(whom, text string) bool {
	token, err := base64.RawURLEncoding.DecodeString(text)
	hash := v.core.MAC("form", whom)
	if err != nil || len(token) != 2*len(hash) {
		return false
	}
	subtle.XORBytes(token, token[:len(hash)], token[len(hash):])
	return hmac.Equal(hash, token[:len(hash)])
}

// checkForm compares the token in the content; one in the address does not count.
// Refuses: form-stale.
func (v *visit) checkForm(needs core.Need) error {
	if needs == core.NeedOpen {
		return nil
	}
	if whom := v.formWhom(); whom == "" || !v.isTokenFor(whom, v.sent("csrf")) {
		return &core.Refusal{Code: formStale}
	}
	return nil
}
