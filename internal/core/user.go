package core

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"doorstep/internal/db"
)

// Role says what somebody may do in their team. An owner outranks an admin, an
// admin outranks a member.
type Role string

const (
	RoleOwner  Role = "owner"
	RoleAdmin  Role = "admin"
	RoleMember Role = "member"
)

func (r Role) rank() int {
	switch r {
	case RoleOwner:
		return 2
	case RoleAdmin:
		return 1
	case RoleMember:
		return 0
	}
	return -1 // an unknown role outranks nobody
}

// Status is whether an account may sign in.
type Status string

const (
	StatusInvited   Status = "invited" // has no password yet
	StatusActive    Status = "active"
	StatusSuspended Status = "suspended"
)

// TwoStep is the state of a user's 2-step authentication.
type TwoStep string

const (
	TwoStepOff    TwoStep = "off"    // never activated, and policy lets it be
	TwoStepActive TwoStep = "active" // a second step is asked for
	TwoStepDue    TwoStep = "due"    // must be activated before anything else
)

// DueReason is why 2-step has to be activated, and with it what the date in
// DueBy means: until then it may wait (grace), or from then on the account is
// closed (restarted).
type DueReason string

const (
	DueGrace       DueReason = "grace"
	DuePolicy      DueReason = "policy"
	DueDeactivated DueReason = "deactivated"
	DueRestarted   DueReason = "restarted"
)

// User is what edges may show of a person.
type User struct {
	ID, Email, Name string
	Role            Role
	Status          Status
	Team            Team
	Language, Theme string
	TwoStep         TwoStep
	DueBy           time.Time
	DueReason       DueReason
	Closed          bool      // the window after a restart has passed
	ContainedUntil  time.Time // zero when not contained
	CreatedAt       time.Time
	LastSignInAt    time.Time
}

// userRow is the row, with what no edge may see.
type userRow struct {
	id, teamID, email, name string
	role                    Role
	status                  Status
	language, theme         string
	passwordHash            string
	passwordDue             bool
	twoStep                 TwoStep
	dueBy                   int64
	dueReason               DueReason
	containedUntil          int64
	createdAt, lastSignInAt int64
	teamName                string
}

// state is the one place that says how a user's 2-step stands now: days of grace
// that are over make `off` into `due` without anybody writing a row.
func (u *userRow) state(now time.Time) TwoStep {
	if u.twoStep == TwoStepOff && u.dueBy != 0 && ms(now) >= u.dueBy {
		return TwoStepDue
	}
	return u.twoStep
}

// closed says whether the window to activate after a restart has passed (R15).
func (u *userRow) closed(now time.Time) bool {
	return u.twoStep == TwoStepDue && u.dueReason == DueRestarted && u.dueBy != 0 && ms(now) >= u.dueBy
}

func (u *userRow) contained(now time.Time) bool { return ms(now) < u.containedUntil }

func (u *userRow) view(now time.Time) User {
	v := User{
		ID: u.id, Email: u.email, Name: u.name, Role: u.role, Status: u.status,
		Team: Team{u.teamID, u.teamName}, Language: u.language, Theme: u.theme,
		TwoStep: u.state(now), DueBy: at(u.dueBy), DueReason: u.dueReason, Closed: u.closed(now),
		CreatedAt: at(u.createdAt), LastSignInAt: at(u.lastSignInAt),
	}
	if u.contained(now) {
		v.ContainedUntil = at(u.containedUntil)
	}
	return v
}

const userColumns = userOwnColumns + `, t.name`

// userReturned gives the same columns of a row that a statement changes; SQLite
// knows no other name for the table there.
var userReturned = ` RETURNING ` + strings.ReplaceAll(userOwnColumns, "u.", "users.") + `, (SELECT t.name FROM teams t WHERE t.id = users.team_id)`

const userOwnColumns = `u.id, u.team_id, u.email, u.name, u.role, u.status, u.language, u.theme, u.password_hash, u.password_due,
	u.two_step, u.due_by, u.due_reason, u.contained_until, u.created_at, u.last_sign_in_at`

func (u *userRow) fields() []any {
	return []any{
		&u.id, &u.teamID, &u.email, &u.name, (*string)(&u.role), (*string)(&u.status), &u.language, &u.theme, &u.passwordHash, &u.passwordDue,
		(*string)(&u.twoStep), &u.dueBy, (*string)(&u.dueReason), &u.containedUntil, &u.createdAt, &u.lastSignInAt, &u.teamName,
	}
}

// listUsers reads users by a condition written in core.
func listUsers(r reader, where string, args ...any) ([]*userRow, error) {
	var users []*userRow
	err := r.each(`SELECT `+userColumns+` FROM users u JOIN teams t ON t.id = u.team_id WHERE `+where, args,
		func(scan func(...any) error) error {
			u := new(userRow)
			users = append(users, u)
			return scan(u.fields()...)
		})
	return users, err
}

// oneUser reads one user. Refuses: not-found.
func oneUser(r reader, where string, args ...any) (*userRow, error) {
	users, err := listUsers(r, where, args...)
	if err != nil {
		return nil, err
	}
	if len(users) != 1 {
		return nil, refuse(Missing)
	}
	return users[0], nil
}

// lockUser takes the user's row, first of all that a verb does to a person:
// whatever else decides about them waits here, on both engines. Refuses:
// not-found, which is also what another team's person is (R7).
func (t *tx) lockUser(teamID, id string) (*userRow, error) {
	if !isID(id) {
		return nil, refuse(Missing)
	}
	return t.takeUser(id, `UPDATE users SET version = version + 1 WHERE id = $1 AND team_id = $2`, id, teamID)
}

// lockUserSigningIn is lockUser for somebody who is about to be signed in: one
// statement for both, on the way that is gone most often.
func (t *tx) lockUserSigningIn(teamID, id string) (*userRow, error) {
	return t.takeUser(id, `UPDATE users SET version = version + 1, last_sign_in_at = $3 WHERE id = $1 AND team_id = $2`, id, teamID, ms(t.now))
}

func (t *tx) takeUser(id, update string, args ...any) (*userRow, error) {
	t.users = append(t.users, id)
	u := new(userRow)
	err := t.row(update+userReturned, args...).Scan(u.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(Missing)
	}
	return u, err
}

// lockPair takes the actor's and the target's rows in one order, or two verbs
// that name each other would deadlock.
func (t *tx) lockPair(teamID, actorID, targetID string) (actor, target *userRow, err error) {
	ids := []string{actorID, targetID}
	slices.SortFunc(ids, cmp.Compare[string])
	rows := map[string]*userRow{}
	for _, id := range slices.Compact(ids) {
		if rows[id], err = t.lockUser(teamID, id); err != nil {
			return nil, nil, err
		}
	}
	return rows[actorID], rows[targetID], nil
}

// newUser is what makes a user's row.
type newUser struct {
	team         Team
	email, name  string
	role         Role
	status       Status
	passwordHash string
	language     string
	unclaimed    bool // nobody has shown yet that the address is theirs
}

// key is by what a user is found by their address. An address that somebody else
// typed belongs to nobody before its owner joins: whoever invites it may not keep it
// from another team, nor learn whether it has an account elsewhere. Nothing that can
// be typed as an address is such a key.
func (n newUser) key() string {
	if n.unclaimed {
		return unclaimedKey(n.team.ID, n.email)
	}
	return foldEmail(n.email)
}

func unclaimedKey(teamID, email string) string { return "\x1f" + teamID + " " + foldEmail(email) }

// claimAddress gives an invited person who joins the address that they were invited
// by. Of several teams' invitations the first one that is accepted counts.
// Refuses: email-taken.
func (t *tx) claimAddress(u *userRow) error {
	if err := t.mayHaveAddress(u.email, u.id); err != nil {
		return err
	}
	err := t.must(refuse(Missing), `UPDATE users SET email_key = $1 WHERE id = $2 AND team_id = $3 AND status = 'invited'`, foldEmail(u.email), u.id, u.teamID)
	if db.IsUnique(err) {
		return refuseField(EmailTaken, "email")
	}
	return err
}

// inTeam finds people of the team by their addresses, invited or joined, each under
// its folded address.
func inTeam(r reader, teamID string, emails ...string) (map[string]*userRow, error) {
	found := map[string]*userRow{}
	for chunk := range slices.Chunk(emails, walkStep) {
		var keys []string
		for _, email := range chunk {
			keys = append(keys, foldEmail(email), unclaimedKey(teamID, email))
		}
		list, args := anyOf(keys, teamID)
		users, err := listUsers(r, `u.`+ofTheTeam+` AND u.email_key IN `+list, args...)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			found[foldEmail(u.email)] = u
		}
	}
	return found, nil
}

// createUser makes a user. Owners have no days of grace. Refuses: email-taken.
func (t *tx) createUser(n newUser) (*userRow, error) {
	required, grace, err := t.policyForNewcomer(n.team.ID)
	if err != nil {
		return nil, err
	}
	if !n.unclaimed { // who is invited claims the address when they join
		if err := t.mayHaveAddress(n.email, ""); err != nil {
			return nil, err
		}
	}
	u := &userRow{
		id: newID(), teamID: n.team.ID, teamName: n.team.Name, email: n.email, name: n.name, role: n.role, status: n.status,
		language: n.language, passwordHash: n.passwordHash, twoStep: TwoStepOff, createdAt: ms(t.now),
	}
	switch {
	case !required:
	case n.role == RoleOwner || grace <= 0:
		u.twoStep, u.dueReason = TwoStepDue, DuePolicy
	default:
		u.dueBy, u.dueReason = ms(t.now.Add(grace)), DueGrace
	}
	_, err = t.exec(`INSERT INTO users (id, team_id, email, email_key, name, name_key, role, status, language, password_hash, two_step, due_by, due_reason, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		u.id, u.teamID, u.email, n.key(), u.name, foldName(u.name), string(u.role), string(u.status), u.language, u.passwordHash,
		string(u.twoStep), u.dueBy, string(u.dueReason), u.createdAt)
	if db.IsUnique(err) {
		return nil, refuseField(EmailTaken, "email")
	}
	if err != nil {
		return nil, err
	}
	return u, t.writeWords(u)
}

// setTwoStep moves a user's 2-step from one of the states that the verb expects.
func (t *tx) setTwoStep(u *userRow, to TwoStep, dueBy time.Time, why DueReason) error {
	err := t.must(refuse(NotActive), `UPDATE users SET two_step = $1, due_by = $2, due_reason = $3 WHERE id = $4 AND team_id = $5 AND two_step = $6`,
		string(to), ms(dueBy), string(why), u.id, u.teamID, string(u.twoStep))
	if err != nil {
		return err
	}
	u.twoStep, u.dueBy, u.dueReason = to, ms(dueBy), why
	return t.endWaiting(u.teamID, u.id)
}

// applyDueCase does to everybody in the team what a change of policy does to some
// of them, in one statement however many they are, and returns their number. On
// PostgreSQL it may meet a verb that holds two of them crosswise; the loser is
// tried again by db.
func (t *tx) applyDueCase(teamID string, d dueCase) (int64, error) {
	return t.exec(`UPDATE users SET `+d.set+` WHERE team_id = $1 AND `+d.where, slices.Concat([]any{teamID}, d.whereArgs, d.setArgs)...)
}

func (d dueCase) count(r reader, teamID string) (n int64, err error) {
	err = r.row(`SELECT COUNT(*) FROM users WHERE team_id = $1 AND `+d.where, append([]any{teamID}, d.whereArgs...)...).Scan(&n)
	return n, err
}

func (t *tx) contain(u *userRow, until time.Time) error {
	u.containedUntil = ms(until)
	return t.must(refuse(Missing), `UPDATE users SET contained_until = $1 WHERE id = $2 AND team_id = $3`, u.containedUntil, u.id, u.teamID)
}

// setPasswordHash gives somebody a new password: what was guessed at the old one is
// over, and so is what browsers kept of it.
func (t *tx) setPasswordHash(u *userRow, hash string, status Status) error {
	if err := t.forgetGuesses(u); err != nil {
		return err
	}
	return t.storePasswordHash(u, hash, status)
}

// storePasswordHash is for the same password, hashed anew.
func (t *tx) storePasswordHash(u *userRow, hash string, status Status) error {
	err := t.must(refuse(Missing), `UPDATE users SET password_hash = $1, status = $2 WHERE id = $3 AND team_id = $4 AND password_hash = $5`,
		hash, string(status), u.id, u.teamID, u.passwordHash)
	if err == nil {
		u.passwordHash, u.status = hash, status
	}
	return err
}

// setNewPassword stores a password that the person has just chosen: what was
// demanded is done.
func (t *tx) setNewPassword(u *userRow, hash string) error {
	err := t.must(refuse(LinkGone), `UPDATE users SET password_hash = $1, password_due = FALSE WHERE id = $2 AND team_id = $3 AND password_hash = $4 AND status = 'active'`,
		hash, u.id, u.teamID, u.passwordHash)
	if err == nil {
		u.passwordHash, u.passwordDue = hash, false
	}
	return err
}

// setEmail gives a person another address, from the one that the caller has read.
// Refuses: email-taken.
func (t *tx) setEmail(u *userRow, email string) error {
	err := t.must(refuse(LinkGone), `UPDATE users SET email = $1, email_key = $2 WHERE id = $3 AND team_id = $4 AND email_key = $5`,
		email, foldEmail(email), u.id, u.teamID, foldEmail(u.email))
	if db.IsUnique(err) {
		return refuse(EmailTaken)
	}
	if err != nil {
		return err
	}
	u.email = email
	return t.rewriteWords(u)
}

// demandNewPassword makes the next sign-in ask for a new password: somebody else may
// have this one (R13).
func (t *tx) demandNewPassword(u *userRow) error {
	u.passwordDue = true
	return t.must(refuse(Missing), `UPDATE users SET password_due = TRUE WHERE id = $1 AND team_id = $2`, u.id, u.teamID)
}

func (t *tx) signedIn(u *userRow) error {
	if u.lastSignInAt == ms(t.now) {
		return nil // with the lock
	}
	return t.must(refuse(Missing), `UPDATE users SET last_sign_in_at = $1 WHERE id = $2 AND team_id = $3`, ms(t.now), u.id, u.teamID)
}

func (t *tx) setProfile(u *userRow, name string, role Role, status Status) error {
	err := t.must(refuse(Missing), `UPDATE users SET name = $1, name_key = $2, role = $3, status = $4 WHERE id = $5 AND team_id = $6`,
		name, foldName(name), string(role), string(status), u.id, u.teamID)
	if err != nil {
		return err
	}
	renamed, moved := name != u.name, role != u.role || status != u.status
	u.name, u.role, u.status = name, role, status
	if moved {
		if err := t.endWaiting(u.teamID, u.id); err != nil {
			return err
		}
	}
	if !renamed {
		return nil
	}
	return t.rewriteWords(u)
}

func (t *tx) deleteUser(u *userRow) error {
	if err := t.endWaiting(u.teamID, u.id); err != nil {
		return err
	}
	return t.must(refuse(Missing), `DELETE FROM users WHERE id = $1 AND team_id = $2`, u.id, u.teamID)
}

// SetLanguage keeps the language that a person chose. An unknown one is the
// edge's mistake; core keeps what it is given, cut to a tag's length.
func (c *Core) SetLanguage(ctx context.Context, by Actor, language string) error {
	if by.session == nil {
		return refuse(NotSignedIn)
	}
	return c.write(ctx, func(t *tx) error {
		u, _, err := t.actingUserOfAnyReach(by) // the page that asks for a new password speaks languages too
		if err != nil {
			return err
		}
		if err := t.must(refuse(Missing), `UPDATE users SET language = $1 WHERE id = $2 AND team_id = $3`, cut(language, 16), u.id, u.teamID); err != nil {
			return err
		}
		return t.record(eventOf{event: EventLanguageChanged, by: by, actor: u, target: u, details: map[string]any{"to": cut(language, 16)}})
	})
}

func userByEmail(r reader, email string) (*userRow, error) {
	if cut(email, emailLimit) != strings.TrimSpace(email) {
		return nil, refuse(Missing) // no address looks like this, and no engine takes it for a text
	}
	u, err := oneUser(r, `u.email_key = $1`, foldEmail(email))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(Missing)
	}
	return u, err
}
