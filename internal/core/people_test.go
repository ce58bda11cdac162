package core

import (
	"fmt"
	"strings"
	"testing"
)

func names(p *People) string {
	var list []string
	for _, item := range p.Items {
		list = append(list, item.Name)
	}
	return strings.Join(list, " ")
}

func TestPeople(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec(`UPDATE users SET name = 'Élena Díaz', name_key = 'elena diaz' WHERE id = $1`, w.cast["elena"].id)
		ana := w.signIn("ana")
		for _, c := range []struct {
			filter PeopleFilter
			want   string
		}{
			{PeopleFilter{}, "Ana Bruno Carla Dmitri Élena Díaz Farid Olga"},
			{PeopleFilter{Query: "DIAZ"}, "Élena Díaz"},
			{PeopleFilter{Query: "díaz "}, "Élena Díaz"},
			{PeopleFilter{Query: "carla@"}, "Carla"},
			{PeopleFilter{Query: "%"}, ""},
			{PeopleFilter{Query: "_na"}, ""},
			{PeopleFilter{Query: `\`}, ""},
			{PeopleFilter{Query: "' OR 1=1 --"}, ""},
			{PeopleFilter{Query: "zoe"}, ""},
			{PeopleFilter{Role: RoleOwner}, "Ana Olga"},
			{PeopleFilter{TwoStep: TwoStepOff}, "Élena Díaz Farid"},
			{PeopleFilter{TwoStep: TwoStepActive, Role: RoleMember}, "Carla Dmitri"},
			{PeopleFilter{TwoStep: TwoStepDue}, ""},
			{PeopleFilter{TwoStep: TwoStepNotActive}, "Élena Díaz Farid"},
		} {
			p, err := w.People(w.ctx(), by(ana), c.filter)
			w.ok(err)
			if got := names(p); got != c.want {
				t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
			}
			if p.Found != len(p.Items) {
				t.Errorf("%+v: %d found, %d listed", c.filter, p.Found, len(p.Items))
			}
			if p.Total != 7 || p.NotActive != 2 {
				t.Errorf("%d people, %d not active; want 7 and 2", p.Total, p.NotActive)
			}
		}
		_, err := w.People(w.ctx(), by(ana), PeopleFilter{Role: "king"})
		w.refused(err, RoleInvalid)
		_, err = w.People(w.ctx(), by(w.signIn("carla")), PeopleFilter{})
		w.refused(err, AdminOnly)
		// An admin sees why each restart is or is not theirs.
		p, err := w.People(w.ctx(), by(w.signIn("bruno")), PeopleFilter{})
		w.ok(err)
		want := map[string]Code{"Ana": Rank, "Bruno": Self, "Carla": "", "Élena Díaz": NothingToRestart}
		for _, item := range p.Items {
			code, named := want[item.Name]
			if !named {
				continue
			}
			if got := item.MayNotRestart; got == nil && code != "" || got != nil && got.Code != code {
				t.Errorf("%s: %v, want %q", item.Name, got, code)
			}
		}
	})
}

// Pages go forward and back over everybody exactly once, also over people of one name.
func TestPeoplePages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ok(w.write(w.ctx(), func(tx *tx) error {
			for i := range 23 {
				u, err := tx.createUser(newUser{team: Team{w.cast["ana"].team, "Northwind"}, email: fmt.Sprintf("p%d@example.com", i), name: fmt.Sprintf("Person %d", i/5), role: RoleMember, status: StatusInvited})
				if err != nil {
					return err
				}
				if err := tx.record(eventOf{event: EventUserAdded, target: u}); err != nil {
					return err
				}
			}
			return nil
		}))
		ana := w.signIn("ana")
		var forward, back []string
		seen := map[string]bool{}
		filter := PeopleFilter{Limit: 7}
		var last string
		for pages := 0; ; pages++ {
			p, err := w.People(w.ctx(), by(ana), filter)
			w.ok(err)
			for _, item := range p.Items {
				if seen[item.ID] {
					t.Errorf("%s came twice", item.Email)
				}
				seen[item.ID] = true
			}
			forward = append(forward, names(p))
			if last = p.Previous; p.Next == "" {
				break
			}
			filter.Cursor = p.Next
		}
		if len(seen) != 30 || len(forward) != 5 {
			t.Errorf("%d people on %d pages, want 30 on 5", len(seen), len(forward))
		}
		for filter.Cursor = last; filter.Cursor != ""; {
			p, err := w.People(w.ctx(), by(ana), filter)
			w.ok(err)
			back = append([]string{names(p)}, back...)
			if p.Next == "" {
				t.Error("no way forward from an earlier page")
			}
			filter.Cursor = p.Previous
		}
		if got, want := strings.Join(back, "|"), strings.Join(forward[:4], "|"); got != want {
			t.Errorf("back: %s\nwant: %s", got, want)
		}
		for _, cursor := range []string{"x", "AAAA", last + "A", last[:len(last)-2], w.makeCursorOf("zoe")} {
			_, err := w.People(w.ctx(), by(ana), PeopleFilter{Cursor: cursor})
			w.refused(err, InvalidCursor)
		}
	})
}

func (w *world) makeCursorOf(name string) string {
	return w.makeCursor(&userRow{id: w.cast[name].id, teamID: w.cast[name].team, name: name}, false)
}

func TestPersonAsOthersSeeThem(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		w.signIn("carla")
		w.signInWithCode("carla", 0)
		p, err := w.Person(w.ctx(), by(ana), w.cast["carla"].id)
		w.ok(err)
		if p.Sessions != 2 || p.Authenticators != 1 || p.RecoveryCodesLeft != 9 || p.Since.IsZero() || p.MayNotRestart != nil || len(p.Events) == 0 {
			t.Errorf("%+v", p)
		}
		_, err = w.RestartTwoStep(w.ctx(), by(ana), w.cast["carla"].id, goodReason)
		w.ok(err)
		p, err = w.Person(w.ctx(), by(ana), w.cast["carla"].id)
		w.ok(err)
		if p.TwoStep != TwoStepDue || p.DueReason != DueRestarted || len(p.Restarts) != 1 || p.Restarts[0].ByName != "Ana" || p.ContainedUntil.IsZero() {
			t.Errorf("%+v", p)
		}
		_, err = w.Person(w.ctx(), by(ana), "no such id")
		w.refused(err, Missing)
	})
}
