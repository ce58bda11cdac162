package web

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

const auditPath = "/team/audit"

// auditPage is the audit log. All of its state is in the address, so Back and a
// bookmark restore it.
type auditPage struct {
	common
	Query, Actor, Target, From, To string
	Events                         []option
	Filtered                       bool
	Some                           string // not everybody who was meant is looked at
	Nothing                        string // what is said in place of an empty list
	Rows                           []eventRow
	Previous, Next                 string // addresses
	CSV, JSONLines                 string
}

// eventRow is one event: a sentence, and what is worth knowing besides.
type eventRow struct {
	core.Event
	Text, Href    string
	Place, Device string
	Details       []detail
}

// detail is one thing that an event says besides its sentence.
type detail struct{ Name, Value string }

// eventPage is one event.
type eventPage struct {
	common
	Row eventRow
}

// auditFields are the inputs of the filter's form, with the API's names.
var auditFields = []string{"q", "actor", "target", "event", "from", "to"}

func (v *visit) auditFilter() core.EventFilter {
	q := v.r.URL.Query()
	return core.EventFilter{
		Query: q.Get("q"), Actor: q.Get("actor"), Target: q.Get("target"), Event: q.Get("event"), From: q.Get("from"), To: q.Get("to"), Cursor: q.Get("cursor"),
	}
}

func showAudit(v *visit) error {
	f := v.auditFilter()
	events, err := v.core.Events(v.ctx(), v.by(), f)
	if r := core.Refused(err); r != nil && r.Code == core.DateInvalid {
		v.refused, events, err = r, &core.Events{}, nil // the form says it, with what was typed
	}
	if err != nil {
		return err
	}
	p := &auditPage{
		common: v.common(v.say("nav.audit")), Query: f.Query, Actor: f.Actor, Target: f.Target, From: f.From, To: f.To, Events: v.eventOptions(f.Event),
		Previous: v.auditAddress(auditPath, "cursor", events.Previous), Next: v.auditAddress(auditPath, "cursor", events.Next),
		CSV:       v.auditAddress(auditPath+"/export", "format", edge.FormatCSV),
		JSONLines: v.auditAddress(auditPath+"/export", "format", edge.FormatJSONLines),
	}
	p.Main = ""
	for i := range p.Problems {
		p.Problems[i].Label = v.say("audit." + p.Problems[i].Field)
	}
	for _, field := range auditFields {
		p.Filtered = p.Filtered || v.r.URL.Query().Get(field) != ""
	}
	if events.Some {
		p.Some = v.say("audit.some")
	}
	for _, e := range events.Items {
		p.Rows = append(p.Rows, v.eventRow(e))
	}
	switch {
	case len(p.Rows) > 0 || v.refused != nil:
	case p.Next+p.Previous != "":
		p.Nothing = v.say("audit.nothinghere")
	case p.Filtered:
		p.Nothing = v.say("audit.none")
	default:
		p.Nothing = v.say("audit.empty")
	}
	return v.show("audit", p)
}

func showEvent(v *visit) error {
	e, err := v.core.Event(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	p := &eventPage{Row: v.eventRow(*e)}
	p.common = v.common(p.Row.Text)
	p.Main = "mid"
	return v.show("event", p)
}

func exportAudit(v *visit) error {
	format := v.r.URL.Query().Get("format")
	if format != edge.FormatCSV && format != edge.FormatJSONLines {
		return &core.Refusal{Code: core.InvalidField, Field: "format", Args: words.Args{"field": "format"}}
	}
	stream, err := v.core.ExportEvents(v.ctx(), v.by(), v.auditFilter())
	if err != nil {
		return err
	}
	edge.SendEvents(v.rw, v.r, v.words, v.web.log, format, stream, v.core.Now())
	return nil
}

// auditAddress is the log, or a file of it, with the same filters; "" without a value.
func (v *visit) auditAddress(path, name, value string) string {
	if value == "" {
		return ""
	}
	q := url.Values{name: {value}}
	for _, field := range auditFields {
		if text := v.r.URL.Query().Get(field); text != "" {
			q.Set(field, text)
		}
	}
	return path + "?" + q.Encode()
}

// eventOptions are the events to choose from, each as its sentence about anybody.
func (v *visit) eventOptions(chosen string) []option {
	list := []option{{Text: v.say("audit.allevents")}}
	known := core.EventWords()
	for _, word := range known {
		list = append(list, option{word, edge.EventSentence(v.words, core.Event{Event: word, ActorID: "…", ActorName: "…", TargetName: "…", Details: map[string]any{}}), word == chosen})
	}
	if chosen != "" && !slices.Contains(known, chosen) {
		list = append(list, option{chosen, chosen, true})
	}
	return list
}

func (v *visit) eventRow(e core.Event) eventRow {
	row := eventRow{Event: e, Text: edge.EventSentence(v.words, e), Href: auditPath + "/" + e.ID, Place: edge.Place(v.words, e.Address), Device: edge.Device(v.words, e.Device)}
	if e.Via == core.ViaConsole {
		row.Place, row.Device = v.say("by.console"), ""
	}
	row.Details = append(slices.Concat(v.eventChanges(e), v.eventDetails(e)), detail{v.say("audit.code"), e.Event})
	return row
}

// eventChanges are what a change of policy changed, before and after.
func (v *visit) eventChanges(e core.Event) []detail {
	if e.Event != core.EventPolicyChanged {
		return nil
	}
	var list []detail
	for _, s := range settings() {
		change, _ := e.Details[s.field].(map[string]any)
		if change == nil {
			continue
		}
		list = append(list, detail{v.say(s.label), v.say("audit.change", words.Args{"before": v.settingSays(s, change["before"]), "after": v.settingSays(s, change["after"])})})
	}
	return list
}

// settingSays is what a setting was, in words.
func (v *visit) settingSays(s setting, value any) string {
	switch value := value.(type) {
	case bool:
		if value {
			return v.say("pol.yes")
		}
		return v.say("pol.no")
	case string:
		if d, err := time.ParseDuration(value); err == nil {
			return v.lastingFor(s.label, d)
		}
	case nil:
		return v.say("pol.hosts.none")
	case []any:
		if len(value) == 0 {
			return v.say("pol.hosts.none")
		}
	}
	if text, ok := value.(string); ok && v.words.Has(s.label+"."+text) {
		return v.say(s.label + "." + text)
	}
	return v.plainly(value)
}

// eventDetails are the numbers and ids of an event.
func (v *visit) eventDetails(e core.Event) []detail {
	var list []detail
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		if _, isChange := e.Details[name].(map[string]any); isChange && e.Event == core.EventPolicyChanged {
			continue
		}
		if e.Details[name] == "" {
			continue // nobody, or nothing: a label alone says no more
		}
		label := name
		if v.words.Has("detail." + name) {
			label = v.say("detail." + name)
		}
		list = append(list, detail{label, v.plainly(e.Details[name])})
	}
	return list
}

// plainly writes a value of an event: what has words is said in them.
func (v *visit) plainly(value any) string {
	switch value := value.(type) {
	case bool:
		if value {
			return v.say("pol.yes")
		}
		return v.say("pol.no")
	case float64:
		return v.words.Number(int(value))
	case string:
		if t, err := time.Parse(time.RFC3339, value); err == nil {
			return v.words.DateTime(t)
		}
		for _, prefix := range []string{"verified.", "role.", "detail.value."} {
			if v.words.Has(prefix + value) {
				return v.say(prefix + value)
			}
		}
		return value
	case []any:
		var texts []string
		for _, one := range value {
			texts = append(texts, v.plainly(one))
		}
		return strings.Join(texts, ", ")
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
