package web

import (
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// waitingPage lists the restarts that wait for a second approver. Nothing is
// approved from a list.
type waitingPage struct {
	common
	Rows []waitingRow
}

type waitingRow struct{ Name, Text, Href string }

const waitingPath = "/team/restarts"

func showWaiting(v *visit) error {
	p := &waitingPage{common: v.common(v.say("second.title"))}
	var err error
	if p.Rows, err = v.waitingRows(); err != nil {
		return err
	}
	return v.show("waiting", p)
}

func (v *visit) waitingRows() ([]waitingRow, error) {
	list, err := v.core.PendingRestarts(v.ctx(), v.by())
	if err != nil {
		return nil, err
	}
	var rows []waitingRow
	for _, r := range list {
		rows = append(rows, waitingRow{r.Person.Name, v.say("second.row", ofWaiting(&r)), waitingPath + "/" + r.ID})
	}
	return rows, nil
}

// ofWaiting are what sentences name of a restart that waits.
func ofWaiting(r *core.PendingRestart) words.Args {
	return words.Args{"by": r.ByName, "name": r.Person.Name, "started": r.At, "at": r.ExpiresAt, "reason": r.Reason}
}

// secondPage is one of them, with what an approval would do.
type secondPage struct {
	common
	ID     string
	Person core.User
	Row    string
	How    string
	Ask    string
	MayNot string   // why the person who looks cannot approve it; then there are no numbers
	Ends   []string // what will happen
	Own    bool     // whoever looks began it
}

func showSecond(v *visit) error {
	r, err := v.core.PendingRestart(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	args := ofWaiting(r)
	args["verified"] = v.say("verified." + string(r.VerifiedBy))
	p := &secondPage{
		common: v.common(v.say("second.q", args)), ID: r.ID, Person: r.Person, Row: v.say("second.row", args), How: v.say("second.how", args),
		Ask: v.say("second.ask", args), Own: r.ByID == v.session.User.ID,
	}
	switch {
	case p.Own:
		p.MayNot = v.say("second.own")
	case r.MayNotApprove != nil:
		p.MayNot = edge.Sentence(v.words, r.MayNotApprove)
	default:
		preview, err := v.core.RestartPreview(v.ctx(), v.by(), r.Person.ID)
		if err != nil {
			return err
		}
		p.Ends = v.whatEnds(preview)
	}
	return v.show("second", p)
}

func approveRestart(v *visit) error {
	done, err := v.core.ApproveRestart(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.restarted(done)
}

func refuseRestart(v *visit) error {
	if err := v.core.RefuseRestart(v.ctx(), v.by(), v.r.PathValue("id")); err != nil {
		return err
	}
	v.tell(notice{Says: "second.refused"})
	return v.see(waitingPath)
}
