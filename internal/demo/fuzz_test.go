package demo

import (
	"testing"

	"doorstep/internal/totp"
)

// FuzzReadKey: what is pasted into the demo's phone is a key that it can show right
// codes of, or is refused; a key that was read is read again as the same.
func FuzzReadKey(f *testing.F) {
	good := totp.URI("Northwind", "ana@demo.example", []byte("12345678901234567890"))
	for _, seed := range []string{
		"", good, "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "otpauth://totp/x?secret=", "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", good + "&digits=8", "OTPAUTH://totp/a:b:c?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"otpauth:%zz", "11111111", "\xff", good + "&secret=AAAA", "gezd-gnbv====",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := readKey(text)
		if err != nil {
			if a.secret != nil {
				t.Fatalf("%q is refused, with a key", text)
			}
			return
		}
		if len(a.secret) < minKey || len(text) > textLimit+64 && len(a.secret) > textLimit {
			t.Fatalf("%q is a key of %d bytes", text, len(a.secret))
		}
		again, err := readKey(totp.Key(a.secret))
		if err != nil || string(again.secret) != string(a.secret) {
			t.Fatalf("%q is read again as another key: %v", text, err)
		}
	})
}
