package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	masterFile  = "master.key"
	pepperFile  = "pepper.key"
	sealingFile = "sealing.json"

	keySize = 32 // bytes

	// How long to wait for another process that is making the folder's files.
	patience = 3 * time.Second
	pause    = 20 * time.Millisecond
)

// OpenKeys reads the key folder, and makes folder (0700) and files (0600) where
// there is none yet. Any number of processes may start on an empty folder
// together: they end up with the same keys.
//
// It refuses, each with a sentence that says which file, what is wrong and what
// to do: a folder or file that group or others can reach, a damaged file, a file
// from another set, and a set of which a file is missing. It never replaces a
// file.
func OpenKeys(dir string) (*Keys, error) {
	dir = filepath.Clean(dir)
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	complete, begun, err := look(dir)
	for waited := time.Duration(0); err == nil && begun && !complete && waited < patience; waited += pause {
		time.Sleep(pause)
		complete, begun, err = look(dir)
	}
	switch {
	case err != nil:
		return nil, err
	case begun && !complete:
		return nil, fmt.Errorf("the key folder %s has no %s: if Doorstep has been used with this folder, bring the file back from the backup; if its very first start was cut short, delete the folder and start again", dir, sealingFile)
	case !complete:
		if err := makeKeys(dir); err != nil {
			return nil, err
		}
	}
	return readKeys(dir)
}

// Made reports whether a folder holds keys, or the beginning of a set.
func Made(dir string) (bool, error) {
	complete, begun, err := look(dir)
	return complete || begun, err
}

// NewKeysForTest returns random keys that live in memory only.
func NewKeysForTest() *Keys {
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		panic("seal: " + err.Error())
	}
	k, err := assemble(handle, randomKey())
	if err != nil {
		panic("seal: " + err.Error())
	}
	return k
}

// look says whether the set is complete and whether any of it exists. The files
// are looked for in the reverse order of their making: seen the other way round,
// a set that another process completes meanwhile would look like a loss.
func look(dir string) (complete, begun bool, err error) {
	for _, name := range []string{sealingFile, pepperFile, masterFile} {
		there, err := exists(filepath.Join(dir, name))
		if err != nil {
			return false, false, err
		}
		if there && name == sealingFile {
			return true, true, nil
		}
		begun = begun || there
	}
	return false, begun, nil
}

// makeKeys makes the three files in their order. A file that another process has
// made in the meantime is kept and used, so whoever wins, all agree.
func makeKeys(dir string) error {
	for _, name := range []string{masterFile, pepperFile} {
		if err := create(dir, name, encodeKey(name, randomKey())); err != nil {
			return err
		}
	}
	master, pepper, err := readRaw(dir)
	if err != nil {
		return err
	}
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return fmt.Errorf("making the sealing key: %w", err)
	}
	bound, err := bindingOf(pepper)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewJSONWriter(&text), master, bound); err != nil {
		return fmt.Errorf("wrapping the sealing key: %w", err)
	}
	return create(dir, sealingFile, text.Bytes())
}

// readKeys reads a complete set.
func readKeys(dir string) (*Keys, error) {
	text, err := read(dir, sealingFile)
	if err != nil {
		return nil, err
	}
	master, pepper, err := readRaw(dir)
	if err != nil {
		return nil, err
	}
	bound, err := bindingOf(pepper)
	if err != nil {
		return nil, err
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewJSONReader(bytes.NewReader(text)), master, bound)
	if err != nil {
		return nil, fmt.Errorf("the key file %s does not open with the %s and %s beside it: one of the three is damaged or from another set; bring all three back from one backup", filepath.Join(dir, sealingFile), masterFile, pepperFile)
	}
	return assemble(handle, pepper)
}

// readRaw reads the two files that are 32 bytes each.
func readRaw(dir string) (master tink.AEAD, pepper []byte, err error) {
	keys := make([][]byte, 2)
	for i, name := range []string{masterFile, pepperFile} {
		text, err := read(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("the key folder %s has no %s: bring the file back from the backup; without it the secrets and passwords of this installation cannot be read", dir, name)
		}
		if err != nil {
			return nil, nil, err
		}
		if keys[i], err = decodeKey(name, text); err != nil {
			return nil, nil, fmt.Errorf("the key file %s %w: bring it back from the backup", filepath.Join(dir, name), err)
		}
	}
	master, err = subtle.NewXChaCha20Poly1305(keys[0])
	return master, keys[1], err
}

// assemble puts working keys together.
func assemble(handle *keyset.Handle, pepper []byte) (*Keys, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("preparing the sealing keys: %w", err)
	}
	k := &Keys{aead: primitive}
	return k, k.setPepper(pepper)
}

// bindingOf returns the associated data that ties sealing.json to its pepper.key:
// without it a damaged or exchanged pepper would only show as everybody's
// password being wrong.
func bindingOf(pepper []byte) ([]byte, error) {
	var k Keys
	if err := k.setPepper(pepper); err != nil {
		return nil, err
	}
	return k.mac("sealing.json", "", nil), nil
}

func randomKey() []byte {
	key := make([]byte, keySize)
	rand.Read(key)
	return key
}

// encodeKey writes a key file: one line that says what it is, and the key.
func encodeKey(name string, key []byte) []byte {
	return []byte(header(name) + base64.StdEncoding.EncodeToString(key) + "\n")
}

// decodeKey reads what encodeKey wrote; a missing final newline is forgiven, as
// editors and secret stores drop it.
func decodeKey(name string, text []byte) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), header(name))
	if !ok {
		return nil, errors.New("does not begin as a key file of this kind does")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != keySize {
		return nil, errors.New("is damaged")
	}
	return key, nil
}

func header(name string) string { return "doorstep " + name + " 1 " }
