package seal

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// shortOfChance gives a few bytes and then no more, as a broken source does.
type shortOfChance struct{ left int }

func (s *shortOfChance) Read(p []byte) (int, error) {
	n := min(s.left, len(p))
	s.left -= n
	if n == 0 {
		return 0, errors.New("planted: no more")
	}
	return n, nil
}

// T-SEC-3: with a source of chance that fails, or that gives less than it was asked
// for, there is no token at all: the process ends rather than hand out one that can be
// guessed. It is tried in a process of its own.
//
// ASVS 6.5.3, NIST 3.2.12, T-SEC-3
func TestNoTokenWithoutChance(t *testing.T) {
	const inside = "DOORSTEP_TEST_SHORT_OF_CHANCE"
	if left := os.Getenv(inside); left != "" {
		rand.Reader = &shortOfChance{len(left)}
		token := NewToken()
		t.Fatalf("a token was made: %s", token) // the parent looks for this
	}
	for _, left := range []string{"x", strings.Repeat("x", 31)} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestNoTokenWithoutChance$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"="+left)
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Contains(string(out), "a token was made") || !strings.Contains(string(out), "failed to read random data") {
			t.Errorf("with %d bytes of chance: %v\n%s", len(left), err, out)
		}
	}
}
