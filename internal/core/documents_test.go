package core

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"doorstep/internal/password"
)

// The documents say the numbers that the code goes by.
//
// ASVS 2.1.3, ASVS 6.1.1, ASVS 7.1.1
func TestDocumentsSayTheNumbers(t *testing.T) {
	p := DefaultPolicy()
	hours := func(d time.Duration) string { return fmt.Sprintf("%d", int(d.Hours())) }
	for name, wants := range map[string][]string{
		"features/guessing.md": {
			fmt.Sprintf("| free tries in a row | %d | %d | %d |", freeTries, freeTries, freeTries),
			fmt.Sprintf("| blocked after, in a row | %d (", mostPasswords), fmt.Sprintf("| %d (hour 39", mostCodes), fmt.Sprintf("| %d (hour 9)", mostRecoveryCodes),
			"30 s, doubling to 1 h", "Nobody is locked out by strangers",
		},
		"features/session.md":       {"(" + hours(p.SessionIdle) + " hour)", "(" + hours(p.SessionAbsolute) + " hours)"},
		"features/password.md":      {fmt.Sprintf("At least %d characters, at most %d", password.MinLength, password.MaxLength)},
		"features/restart.md":       {"**Window**: " + hours(p.ActivationWindow) + " hours", "for " + hours(p.Containment) + " hours by default"},
		"features/pass.md":          {fmt.Sprintf("After %d wrong ones the pass is void", passTries)},
		"security.md":               {fmt.Sprintf("blocked at %d authentication codes, %d recovery codes, %d passwords", mostCodes, mostRecoveryCodes, mostPasswords), "1 hour idle"},
		"features/passwordreset.md": {"hour"},
	} {
		text, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.Join(strings.Fields(string(text)), " ")
		for _, want := range wants {
			if !strings.Contains(plain, want) {
				t.Errorf("docs/%s does not say %q", name, want)
			}
		}
	}
}
