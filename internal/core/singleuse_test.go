package core

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/db/dbtest"
	"doorstep/internal/db/dbtest/faulty"
)

// TestSingleUse plays short histories of people who do at once what may succeed
// once, and has each judged against a model that does one thing after the other
// (singleuse_judge_test.go). What is answered has to be explained by some order of
// the acts that agrees with the clock; an act that ends with an error may have
// happened at any later moment, or never.
//
// DOORSTEP_HISTORIES=2000 plays so many of each kind on each ground; without it a few.
func TestSingleUse(t *testing.T) {
	for _, g := range grounds {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			s := g.make(t)
			for _, c := range checks {
				t.Run(c.name, func(t *testing.T) {
					s.T = t
					s.plays(c, g.name)
				})
			}
		})
	}
}

// check is one promise: what people do, and what one may be answered after another.
type check struct {
	name, promise string
	fewer         int  // how many times fewer histories are played: its hashes cost time
	running       bool // the clock runs; else it stands, and no code and no pause runs out
	play          func(h *played)
	model         model
}

var checks = []check{
	{name: "codes", promise: "P1", fewer: 2, play: playCodes, model: codesModel},
	{name: "links", promise: "P1", fewer: 3, play: playLinks, model: linksModel},
	{name: "passes", promise: "P1", fewer: 2, play: playPasses, model: passesModel},
	{name: "tries", promise: "P2", fewer: 2, play: playTries, model: triesModel},
	{name: "sessions", promise: "P5", fewer: 1, running: true, play: playSessions, model: sessionsModel},
	{name: "owners", promise: "R11", fewer: 1, play: playOwners, model: ownersModel},
}

// histories is how many are played of a check that is cheap.
func histories(t *testing.T) int {
	text := os.Getenv("DOORSTEP_HISTORIES")
	if text == "" {
		return 8
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("DOORSTEP_HISTORIES is %q, not a number of histories", text)
	}
	return n
}

// ground is processes of Doorstep on one database, and what happens between them.
type ground struct {
	name string
	make func(t *testing.T) *scene
}

var grounds = []ground{
	{"sqlite", func(t *testing.T) *scene { return newScene(t, "", 1) }},
	{"sqlite-failing", func(t *testing.T) *scene {
		s := newScene(t, "", 1)
		s.faults = func(d *dice) func() { return s.failing.begins(d) }
		return s
	}},
	{"postgres", func(t *testing.T) *scene { return newScene(t, dbtest.Postgres(t), 1) }},
	{"postgres-two-replicas", func(t *testing.T) *scene { return newScene(t, dbtest.Postgres(t), 2) }},
	{"postgres-two-replicas-torn", func(t *testing.T) *scene {
		postgres := dbtest.Postgres(t)
		wires := []*faulty.Wire{faulty.New(t, postgres), faulty.New(t, postgres)}
		s := newScene(t, postgres, 2, wires...)
		s.faults = func(d *dice) func() { return torn(d, wires) }
		return s
	}},
}

// scene is a ground on which histories are played.
type scene struct {
	*testing.T
	i         *installation
	processes []*world // which people use
	clean     *world   // which makes people, and asks at the end: past every fault
	clock     *sceneClock
	failing   *failing
	faults    func(d *dice) (end func()) // nil for none
	// certain: an act that ends with an error did not happen. Only where the fate of
	// a commit is always known.
	certain      bool
	passwordHash string
}

// sceneLease is short, so that many ends fit into a history, and long enough for
// an answer to be in memory when the end comes.
const sceneLease = 60 * time.Millisecond

func newScene(t *testing.T, postgres string, processes int, wires ...*faulty.Wire) *scene {
	t.Helper()
	s := &scene{T: t, i: newInstallation(t, postgres), clock: &sceneClock{began: time.Now()}, failing: &failing{}, certain: postgres == ""}
	for n := range processes {
		o := Options{Exclusive: postgres == "", Clock: s.clock.Now, Lease: sceneLease, Mail: true, BeforeStatement: s.failing.before}
		if wires != nil {
			o.Database = wires[n].Address() + "&pool_max_conns=6"
		}
		s.processes = append(s.processes, s.i.running(o))
	}
	if s.clean = s.processes[0]; wires != nil {
		s.clean = s.i.running(Options{Clock: s.clock.Now, Lease: sceneLease, Mail: true})
	}
	ana, err := oneUser(s.clean.read(t.Context()), `u.id = $1`, s.clean.cast["ana"].id)
	if err != nil {
		t.Fatal(err)
	}
	s.passwordHash = ana.passwordHash // of testPassword, which everybody has
	return s
}

// sceneClock starts at testStart, and stands but where a check wants it to run.
type sceneClock struct {
	began time.Time
	runs  atomic.Bool
}

func (c *sceneClock) Now() time.Time {
	if c.runs.Load() {
		return testStart.Add(time.Since(c.began))
	}
	return testStart
}

// plays plays the histories of one check, until one has no explanation.
func (s *scene) plays(c check, on string) {
	most := max(1, histories(s.T)/c.fewer)
	s.clock.runs.Store(c.running)
	begun, operations, errors := time.Now(), 0, 0
	for n := range most {
		h := &played{scene: s, number: n, dice: newDice(c.name, n), began: time.Now()}
		c.play(h)
		if s.Failed() {
			return
		}
		operations, errors = operations+len(h.ops), errors+h.errors
		if verdict := c.model.judge(h.ops); verdict != "" {
			s.Fatalf("history %d of %s on %s %s:\n%s", n, c.name, on, verdict, h.told())
		}
	}
	s.Logf("evidence: %s histories=%d operations=%d errors=%d check=%s engine=%s ms=%d", c.promise, most, operations, errors, c.name, on, time.Since(begun).Milliseconds())
}

// torment lets faults happen while people act; the end of it is waited for.
func (h *played) torment(people ...func()) {
	end := func() {}
	if h.faults != nil {
		end = h.faults(h.dice.fork())
	}
	var all sync.WaitGroup
	start := make(chan struct{})
	for _, p := range people {
		all.Go(func() {
			<-start
			p()
		})
	}
	close(start)
	all.Wait()
	end()
}

// anywhere is one of the processes.
func (h *played) anywhere(d *dice) *Core { return h.processes[d.n(len(h.processes))].Core }
