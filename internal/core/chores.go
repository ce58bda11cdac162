package core

import (
	"context"
	"errors"
	"time"
)

// choreLease is for how long one replica has a chore to itself. Chores do no harm
// when two do them at once; the lease only spares the work.
const choreLease = 50 * time.Second

// chore removes what is over.
type chore struct {
	name string
	do   func(*tx) error
}

var chores = []chore{
	{"sign_in_attempts", (*tx).forgetOldAttempts},
	{"activations", (*tx).forgetOldActivations},
	{"links", (*tx).forgetOldLinks},
	{"sessions", (*tx).forgetOldSessions},
	{"throttles", (*tx).forgetOldThrottles},
	{"devices", (*tx).forgetOldDevices},
	{"known_browsers", (*tx).forgetOldBrowsers},
	{"invitation_counts", (*tx).forgetOldInvitationCounts},
	{"imports", (*tx).forgetOldImports},
	{"restart_requests", (*tx).expireRequests},
	{"lanes", (*tx).forgetOldLanes},
	{"strange_misses", (*tx).forgetOldMisses},
	{"email_changes", (*tx).forgetOldEmailChanges},
	{"session_changes", (*tx).forgetSessionChanges},
	{"letters", (*tx).forgetOldLetters},
	{"help_requests", (*tx).forgetOldHelp},
}

// Chores removes what is over: attempts, activations, links, old sessions, devices
// and counters. What expires is refused by the statements that read it; chores only
// keep the tables small, so a chore that fails or comes late changes nothing. Of
// several replicas one does a chore: whoever claims its row.
func (c *Core) Chores(ctx context.Context) error {
	var errs []error
	for _, chore := range chores {
		errs = append(errs, c.keepCount(ctx, func(t *tx) error {
			mine, err := t.claimChore(chore.name)
			if err != nil || !mine {
				return err
			}
			return chore.do(t)
		}))
	}
	return errors.Join(errs...)
}

// claimChore takes a chore whose lease is over. A lease further ahead than one can
// be comes from a clock that was wrong, and binds nobody.
func (t *tx) claimChore(name string) (mine bool, err error) {
	if _, err := t.exec(`INSERT INTO chores (name, lease_until, done_at) VALUES ($1, 0, 0) ON CONFLICT (name) DO NOTHING`, name); err != nil {
		return false, err
	}
	n, err := t.exec(`UPDATE chores SET lease_until = $1, done_at = $2 WHERE name = $3 AND (lease_until <= $2 OR lease_until > $1)`,
		ms(t.now.Add(choreLease)), ms(t.now), name)
	return n == 1, err
}
