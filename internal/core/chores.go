package core

import (
	"context"
	"errors"
)

// Chores removes what is over: attempts, activations, links, old sessions and
// counters. What expires is refused by the statements that read it; chores only
// keep the tables small, so a chore that fails or comes late changes nothing.
func (c *Core) Chores(ctx context.Context) error {
	var errs []error
	for _, chore := range []func(*tx) error{
		(*tx).forgetOldAttempts, (*tx).forgetOldActivations, (*tx).forgetOldLinks, (*tx).forgetOldSessions, (*tx).forgetOldThrottles,
	} {
		errs = append(errs, c.keepCount(ctx, chore))
	}
	return errors.Join(errs...)
}
