package mail

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Message is a letter in words, ready to send.
type Message struct {
	ID      string // for the Message-ID: the same on every try
	To      string // the address alone
	Subject string // one line
	Text    string // paragraphs with a blank line between
	HTML    string // the same as a whole document, without pictures
	At      time.Time
}

// Sender sends a message. An error leaves the letter in the queue for another try;
// a *Failure says more about it.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Printer is the sender of a server that has no mail set up: it writes letters
// where the operator sees them, who is in the end whom everybody without mail has to
// ask. A letter's one secret is its link, which works once and for a short time.
type Printer struct {
	mu sync.Mutex
	to io.Writer
}

// NewPrinter makes one that writes to w.
func NewPrinter(w io.Writer) *Printer { return &Printer{to: w} }

// Send writes the message as one block, in one write, so that lines of the log
// do not come between.
func (p *Printer) Send(_ context.Context, m Message) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n--- letter, not sent: no mail is set up ---\nTo:      %s\nSubject: %s\n\n%s\n---\n", m.To, m.Subject, strings.TrimSpace(m.Text))
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.to, b.String()); err != nil {
		return fmt.Errorf("print the letter: %w", err)
	}
	return nil
}
