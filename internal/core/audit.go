package core

import (
	"encoding/json"
	"fmt"
)

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
	var list []Event
	err := r.each(`SELECT `+eventColumns+` FROM audit_events WHERE team_id = $1 AND target_id = $2 ORDER BY at DESC, id DESC LIMIT $3`,
		[]any{u.teamID, u.id, limit}, func(scan func(...any) error) error {
			e, err := scanEvent(scan)
			list = append(list, e)
			return err
		})
	return list, err
}
