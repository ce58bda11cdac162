package core

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"doorstep/internal/db"
)

// Team is one company account.
type Team struct{ ID, Name string }

// createTeam makes a team with the default policy. A team's name is unique on
// one installation, because the console addresses teams by name.
func (t *tx) createTeam(name string) (Team, error) {
	name, err := readName(name, "team", TeamNameMissing)
	if err != nil {
		return Team{}, err
	}
	team := Team{ID: newID(), Name: name}
	_, err = t.exec(`INSERT INTO teams (id, name, name_key, created_at) VALUES ($1, $2, $3, $4)`,
		team.ID, team.Name, foldName(name), ms(t.now))
	if db.IsUnique(err) {
		return Team{}, refuseField(TeamNameTaken, "team")
	}
	if err != nil {
		return Team{}, err
	}
	return team, t.createPolicy(team.ID)
}

// lockTeam takes the team's row: what decides about a whole team ("is there
// another owner?") is serialized by it. It comes before any user's row.
func (t *tx) lockTeam(id string) error {
	return t.must(refuse(Missing), `UPDATE teams SET version = version + 1 WHERE id = $1`, id)
}

// Teams lists every team, for the console.
func (c *Core) Teams(ctx context.Context) ([]Team, error) {
	var teams []Team
	err := c.read(ctx).each(`SELECT id, name FROM teams ORDER BY name_key`, nil, func(scan func(...any) error) error {
		var t Team
		if err := scan(&t.ID, &t.Name); err != nil {
			return err
		}
		teams = append(teams, t)
		return nil
	})
	return teams, err
}

// teamNames are the names of teams as the session check gives them: no decision
// rests on one, so it may be a minute old.
type teamNames struct{ byID sync.Map }

type teamName struct {
	name   string
	readAt time.Time
}

const teamNameLasts = time.Minute

func (n *teamNames) of(r reader, id string, now time.Time) (string, error) {
	if known, ok := n.byID.Load(id); ok {
		if k, ok := known.(teamName); ok && !now.Before(k.readAt) && now.Sub(k.readAt) < teamNameLasts {
			return k.name, nil
		}
	}
	var name string
	if err := r.row(`SELECT name FROM teams WHERE id = $1`, id).Scan(&name); err != nil {
		return "", err
	}
	n.byID.Store(id, teamName{name, now})
	return name, nil
}

func teamByName(r reader, name string) (Team, error) {
	var t Team
	err := r.row(`SELECT id, name FROM teams WHERE name_key = $1`, foldName(name)).Scan(&t.ID, &t.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return t, refuseField(Missing, "team")
	}
	return t, err
}
