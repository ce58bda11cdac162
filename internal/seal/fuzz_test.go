package seal

import (
	"bytes"
	"testing"
)

// FuzzOpen: a writer of the database can put any bytes into a row, and a sealed text
// into any other: none opens but the one that was sealed, at its own place.
func FuzzOpen(f *testing.F) {
	k := NewKeysForTest()
	good, err := k.Seal(place, []byte("12345678901234567890"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, {}, good, good[:44], good[:len(good)-1], append(bytes.Clone(good), 0), bytes.Repeat([]byte{1}, 100)} {
		f.Add(seed, place.Kind, place.Team, place.User, place.Row)
		f.Add(seed, place.Kind, place.Team+place.User, "", place.Row)
	}
	f.Fuzz(func(t *testing.T, sealed []byte, kind, team, user, row string) {
		at := Place{Kind: kind, Team: team, User: user, Row: row}
		plain, err := k.Open(at, sealed)
		if (err == nil) != (at == place && bytes.Equal(sealed, good)) || err != nil && plain != nil {
			t.Fatalf("%x opens at %+v as %q: %v", sealed, at, plain, err)
		}
		if kind == "" {
			return
		}
		mine, err := k.Seal(at, sealed)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := k.Open(at, mine); err != nil || !bytes.Equal(again, sealed) {
			t.Fatalf("what was sealed at %+v does not open there: %v", at, err)
		}
		if at != place {
			if _, err := k.Open(place, mine); err == nil {
				t.Fatalf("what was sealed at %+v opens at %+v", at, place)
			}
		}
	})
}

// FuzzDecodeKey: the text of a key file is the one that we wrote, or no key.
func FuzzDecodeKey(f *testing.F) {
	key := bytes.Repeat([]byte{7}, 32)
	good := encodeKey("pepper", key)
	for _, seed := range [][]byte{good, nil, good[:len(good)-2], append(bytes.Clone(good), '\n'), bytes.ToUpper(good), []byte("doorstep pepper 1 "), []byte("doorstep master 1 AAAA"), {0}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := decodeKey("pepper", text)
		if err != nil {
			if got != nil {
				t.Fatalf("%q is refused, with a key", text)
			}
			return
		}
		if len(got) != 32 || !bytes.Equal(bytes.TrimSpace(encodeKey("pepper", got)), bytes.TrimSpace(text)) {
			t.Fatalf("%q is read as a key of %d bytes, which is written %q", text, len(got), encodeKey("pepper", got))
		}
	})
}
