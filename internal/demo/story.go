package demo

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"doorstep/internal/core"
)

const day = 24 * time.Hour

// story tells two weeks of a team to a fresh core.
type story struct {
	core    *core.Core
	clock   *Clock
	console core.Actor
	owner   *core.Session // of the set-up
	cast
}

// moment is what happened so long ago. Its acts are of different people and run
// at once: hashes take most of the time, and a machine has more than one core.
type moment struct {
	ago  time.Duration
	acts []act
}

// tell makes the team. The clock stands two weeks back; at the end it runs.
// console is the operator, whom only the room cli can make.
func tell(ctx context.Context, c *core.Core, clock *Clock, console core.Actor, now time.Time) (cast, *core.Session, error) {
	s := &story{core: c, clock: clock, console: console, cast: newCast()}
	s.elena.until, s.farid.until, s.gwen.until = now.UTC().Add(3*day), now.UTC().Add(day), now.UTC().Add(9*time.Minute)
	for _, m := range s.moments() {
		clock.set(now.Add(-m.ago))
		g, ctx := errgroup.WithContext(ctx)
		for _, a := range m.acts {
			g.Go(func() error { return a(ctx) })
		}
		if err := g.Wait(); err != nil {
			return cast{}, nil, fmt.Errorf("make the sample team, %s ago: %w", m.ago, err)
		}
	}
	clock.run()
	return s.cast, s.owner, nil
}

// Begins is when the story does.
func Begins(now time.Time) time.Time { return now.Add(-14 * day) }

func (s *story) moments() []moment {
	list := []moment{
		{14 * day, []act{s.setsUp(s.ana)}},
		{14*day - 20*time.Minute, []act{
			s.goesOn(s.ana), s.isAdded(s.bruno, Password), s.isAdded(s.carla, Password), s.isAdded(s.dmitri, Password), s.isAdded(s.gwen, Password),
		}},
		{13*day + 4*time.Hour, []act{s.signsIn(s.bruno, s.activate), s.signsIn(s.dmitri, s.activate), s.signsIn(s.gwen, s.activate)}},
		{9*day + 3*time.Hour, []act{
			s.signsIn(s.bruno, s.restarts(s.dmitri, "New phone, the old one was wiped", core.VerifiedKnownNumber)), s.signsIn(s.ana),
		}},
		{9*day + 2*time.Hour, []act{s.signsIn(s.dmitri, s.activate), s.signsIn(s.carla, s.activate)}},
	}
	return append(list, s.lastWeek()...)
}

// lastWeek has Dmitri travel without his phone, one recovery code a day.
func (s *story) lastWeek() []moment {
	guessing := &guesses{s: s, at: s.gwen, origin: core.Origin{Via: core.ViaPage, Address: "203.0.113.99", Device: chromeAndroid}}
	list := []moment{
		{8 * day, []act{s.usesRecoveryCode(s.dmitri)}},
		{7 * day, []act{s.usesRecoveryCode(s.dmitri)}},
		{6 * day, []act{s.isAdded(s.farid, ""), s.usesRecoveryCode(s.dmitri)}}, // the link lasts a week: until tomorrow
		{5 * day, []act{s.usesRecoveryCode(s.dmitri), s.signsIn(s.carla, s.findsHelp("which-apps-to-use", "We all use the one that our password manager has."))}},
		{4 * day, []act{s.isAdded(s.elena, Password), s.usesRecoveryCode(s.dmitri)}}, // a week of grace: three days left
		{4*day - time.Hour, []act{s.signsIn(s.elena)}},
		{3 * day, []act{s.usesRecoveryCode(s.dmitri), s.signsIn(s.gwen)}},
		{2 * day, []act{s.usesRecoveryCode(s.dmitri), s.signsIn(s.ana, s.findsHelp("lost-or-new-phone", "Call me before you ask for a restart, I pick up."))}},
		{26 * time.Hour, []act{s.usesRecoveryCode(s.dmitri), s.signsIn(s.bruno)}},
		// Signed in on her computer, then she lost the phone: a restart ends this session.
		{35 * time.Minute, []act{s.signsIn(s.carla)}},
		{25 * time.Minute, []act{s.asksTeam(s.carla)}}, // in another window; she waits for a call
	}
	return append(list, s.pause(guessing)...)
}

// pause is ten wrong codes, each as soon as it was allowed. The tenth begins a
// wait of sixteen minutes (R13), seven of which are over: nine are left.
func (s *story) pause(g *guesses) []moment {
	waits := []time.Duration{ // before the 2nd, the 3rd, … the 10th
		10 * time.Second, 10 * time.Second, 10 * time.Second, 10 * time.Second,
		31 * time.Second, 61 * time.Second, 121 * time.Second, 241 * time.Second, 481 * time.Second,
	}
	ago := 7 * time.Minute
	for _, w := range waits {
		ago += w
	}
	list := []moment{{ago, []act{then(g.begins, g.misses)}}}
	for i, w := range waits {
		ago -= w
		do := g.misses
		if i == len(waits)-1 {
			do = then(g.begins, g.misses) // the first attempt is over after a quarter of an hour
		}
		list = append(list, moment{ago, []act{do}})
	}
	return list
}
