package password

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// ErrOtherPepper says that a hash was made with a pepper that is not the one of
// the key folder in use. It is a mix-up of folders and never a wrong password,
// so a caller must not count it as a try.
var ErrOtherPepper = errors.New("the password hash was made with another pepper key")

// Hasher makes and verifies stored passwords. The slow half, argon2id with 19 MiB
// for each hash, runs in a bounded queue: 64 people signing in together must not
// take a gigabyte. It is safe for concurrent use.
type Hasher struct {
	pepper   func([]byte) []byte
	pepperID string
	nobody   stored
	queue    queue
}

// NewHasher returns a Hasher. pepper is a keyed hash of 32 bytes and pepperID
// its key's name (letters and digits), which is written beside each hash.
// parallel is how much slow work runs at once, sensibly the number of cores;
// queue is how much more may wait. Less than 1 and less than 0 count as those.
// It panics on a pepperID that the stored form cannot hold.
func NewHasher(pepper func([]byte) []byte, pepperID string, parallel, queue int) *Hasher {
	if pepperID == "" || strings.ContainsAny(pepperID, "$,= \n") {
		panic("password: a pepper's id is letters and digits")
	}
	h := &Hasher{pepper: pepper, pepperID: pepperID, queue: newQueue(parallel, queue)}
	h.nobody = stored{params: current, keyID: pepperID, salt: newSalt(), hash: make([]byte, hashSize)}
	rand.Read(h.nobody.hash) // the hash of no password: verifying against it costs the same and fails
	return h
}

// Hash returns the stored form of a password:
//
//	$argon2id$v=19$m=19456,t=2,p=1,keyid=PEPPERID$SALT$HASH
//
// where HASH is pepper(argon2id(NFC of p, salt)). All of p counts, however long.
// It does not judge p: Check does. It returns ErrBusy or ctx's error when there
// was no turn to be had.
func (h *Hasher) Hash(ctx context.Context, p string) (string, error) {
	s := stored{params: current, keyID: h.pepperID, salt: newSalt()}
	if err := h.Do(ctx, func() { s.hash = h.pepper(s.derive(p, s.salt)) }); err != nil {
		return "", err
	}
	return s.String(), nil
}

// Verify compares a password with a stored form.
//
// ok is whether they match. rehash asks the caller, who has the password at this
// moment only, to store a new Hash of it: the stored one is weaker than what
// Hash makes today. err is not nil and ok false when no comparison took place:
// ErrBusy, ctx's error, ErrOtherPepper, or a stored form that is malformed or
// asks for an absurd amount of work. An error is never a wrong password.
func (h *Hasher) Verify(ctx context.Context, phc, p string) (ok, rehash bool, err error) {
	s, err := parse(phc)
	if err != nil {
		return false, false, err
	}
	if s.keyID != h.pepperID {
		return false, false, fmt.Errorf("%w (%.20q, not %.20q)", ErrOtherPepper, s.keyID, h.pepperID)
	}
	ok, err = h.compare(ctx, s, p)
	return ok, ok && s.weaker(current), err
}

// VerifyNobody takes the time of a Verify that fails, for an e-mail address that
// nobody has: the time to answer must not tell who has an account (R12).
func (h *Hasher) VerifyNobody(ctx context.Context, p string) error {
	_, err := h.compare(ctx, h.nobody, p)
	return err
}

// Do runs other slow work in the same queue, on the caller's goroutine: the hash
// of a recovery code, for one. It returns nil when work has run to its end,
// ErrBusy at once when the queue is full, and ctx's error when ctx ended before
// the turn came; in both of those cases work did not run. Once begun it is not
// stopped. Work must not call Do, Hash or Verify: it would wait for itself.
func (h *Hasher) Do(ctx context.Context, work func()) error { return h.queue.do(ctx, work) }

func (h *Hasher) compare(ctx context.Context, s stored, p string) (same bool, err error) {
	err = h.Do(ctx, func() { same = hmac.Equal(h.pepper(s.derive(p, s.salt)), s.hash) })
	return same, err
}
