package core

import "context"

// Passes: a person whose 2-step was restarted is signed in in two browsers. The pass
// counts in the one where it was typed last, for one activation; whoever finishes
// it ends the other's session.

type passAct struct {
	does    string // type, begin, finish
	browser int    // 1 or 2
	key     int    // the how manieth key that was shown
}

type passesState struct{ typedIn, key, done int }

var passesModel = model{
	init: passesState{}, effects: []heard{accepted},
	step: func(state, act any, what heard) (bool, any) {
		s, a := state.(passesState), act.(passAct)
		if s.done != 0 && s.done != a.browser {
			return Code(what) == SessionEnded || a.does == "finish" && Code(what) == AlreadyActive, s
		}
		if s.done != 0 { // the browser that finished
			return a.does == "type" && (what == accepted || Code(what) == PassVoid) || a.does != "type" && Code(what) == AlreadyActive || Code(what) == ActivationExpired || Code(what) == ActivationReplaced, s
		}
		switch Code(what) {
		case Code(accepted):
			switch a.does {
			case "type":
				s.typedIn = a.browser
				return true, s
			case "begin":
				s.key = a.key
				return s.typedIn == a.browser, s
			}
			s.done = a.browser
			return s.typedIn == a.browser && s.key == a.key, s
		case PassRequired:
			return a.does != "type" && s.typedIn != a.browser, s
		case PassWait:
			return a.does == "type", s
		case ActivationExpired, ActivationReplaced:
			return a.does == "finish" && s.key != a.key, s
		case ActivationNotProved:
			return a.does == "finish", s // what the app proves is not what is played here
		}
		return false, s
	},
}

// browser is one of the two, with the key that it was shown last.
type browser struct {
	*Session
	n, key int
	id     string
}

func playPasses(h *played) {
	var p *someone
	var both [2]*Session
	h.arranges(func(t *tx) (err error) {
		if p, err = h.arrives(t, new(Team), RoleMember, StatusActive); err != nil {
			return err
		}
		both, err = h.restarted(t, p)
		return err
	})
	types := func(c *Core, who int, b *browser) {
		h.does(who, passAct{does: "type", browser: b.n}, func(ctx context.Context) error {
			return c.AcceptPass(ctx, b.By(testOrigin), thePass().text)
		})
	}
	begins := func(c *Core, who, key int, b *browser) {
		b.id, b.key = "", key
		h.does(who, passAct{"begin", b.n, key}, func(ctx context.Context) error {
			a, err := c.BeginActivation(ctx, b.By(testOrigin))
			if err == nil {
				b.id = a.ID
			}
			return err
		})
		if b.id != "" {
			h.confirmed(p, b.id)
		}
	}
	finishes := func(c *Core, who int, b *browser) {
		if b.id == "" {
			return
		}
		h.does(who, passAct{"finish", b.n, b.key}, func(ctx context.Context) error {
			_, err := c.FinishActivation(ctx, b.By(testOrigin), b.id, true)
			return err
		})
	}
	const people = 4
	var all []func()
	var last [people]*browser
	onlyTyped := h.number%2 == 0 // by all but one
	for who := range people {
		d, b := h.dice.fork(), &browser{Session: both[who%2], n: 1 + who%2}
		last[who] = b
		all = append(all, func() {
			for act := range 2 {
				d.pauses(2_000_000)
				types(h.anywhere(d), who, b)
				if onlyTyped && who > 0 {
					continue
				}
				begins(h.anywhere(d), who, 1+who*8+act, b)
				if onlyTyped { // it may be typed in the other browser meanwhile
					d.pauses(40_000_000)
				}
				finishes(h.anywhere(d), who, b)
			}
		})
	}
	h.torment(all...)
	h.forgiven(p)
	for who, b := range last {
		finishes(h.clean.Core, who, b)
	}
	for n := range both { // somebody does it alone, unless it is done
		b := &browser{Session: both[n], n: 1 + n}
		types(h.clean.Core, people, b)
		begins(h.clean.Core, people, 100+n, b)
		finishes(h.clean.Core, people, b)
		finishes(h.clean.Core, people, b)
	}
}

// confirmed is what ConfirmActivation leaves, without ten slow hashes.
func (h *played) confirmed(p *someone, id string) {
	err := h.arranged(func(t *tx) error {
		plain, err := codeSet{Codes: thePaper().codes, Salt: thePaper().salt}.marshal()
		if err != nil {
			return err
		}
		sealed, err := t.c.keys.Seal(placeOfActivation("activation-codes", p.userRow, id), plain)
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE activations SET state = 'confirmed', sealed_codes = $1, confirmed_step = 1, confirmed_at = $2 WHERE id = $3 AND user_id = $4`, sealed, ms(t.now), id, p.id)
		return err
	})
	if err != nil {
		h.Errorf("confirm an activation: %v", err)
	}
}
