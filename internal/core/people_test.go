package core

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/db"
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
		w.rename("elena", "Élena Díaz")
		ana := w.signIn("ana")
		for _, c := range []struct {
			filter PeopleFilter
			want   string
		}{
			{PeopleFilter{}, "Ana Bruno Carla Dmitri Élena Díaz Farid Olga"},
			{PeopleFilter{Query: "DIAZ"}, "Élena Díaz"},
			{PeopleFilter{Query: "díaz "}, "Élena Díaz"},
			{PeopleFilter{Query: "carla@"}, "Carla"},
			{PeopleFilter{Query: "arla"}, ""},
			{PeopleFilter{Query: "di el"}, "Élena Díaz"},
			{PeopleFilter{Query: "el elena@example diaz"}, "Élena Díaz"},
			{PeopleFilter{Query: "elena silva"}, ""},
			{PeopleFilter{Query: "example"}, "Ana Bruno Carla Dmitri Élena Díaz Farid Olga"},
			{PeopleFilter{Query: "@example.com"}, "Ana Bruno Carla Dmitri Élena Díaz Farid Olga"},
			{PeopleFilter{Query: "com"}, ""},
			{PeopleFilter{Query: "@"}, ""},
			{PeopleFilter{Query: "d"}, "Élena Díaz Dmitri"}, // as what was found of them is: diaz, dmitri
			{PeopleFilter{Query: "e", TwoStep: TwoStepOff}, "Élena Díaz Farid"},
			{PeopleFilter{Query: "example", Role: RoleOwner}, "Ana Olga"},
			{PeopleFilter{Query: "example", Role: RoleOwner, TwoStep: TwoStepDue}, ""},
			{PeopleFilter{Query: "o", TwoStep: TwoStepActive}, "Olga"},
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
			if p.Found != (Count{N: len(p.Items)}) {
				t.Errorf("%+v: %v found, %d listed", c.filter, p.Found, len(p.Items))
			}
			if p.Total != (Count{N: 7}) || p.NotActive != (Count{N: 2}) {
				t.Errorf("%v people, %v not active; want 7 and 2", p.Total, p.NotActive)
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
			for _, query := range []string{"", "person"} {
				_, err := w.People(w.ctx(), by(ana), PeopleFilter{Query: query, Cursor: cursor})
				w.refused(err, InvalidCursor)
			}
		}
		// Nor one of another search, in whose order it is no place.
		p, err := w.People(w.ctx(), by(ana), PeopleFilter{Query: "person", Limit: 7})
		w.ok(err)
		for _, query := range []string{"", "perso", "p"} {
			_, err := w.People(w.ctx(), by(ana), PeopleFilter{Query: query, Cursor: p.Next})
			w.refused(err, InvalidCursor)
		}
	})
}

// addedPerson is who is added past the rules, many at once.
type addedPerson struct {
	name, email string
	role        Role
	twoStep     TwoStep
	dueBy       time.Time
}

// addPeople adds people to Northwind, and then their words as for people who are
// older than search.
func (w *world) addPeople(many int, who func(i int) addedPerson) {
	w.t.Helper()
	const atOnce, inTransaction = 10, 5000
	insert := func(t *tx, from, to int) error {
		var rows []string
		var args []any
		for i := from; i < to; i++ {
			p := who(i)
			var marks []string
			for _, value := range []any{
				newID(), w.cast["ana"].team, p.email, foldEmail(p.email), p.name, foldName(p.name), string(p.role), string(StatusActive), string(p.twoStep), ms(p.dueBy), ms(testStart),
			} {
				args = append(args, value)
				marks = append(marks, fmt.Sprintf("$%d", len(args)))
			}
			rows = append(rows, "("+strings.Join(marks, ", ")+")")
		}
		_, err := t.exec(`INSERT INTO users (id, team_id, email, email_key, name, name_key, role, status, two_step, due_by, created_at) VALUES `+strings.Join(rows, ", "), args...)
		return err
	}
	for begin := 0; begin < many; begin += inTransaction {
		w.ok(w.keepCount(w.ctx(), func(t *tx) error {
			end := min(begin+inTransaction, many)
			for from := begin; from < end; from += atOnce {
				if err := insert(t, from, min(from+atOnce, end)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	w.exec(`INSERT INTO word_fills (id, after_id) VALUES (1, '')`)
	w.ok(w.fillWords(w.ctx()))
}

// addMembers adds people of some names, in their days of grace.
func (w *world) addMembers(names ...string) {
	w.t.Helper()
	w.addPeople(len(names), func(i int) addedPerson {
		email := strings.ToLower(strings.ReplaceAll(names[i], " ", ".")) + fmt.Sprintf("%d@crew.example", i)
		return addedPerson{name: names[i], email: email, role: RoleMember, twoStep: TwoStepOff, dueBy: testStart.Add(day)}
	})
}

// everyPage walks a list to its end and back again, and returns who came.
func (w *world) everyPage(by Actor, f PeopleFilter) (came []string, first *People, pages int) {
	w.t.Helper()
	var forward, back []string
	var last *People
	for f.Cursor = ""; ; f.Cursor = last.Next {
		p, err := w.People(w.ctx(), by, f)
		w.ok(err)
		for _, item := range p.Items {
			forward = append(forward, item.Email)
		}
		if last = p; first == nil {
			first = p
		}
		if pages++; p.Next == "" {
			break
		}
	}
	for p := last; ; {
		var page []string
		for _, item := range p.Items {
			page = append(page, item.Email)
		}
		back = append(page, back...)
		if f.Cursor = p.Previous; f.Cursor == "" {
			break
		}
		var err error
		p, err = w.People(w.ctx(), by, f)
		w.ok(err)
		if p.Next == "" {
			w.t.Errorf("%+v: no way forward from an earlier page", f)
		}
	}
	if a, b := strings.Join(forward, " "), strings.Join(back, " "); a != b {
		w.t.Errorf("%+v: forward %s\nback %s", f, a, b)
	}
	return forward, first, pages
}

// Whatever is asked for, everybody who fits comes once, and nobody else does.
func TestSearchFindsEverybodyOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var crew []string
		for i := range 60 {
			crew = append(crew, []string{"An", "Ana", "Anabel An", "Bo An", "Ba Bo Bob"}[i%5]+" "+[]string{"Anders", "Bell", "An Bo"}[i%3])
		}
		w.addMembers(crew...)
		// So that no state is of members alone.
		w.exec(`UPDATE users SET role = 'admin' WHERE name LIKE '%Bell'`)
		w.exec(`UPDATE users SET two_step = 'due', due_by = 0, due_reason = 'policy' WHERE name LIKE 'Bo%'`)
		w.exec(`UPDATE users SET due_by = $1 WHERE name LIKE 'Ana %'`, ms(testStart.Add(-time.Hour)))
		w.exec(`UPDATE users SET due_by = 0 WHERE name LIKE 'Ba%'`)
		ana := w.signIn("ana")
		// Some of the crew wait after a restart, and some have few codes left.
		w.exec(`UPDATE users SET two_step = 'due', due_reason = 'restarted', due_by = $1 WHERE name LIKE 'An Anders'`, ms(testStart.Add(time.Hour)))
		w.exec(`INSERT INTO codes_left (user_id, team_id, n) SELECT id, team_id, 1 FROM users WHERE two_step = 'active' AND name LIKE 'A%' AND name <> 'Ana'`)
		everybody, err := listUsers(w.read(w.ctx()), `u.team_id = $1`, w.cast["ana"].team)
		w.ok(err)
		codesOf := map[string]int{}
		for _, u := range everybody {
			codesOf[u.id] = noCodes
		}
		w.ok(w.read(w.ctx()).each(`SELECT user_id, n FROM codes_left`, nil, func(scan func(...any) error) error {
			var id string
			var n int
			err := scan(&id, &n)
			codesOf[id] = n
			return err
		}))
		one, ten := 1, codesInSet
		for _, f := range []PeopleFilter{
			{TwoStep: TwoStepWaiting},
			{TwoStep: TwoStepWaiting, Role: RoleAdmin},
			{TwoStep: TwoStepWaiting, Query: "an"},
			{TwoStep: TwoStepWaiting, CodesLeft: &one},
			{CodesLeft: &one},
			{CodesLeft: &ten},
			{CodesLeft: &ten, Role: RoleOwner},
			{CodesLeft: &ten, TwoStep: TwoStepActive},
			{CodesLeft: &ten, TwoStep: TwoStepDue},
			{CodesLeft: &ten, Query: "example"},
		} {
			w.everyoneOnce(by(ana), f, everybody, codesOf)
		}
		for _, query := range []string{"", "a", "an", "ana", "b", "bo", "an bo", "b an", "bell ana crew", "ana.anders", "crew.example", "x"} {
			for _, role := range []Role{"", RoleAdmin, RoleMember} {
				for _, two := range []TwoStep{"", TwoStepOff, TwoStepDue, TwoStepActive, TwoStepNotActive} {
					f := PeopleFilter{Query: query, Role: role, TwoStep: two, Limit: 9}
					w.everyoneOnce(by(ana), f, everybody, codesOf)
				}
			}
		}
	})
}

// everyoneOnce walks a question's pages and compares who came with who should.
func (w *world) everyoneOnce(by Actor, f PeopleFilter, everybody []*userRow, codesOf map[string]int) {
	w.t.Helper()
	f.Limit = 9
	q, err := readQuestion(w.cast["ana"].team, f, w.Now())
	w.ok(err)
	var want []string
	for _, u := range everybody {
		if q.admits(u, codesOf[u.id]) {
			want = append(want, u.email)
		}
	}
	came, first, _ := w.everyPage(by, f)
	if first.Found != (Count{N: len(want)}) {
		w.t.Errorf("%+v: %v found, want %d", f, first.Found, len(want))
	}
	slices.Sort(came)
	slices.Sort(want)
	if !slices.Equal(came, want) {
		w.t.Errorf("%+v: came\n%s, want\n%s", f, came, want)
	}
}

// Of many, a walk looks at so many only and says where to go on; and beyond a
// thousand nobody is counted.
func TestManyPeople(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var crew []string
		for i := range 1100 {
			crew = append(crew, fmt.Sprintf("Maria A%04d", i), fmt.Sprintf("Garcia B%04d", i))
		}
		crew = append(crew, "Maria Garcia", "Zed Garcia Maria")
		w.addMembers(crew...)
		ana := w.signIn("ana")
		for _, c := range []struct {
			filter PeopleFilter
			found  Count
			come   int
		}{
			{PeopleFilter{Query: "maria garcia", Limit: 200}, Count{0, true}, 2},
			{PeopleFilter{Query: "garcia", Limit: 200}, Count{CountMost, true}, 1102},
			{PeopleFilter{Query: "garcia b000", Limit: 200}, Count{N: 10}, 10},
			{PeopleFilter{Query: "crew zed", Limit: 200}, Count{N: 1}, 1},
			{PeopleFilter{Query: "crew", TwoStep: TwoStepOff, Limit: 200}, Count{CountMost, true}, 2202},
			{PeopleFilter{TwoStep: TwoStepOff, Limit: 200}, Count{CountMost, true}, 2204},
			{PeopleFilter{TwoStep: TwoStepOff, Role: RoleOwner}, Count{}, 0},
			{PeopleFilter{Role: RoleOwner}, Count{N: 2}, 2},
		} {
			came, first, pages := w.everyPage(by(ana), c.filter)
			if first.Found != c.found || len(came) != c.come || len(slices.Compact(slices.Sorted(slices.Values(came)))) != c.come {
				t.Errorf("%+v: %v found, %d came on %d pages", c.filter, first.Found, len(came), pages)
			}
			if first.Total != (Count{CountMost, true}) || first.NotActive != (Count{CountMost, true}) {
				t.Errorf("%v in all, %v not active", first.Total, first.NotActive)
			}
		}
	})
}

// A person is found by the name they have, and by none when they are gone.
func TestSearchFollowsPeople(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, carla := w.signIn("ana"), w.cast["carla"]
		finds := func(query, want string) {
			t.Helper()
			p, err := w.People(w.ctx(), by(ana), PeopleFilter{Query: query})
			w.ok(err)
			if got := names(p); got != want {
				t.Errorf("%q finds %q, want %q", query, got, want)
			}
		}
		finds("nguyen", "")
		name := "Carlota Nguyễn"
		_, err := w.ChangeUser(w.ctx(), by(ana), carla.id, UserChange{Name: &name})
		w.ok(err)
		finds("nguyen", name)
		finds("carla", name) // by the address
		finds("carlo ng", name)
		name = "Cleo"
		_, err = w.ChangeUser(w.ctx(), by(ana), carla.id, UserChange{Name: &name})
		w.ok(err)
		finds("nguyen", "")
		finds("cleo", name)
		w.ok(w.RemoveUser(w.ctx(), by(ana), carla.id))
		finds("cleo", "")
		if n := w.count(`SELECT COUNT(*) FROM user_words WHERE user_id = $1`, carla.id); n != 0 {
			t.Errorf("%d words are left of somebody who was removed", n)
		}
	})
}

// noted is a reader that keeps what is read through it.
type noted struct {
	reader
	texts []string
	args  [][]any
}

func (n *noted) row(query string, args ...any) db.Row {
	n.texts, n.args = append(n.texts, query), append(n.args, args)
	return n.reader.row(query, args...)
}

func (n *noted) each(query string, args []any, scan func(func(...any) error) error) error {
	n.texts, n.args = append(n.texts, query), append(n.args, args)
	return n.reader.each(query, args, scan)
}

// No question goes through a table, or sorts more than it has bounded before: each
// step is a search in an index, by ids where there are some.
func TestPeopleAreSearchedInIndexes(t *testing.T) {
	w := newWorld(t, "")
	ana := w.signIn("ana")
	n := &noted{reader: w.read(w.ctx())}
	actor, err := w.needTeam(n, by(ana))
	w.ok(err)
	for _, f := range []PeopleFilter{
		{},
		{Query: "ana"},
		{Query: "ana example", Role: RoleOwner},
		{Role: RoleMember},
		{TwoStep: TwoStepActive},
		{TwoStep: TwoStepNotActive},
		{TwoStep: TwoStepOff},
		{TwoStep: TwoStepDue},
		{Role: RoleOwner, TwoStep: TwoStepActive},
		{Query: "a", TwoStep: TwoStepOff},
		{TwoStep: TwoStepWaiting},
		{TwoStep: TwoStepWaiting, Role: RoleMember},
		{CodesLeft: new(int)},
		{CodesLeft: new(int), Role: RoleOwner, Query: "ana"},
	} {
		q, err := readQuestion(actor.teamID, f, w.Now())
		w.ok(err)
		_, _, err = q.measure(n)
		w.ok(err)
		for _, y := range q.ways {
			for _, y := range []*way{y, y.wide} {
				if y == nil {
					continue
				}
				for _, from := range []start{{}, {inside: true, position: position{"b", "b"}}, {inside: true, back: true, position: position{"o", "o"}}} {
					_, list, err := w.pageOf(n, q, y, from, 3)
					w.ok(err)
					users, err := usersAt(n, q.teamID, list)
					w.ok(err)
					_, err = personsOf(n, actor, users, w.Now())
					w.ok(err)
				}
			}
		}
	}
	n.texts, n.args = append(n.texts, deleteWords), append(n.args, []any{"team", "user"})
	made := regexp.MustCompile(`^SCAN (counted|merged|gathered|few|part\d|CONSTANT ROW)`)
	byID := regexp.MustCompile(`\b(id|user_id)=\?`)
	seen := map[string]bool{}
	for i, text := range n.texts {
		if seen[text] {
			continue
		}
		seen[text] = true
		err := n.reader.each("EXPLAIN QUERY PLAN "+text, n.args[i], func(scan func(...any) error) error {
			var id, parent, unused int
			var detail string
			err := scan(&id, &parent, &unused, &detail)
			switch {
			case strings.HasPrefix(detail, "SCAN") && !made.MatchString(detail),
				strings.HasPrefix(detail, "SEARCH") && !strings.Contains(detail, "INDEX"),
				strings.HasPrefix(detail, "SEARCH") && (strings.Contains(text, " IN (") || text == deleteWords) && !byID.MatchString(detail),
				strings.Contains(detail, "TEMP B-TREE") && !strings.Contains(text, "AS merged") && !strings.Contains(text, "AS gathered"):
				t.Errorf("%s\n%s", text, detail)
			}
			return err
		})
		w.ok(err)
	}
	if len(seen) < 30 {
		t.Errorf("only %d texts", len(seen))
	}
}

func (w *world) makeCursorOf(name string) string {
	return w.makeCursor(w.cast[name].team, orderOfNames, position{name, w.cast[name].id}, false)
}

// rename gives somebody another name, past the rules.
func (w *world) rename(who, name string) {
	w.t.Helper()
	w.ok(w.keepCount(w.ctx(), func(t *tx) error {
		u, err := t.lockUser(w.cast[who].team, w.cast[who].id)
		if err != nil {
			return err
		}
		return t.setProfile(u, name, u.role, u.status)
	}))
}

// ASVS 15.3.1
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
