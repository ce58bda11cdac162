package apptest

import (
	"context"
	"testing"

	"doorstep/internal/core"
)

// ReturnHosts lets an owner register hosts to which the sign-ins of their team may
// lead back.
func (a *App) ReturnHosts(owner string, hosts ...string) {
	a.t.Helper()
	s, from := a.signedIn(owner)
	if _, err := a.Core.ChangePolicy(context.Background(), s.By(from), core.PolicyChange{ReturnHosts: &hosts}); err != nil {
		a.t.Fatalf("register hosts: %v", err)
	}
}

// Session signs somebody in with both steps and returns the session's token.
func (a *App) Session(key string) (token string) {
	a.t.Helper()
	s, _ := a.signedIn(key)
	return s.Token
}

// AppsToken is what the cookie for apps holds of a session.
func AppsToken(t testing.TB, c *core.Core, token string) string {
	t.Helper()
	s, err := c.Session(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	own := *s
	own.Token = token
	return c.AppsToken(&own)
}

func (a *App) signedIn(key string) (*core.Session, core.Origin) {
	a.t.Helper()
	ctx, from, p := context.Background(), core.Origin{Via: core.ViaAPI, Address: "192.0.2.7", Device: "a test"}, a.Person(key)
	in, err := a.Core.BeginSignIn(ctx, core.Nobody(from), p.Email, Password, "")
	if err == nil && in.Next == core.StepSecondStep {
		in, err = a.Core.AcceptSecondStep(ctx, core.Nobody(from), in.Attempt, p.Phone.Code(), false)
	}
	if err != nil {
		a.t.Fatalf("%s did not get in: %v", key, err)
	}
	return in.Session, from
}
