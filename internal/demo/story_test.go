package demo

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/mail"
	"doorstep/internal/words/wordstest"
)

// told makes the sample team in a store of the test's own.
func told(t *testing.T) (*core.Core, *Demo) {
	t.Helper()
	began := time.Now()
	clock := NewClock(Begins(began))
	c, err := core.Open(t.Context(), core.Options{DataDir: t.TempDir(), KeysDir: filepath.Join(t.TempDir(), "keys"), Clock: clock.Now, Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	d, err := Make(t.Context(), c, clock, core.Console("test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the story took %s", time.Since(began).Round(time.Millisecond))
	return c, d
}

// The seven people, each in a state of their own, as an owner sees them.
func TestSevenStates(t *testing.T) {
	c, d := told(t)
	ctx, now := t.Context(), time.Now()
	in, err := c.BeginSignIn(ctx, core.Nobody(d.team.ana.origin), d.team.ana.Email, Password, "")
	if err != nil {
		t.Fatal(err)
	}
	// Her app is on the demo phone, and what it shows is right.
	in, err = c.AcceptSecondStep(ctx, core.Nobody(d.team.ana.origin), in.Attempt, d.Phone.Accounts(now)[0].Code, false)
	if err != nil {
		t.Fatal(err)
	}
	ana := in.Session.By(d.team.ana.origin)
	page, err := c.People(ctx, ana, core.PeopleFilter{})
	if err != nil || page.Total.N != 7 {
		t.Fatalf("%v people, %v", page.Total, err)
	}
	people := map[string]core.Person{}
	for _, p := range page.Items {
		who, err := c.Person(ctx, ana, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(p.Email, "@demo.example")
		people[name] = *who
	}
	expect := func(name string, role core.Role, status core.Status, two core.TwoStep, codes int) core.Person {
		t.Helper()
		p := people[name]
		if p.Role != role || p.Status != status || p.TwoStep != two || p.RecoveryCodesLeft != codes || p.Closed || !p.ContainedUntil.IsZero() {
			t.Errorf("%s is %+v", name, p)
		}
		return p
	}
	expect("ana", core.RoleOwner, core.StatusActive, core.TwoStepActive, 10)
	expect("bruno", core.RoleAdmin, core.StatusActive, core.TwoStepActive, 10)
	if p := expect("carla", core.RoleMember, core.StatusActive, core.TwoStepActive, 10); p.Sessions != 1 {
		t.Errorf("Carla has %d sessions; a restart should have one to end", p.Sessions)
	}
	if p := expect("dmitri", core.RoleMember, core.StatusActive, core.TwoStepActive, 2); len(p.Restarts) != 1 || p.Restarts[0].ByName != "Bruno Costa" {
		t.Errorf("Dmitri's restarts: %+v", p.Restarts)
	}
	if p := expect("elena", core.RoleMember, core.StatusActive, core.TwoStepOff, 0); !near(p.DueBy.Sub(now), 3*day) || p.DueReason != core.DueGrace {
		t.Errorf("Elena has %s of grace", p.DueBy.Sub(now))
	}
	expect("farid", core.RoleMember, core.StatusInvited, core.TwoStepOff, 0)
	if p := expect("gwen", core.RoleMember, core.StatusActive, core.TwoStepActive, 10); !near(p.PausedUntil.Sub(now), 9*time.Minute) {
		t.Errorf("Gwen is paused for %s", p.PausedUntil.Sub(now))
	}
	waiting, err := c.Requests(ctx, ana, core.RequestFilter{Open: true})
	if err != nil || len(waiting.Items) != 1 || waiting.Items[0].Person.Name != d.team.carla.Name || !waiting.Items[0].DeviceSeen || !waiting.Items[0].AddressSeen {
		t.Errorf("the restart requests: %+v, %v", waiting, err)
	} else if _, err := c.ApproveRequest(ctx, ana, waiting.Items[0].ID, core.Approval{
		MatchCode: d.team.carla.matchCode, Reason: "the demo shows her match code", VerifiedBy: core.VerifiedKnownNumber,
	}); err != nil {
		t.Errorf("the match code of the demo's page is refused: %v", err)
	}
	believable(t, people, now)
	lettersAreWritten(t, c, d)
}

func near(got, want time.Duration) bool { return (got - want).Abs() < time.Minute }

// believable: two weeks of events, none of them ahead of now, and nobody's
// password or code told.
func believable(t *testing.T, people map[string]core.Person, now time.Time) {
	t.Helper()
	for name, p := range people {
		if p.CreatedAt.Before(now.Add(-14*day-time.Minute)) || p.CreatedAt.After(now.Add(-3*day)) {
			t.Errorf("%s was added at %s", name, p.CreatedAt)
		}
		for _, e := range p.Events {
			if e.At.After(time.Now()) {
				t.Errorf("%s: %s at %s is yet to come", name, e.Event, e.At)
			}
		}
	}
}

// lettersAreWritten: every letter that the story queued can be put into words, and
// lands in the inbox, the newest first.
func lettersAreWritten(t *testing.T, c *core.Core, d *Demo) {
	t.Helper()
	p := &mail.Postman{Core: c, Letters: mail.Letters{Words: wordstest.Strict(t), Base: "http://localhost"}, Sender: d.Inbox, Log: slog.New(slog.DiscardHandler)}
	sent, err := p.Round(t.Context())
	if err != nil || sent < 10 || len(d.Inbox.Letters("")) != sent {
		t.Errorf("%d letters, %d in the inbox, %v", sent, len(d.Inbox.Letters("")), err)
	}
	letters := d.Inbox.Letters("")
	for i := 1; i < len(letters); i++ {
		if letters[i].At.After(letters[i-1].At) {
			t.Errorf("letter %d is newer than the one above it", i)
		}
	}
	for _, m := range letters {
		if strings.Contains(m.Text, Password) {
			t.Errorf("a letter tells the password: %s", m.Text)
		}
	}
	if n := len(d.Inbox.Letters("ANA@demo.example")); n == 0 || n == sent {
		t.Errorf("%d letters to Ana", n)
	}
}

func TestPrintout(t *testing.T) {
	d := &Demo{team: newCast(), base: "http://localhost:8420"}
	want := `  Doorstep demo   http://localhost:8420        nothing is kept
  Sign in         ana@demo.example             owner, 2-step active
                  carla@demo.example           member who lost her phone
                  (five more: bruno, dmitri, elena, farid, gwen)
  Password        paper-and-spruce             the same for all
  Inbox           http://localhost:8420/demo/inbox
  Phone           http://localhost:8420/demo/phone
`
	if got := d.Printout(); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

// The clock of the story only goes forward, and then it is the real one.
func TestClock(t *testing.T) {
	start := time.Now().Add(-time.Hour)
	c := NewClock(start)
	c.set(start.Add(-time.Minute))
	if !c.Now().Equal(start) {
		t.Error("went back")
	}
	c.set(start.Add(time.Minute))
	if !c.Now().Equal(start.Add(time.Minute)) {
		t.Error("did not move")
	}
	c.run()
	c.set(start.Add(2 * time.Minute))
	if time.Since(c.Now()) > time.Minute {
		t.Error("does not run")
	}
}
