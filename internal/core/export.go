package core

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"time"
)

// exportPage is how many people are read at once for a file.
const exportPage = pageMost

// ExportPeople writes whom a filter lets through as CSV, in the order of the list and
// page by page, so that a team of any size takes no more memory than a page. It is
// recorded before anything is written: a file that was cut off was taken too.
// begin is called before the first byte, when nothing can be refused any more.
// Refuses: what People refuses, recovery-session.
func (c *Core) ExportPeople(ctx context.Context, by Actor, f PeopleFilter, begin func(), to io.Writer) error {
	f.Cursor, f.Limit = "", exportPage
	page, err := c.People(ctx, by, f)
	if err != nil {
		return err
	}
	err = c.write(ctx, func(t *tx) error {
		actor, s, err := t.actingUser(by)
		if err != nil {
			return err
		}
		if s.secondStep == SecondStepRecoveryCode {
			return refuse(RecoverySession)
		}
		return t.record(eventOf{event: EventPeopleExported, by: by, actor: actor, team: actor.teamID})
	})
	if err != nil {
		return err
	}
	begin()
	// Spreadsheets take a file without this mark for one in the letters of Windows.
	if _, err := io.WriteString(to, "\ufeff"); err != nil {
		return err
	}
	w := csv.NewWriter(to)
	if err := w.Write([]string{columnEmail, columnName, columnRole, "status", "two_step", "recovery_codes_left", "last_sign_in_at", "due_by", "id"}); err != nil {
		return err
	}
	for {
		for i := range page.Items {
			if err := w.Write(rowOf(&page.Items[i])); err != nil {
				return err
			}
		}
		w.Flush()
		if page.Next == "" || w.Error() != nil {
			return w.Error()
		}
		f.Cursor = page.Next
		if page, err = c.People(ctx, by, f); err != nil {
			return errors.Join(err, w.Error())
		}
	}
}

// rowOf is a person as a line of a file. What people choose themselves is guarded,
// and so is the rest: which of it is safe need not be known.
func rowOf(p *Person) []string {
	row := []string{
		p.Email, p.Name, string(p.Role), string(p.Status), string(p.TwoStep), strconv.Itoa(p.RecoveryCodesLeft),
		timeCell(p.LastSignInAt), timeCell(p.DueBy), p.ID,
	}
	for i := range row {
		row[i] = GuardCell(row[i])
	}
	return row
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
