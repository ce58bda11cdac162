package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
)

func TestPolicy(t *testing.T) {
	w := newWorld(t)
	ana, bruno := w.cast["ana"].token, w.cast["bruno"].token
	fields := []string{
		"two_step_required", "grace_seconds", "activation_window_seconds", "containment_seconds", "pass_for", "second_approver", "restarts_per_hour",
		"deactivation_allowed", "session_idle_seconds", "session_absolute_seconds", "remember_devices_seconds", "return_hosts", "version", "weaker",
	}
	a := w.call("GET", "/team/policy", bruno, nil).is(200).keys("", fields...)
	version := a.at("version").(float64)
	if a.at("session_idle_seconds") != 3600.0 || a.at("session_absolute_seconds") != 86400.0 || a.at("remember_devices_seconds") != 0.0 || len(a.at("return_hosts").([]any)) != 0 {
		t.Errorf("as it is: %s", a.raw)
	}
	w.call("PATCH", "/team/policy", bruno, object{"session_idle_seconds": 1800}).refused(403, core.OwnerOnly)

	a = w.call("PATCH", "/team/policy", ana, object{"session_idle_seconds": 1800, "return_hosts": []string{"Wiki.example.com", "b.example.com:8443"}, "version": version}).
		is(200).keys("", fields...)
	if a.at("session_idle_seconds") != 1800.0 || a.at("session_absolute_seconds") != 86400.0 || a.at("version") != version+1 || fmt.Sprint(a.at("return_hosts")) != "[b.example.com:8443 wiki.example.com]" {
		t.Errorf("changed: %s", a.raw)
	}
	if read := w.call("GET", "/team/policy", ana, nil).is(200); read.raw != a.raw {
		t.Errorf("read again: %s, changed: %s", read.raw, a.raw)
	}
	w.call("PATCH", "/team/policy", ana, object{"session_idle_seconds": 2400, "version": version}).refused(409, core.PolicyChanged)
	if a := w.call("PATCH", "/team/policy", ana, object{"session_idle_seconds": nil, "return_hosts": nil}).is(200); a.at("version") != version+1 || len(a.at("return_hosts").([]any)) != 2 {
		t.Errorf("nothing was changed: %s", a.raw)
	}
	if a := w.call("PATCH", "/team/policy", ana, object{"return_hosts": []string{}}).is(200); len(a.at("return_hosts").([]any)) != 0 {
		t.Errorf("no host: %s", a.raw)
	}
	if theirs := w.call("GET", "/team/policy", w.cast["zoe"].token, nil).is(200); theirs.at("session_idle_seconds") != 3600.0 {
		t.Errorf("another team's: %s", theirs.raw)
	}
	w.clock.advance(11 * time.Minute)
	w.call("PATCH", "/team/policy", ana, object{"session_idle_seconds": 3600}).refused(403, core.StepUpRequired)
}

// ASVS 2.2.3
func TestPolicyRefuses(t *testing.T) {
	w := newWorld(t)
	ana := w.cast["ana"].token
	for _, x := range []struct {
		body  object
		code  core.Code
		field string
		says  string
	}{
		{object{"session_idle_seconds": 60}, core.OutOfRange, "session_idle_seconds", "5 minutes to 1 day"},
		{object{"session_idle_seconds": 3601}, core.OutOfRange, "session_idle_seconds", "5 minutes"},
		{object{"session_idle_seconds": -3600}, core.OutOfRange, "session_idle_seconds", "5 minutes"},
		{object{"session_idle_seconds": 9223372036854775807}, core.OutOfRange, "session_idle_seconds", "5 minutes"},
		{object{"session_absolute_seconds": 31 * 86400}, core.OutOfRange, "session_absolute_seconds", "15 minutes to 30 days"},
		{object{"session_absolute_seconds": 5400, "session_idle_seconds": 7200}, core.OutOfRange, "session_idle_seconds", "5 minutes to 90 minutes"},
		{object{"remember_devices_seconds": 3600}, core.OutOfRange, "remember_devices_seconds", "1 day to 30 days"},
		{object{"return_hosts": []string{"https://wiki.example.com"}}, core.HostInvalid, "return_hosts", "https://wiki.example.com"},
		{object{"return_hosts": manyHosts()}, core.TooManyHosts, "return_hosts", "50"},
		{object{"grace_seconds": 3600}, core.OutOfRange, "grace_seconds", "1 day to 30 days, in whole minutes"},
		{object{"activation_window_seconds": 60}, core.OutOfRange, "activation_window_seconds", "1 hour to 14 days"},
		{object{"containment_seconds": 0}, core.OutOfRange, "containment_seconds", "1 hour to 30 days"},
		{object{"restarts_per_hour": 0}, core.NumberOutOfRange, "restarts_per_hour", "from 1 to 100"},
		{object{"pass_for": "some"}, codeInvalidField, "pass_for", ""},
		{object{"two_step_required": "yes"}, codeInvalidField, "two_step_required", ""},
		{object{"return_hosts": "wiki.example.com"}, codeInvalidField, "return_hosts", ""},
		{object{"session_idle_seconds": "3600"}, codeInvalidField, "session_idle_seconds", ""},
		{object{"session_idle_seconds": 3600.5}, codeInvalidField, "session_idle_seconds", ""},
		{object{"nothing": 1}, codeInvalidField, "nothing", ""},
	} {
		a := w.call("PATCH", "/team/policy", ana, x.body).refused(422, x.code)
		if a.text("field") != x.field || !strings.Contains(a.text("detail"), x.says) {
			t.Errorf("%v: %s", x.body, a.raw)
		}
	}
	if a := w.call("GET", "/team/policy", ana, nil).is(200); a.at("version") != 1.0 {
		t.Errorf("something was changed: %s", a.raw)
	}
}

func manyHosts() (hosts []string) {
	for i := range core.ReturnHostsMost + 1 {
		hosts = append(hosts, fmt.Sprintf("h%d.example.com", i))
	}
	return hosts
}

// Who was restarted a short while ago changes no policy (R15).
func TestPolicyIsNotForTheContained(t *testing.T) {
	w := newWorld(t)
	r, err := w.core.RestartFromConsole(t.Context(), core.Console("test"), w.cast["ana"].email, "lost the phone")
	if err != nil {
		t.Fatal(err)
	}
	token := w.password("ana").is(200).text("session.token")
	w.call("POST", "/two-step/activation", token, object{"pass": r.Pass}).is(201)
	_, _, fresh := w.activate(token)
	w.call("GET", "/team/policy", fresh, nil).is(200)
	w.call("PATCH", "/team/policy", fresh, object{"session_idle_seconds": 1800}).refused(403, core.Contained)
}

// Every setting is read and written by its own name.
func TestPolicyOfRestarts(t *testing.T) {
	w := newWorld(t)
	ana := w.cast["ana"].token
	change := object{
		"two_step_required": false, "grace_seconds": 86400.0, "activation_window_seconds": 7200.0, "containment_seconds": 3600.0, "pass_for": "everybody",
		"second_approver": true, "restarts_per_hour": 7.0, "deactivation_allowed": false,
	}
	for _, a := range []*reply{w.call("PATCH", "/team/policy", ana, change).is(200), w.call("GET", "/team/policy", ana, nil).is(200)} {
		for name, value := range change {
			if a.at(name) != value {
				t.Errorf("%s is %v, want %v", name, a.at(name), value)
			}
		}
		if got := fmt.Sprint(a.at("weaker")); got != "[two_step_required containment_seconds restarts_per_hour]" {
			t.Errorf("weaker: %s", got)
		}
	}
	// Threat mode, as the API says it.
	code := w.cast["carla"].codes[0]
	a := w.call("POST", "/two-step/deactivate", w.cast["carla"].token, object{"code": code}).refused(403, core.DeactivationPaused)
	if a.text("detail") != "Your team has paused deactivation. Ask an owner or admin for a restart." {
		t.Error(a.raw)
	}
}

func TestPolicyEffect(t *testing.T) {
	w := newWorld(t)
	ana := w.cast["ana"].token
	before := w.call("GET", "/team/policy", ana, nil).is(200)
	a := w.call("PATCH", "/team/policy?effect=1", ana, object{"grace_seconds": 2 * 86400, "deactivation_allowed": false}).is(200)
	by := testStart.Add(48 * time.Hour).Format(time.RFC3339)
	for name, want := range map[string]any{
		"effect.people_must_activate": 4.0, "effect.must_activate_by": by, "effect.people_must_activate_now": 0.0, "effect.people_freed": 0.0,
		"effect.people_who_may_not_deactivate": 3.0, "effect.sessions_ended": 0.0, "effect.devices_forgotten": 0.0, "effect.people_with_more_days": 0.0,
		"grace_seconds": 2 * 86400.0, "version": 1.0,
	} {
		if a.at(name) != want {
			t.Errorf("%s is %v, want %v", name, a.at(name), want)
		}
	}
	if now := w.call("GET", "/team/policy", ana, nil).is(200); now.raw != before.raw || strings.Contains(now.raw, "effect") {
		t.Errorf("something was saved: %s", now.raw)
	}
	w.call("PATCH", "/team/policy?effect=1", ana, object{"grace_seconds": 1}).refused(422, core.OutOfRange)
	w.call("PATCH", "/team/policy?effect=1", w.cast["bruno"].token, object{"grace_seconds": 86400}).refused(403, core.OwnerOnly)
	w.call("PATCH", "/team/policy?effect=2", ana, object{"grace_seconds": 86400}).refused(422, codeInvalidField)
	if list := w.call("GET", "/team/users?two_step=grace", ana, nil).is(200).at("items").([]any); len(list) != 4 {
		t.Errorf("%d people are in their days of grace", len(list))
	}
}
