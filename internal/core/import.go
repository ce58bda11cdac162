package core

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
)

// importLasts is for how long a file that was looked at can be confirmed.
const importLasts = time.Hour

// Import is a file of people: before it is confirmed what would happen, afterwards
// what did.
type Import struct {
	ID        string
	Encoding  ImportEncoding
	Ready     []ImportLine // who will be invited
	Bad       []ImportLine // who will not, and why; afterwards the lines that were left out
	ExpiresAt time.Time

	DoneAt           time.Time // zero before
	Invited, LeftOut int
	Sent             []Invitation // with links to hand over, where no mail is set up; only from ConfirmImport, once
}

// LookAtImport reads a file of people and keeps it for an hour; nothing is sent. An
// earlier file of the same person that was not confirmed is forgotten.
// Refuses: what InvitePeople refuses of the actor, step-up-required, import-empty,
// import-no-header, import-broken, import-too-large.
func (c *Core) LookAtImport(ctx context.Context, by Actor, file []byte) (*Import, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	if len(file) > ImportLimit {
		return nil, refuseField(ImportTooLarge, "file").with("n", ImportPeopleMost)
	}
	text, encoding, err := decodeImport(file)
	if err != nil {
		return nil, refuseField(ImportBroken, "file").with("n", 1)
	}
	lines, err := readImport(text)
	if err != nil {
		return nil, err
	}
	var look *Import
	err = c.keepCount(ctx, func(t *tx) error {
		actor, s, err := t.inviting(by)
		if err != nil {
			return err
		}
		if err := needStepUp(actor, s, t.now); err != nil {
			return err
		}
		look = &Import{ID: newID(), Encoding: encoding, ExpiresAt: t.now.Add(importLasts)}
		if err := look.judge(t, actor, lines); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM imports WHERE team_id = $1 AND by_id = $2 AND done_at = 0`, actor.teamID, actor.id); err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO imports (id, team_id, by_id, encoding, file, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			look.ID, actor.teamID, actor.id, string(encoding), text, ms(t.now), ms(look.ExpiresAt))
		return err
	})
	if err != nil {
		return nil, err
	}
	return look, nil
}

// judge says of each line whether its person can be invited.
func (i *Import) judge(r reader, actor *userRow, lines []ImportLine) error {
	var emails []string
	for _, line := range lines {
		if email, err := readEmail(line.Email); err == nil {
			emails = append(emails, email)
		}
	}
	there, err := inTeam(r, actor.teamID, emails...)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, line := range lines {
		line.Role = RoleMember
		if line.RoleSays != "" {
			line.Role = Role(strings.ToLower(line.RoleSays))
		}
		tidy, err := line.tidy()
		key := foldEmail(tidy.Email)
		switch {
		case err != nil:
		case named[key]:
			err = refuseField(AddressTwice, "email").with("email", tidy.Email)
		default:
			named[key] = true
			if err = mayInvite(actor, tidy.Role); err == nil {
				err = alreadyThere(there[key])
			}
		}
		if line.Refused = Refused(err); line.Refused != nil {
			i.Bad = append(i.Bad, line)
			continue
		}
		line.Invitee = tidy
		i.Ready = append(i.Ready, line)
	}
	return nil
}

// Import reads a file that the actor looked at, or its receipt.
// Refuses: what needTeam refuses, not-found (also somebody else's), import-over.
func (c *Core) Import(ctx context.Context, by Actor, id string) (*Import, error) {
	r := c.read(ctx)
	actor, err := c.needTeam(r, by)
	if err != nil {
		return nil, err
	}
	i, lines, err := importOf(r, actor, id, c.Now())
	if err != nil {
		return nil, err
	}
	return i, i.judge(r, actor, lines)
}

func importOf(r reader, actor *userRow, id string, now time.Time) (*Import, []ImportLine, error) {
	if !isID(id) {
		return nil, nil, refuse(Missing)
	}
	i := &Import{ID: id}
	var text string
	var expires, done int64
	err := r.row(`SELECT encoding, file, expires_at, done_at, invited, left_out FROM imports WHERE id = $1 AND team_id = $2 AND by_id = $3`, id, actor.teamID, actor.id).
		Scan((*string)(&i.Encoding), &text, &expires, &done, &i.Invited, &i.LeftOut)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, refuse(Missing)
	}
	if err != nil {
		return nil, nil, err
	}
	if ms(now) >= expires {
		return nil, nil, refuse(ImportOver)
	}
	i.ExpiresAt, i.DoneAt = at(expires), at(done)
	if i.LeftOut == 0 && done != 0 {
		return i, nil, nil
	}
	lines, err := readImport(text)
	return i, lines, err
}

// ConfirmImport invites everybody of the file, or nobody: while a line is bad it
// refuses, unless the actor says that the bad ones are to be left out. Confirmed
// twice it answers with one receipt, and has sent once.
// Refuses: what InvitePeople refuses, step-up-required, not-found, import-over,
// import-has-bad-lines, import-nobody.
func (c *Core) ConfirmImport(ctx context.Context, by Actor, id string, leaveOutBad bool) (*Import, error) {
	if by.session == nil {
		return nil, refuse(NotSignedIn)
	}
	var done *Import
	err := c.write(ctx, func(t *tx) error {
		actor, s, err := t.inviting(by)
		if err != nil {
			return err
		}
		if err := needStepUp(actor, s, t.now); err != nil {
			return err
		}
		i, lines, err := importOf(t, actor, id, t.now)
		if err != nil {
			return err
		}
		if err := i.judge(t, actor, lines); err != nil {
			return err
		}
		if done = i; !i.DoneAt.IsZero() {
			t.nothingToRecord()
			return nil
		}
		switch {
		case len(i.Bad) > 0 && !leaveOutBad:
			return refuse(ImportHasBadLines).with("n", len(i.Bad))
		case len(i.Ready) == 0:
			return refuse(ImportNobody)
		}
		return t.importPeople(by, actor, i)
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// importPeople invites those who are ready, and keeps the receipt.
func (t *tx) importPeople(by Actor, actor *userRow, i *Import) error {
	for _, line := range slices.Clone(i.Ready) {
		sent, err := t.invite(by, actor, line.Invitee)
		if err != nil {
			return err // one that fails takes all others back
		}
		i.Sent = append(i.Sent, *sent)
	}
	leftOut, err := writeImport(i.Bad)
	if err != nil {
		return err
	}
	i.DoneAt, i.Invited, i.LeftOut = t.now, len(i.Sent), len(i.Bad)
	if err := t.must(refuse(ImportOver), `UPDATE imports SET done_at = $1, invited = $2, left_out = $3, file = $4 WHERE id = $5 AND team_id = $6 AND by_id = $7 AND done_at = 0`,
		ms(t.now), i.Invited, i.LeftOut, leftOut, i.ID, actor.teamID, actor.id); err != nil {
		return err
	}
	return t.record(eventOf{event: EventPeopleImported, by: by, actor: actor, team: actor.teamID, details: map[string]any{"invited": i.Invited, "left_out": i.LeftOut}})
}

func (t *tx) forgetOldImports() error {
	_, err := t.exec(`DELETE FROM imports WHERE expires_at < $1`, ms(t.now))
	return err
}
