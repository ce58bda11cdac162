package api

import (
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
)

func TestSignInTellsWhatComesNext(t *testing.T) {
	w := newWorld(t)
	for who, want := range map[string]string{"ana": "second_step_required", "dora": "activation_required", "elena": "signed_in"} {
		a := w.password(who).is(200)
		if a.text("status") != want || (a.text("session.token") == "") != (want == "second_step_required") {
			t.Errorf("%s: %s", who, a.raw)
		}
	}
	wrong := w.call("POST", "/sign-in", "", object{"email": w.cast["ana"].email, "password": "not this one at all"}).refused(401, core.WrongCredentials)
	unknown := w.call("POST", "/sign-in", "", object{"email": "nobody@example.com", "password": "not this one at all"}).refused(401, core.WrongCredentials)
	invited := w.call("POST", "/sign-in", "", object{"email": w.cast["farid"].email, "password": testPassword}).refused(401, core.WrongCredentials)
	if wrong.raw != unknown.raw || wrong.raw != invited.raw {
		t.Errorf("R12: the answers differ:\n%s%s%s", wrong.raw, unknown.raw, invited.raw)
	}
	for range 3 {
		w.call("POST", "/sign-in", "", object{"email": "nobody@example.com", "password": "no"}).refused(401, core.WrongCredentials)
	}
	last := w.call("POST", "/sign-in", "", object{"email": "nobody@example.com", "password": "no"}).refused(401, core.WrongCredentials)
	if last.at("attempts_left") != 0.0 || last.at("retry_after_seconds") != 30.0 {
		t.Errorf("the fifth: %s", last.raw)
	}
	w.clock.advance(10 * time.Second)
	if waits := w.call("POST", "/sign-in", "", object{"email": "nobody@example.com", "password": "no"}).refused(429, core.TooManyTries); waits.header.Get("Retry-After") != "20" {
		t.Errorf("the sixth: %v %s", waits.header, waits.raw)
	}
}

func TestSecondStepRefusals(t *testing.T) {
	w := newWorld(t)
	attempt := w.password("ana").is(200).text("attempt")
	try := func(code string) *reply {
		return w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": code})
	}
	try("").refused(422, core.CodeEmpty)
	try("12345").refused(422, core.CodeLength)
	try("aaaa-bbbb").refused(422, core.RecoveryCodeLength)
	if a := try("000000").refused(422, core.WrongCode); a.at("attempts_left") != 4.0 { // those before cost nothing
		t.Error(a.raw)
	}
	for range 4 {
		try("000000").refused(422, core.WrongCode)
	}
	try("000000").refused(429, core.AuthenticatorWait)
	if a := try(w.cast["ana"].codes[0]).is(200); a.at("recovery_codes_left") != 9.0 { // locked apps lock no recovery codes
		t.Error(a.raw)
	}
	w.call("POST", "/sign-in/second-step", "", object{"attempt": "no such", "code": "000000"}).refused(410, core.AttemptOver)
}

func TestSession(t *testing.T) {
	w := newWorld(t)
	ana := w.cast["ana"]
	a := w.call("GET", "/session", ana.token, nil).is(200).keys("", "session", "user").keys("session", sessionKeys...).
		keys("user", "id", "email", "name", "role", "status", "team", "language").keys("user.team", "id", "name")
	if a.text("session.id") != ana.session || a.text("user.id") != ana.id || a.text("user.role") != "owner" || a.text("user.status") != "active" ||
		a.text("user.team.name") != "Northwind" || a.text("user.language") != "en" {
		t.Error(a.raw)
	}
	for _, at := range []string{"session.created_at", "session.expires_at"} {
		if x, err := time.Parse(time.RFC3339, a.text(at)); err != nil || x.Location() != time.UTC {
			t.Errorf("%s: %v %q", at, err, a.text(at))
		}
	}
	if head := w.call("HEAD", "/session", ana.token, nil); head.status != 200 {
		t.Errorf("HEAD: %d", head.status)
	}
	w.call("DELETE", "/session", ana.token, nil).is(204)
	if gone := w.call("DELETE", "/session", ana.token, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedSignedOut) {
		t.Error(gone.raw)
	}
	w.clock.advance(2 * time.Hour)
	if gone := w.call("GET", "/session", w.cast["olga"].token, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedIdle) {
		t.Error(gone.raw)
	}
}

func TestSessions(t *testing.T) {
	w := newWorld(t)
	ana := w.cast["ana"]
	second := w.signIn("ana", w.code("ana"))
	third := w.signIn("ana", w.code("ana"))
	list := w.call("GET", "/sessions", third, nil).is(200).keys("", "items", "next_cursor")
	items := list.items()
	if len(items) != 3 || list.body["next_cursor"] != nil || items[0]["current"] != true || items[2]["current"] != false || items[2]["id"] != ana.session {
		t.Fatalf("mine: %s", list.raw)
	}
	if strings.Contains(list.raw, "token") {
		t.Errorf("a token in a list: %s", list.raw)
	}
	w.call("DELETE", "/sessions/"+w.cast["olga"].session, third, nil).refused(404, core.Missing)
	if a := w.call("DELETE", "/sessions/"+items[1]["id"].(string), third, nil).is(200).keys("", "sessions_ended"); a.at("sessions_ended") != 1.0 {
		t.Error(a.raw)
	}
	w.call("DELETE", "/sessions/"+items[1]["id"].(string), third, nil).refused(404, core.Missing)
	if gone := w.call("GET", "/session", second, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedElsewhere) {
		t.Error(gone.raw)
	}
	if a := w.call("DELETE", "/sessions", third, nil).is(200).keys("", "sessions_ended"); a.at("sessions_ended") != 1.0 {
		t.Error(a.raw)
	}
	w.call("GET", "/session", ana.token, nil).refused(401, core.SessionEnded)
	w.call("GET", "/session", third, nil).is(200)
}

func TestStepUp(t *testing.T) {
	w := newWorld(t)
	ana := w.cast["ana"]
	w.clock.advance(11 * time.Minute)
	w.call("POST", "/two-step/recovery-codes", ana.token, object{}).refused(403, core.StepUpRequired)
	w.call("POST", "/step-up", ana.token, object{"password": "wrong, surely", "code": w.code("ana")}).refused(422, core.WrongPassword)
	w.call("POST", "/step-up", ana.token, object{"password": testPassword}).refused(422, core.CodeEmpty)
	w.call("POST", "/step-up", ana.token, object{"password": testPassword, "code": ana.codes[0]}).refused(422, core.RecoveryCodeRefused)
	up := w.call("POST", "/step-up", ana.token, object{"password": testPassword, "code": w.code("ana")}).is(200).
		keys("", "valid_until", "session").keys("session", append(sessionKeys, "token")...)
	if until, err := time.Parse(time.RFC3339, up.text("valid_until")); err != nil || !until.Equal(w.core.Now().Add(10*time.Minute)) {
		t.Error(up.raw)
	}
	fresh := up.text("session.token")
	w.call("GET", "/session", ana.token, nil).refused(401, core.NotSignedIn)
	if up.text("session.id") != ana.session {
		t.Errorf("another session: %s", up.raw)
	}
	renewed := w.call("POST", "/two-step/recovery-codes", fresh, object{}).is(200).keys("", "recovery_codes")
	codes := renewed.at("recovery_codes").([]any)
	if len(codes) != 10 {
		t.Fatal(renewed.raw)
	}
	s, err := w.core.Session(t.Context(), fresh)
	if err != nil {
		t.Fatal(err)
	}
	if shown, err := w.core.ShownRecoveryCodes(t.Context(), s.By(core.Origin{})); err != nil || shown != nil {
		t.Errorf("the new codes can be read again: %v %v", shown, err)
	}
	attempt := w.password("ana").is(200).text("attempt")
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": ana.codes[1]}).refused(422, core.WrongRecoveryCode)
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": codes[0]}).is(200)
	w.call("POST", "/two-step/recovery-codes", w.cast["elena"].token, nil).refused(403, core.StepUpRequired)
}

func TestFromOffThePasswordIsEnough(t *testing.T) {
	w := newWorld(t)
	elena := w.cast["elena"]
	if s := w.call("GET", "/two-step", elena.token, nil).is(200); s.text("state") != "off" || s.text("due_by") == "" {
		t.Error(s.raw)
	}
	w.clock.advance(11 * time.Minute)
	w.call("POST", "/two-step/activation", elena.token, nil).refused(403, core.StepUpRequired)
	fresh := w.call("POST", "/step-up", elena.token, object{"password": testPassword}).is(200).text("session.token")
	first := w.call("POST", "/two-step/activation", fresh, nil).is(201) // no body at all
	w.call("POST", "/two-step/activation", fresh, object{}).is(201)
	w.call("POST", "/two-step/activation/confirm", fresh, object{"activation": first.text("activation"), "code": "123456"}).refused(409, core.ActivationReplaced)
	w.clock.advance(61 * time.Minute)
	again := w.signIn("elena", "")
	w.call("POST", "/two-step/activation/confirm", again, object{"activation": first.text("activation"), "code": "123456"}).refused(410, core.ActivationExpired)
}

func TestDeactivateLater(t *testing.T) {
	w := newWorld(t)
	bruno := w.cast["bruno"]
	w.clock.advance(11 * time.Minute)
	w.call("POST", "/two-step/deactivate", bruno.token, object{"code": w.code("bruno"), "password": "wrong, surely"}).refused(422, core.WrongPassword)
	if a := w.call("POST", "/two-step/deactivate", bruno.token, object{"code": w.code("bruno"), "password": testPassword}).is(200); a.at("sessions_ended") != 1.0 {
		t.Error(a.raw)
	}
}

func TestPeopleInPages(t *testing.T) {
	w := newWorld(t)
	bruno := w.cast["bruno"].token
	seen, cursor := []string{}, ""
	for range 10 {
		page := w.call("GET", "/team/users?limit=3&cursor="+cursor, bruno, nil).is(200).keys("", "items", "next_cursor")
		for _, p := range page.items() {
			seen = append(seen, p["name"].(string))
			if len(p) != 12 {
				t.Errorf("a line of the list: %v", p)
			}
			if p["name"] == "Farid" && (p["status"] != "invited" || p["last_sign_in_at"] != nil) {
				t.Errorf("an invited person: %v", p)
			}
			if p["may_restart"] != (p["name"] == "Carla") { // the one member who has something to restart
				t.Errorf("may_restart of %s: %v", p["name"], p["may_restart"])
			}
		}
		if cursor = page.text("next_cursor"); cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "Ana Berta Bruno Carla Dmitri Dora Elena Farid Olga" {
		t.Errorf("seen: %s", got)
	}
	for query, want := range map[string]int{"?role=owner": 3, "?two_step=due": 2, "?two_step=off": 4, "?q=nobody": 0, "?q=&role=&two_step=&cursor=&limit=": 9, "?limit=200": 9} {
		if a := w.call("GET", "/team/users"+query, bruno, nil).is(200); len(a.items()) != want {
			t.Errorf("%s: %d, want %d: %s", query, len(a.items()), want, a.raw)
		}
	}
	for query, want := range map[string]core.Code{
		"?limit=0": codeInvalidLimit, "?limit=201": codeInvalidLimit, "?limit=abc": codeInvalidLimit, "?role=king": core.RoleInvalid,
		"?two_step=maybe": codeInvalidField, "?nope=1": codeInvalidField,
	} {
		w.call("GET", "/team/users"+query, bruno, nil).refused(422, want)
	}
	w.call("GET", "/team/users?cursor=nonsense", bruno, nil).refused(400, core.InvalidCursor)
	theirs := w.call("GET", "/team/users?limit=1", w.cast["zoe"].token, nil).is(200).text("next_cursor")
	w.call("GET", "/team/users?cursor="+theirs, bruno, nil).refused(400, core.InvalidCursor)
}

func TestChangePerson(t *testing.T) {
	w := newWorld(t)
	ana, bruno := w.cast["ana"].token, w.cast["bruno"].token
	carla := "/team/users/" + w.cast["carla"].id
	a := w.call("PATCH", carla, ana, object{"name": "Carla Díaz", "role": "admin"}).is(200)
	if a.text("name") != "Carla Díaz" || a.text("role") != "admin" || a.at("sessions") != 0.0 {
		t.Error(a.raw)
	}
	if gone := w.call("GET", "/session", w.cast["carla"].token, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedRoleChanged) {
		t.Error(gone.raw)
	}
	w.call("PATCH", carla, ana, object{}).is(200)
	w.call("PATCH", carla, ana, object{"role": nil}).is(200)
	w.call("PATCH", carla, ana, object{"role": "king"}).refused(422, core.RoleInvalid)
	w.call("PATCH", carla, ana, object{"status": "invited"}).refused(422, core.StatusInvalid)
	w.call("PATCH", carla, ana, object{"name": " "}).refused(422, core.NameMissing)
	w.call("PATCH", carla, bruno, object{"status": "suspended"}).refused(403, core.Rank)
	w.call("PATCH", "/team/users/"+w.cast["dmitri"].id, bruno, object{"role": "admin"}).refused(403, core.OwnerOnly)
	if a := w.call("PATCH", "/team/users/"+w.cast["dmitri"].id, bruno, object{"status": "suspended"}).is(200); a.text("status") != "suspended" {
		t.Error(a.raw)
	}
	w.call("GET", "/session", w.cast["dmitri"].token, nil).refused(401, core.SessionEnded)
	w.password("dmitri").refused(401, core.WrongCredentials)

	// Zoe is her team's only owner; Ana is not, and may give it up: there is then
	// nothing left that she may see.
	w.call("PATCH", "/team/users/"+w.cast["zoe"].id, w.cast["zoe"].token, object{"role": "member"}).refused(409, core.LastOwner)
	w.clock.advance(11 * time.Minute)
	w.call("PATCH", "/team/users/"+w.cast["bruno"].id, ana, object{"role": "member"}).refused(403, core.StepUpRequired)
	fresh := w.signIn("ana", w.code("ana"))
	if a := w.call("PATCH", "/team/users/"+w.cast["ana"].id, fresh, object{"role": "member"}).is(204); a.raw != "" {
		t.Error(a.raw)
	}
}

// ASVS 7.4.5
func TestEndSessionsAndRemove(t *testing.T) {
	w := newWorld(t)
	ana, bruno := w.cast["ana"].token, w.cast["bruno"].token
	carla := "/team/users/" + w.cast["carla"].id
	if a := w.call("DELETE", carla+"/sessions", bruno, nil).is(200).keys("", "sessions_ended"); a.at("sessions_ended") != 1.0 {
		t.Error(a.raw)
	}
	if gone := w.call("GET", "/session", w.cast["carla"].token, nil).refused(401, core.SessionEnded); gone.text("reason") != string(core.EndedByAdministrator) {
		t.Error(gone.raw)
	}
	w.call("DELETE", "/team/users/"+w.cast["ana"].id+"/sessions", bruno, nil).refused(403, core.OwnersSessions)
	w.call("DELETE", "/team/users/"+w.cast["olga"].id, bruno, nil).refused(403, core.Rank)
	w.call("DELETE", "/team/users/"+w.cast["ana"].id, ana, nil).refused(403, core.Self)
	w.call("DELETE", carla, bruno, nil).is(204)
	w.call("GET", carla, ana, nil).refused(404, core.Missing)
	w.call("DELETE", carla, ana, nil).refused(404, core.Missing)
	w.password("carla").refused(401, core.WrongCredentials)
}

func TestRestartRefusals(t *testing.T) {
	w := newWorld(t)
	ana, bruno := w.cast["ana"].token, w.cast["bruno"].token
	restart := func(who, token string, body object) *reply {
		return w.call("POST", "/team/users/"+w.cast[who].id+"/restart-two-step", token, body)
	}
	good := object{"reason": "Lost phone", "verified_by": "in_person"}
	restart("ana", ana, good).refused(403, core.Self)
	restart("olga", bruno, good).refused(403, core.Rank)
	restart("berta", bruno, good).refused(403, core.Rank)
	restart("elena", ana, good).refused(409, core.NothingToRestart)
	restart("farid", ana, good).refused(409, core.NothingToRestart)
	restart("zoe", ana, good).refused(404, core.Missing)
	if a := restart("carla", ana, object{"reason": "  ", "verified_by": "in_person"}).refused(422, core.ReasonMissing); a.text("field") != "reason" {
		t.Error(a.raw)
	}
	restart("carla", ana, object{"verified_by": "in_person"}).refused(422, core.ReasonMissing)
	restart("carla", ana, object{"reason": strings.Repeat("x", 201), "verified_by": "in_person"}).refused(422, core.ReasonTooLong)
	for _, by := range []object{{"reason": "Lost phone"}, {"reason": "Lost phone", "verified_by": "a hunch"}, {"reason": "Lost phone", "verified_by": ""}} {
		if a := restart("carla", ana, by).refused(422, core.VerifiedByMissing); a.text("field") != "verified_by" {
			t.Error(a.raw)
		}
	}
	if s := w.call("GET", "/two-step", w.cast["carla"].token, nil).is(200); s.text("state") != "active" {
		t.Errorf("a refused restart changed something: %s", s.raw)
	}
	restart("olga", ana, good).is(200)
	restart("carla", bruno, good).is(200)
}
