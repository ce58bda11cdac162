package crashtest

import (
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"doorstep/internal/totp"
)

// person is somebody of the team and all that they were told. One worker at a time
// acts for them, so that what the program has to say next is known but for the one
// call that was under way when something was killed.
type person struct {
	email, name, password string
	id                    string
	from                  string // the address that they come from
	admin                 bool
	token                 string // of an admin's session

	state    string // off, active, due, and invited
	key      []byte
	lastStep int64
	codes    []string          // recovery codes not used yet
	used     []string          // … of the present set, used
	live     map[string]string // token → the recovery code that opened it, or ""
	unknown  int               // sessions that nobody was told of: their answer was lost
	ended    []string          // tokens that were said to have ended, the newest last
	misses   int               // recovery codes in a row that were refused
	restarts int
	resets   int
	links    int      // how many were asked for
	link     string   // one that came and was not used
	spent    []string // links that were used
	accepted []spentCode
	doubt    *doubt
	busy     bool
}

// spentCode is a code that was accepted since the last kill.
type spentCode struct {
	code string
	step int64 // 0 of a recovery code
}

// doubt is the call whose answer was lost: it was done or it was not.
type doubt struct {
	what     string // step, finish, deactivate, restart, sign-out, reset, sign-in, …
	code     spentCode
	token    string // of the session that it was about
	password string // that was to be set
	link     string
	key      []byte
	codes    []string
	unavail  bool // it was answered, with 503
}

// nextStep is a time step of which a code may be sent, or 0.
func (p *person) nextStep() int64 {
	now := totp.StepAt(time.Now())
	if step := max(now, p.lastStep+1); step <= now+1 {
		return step
	}
	return 0
}

// pick is a code that was not used: of the app or of the sheet.
func (p *person) pick(but string) (c spentCode, ok bool) {
	step := p.nextStep()
	left := slices.DeleteFunc(slices.Clone(p.codes), func(code string) bool { return code == but })
	switch {
	case step > 0 && (len(left) == 0 || chance(50)):
		return spentCode{totp.Code(p.key, step), step}, true
	case len(left) > 0:
		return spentCode{left[random(len(left))], 0}, true
	}
	return c, false
}

// uses notes that a code was accepted.
func (p *person) uses(c spentCode) {
	if c.step > 0 {
		p.lastStep = c.step
	} else {
		p.codes = slices.DeleteFunc(p.codes, func(code string) bool { return code == c.code })
		p.used = append(p.used, c.code)
		p.misses = 0
	}
	p.accepted = append(p.accepted, c)
}

// isOut notes that every session was said to have ended.
func (p *person) isOut() {
	for token := range p.live {
		p.ended = append(p.ended, token)
	}
	clear(p.live)
	p.unknown = 0
}

// isDue notes that 2-step was deactivated or restarted.
func (p *person) isDue() {
	p.isOut()
	p.state, p.key, p.lastStep, p.codes, p.used, p.misses, p.link, p.accepted = "due", nil, 0, nil, nil, 0, "", nil
}

// isActive notes that an activation was finished with this key and these codes.
func (p *person) isActive(key []byte, step int64, codes []string) {
	p.isOut()
	p.state, p.key, p.lastStep, p.codes, p.used, p.misses, p.link, p.accepted = "active", key, step, codes, nil, 0, "", nil
}

func keyOf(text string) ([]byte, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		return nil, fmt.Errorf("%q is no setup key: %w", text, err)
	}
	return key, nil
}
