package core

import (
	"context"
	"strings"
	"testing"
	"time"

	"doorstep/internal/db/dbtest"
	"doorstep/internal/seal"
)

// emptyEach runs a test on both engines with nobody in it.
func emptyEach(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	start := func(t *testing.T, postgres string) *world {
		t.Helper()
		w := &world{t: t, clock: &testClock{now: testStart}, cast: map[string]castMember{}, fault: &fault{}}
		c, err := Open(context.Background(), Options{DataDir: t.TempDir(), Keys: seal.NewKeysForTest(), Clock: w.clock.Now, Database: postgres})
		w.ok(err)
		w.Core = c
		t.Cleanup(func() { w.ok(c.Close()) })
		return w
	}
	t.Run("sqlite", func(t *testing.T) { run(t, start(t, "")) })
	t.Run("postgres", func(t *testing.T) { run(t, start(t, dbtest.Postgres(t))) })
}

var firstOwner = NewOwner{Team: "Northwind", Name: "Ana", Email: "ana@example.com", Password: testPassword}

// ASVS 6.3.2
func TestSetUp(t *testing.T) {
	emptyEach(t, func(t *testing.T, w *world) {
		old, err := w.MakeSetupLink(w.ctx())
		w.ok(err)
		link, err := w.MakeSetupLink(w.ctx())
		w.ok(err)
		_, err = w.OpenSetupLink(w.ctx(), old.Token) // replaced by the newer one
		w.refused(err, LinkGone)
		var forms []string
		for range 20 { // opening consumes nothing, and closes no form that is being filled in
			form, err := w.OpenSetupLink(w.ctx(), link.Token)
			w.ok(err)
			forms = append(forms, form)
		}
		form := forms[0]
		w.ok(w.SetupForm(w.ctx(), form))
		for _, forged := range []string{"", "x", "x.y.z", form[:len(form)-1], form + "A", strings.Replace(form, ".1", ".2", 1), link.Token} {
			w.refused(w.SetupForm(w.ctx(), forged), LinkGone)
			_, err := w.PasswordForm(w.ctx(), form) // a form of another purpose
			w.refused(err, LinkGone)
		}
		for _, c := range []struct {
			change func(*NewOwner)
			want   Code
		}{
			{func(n *NewOwner) { n.Team = " " }, TeamNameMissing},
			{func(n *NewOwner) { n.Name = "" }, NameMissing},
			{func(n *NewOwner) { n.Name = strings.Repeat("a", 101) }, NameTooLong},
			{func(n *NewOwner) { n.Email = "ana" }, EmailInvalid},
			{func(n *NewOwner) { n.Email = "ana@example.com\r\nBcc: x@example.com" }, EmailInvalid},
			{func(n *NewOwner) { n.Email = "Ana <ana@example.com>" }, EmailInvalid},
			{func(n *NewOwner) { n.Password = "fourteen chars" }, PasswordTooShort},
			{func(n *NewOwner) { n.Password = strings.Repeat("längliches ", 40) }, PasswordTooLong},
			{func(n *NewOwner) { n.Password = "passwordpassword" }, PasswordCommon},
			{func(n *NewOwner) { n.Password = "ana@example.com" }, PasswordPersonal},
		} {
			n := firstOwner
			c.change(&n)
			_, err := w.SetUp(w.ctx(), Nobody(testOrigin), form, n)
			w.refused(err, c.want)
		}
		won, errs := race(8, func(int) error {
			_, err := w.SetUp(w.ctx(), Nobody(testOrigin), form, firstOwner)
			return err
		})
		if won != 1 {
			t.Errorf("%d owners made, want 1: %v", won, errs)
		}
		for _, err := range errs {
			if !IsRefusal(err, LinkGone) && !IsRefusal(err, SetupUsed) {
				t.Errorf("the other browser heard %v", err)
			}
		}
		_, err = w.MakeSetupLink(w.ctx())
		w.refused(err, SetupUsed)
		_, err = w.OpenSetupLink(w.ctx(), link.Token)
		w.refused(err, SetupUsed)
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), "ana@example.com", testPassword, "")
		w.ok(err)
		if in.Next != StepActivation {
			t.Errorf("an owner without 2-step is led to %s: owners have no days of grace", in.Next)
		}
	})
}

// ASVS 6.4.1, NIST 4.4
func TestSetUpLinkExpires(t *testing.T) {
	emptyEach(t, func(t *testing.T, w *world) {
		link, err := w.MakeSetupLink(w.ctx())
		w.ok(err)
		form, err := w.OpenSetupLink(w.ctx(), link.Token)
		w.ok(err)
		w.clock.advance(15 * time.Minute)
		w.refused(w.SetupForm(w.ctx(), form), LinkGone)
		form, err = w.OpenSetupLink(w.ctx(), link.Token)
		w.ok(err)
		w.ok(w.SetupForm(w.ctx(), form))
		w.clock.advance(45 * time.Minute)
		_, err = w.OpenSetupLink(w.ctx(), link.Token)
		w.refused(err, LinkGone)
		_, err = w.SetUp(w.ctx(), Nobody(testOrigin), form, firstOwner)
		w.refused(err, LinkGone)
		w.refused(w.SetupForm(w.ctx(), ""), LinkGone)
	})
}

// NIST 3.1.1.1
func TestAddUser(t *testing.T) {
	emptyEach(t, func(t *testing.T, w *world) {
		console := Console("root")
		add := func(n NewUser) (*AddedUser, error) { return w.AddUser(w.ctx(), console, n) }
		_, err := add(NewUser{Email: "ana@example.com", Name: "Ana", Role: RoleOwner})
		w.refused(err, TeamNameMissing) // no team yet
		_, err = add(NewUser{Email: "m@example.com", Name: "M", Role: RoleMember, Team: "Northwind"})
		w.refused(err, Missing) // only an owner makes a team
		ana, err := add(NewUser{Email: "ana@example.com", Name: "Ana", Role: RoleOwner, Team: "Northwind", Password: testPassword})
		w.ok(err)
		if ana.Link != nil {
			t.Error("a link beside a password")
		}
		farid, err := add(NewUser{Email: "Farid@Example.com", Name: "Farid", Role: RoleMember}) // the only team
		w.ok(err)
		if farid.Link == nil || farid.Team != ana.Team {
			t.Errorf("%+v", farid)
		}
		_, err = add(NewUser{Email: "farid@example.com", Name: "Farid", Role: RoleMember})
		w.refused(err, EmailTaken)
		_, err = add(NewUser{Email: "x@example.com", Name: "X", Role: "king"})
		w.refused(err, RoleInvalid)
		_, err = add(NewUser{Email: "zoe@example.com", Name: "Zoe", Role: RoleOwner, Team: "Elsewhere"})
		w.ok(err)
		_, err = add(NewUser{Email: "y@example.com", Name: "Y", Role: RoleMember})
		w.refused(err, TeamNameMissing) // two teams now
		_, err = w.AddUser(w.ctx(), Nobody(testOrigin), NewUser{Email: "z@example.com", Name: "Z", Role: RoleOwner, Team: "Northwind"})
		w.refused(err, NotSignedIn)

		form, err := w.OpenPasswordLink(w.ctx(), farid.Link.Token)
		w.ok(err)
		_, err = w.SetFirstPassword(w.ctx(), Nobody(testOrigin), form, "", "too short")
		w.refused(err, PasswordTooShort)
		won, _ := race(5, func(int) error {
			_, err := w.SetFirstPassword(w.ctx(), Nobody(testOrigin), form, "", testPassword)
			return err
		})
		if won != 1 {
			t.Errorf("the link worked %d times, want once", won)
		}
		_, err = w.OpenPasswordLink(w.ctx(), farid.Link.Token)
		w.refused(err, LinkGone)
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), " farid@example.com ", testPassword, "")
		w.ok(err)
		if in.Next != StepSignedIn || in.Session.Reach != ReachFull {
			t.Errorf("a newcomer in grace is led to %s", in.Next)
		}
		w.clock.advance(7 * day)
		in, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), "farid@example.com", testPassword, "")
		w.ok(err)
		if in.Next != StepActivation {
			t.Errorf("after 7 days the newcomer is led to %s", in.Next)
		}
		users, err := w.ListUsers(w.ctx(), console, "northwind")
		w.ok(err)
		if len(users) != 2 {
			t.Errorf("%d people listed, want 2", len(users))
		}
	})
}
