package api

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/url"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/totp"
)

var sessionKeys = []string{"id", "created_at", "expires_at", "second_step", "reach"}

// activate is J1 after the sign-in: it returns the app's key, the recovery codes
// and the new token.
func (w *world) activate(token string) (key []byte, codes []string, fresh string) {
	w.t.Helper()
	a := w.call("POST", "/two-step/activation", token, object{}).is(201).keys("", "activation", "key", "uri", "qr_png", "expires_at")
	key = keyOf(a.text("key"))
	uri, err := url.Parse(a.text("uri"))
	if err != nil || uri.Scheme != "otpauth" || uri.Host != "totp" || uri.Query().Get("secret") != a.text("key") {
		w.t.Errorf("uri %q", a.text("uri"))
	}
	picture, err := base64.StdEncoding.DecodeString(a.text("qr_png"))
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		w.t.Errorf("qr_png: %v", err)
	}
	id := a.text("activation")

	wrong := w.call("POST", "/two-step/activation/confirm", token, object{"activation": id, "code": "000000"}).refused(422, core.WrongCode)
	if wrong.text("field") != "code" || wrong.at("attempts_left") != 4.0 {
		w.t.Errorf("a wrong code: %s", wrong.raw)
	}
	w.call("POST", "/two-step/activation/finish", token, object{"activation": id, "saved": true}).refused(409, core.ActivationNotProved)
	confirmed := w.call("POST", "/two-step/activation/confirm", token, object{"activation": id, "code": totp.Code(key, totp.StepAt(w.clock.Now()))}).
		is(200).keys("", "recovery_codes", "activation")
	for _, c := range confirmed.at("recovery_codes").([]any) {
		codes = append(codes, c.(string))
	}
	if len(codes) != 10 || confirmed.text("activation") != id {
		w.t.Fatalf("confirmed: %s", confirmed.raw)
	}
	w.call("POST", "/two-step/activation/finish", token, object{"activation": id, "saved": false}).refused(422, core.NotSaved)
	done := w.call("POST", "/two-step/activation/finish", token, object{"activation": id, "saved": true}).
		is(200).keys("", "state", "session").keys("session", append(sessionKeys, "token")...)
	fresh = done.text("session.token")
	if done.text("state") != "active" || fresh == "" || fresh == token || done.text("session.reach") != "full" || done.text("session.second_step") != "authenticator" {
		w.t.Errorf("finished: %s", done.raw)
	}
	return key, codes, fresh
}

func TestJ1Activate(t *testing.T) {
	w := newWorld(t)
	elsewhere := w.signIn("dora", "")
	in := w.password("dora").is(200).keys("", "status", "session").keys("session", append(sessionKeys, "token")...)
	if in.text("status") != "activation_required" || in.text("session.reach") != "activation" || in.text("session.second_step") != "none" {
		t.Fatalf("signed in: %s", in.raw)
	}
	token := in.text("session.token")
	w.call("GET", "/team/users", token, nil).refused(403, core.ActivationRequired)
	if s := w.call("GET", "/two-step", token, nil).is(200); s.text("state") != "due" || len(s.at("authenticators").([]any)) != 0 || s.at("recovery_codes_left") != 0.0 {
		t.Errorf("before: %s", s.raw)
	}
	key, _, fresh := w.activate(token)

	w.call("GET", "/session", token, nil).refused(401, core.NotSignedIn) // the replaced token
	if gone := w.call("GET", "/session", elsewhere, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedActivated) {
		t.Errorf("the other session: %s", gone.raw)
	}
	s := w.call("GET", "/two-step", fresh, nil).is(200).keys("", "state", "authenticators", "recovery_codes_left", "due_by", "pass_required")
	apps := s.at("authenticators").([]any)
	if s.text("state") != "active" || s.at("recovery_codes_left") != 10.0 || s.body["due_by"] != nil || len(apps) != 1 {
		t.Fatalf("after: %s", s.raw)
	}
	if app := apps[0].(object); app["kind"] != "app" || app["last_used_at"] != nil || app["created_at"] == nil || app["id"] == "" {
		t.Errorf("the app: %v", app)
	}
	w.call("POST", "/two-step/activation", fresh, nil).refused(409, core.AlreadyActive)

	// J2, and the code that confirmed the activation is used up (R1).
	attempt := w.password("dora").is(200).text("attempt")
	confirming := totp.Code(key, totp.StepAt(w.clock.Now()))
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": confirming}).refused(422, core.CodeUsed)
	w.clock.advance(totp.Period * time.Second)
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": totp.Code(key, totp.StepAt(w.clock.Now()))}).is(200)
}

func TestJ3SelfServiceReset(t *testing.T) {
	w := newWorld(t)
	carla := w.cast["carla"]
	a, b := carla.codes[0], carla.codes[1]
	first := w.password("carla").is(200).keys("", "status", "attempt", "methods", "expires_at")
	if first.text("status") != "second_step_required" || len(first.at("methods").([]any)) != 2 {
		t.Fatalf("the password: %s", first.raw)
	}
	second := w.call("POST", "/sign-in/second-step", "", object{"attempt": first.text("attempt"), "code": a}).
		is(200).keys("", "status", "session", "recovery_codes_left").keys("session", append(sessionKeys, "token")...)
	if second.text("status") != "signed_in" || second.at("recovery_codes_left") != 9.0 || second.text("session.second_step") != "recovery_code" || second.text("session.reach") != "full" {
		t.Fatalf("the recovery code: %s", second.raw)
	}
	token := second.text("session.token")
	w.call("POST", "/step-up", token, object{"password": testPassword, "code": w.code("carla")}).refused(403, core.RecoverySession)
	w.call("POST", "/two-step/recovery-codes", token, object{}).refused(403, core.RecoverySession)
	if same := w.call("POST", "/two-step/deactivate", token, object{"code": a}).refused(422, core.SameCode); same.text("field") != "code" || same.body["attempts_left"] != nil {
		t.Errorf("the same code: %s", same.raw)
	}
	out := w.call("POST", "/two-step/deactivate", token, object{"code": b}).is(200).keys("", "status", "sessions_ended")
	if out.text("status") != "signed_out" || out.at("sessions_ended") != 2.0 { // this one and the cast's
		t.Errorf("deactivated: %s", out.raw)
	}
	for _, dead := range []string{token, carla.token} {
		if gone := w.call("GET", "/session", dead, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedDeactivated) {
			t.Errorf("an ended session: %s", gone.raw)
		}
	}
	in := w.password("carla").is(200)
	if in.text("status") != "activation_required" {
		t.Fatalf("the next sign-in: %s", in.raw)
	}
	token = in.text("session.token")
	w.call("POST", "/two-step/deactivate", token, object{"code": b}).refused(403, core.ActivationRequired)
	_, codes, fresh := w.activate(token)
	w.call("GET", "/sessions", fresh, nil).is(200)

	attempt := w.password("carla").is(200).text("attempt")
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": carla.codes[2]}).refused(422, core.WrongRecoveryCode)
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": codes[0]}).is(200)
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": codes[1]}).refused(410, core.AttemptOver)
}

func TestJ4RestartFromTheTeam(t *testing.T) {
	w := newWorld(t)
	carla := w.cast["carla"]
	owner := w.signIn("ana", w.code("ana"))
	found := w.call("GET", "/team/users?q=Carla", owner, nil).is(200).items()
	if len(found) != 1 || found[0]["may_restart"] != true || found[0]["two_step"] != "active" || found[0]["recovery_codes_left"] != 10.0 {
		t.Fatalf("found: %v", found)
	}
	path := "/team/users/" + found[0]["id"].(string)
	if before := w.call("GET", path, owner, nil).is(200); before.at("sessions") != 1.0 || len(before.at("restarts").([]any)) != 0 {
		t.Errorf("before: %s", before.raw)
	}
	receipt := w.call("POST", path+"/restart-two-step", owner, object{"reason": "Lost the phone on a train", "verified_by": "video_call"}).
		is(200).keys("", "sessions_ended", "authenticators_removed", "recovery_codes_removed", "remembered_devices_removed", "due_by")
	due, err := time.Parse(time.RFC3339, receipt.text("due_by"))
	if receipt.at("sessions_ended") != 1.0 || receipt.at("authenticators_removed") != 1.0 || receipt.at("recovery_codes_removed") != 10.0 ||
		receipt.at("remembered_devices_removed") != 0.0 || err != nil || !due.Equal(w.core.Now().Add(72*time.Hour)) {
		t.Errorf("the receipt: %s", receipt.raw)
	}
	after := w.call("GET", path, owner, nil).is(200)
	history := after.at("restarts").([]any)
	if after.text("two_step") != "due" || after.at("sessions") != 0.0 || after.text("due_by") == "" || len(history) != 1 {
		t.Fatalf("after: %s", after.raw)
	}
	line := history[0].(object)
	if by := line["by"].(object); by["id"] != w.cast["ana"].id || by["name"] != "Ana" || line["reason"] != "Lost the phone on a train" || line["verified_by"] != "video_call" || line["sessions_ended"] != 1.0 {
		t.Errorf("the history: %v", line)
	}
	if again := w.call("POST", path+"/restart-two-step", owner, object{"reason": "Once more", "verified_by": "other"}).is(200); again.at("sessions_ended") != 0.0 || again.at("recovery_codes_removed") != 0.0 {
		t.Errorf("restarted while due: %s", again.raw)
	}

	// J6: the restarted person.
	if gone := w.call("GET", "/session", carla.token, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedRestarted) {
		t.Errorf("the ended session: %s", gone.raw)
	}
	in := w.password("carla").is(200)
	if in.text("status") != "activation_required" {
		t.Fatalf("the restarted person: %s", in.raw)
	}
	w.activate(in.text("session.token"))
	if line := w.call("GET", path, owner, nil).is(200); line.text("two_step") != "active" || line.body["due_by"] != nil {
		t.Errorf("after the activation: %s", line.raw)
	}
}

func TestTheAccountCloses(t *testing.T) {
	w := newWorld(t)
	w.call("POST", "/team/users/"+w.cast["carla"].id+"/restart-two-step", w.cast["ana"].token, object{"reason": "Lost phone", "verified_by": "in_person"}).is(200)
	w.clock.advance(73 * time.Hour)
	w.password("carla").refused(403, core.AccountClosed)
}
