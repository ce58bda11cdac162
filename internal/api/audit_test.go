package api

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doorstep/internal/core"
)

// ASVS 5.4.1, ASVS 5.4.2
func TestAudit(t *testing.T) {
	w := newWorld(t)
	ana, zoe := w.cast["ana"].token, w.cast["zoe"].token
	const reason = `=HYPERLINK("https://evil.example","x")`
	w.call("POST", "/team/users/"+w.cast["carla"].id+"/restart-two-step", ana, object{"reason": reason, "verified_by": "in_person"}).is(200)
	a := w.call("GET", "/team/audit?event=two_step.restarted", w.cast["bruno"].token, nil).is(200)
	first := a.at("items").([]any)[0].(map[string]any)
	for name, want := range map[string]any{
		"event": "two_step.restarted", "sentence": "Ana restarted 2-step authentication for Carla.", "weighty": true, "actor_id": w.cast["ana"].id, "actor_name": "Ana",
		"target_id": w.cast["carla"].id, "target_name": "Carla", "via": "api", "reason": reason, "at": "2026-11-24T12:00:00Z",
	} {
		if first[name] != want {
			t.Errorf("%s is %v, want %v", name, first[name], want)
		}
	}
	one := w.call("GET", "/team/audit/"+first["id"].(string), ana, nil).is(200)
	if one.text("sentence") != first["sentence"] {
		t.Error(one.raw)
	}
	w.call("GET", "/team/audit/"+first["id"].(string), zoe, nil).refused(404, core.Missing)
	w.call("GET", "/team/audit?from=then", ana, nil).refused(422, core.DateInvalid)
	w.call("GET", "/team/audit?cursor=none", ana, nil).refused(400, core.InvalidCursor)
	w.call("GET", "/team/audit?limit=0", ana, nil).refused(422, codeInvalidLimit)

	// In pages: all of it, each once.
	seen, cursor := map[string]bool{}, ""
	for range 100 {
		page := w.call("GET", "/team/audit?limit=3&cursor="+url.QueryEscape(cursor), ana, nil).is(200)
		for _, e := range page.at("items").([]any) {
			seen[e.(map[string]any)["id"].(string)] = true
		}
		next, more := page.at("next_cursor").(string)
		if !more {
			break
		}
		cursor = next
	}

	lines := w.call("GET", "/team/audit/export", ana, nil).is(200)
	if lines.header.Get("Content-Type") != "application/x-ndjson" || lines.header.Get("Cache-Control") != "no-store" {
		t.Error(lines.header)
	}
	n := 0
	for line := range strings.Lines(lines.raw) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil || !seen[e["id"].(string)] {
			t.Errorf("%s: %v", line, err)
		}
		n++
	}
	if n != len(seen) || n < 10 {
		t.Errorf("%d events in pages, %d in the export", len(seen), n)
	}
	file := w.call("GET", "/team/audit/export?format=csv&event=two_step.restarted", ana, nil).is(200)
	rows, err := csv.NewReader(strings.NewReader(file.raw)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][12] != "'"+reason {
		t.Errorf("%v, %v", rows, err)
	}
	if got := file.header.Get("Content-Disposition"); got != `attachment; filename="audit-2026-11-24.csv"` {
		t.Error(got)
	}
	if none := w.call("GET", "/team/audit/export?event=never.happened", ana, nil).is(200); none.raw != "" {
		t.Error(none.raw)
	}
	w.call("GET", "/team/audit/export?format=xls", ana, nil).refused(422, codeInvalidField)
	w.call("GET", "/team/audit/export?to=then", ana, nil).refused(422, core.DateInvalid)
	if theirs := w.call("GET", "/team/audit/export", zoe, nil).is(200); strings.Contains(theirs.raw, "Carla") || strings.Contains(theirs.raw, w.cast["ana"].id) {
		t.Errorf("another team's: %s", theirs.raw)
	}
	// No verb changes it.
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		for _, path := range []string{"/team/audit", "/team/audit/export", "/team/audit/" + first["id"].(string)} {
			if got := w.call(method, path, ana, nil); got.status != 405 {
				t.Errorf("%s %s: %d", method, path, got.status)
			}
		}
	}
}
