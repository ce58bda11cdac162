package core

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// wordsOf reads all pages of the log, forwards, checks that it is in order and the
// same backwards, and returns the events' words.
func (w *world) eventsOf(s *Session, f EventFilter) []Event {
	w.t.Helper()
	var all []Event
	var last string
	for range 1000 {
		page, err := w.Events(w.ctx(), by(s), f)
		w.ok(err)
		all = append(all, page.Items...)
		if last = f.Cursor; page.Next == "" {
			break
		}
		f.Cursor = page.Next
	}
	if !slices.IsSortedFunc(all, func(a, b Event) int { return strings.Compare(b.ID, a.ID) }) {
		w.t.Error("the newest is not first")
	}
	if last == "" {
		return all
	}
	f.Cursor = last
	page, err := w.Events(w.ctx(), by(s), f)
	w.ok(err)
	back := page.Items
	for f.Cursor = page.Previous; f.Cursor != ""; f.Cursor = page.Previous {
		page, err = w.Events(w.ctx(), by(s), f)
		w.ok(err)
		back = slices.Concat(page.Items, back)
	}
	if fmt.Sprint(back) != fmt.Sprint(all) {
		w.t.Errorf("backwards there are %d events, forwards %d", len(back), len(all))
	}
	return all
}

func (w *world) wantEvents(s *Session, f EventFilter, want ...string) {
	w.t.Helper()
	for _, limit := range []int{1, 2, 50} {
		f.Limit = limit
		var got []string
		for _, e := range w.eventsOf(s, f) {
			got = append(got, e.Event+" "+e.TargetName)
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("%+v:\ngot  %q\nwant %q", f, got, want)
		}
	}
}

// ASVS 16.2.1, ASVS 16.2.2
func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// Everything so far is the cast's: from here on.
		w.clock.advance(48 * time.Hour)
		from := w.Now().Format(time.DateOnly)
		ana := w.signIn("ana")
		_, err := w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, goodReason)
		w.ok(err)
		_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["dmitri"].id, UserChange{Role: ptr(RoleAdmin)})
		w.ok(err)
		_, err = w.ChangeUser(w.ctx(), by(ana), w.cast["elena"].id, UserChange{Name: ptr("Élena Díaz")})
		w.ok(err)
		bruno := w.signIn("bruno")
		_, err = w.ChangeUser(w.ctx(), by(bruno), w.cast["elena"].id, UserChange{Name: ptr("Elena Roe")})
		w.ok(err)
		w.ok(w.RemoveUser(w.ctx(), by(ana), w.cast["carla"].id))
		_, err = w.RestartFromConsole(w.ctx(), Console("test"), w.cast["olga"].email, "lost the phone")
		w.ok(err)
		all := []string{
			"two_step.restarted Olga", "user.removed Carla", "user.renamed Elena Roe", "session.started Bruno", "user.renamed Élena Díaz",
			"user.role_changed Dmitri", "two_step.restarted Carla", "session.started Ana",
		}
		since := func(f EventFilter) EventFilter { f.From = from; return f }
		w.wantEvents(ana, since(EventFilter{}), all...)
		w.wantEvents(ana, EventFilter{From: w.Now().Add(time.Millisecond).Format(time.RFC3339Nano)})
		w.wantEvents(ana, since(EventFilter{To: from}), all...) // that day included
		w.wantEvents(ana, since(EventFilter{To: w.Now().AddDate(0, 0, -1).Format(time.DateOnly)}))
		w.wantEvents(ana, since(EventFilter{Actor: "bruno"}), all[2], all[3])
		w.wantEvents(ana, since(EventFilter{Actor: w.cast["bruno"].id}), all[2], all[3])
		w.wantEvents(ana, since(EventFilter{Actor: "console"}), all[0])
		w.wantEvents(ana, since(EventFilter{Target: "roe"}), all[2], all[4])
		w.wantEvents(ana, since(EventFilter{Target: w.cast["carla"].id}), all[1], all[6]) // who is gone
		w.wantEvents(ana, since(EventFilter{Target: "carla"}))
		w.wantEvents(ana, since(EventFilter{Query: "bruno@"}), all[2], all[3]) // once, though he is both
		w.wantEvents(ana, since(EventFilter{Query: w.cast["elena"].id}), all[2], all[4])
		w.wantEvents(ana, since(EventFilter{Event: "two_step.restarted"}), all[0], all[6])
		w.wantEvents(ana, since(EventFilter{Event: "user"}), all[1], all[2], all[4], all[5])
		w.wantEvents(ana, since(EventFilter{Event: "user", Actor: "ana"}), all[1], all[4], all[5])
		w.wantEvents(ana, since(EventFilter{Event: "user", Actor: "ana", Target: "elena"}), all[4])
		w.wantEvents(ana, since(EventFilter{Event: "user", Actor: "ana", Query: "example.com"}), all[1], all[4], all[5])
		for _, nothing := range []EventFilter{{Query: "%"}, {Actor: "nobody at all"}, {Event: "use"}, {Event: "nothing.happened"}, {Event: "user' OR 1=1 --"}, {Target: "console"}} {
			w.wantEvents(ana, since(nothing))
		}
		for _, wrong := range []EventFilter{{From: "yesterday"}, {To: "2026-13-01"}, {From: "0001-01-01"}, {To: "24.11.2026"}, {From: "2026-11-24\x00"}} {
			_, err := w.Events(w.ctx(), by(ana), wrong)
			w.refused(err, DateInvalid)
			_, err = w.ExportEvents(w.ctx(), by(ana), wrong)
			w.refused(err, DateInvalid)
		}
		// An export has the same events, in parts.
		stream, err := w.ExportEvents(w.ctx(), by(ana), since(EventFilter{}))
		w.ok(err)
		part, err := stream.Next(w.ctx())
		w.ok(err)
		if rest, err := stream.Next(w.ctx()); len(part) != len(all) || len(rest) != 0 || err != nil {
			t.Errorf("exported %d and %d, %v", len(part), len(rest), err)
		}
		w.wantEvents(ana, EventFilter{Event: "audit"}, "audit.exported ")
		one, err := w.Event(w.ctx(), by(ana), part[0].ID)
		w.ok(err)
		if one.Event != EventTwoStepRestarted || one.Reason != "lost the phone" || !one.Weighty() || one.At != part[0].At {
			t.Errorf("one event: %+v", one)
		}
	})
}

// T-AZ-1, T-AZ-2: the log of a team is read by its owners and admins alone, by list,
// address, cursor and export.
//
// ASVS 16.4.2, T-AZ-1, T-AZ-2
func TestWhoReadsTheAuditLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, zoe := w.signIn("ana"), w.signIn("zoe")
		theirs, err := w.Events(w.ctx(), by(ana), EventFilter{Limit: 1})
		w.ok(err)
		id := theirs.Items[0].ID
		sessions := map[string]*Session{
			"owner": ana, "admin": w.signIn("bruno"), "member": w.signIn("carla"), "newcomer": w.withPassword("elena"), "owner by recovery code": w.signInWithCode("olga", 0),
		}
		for _, x := range []struct {
			who  string
			want Code
		}{{"owner", ""}, {"admin", ""}, {"owner by recovery code", ""}, {"member", AdminOnly}, {"newcomer", AdminOnly}, {"nobody", NotSignedIn}} {
			actor := Nobody(testOrigin)
			if s := sessions[x.who]; s != nil {
				actor = by(s)
			}
			_, list := w.Events(w.ctx(), actor, EventFilter{})
			_, one := w.Event(w.ctx(), actor, id)
			_, export := w.ExportEvents(w.ctx(), actor, EventFilter{})
			for act, err := range map[string]error{"list": list, "one": one, "export": export} {
				if x.want == "" && err != nil || x.want != "" && !IsRefusal(err, x.want) {
					t.Errorf("%s, %s: %v, want %q", x.who, act, err, x.want)
				}
			}
		}
		for _, e := range w.eventsOf(zoe, EventFilter{Limit: 3}) {
			if e.TeamID != w.cast["zoe"].team {
				t.Errorf("another team's event: %+v", e)
			}
		}
		for _, f := range []EventFilter{{Actor: w.cast["ana"].id}, {Target: w.cast["carla"].id}, {Query: "carla"}, {Query: w.cast["bruno"].id}} {
			w.wantEvents(zoe, f)
		}
		for _, id := range []string{id, "", "x", strings.Repeat("a", 65), "\x00", w.cast["ana"].id} {
			_, err := w.Event(w.ctx(), by(zoe), id)
			w.refused(err, Missing)
		}
		for _, cursor := range []string{theirs.Next, "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", theirs.Next[:len(theirs.Next)-1]} {
			_, err := w.Events(w.ctx(), by(zoe), EventFilter{Cursor: cursor})
			w.refused(err, InvalidCursor)
		}
		people, err := w.People(w.ctx(), by(ana), PeopleFilter{Limit: 1})
		w.ok(err)
		_, err = w.Events(w.ctx(), by(ana), EventFilter{Cursor: people.Next})
		w.refused(err, InvalidCursor)

		// Who is no admin any more gets no further part of an export.
		stream, err := w.ExportEvents(w.ctx(), by(sessions["admin"]), EventFilter{})
		w.ok(err)
		_, err = stream.Next(w.ctx())
		w.ok(err)
		_, err = w.ChangeUser(w.ctx(), by(w.signIn("ana")), w.cast["bruno"].id, UserChange{Role: ptr(RoleMember)})
		w.ok(err)
		_, err = stream.Next(w.ctx())
		w.refused(err, AdminOnly)
	})
}

// The database refuses what no verb does.
//
// ASVS 16.4.2
func TestTheAuditLogIsOnlyAppendedTo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		before := w.count(`SELECT COUNT(*) FROM audit_events`)
		statements := []string{`UPDATE audit_events SET reason = 'none'`, `DELETE FROM audit_events`}
		if w.Engine() == "postgres" {
			statements = append(statements, `TRUNCATE audit_events`)
		}
		for _, statement := range statements {
			if _, err := w.db.Migrations().Exec(statement); err == nil || !strings.Contains(err.Error(), "only ever appended to") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if after := w.count(`SELECT COUNT(*) FROM audit_events WHERE reason <> 'none'`); after != before {
			t.Errorf("%d of %d events are left", after, before)
		}
	})
}

// The ids of a log stand in the order in which it came about, also inside of a
// millisecond, and a time divides them.
func TestEventIDs(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_123)
	var ids []string
	for range 5000 {
		ids = append(ids, eventID(now))
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("ids of one millisecond are not in their order")
	}
	if first, next := firstEventID(now), firstEventID(now.Add(time.Millisecond)); first >= ids[0] || next <= ids[len(ids)-1] || len(first) != 36 {
		t.Errorf("%s and %s do not enclose %s … %s", first, next, ids[0], ids[len(ids)-1])
	}
	if id := ids[0]; id[14] != '7' || !strings.ContainsRune("89ab", rune(id[19])) {
		t.Errorf("%s is no UUID of version 7", id)
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	_, _ = race(50, func(int) error {
		for range 100 {
			id := eventID(now)
			mu.Lock()
			seen[id] = true
			mu.Unlock()
		}
		return nil
	})
	if len(seen) != 5000 {
		t.Errorf("%d different ids of 5000", len(seen))
	}
}

// A page costs the same in a log of any length: every question is a walk along an
// index, and looks at so many events only.
func TestEventsAreReadAlongIndexes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		team := w.cast["ana"].team
		w.exec(`INSERT INTO audit_events (id, team_id, at, event, actor_id, actor_name, target_id, target_name, via, address, device, reason, details)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
			SELECT '019a0000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), $1, 1, 'session.started', $2, 'Ana', $2, 'Ana', 'api', '', '', '', '{}' FROM n`, team, w.cast["ana"].id)
		if w.Engine() == "sqlite" {
			for _, f := range []EventFilter{{}, {Actor: w.cast["ana"].id}, {Target: w.cast["ana"].id}, {Event: "session.started"}, {Query: w.cast["ana"].id}, {Event: "user", From: "2026-01-01"}} {
				walk, err := w.readEventFilter(w.read(w.ctx()), team, f)
				w.ok(err)
				for _, back := range []bool{false, true} {
					text, args := walk.sql(eventColumns, walk.along.stretches, firstEventID(w.Now()), back, 51)
					w.ok(w.read(w.ctx()).each(`EXPLAIN QUERY PLAN `+text, args, func(scan func(...any) error) error {
						var id, parent, unused int
						var step string
						err := scan(&id, &parent, &unused, &step)
						if strings.Contains(step, "audit_events") && !strings.Contains(step, "USING INDEX") || strings.HasPrefix(step, "SCAN audit_events") || strings.Contains(step, "TEMP B-TREE") && len(walk.along.stretches) < 2 {
							t.Errorf("%+v: %s", f, step)
						}
						return err
					}))
				}
			}
		}
		// Two conditions that are never true of one event: a page looks at so many, says
		// that there may be more, and comes to an end.
		f := EventFilter{Actor: w.cast["ana"].id, Event: EventSessionStarted, Target: w.cast["olga"].id}
		if list := w.eventsOf(ana, f); len(list) != 0 {
			t.Errorf("%d events", len(list))
		}
		walk := &eventWalk{teamID: team, conditions: []eventCondition{eventsWhere("actor_id", w.cast["ana"].id), eventsWhere("target_id", w.cast["olga"].id)}}
		walk.along = walk.conditions[0]
		met, err := walk.walk(w.read(w.ctx()), "", false, 51)
		w.ok(err)
		if met.ended || len(met.list) != 0 || met.edge == "" {
			t.Errorf("a walk along 6000 events: %+v", met)
		}
		stream, err := w.ExportEvents(w.ctx(), by(ana), EventFilter{Event: EventSessionStarted})
		w.ok(err)
		n, parts := 0, 0
		for {
			part, err := stream.Next(w.ctx())
			w.ok(err)
			if len(part) == 0 {
				break
			}
			n, parts = n+len(part), parts+1
		}
		if want := w.count(`SELECT COUNT(*) FROM audit_events WHERE team_id = $1 AND event = 'session.started'`, team); n != want || parts < 12 {
			t.Errorf("exported %d of %d in %d parts", n, want, parts)
		}
	})
}

// Every event was weighed by somebody: what weakens an account or the team, or tells of
// an attack, is marked. A new one stands in one of the two lists, or fails here.
//
// ASVS 16.3.3
func TestEveryEventIsWeighed(t *testing.T) {
	plain := []string{
		EventTeamCreated, EventUserAdded, EventUserInvited, EventInvitationSentAgain, EventInvitationCanceled, EventPeopleImported, EventPeopleExported,
		EventUserJoined, EventUserRenamed, EventUserBroughtBack, EventSignInRefused, EventSecondStepRefused, EventSessionStarted, EventSessionEnded,
		EventSessionsEnded, EventStepUpPassed, EventStepUpRefused, EventActivationBegan, EventActivationConfirmed, EventTwoStepActivated, EventRecoveryCodeUsed,
		EventRecoveryCodesMade, EventLanguageChanged, EventDeviceRemembered, EventDeviceForgotten, EventPasswordLinkAsked, EventPasswordReset,
		EventPasswordChanged, EventEmailChangeAsked, EventEmailChanged, EventPassAccepted, EventLetterResent, EventAuditExported,
		EventNotificationAddressAsked, EventNotificationAddressVerified, EventNotificationAddressRemoved, EventReactivationConfirmed, EventRequestMade,
		EventRequestWithdrawn, EventRequestApproved, EventRequestExpired, EventRequestEnded, EventAuthenticatorUnlocked, EventUnlockRefused,
		EventCommentWritten, EventCommentDeleted, EventCommentHidden, EventCommentShown, EventHelpRequestMade, EventHelpRequestAdded, EventHelpRequestAnswered, EventHelpRequestClosed, EventReminderPutAway,
	}
	for _, word := range EventWords() {
		if weighs := (Event{Event: word}).Weighty(); weighs == slices.Contains(plain, word) {
			t.Errorf("%s: weighty is %v; it stands in both lists, or in none", word, weighs)
		}
	}
	for _, word := range []string{EventRestartBegan, EventRestartRefused, EventTwoStepRestarted, EventUserFrozen, EventMatchCodeRefused} {
		if !(Event{Event: word}).Weighty() {
			t.Errorf("%s is not marked", word)
		}
	}
}
