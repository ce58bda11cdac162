package api

import (
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
)

const month = 30 * 24 * time.Hour

// remembers lets the team's devices skip the second step.
func (w *world) remembers() {
	w.t.Helper()
	w.call("PATCH", "/team/policy", w.cast["ana"].token, object{"remember_devices_seconds": int(month.Seconds())}).is(200)
}

// remember signs somebody in on a device that is remembered from then on.
func (w *world) remember(who string) (session, device string) {
	w.t.Helper()
	attempt := w.password(who).is(200).text("attempt")
	a := w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": w.code(who), "remember": true}).is(200).
		keys("", "status", "session", "recovery_codes_left", "device").keys("device", "token", "expires_at")
	until, err := time.Parse(time.RFC3339, a.text("device.expires_at"))
	if err != nil || !until.Equal(w.core.Now().Add(month).UTC().Truncate(time.Second)) {
		w.t.Errorf("remembered until: %s", a.raw)
	}
	return a.text("session.token"), a.text("device.token")
}

// on signs in with what a device holds.
func (w *world) on(who, device string) *reply {
	w.t.Helper()
	return w.call("POST", "/sign-in", "", object{"email": w.cast[who].email, "password": testPassword, "device": device})
}

func TestRememberedDevice(t *testing.T) {
	w := newWorld(t)
	attempt := w.password("carla").is(200).text("attempt")
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": w.code("carla"), "remember": true}).is(200).
		keys("", "status", "session", "recovery_codes_left") // the policy does not allow it
	w.remembers()
	attempt = w.password("carla").is(200).text("attempt")
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": w.code("carla")}).is(200).
		keys("", "status", "session", "recovery_codes_left") // nobody asked for it
	attempt = w.password("carla").is(200).text("attempt")
	w.call("POST", "/sign-in/second-step", "", object{"attempt": attempt, "code": w.cast["carla"].codes[0], "remember": true}).is(200).
		keys("", "status", "session", "recovery_codes_left") // a recovery code cannot

	token, first := w.remember("carla")
	if a := w.on("carla", "").is(200); a.text("status") != "second_step_required" {
		t.Errorf("without the device: %s", a.raw)
	}
	if a := w.on("ana", first).is(200); a.text("status") != "second_step_required" {
		t.Errorf("somebody else's device: %s", a.raw)
	}
	w.call("DELETE", "/session", token, nil).is(204)
	in := w.on("carla", first).is(200).keys("", "status", "session", "device").keys("session", append(sessionKeys, "token")...)
	second := in.text("device.token")
	if in.text("status") != "signed_in" || in.text("session.second_step") != "none" || in.text("session.reach") != "full" || second == first || second == "" {
		t.Fatalf("on the device: %s", in.raw)
	}
	mine := in.text("session.token")
	w.call("POST", "/two-step/recovery-codes", mine, object{}).refused(403, core.StepUpRequired)
	if items := w.call("GET", "/sessions", mine, nil).is(200).items(); items[0]["remembered"] != true || items[1]["remembered"] != false {
		t.Errorf("my sessions: %v", items)
	}
	list := w.call("GET", "/devices", mine, nil).is(200).keys("", "items", "next_cursor")
	items := list.items()
	if len(items) != 1 || list.body["next_cursor"] != nil || strings.Contains(list.raw, "token") || len(items[0]) != 6 {
		t.Fatalf("my devices: %s", list.raw)
	}
	path := "/devices/" + items[0]["id"].(string)
	w.call("DELETE", path, w.cast["ana"].token, nil).refused(404, core.Missing)
	w.call("DELETE", path, mine, nil).is(204)
	w.call("DELETE", path, mine, nil).refused(404, core.Missing)
	if a := w.on("carla", second).is(200); a.text("status") != "second_step_required" {
		t.Errorf("a forgotten device: %s", a.raw)
	}
	w.call("GET", "/session", mine, nil).is(200)
}

// What a thief copied, or what was used already, is worth nothing, and neither is
// the device any more.
func TestRememberedDeviceReused(t *testing.T) {
	w := newWorld(t)
	w.remembers()
	_, first := w.remember("carla")
	second := w.on("carla", first).is(200).text("device.token")
	w.clock.advance(time.Minute)
	if a := w.on("carla", first).is(200); a.text("status") != "second_step_required" || a.at("device") != nil {
		t.Errorf("an old token: %s", a.raw)
	}
	if a := w.on("carla", second).is(200); a.text("status") != "second_step_required" {
		t.Errorf("the newest, after an old one was used: %s", a.raw)
	}
}

// A device is dead after whatever changes what the person proves themself with.
func TestRememberedDeviceIsDead(t *testing.T) {
	for name, change := range map[string]func(w *world, token string){
		"deactivation": func(w *world, token string) {
			w.call("POST", "/two-step/deactivate", token, object{"code": w.cast["carla"].codes[0]}).is(200)
		},
		"restart": func(w *world, _ string) {
			a := w.call("POST", "/team/users/"+w.cast["carla"].id+"/restart-two-step", w.cast["ana"].token, object{"reason": "Lost phone", "verified_by": "other"}).is(200)
			if a.at("remembered_devices_removed") != 1.0 {
				w.t.Errorf("the receipt: %s", a.raw)
			}
		},
		"policy": func(w *world, _ string) {
			w.call("PATCH", "/team/policy", w.cast["ana"].token, object{"remember_devices_seconds": 0}).is(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.remembers()
			token, device := w.remember("carla")
			change(w, token)
			a := w.on("carla", device).is(200)
			if a.text("status") == "signed_in" || a.at("device") != nil {
				t.Fatalf("at once: %s", a.raw)
			}
			if a.text("status") != "activation_required" {
				return
			}
			w.activate(a.text("session.token")) // and also with the next app
			if a := w.on("carla", device).is(200); a.text("status") != "second_step_required" {
				t.Errorf("after the next activation: %s", a.raw)
			}
		})
	}
}
