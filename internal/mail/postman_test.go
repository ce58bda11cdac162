package mail

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/seal"
	"doorstep/internal/words"
	"doorstep/internal/words/wordstest"
)

// tray is a sender that keeps what it gets, and fails for some.
type tray struct {
	mu   sync.Mutex
	got  []Message
	fail func(Message) error
}

func (s *tray) Send(_ context.Context, m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(m); err != nil {
			return err
		}
	}
	s.got = append(s.got, m)
	return nil
}

func (s *tray) recipients() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var to []string
	for _, m := range s.got {
		to = append(to, m.To)
	}
	slices.Sort(to)
	return to
}

// world is a core with an owner and two people who may be restarted.
func world(t *testing.T) (*core.Core, *time.Time) {
	t.Helper()
	now := time.Date(2026, 5, 12, 14, 5, 0, 0, time.UTC)
	c, err := core.Open(t.Context(), core.Options{DataDir: t.TempDir(), Keys: seal.NewKeysForTest(), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for email, role := range map[string]core.Role{"ana@example.com": core.RoleOwner, "olga@example.com": core.RoleOwner} {
		if _, err := c.AddUser(t.Context(), core.Console("test"), core.NewUser{Email: email, Name: email[:3], Role: role, Team: "Northwind", Password: "paper-and-spruce"}); err != nil {
			t.Fatal(err)
		}
	}
	return c, &now
}

// restart queues two letters: to Ana, and to Olga, the other owner.
func restart(t *testing.T, c *core.Core) {
	t.Helper()
	if _, err := c.RestartFromConsole(t.Context(), core.Console("root"), "ana@example.com", "Lost her phone"); err != nil {
		t.Fatal(err)
	}
}

func postman(t *testing.T, c *core.Core, s Sender) *Postman {
	t.Helper()
	return &Postman{Core: c, Letters: Letters{Words: wordstest.Strict(t), Base: base}, Sender: s, Log: slog.New(slog.DiscardHandler)}
}

func TestRound(t *testing.T) {
	c, _ := world(t)
	restart(t, c)
	sender := &tray{}
	p := postman(t, c, sender)
	if sent, err := p.Round(t.Context()); err != nil || sent != 2 {
		t.Fatalf("sent %d, %v", sent, err)
	}
	if got := sender.recipients(); !slices.Equal(got, []string{"ana@example.com", "olga@example.com"}) {
		t.Errorf("sent to %q", got)
	}
	if sent, err := p.Round(t.Context()); err != nil || sent != 0 {
		t.Errorf("sent again: %d, %v", sent, err)
	}
	for _, m := range sender.got {
		if !strings.Contains(m.Text, "From the server's console.") {
			t.Errorf("%s", m.Text)
		}
	}
}

// One letter that cannot be sent, or whose sending panics, waits for its claim to
// run out; the others go.
func TestOneBrokenLetterStopsNoOther(t *testing.T) {
	c, now := world(t)
	restart(t, c)
	sender := &tray{}
	p := postman(t, c, sender)
	broken := true
	sender.fail = func(m Message) error {
		if broken && m.To == "ana@example.com" {
			panic("an address that breaks the sender")
		}
		return nil
	}
	sent, err := p.Round(t.Context())
	if sent != 1 || err == nil || !strings.Contains(err.Error(), "(restarted), try 1: unwritable: a letter panicked") {
		t.Fatalf("sent %d, %v", sent, err)
	}
	broken = false
	if sent, err := p.Round(t.Context()); sent != 0 || err != nil {
		t.Errorf("claimed twice within the minute: %d, %v", sent, err)
	}
	*now = now.Add(61 * time.Second)
	if sent, err := p.Round(t.Context()); sent != 1 || err != nil {
		t.Errorf("not tried again: %d, %v", sent, err)
	}
	if got := sender.recipients(); !slices.Equal(got, []string{"ana@example.com", "olga@example.com"}) {
		t.Errorf("sent to %q", got)
	}
}

// A letter that cannot be put into words is an error with its id, and no secret.
func TestUnwritableLetter(t *testing.T) {
	c, _ := world(t)
	restart(t, c)
	p := postman(t, c, &tray{})
	p.Letters.Device = func(words.Words, string) string { panic("no such device") }
	if sent, err := p.Round(t.Context()); sent != 0 || err == nil {
		t.Errorf("sent %d, %v", sent, err)
	}
}

func TestRunDeliversAndStops(t *testing.T) {
	c, _ := world(t)
	sender := &tray{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); postman(t, c, sender).Run(ctx) }()
	restart(t, c)
	for deadline := time.Now().Add(5 * time.Second); len(sender.recipients()) < 2 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := sender.recipients(); len(got) != 2 {
		t.Errorf("sent to %q", got)
	}
	cancel()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("does not stop")
	}
}

func TestPrinter(t *testing.T) {
	var b bytes.Buffer
	m := Message{To: "ana@example.com", Subject: "Hello", Text: "One.\n\nTwo.\n"}
	if err := NewPrinter(&b).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if want := "\n--- letter, not sent: no mail is set up ---\nTo:      ana@example.com\nSubject: Hello\n\nOne.\n\nTwo.\n---\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
	if err := NewPrinter(failing{}).Send(t.Context(), m); err == nil {
		t.Error("printed nowhere and said nothing")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("closed") }

// When the mail server is away, the first letter finds out, and the others lose no
// try; several at once deliver each letter once.
func TestTheOthersGoBackUntried(t *testing.T) {
	c, now := world(t)
	for range 10 {
		restart(t, c)
	}
	sender := &tray{fail: func(Message) error {
		return &Failure{Why: core.LetterUnreachable, All: true, err: errors.New("nobody there")}
	}}
	p := postman(t, c, sender)
	if sent, err := p.Round(t.Context()); sent != 0 || !unreachable(err) {
		t.Fatalf("sent %d, %v", sent, err)
	}
	letters, err := c.ClaimLetters(t.Context(), 100)
	if err != nil || len(letters) < 19 {
		t.Fatalf("%d letters can be tried at once: %v", len(letters), err)
	}
	for _, l := range letters {
		if l.Tries != 1 {
			t.Errorf("letter %s lost a try that it did not have", l.ID)
		}
	}
	if err := c.ReturnLetters(t.Context(), letters); err != nil {
		t.Fatal(err)
	}
	sender.fail, p.AtOnce, *now = nil, 4, now.Add(time.Minute)
	if sent, err := p.Round(t.Context()); sent != len(letters)+1 || err != nil {
		t.Errorf("sent %d, want %d and the one that found out: %v", sent, len(letters), err)
	}
	ids := map[string]bool{}
	for _, m := range sender.got {
		if ids[m.ID] {
			t.Errorf("letter %s was sent twice", m.ID)
		}
		ids[m.ID] = true
	}
}

// Near its end a claim is let go: somebody else may have the letter any moment.
func TestNoLetterIsSentAtTheEndOfItsClaim(t *testing.T) {
	c, now := world(t)
	restart(t, c)
	sender := &tray{}
	sender.fail = func(Message) error { *now = now.Add(4*time.Minute + 40*time.Second); return nil }
	p := postman(t, c, sender)
	if sent, err := p.Round(t.Context()); sent != 1 || err != nil {
		t.Errorf("sent %d, %v", sent, err)
	}
	if sent, err := p.Round(t.Context()); sent != 1 || err != nil {
		t.Errorf("then sent %d, %v", sent, err)
	}
}
