package apptest

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"doorstep/internal/mail"
)

// letters is the mail server that everybody's letters end at.
type letters struct {
	base string

	mu  sync.Mutex
	all []mail.Message
}

// Send takes a letter, as a mail server does.
func (l *letters) Send(_ context.Context, m mail.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
	return nil
}

// Letters lets the postman go round and returns every letter that ever arrived,
// the oldest first.
func (a *App) Letters() []mail.Message {
	a.t.Helper()
	post := &mail.Postman{Core: a.Core, Letters: mail.Letters{Words: a.words, Base: a.letters.base}, Sender: a.letters, Log: a.log.logger()}
	if _, err := post.Round(context.Background()); err != nil {
		a.t.Fatalf("deliver the letters: %v", err)
	}
	a.letters.mu.Lock()
	defer a.letters.mu.Unlock()
	return append([]mail.Message(nil), a.letters.all...)
}

// LinkTo is the link in somebody's newest letter with a subject, "" for none.
func (a *App) LinkTo(key, subject string) string {
	a.t.Helper()
	return a.LinkAt(a.Person(key).Email, subject)
}

// LinkAt is LinkTo for an address that may be nobody's own.
func (a *App) LinkAt(address, subject string) string {
	a.t.Helper()
	letters := a.Letters()
	for i := len(letters) - 1; i >= 0; i-- {
		if m := letters[i]; strings.EqualFold(m.To, address) && m.Subject == subject {
			_, link, _ := strings.Cut(m.Text, a.letters.base+"/")
			link, _, _ = strings.Cut(link, "\n")
			link, _, _ = strings.Cut(link, " ")
			return "/" + strings.TrimSpace(link)
		}
	}
	return ""
}

// LettersTo are the subjects of somebody's letters, the oldest first.
func (a *App) LettersTo(key string) []string {
	a.t.Helper()
	return a.LettersAt(a.Person(key).Email)
}

// LettersAt is LettersTo for an address that may be nobody's own.
func (a *App) LettersAt(address string) []string {
	a.t.Helper()
	var subjects []string
	for _, m := range a.Letters() {
		if strings.EqualFold(m.To, address) {
			subjects = append(subjects, m.Subject)
		}
	}
	return subjects
}

var linkInLetter = regexp.MustCompile(`https?://[^\s]+/[A-Za-z0-9_-]{43}\b`)

// LinkIn is the one-use link of the newest letter with that subject, whoever got it.
func (a *App) LinkIn(subject string) (link string) {
	a.t.Helper()
	for _, m := range a.Letters() {
		if m.Subject == subject {
			link = linkInLetter.FindString(m.Text)
		}
	}
	if link == "" {
		a.t.Fatalf("no letter %q has a link", subject)
	}
	return link
}
