package apptest

import (
	"encoding/base32"
	"fmt"
	"strings"

	"doorstep/internal/totp"
)

// Phone is somebody's authenticator app, and the sheet of paper beside it: it
// knows what the person was shown and nothing that the server knows.
type Phone struct {
	clock *Clock
	key   []byte
	codes []string // the sheet of recovery codes
	given int64    // the newest time step of which a code was handed out
}

// Scan takes the setup key that an activation shows.
func (p *Phone) Scan(key string) error {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(key, " ", ""))
	if err != nil {
		return fmt.Errorf("%q is no setup key: %w", key, err)
	}
	p.key, p.given = raw, 0
	return nil
}

// Drop breaks the phone. The paper stays.
func (p *Phone) Drop() { p.key = nil }

// Code is a code that was not handed out before: it waits for the next one, on
// the App's clock, when this one was.
func (p *Phone) Code() string {
	step := totp.StepAt(p.clock.Now())
	if step <= p.given {
		step = p.given + 1
		p.clock.toStep(step)
	}
	p.given = step
	return totp.Code(p.key, step)
}

// Given is the time step of the newest code that was handed out.
func (p *Phone) Given() int64 { return p.given }

// GiveBack forgets later codes: they were not looked at and may be handed out again.
func (p *Phone) GiveBack(step int64) { p.given = step }

// LastCode is the code that was handed out last.
func (p *Phone) LastCode() string { return totp.Code(p.key, p.given) }

// CodeIn is the code of so many steps from now, handed out or not.
func (p *Phone) CodeIn(steps int64) string {
	return totp.Code(p.key, totp.StepAt(p.clock.Now())+steps)
}

// WrongCode is a code that the phone shows neither now nor soon.
func (p *Phone) WrongCode() string {
	now := totp.StepAt(p.clock.Now())
	for n := range 1000 {
		code := fmt.Sprintf("%06d", n)
		right := false
		for step := now - 3; step <= now+3; step++ {
			right = right || totp.Code(p.key, step) == code
		}
		if !right {
			return code
		}
	}
	panic("apptest: every code is right") // seven of a million are
}

// Key is the key as the app keeps it.
func (p *Phone) Key() []byte { return p.key }

// Paper is the sheet of recovery codes, the first one first.
func (p *Phone) Paper() []string { return p.codes }

// Write puts down recovery codes; the old sheet is thrown away.
func (p *Phone) Write(codes []string) { p.codes = codes }
