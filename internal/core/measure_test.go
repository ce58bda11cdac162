package core

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/db/dbtest"
	"doorstep/internal/totp"
)

// What is measured here stands beside a bound that is measured in the same run, in
// turns: on a busy machine both suffer alike, and the ratio still says something.

const (
	measureRounds = 5
	measureFor    = time.Second
)

// measured is a line of the table that `make bench` prints.
type measured struct {
	Name  string    `json:"name"`
	Bound string    `json:"bound"`
	Rate  []float64 `json:"rate"`  // per second, a round each
	Of    []float64 `json:"of"`    // the bound's
	Goal  float64   `json:"goal"`  // least ratio
	Extra string    `json:"extra"` // what else there is to say
}

// BenchmarkMeasure writes what core does in a second beside what the engine and the
// processor can do, for `make bench`, which says where to.
func BenchmarkMeasure(t *testing.B) {
	out := os.Getenv("DOORSTEP_MEASURE")
	if out == "" {
		return
	}
	postgres := ""
	if os.Getenv("DOORSTEP_MEASURE_ENGINE") == "postgres" {
		postgres = dbtest.Postgres(t)
	}
	w := newWorld(t, postgres)
	m := &measuring{world: w, ctx: context.Background()}
	var err error
	if m.seed, err = seedUsers(m.ctx, w.Core, 4000); err != nil {
		t.Fatal(err)
	}
	if err := m.seed.seedSessions(m.ctx, w.Core, 100_000); err != nil {
		t.Fatal(err)
	}
	var lines []measured
	for _, part := range []struct {
		name    string
		measure func() measured
	}{
		{"hits", m.hits},
		{"misses", m.misses},
		{"second-steps", func() measured { return m.secondSteps(1, 0.5) }},
		{"second-steps-32", func() measured { return m.secondSteps(32, 2) }},
		{"sign-ins", m.signIns},
	} {
		if only := os.Getenv("DOORSTEP_MEASURE_ONLY"); only == "" || only == part.name {
			lines = append(lines, part.measure())
		}
	}
	text, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		t.Logf("%-40s %10.0f/s  %5.2f of %s (%.0f/s) %s", l.Name, middle(l.Rate), middle(ratios(l)), l.Bound, middle(l.Of), l.Extra)
	}
}

func ratios(m measured) []float64 {
	r := make([]float64, len(m.Rate))
	for i := range r {
		r[i] = m.Rate[i] / m.Of[i]
	}
	return r
}

func middle(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return math.NaN()
	}
	return v[len(v)/2]
}

type measuring struct {
	*world
	ctx  context.Context
	seed *seeded
	next atomic.Int64 // the next user for what needs a fresh one
}

// turns measures two things in turns.
func (m *measuring) turns(l measured, thing, bound func() float64) measured {
	thing() // warm
	bound()
	for range measureRounds {
		l.Rate = append(l.Rate, thing())
		l.Of = append(l.Of, bound())
	}
	return l
}

// perSecond runs do on so many goroutines for a while and returns how often a second.
func perSecond(t testing.TB, workers int, do func(worker, i int) error) float64 {
	var n atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for worker := range workers {
		wg.Go(func() {
			for i := 0; time.Since(began) < measureFor; i++ {
				if err := do(worker, i); err != nil {
					t.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(began).Seconds()
}

var parallel = runtime.GOMAXPROCS(0)

func (m *measuring) hits() measured {
	tokens := m.seed.tokens[:10_000]
	hit := func(worker, i int) error {
		_, err := m.Session(m.ctx, tokens[(worker*5000+i)%len(tokens)])
		return err
	}
	for i := range tokens {
		m.ok(hit(0, i))
	}
	allocs := testing.AllocsPerRun(1000, func() { _ = hit(0, 0) })
	return m.turns(measured{Name: "who is this? from memory", Bound: "one row read by its key", Extra: fmt.Sprintf("%.0f allocations", allocs)},
		func() float64 { return perSecond(m.t, parallel, hit) },
		func() float64 { return perSecond(m.t, parallel, m.readRow) })
}

func (m *measuring) misses() measured {
	return m.turns(measured{Name: "who is this? from the database", Bound: "one row read by its key", Goal: 0.5},
		func() float64 {
			m.Forget()
			return perSecond(m.t, parallel, func(worker, i int) error {
				_, err := m.Session(m.ctx, m.seed.tokens[(worker*len(m.seed.tokens)/parallel+i)%len(m.seed.tokens)])
				return err
			})
		},
		func() float64 { return perSecond(m.t, parallel, m.readRow) })
}

// readRow is the engine's own way to one row, prepared, through database/sql.
func (m *measuring) readRow(worker, i int) error {
	token := m.seed.tokens[(worker*len(m.seed.tokens)/parallel+i)%len(m.seed.tokens)]
	return m.read(m.ctx).row(`SELECT `+sessionColumns+` FROM sessions s WHERE token_hash = $1`, m.keys.TokenHash(tokenOfSession, token)).Scan(new(sessionRow).fields()...)
}

// secondSteps takes hashing out: attempts are there already, and each is finished
// with an authentication code.
func (m *measuring) secondSteps(writers int, goal float64) measured {
	var attempts []string
	var users []int
	var at atomic.Int64
	prepare := func() {
		m.clock.advance(30 * time.Second)
		attempts, users = attempts[:0], users[:0]
		m.ok(m.keepCount(m.ctx, func(t *tx) error {
			for i := range m.seed.users {
				in, err := t.createAttempt(Nobody(testOrigin), &m.seed.users[i])
				if err != nil {
					return err
				}
				attempts, users = append(attempts, in.Attempt), append(users, i)
			}
			return nil
		}))
		at.Store(0)
	}
	return m.turns(measured{Name: fmt.Sprintf("second steps accepted, %d at once", writers), Bound: "durable commits, one writer", Goal: goal},
		func() float64 {
			prepare()
			var n atomic.Int64
			var wg sync.WaitGroup
			began := time.Now()
			for range writers {
				wg.Go(func() {
					for time.Since(began) < measureFor {
						i := int(at.Add(1)) - 1
						if i >= len(attempts) {
							return
						}
						_, err := m.AcceptSecondStep(m.ctx, Nobody(testOrigin), attempts[i], totp.Code(m.seed.keys[users[i]], totp.StepAt(m.clock.Now())), false)
						if err != nil {
							m.t.Error(err)
							return
						}
						n.Add(1)
					}
				})
			}
			wg.Wait()
			return float64(n.Load()) / time.Since(began).Seconds()
		},
		m.commits)
}

// commits is one writer that changes one row, durably, by the engine's own means.
func (m *measuring) commits() float64 {
	statement, err := m.db.Migrations().Prepare(`UPDATE teams SET version = version + 1 WHERE id = $1`)
	m.ok(err)
	defer statement.Close()
	return perSecond(m.t, 1, func(int, int) error {
		_, err := statement.Exec(m.seed.team.ID)
		return err
	})
}

// signIns are whole: password, then code, with everything that is written.
func (m *measuring) signIns() measured {
	hash := m.seed.users[0].passwordHash
	return m.turns(measured{Name: "sign-ins, password and code", Bound: "argon2id alone", Goal: 0.95},
		func() float64 {
			m.clock.advance(30 * time.Second)
			return perSecond(m.t, 2*parallel, func(int, int) error {
				i := int(m.next.Add(1)) % len(m.seed.users)
				in, err := m.BeginSignIn(m.ctx, Nobody(testOrigin), m.seed.users[i].email, seedPassword, "")
				if err != nil {
					return err
				}
				_, err = m.AcceptSecondStep(m.ctx, Nobody(testOrigin), in.Attempt, totp.Code(m.seed.keys[i], totp.StepAt(m.clock.Now())), false)
				return err
			})
		},
		func() float64 {
			return perSecond(m.t, 2*parallel, func(int, int) error {
				_, _, err := m.hasher.Verify(m.ctx, hash, seedPassword)
				return err
			})
		})
}
