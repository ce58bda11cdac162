package core

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Home is what a person finds on their first page: what needs doing.
type Home struct {
	TwoStep        *TwoStepStatus
	ContainedUntil time.Time
	Todo           []HomeItem // what is missing, the most urgent first
	Advice         []HomeItem // what would be better, and may be put away
	Begin          []HomeStep // an owner's first steps, while any is left and they were not put away
	LastSignIn     *PastSignIn
	Apps           []string // hosts that a sign-in of the team may lead back to
	People         Count    // of the team; for owners and admins
}

// HomeItem is one thing that needs doing.
type HomeItem struct {
	What  HomeWhat
	N     Count     // how many; zero where it is not about a number
	Until time.Time // by when; zero for no time
	Name  string    // whom it is about, "" for nobody
}

// HomeWhat says what needs doing; the edges have a sentence for each.
type HomeWhat string

// What needs doing: a person's own safety, then the team's.
const (
	HomeActivate      HomeWhat = "activate"
	HomeCodesBlocked  HomeWhat = "codes_blocked"
	HomeNoCodes       HomeWhat = "no_codes"
	HomeFewCodes      HomeWhat = "few_codes"
	HomeStillHave     HomeWhat = "still_have_codes" // asked months after they were made
	HomeVerifyAddress HomeWhat = "verify_second_address"
	HomeSecondAddress HomeWhat = "second_address"

	HomeRequests    HomeWhat = "requests"
	HomeSecond      HomeWhat = "second_approvals"
	HomeDeadLetters HomeWhat = "undelivered_letters"
	HomeNotActive   HomeWhat = "not_active"
	HomeNobodyAble  HomeWhat = "no_owner_able"
	HomeSinglePoint HomeWhat = "single_point_of_failure"
	HomeSecondOwner HomeWhat = "second_owner"
	HomeNoMail      HomeWhat = "no_mail"
)

// HomeWhats lists them.
func HomeWhats() []HomeWhat {
	return []HomeWhat{
		HomeActivate, HomeCodesBlocked, HomeNoCodes, HomeFewCodes, HomeStillHave, HomeVerifyAddress, HomeSecondAddress,
		HomeRequests, HomeSecond, HomeDeadLetters, HomeNotActive, HomeNobodyAble, HomeSinglePoint, HomeSecondOwner, HomeNoMail,
	}
}

// PastSignIn is a sign-in as its person may recognize it.
type PastSignIn struct {
	At              time.Time
	Device, Address string
}

// codesAskedAfter is how old recovery codes are when their owner is asked whether
// they still have them: paper gets lost, and nobody notices until the bad day.
const codesAskedAfter = 150 * day

// Home says what needs doing: of everybody their own safety, of owners and admins
// the team's too. What it costs does not depend on the team's size. Refuses:
// not-signed-in, password-change-required, activation-required.
func (c *Core) Home(ctx context.Context, by Actor) (*Home, error) {
	r := c.read(ctx)
	u, err := c.whoReads(r, by)
	if err != nil {
		return nil, err
	}
	h := &Home{}
	if h.TwoStep, err = c.TwoStepStatus(ctx, by); err != nil {
		return nil, err
	}
	away, err := putAway(r, u)
	if err != nil {
		return nil, err
	}
	if h.LastSignIn, err = signInBefore(r, u, by.session.CreatedAt); err != nil {
		return nil, err
	}
	if h.Apps, err = returnHosts(r, u.teamID); err != nil {
		return nil, err
	}
	if err := h.addOwn(c, r, u, away); err != nil {
		return nil, err
	}
	if u.role.rank() < RoleAdmin.rank() {
		return h, nil
	}
	if u.contained(c.Now()) {
		h.ContainedUntil = at(u.containedUntil) // a member has nothing of what it takes away
	}
	return h, h.addTeam(ctx, c, by, u, away)
}

// addOwn is the person's own safety.
func (h *Home) addOwn(c *Core, r reader, u *userRow, away map[string]int64) error {
	two := h.TwoStep
	switch {
	case two.State != TwoStepActive:
		h.Todo = append(h.Todo, HomeItem{What: HomeActivate, Until: two.DueBy})
	case two.CodesBlocked:
		h.Todo = append(h.Todo, HomeItem{What: HomeCodesBlocked})
	case two.RecoveryCodesLeft == 0:
		h.Todo = append(h.Todo, HomeItem{What: HomeNoCodes})
	case two.RecoveryCodesLeft <= FewCodes:
		h.Todo = append(h.Todo, HomeItem{What: HomeFewCodes, N: Count{N: two.RecoveryCodesLeft}})
	case !two.OpenedByCode: // who came with one has them
		made, err := codesMadeAt(r, u)
		if err != nil {
			return err
		}
		if away[AwayCodes] < ms(made) && !c.Now().Before(made.Add(codesAskedAfter)) {
			h.Todo = append(h.Todo, HomeItem{What: HomeStillHave})
		}
	}
	second, err := notifyAddressOf(r, u)
	if err != nil || !c.MailConfigured() {
		return err
	}
	switch v := second.view(c.Now()); {
	case v.Waiting != "":
		h.Todo = append(h.Todo, HomeItem{What: HomeVerifyAddress, Name: v.Waiting, Until: v.WaitingUntil})
	case v.Email == "" && away[AwaySecondAddress] == 0:
		h.Advice = append(h.Advice, HomeItem{What: HomeSecondAddress})
	}
	return nil
}

// addTeam is what owners and admins look after. What is among the first steps is
// not said twice.
func (h *Home) addTeam(ctx context.Context, c *Core, by Actor, u *userRow, away map[string]int64) error {
	ready, err := c.Readiness(ctx, by)
	if err != nil {
		return err
	}
	people, err := readQuestion(u.teamID, PeopleFilter{}, c.Now())
	if err != nil {
		return err
	}
	r := c.read(ctx)
	if h.People, _, err = people.measure(r); err != nil {
		return err
	}
	if err := h.addWaiting(ctx, c, by); err != nil {
		return err
	}
	if u.role == RoleOwner && away[AwayFirstSteps] == 0 {
		if h.Begin, err = c.firstSteps(r, u, ready, h.People, away); err != nil {
			return err
		}
	}
	if ready.NotActive.N > 0 {
		h.Todo = append(h.Todo, HomeItem{What: HomeNotActive, N: ready.NotActive})
	}
	switch {
	case ready.Able.N == 0:
		h.Todo = append(h.Todo, HomeItem{What: HomeNobodyAble})
	case len(ready.Owners) == 1 && !h.begins(BeginOwner):
		h.Todo = append(h.Todo, HomeItem{What: HomeSecondOwner})
	case len(ready.Owners) > 1:
		for _, o := range ready.Owners {
			if o.SinglePoint {
				h.Todo = append(h.Todo, HomeItem{What: HomeSinglePoint, Name: o.Name})
			}
		}
	}
	if !c.MailConfigured() && !h.begins(BeginMail) {
		h.Todo = append(h.Todo, HomeItem{What: HomeNoMail})
	}
	return nil
}

func (h *Home) begins(what HomeBegin) bool {
	return slices.ContainsFunc(h.Begin, func(s HomeStep) bool { return s.What == what })
}

// addWaiting is for whom somebody waits now.
func (h *Home) addWaiting(ctx context.Context, c *Core, by Actor) error {
	open, err := c.OpenRequests(ctx, by)
	if err != nil {
		return err
	}
	if open > 0 {
		h.Todo = append(h.Todo, HomeItem{What: HomeRequests, N: Count{N: open}})
	}
	pending, err := c.PendingRestarts(ctx, by)
	if err != nil {
		return err
	}
	pending = slices.DeleteFunc(pending, func(p PendingRestart) bool { return p.MayNotApprove != nil && p.MayNotApprove.Code != StepUpRequired })
	if len(pending) > 0 {
		h.Todo = append(h.Todo, HomeItem{What: HomeSecond, N: Count{N: len(pending)}})
	}
	dead, err := c.HasDeadLetters(ctx, by)
	if dead {
		h.Todo = append(h.Todo, HomeItem{What: HomeDeadLetters})
	}
	return err
}

// signInBefore is the person's last sign-in before a session began, nil for none.
func signInBefore(r reader, u *userRow, began time.Time) (*PastSignIn, error) {
	var v PastSignIn
	var when int64
	err := r.row(`SELECT at, device, address FROM audit_events WHERE team_id = $1 AND target_id = $2 AND id < $3 AND event = $4 ORDER BY id DESC LIMIT 1`,
		u.teamID, u.id, firstEventID(began), EventSessionStarted).Scan(&when, &v.Device, &v.Address)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	v.At = at(when)
	return &v, err
}
