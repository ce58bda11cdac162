package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"doorstep/internal/db/dbtest/faulty"
)

// heard is what somebody was answered: a refusal's code, or one of these.
type heard string

const (
	accepted heard = "accepted"
	errored  heard = "an error" // it happened, or will, or never does
)

func heardOf(err error) heard {
	switch r := Refused(err); {
	case err == nil:
		return accepted
	case r != nil:
		return heard(r.Code)
	}
	return errored
}

// model is how a thing behaves that does one act after the other. States are
// compared with ==.
type model struct {
	init any
	// step says whether what was heard is right in this state, and the next state.
	step func(state, act any, what heard) (right bool, next any)
	// effects are the answers after which a state is another one; an act that ended
	// with an error had one of these, or none.
	effects []heard
	// of names the part of the history to which an act belongs; nil where there is one.
	of func(act any) any
}

func (m model) forPorcupine() porcupine.Model {
	n := porcupine.NondeterministicModel{
		Init: func() []any { return []any{m.init} },
		Step: func(state, act, what any) []any {
			if what.(heard) != errored {
				if right, next := m.step(state, act, what.(heard)); right {
					return []any{next}
				}
				return nil
			}
			may := []any{state}
			for _, effect := range m.effects {
				if right, next := m.step(state, act, effect); right && !slices.Contains(may, next) {
					may = append(may, next)
				}
			}
			return may
		},
	}
	if m.of != nil {
		n.Partition = func(all []porcupine.Operation) [][]porcupine.Operation {
			parts := map[any][]porcupine.Operation{}
			for _, o := range all {
				parts[m.of(o.Input)] = append(parts[m.of(o.Input)], o)
			}
			var list [][]porcupine.Operation
			for _, part := range parts {
				list = append(list, part)
			}
			return list
		}
	}
	return n.ToModel()
}

// judge says what is wrong with a history, "" for nothing.
func (m model) judge(ops []porcupine.Operation) string {
	last := int64(0)
	for _, o := range ops {
		last = max(last, o.Call, o.Return)
	}
	ops = slices.Clone(ops)
	for i := range ops {
		if ops[i].Output.(heard) == errored {
			ops[i].Return = last + 1
		}
	}
	switch porcupine.CheckOperationsTimeout(m.forPorcupine(), ops, time.Minute) {
	case porcupine.Ok:
		return ""
	case porcupine.Illegal:
		return "has no explanation: no order of its acts gives these answers"
	}
	return "could not be judged within a minute"
}

// played is one history while it is played.
type played struct {
	*scene
	number int // of the check's histories on this ground: what is played in turns
	dice   *dice
	began  time.Time
	mu     sync.Mutex
	ops    []porcupine.Operation
	errors int
}

func (h *played) now() int64 { return int64(time.Since(h.began)) }

func (h *played) note(who int, act any, what heard, call, answered int64, certain bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if what == errored {
		if h.errors++; certain {
			return
		}
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: who, Input: act, Output: what, Call: call, Return: answered})
}

// does notes what somebody did and heard. Where an error is certain to have changed
// nothing there is nothing to note.
func (h *played) does(who int, act any, do func(ctx context.Context) error) heard {
	return h.acts(who, act, h.certain, do)
}

// tries is does for what counts even when it ends with an error.
func (h *played) tries(who int, act any, do func(ctx context.Context) error) heard {
	return h.acts(who, act, false, do)
}

func (h *played) acts(who int, act any, certain bool, do func(ctx context.Context) error) heard {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	call := h.now()
	err := do(ctx)
	what := heardOf(err)
	if what == errored && !IsUnavailable(err) && !errors.Is(err, errPlanted) {
		h.Errorf("%+v: an error that nobody planted, and that does not pass: %v", act, err)
	}
	h.note(who, act, what, call, h.now(), certain)
	return what
}

// told is the history for whoever has to find out why.
func (h *played) told() string {
	var b strings.Builder
	for _, o := range slices.SortedFunc(slices.Values(h.ops), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) }) {
		fmt.Fprintf(&b, "%9.3f ms to %9.3f ms, %d: %+v: %s\n", float64(o.Call)/1e6, float64(o.Return)/1e6, o.ClientId, o.Input, o.Output)
	}
	return b.String()
}

// dice are what chance decides in a history, the same whenever it is played again;
// the order in which processors run is not among it.
type dice struct{ state uint64 }

func newDice(name string, n int) *dice {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", name, n)
	return &dice{h.Sum64()}
}

func (d *dice) next() uint64 { // splitmix64
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (d *dice) n(most int) int { return int(d.next() % uint64(most)) }

func (d *dice) fork() *dice { return &dice{d.next()} }

// pauses for up to so long, so that people do not act in step.
func (d *dice) pauses(most time.Duration) { time.Sleep(time.Duration(d.n(int(most)))) }

// failing makes some statements fail while it is on, COMMIT among them.
type failing struct {
	on   atomic.Bool
	rest atomic.Int64 // while a test arranges something, on the same process
	mu   sync.Mutex
	dice *dice
}

func (f *failing) begins(d *dice) (end func()) {
	f.mu.Lock()
	f.dice = d
	f.mu.Unlock()
	f.on.Store(true)
	return func() { f.on.Store(false) }
}

func (f *failing) before(string) error {
	if !f.on.Load() || f.rest.Load() > 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dice.n(30) == 0 {
		return errPlanted
	}
	return nil
}

// torn does to the wires between processes and PostgreSQL what networks do, until
// its end.
func torn(d *dice, wires []*faulty.Wire) (end func()) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	for _, w := range wires {
		d := d.fork()
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(10+d.n(120)) * time.Millisecond):
				}
				tear(d, w)
			}
		})
	}
	return func() {
		close(stop)
		done.Wait()
	}
}

func tear(d *dice, w *faulty.Wire) {
	soon := func() { time.Sleep(time.Duration(1+d.n(8)) * time.Millisecond) }
	switch d.n(6) {
	case 0:
		w.Cut()
	case 1:
		w.HangUp()
	case 2:
		w.HangUpBehind()
	case 3: // what is committed meanwhile is told to nobody
		w.Mute()
		soon()
		w.Cut()
	case 4:
		w.Delay(time.Duration(1+d.n(6)) * time.Millisecond)
		soon()
	case 5:
		w.Block()
		soon()
		if d.n(2) == 0 {
			w.Cut()
		}
	}
	w.Mend()
}
