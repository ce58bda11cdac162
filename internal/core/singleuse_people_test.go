package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"doorstep/internal/code"
	"doorstep/internal/totp"
)

// Each history has people of its own, in a team of its own: what an act of an
// earlier one may still do when its connection is gone concerns nobody.

// someone is a person as their phone, their paper and the browsers know them.
type someone struct {
	*userRow
	key []byte
}

// paper is recovery codes and a pass, hashed once for everybody: what is stored of
// them differs by person all the same.
type paper struct {
	salt  []byte
	codes []string
	slow  [][32]byte
}

var thePaper = sync.OnceValue(func() paper {
	p := paper{salt: code.NewSalt()}
	for range 4 {
		canonical := code.New()
		p.codes, p.slow = append(p.codes, code.Display(canonical)), append(p.slow, code.Slow(canonical, p.salt))
	}
	return p
})

var thePass = sync.OnceValue(func() (p struct {
	text string
	slow [32]byte
},
) {
	canonical := code.NewPass()
	p.text, p.slow = code.DisplayPass(canonical), code.Slow(canonical, thePaper().salt)
	return p
})

// arranges does one transaction past every fault.
func (h *played) arranges(fn func(t *tx) error) {
	h.Helper()
	if err := h.arranged(fn); err != nil {
		h.Fatalf("arrange a history: %v", err)
	}
}

// arranged is arranges while people act.
func (h *played) arranged(fn func(t *tx) error) error {
	h.failing.rest.Add(1)
	defer h.failing.rest.Add(-1)
	return h.clean.keepCount(context.Background(), fn)
}

// arrives makes somebody of a team that exists or is made.
func (h *played) arrives(t *tx, team *Team, role Role, status Status) (*someone, error) {
	if team.ID == "" {
		made, err := t.createTeam("Team " + newID())
		if err != nil {
			return nil, err
		}
		*team = made
	}
	n := newUser{team: *team, email: newID() + "@example.com", name: "Somebody", role: role, status: status}
	if n.unclaimed = status == StatusInvited; !n.unclaimed {
		n.passwordHash = h.passwordHash
	}
	u, err := t.createUser(n)
	return &someone{userRow: u}, err
}

// active gives somebody an app and recovery codes.
func (h *played) active(t *tx, p *someone) error {
	set := codeSet{Salt: thePaper().salt}
	for _, slow := range thePaper().slow {
		set.Digests = append(set.Digests, t.c.digest(slow, p.id))
	}
	p.key = totp.NewSecret()
	return errors.Join(t.setTwoStep(p.userRow, TwoStepActive, time.Time{}, ""), t.createAuthenticator(p.userRow, "", p.key, 0), t.storeCodes(p.userRow, set))
}

// opened is a session with everything proved a moment ago.
func (h *played) opened(t *tx, p *someone) (*Session, error) {
	return t.openSession(p.userRow, testOrigin, sessionProof{secondStep: SecondStepAuthenticator, passwordAt: t.now})
}

// codeOf is the authentication code of one step before, now, or after.
func (h *played) codeOf(p *someone, step int) string {
	return totp.Code(p.key, totp.StepAt(h.clock.Now())+int64(step)-1)
}

// forgiven takes back what right and lost tries counted, so that no pause hides
// what is to be seen.
func (h *played) forgiven(p *someone) {
	h.arranges(func(t *tx) error {
		for _, table := range []string{"authenticators", "recovery_code_sets", "passes", "throttles"} {
			if _, err := t.exec(`UPDATE `+table+` SET fails = 0, next_try_at = 0 WHERE user_id = $1`, p.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// fromSomewhere is an address that nobody else tries from.
func fromSomewhere() Actor {
	return Nobody(Origin{Via: ViaAPI, Address: newID(), Device: "a test"})
}

// restarted leaves somebody as a restart does that made a pass, signed in with the
// password in two browsers.
func (h *played) restarted(t *tx, p *someone) (both [2]*Session, err error) {
	until := t.now.Add(time.Hour)
	if err := t.setTwoStep(p.userRow, TwoStepDue, until, DueRestarted); err != nil {
		return both, err
	}
	slow := thePass().slow
	made := &madePass{salt: thePaper().salt, digest: t.c.keys.MAC("pass/"+p.id, slow[:])}
	if err := t.storePass(p.userRow, newID(), made, until); err != nil {
		return both, err
	}
	for n := range both {
		if both[n], err = t.openSession(p.userRow, testOrigin, sessionProof{secondStep: SecondStepNone, passwordAt: t.now}); err != nil {
			return both, err
		}
	}
	return both, nil
}
