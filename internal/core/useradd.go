package core

import (
	"context"
)

// NewUser is somebody whom the console adds. Without a password the answer
// carries a one-use link with which the person sets one.
type NewUser struct {
	Email, Name string
	Role        Role
	Team        string // the team's name; "" is the only team there is
	Password    string
	Language    string
}

// AddedUser is who was added.
type AddedUser struct {
	ID   string
	Team Team
	Link *Link // nil when a password was given
}

// AddUser adds a person from the console. A team that does not exist is made
// when its first person is an owner. Refuses: email-invalid, email-taken,
// name-missing, name-too-long, role-invalid, password-…, not-found (the team),
// team-name-missing (there are several teams, or none).
func (c *Core) AddUser(ctx context.Context, by Actor, n NewUser) (*AddedUser, error) {
	if by.console == "" {
		return nil, refuse(NotSignedIn)
	}
	var err error
	if n.Email, err = readEmail(n.Email); err != nil {
		return nil, err
	}
	if n.Name, err = readName(n.Name, "name", NameMissing); err != nil {
		return nil, err
	}
	if n.Role.rank() < 0 {
		return nil, refuseField(RoleInvalid, "role")
	}
	made := newUser{email: n.Email, name: n.Name, role: n.Role, status: StatusInvited, language: cut(n.Language, 16)}
	if n.Password != "" {
		if err := checkPassword(n.Password, n.Email, n.Name, n.Team); err != nil {
			return nil, err
		}
		if made.passwordHash, err = c.hashPassword(ctx, n.Password); err != nil {
			return nil, err
		}
		made.status = StatusActive
	}
	var added *AddedUser
	err = c.write(ctx, func(t *tx) error {
		if made.team, err = t.teamToAddTo(n); err != nil {
			return err
		}
		// Also an address that somebody was invited by and has not claimed yet.
		if there, err := inTeam(t, made.team.ID, made.email); err != nil {
			return err
		} else if len(there) > 0 {
			return refuseField(EmailTaken, "email")
		}
		u, err := t.createUser(made)
		if err != nil {
			return err
		}
		added = &AddedUser{ID: u.id, Team: made.team}
		event := EventUserAdded
		if made.status == StatusInvited {
			event = EventUserInvited
			if added.Link, err = t.makeLink(purposePassword, u, passwordLinkLasts); err != nil {
				return err
			}
		}
		return t.record(eventOf{event: event, by: by, target: u, details: map[string]any{"role": u.role}})
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

func (t *tx) teamToAddTo(n NewUser) (Team, error) {
	if n.Team == "" {
		var teams []Team
		err := t.each(`SELECT id, name FROM teams ORDER BY created_at LIMIT 2`, nil, func(scan func(...any) error) error {
			var team Team
			err := scan(&team.ID, &team.Name)
			teams = append(teams, team)
			return err
		})
		if err != nil {
			return Team{}, err
		}
		if len(teams) != 1 {
			return Team{}, refuseField(TeamNameMissing, "team")
		}
		return teams[0], nil
	}
	team, err := teamByName(t, n.Team)
	if IsRefusal(err, Missing) && n.Role == RoleOwner {
		return t.createTeam(n.Team)
	}
	return team, err
}

// ListUsers lists people for the console, of one team (by name) or of all.
func (c *Core) ListUsers(ctx context.Context, by Actor, team string) ([]User, error) {
	if by.console == "" {
		return nil, refuse(NotSignedIn)
	}
	r, now := c.read(ctx), c.Now()
	where, args := "TRUE ORDER BY t.name_key, u.name_key, u.id", []any{}
	if team != "" {
		found, err := teamByName(r, team)
		if err != nil {
			return nil, err
		}
		where, args = "u.team_id = $1 ORDER BY u.name_key, u.id", []any{found.ID}
	}
	rows, err := listUsers(r, where, args...)
	if err != nil {
		return nil, err
	}
	users := make([]User, len(rows))
	for i, u := range rows {
		users[i] = u.view(now)
	}
	return users, nil
}
