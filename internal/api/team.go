package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"doorstep/internal/core"
)

// Person is somebody of the team in a list: numbers and states, never a secret.
type Person struct {
	ID                string     `json:"id"`
	Email             string     `json:"email"`
	Name              string     `json:"name"`
	Role              string     `json:"role" enum:"owner,admin,member"`
	Status            string     `json:"status" enum:"invited,active,suspended"`
	TwoStep           string     `json:"two_step" enum:"off,active,due"`
	RecoveryCodesLeft int        `json:"recovery_codes_left"`
	LastSignInAt      *time.Time `json:"last_sign_in_at"`
	DueBy             *time.Time `json:"due_by" doc:"In off: until when activation may wait. In due: when the account closes. Else null"`
	PausedUntil       *time.Time `json:"paused_until" doc:"Too many wrong authentication codes: the next try is possible then"`
	Blocked           []string   `json:"blocked,omitempty" nullable:"false" enum:"authenticator,recovery_codes,password" doc:"What works no more after too many wrong tries, until it is set up anew; left out when everything does"`
	InvitedUntil      *time.Time `json:"invited_until" doc:"Of somebody invited: until when the link works. Else null"`
	MayRestart        bool       `json:"may_restart" doc:"Whether the caller may restart this person's 2-step authentication"`
}

// personInFull is one person.
type personInFull struct {
	Person
	Sessions       int       `json:"sessions" doc:"How many live"`
	Authenticators int       `json:"authenticators"`
	Restarts       []restart `json:"restarts" nullable:"false" doc:"The newest first, at most 20"`
	Frozen         *frozen   `json:"frozen" doc:"null unless the account is frozen: suspended, because somebody else may be using it"`
	WasThisThem    *string   `json:"was_this_them" doc:"The id of the restart after which somebody activated again, while the caller may still say whether it was this person"`
}

type peopleQuery struct {
	Q       string `query:"q" doc:"The beginning of a word of the name or of a part of the email address; of several words, of each"`
	Role    string `query:"role" enum:"owner,admin,member"`
	TwoStep string `query:"two_step" enum:"off,active,due,grace,not_active,waiting" doc:"grace: off, and the days to activate still run until due_by; not_active is off and due; waiting is who has not activated again after a restart"`
	Codes   string `query:"recovery_codes_left" enum:"0,1,2,3,4,5,6,7,8,9,10" doc:"Exactly so many, of people who have a set of codes"`
	Cursor  string `query:"cursor" doc:"next_cursor of the page before"`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type changeRequest struct {
	Name   *string `json:"name,omitempty"`
	Role   *string `json:"role,omitempty" enum:"owner,admin,member" doc:"An owner's to change, after a step-up"`
	Status *string `json:"status,omitempty" enum:"active,suspended" doc:"Ending a suspension needs a step-up"`
}

type changePerson struct {
	ID   string `path:"id"`
	Body changeRequest
}

// changedPerson has no body when callers gave up the role that lets them see one.
type changedPerson struct {
	Status int
	Body   *personInFull
}

func (a *API) team() {
	add(a, operation{
		method: http.MethodGet, path: "/team/users", needs: core.NeedAdmin, id: "list-people", tag: tagTeam,
		summary: "The people of the team", description: "In the order of their names, or of what `q` found of them. A page can be short and still have a next one.",
		refuses: []core.Code{core.InvalidCursor},
	}, a.listPeople)
	add(a, operation{
		method: http.MethodGet, path: "/team/users/{id}", needs: core.NeedAdmin, id: "get-person", tag: tagTeam,
		summary: "One person", description: "With the number of live sessions and the history of restarts.",
	}, func(ctx context.Context, c *call, in *withID) (*answer[personInFull], error) {
		p, err := a.core.Person(ctx, c.by, in.ID)
		if err != nil {
			return nil, err
		}
		return &answer[personInFull]{Body: *personInFullOf(p)}, nil
	})
	add(a, operation{
		method: http.MethodPatch, path: "/team/users/{id}", needs: core.NeedAdmin, id: "change-person", tag: tagTeam,
		summary: "Change a person's name, role or status",
		description: "What is left out stays. A change of role or a suspension ends the person's sessions. Answers 204 without a body when callers gave up " +
			"their own role.",
		refuses: []core.Code{
			core.OwnerOnly, core.Rank, core.Self, core.Contained, core.RecoverySession, core.StepUpRequired, core.LastOwner,
			core.NameMissing, core.NameTooLong, core.RoleInvalid, core.StatusInvalid,
		},
	}, a.changePerson)
	add(a, operation{
		method: http.MethodDelete, path: "/team/users/{id}", needs: core.NeedSteppedUpAdmin, id: "remove-person", tag: tagTeam,
		summary: "Remove a person from the team", description: "For good; the audit log keeps the name.",
		refuses: []core.Code{core.Rank, core.Self, core.Contained, core.LastOwner},
	}, func(ctx context.Context, c *call, in *withID) (*nothing, error) {
		return nil, a.core.RemoveUser(ctx, c.by, in.ID)
	})
	add(a, operation{
		method: http.MethodDelete, path: "/team/users/{id}/sessions", needs: core.NeedAdmin, id: "end-person-sessions", tag: tagTeam,
		summary: "End all sessions of a person", description: "Of a person below the caller's rank.",
		refuses: []core.Code{core.Rank, core.OwnersSessions, core.Self},
	}, func(ctx context.Context, c *call, in *withID) (*answer[endedAnswer], error) {
		n, err := a.core.EndUserSessions(ctx, c.by, in.ID)
		return ended(n, err)
	})
}

func (a *API) listPeople(ctx context.Context, c *call, in *peopleQuery) (*answer[list[Person]], error) {
	f := core.PeopleFilter{Query: in.Q, Role: core.Role(in.Role), TwoStep: core.TwoStep(in.TwoStep), Cursor: in.Cursor, Limit: in.Limit}
	if n, err := strconv.Atoi(in.Codes); err == nil { // the enum lets nothing else through
		f.CodesLeft = &n
	}
	page, err := a.core.People(ctx, c.by, f)
	if err != nil {
		return nil, err
	}
	out := list[Person]{Items: make([]Person, len(page.Items))}
	for i := range page.Items {
		out.Items[i] = personOf(&page.Items[i])
	}
	if page.Next != "" {
		out.NextCursor = &page.Next
	}
	return &answer[list[Person]]{Body: out}, nil
}

func (a *API) changePerson(ctx context.Context, c *call, in *changePerson) (*changedPerson, error) {
	p, err := a.core.ChangeUser(ctx, c.by, in.ID, core.UserChange{
		Name: in.Body.Name, Role: (*core.Role)(in.Body.Role), Status: (*core.Status)(in.Body.Status),
	})
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return &changedPerson{Status: http.StatusNoContent}, nil
	}
	return &changedPerson{Status: http.StatusOK, Body: personInFullOf(p)}, nil
}

func personOf(p *core.Person) Person {
	return Person{
		ID: p.ID, Email: p.Email, Name: p.Name, Role: string(p.Role), Status: string(p.Status), TwoStep: string(p.TwoStep),
		RecoveryCodesLeft: p.RecoveryCodesLeft, LastSignInAt: when(p.LastSignInAt), DueBy: when(p.DueBy), PausedUntil: when(p.PausedUntil), InvitedUntil: when(p.InvitedUntil),
		MayRestart: p.MayNotRestart == nil, Blocked: p.Blocked,
	}
}

func personInFullOf(p *core.Person) *personInFull {
	out := &personInFull{Person: personOf(p), Sessions: p.Sessions, Authenticators: p.Authenticators, Restarts: make([]restart, len(p.Restarts))}
	for i := range p.Restarts {
		out.Restarts[i] = restartOf(&p.Restarts[i])
	}
	if f := p.Frozen; f != nil {
		out.Frozen = &frozen{Why: string(f.Why), At: f.At, By: f.ByName}
	}
	if p.AskedAbout != "" {
		out.WasThisThem = &p.AskedAbout
	}
	return out
}
