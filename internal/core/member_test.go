package core

import (
	"fmt"
	"testing"
)

// act is something that is done to a person, and where their page says why not.
type act struct {
	name string
	do   func(w *world, by Actor, id string) error
	menu func(p *Person) *Refusal
}

func acts() []act {
	change := func(c UserChange) func(*world, Actor, string) error {
		return func(w *world, by Actor, id string) error { _, err := w.ChangeUser(w.ctx(), by, id, c); return err }
	}
	name, suspended := "Somebody Else", StatusSuspended
	return []act{
		{"rename", change(UserChange{Name: &name}), func(p *Person) *Refusal { return p.MayNotChange }},
		{"role", func(w *world, by Actor, id string) error {
			role := RoleOwner
			if w.count(`SELECT COUNT(*) FROM users WHERE id = $1 AND role = 'owner'`, id) == 1 {
				role = RoleMember // a change to what already is would be none
			}
			return change(UserChange{Role: &role})(w, by, id)
		}, func(p *Person) *Refusal { return p.MayNotChangeRole }},
		{"suspend", change(UserChange{Status: &suspended}), func(p *Person) *Refusal { return p.MayNotChangeAccess }},
		{"remove", func(w *world, by Actor, id string) error { return w.RemoveUser(w.ctx(), by, id) }, func(p *Person) *Refusal { return p.MayNotChangeAccess }},
		{"sessions", func(w *world, by Actor, id string) error { _, err := w.EndUserSessions(w.ctx(), by, id); return err }, func(p *Person) *Refusal { return p.MayNotEndSessions }},
		{"restart", func(w *world, by Actor, id string) error {
			_, err := w.RestartTwoStep(w.ctx(), by, id, goodReason)
			return err
		}, func(p *Person) *Refusal { return p.MayNotRestart }},
		{"cancel", func(w *world, by Actor, id string) error { return w.CancelInvitation(w.ctx(), by, id) }, nil},
		{"again", func(w *world, by Actor, id string) error {
			_, err := w.SendInvitationAgain(w.ctx(), by, id)
			return err
		}, nil},
	}
}

// TestRankActTarget is T-AZ-1: who does what with whom. What is refused changes
// nothing, and the person's page says the same as the verb.
//
// T-AZ-1, R7, P4
func TestRankActTarget(t *testing.T) {
	table := []struct {
		actor, target                                                string
		rename, role, suspend, remove, sessions, restart, invitation Code
	}{
		{"carla", "carla", AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly},
		{"carla", "elena", AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly},
		{"carla", "ana", AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly},
		{"carla", "zoe", AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly, AdminOnly},
		{"zoe", "carla", Missing, Missing, Missing, Missing, Missing, Missing, Missing},
		{"zoe", "farid", Missing, Missing, Missing, Missing, Missing, Missing, Missing},
		{"ana", "zoe", Missing, Missing, Missing, Missing, Missing, Missing, Missing},
		{"bruno", "zoe", Missing, Missing, Missing, Missing, Missing, Missing, Missing},
		{"bruno", "ana", Rank, OwnerOnly, Rank, Rank, OwnersSessions, Rank, Rank},
		{"bruno", "dmitri", Rank, OwnerOnly, Rank, Rank, Rank, Rank, Rank}, // an admin as he is
		{"bruno", "carla", "", OwnerOnly, "", "", "", "", NotInvited},
		{"bruno", "farid", "", OwnerOnly, StatusInvalid, "", "", NothingToRestart, ""},
		{"bruno", "bruno", "", OwnerOnly, Self, Self, Self, Self, NotInvited},
		{"ana", "carla", "", "", "", "", "", "", NotInvited},
		{"ana", "dmitri", "", "", "", "", "", "", NotInvited},
		{"ana", "olga", "", "", "", "", OwnersSessions, "", NotInvited},
		{"ana", "farid", "", "", StatusInvalid, "", "", NothingToRestart, ""},
		{"ana", "ana", "", "", Self, Self, Self, Self, NotInvited},
	}
	each(t, func(t *testing.T, w *world) {
		w.exec(`UPDATE users SET role = 'admin' WHERE id = $1`, w.cast["dmitri"].id)
		w.exec(`UPDATE users SET role = 'member' WHERE id IN ($1, $2)`, w.cast["carla"].id, w.cast["farid"].id)
		sessions := map[string]*Session{}
		for _, name := range []string{"ana", "bruno", "carla", "zoe"} {
			sessions[name] = w.signIn(name)
		}
		for _, row := range table {
			s, id := sessions[row.actor], w.cast[row.target].id
			p, err := w.Person(w.ctx(), by(s), id)
			if want := row.rename; (want == AdminOnly || want == Missing) != (err != nil) || err != nil && !IsRefusal(err, want) {
				t.Errorf("%s sees %s: %v", row.actor, row.target, err)
			}
			for i, want := range []Code{row.rename, row.role, row.suspend, row.remove, row.sessions, row.restart, row.invitation, row.invitation} {
				w.tryAct(acts()[i], by(s), id, p, fmt.Sprintf("%s → %s", row.actor, row.target), want)
			}
		}
	})
}

// tryAct does what must be refused, and asks the page of what must not: what is
// allowed has tests of its own, and would change whom the table is about.
func (w *world) tryAct(a act, by Actor, id string, p *Person, who string, want Code) {
	w.t.Helper()
	if p != nil && a.menu != nil && want != StatusInvalid { // that one is said by the status
		if why := a.menu(p); why == nil && want != "" || why != nil && why.Code != want {
			w.t.Errorf("%s: the page says of %s: %v, want %q", who, a.name, why, want)
		}
	}
	if want == "" {
		return
	}
	state := func() string {
		return fmt.Sprint(w.count(`SELECT COUNT(*) FROM users`), w.count(`SELECT SUM(version) FROM users`), w.count(`SELECT COUNT(*) FROM audit_events`),
			w.count(`SELECT COUNT(*) FROM sessions WHERE ended_at = 0`), w.count(`SELECT COUNT(*) FROM links`))
	}
	before := state()
	if err := a.do(w, by, id); !IsRefusal(err, want) {
		w.t.Errorf("%s: %s: %v, want %s", who, a.name, err, want)
	}
	if after := state(); after != before {
		w.t.Errorf("%s: %s was refused and changed something: %s, was %s", who, a.name, after, before)
	}
}

// Whatever two owners do to each other or themselves at once, one owner is left (R11).
//
// R11
func TestR11EveryPairAtOnce(t *testing.T) {
	member, admin, suspended := RoleMember, RoleAdmin, StatusSuspended
	takes := []struct {
		name string
		do   func(w *world, s *Session, id string) error
		own  bool // can be done to oneself
	}{
		{"demote", func(w *world, s *Session, id string) error {
			_, err := w.ChangeUser(w.ctx(), by(s), id, UserChange{Role: &member})
			return err
		}, true},
		{"make admin", func(w *world, s *Session, id string) error {
			_, err := w.ChangeUser(w.ctx(), by(s), id, UserChange{Role: &admin})
			return err
		}, true},
		{"suspend", func(w *world, s *Session, id string) error {
			_, err := w.ChangeUser(w.ctx(), by(s), id, UserChange{Status: &suspended})
			return err
		}, false},
		{"remove", func(w *world, s *Session, id string) error { return w.RemoveUser(w.ctx(), by(s), id) }, false},
	}
	try := func(t *testing.T, w *world, i, j int, own bool) {
		a, b := takes[i], takes[j]
		w.exec(`UPDATE users SET role = 'owner', status = 'active' WHERE id IN ($1, $2)`, w.cast["ana"].id, w.cast["olga"].id)
		w.Forget()
		people, other := []*Session{w.signIn("ana"), w.signIn("olga")}, 1
		if own {
			other = 0
		}
		won, errs := race(2, func(n int) error {
			do := a.do
			if n == 1 {
				do = b.do
			}
			return do(w, people[n], people[(n+other)%2].User.ID)
		})
		if n := w.count(`SELECT COUNT(*) FROM users WHERE team_id = $1 AND role = 'owner' AND status = 'active'`, w.cast["ana"].team); n != 1 || won != 1 {
			t.Errorf("%s and %s at once (own: %v): %d won, %d owners are left: %v", a.name, b.name, own, won, n, errs)
		}
	}
	each(t, func(t *testing.T, w *world) {
		for i, a := range takes[:3] {
			for j, b := range takes[i:3] {
				try(t, w, i, i+j, false)
				if a.own && b.own {
					try(t, w, i, i+j, true)
				}
			}
		}
	})
	for i := range takes { // whoever was removed is gone: each in a world of its own
		t.Run(takes[i].name+" and remove", func(t *testing.T) {
			each(t, func(t *testing.T, w *world) { try(t, w, i, 3, false) })
		})
	}
}

// The last owner hears before any form that they cannot give their role up.
func TestLastOwnerIsSaidBefore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		p, err := w.Person(w.ctx(), by(ana), w.cast["ana"].id)
		w.ok(err)
		if p.MayNotChangeRole != nil {
			t.Errorf("with another owner: %v", p.MayNotChangeRole)
		}
		w.ok(w.RemoveUser(w.ctx(), by(ana), w.cast["olga"].id))
		p, err = w.Person(w.ctx(), by(ana), w.cast["ana"].id)
		w.ok(err)
		if !IsRefusal(p.MayNotChangeRole, LastOwner) {
			t.Errorf("alone: %v", p.MayNotChangeRole)
		}
	})
}
