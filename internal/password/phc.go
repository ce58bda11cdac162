package password

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// params are the costs of one argon2id hash (RFC 9106 §3.1).
type params struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// current is what new hashes get: 19 MiB, 2 passes, 1 lane, about 21 ms.
var current = params{memory: 19456, passes: 2, lanes: 1}

const (
	saltSize = 16 // bytes (RFC 9106 §3.1 recommends 16)
	hashSize = 32 // bytes, of argon2id and of the pepper around it

	// What a stored hash may ask for. Who can write the database must not be able
	// to make one sign-in take all memory, or a minute.
	minMemory, maxMemory = 4 << 10, 256 << 10 // KiB
	maxPasses            = 10
	maxLanes             = 4
	maxPHC               = 512 // bytes
)

// errMalformed is the root of every complaint about a stored hash.
var errMalformed = errors.New("malformed password hash")

// stored is a PHC string taken apart.
type stored struct {
	params
	keyID string
	salt  []byte
	hash  []byte // pepper(argon2id(password, salt))
}

// String writes the PHC string format (github.com/P-H-C/phc-string-format):
//
//	$argon2id$v=19$m=19456,t=2,p=1,keyid=ab12cd34$SALT$HASH
//
// with Base64 that has no padding.
func (s stored) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d,keyid=%s$%s$%s", argon2.Version,
		s.memory, s.passes, s.lanes, s.keyID, b64.EncodeToString(s.salt), b64.EncodeToString(s.hash))
}

// parse takes a PHC string apart. It accepts exactly what String writes, within
// the bounds above: one hash has one spelling, and an unknown parameter is not
// skipped, since it could be the one that matters.
func parse(phc string) (stored, error) {
	if len(phc) > maxPHC {
		return stored{}, fmt.Errorf("%w: %d bytes long", errMalformed, len(phc))
	}
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return stored{}, fmt.Errorf("%w: not an argon2id hash of version %d", errMalformed, argon2.Version)
	}
	cost := strings.Split(part[3], ",")
	if len(cost) != 4 {
		return stored{}, fmt.Errorf("%w: %d parameters instead of m, t, p and keyid", errMalformed, len(cost))
	}
	memory, err1 := number(cost[0], "m=", minMemory, maxMemory)
	passes, err2 := number(cost[1], "t=", 1, maxPasses)
	lanes, err3 := number(cost[2], "p=", 1, maxLanes)
	keyID, err4 := value(cost[3], "keyid=")
	salt, err5 := bytesOf(part[4], "salt", 8, 64)
	hash, err6 := bytesOf(part[5], "hash", hashSize, hashSize)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return stored{}, err
	}
	return stored{params{memory, passes, uint8(lanes)}, keyID, salt, hash}, nil
}

func number(text, name string, low, high uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, fmt.Errorf("%w: no number after %s", errMalformed, name)
	}
	if uint32(n) < low || uint32(n) > high {
		return 0, fmt.Errorf("%w: %s%d is not between %d and %d", errMalformed, name, n, low, high)
	}
	return uint32(n), nil
}

func value(text, name string) (string, error) {
	v, ok := strings.CutPrefix(text, name)
	if !ok || v == "" {
		return "", fmt.Errorf("%w: nothing after %s", errMalformed, name)
	}
	return v, nil
}

func bytesOf(text, what string, low, high int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(b) < low || len(b) > high {
		return nil, fmt.Errorf("%w: %s of %d characters", errMalformed, what, len(text))
	}
	return b, nil
}

// weaker reports whether a hash of these costs should be replaced. It compares
// memory first: that is what a graphics card lacks.
func (p params) weaker(than params) bool {
	return p.memory < than.memory || p.memory == than.memory && p.passes < than.passes
}

// derive is the slow half of the hash, before the pepper.
func (p params) derive(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(Normalize(password)), salt, p.passes, p.memory, p.lanes, hashSize)
}

func newSalt() []byte {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never returns an error or a short read; it ends the program instead
	return salt
}
