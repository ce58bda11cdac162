package edge

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// EventSentence is an event as one whole sentence of the reader's language; a word
// that this version does not know shows as it is, not as nothing.
func EventSentence(w words.Words, e core.Event) string {
	actor := e.ActorName
	switch {
	case strings.HasPrefix(actor, "console:"):
		actor = w.Say("by.console")
	case actor == "":
		actor = w.Say("by.nobody")
	}
	args := words.Args{"actor": actor, "target": e.TargetName, "event": e.Event, "role": "…"}
	if to, ok := e.Details["to"].(string); ok && w.Has("role."+to) {
		args["role"] = w.Say("role." + to)
	}
	key := "ev." + e.Event
	if e.ActorID != "" && e.ActorID == e.TargetID && w.Has(key+"_self") {
		key += "_self"
	}
	if e.ActorID == "" && e.Via == core.ViaConsole && w.Has(key+"_console") {
		key += "_console"
	}
	text, err := w.Try(key, args)
	if err != nil {
		text = w.Say("ev.unknown", args)
	}
	return text
}

// EventRecord is an event as the API and the exports write it.
type EventRecord struct {
	ID         string         `json:"id"`
	At         time.Time      `json:"at"`
	Event      string         `json:"event" doc:"noun.past_tense; there can be new ones"`
	Sentence   string         `json:"sentence" doc:"The same in the reader's language"`
	Weighty    bool           `json:"weighty" doc:"It weakens somebody's account or the team, or tells of an attack"`
	ActorID    string         `json:"actor_id" doc:"Who did it; empty for the server's console and for somebody not signed in"`
	ActorName  string         `json:"actor_name"`
	TargetID   string         `json:"target_id" doc:"To whom; empty where it concerns nobody"`
	TargetName string         `json:"target_name"`
	Via        string         `json:"via" doc:"page, api or console"`
	Address    string         `json:"address"`
	Device     string         `json:"device" doc:"The User-Agent, as it was sent"`
	Reason     string         `json:"reason"`
	Details    map[string]any `json:"details" doc:"Numbers and ids, never a secret"`
}

// EventRecordOf writes an event.
func EventRecordOf(w words.Words, e core.Event) EventRecord {
	return EventRecord{
		ID: e.ID, At: e.At, Event: e.Event, Sentence: EventSentence(w, e), Weighty: e.Weighty(), ActorID: e.ActorID, ActorName: e.ActorName,
		TargetID: e.TargetID, TargetName: e.TargetName, Via: string(e.Via), Address: e.Address, Device: e.Device, Reason: e.Reason, Details: e.Details,
	}
}

// Formats in which the audit log can be taken along.
const (
	FormatJSONLines = "jsonl"
	FormatCSV       = "csv"
)

// eventPatience is how long a client may take for one part of an export.
const eventPatience = time.Minute

// SendEvents answers with a file of all events of a stream, part by part. Half a file
// must not look like a whole one: what fails on the way gives up the connection.
func SendEvents(rw http.ResponseWriter, r *http.Request, w words.Words, log *slog.Logger, format string, s *core.EventStream, now time.Time) {
	kind := "application/x-ndjson"
	if format == FormatCSV {
		kind = "text/csv; charset=utf-8"
	}
	h := rw.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="audit-`+now.UTC().Format(time.DateOnly)+"."+format+`"`)
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	stream := http.NewResponseController(rw)
	next := func() ([]core.Event, error) {
		_ = stream.SetWriteDeadline(time.Now().Add(eventPatience)) // not every writer has one
		return s.Next(r.Context())
	}
	write := writeJSONLines
	if format == FormatCSV {
		write = writeCSV
	}
	if err := write(rw, w, next); err != nil {
		if core.Refused(err) == nil && r.Context().Err() == nil {
			log.ErrorContext(r.Context(), "an export of the audit log broke off", "error", err)
		}
		panic(http.ErrAbortHandler)
	}
}

func writeJSONLines(to io.Writer, w words.Words, next func() ([]core.Event, error)) error {
	for {
		part, err := next()
		if err != nil || len(part) == 0 {
			return err
		}
		var text bytes.Buffer
		lines := json.NewEncoder(&text) // escapes what ends a line elsewhere, as U+2028
		for _, e := range part {
			if err := lines.Encode(EventRecordOf(w, e)); err != nil {
				return err
			}
		}
		if _, err := to.Write(text.Bytes()); err != nil {
			return err
		}
	}
}

func writeCSV(to io.Writer, w words.Words, next func() ([]core.Event, error)) error {
	file := csv.NewWriter(to)
	_ = file.Write([]string{
		"id", "at", "event", "sentence", "weighty", "actor_id", "actor_name", "target_id", "target_name", "via", "address", "device", "reason", "details",
	}) // kept until Flush, whose error is asked for
	for {
		part, err := next()
		if err != nil {
			return err
		}
		for _, e := range part {
			details, err := json.Marshal(e.Details)
			if err != nil {
				return err
			}
			row := []string{
				e.ID, e.At.Format("2006-01-02T15:04:05.000Z"), e.Event, EventSentence(w, e), strconv.FormatBool(e.Weighty()), e.ActorID, e.ActorName,
				e.TargetID, e.TargetName, string(e.Via), e.Address, e.Device, e.Reason, string(details),
			}
			for i := range row {
				row[i] = safeCell(row[i])
			}
			_ = file.Write(row)
		}
		file.Flush()
		if err := file.Error(); err != nil || len(part) == 0 {
			return err
		}
	}
}

// safeCell keeps a spreadsheet from taking a cell for a formula, which names, reasons
// and User-Agents could begin like: they are anybody's to write.
func safeCell(text string) string {
	if text != "" && strings.ContainsAny(firstRune(text), "=+-@\t\r\n＝＋－＠") {
		return "'" + text
	}
	return text
}

func firstRune(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}
