package api

import (
	"context"
	"net/http"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Session is a session as its holder sees it. It is exported, as are Person and
// Receipt, because huma passes over an embedded type that is not.
type Session struct {
	Token      string    `json:"token,omitempty" doc:"Only in the answer that made or replaced it"`
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at" doc:"When it ends unless it is used before, at the latest at its absolute end"`
	SecondStep string    `json:"second_step" enum:"authenticator,recovery_code,none" doc:"What was really proved besides the password"`
	Reach      string    `json:"reach" enum:"full,activation,password" doc:"activation: GET and DELETE /session, GET /two-step and /two-step/activation alone; password: GET and DELETE /session and POST /password alone"`
}

type user struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Role     string `json:"role" enum:"owner,admin,member"`
	Status   string `json:"status" enum:"invited,active,suspended"`
	Team     team   `json:"team"`
	Language string `json:"language" enum:"en,es,pt-BR"`
}

type team struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type sessionAnswer struct {
	Session *Session `json:"session"`
	User    user     `json:"user"`
}

// ownSession is a line of the list of one's own.
type ownSession struct {
	Session
	Current    bool      `json:"current" doc:"The one that asks"`
	LastSeenAt time.Time `json:"last_seen_at" doc:"To the minute"`
	Address    string    `json:"address" doc:"From where it was opened"`
	Device     string    `json:"device" doc:"The User-Agent that opened it"`
	Remembered bool      `json:"remembered" doc:"A remembered device opened it, with the password alone"`
}

// list is how every list is answered.
type list[T any] struct {
	Items      []T     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" doc:"For the parameter cursor; null on the last page"`
}

type endedAnswer struct {
	SessionsEnded int `json:"sessions_ended"`
}

type withID struct {
	ID string `path:"id"`
}

func (a *API) session() {
	add(a, operation{
		method: http.MethodGet, path: "/session", needs: core.NeedSession, id: "get-session", tag: tagSession,
		summary: "This session and who is signed in", description: "Also for a session that reaches activation or a new password alone.",
	}, func(_ context.Context, c *call, _ *nothing) (*answer[sessionAnswer], error) {
		return &answer[sessionAnswer]{Body: sessionAnswer{Session: sessionOf(c.session), User: userOf(c.session.User)}}, nil
	})
	add(a, operation{
		method: http.MethodDelete, path: "/session", needs: core.NeedSession, id: "sign-out", tag: tagSession,
		summary: "Sign out", description: "Ends this session; its token is dead when this has answered.",
	}, func(ctx context.Context, c *call, _ *nothing) (*nothing, error) {
		return nil, a.core.SignOut(ctx, c.by)
	})
	add(a, operation{
		method: http.MethodGet, path: "/sessions", needs: core.NeedSignedIn, id: "list-sessions", tag: tagSession,
		summary: "My sessions", description: "Those that live, the newest first, all on one page.",
	}, a.listSessions)
	add(a, operation{
		method: http.MethodDelete, path: "/sessions/{id}", needs: core.NeedSignedIn, id: "end-session", tag: tagSession,
		summary: "End one of my sessions", description: "Somebody else's session, and one that has ended, is not found.",
	}, func(ctx context.Context, c *call, in *withID) (*answer[endedAnswer], error) {
		n, err := a.core.EndSession(ctx, c.by, in.ID)
		return ended(n, err)
	})
	add(a, operation{
		method: http.MethodDelete, path: "/sessions", needs: core.NeedSignedIn, id: "end-other-sessions", tag: tagSession,
		summary: "End all my other sessions", description: "This one stays.",
	}, func(ctx context.Context, c *call, _ *nothing) (*answer[endedAnswer], error) {
		n, err := a.core.EndOtherSessions(ctx, c.by)
		return ended(n, err)
	})
}

func (a *API) listSessions(ctx context.Context, c *call, _ *nothing) (*answer[list[ownSession]], error) {
	live, err := a.core.Sessions(ctx, c.by)
	if err != nil {
		return nil, err
	}
	items := make([]ownSession, len(live))
	for i, s := range live {
		items[i] = ownSession{
			Session: *sessionOf(&s), Current: s.ID == c.session.ID, LastSeenAt: s.LastSeenAt, Address: s.Address, Device: s.Device,
			Remembered: s.Remembered,
		}
	}
	return &answer[list[ownSession]]{Body: list[ownSession]{Items: items}}, nil
}

func ended(n int, err error) (*answer[endedAnswer], error) {
	if err != nil {
		return nil, err
	}
	return &answer[endedAnswer]{Body: endedAnswer{SessionsEnded: n}}, nil
}

func sessionOf(s *core.Session) *Session {
	return &Session{
		Token: s.Token, ID: s.ID, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, SecondStep: string(s.SecondStep), Reach: string(s.Reach),
	}
}

func userOf(u core.User) user {
	return user{
		ID: u.ID, Email: u.Email, Name: u.Name, Role: string(u.Role), Status: string(u.Status),
		Team: team{ID: u.Team.ID, Name: u.Team.Name}, Language: string(words.Pick(u.Language)),
	}
}

// when writes a time that may be absent: null and never the year 1.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
