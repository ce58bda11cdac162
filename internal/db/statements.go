package db

import (
	"context"
	"database/sql"
	"strings"
	"sync"
)

// statementsKept bounds the prepared texts of a handle. Doorstep has a fixed set of a few hundred; a text that somebody
// builds from data (which would be a fault) must not fill the memory.
const statementsKept = 512

// statements are prepared texts, by text. On SQLite a read that is parsed anew each time is 28 to 43 % slower.
// database/sql prepares each of them again on each connection that comes to use it.
type statements struct {
	handle *sql.DB

	mu     sync.RWMutex
	byText map[string]*sql.Stmt
}

func newStatements(handle *sql.DB) *statements {
	return &statements{handle: handle, byText: make(map[string]*sql.Stmt)}
}

// known returns the prepared statement, or nil. A nil *statements knows none.
func (s *statements) known(text string) *sql.Stmt {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byText[text]
}

// learn prepares a text and keeps it; it returns nil when there are too many already. It waits for a connection of the
// handle, so nobody may call it who holds the writer.
func (s *statements) learn(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	full := s.byText == nil || len(s.byText) >= statementsKept
	s.mu.RUnlock()
	if full {
		return nil, nil
	}
	stmt, err := s.handle.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.byText[text]; other != nil { // somebody was faster
		stmt.Close()
		return other, nil
	}
	if s.byText == nil { // closed meanwhile
		stmt.Close()
		return nil, nil
	}
	s.byText[text] = stmt
	return stmt, nil
}

func (s *statements) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.byText {
		stmt.Close()
	}
	s.byText = nil
}

// changesRows says whether a text is worth keeping: one that reads or changes rows, not one that changes the schema.
func changesRows(text string) bool {
	text = strings.TrimSpace(text)
	for _, word := range [...]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} {
		if len(text) > len(word) && strings.EqualFold(text[:len(word)], word) {
			return true
		}
	}
	return false
}
