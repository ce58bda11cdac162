package core

import (
	"context"
	"sync/atomic"
	"time"
)

// Sessions: each is live until it has ended. While an end is under way either answer
// is right, for one process may know of it before another; from the moment at which
// somebody is told that it ended, none accepts it (R5).

type sessionAct struct {
	session int
	does    string // is asked; its end is asked for; its end is answered
}

type sessionsState struct{ ending, ended bool }

const (
	isAsked    = "is asked"
	endIsAsked = "its end is asked for"
	endIsTold  = "its end is answered"
)

var sessionsModel = model{
	init: sessionsState{},
	of:   func(act any) any { return act.(sessionAct).session },
	step: func(state, act any, what heard) (bool, any) {
		s := state.(sessionsState)
		switch act.(sessionAct).does {
		case endIsAsked:
			s.ending = true
			return true, s
		case endIsTold:
			s.ended = true
			return true, s
		}
		if what == accepted {
			return !s.ended, s
		}
		return Code(what) == SessionEnded && s.ending, s
	},
}

// ends notes an end that somebody asked for, and the answer if there was one. The
// other sessions that it ends as well are named with it.
func (h *played) ends(who int, sessions []int, do func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	asked := h.now()
	for _, s := range sessions {
		h.note(who, sessionAct{s, endIsAsked}, accepted, asked, asked, true)
	}
	err := do(ctx)
	answered := h.now()
	if err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.errors++
		return // it may have ended, and nobody was told
	}
	for _, s := range sessions {
		h.note(who, sessionAct{s, endIsTold}, accepted, answered, answered, true)
	}
}

func playSessions(h *played) {
	const many = 4
	var p *someone
	var sessions [many]*Session
	var owners *Session
	h.arranges(func(t *tx) error {
		team := Team{}
		owner, err := h.arrives(t, &team, RoleOwner, StatusActive)
		if err != nil {
			return err
		}
		if err := h.active(t, owner); err != nil {
			return err
		}
		if owners, err = h.opened(t, owner); err != nil {
			return err
		}
		if p, err = h.arrives(t, &team, RoleMember, StatusActive); err != nil {
			return err
		}
		if err := h.active(t, p); err != nil {
			return err
		}
		for n := range sessions {
			if sessions[n], err = h.opened(t, p); err != nil {
				return err
			}
		}
		return nil
	})
	var over atomic.Bool
	ask := func(c *Core, who, n int) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		call := h.now()
		_, err := c.Session(ctx, sessions[n].Token)
		if what := heardOf(err); what != errored { // an error says neither
			h.note(who, sessionAct{n, isAsked}, what, call, h.now(), true)
		}
	}
	var all []func()
	for who := range 3 {
		d := h.dice.fork()
		all = append(all, func() {
			for more := 3; more > 0; {
				if over.Load() {
					more--
				}
				d.pauses(2_000_000)
				ask(h.anywhere(d), who, d.n(many))
			}
		})
	}
	d := h.dice.fork()
	all = append(all, func() {
		defer over.Store(true)
		time.Sleep(5 * time.Millisecond) // each is in some memory by now
		c := h.anywhere(d)
		h.ends(many, []int{0}, func(ctx context.Context) error { return c.SignOut(ctx, sessions[0].By(testOrigin)) })
		c = h.anywhere(d)
		switch d.n(3) {
		case 0:
			h.ends(many, []int{1}, func(ctx context.Context) error {
				_, err := c.EndSession(ctx, sessions[2].By(testOrigin), sessions[1].ID)
				return err
			})
		case 1:
			h.ends(many, []int{1, 3}, func(ctx context.Context) error {
				_, err := c.EndOtherSessions(ctx, sessions[2].By(testOrigin))
				return err
			})
		case 2:
			h.ends(many, []int{1, 2, 3}, func(ctx context.Context) error {
				_, err := c.EndUserSessions(ctx, owners.By(testOrigin), p.id)
				return err
			})
		}
	})
	h.torment(all...)
	h.ends(many, []int{1, 2, 3}, func(ctx context.Context) error {
		_, err := h.clean.EndUserSessions(ctx, owners.By(testOrigin), p.id)
		return err
	})
	for n := range sessions {
		for _, w := range h.processes {
			ask(w.Core, many+1, n)
		}
	}
}
