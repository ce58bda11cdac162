package seal

import (
	"bytes"
	"errors"
	"testing"
)

var place = Place{Kind: "authenticator secret", Team: "t1", User: "u1", Row: "r1"}

// ASVS 11.3.1, ASVS 11.3.2
func TestSealAndOpen(t *testing.T) {
	k := NewKeysForTest()
	for _, plain := range [][]byte{nil, {}, {0}, []byte("12345678901234567890"), bytes.Repeat([]byte("x"), 100_000)} {
		sealed, err := k.Seal(place, plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(plain)+45 || len(plain) > 4 && bytes.Contains(sealed, plain) {
			t.Errorf("%d bytes sealed are %d", len(plain), len(sealed))
		}
		if got, err := k.Open(place, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("opened: %d bytes, %v", len(got), err)
		}
		if again, _ := k.Seal(place, plain); bytes.Equal(again, sealed) {
			t.Error("sealing twice gives the same text")
		}
	}
}

// TestAnotherPlaceDoesNotOpen is T-SEC-4: who writes the database copies a sealed
// secret into another row, user, team or column.
//
// NIST 3.1.4.2(seal), T-SEC-4, R10, P6
func TestAnotherPlaceDoesNotOpen(t *testing.T) {
	k := NewKeysForTest()
	sealed, err := k.Seal(place, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Place{
		"kind":           {"pending secret", "t1", "u1", "r1"},
		"team":           {"authenticator secret", "t2", "u1", "r1"},
		"user":           {"authenticator secret", "t1", "u2", "r1"},
		"row":            {"authenticator secret", "t1", "u1", "r2"},
		"nothing else":   {Kind: "authenticator secret"},
		"shifted":        {"authenticator secret", "t", "1u1", "r1"},
		"exchanged":      {"authenticator secret", "u1", "t1", "r1"},
		"one into other": {"authenticator secret", "t1u1", "", "r1"},
		"NUL":            {"authenticator secret", "t1\x00", "u1", "r1"},
	} {
		if got, err := k.Open(p, sealed); !errors.Is(err, ErrUnreadable) || got != nil {
			t.Errorf("another %s: %q, %v", name, got, err)
		}
	}
}

func TestPlacesAreUnambiguous(t *testing.T) {
	fields := []string{"", "a", "b", "ab", "aab", "\x00", "\x00\x00\x00\x01a", "\x00\x00\x00\x00"}
	seen := map[string]Place{}
	for _, kind := range fields {
		for _, team := range fields {
			for _, user := range fields {
				for _, row := range fields {
					p := Place{kind, team, user, row}
					data := string(p.associatedData())
					if other, clash := seen[data]; clash {
						t.Fatalf("%+q and %+q are one place", p, other)
					}
					seen[data] = p
				}
			}
		}
	}
}

// TestDamageDoesNotOpen: each bit, each length, another folder's keys (P8).
//
// ASVS 11.2.5, ASVS 11.3.3, P8
func TestDamageDoesNotOpen(t *testing.T) {
	k := NewKeysForTest()
	sealed, err := k.Seal(place, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		damaged := bytes.Clone(sealed)
		damaged[i/8] ^= 1 << (i % 8)
		if got, err := k.Open(place, damaged); !errors.Is(err, ErrUnreadable) || got != nil {
			t.Fatalf("bit %d: %q, %v", i, got, err)
		}
	}
	for n := range sealed {
		if _, err := k.Open(place, sealed[:n]); !errors.Is(err, ErrUnreadable) {
			t.Fatalf("%d bytes of it: %v", n, err)
		}
	}
	for _, odd := range [][]byte{nil, {}, append(bytes.Clone(sealed), 0), append(bytes.Clone(sealed), sealed...)} {
		if _, err := k.Open(place, odd); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%d bytes: %v", len(odd), err)
		}
	}
	if _, err := NewKeysForTest().Open(place, sealed); !errors.Is(err, ErrUnreadable) {
		t.Errorf("another folder's keys: %v", err)
	}
}

func TestAPlaceNeedsAKind(t *testing.T) {
	k := NewKeysForTest()
	if _, err := k.Seal(Place{User: "u1"}, []byte("x")); err == nil {
		t.Error("sealed")
	}
	if _, err := k.Open(Place{User: "u1"}, []byte("x")); err == nil {
		t.Error("opened")
	}
}

func BenchmarkSeal(b *testing.B) {
	k := NewKeysForTest()
	for b.Loop() {
		if _, err := k.Seal(place, make([]byte, 20)); err != nil {
			b.Fatal(err)
		}
	}
}
