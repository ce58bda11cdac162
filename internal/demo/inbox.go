package demo

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"doorstep/internal/mail"
)

// Inbox is the sender of a demo: every letter that would have been sent.
type Inbox struct {
	mu      sync.Mutex
	letters []mail.Message
}

// inboxHolds bounds a demo that runs for weeks; the oldest letters go.
const inboxHolds = 500

// Send keeps the letter. The same letter sent again is one letter.
func (i *Inbox) Send(_ context.Context, m mail.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.ContainsFunc(i.letters, func(have mail.Message) bool { return have.ID == m.ID }) {
		return nil
	}
	i.letters = append(i.letters, m)
	slices.SortStableFunc(i.letters, func(a, b mail.Message) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID))
	})
	if len(i.letters) > inboxHolds {
		i.letters = i.letters[:inboxHolds]
	}
	return nil
}

// Letters are those to an address, or all of them for "", the newest first.
func (i *Inbox) Letters(to string) []mail.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	var list []mail.Message
	for _, m := range i.letters {
		if to == "" || strings.EqualFold(m.To, to) {
			list = append(list, m)
		}
	}
	return list
}

// Letter finds one.
func (i *Inbox) Letter(id string) (mail.Message, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, m := range i.letters {
		if m.ID == id {
			return m, true
		}
	}
	return mail.Message{}, false
}

// Addressees are those who got letters, in alphabetical order.
func (i *Inbox) Addressees() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var list []string
	for _, m := range i.letters {
		list = append(list, m.To)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
