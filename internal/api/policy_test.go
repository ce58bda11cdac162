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
	fields := []string{"session_idle_seconds", "session_absolute_seconds", "remember_devices_seconds", "return_hosts", "version"}
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
	if _, err := w.core.RestartFromConsole(t.Context(), core.Console("test"), w.cast["ana"].email, "lost the phone"); err != nil {
		t.Fatal(err)
	}
	_, _, fresh := w.activate(w.password("ana").is(200).text("session.token"))
	w.call("GET", "/team/policy", fresh, nil).is(200)
	w.call("PATCH", "/team/policy", fresh, object{"session_idle_seconds": 1800}).refused(403, core.Contained)
}
