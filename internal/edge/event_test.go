package edge

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
	"doorstep/internal/words/wordstest"
)

// inParts hands out events as a stream does.
func inParts(parts ...[]core.Event) func() ([]core.Event, error) {
	return func() (part []core.Event, err error) {
		if len(parts) > 0 {
			part, parts = parts[0], parts[1:]
		}
		return part, nil
	}
}

var hostile = []string{
	"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x", `"=1`, "a\"b,c\r\nd", "\u202eevil", "\x1b[31mred", "line\u2028two", "ok", "",
}

// No cell of an export begins as a formula does, and what stands in it comes back.
//
// ASVS 1.2.10
func TestCSVIsSafe(t *testing.T) {
	var events []core.Event
	for _, text := range hostile {
		events = append(events, core.Event{
			ID: "=id", At: time.Date(2026, 11, 24, 12, 0, 0, 5e6, time.UTC), Event: "=cmd.run", ActorID: text, ActorName: text, TargetID: text, TargetName: text,
			Via: core.Via(text), Address: text, Device: text, Reason: text, Details: map[string]any{"x": text},
		})
	}
	for _, language := range words.Languages() {
		var file bytes.Buffer
		if err := writeCSV(&file, wordstest.Strict(t).In(language), inParts(events[:3], events[3:])); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&file).ReadAll()
		if err != nil || len(rows) != len(events)+1 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for i, row := range rows[1:] {
			for _, cell := range row {
				if cell != "" && slices.Contains([]rune("=+-@\t\r\n＝＋－＠"), []rune(cell)[0]) {
					t.Errorf("a cell begins with %q: %q", []rune(cell)[0], cell)
				}
			}
			// A reader of CSV makes \n of \r\n inside of a cell.
			if got, want := strings.TrimPrefix(row[12], "'"), strings.ReplaceAll(hostile[i], "\r\n", "\n"); got != want {
				t.Errorf("%q came back as %q", want, got)
			}
		}
		if rows[1][1] != "2026-11-24T12:00:00.005Z" {
			t.Error(rows[1][1])
		}
	}
}

// T-LOG-2, of the export: whatever stands in an event, it is one line that reads back
// as it was.
//
// ASVS 1.2.3, ASVS 16.2.2, ASVS 16.4.1, T-LOG-2
func TestJSONLines(t *testing.T) {
	var events []core.Event
	for _, text := range hostile {
		events = append(events, core.Event{ID: text, Event: "session.started", ActorName: text, Reason: text, Details: map[string]any{"x": text}})
	}
	var file bytes.Buffer
	if err := writeJSONLines(&file, wordstest.Strict(t).In(words.English), inParts(events[:5], events[5:])); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(file.String(), "\n"), "\n")
	if len(lines) != len(events) || strings.ContainsAny(file.String(), "\r\u2028\x1b") {
		t.Fatalf("%d lines of %d events", len(lines), len(events))
	}
	for i, line := range lines {
		var e EventRecord
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Reason != hostile[i] || e.Details["x"] != hostile[i] {
			t.Errorf("%q came back as %+v, %v", hostile[i], e, err)
		}
	}
	broken := errors.New("the storage is away")
	for _, write := range []func() error{
		func() error {
			return writeCSV(&file, wordstest.Strict(t).In(words.English), func() ([]core.Event, error) { return nil, broken })
		},
		func() error {
			return writeJSONLines(&file, wordstest.Strict(t).In(words.English), func() ([]core.Event, error) { return nil, broken })
		},
	} {
		if err := write(); !errors.Is(err, broken) {
			t.Errorf("a fault on the way: %v", err)
		}
	}
}

func TestEventSentence(t *testing.T) {
	w := wordstest.Strict(t).In(words.English)
	for want, e := range map[string]core.Event{
		"Bruno: later.made": {Event: "later.made", ActorName: "Bruno"}, // a newer version's
		"2-step authentication for Carla was restarted from the server's console.": {Event: core.EventTwoStepRestarted, Via: core.ViaConsole, ActorName: "console: root", TargetName: "Carla"},
		"Ana changed the role of Carla. New role: Admin.":                          {Event: core.EventRoleChanged, ActorID: "1", ActorName: "Ana", TargetName: "Carla", Details: map[string]any{"to": "admin"}},
		"Ana changed the role of Carla. New role: ….":                              {Event: core.EventRoleChanged, ActorID: "1", ActorName: "Ana", TargetName: "Carla", Details: map[string]any{"to": "emperor"}},
		"Somebody not signed in: sign_in.odd":                                      {Event: "sign_in.odd"},
	} {
		if got := EventSentence(w, e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
