package doorstep_test

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A history is what many clients saw of sessions, by one monotonic clock: when each
// request was sent, when it was answered, and with what. A session is a register
// that is live until somebody is told that it has ended. While an end is under way
// either answer is right: some process may know of it already and another not yet.
// From the answer on, every request that is sent later has to be refused by every
// process (R5); and before anybody asked for the end, none may be.

type deed string

const (
	checked  deed = "checked" // somebody asked with the session's token
	endBegun deed = "its end was asked for"
	endDone  deed = "its end was answered"
)

type entry struct {
	session        string
	did            deed
	accepted       bool // of a check
	sent, answered time.Duration
	by             string
}

// history collects what many goroutines saw.
type history struct {
	began time.Time
	mu    sync.Mutex
	all   []entry
}

func newHistory() *history { return &history{began: time.Now()} }

func (h *history) now() time.Duration { return time.Since(h.began) }

func (h *history) add(e ...entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, e...)
}

// ended notes that somebody asked for the end of sessions, and was answered that
// they had ended.
func (h *history) ended(sent, answered time.Duration, by string, sessions ...string) {
	for _, s := range sessions {
		h.add(entry{session: s, did: endBegun, sent: sent, answered: sent, by: by}, entry{session: s, did: endDone, sent: answered, answered: answered, by: by})
	}
}

// register is a session's state: how it must be answered.
type register struct{ ending, ended bool }

var registers = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		bySession := map[string][]porcupine.Operation{}
		for _, o := range all {
			s := o.Input.(entry).session
			bySession[s] = append(bySession[s], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range bySession {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return register{} },
	Step: func(state, input, output any) (bool, any) {
		r := state.(register)
		switch input.(entry).did {
		case endBegun:
			r.ending = true
		case endDone:
			r.ended = true
		case checked:
			if output.(bool) {
				return !r.ended, r
			}
			return r.ending, r
		}
		return true, r
	},
}

func (h *history) operations() []porcupine.Operation {
	ops := make([]porcupine.Operation, len(h.all))
	for i, e := range h.all {
		ops[i] = porcupine.Operation{Input: e, Output: e.accepted, Call: int64(e.sent), Return: int64(e.answered)}
	}
	return ops
}

// judge fails the test unless the history is one of such registers.
func (h *history) judge(t *testing.T) {
	t.Helper()
	begun := time.Now()
	verdict := porcupine.CheckOperationsTimeout(registers, h.operations(), 5*time.Minute)
	t.Logf("%d operations judged in %v: %s", len(h.all), time.Since(begun).Round(time.Millisecond), verdict)
	if verdict != porcupine.Ok {
		t.Errorf("the history of the sessions is %s; wrong answers, as far as they show by themselves: %s", verdict, h.wrong())
	}
}

// wrong names the answers that are wrong without any search, for whoever has to
// find out why.
func (h *history) wrong() string {
	first := map[string]map[deed]time.Duration{}
	for _, e := range h.all {
		if first[e.session] == nil {
			first[e.session] = map[deed]time.Duration{}
		}
		if was, known := first[e.session][e.did]; !known || e.answered < was {
			first[e.session][e.did] = e.answered
		}
	}
	var lines []string
	for _, e := range slices.SortedFunc(slices.Values(h.all), func(a, b entry) int { return cmp.Compare(a.sent, b.sent) }) {
		asked, isAsked := first[e.session][endBegun]
		answered, isAnswered := first[e.session][endDone]
		switch {
		case e.did != checked:
		case e.accepted && isAnswered && e.sent > answered:
			lines = append(lines, fmt.Sprintf("%s accepted session %s, %v after its end was answered", e.by, e.session, e.sent-answered))
		case !e.accepted && (!isAsked || e.answered < asked):
			lines = append(lines, fmt.Sprintf("%s refused session %s, whose end nobody had asked for", e.by, e.session))
		}
	}
	if len(lines) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, of which the first are\n%q", len(lines), lines[:min(len(lines), 10)])
}

// TestTheJudgeOfHistories: a judge that finds nothing wrong is worth nothing until
// it has been seen to find something.
func TestTheJudgeOfHistories(t *testing.T) {
	t.Parallel()
	at := func(session string, accepted bool, sent, answered time.Duration) entry {
		return entry{session: session, did: checked, accepted: accepted, sent: sent, answered: answered}
	}
	end := func(session string, sent, answered time.Duration) []entry {
		h := newHistory()
		h.ended(sent, answered, "", session)
		return h.all
	}
	for _, c := range []struct {
		name string
		want porcupine.CheckResult
		all  []entry
	}{
		{"live and never ended", porcupine.Ok, []entry{at("a", true, 1, 2), at("a", true, 3, 4)}},
		{"refused, and never ended", porcupine.Illegal, []entry{at("a", true, 1, 2), at("a", false, 3, 4)}},
		{"refused before the end was asked for", porcupine.Illegal, append(end("a", 10, 20), at("a", false, 8, 9))},
		{"either while the end is under way", porcupine.Ok, append(end("a", 10, 20), at("a", false, 11, 12), at("a", true, 13, 14), at("a", false, 15, 16), at("a", true, 17, 18))},
		{"sent before the answer, answered after", porcupine.Ok, append(end("a", 10, 20), at("a", true, 19, 30))},
		{"sent before the end was asked for, answered during it", porcupine.Ok, append(end("a", 10, 20), at("a", false, 5, 11))},
		{"accepted after the answer", porcupine.Illegal, append(end("a", 10, 20), at("a", true, 21, 22))},
		{"refused, then accepted after the answer", porcupine.Illegal, append(end("a", 10, 20), at("a", false, 21, 22), at("a", true, 23, 24))},
		{"another session goes on", porcupine.Ok, append(end("a", 10, 20), at("b", true, 21, 22), at("a", false, 21, 22))},
		{"another session is refused too", porcupine.Illegal, append(end("a", 10, 20), at("b", false, 21, 22))},
		{"ended twice at once: the first answer counts", porcupine.Illegal, slices.Concat(end("a", 10, 40), end("a", 15, 20), []entry{at("a", true, 30, 31)})},
		{"ended twice at once, accepted before the first answer", porcupine.Ok, slices.Concat(end("a", 10, 40), end("a", 15, 20), []entry{at("a", true, 18, 31)})},
	} {
		h := &history{all: c.all}
		if got := porcupine.CheckOperationsTimeout(registers, h.operations(), time.Minute); got != c.want {
			t.Errorf("%s: judged %s, want %s", c.name, got, c.want)
		}
		if named := h.wrong() != "none"; named != (c.want == porcupine.Illegal) {
			t.Errorf("%s: named as wrong: %s", c.name, h.wrong())
		}
	}
}
