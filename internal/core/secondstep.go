package core

import (
	"context"
	"errors"

	"doorstep/internal/code"
	"doorstep/internal/totp"
)

// This file is the one place where codes are compared and used up, whatever the
// surface: sign-in, deactivation, step-up. The order never changes: read the
// text (a typo is free), charge in a committed statement of its own, compare,
// use the code up in the transaction of the act that it allows.

// kindsAllowed is which kinds of code an act takes.
type kindsAllowed int

const (
	eitherKind        kindsAllowed = iota
	authenticatorOnly              // a recovery code typed here is refused and not spent
)

// proof is a code that has been charged and may be used up.
type proof struct {
	kind            SecondStep
	charge          charge
	authenticatorID string
	step            int64
	setID           string
	digest          []byte
	unlock          *unlockTry // of a code that was typed while the authenticator waits
}

// usedUp is what using a proof up gave.
type usedUp struct{ codeID string }

// readCode tells the two kinds apart. Refuses: code-empty, code-length,
// recovery-code-length, recovery-code-typo; none of them counts as a try.
func readCode(text string) (code.Reading, error) {
	r := code.Read(text)
	switch r.Problem {
	case code.None:
		return r, nil
	case code.Blank:
		return r, refuseField(CodeEmpty, "code")
	case code.WrongLengthDigits:
		return r, refuseField(CodeLength, "code").with("n", r.Typed)
	case code.WrongLengthRecovery:
		return r, refuseField(RecoveryCodeLength, "code").with("n", r.Typed)
	}
	return r, refuseField(RecoveryCodeTypo, "code")
}

// withCode charges and compares the code, then runs act, which uses it up, in
// one transaction. What act refuses although the code was right gives the try
// back; an error after the comparison never does.
func (c *Core) withCode(ctx context.Context, by Actor, u *userRow, text string, allowed kindsAllowed, refusedEvent string, act func(t *tx, p *proof) error) error {
	reading, err := readCode(text)
	if err != nil {
		return err
	}
	if allowed == authenticatorOnly && reading.Kind == code.Recovery {
		return refuseField(RecoveryCodeRefused, "code")
	}
	p, err := c.compare(ctx, by, u, reading, refusedEvent)
	if r := Refused(err); r != nil && r.Code == AuthenticatorWait && allowed == authenticatorOnly {
		return r.alone() // a recovery code would be refused here
	}
	if err != nil {
		return err
	}
	err = c.write(ctx, func(t *tx) error { return act(t, p) })
	r := Refused(err)
	switch {
	case r == nil:
		return err
	case r.Code == WrongRecoveryCode:
		return c.missed(ctx, by, u, refusedEvent, p, r)
	case r.Code == CodeUsed && p.unlock == nil:
		return c.replayed(ctx, by, u, p)
	}
	return errors.Join(err, c.refund(ctx, u, p))
}

// compare charges a try, then compares. A recovery code's comparison is the
// statement that spends it, so here only its digest is made.
func (c *Core) compare(ctx context.Context, by Actor, u *userRow, reading code.Reading, refusedEvent string) (*proof, error) {
	if reading.Kind == code.Recovery {
		return c.digestRecoveryCode(ctx, u, reading.Canonical)
	}
	p := &proof{kind: SecondStepAuthenticator}
	var sealedKey []byte
	var lastStep int64
	err := c.keepUnsynced(ctx, func(t *tx) (err error) {
		p.authenticatorID, sealedKey, lastStep, p.charge, err = t.chargeAuthenticator(u)
		return err
	})
	if r := Refused(err); r != nil && r.Code == AuthenticatorWait {
		return c.unlockWith(ctx, by, u, reading.Canonical, refusedEvent, r)
	}
	if err != nil {
		return nil, err
	}
	verdict, step, err := c.compareCode(placeOfKey(u, p.authenticatorID), sealedKey, reading.Canonical, lastStep)
	switch {
	case err != nil:
		return nil, errors.Join(err, c.refund(ctx, u, p))
	case verdict == totp.Used:
		return nil, c.replayed(ctx, by, u, p)
	case verdict != totp.Right:
		return nil, c.missed(ctx, by, u, refusedEvent, p, refuseField(WrongCode, "code"))
	}
	p.step = step
	return p, nil
}

func (c *Core) digestRecoveryCode(ctx context.Context, u *userRow, canonical string) (*proof, error) {
	p := &proof{kind: SecondStepRecoveryCode}
	var salt []byte
	err := c.keepUnsynced(ctx, func(t *tx) (err error) {
		p.setID, salt, p.charge, err = t.chargeRecoveryCodes(u)
		return err
	})
	if err != nil {
		return nil, err
	}
	var slow [32]byte
	if err := c.slowly(ctx, func() { slow = code.Slow(canonical, salt) }); err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err // hanging up is not an error of ours, or it would be a free try
		}
		return nil, errors.Join(err, c.refund(ctx, u, p))
	}
	p.digest = c.digest(slow, u.id)
	return p, nil
}

// useUp consumes the proof in the transaction of the act. Refuses: code-used,
// wrong-recovery-code.
func (t *tx) useUp(by Actor, u *userRow, p *proof) (usedUp, error) {
	if p.kind == SecondStepRecoveryCode {
		id, _, err := t.spendRecoveryCode(u, p.setID, p.digest)
		return usedUp{codeID: id}, err
	}
	if err := t.acceptStep(u, p.authenticatorID, p.step); err != nil || p.unlock == nil {
		return usedUp{}, err
	}
	return usedUp{}, t.unlocked(by, u)
}

func (c *Core) refund(ctx context.Context, u *userRow, p *proof) error {
	return c.keepCount(context.WithoutCancel(ctx), func(t *tx) error {
		if p.kind == SecondStepRecoveryCode {
			return t.refundRecoveryCodes(u, p.setID, p.charge)
		}
		if err := t.refundAuthenticator(u, p.authenticatorID, p.charge); err != nil || p.unlock == nil {
			return err
		}
		return t.refundUnlock(u, p)
	})
}

// refusedCode records a wrong code at something that is no second step yet; who hangs
// up first is recorded all the same.
func (c *Core) refusedCode(ctx context.Context, by Actor, u *userRow, event string, ch charge, r *Refusal) error {
	err := c.write(context.WithoutCancel(ctx), func(t *tx) error {
		return t.record(eventOf{event: event, by: by, target: u, details: map[string]any{"in_a_row": ch.fails, "kind": string(r.Code)}})
	})
	if err != nil {
		return err
	}
	return ch.wrong(r)
}

// replayed answers a code that is right but used: its own sentence, the try
// given back (the password was proved and the code is dead), and a notice to the
// account's owner, whose code somebody may have watched (R1).
func (c *Core) replayed(ctx context.Context, by Actor, u *userRow, p *proof) error {
	err := c.write(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.refundAuthenticator(u, p.authenticatorID, p.charge); err != nil {
			return err
		}
		return t.record(eventOf{event: EventSecondStepReplayed, by: by, target: u})
	})
	if err != nil {
		return err
	}
	return refuseField(CodeUsed, "code")
}
