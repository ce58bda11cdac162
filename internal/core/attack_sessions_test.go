package core

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"
	"time"
)

// Groups F, G and M of the attacks, as far as they have no place beside the rules.

// T-AZ-6: an object without an owner is nobody's. No engine keeps one whose owner is
// NULL; one with an empty owner or team, where it can be written at all, opens nothing
// to anybody; and whoever acts as nobody is refused.
//
// T-AZ-6
func TestNobodysObjects(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.remembering()
		for _, table := range []string{"authenticators", "recovery_code_sets", "recovery_codes", "sessions", "devices", "sign_in_attempts", "activations", "links"} {
			for _, column := range []string{"user_id", "team_id"} {
				for _, nothing := range []any{nil, ""} {
					device, session, attempt := w.remember("carla").Token, w.signIn("carla"), w.attempt("carla")
					w.ok(w.AskPasswordReset(w.ctx(), Nobody(testOrigin), w.cast["carla"].email))
					link := w.linkTo(w.cast["carla"].email, LetterPasswordLink)
					var had []string
					w.ok(w.read(w.ctx()).each(`SELECT DISTINCT `+column+` FROM `+table+` WHERE user_id = $1`, []any{w.cast["carla"].id}, func(scan func(...any) error) error {
						var id string
						err := scan(&id)
						had = append(had, id)
						return err
					}))
					_, err := w.db.Migrations().Exec(`UPDATE `+table+` SET `+column+` = $1 WHERE user_id = $2`, nothing, w.cast["carla"].id)
					if nothing == nil && err == nil && len(had) > 0 {
						t.Errorf("%s.%s can be NULL", table, column)
					}
					if err != nil || len(had) == 0 {
						continue // the engine keeps no such object
					}
					what := fmt.Sprintf("%s.%s = %v", table, column, nothing)
					w.Forget()
					switch table {
					case "sessions":
						if w.live(session) {
							t.Errorf("%s: the session lives", what)
						}
					case "devices":
						if in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["carla"].email, testPassword, device); err != nil || in.Next != StepSecondStep {
							t.Errorf("%s: the device skips the second step", what)
						}
					case "links":
						if form, err := w.OpenResetLink(w.ctx(), link); err == nil {
							if _, err := w.SetForgottenPassword(w.ctx(), Nobody(testOrigin), form, otherPassword, w.codeAt("carla", 1)); err == nil {
								t.Errorf("%s: the link sets a password", what)
							}
						}
					default:
						text := w.codeAt("carla", 1)
						if table == "recovery_code_sets" || table == "recovery_codes" {
							text = w.cast["carla"].codes[0]
						}
						if _, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, text, false); err == nil && table != "activations" {
							t.Errorf("%s: somebody was signed in", what)
						}
					}
					w.exec(`UPDATE `+table+` SET `+column+` = $1 WHERE `+column+` = ''`, had[0])
					w.exec(`UPDATE authenticators SET fails = 0, next_try_at = 0`)
					w.exec(`UPDATE recovery_code_sets SET fails = 0, next_try_at = 0`)
					w.exec(`DELETE FROM throttles`)
					w.Forget()
					w.clock.advance(time.Minute)
				}
			}
		}
		for what, nobody := range map[string]Actor{"no session": Nobody(testOrigin), "the session of nobody": (&Session{}).By(testOrigin)} {
			for verb, err := range map[string]error{
				"end a session":  func() error { _, err := w.EndSession(w.ctx(), nobody, "x"); return err }(),
				"look at people": func() error { _, err := w.People(w.ctx(), nobody, PeopleFilter{}); return err }(),
				"restart":        func() error { _, err := w.RestartTwoStep(w.ctx(), nobody, w.cast["carla"].id, goodReason); return err }(),
				"change a role":  func() error { _, err := w.ChangeUser(w.ctx(), nobody, w.cast["carla"].id, UserChange{}); return err }(),
				"new codes":      func() error { _, err := w.RenewRecoveryCodes(w.ctx(), nobody); return err }(),
			} {
				if Refused(err) == nil {
					t.Errorf("%s: %s: %v", what, verb, err)
				}
			}
		}
	})
}

// T-SESS-3: while somebody is suspended nothing that they hold opens anything,
// whenever they came to hold it.
//
// ASVS 7.4.2, NIST 4.5, T-SESS-3, P5
func TestSuspendedWithEveryCredential(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.remembering()
		device := w.remember("carla").Token
		session, attempt := w.signIn("carla"), w.attempt("carla")
		second := w.asked(session, "second@example.net")
		reset := w.forgot("carla")
		w.ok(w.AskEmailChange(w.ctx(), by(session), "new@example.org"))
		address, err := w.OpenEmailLink(w.ctx(), w.linkTo("new@example.org", LetterEmailConfirm))
		w.ok(err)
		half, begun := w.confirmed("elena")
		suspended := StatusSuspended
		ana := w.signIn("ana")
		for _, name := range []string{"carla", "elena"} {
			_, err := w.ChangeUser(w.ctx(), by(ana), w.cast[name].id, UserChange{Status: &suspended})
			w.ok(err)
		}
		someone := Nobody(testOrigin)
		second2 := func(text string) func() error {
			return func() error { _, err := w.AcceptSecondStep(w.ctx(), someone, attempt, text, false); return err }
		}
		signIn := func(device string) func() error {
			return func() error {
				_, err := w.BeginSignIn(w.ctx(), someone, w.cast["carla"].email, testPassword, device)
				return err
			}
		}
		before := w.snapshot("users", "throttles", "audit_events", "outbox", "authenticators", "recovery_code_sets", "links", "devices", "sign_in_attempts")
		for name, use := range map[string]func() error{
			"session":                     func() error { _, err := w.Session(w.ctx(), session.Token); return err },
			"session, of an app":          func() error { _, err := w.AppsSession(w.ctx(), session.Token); return err },
			"session, held by a verb":     func() error { _, err := w.StepUp(w.ctx(), by(session), testPassword, w.codeAt("carla", 1)); return err },
			"password":                    signIn(""),
			"password, remembered device": signIn(device),
			"authentication code":         second2(w.codeAt("carla", 1)),
			"recovery code":               second2(w.cast["carla"].codes[0]),
			"forgotten password": func() error {
				_, err := w.SetForgottenPassword(w.ctx(), someone, reset, otherPassword, w.cast["carla"].codes[1])
				return err
			},
			"new address":    func() error { _, err := w.ConfirmEmailChange(w.ctx(), someone, address); return err },
			"second address": func() error { return w.agree(second) },
			"activation":     func() error { _, err := w.FinishActivation(w.ctx(), by(half), begun.ID, true); return err },
		} {
			if err := use(); Refused(err) == nil {
				t.Errorf("%s: %v, want a refusal", name, err)
			}
		}
		if after := w.snapshot("users", "throttles", "audit_events", "outbox", "authenticators", "recovery_code_sets", "links", "devices", "sign_in_attempts"); after != before {
			t.Errorf("something was changed: %s", difference(before, after))
		}
		w.ok(w.AskPasswordReset(w.ctx(), someone, w.cast["carla"].email))
		if w.linkTo(w.cast["carla"].email, LetterPasswordLink) != "" {
			t.Error("a suspended person was sent a link")
		}
	})
}

// T-SESS-8, the second half: of a token nothing is stored but a hash that takes the
// key folder to make.
//
// T-SESS-8, R10, P6
func TestTokensAreStoredAsKeyedHashes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.remembering()
		session, device, attempt := w.signIn("carla"), w.remember("carla").Token, w.attempt("carla")
		rows := []byte(w.snapshot())
		for kind, token := range map[string]string{"session": session.Token, "device": device, "attempt": attempt} {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil || len(raw) != 32 {
				t.Errorf("a token of a %s has %d bytes, %v", kind, len(raw), err)
			}
			for what, trace := range map[string][]byte{"it": []byte(token), "its bytes": raw} {
				hash := sha256.Sum256(trace)
				if bytes.Contains(rows, []byte(fmt.Sprint(trace))) || bytes.Contains(rows, trace) || bytes.Contains(rows, []byte(fmt.Sprint(hash[:]))) {
					t.Errorf("of the token of a %s, %s or a hash of it without a key is stored", kind, what)
				}
			}
		}
		if n := w.count(`SELECT COUNT(*) FROM sessions WHERE id = $1 AND token_hash = $2`, session.ID, w.keys.TokenHash(tokenOfSession, session.Token)); n != 1 {
			t.Error("the session is not found by its keyed hash: what was looked for above?")
		}
	})
}

// T-ENUM-3: a code that was never right and one that is right no more are the same to
// whoever types them. One that is right and used has a sentence of its own, but only
// behind a right password and while nobody waits; it costs no try, and the account's
// owner hears of it.
//
// ASVS 16.3.3, T-ENUM-3, R1
func TestWhatACodeTells(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		answer := func(attempt, text string) Refusal {
			t.Helper()
			_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, text, false)
			r := Refused(err)
			if r == nil {
				t.Fatalf("no refusal: %v", err)
			}
			return *r
		}
		wrong := answer(w.attempts("carla", 1)[0], w.codeAt("carla", 1000))
		expired := answer(w.attempts("dmitri", 1)[0], w.codeAt("dmitri", -2))
		if fmt.Sprintf("%+v", wrong) != fmt.Sprintf("%+v", expired) || wrong.Code != WrongCode {
			t.Errorf("wrong: %+v, expired: %+v", wrong, expired)
		}
		used := w.code("carla")
		w.ok(w.code2("carla", used))
		if r := answer(w.attempts("carla", 1)[0], used); r.Code != CodeUsed || r.Counted || w.fails("carla") != 0 {
			t.Errorf("a used code: %+v, %d failures", r, w.fails("carla"))
		}
		if w.letters("carla", LetterReplay) != 1 || w.events("carla", EventSecondStepReplayed) != 1 {
			t.Error("the account's owner was not told")
		}
		if r := answer("none", used); r.Code != AttemptOver {
			t.Errorf("without a right password: %+v", r)
		}
		for range freeTries {
			w.refused(w.code2("carla", w.codeAt("carla", 1000)), WrongCode)
		}
		waiting, afterUsed := answer(w.attempts("carla", 1)[0], w.codeAt("carla", 1000)), answer(w.attempts("carla", 1)[0], used)
		if waiting.Code != AuthenticatorWait || afterUsed.Code != AuthenticatorWait || w.events("carla", EventSecondStepReplayed) != 1 {
			t.Errorf("while a pause runs: wrong %+v, used %+v", waiting, afterUsed)
		}
	})
}
