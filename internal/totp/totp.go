// Package totp makes and compares authentication codes: the six digits that an
// authenticator app shows for 30 seconds (RFC 6238 over RFC 4226).
//
// It owns the mathematics of one code, the window in which a code is accepted,
// and what an app scans to learn a key (otpauth.go, qr.go). It must not know who
// a secret belongs to, where it is kept, how many tries are left, or what time
// it is: the caller passes the moment in and stores the step that comes out.
//
// A code is accepted once (RFC 6238 §5.2). This package cannot promise that
// alone: it says which step matched and the caller records the step with one
// conditional write. It remembers a step and not a code because a memory of the
// last code still lets A, B, A through inside the window.
package totp

import (
	"crypto/rand"
	"encoding/base32"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	// Period is the life of one code in seconds (RFC 6238 §4.1, X).
	Period = 30
	// Digits is the length of a code. Several apps ignore any other number.
	Digits = 6

	secretSize = 20 // bytes: the output length of SHA-1 (RFC 6238 §5.1, RFC 4226 §4 R6)
	minSecret  = 16 // bytes: RFC 4226 §4 R6, "MUST be at least 128 bits"
	drift      = 1  // steps accepted on either side of now (RFC 6238 §5.2)
)

// NewSecret returns 20 random bytes. One secret belongs to one authenticator,
// not to one person (RFC 6238 §3 R4).
func NewSecret() []byte {
	secret := make([]byte, secretSize)
	rand.Read(secret) // never returns an error or a short read; it ends the program instead
	return secret
}

// StepAt returns the number of whole periods between the Unix epoch and t
// (RFC 6238 §4.2, T). It is 64 bits wide, so 2038 is a year like any other.
func StepAt(t time.Time) int64 {
	seconds := t.Unix()
	step := seconds / Period
	if seconds%Period < 0 {
		step-- // before 1970 round down as well, so that every step lasts 30 seconds
	}
	return step
}

// Code returns the six digits that an app shows during the step.
func Code(secret []byte, step int64) string {
	return codeOf(secret, step, otp.DigitsSix, otp.AlgorithmSHA1)
}

// codeOf is Code with the two parameters that RFC 6238 leaves open. The product
// uses one pair only; the others are there for the published test vectors.
func codeOf(secret []byte, step int64, digits otp.Digits, algorithm otp.Algorithm) string {
	code, err := hotp.GenerateCodeCustom(Key(secret), uint64(step), hotp.ValidateOpts{Digits: digits, Algorithm: algorithm})
	if err != nil {
		// The only error is a key that is not Base32, and Key has just written it.
		panic("totp: " + err.Error())
	}
	return code
}

// Key returns the secret as a person types it into an app: Base32 in upper case
// without padding (RFC 4648 §6), 32 symbols for 20 bytes.
func Key(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}
