package core

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// weighty are the events that weaken somebody's account or the team, or that tell
// of an attack: an auditor looks for them first.
var weighty = []string{
	EventRoleChanged, EventUserSuspended, EventUserRemoved, EventTwoStepDeactivated, EventTwoStepRestarted, EventRestartBegan, EventRestartRefused,
	EventSecondStepReplayed,
	EventDeviceReused, EventPolicyChanged, EventPassRefused, EventRestartLimit, EventPersonLimit, EventUserFrozen, EventNotMeReported,
	EventMatchCodeRefused, EventPasswordBlocked, EventAuthenticatorBlocked, EventRecoveryCodesBlocked, EventGuessingNoticed, EventGuessingReported,
	EventPasswordDemanded, EventPasswordResetRefused, EventPassVoided, EventRequestRefused, EventEmailUndone,
	EventBackupRestored,
}

// Weighty says whether it weakens somebody's account or the team, or tells of an attack.
func (e Event) Weighty() bool { return slices.Contains(weighty, e.Event) }

const eventColumns = `id, team_id, at, event, actor_id, actor_name, target_id, target_name, via, address, device, reason, details`

func scanEvent(scan func(...any) error) (Event, error) {
	var e Event
	var when int64
	var details string
	if err := scan(&e.ID, &e.TeamID, &when, &e.Event, &e.ActorID, &e.ActorName, &e.TargetID, &e.TargetName, (*string)(&e.Via), &e.Address, &e.Device, &e.Reason, &details); err != nil {
		return e, err
	}
	e.At = at(when)
	if err := json.Unmarshal([]byte(details), &e.Details); err != nil {
		return e, fmt.Errorf("read the details of event %s: %w", e.ID, err)
	}
	return e, nil
}

// eventsAbout reads what happened to a person, the newest first.
func eventsAbout(r reader, u *userRow, limit int) ([]Event, error) {
	w := eventWalk{teamID: u.teamID, along: eventsWhere("target_id", u.id)}
	return w.read(r, "", false, limit)
}

// lastEventID keeps ids that are made in one microsecond in their order.
var lastEventID atomic.Int64

// eventID makes ids that stand in the order of the events' times, so that the key
// is the order of a team's log: the millisecond of the transaction, then when the id
// was made, then chance (RFC 9562 §5.7 leaves all but the first to us).
func eventID(now time.Time) string {
	id := uuid.New()
	made := time.Now().UnixMicro()
	for {
		last := lastEventID.Load()
		made = max(made, last+1)
		if lastEventID.CompareAndSwap(last, made) {
			break
		}
	}
	var text [8]byte
	binary.BigEndian.PutUint64(text[:], uint64(ms(now)))
	copy(id[:6], text[2:])
	binary.BigEndian.PutUint64(text[:], uint64(made)&(1<<42-1))
	id[6], id[7] = 0x70|byte(made>>38)&0x0f, byte(made>>30)
	id[8] = 0x80 | byte(made>>24)&0x3f
	copy(id[9:12], text[5:])
	return id.String()
}

// firstEventID is before every id of a time, and after all of those before it.
func firstEventID(t time.Time) string {
	n := ms(t)
	return fmt.Sprintf("%08x-%04x-7000-8000-000000000000", n>>16, n&0xffff)
}

// EventFilter is what the audit log is asked for. A person is their id, also after
// they were removed, or the beginnings of words of their name or address, as in the
// list of people; "console" is whoever acted at the server's console.
type EventFilter struct {
	Query         string // a person who did it or to whom it was done
	Actor, Target string // a person
	Event         string // such as two_step.restarted, or two_step for all that begin so
	From, To      string // RFC 3339, or a day in UTC; To is exclusive, as a day it includes it
	Cursor        string
	Limit         int // 1–200; 0 is 50
}

// Events is a page of the audit log, the newest first. A page can be short, even
// empty, and still have neighbors: a walk looks at so many events only.
type Events struct {
	Items          []Event
	Next, Previous string // cursors, "" at the ends
	Some           bool   // more people were meant than are looked at
}

const (
	// eventPeopleMost is of how many people at once the events are walked.
	eventPeopleMost = 20
	// eventLookMost is at how many events a page looks for those whom all conditions
	// let through, and eventStep at how many it looks at once.
	eventLookMost = 2000
	eventStep     = 200

	actorConsole = "console"
)

// eventCondition is a condition of a filter: where its events stand in an index, and
// whether one fulfils it.
type eventCondition struct {
	stretches []eventStretch // none for the whole log
	admits    func(*Event) bool
	met       int
}

type eventStretch struct{ column, value string }

func eventsWhere(column string, ids ...string) eventCondition {
	c := eventCondition{admits: func(e *Event) bool {
		if column == "actor_id" {
			return slices.Contains(ids, e.ActorID)
		}
		return slices.Contains(ids, e.TargetID)
	}}
	for _, id := range ids {
		c.stretches = append(c.stretches, eventStretch{column, id})
	}
	return c
}

// eventWalk is a filter that was read: a walk along one index, in the order of ids.
type eventWalk struct {
	teamID       string
	conditions   []eventCondition
	along        eventCondition
	least, below string // least <= id < below, "" for no bound
	some         bool
	nothing      bool // somebody was named whom there is not
}

// readEventFilter refuses what the log cannot be filtered by, and finds the condition
// along which there are the fewest events. Refuses: date-invalid.
func (c *Core) readEventFilter(r reader, teamID string, f EventFilter) (*eventWalk, error) {
	w := &eventWalk{teamID: teamID}
	from, err := eventTime(f.From, "from", false)
	to, errTo := eventTime(f.To, "to", true)
	if err := together(err, errTo); err != nil {
		return nil, err
	}
	if !from.IsZero() {
		w.least = firstEventID(from)
	}
	if !to.IsZero() {
		w.below = firstEventID(to)
	}
	for _, person := range []struct{ text, does string }{{f.Query, ""}, {f.Actor, "actor_id"}, {f.Target, "target_id"}} {
		if text := strings.TrimSpace(person.text); text != "" {
			if err := w.addPerson(r, text, person.does); err != nil {
				return nil, err
			}
		}
	}
	if word := strings.TrimSpace(f.Event); word != "" {
		w.addEvent(word)
	}
	return w, w.choose(r)
}

// addPerson adds the condition that somebody did it, or that it was done to them, or
// either.
func (w *eventWalk) addPerson(r reader, text, does string) error {
	if text == actorConsole && does != "target_id" {
		console := eventsWhere("actor_id", "")
		console.admits = func(e *Event) bool { return e.ActorID == "" && e.Via == ViaConsole }
		w.conditions = append(w.conditions, console)
		return nil
	}
	ids, err := w.peopleNamed(r, text)
	if err != nil {
		return err
	}
	w.nothing = w.nothing || len(ids) == 0
	if does != "" {
		w.conditions = append(w.conditions, eventsWhere(does, ids...))
		return nil
	}
	actor, target := eventsWhere("actor_id", ids...), eventsWhere("target_id", ids...)
	w.conditions = append(w.conditions, eventCondition{
		stretches: slices.Concat(actor.stretches, target.stretches),
		admits:    func(e *Event) bool { return actor.admits(e) || target.admits(e) },
	})
	return nil
}

// peopleNamed finds ids: the one that was given, or those of the people found.
func (w *eventWalk) peopleNamed(r reader, text string) ([]string, error) {
	if id, err := uuid.Parse(text); err == nil && len(text) == 36 {
		return []string{id.String()}, nil
	}
	q, err := readQuestion(w.teamID, PeopleFilter{Query: text}, time.Time{})
	if err != nil || len(q.words) == 0 {
		return nil, err
	}
	if _, _, err := q.measure(r); err != nil {
		return nil, err
	}
	found, err := q.walk(r, narrowest(q.ways), start{}, eventPeopleMost+1)
	if err != nil {
		return nil, err
	}
	ids := idsOf(found.list)
	if len(ids) > eventPeopleMost || !found.ended && len(ids) > 0 {
		ids, w.some = ids[:min(len(ids), eventPeopleMost)], true
	}
	return ids, nil
}

// addEvent adds the condition of a word, or of all the known words that begin so.
func (w *eventWalk) addEvent(word string) {
	words := []string{word}
	if !strings.Contains(word, ".") {
		words = slices.DeleteFunc(EventWords(), func(known string) bool { return !strings.HasPrefix(known, word+".") })
		w.nothing = w.nothing || len(words) == 0
	}
	c := eventCondition{admits: func(e *Event) bool { return slices.Contains(words, e.Event) }}
	for _, known := range words {
		c.stretches = append(c.stretches, eventStretch{"event", known})
	}
	w.conditions = append(w.conditions, c)
}

// choose takes the condition along which there are the fewest events, counted as far
// as makes a difference.
func (w *eventWalk) choose(r reader) error {
	if w.nothing || len(w.conditions) == 0 {
		return nil
	}
	for i := range w.conditions {
		if len(w.conditions) == 1 {
			break
		}
		c := &w.conditions[i]
		text, args := w.sql("id", c.stretches, "", false, eventLookMost)
		if err := r.row(`SELECT COUNT(*) FROM (`+text+`) AS counted`, args...).Scan(&c.met); err != nil {
			return err
		}
	}
	w.along = slices.MinFunc(w.conditions, func(a, b eventCondition) int { return a.met - b.met })
	return nil
}

// sql is the events along some stretches, from an id on, up to a limit. Where an
// event stands on two of them it comes twice, one after the other.
func (w *eventWalk) sql(columns string, stretches []eventStretch, after string, back bool, limit int) (string, []any) {
	args := []any{w.teamID}
	mark := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	// One bound at each end: of two an engine may take the wider one, and read all that
	// lies between them.
	least, below, compare, order := w.least, w.below, " >= ", " DESC"
	switch {
	case back && after >= least:
		least, compare = after, " > "
	case !back && after != "" && (below == "" || after < below):
		below = after
	}
	if back {
		order = ""
	}
	bounds := ""
	if least != "" {
		bounds += " AND id" + compare + mark(least)
	}
	if below != "" {
		bounds += " AND id < " + mark(below)
	}
	end := " ORDER BY id" + order + " LIMIT " + mark(limit)
	begin := "SELECT " + columns + " FROM audit_events WHERE team_id = $1"
	if len(stretches) == 0 {
		return begin + bounds + end, args
	}
	var parts []string
	for _, s := range stretches {
		parts = append(parts, begin+" AND "+s.column+" = "+mark(s.value)+bounds+end)
	}
	if len(parts) == 1 {
		return parts[0], args
	}
	for i, part := range parts {
		parts[i] = fmt.Sprintf("SELECT * FROM (%s) AS part%d", part, i)
	}
	return "SELECT * FROM (" + strings.Join(parts, " UNION ALL ") + ") AS merged" + end, args
}

// read reads the events that follow, each once.
func (w *eventWalk) read(r reader, after string, back bool, limit int) ([]Event, error) {
	text, args := w.sql(eventColumns, w.along.stretches, after, back, limit)
	var list []Event
	err := r.each(text, args, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		list = append(list, e)
		return err
	})
	return list, err
}

// walkedEvents is what a walk met, where it stood in the end, and whether that was
// the end of the log.
type walkedEvents struct {
	list  []Event
	edge  string
	ended bool
}

// walk goes on until it has met `most` events that all conditions admit, or has
// looked at so many.
func (w *eventWalk) walk(r reader, after string, back bool, most int) (walkedEvents, error) {
	met := walkedEvents{edge: after, ended: w.nothing}
	step := most
	if len(w.conditions) > 1 || len(w.along.stretches) > 1 {
		step = max(eventStep, most)
	}
	for looked := 0; looked < eventLookMost && !met.ended; looked += step {
		batch, err := w.read(r, met.edge, back, step)
		if err != nil {
			return met, err
		}
		for i := range batch {
			e := &batch[i]
			if e.ID == met.edge {
				continue // on two stretches
			}
			met.edge = e.ID
			if slices.ContainsFunc(w.conditions, func(c eventCondition) bool { return !c.admits(e) }) {
				continue
			}
			if met.list = append(met.list, *e); len(met.list) == most {
				return met, nil
			}
		}
		met.ended = len(batch) < step
	}
	return met, nil
}

// Events reads the team's audit log. What it costs does not depend on its size.
// Refuses: not-signed-in, activation-required, admin-only, invalid-cursor,
// date-invalid.
func (c *Core) Events(ctx context.Context, by Actor, f EventFilter) (*Events, error) {
	r := c.read(ctx)
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	w, err := c.readEventFilter(r, actor.teamID, f)
	if err != nil {
		return nil, err
	}
	after, back, err := c.readEventCursor(actor.teamID, f.Cursor)
	if err != nil {
		return nil, err
	}
	limit := min(max(f.Limit, 0), pageMost)
	if limit == 0 {
		limit = pageDefault
	}
	met, err := w.walk(r, after, back, limit+1) // one too many says that there are more
	if err != nil {
		return nil, err
	}
	if len(met.list) > limit {
		met.list, met.edge, met.ended = met.list[:limit], met.list[limit-1].ID, false
	}
	page := &Events{Some: w.some}
	ahead, behind := &page.Next, &page.Previous
	if back {
		ahead, behind = behind, ahead
	}
	if !met.ended {
		*ahead = c.makeCursor(actor.teamID, orderOfEvents, position{id: met.edge}, back)
	}
	if after != "" {
		first := met.edge // nothing was met up to there
		if len(met.list) > 0 {
			first = met.list[0].ID
		}
		*behind = c.makeCursor(actor.teamID, orderOfEvents, position{id: first}, !back)
	}
	if back {
		slices.Reverse(met.list)
	}
	page.Items = met.list
	return page, nil
}

const orderOfEvents = "events"

// readEventCursor returns where a walk begins. A cursor is a place of the log, which
// holds for every filter. Refuses: invalid-cursor.
func (c *Core) readEventCursor(teamID, cursor string) (after string, back bool, err error) {
	if cursor == "" {
		return "", false, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < 14 || !hmac.Equal(c.cursorMAC(teamID, orderOfEvents, string(raw[12:])), raw[:12]) {
		return "", false, refuseField(InvalidCursor, "cursor")
	}
	after, _, _ = strings.Cut(string(raw[13:]), "\x00")
	return after, raw[12] == 'p', nil
}

// Event reads one event of the team's audit log. Refuses: not-signed-in,
// activation-required, admin-only, not-found (also another team's).
func (c *Core) Event(ctx context.Context, by Actor, id string) (*Event, error) {
	r := c.read(ctx)
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	if !isID(id) {
		return nil, refuse(Missing)
	}
	var list []Event
	err = r.each(`SELECT `+eventColumns+` FROM audit_events WHERE team_id = $1 AND id = $2`, []any{actor.teamID, id}, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		list = append(list, e)
		return err
	})
	if err == nil && len(list) == 0 {
		err = refuse(Missing)
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// EventStream hands out all events of a filter in parts, the newest first, for an
// export: nothing of the log is held, and no transaction is open between two parts.
type EventStream struct {
	c     *Core
	by    Actor
	walk  *eventWalk
	first []Event
	edge  string
	ended bool
}

// eventsAPart is how many events of a stream are in memory at once.
const eventsAPart = 500

// ExportEvents begins a stream; its cursor and limit are not looked at. That the log
// is taken along is an event itself. What it refuses it refuses here, before anything
// is written. Refuses: what Events refuses but a cursor, and session-ended.
func (c *Core) ExportEvents(ctx context.Context, by Actor, f EventFilter) (*EventStream, error) {
	r := c.read(ctx)
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	s := &EventStream{c: c, by: by}
	if s.walk, err = c.readEventFilter(r, actor.teamID, f); err != nil {
		return nil, err
	}
	if s.first, err = s.part(r); err != nil { // before its own event, which is not in it
		return nil, err
	}
	return s, c.write(ctx, func(t *tx) error {
		u, _, err := t.actingUser(by)
		if err != nil {
			return err
		}
		return t.record(eventOf{event: EventAuditExported, by: by, actor: u, team: u.teamID})
	})
}

// Next reads the next part; none is left when it is empty. Whoever lost their role
// meanwhile gets no more. Refuses: what needTeam refuses.
func (s *EventStream) Next(ctx context.Context) ([]Event, error) {
	if s.first != nil {
		part := s.first
		s.first = nil
		return part, nil
	}
	r := s.c.read(ctx)
	if _, err := s.c.needTeam(r, s.by); err != nil {
		return nil, err
	}
	return s.part(r)
}

func (s *EventStream) part(r reader) ([]Event, error) {
	for !s.ended {
		met, err := s.walk.walk(r, s.edge, false, eventsAPart)
		if err != nil {
			return nil, err
		}
		if s.edge, s.ended = met.edge, met.ended; len(met.list) > 0 {
			return met.list, nil
		}
	}
	return nil, nil
}

// eventTime reads a time of a filter. Refuses: date-invalid.
func eventTime(text, field string, end bool) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err == nil && end {
		t = t.AddDate(0, 0, 1)
	}
	if err != nil {
		t, err = time.Parse(time.RFC3339, text)
	}
	if err != nil || t.Year() < 1971 || t.Year() > 9999 {
		return time.Time{}, refuseField(DateInvalid, field)
	}
	return t, nil
}
