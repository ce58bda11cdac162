// Package seal keeps secrets at rest and makes keyed hashes.
//
// It owns the key folder (keys.go, files.go), the sealing of secrets with
// associated data, and the hashes whose key is outside the database, so that a
// copy of the database signs nobody in and a writer of it can mint nothing. It
// must not know what the secrets are, where the sealed bytes are stored, or any
// table: a Place is only four texts.
//
// # The three files
//
//   - master.key wraps sealing.json and does nothing else. It is apart so that a
//     key service can take its place later without a change to any sealed row.
//   - pepper.key is the root of every keyed hash: the pepper of passwords and
//     recovery codes, session tokens, links.
//   - sealing.json is a Tink keyset, wrapped by master.key and bound to the
//     pepper's id. Each sealed text begins with the id of its key, so keys can be
//     added and the old texts stay readable.
//
// They are made in this order and sealing.json is the last: where it exists the
// set is complete, and a missing file is a loss and never a reason to make a new
// one. A new pepper would turn every password into a wrong one without a word.
//
// # The choice of cipher
//
// XChaCha20-Poly1305, because its 24-byte nonces can be drawn at random for ever.
// AES-GCM with random 12-byte nonces has to be rekeyed after 2³² texts.
package seal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keys seals, opens and hashes. It is safe for concurrent use.
type Keys struct {
	aead     tink.AEAD
	root     []byte // pseudorandom key (RFC 5869 §2.2) that every hash key is expanded from
	pepperID string
}

// Place is where a sealed secret belongs. The four fields become the associated
// data, so a sealed text that is copied to another row, user, team or kind of
// secret does not open there: who can write the database still cannot put a
// secret of their own into somebody else's row.
type Place struct {
	Kind string // what it is, "authenticator secret"; never empty
	Team string
	User string
	Row  string
}

// ErrUnreadable says that a sealed text does not open at a place: it was sealed
// for another one, is damaged, or its key is not in the folder. Callers deny.
var ErrUnreadable = errors.New("seal: the sealed secret cannot be opened here")

// errNoKind catches the caller who forgot the place altogether.
var errNoKind = errors.New("seal: a place needs a kind")

// Seal encrypts plain for the place. The result is 45 bytes longer: key id (5),
// nonce (24), tag (16).
func (k *Keys) Seal(p Place, plain []byte) ([]byte, error) {
	if p.Kind == "" {
		return nil, errNoKind
	}
	sealed, err := k.aead.Encrypt(plain, p.associatedData())
	if err != nil {
		return nil, fmt.Errorf("seal: sealing a %s: %w", p.Kind, err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for the same place. Everything else is
// ErrUnreadable: the reason is of use only to somebody who tries things out.
func (k *Keys) Open(p Place, sealed []byte) ([]byte, error) {
	if p.Kind == "" {
		return nil, errNoKind
	}
	plain, err := k.aead.Decrypt(sealed, p.associatedData())
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", ErrUnreadable, p.Kind)
	}
	return plain, nil
}

// associatedData writes each field behind its length, so that no two places give
// the same bytes: team "a" user "bc" is not team "ab" user "c".
func (p Place) associatedData() []byte {
	data := []byte("doorstep place 1")
	for _, field := range []string{p.Kind, p.Team, p.User, p.Row} {
		data = binary.BigEndian.AppendUint32(data, uint32(len(field)))
		data = append(data, field...)
	}
	return data
}
