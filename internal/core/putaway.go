package core

import (
	"context"
	"slices"
)

// What can be put away.
const (
	AwayCodes         = "recovery_codes" // "I still have them"
	AwaySecondAddress = "second_address"
	AwayFirstSteps    = "first_steps"
	AwayTry           = "try_restart" // a restart was looked at up to its last button
)

// AwayItems lists them.
func AwayItems() []string {
	return []string{AwayCodes, AwaySecondAddress, AwayFirstSteps, AwayTry}
}

// putAway is what a person put away, and when.
func putAway(r reader, u *userRow) (map[string]int64, error) {
	away := map[string]int64{}
	err := r.each(`SELECT item, at FROM put_away WHERE user_id = $1 AND team_id = $2`, []any{u.id, u.teamID}, func(scan func(...any) error) error {
		var item string
		var when int64
		err := scan(&item, &when)
		away[item] = when
		return err
	})
	return away, err
}

// PutAway takes something off the person's first page: a reminder that they answered,
// a step that they took. It changes what they are shown and nothing else. Refuses:
// not-signed-in, session-ended, password-change-required, activation-required,
// invalid-field.
func (c *Core) PutAway(ctx context.Context, by Actor, item string) error {
	if !slices.Contains(AwayItems(), item) {
		return refuseField(InvalidField, "item").with("field", "item")
	}
	return c.write(ctx, func(t *tx) error {
		u, _, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if err := needFull(u, t.now); err != nil {
			return err
		}
		// One that was put away today already: sent twice.
		n, err := t.exec(`INSERT INTO put_away (user_id, team_id, item, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id, item) DO UPDATE SET at = $4 WHERE put_away.at <= $5`, u.id, u.teamID, item, ms(t.now), ms(t.now.Add(-day)))
		if err != nil {
			return err
		}
		if n == 0 {
			t.nothingToRecord()
			return nil
		}
		return t.record(eventOf{event: EventReminderPutAway, by: by, actor: u, target: u, details: map[string]any{"item": item}})
	})
}
