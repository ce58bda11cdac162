// Package code makes recovery codes and reads what people type into the one
// field that takes an authentication code or a recovery code. It makes and reads
// re-activation passes too, which are shorter and have a field of their own.
//
// It owns the alphabet, the check symbol, the slow hash of both and
// the single place in the program where a typed code is cleaned (read.go). It
// must not know whose code it is, whether it was used, how many tries are left,
// or the pepper: the caller wraps the slow hash in the keyed one.
//
// A recovery code is 16 symbols: 15 random ones of 5 bits, 75 bits in all (a
// saved recovery code needs 64, NIST SP 800-63B-4 §4.2.1.1), and a check symbol,
// so that a slip of the pen is told from a guess without costing a try.
package code

import (
	"crypto/rand"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	// Symbols is the length of a recovery code without hyphens.
	Symbols = 16
	// Bits is the entropy of a recovery code.
	Bits = 75

	bitsPerSymbol = 5
	group         = 4 // symbols between two hyphens

	// alphabet has no i, l, o and u: they look like 1, 1, 0 and v, and without
	// u fewer codes spell a word that nobody wants to read out.
	alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// The build stops here when somebody shortens the code below what it promises:
// 75 bits as announced, and never under 64.
const (
	_ = uint((Symbols-1)*bitsPerSymbol - Bits)
	_ = uint(Bits - 64)
)

// New returns a new recovery code in its canonical form: 16 symbols of the
// alphabet without hyphens, the last one computed.
func New() string {
	return random(Symbols)
}

// random returns n symbols of the alphabet, the last one computed.
func random(n int) string {
	symbols := make([]byte, n)
	rand.Read(symbols) // never returns an error or a short read; it ends the program instead
	for i := range symbols {
		symbols[i] &= 1<<bitsPerSymbol - 1 // 256 is a multiple of 32: no symbol is likelier
	}
	symbols[n-1] = checkSymbol(symbols[:n-1])
	for i, s := range symbols {
		symbols[i] = alphabet[s]
	}
	return string(symbols)
}

// Display returns a canonical code as it is shown and printed:
// "kayp-1z3p-ke5v-5j1h". What is not 16 symbols long comes back unchanged.
func Display(canonical string) string {
	if len(canonical) != Symbols {
		return canonical
	}
	return inGroups(canonical)
}

func inGroups(canonical string) string {
	var shown strings.Builder
	for i := 0; i < len(canonical); i += group {
		if i > 0 {
			shown.WriteByte('-')
		}
		shown.WriteString(canonical[i : i+group])
	}
	return shown.String()
}

// NewSalt returns the 16 random bytes that one set of recovery codes shares.
// One salt for a set means one slow hash for a try, whichever code it was.
func NewSalt() []byte {
	salt := make([]byte, 16)
	rand.Read(salt)
	return salt
}

// Slow returns argon2id (RFC 9106) of a canonical code with the salt of its set:
// 2 passes over 19 MiB, one lane, 32 bytes. 75 bits are below the 112 from which
// NIST SP 800-63B-4 §3.1.2.2 allows a fast hash.
//
// It takes about 21 ms and 19 MiB. The caller bounds how many run at once and
// wraps the result in a keyed hash before storing it.
func Slow(canonical string, salt []byte) [32]byte {
	return [32]byte(argon2.IDKey([]byte(canonical), salt, 2, 19456, 1, 32))
}
