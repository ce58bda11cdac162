package core

import "context"

// Owners: three owners change each other's and their own role and status at once. A
// team always keeps an owner who can act (R11), and who lost the role acts no more.

type ownerAct struct {
	by, on int
	to     string // a role, suspended, or removed; "" only looks
}

// ownersState is each one's role, "suspended" or "removed", and whether the session
// that they began with lives.
type ownersState struct {
	is     [3]string
	signed [3]bool
}

func (s ownersState) owners() (n int) {
	for _, is := range s.is {
		if is == string(RoleOwner) {
			n++
		}
	}
	return n
}

var ownersModel = model{
	init:    ownersState{is: [3]string{"owner", "owner", "owner"}, signed: [3]bool{true, true, true}},
	effects: []heard{accepted},
	step: func(state, act any, what heard) (bool, any) {
		s, a := state.(ownersState), act.(ownerAct)
		if a.to == "" { // the last look: one line of what each is
			return string(what) == s.is[0]+" "+s.is[1]+" "+s.is[2], s
		}
		if s.is[a.by] == "removed" || s.is[a.on] == "removed" {
			return Code(what) == Missing || Code(what) == SessionEnded || Code(what) == NotSignedIn, s
		}
		if !s.signed[a.by] {
			return Code(what) == SessionEnded, s
		}
		lowers := a.to != string(RoleOwner)
		takesAccess := a.to == string(StatusSuspended) || a.to == "removed"
		switch {
		case s.is[a.on] == a.to:
			return what == accepted, s // as it is already
		case takesAccess && a.by == a.on:
			return Code(what) == Self, s
		case lowers && s.is[a.on] == string(RoleOwner) && s.owners() < 2:
			return Code(what) == LastOwner, s
		case s.is[a.on] == string(StatusSuspended) && !takesAccess: // their role changes, and nothing else
			return what == accepted, s
		}
		s.is[a.on], s.signed[a.on] = a.to, false
		return what == accepted, s
	},
}

func playOwners(h *played) {
	var owners [3]*someone
	var sessions [3]*Session
	h.arranges(func(t *tx) (err error) {
		team := Team{}
		for n := range owners {
			if owners[n], err = h.arrives(t, &team, RoleOwner, StatusActive); err != nil {
				return err
			}
			if err = h.active(t, owners[n]); err != nil {
				return err
			}
			if sessions[n], err = h.opened(t, owners[n]); err != nil {
				return err
			}
		}
		return nil
	})
	change := func(c *Core, who int, a ownerAct) {
		h.does(who, a, func(ctx context.Context) (err error) {
			by := sessions[a.by].By(testOrigin)
			switch a.to {
			case "removed":
				return c.RemoveUser(ctx, by, owners[a.on].id)
			case string(StatusSuspended):
				to := StatusSuspended
				_, err = c.ChangeUser(ctx, by, owners[a.on].id, UserChange{Status: &to})
			default:
				to := Role(a.to)
				_, err = c.ChangeUser(ctx, by, owners[a.on].id, UserChange{Role: &to})
			}
			return err
		})
	}
	allLeave := h.dice.n(3) == 0
	var all []func()
	for who := range owners {
		d := h.dice.fork()
		all = append(all, func() {
			for range 2 {
				a := ownerAct{by: who, on: d.n(len(owners)), to: "admin"}
				switch d.n(6) {
				case 0:
					a.to = "removed"
				case 1:
					a.to = string(StatusSuspended)
				case 2:
					a.to = string(RoleOwner)
				case 3, 4:
					a.on = who // as somebody does who hands over and leaves
				}
				if allLeave {
					a.on, a.to = who, "admin"
				}
				d.pauses(300_000)
				change(h.anywhere(d), who, a)
			}
		})
	}
	h.torment(all...)
	h.looks(owners)
}

// looks notes what each is in the end, as an answer like any other.
func (h *played) looks(owners [3]*someone) {
	line := ""
	for n, p := range owners {
		if n > 0 {
			line += " "
		}
		u, err := oneUser(h.clean.read(context.Background()), `u.id = $1`, p.id)
		switch {
		case IsRefusal(err, Missing):
			line += "removed"
		case err != nil:
			h.Fatal(err)
		case u.status != StatusActive:
			line += string(u.status)
		default:
			line += string(u.role)
		}
	}
	now := h.now()
	h.note(len(owners), ownerAct{}, heard(line), now, h.now(), true)
}
