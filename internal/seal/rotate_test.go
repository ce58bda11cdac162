package seal

import (
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// rotate seals with a keyset of one key, adds a key, makes it the first choice
// and returns both.
func rotate(t *testing.T) (rotated, old *Keys, sealed []byte) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	must(err)
	pepper := randomKey()
	old, err = assemble(handle, pepper)
	must(err)
	sealed, err = old.Seal(place, []byte("secret"))
	must(err)

	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.XChaCha20Poly1305KeyTemplate())
	must(err)
	must(manager.SetPrimary(id))
	handle, err = manager.Handle()
	must(err)
	rotated, err = assemble(handle, pepper)
	must(err)
	return rotated, old, sealed
}
