package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// maxToken bounds the work on a token that a stranger sends, in bytes. Ours are
// 43; a prefix that says what a token is for has room too.
const maxToken = 256

// NewToken returns a session token, a link's secret or the like: 32 bytes from
// crypto/rand as base64url without padding (RFC 4648 §5), 43 characters. 256 bits
// are why a fast keyed hash of it is enough (NIST SP 800-63B-4 §3.1.2.2 draws the
// line at 112).
func NewToken() string {
	var token [32]byte
	rand.Read(token[:]) // never returns an error or a short read; it ends the program instead
	return base64.RawURLEncoding.EncodeToString(token[:])
}

// TokenHash returns the 32 bytes under which a token is stored and looked up.
// The purpose keeps kinds apart: a session's token is worth nothing as a link's.
//
// Any text may come in. What is longer than a token can be is hashed as its
// beginning under a purpose of its own, so it costs little and equals the hash
// of no token.
func (k *Keys) TokenHash(purpose, token string) []byte {
	if len(token) > maxToken {
		return k.mac("overlong token", purpose, []byte(token[:maxToken]))
	}
	return k.mac("token", purpose, []byte(token))
}

// MAC returns HMAC-SHA-256 (RFC 2104) of data under a key that only this purpose
// uses, 32 bytes. Compare it with hmac.Equal.
func (k *Keys) MAC(purpose string, data []byte) []byte {
	return k.mac("mac", purpose, data)
}

// Pepper is the outer, keyed half of a stored password or recovery code: the
// caller gives it the result of the slow hash. NIST SP 800-63B-4 §3.1.1.2 wants
// its key apart from the hashes.
func (k *Keys) Pepper(data []byte) []byte {
	return k.mac("pepper", "", data)
}

// PepperID names the pepper, 8 hexadecimal digits, to be stored beside each hash
// that was made with it. It tells nothing about the key.
func (k *Keys) PepperID() string { return k.pepperID }

// mac hashes data under HKDF-Expand(root, family and purpose) (RFC 5869 §2.3).
// A family contains no NUL and the family is first, so no two pairs share a key.
func (k *Keys) mac(family, purpose string, data []byte) []byte {
	key, err := hkdf.Expand(sha256.New, k.root, "doorstep 1 "+family+"\x00"+purpose, sha256.Size)
	if err != nil {
		panic("seal: " + err.Error()) // only for more than 8,160 bytes
	}
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// setPepper makes the root of all keyed hashes from the 32 bytes of pepper.key.
func (k *Keys) setPepper(pepper []byte) error {
	root, err := hkdf.Extract(sha256.New, pepper, []byte("doorstep pepper"))
	if err != nil {
		return err
	}
	k.root = root
	k.pepperID = hex.EncodeToString(k.mac("pepper id", "", nil)[:4])
	return nil
}
