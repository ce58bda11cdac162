package core

import "context"

// R13, what wrong second steps lead to: letters, and a password that must be changed.
const (
	missesTellPerson = 3  // in a row, over both kinds of code: somebody may have the password
	missesTellOwners = 10 // in a row
	warnEvery        = day

	// The second counter, which no success clears: the patient guesser, who stops
	// before the person signs in and starts anew behind them.
	strangeMisses     = 10
	strangeMissesLast = 30 * day
)

// What may be blocked, as lists of people name it.
const (
	BlockedAuthenticator = "authenticator"
	BlockedRecoveryCodes = "recovery_codes"
	BlockedPassword      = "password"
)

func blockedOf(authenticator, recoveryCodes, password bool) []string {
	var blocked []string
	for _, b := range [...]struct {
		is   bool
		what string
	}{{authenticator, BlockedAuthenticator}, {recoveryCodes, BlockedRecoveryCodes}, {password, BlockedPassword}} {
		if b.is {
			blocked = append(blocked, b.what)
		}
	}
	return blocked
}

// blocked is the refusal at a method that is blocked: what else works is part of it.
func (t *tx) blocked(code Code, u *userRow) error {
	methods, _, err := methodsOf(t, u)
	if err != nil {
		return err
	}
	if len(methods) == 0 {
		code = SecondStepBlocked
	}
	return refuseField(code, "code")
}

// waitingHere is the refusal at a method that waits. It says whether the other one
// works now: nobody is sent to what works no more, or waits too.
func (t *tx) waitingHere(code Code, u *userRow, until int64) error {
	r := waiting(code, t.now, until)
	query, most := `SELECT COUNT(*) FROM authenticators WHERE user_id = $1 AND team_id = $2 AND next_try_at <= $3 AND fails < $4`, mostCodes
	if code == AuthenticatorWait {
		query, most = `SELECT COUNT(*) FROM recovery_code_sets s WHERE user_id = $1 AND team_id = $2 AND next_try_at <= $3 AND fails < $4
			AND EXISTS (SELECT 1 FROM recovery_codes k WHERE k.set_id = s.id AND k.team_id = $2 AND k.used_at = 0)`, mostRecoveryCodes
	}
	var works int
	if err := t.row(query, u.id, u.teamID, ms(t.now), most).Scan(&works); err != nil {
		return err
	}
	if works == 0 {
		return r.alone()
	}
	return r
}

// missed records a wrong second step and what follows from it, in one transaction
// under the lock of the person's row; who hangs up first is recorded all the same.
func (c *Core) missed(ctx context.Context, by Actor, u *userRow, event string, p *proof, r *Refusal) error {
	err := c.write(context.WithoutCancel(ctx), func(t *tx) error {
		locked, err := t.lockUser(u.teamID, u.id)
		if err != nil && !IsRefusal(err, Missing) {
			return err
		}
		if locked == nil || err != nil { // removed meanwhile: nobody is left to warn
			return t.record(eventOf{event: event, by: by, target: u, details: p.missDetails(r)})
		}
		if err := t.record(eventOf{event: event, by: by, target: locked, details: p.missDetails(r)}); err != nil {
			return err
		}
		if p.charge.blocks() {
			blocked := EventAuthenticatorBlocked
			if p.kind == SecondStepRecoveryCode {
				blocked = EventRecoveryCodesBlocked
			}
			if err := t.record(eventOf{event: blocked, by: by, target: locked, details: map[string]any{"in_a_row": p.charge.fails}}); err != nil {
				return err
			}
		}
		if p.unlock == nil && !behindPassword(event) || p.unlock != nil && !p.unlock.behindPassword {
			return nil
		}
		return t.warn(by, locked)
	})
	if err != nil {
		return err
	}
	return p.charge.wrong(r)
}

// behindPassword says of a refused second step that a right password came before it.
// Where none did (somebody who has the mailbox asks for a new one) the letters would
// say what is not true.
func behindPassword(event string) bool {
	return event == EventSecondStepRefused || event == EventStepUpRefused
}

func (p *proof) missDetails(r *Refusal) map[string]any {
	return map[string]any{"in_a_row": p.charge.fails, "kind": string(r.Code)}
}

// warn tells of guesses whoever has to hear of them.
func (t *tx) warn(by Actor, u *userRow) error {
	misses, err := t.missesInARow(u)
	if err != nil {
		return err
	}
	if misses >= missesTellPerson {
		if err := t.warnOnce("person_at", u, eventOf{event: EventGuessingNoticed, by: by, target: u, details: map[string]any{"misses": misses}}); err != nil {
			return err
		}
	}
	if misses >= missesTellOwners {
		if err := t.warnOnce("owners_at", u, eventOf{event: EventGuessingReported, by: by, target: u, details: map[string]any{"misses": misses}}); err != nil {
			return err
		}
	}
	strange, err := t.countStrangeMiss(by, u)
	if err != nil || strange < strangeMisses || u.passwordDue {
		return err
	}
	if err := t.demandNewPassword(u); err != nil {
		return err
	}
	if err := t.record(eventOf{event: EventPasswordDemanded, by: by, target: u, details: map[string]any{"misses": strange}}); err != nil {
		return err
	}
	return t.warnOnce("person_at", u, eventOf{event: EventGuessingNoticed, by: by, target: u, details: map[string]any{"misses": strange}})
}

// missesInARow counts over both kinds of code, or whoever takes turns at them would
// be noticed later.
func (t *tx) missesInARow(u *userRow) (n int, err error) {
	err = t.row(`SELECT COALESCE((SELECT MAX(fails) FROM authenticators WHERE user_id = $1 AND team_id = $2), 0)
		+ COALESCE((SELECT MAX(fails) FROM recovery_code_sets WHERE user_id = $1 AND team_id = $2), 0)`, u.id, u.teamID).Scan(&n)
	return n, err
}

// warnOnce records a warning, and so sends its letter, once a day at most.
func (t *tx) warnOnce(column string, u *userRow, e eventOf) error {
	if _, err := t.exec(`INSERT INTO guess_warnings (user_id, team_id) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING`, u.id, u.teamID); err != nil {
		return err
	}
	n, err := t.exec(`UPDATE guess_warnings SET `+column+` = $1 WHERE user_id = $2 AND team_id = $3 AND `+column+` <= $4`,
		ms(t.now), u.id, u.teamID, ms(t.now.Add(-warnEvery)))
	if err != nil || n == 0 {
		return err
	}
	return t.record(e)
}

// countStrangeMiss keeps a miss from a browser that never passed a second step of
// this account, and counts those of the last 30 days; 0 for any other browser.
func (t *tx) countStrangeMiss(by Actor, u *userRow) (n int, err error) {
	if by.session != nil {
		return 0, nil // which a second step opened
	}
	if known, err := t.c.laneOf(t, by, u); err != nil || known.id != "" {
		return 0, err
	}
	if _, err := t.exec(`INSERT INTO strange_misses (id, team_id, user_id, at) VALUES ($1, $2, $3, $4)`, newID(), u.teamID, u.id, ms(t.now)); err != nil {
		return 0, err
	}
	err = t.row(`SELECT COUNT(*) FROM strange_misses WHERE user_id = $1 AND team_id = $2 AND at > $3`, u.id, u.teamID, ms(t.now.Add(-strangeMissesLast))).Scan(&n)
	return n, err
}

// forgetGuesses is for a new password, and for somebody who is removed.
func (t *tx) forgetGuesses(u *userRow) error {
	if err := t.deleteThrottles(u); err != nil {
		return err
	}
	if err := t.deleteLanes(u); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM strange_misses WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM guess_warnings WHERE user_id = $1 AND team_id = $2`, u.id, u.teamID)
	return err
}

func (t *tx) forgetOldMisses() error {
	_, err := t.exec(`DELETE FROM strange_misses WHERE at < $1`, ms(t.now.Add(-strangeMissesLast)))
	return err
}
