package core

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A person is found by the beginning of any word of their name and of any part of
// their address. What is kept is not the word alone but what follows it too ("jose
// garcia maria" of Maria José García), so that the people whom one word finds come in
// the order of their names, not of their ids.

// wordLimit bounds an entry in bytes: PostgreSQL refuses index rows of over 2,704.
const wordLimit = 256

// searchWord is one entry: the text, and how many bytes at its front the entry
// before it of the same person has too.
type searchWord struct {
	text   []byte
	shared int
}

// searchWords makes a person's entries, in order. An entry that begins another is
// left out: whatever finds it finds the longer one.
func searchWords(name, email string) []searchWord {
	name, email = foldName(name), foldName(email)
	var texts [][]byte
	keep := func(text string) { texts = append(texts, []byte(text[:min(len(text), wordLimit)])) }
	for _, i := range wordStarts(name) {
		keep(strings.TrimSpace(name[i:] + " " + name[:i]))
	}
	domain := strings.LastIndexByte(email, '@') + 1
	for _, i := range wordStarts(email[:domain]) {
		keep(email[i:])
	}
	keep(email[domain:] + " " + name) // one word: by its parts everybody would be found by "com"
	slices.SortFunc(texts, bytes.Compare)
	var words []searchWord
	var before []byte
	for i, text := range texts {
		if i+1 < len(texts) && bytes.HasPrefix(texts[i+1], text) {
			continue
		}
		words = append(words, searchWord{text, sharedBytes(before, text)})
		before = text
	}
	return words
}

// wordStarts are the places in a folded text at which a word begins.
func wordStarts(text string) (starts []int) {
	before := ' '
	for i, r := range text {
		if beginsWord(before, r) {
			starts = append(starts, i)
		}
		before = r
	}
	return starts
}

// beginsWord: after a space anything does, after another sign a letter or a digit
// (Rossi-Bianchi, O'Brien, ana.silva), and in scripts without spaces each letter.
func beginsWord(before, r rune) bool {
	switch {
	case r == ' ':
		return false
	case before == ' ', unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
		return true
	}
	return isOfWord(r) && !isOfWord(before)
}

func isOfWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

func sharedBytes(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// typedWords are the words of a query, the longest first; each has to begin one of
// a person's. A word that begins another asks for nothing more than that one.
func typedWords(query string) []string {
	var typed []string
	for _, word := range strings.Fields(foldName(cut(query, emailLimit))) {
		if len(word) > 1 {
			word = strings.TrimPrefix(word, "@") // of a domain
		}
		typed = append(typed, word[:min(len(word), wordLimit)])
	}
	slices.SortFunc(typed, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var words []string
	for _, word := range typed {
		if !slices.ContainsFunc(words, func(longer string) bool { return strings.HasPrefix(longer, word) }) {
			words = append(words, word)
		}
	}
	return words
}

// foundBy says whether each typed word begins one of a person's.
func (u *userRow) foundBy(typed []string) bool {
	if len(typed) == 0 {
		return true
	}
	words := searchWords(u.name, u.email)
	for _, word := range typed {
		if !slices.ContainsFunc(words, func(w searchWord) bool { return bytes.HasPrefix(w.text, []byte(word)) }) {
			return false
		}
	}
	return true
}

// writeWords stores the entries of a new person.
func (t *tx) writeWords(u *userRow) error { return t.insertWords([]*userRow{u}) }

const deleteWords = `DELETE FROM user_words WHERE ` + ofTheTeam + ` AND user_id = $2`

// rewriteWords replaces the entries of a person with another name.
func (t *tx) rewriteWords(u *userRow) error {
	if _, err := t.exec(deleteWords, u.teamID, u.id); err != nil {
		return err
	}
	return t.writeWords(u)
}

// wordsAtOnce bounds the rows of one INSERT: SQLite looks a parameter up by its name
// among all others, so ten times as many cost a hundred times as much.
const wordsAtOnce = 32

func (t *tx) insertWords(people []*userRow) error {
	var marks []string
	var args []any
	flush := func() error {
		if len(marks) == 0 {
			return nil
		}
		_, err := t.exec(`INSERT INTO user_words (team_id, user_id, word, shared) VALUES `+strings.Join(marks, ", ")+` ON CONFLICT (user_id, word) DO NOTHING`, args...)
		marks, args = nil, nil
		return err
	}
	for _, u := range people {
		for _, w := range searchWords(u.name, u.email) {
			n := len(args)
			marks = append(marks, "($"+strconv.Itoa(n+1)+", $"+strconv.Itoa(n+2)+", $"+strconv.Itoa(n+3)+", $"+strconv.Itoa(n+4)+")")
			args = append(args, u.teamID, u.id, w.text, w.shared)
			if len(marks) == wordsAtOnce {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// fillAtOnce is for how many people one transaction makes the words: a console
// command beside a first start waits for one such transaction, not for all.
const fillAtOnce = 500

// fillWords makes the words of people who are older than the table of words. It
// goes on where an earlier start was interrupted; of several replicas that start
// together each takes turns.
func (c *Core) fillWords(ctx context.Context) error {
	var fills int
	if err := c.read(ctx).row(`SELECT COUNT(*) FROM word_fills`).Scan(&fills); err != nil {
		return fmt.Errorf("look for people without search words: %w", err)
	}
	for more := fills > 0; more; {
		err := c.keepCount(ctx, func(t *tx) (err error) {
			more, err = t.fillSomeWords()
			return err
		})
		if err != nil {
			return fmt.Errorf("make the search words of people: %w", err)
		}
	}
	return nil
}

// fillSomeWords takes the row that says how far the making has come, so that
// replicas do not make the same words, and goes on from there, through all teams.
func (t *tx) fillSomeWords() (more bool, err error) {
	var after string
	err = t.each(`UPDATE word_fills SET after_id = after_id WHERE id = 1 RETURNING after_id`, nil, func(scan func(...any) error) error {
		more = true
		return scan(&after)
	})
	if err != nil || !more {
		return false, err
	}
	var people []*userRow
	err = t.each(`SELECT id, team_id, name, email FROM users WHERE id > $1 ORDER BY id LIMIT $2`, []any{after, fillAtOnce}, func(scan func(...any) error) error {
		u := new(userRow)
		people = append(people, u)
		return scan(&u.id, &u.teamID, &u.name, &u.email)
	})
	if err != nil {
		return false, err
	}
	if err := t.insertWords(people); err != nil {
		return false, err
	}
	if len(people) < fillAtOnce {
		_, err = t.exec(`DELETE FROM word_fills WHERE id = 1`)
		return false, err
	}
	_, err = t.exec(`UPDATE word_fills SET after_id = $1 WHERE id = 1`, people[len(people)-1].id)
	return true, err
}
