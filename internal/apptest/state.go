package apptest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/seal"
	"doorstep/internal/totp"
)

// Password is everybody's.
const Password = "violet-harbor-anvil-7"

// start is when every App starts, unless its State says otherwise.
var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Person is somebody as they know themself. Tests name them by the key that the
// cast gives: "ana", "carla".
type Person struct {
	ID, Email, Name string
	Team, TeamID    string
	Role            core.Role
	Phone           *Phone
}

// State is an installation at rest: its rows, its keys, its people, its time. An
// App starts from a copy of one, and many may start from the same.
type State struct {
	file   []byte // a SQLite file
	tables func() ([]*table, error)
	keys   *seal.Keys
	people map[string]Person
	now    time.Time
}

func newState(file []byte, keys *seal.Keys, people map[string]Person, now time.Time) *State {
	return &State{file, sync.OnceValues(func() ([]*table, error) { return tablesIn(file) }), keys, people, now}
}

// member is somebody to put into the cast.
type member struct {
	key, name, team string
	role            core.Role
	active          bool // 2-step active; without it, days of grace
}

// Cast is the team that tests start with: Ana and Olga own Northwind, Bruno is
// its admin, Carla is a member with active 2-step, Elena one who has days of grace
// left, Farid is invited and has no password yet. Zoe owns another team.
var Cast = sync.OnceValues(func() (*State, error) {
	return makeState(func(ctx context.Context, c *core.Core, s *State, clock *Clock) error {
		for _, m := range []member{
			{"ana", "Ana Silva", "Northwind", core.RoleOwner, true},
			{"olga", "Olga Díaz", "Northwind", core.RoleOwner, true},
			{"bruno", "Bruno Costa", "Northwind", core.RoleAdmin, true},
			{"carla", "Carla Nguyen", "Northwind", core.RoleMember, true},
			{"elena", "Elena Rossi", "Northwind", core.RoleMember, false},
			{"zoe", "Zoe Park", "Elsewhere", core.RoleOwner, true},
		} {
			if err := s.join(ctx, c, clock, m); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
		farid, err := c.AddUser(ctx, core.Console("test"), core.NewUser{Email: "farid@example.com", Name: "Farid Haddad", Role: core.RoleMember, Team: "Northwind"})
		if err != nil {
			return err
		}
		s.people["farid"] = Person{
			ID: farid.ID, Email: "farid@example.com", Name: "Farid Haddad", Team: farid.Team.Name, TeamID: farid.Team.ID,
			Role: core.RoleMember, Phone: &Phone{clock: clock},
		}
		return nil
	})
})

// Nobody is an installation without an owner, as at the first start.
var Nobody = sync.OnceValues(func() (*State, error) {
	return makeState(func(context.Context, *core.Core, *State, *Clock) error { return nil })
})

func makeState(fill func(context.Context, *core.Core, *State, *Clock) error) (*State, error) {
	dir, err := os.MkdirTemp("", "doorstep-cast-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	clock := &Clock{now: start.Add(-time.Hour)}
	s := newState(nil, seal.NewKeysForTest(), map[string]Person{}, start)
	c, err := core.Open(ctx, core.Options{DataDir: dir, Keys: s.keys, Clock: clock.Now, Exclusive: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := fill(ctx, c, s, clock); err != nil {
		return nil, err
	}
	if err := sendAway(ctx, c); err != nil {
		return nil, err
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	file, err := os.ReadFile(filepath.Join(dir, "doorstep.db"))
	return newState(file, s.keys, s.people, s.now), err
}

// sendAway takes the letters about the making of the cast off the queue: a test
// sees only those that it caused.
func sendAway(ctx context.Context, c *core.Core) error {
	for {
		letters, err := c.ClaimLetters(ctx, 100)
		if err != nil || len(letters) == 0 {
			return err
		}
		for _, l := range letters {
			if err := c.LetterSent(ctx, l.ID); err != nil {
				return err
			}
		}
	}
}

func (s *State) join(ctx context.Context, c *core.Core, clock *Clock, m member) error {
	p := Person{Email: m.key + "@example.com", Name: m.name, Team: m.team, Role: m.role, Phone: &Phone{clock: clock}}
	added, err := c.AddUser(ctx, core.Console("test"), core.NewUser{Email: p.Email, Name: m.name, Role: m.role, Team: m.team, Password: Password})
	if err != nil {
		return err
	}
	p.ID, p.TeamID = added.ID, added.Team.ID
	s.people[m.key] = p
	if !m.active {
		return nil
	}
	from := core.Origin{Via: core.ViaAPI, Address: "192.0.2.7", Device: "a test"}
	in, err := c.BeginSignIn(ctx, core.Nobody(from), p.Email, Password, "")
	if err != nil {
		return err
	}
	by := in.Session.By(from)
	a, err := c.BeginActivation(ctx, by)
	if err != nil {
		return err
	}
	if err := p.Phone.Scan(a.Key); err != nil {
		return err
	}
	if a, err = c.ConfirmActivation(ctx, by, a.ID, totp.Code(p.Phone.key, totp.StepAt(c.Now()))); err != nil {
		return err
	}
	p.Phone.Write(a.Codes)
	fresh, err := c.FinishActivation(ctx, by, a.ID, true)
	if err != nil {
		return err
	}
	return c.SignOut(ctx, fresh.By(from))
}

// peopleFor copies the people with phones on another clock, so that one test's
// phone knows nothing of another's.
func (s *State) peopleFor(clock *Clock) map[string]*Person {
	people := map[string]*Person{}
	for key, p := range s.people {
		phone := *p.Phone
		phone.clock = clock
		p.Phone = &phone
		people[key] = &p
	}
	return people
}
