package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"doorstep/internal/seal"
	"doorstep/internal/totp"
)

// seeded is a large installation: one team, active users who all have the same
// password, and sessions spread over them.
type seeded struct {
	team   Team
	users  []userRow
	keys   [][]byte // the users' authenticators, as their apps know them
	tokens []string // of the sessions
}

const seedPassword = "paper-and-spruce-and-paper"

// seedUsers makes users with an app each; the same hash for all of them, since what
// is measured compares it and does not make it.
func seedUsers(ctx context.Context, c *Core, n int) (*seeded, error) {
	s := &seeded{}
	hash, err := c.hashPassword(ctx, seedPassword)
	if err != nil {
		return nil, err
	}
	err = c.keepCount(ctx, func(t *tx) error {
		s.team, err = t.createTeam("Seeded " + newID())
		return err
	})
	if err != nil {
		return nil, err
	}
	now := c.Now()
	for len(s.users) < n {
		var rows inserter
		var apps inserter
		for len(s.users) < n && rows.n < 500 {
			i := len(s.users)
			u := userRow{
				id: newID(), teamID: s.team.ID, teamName: s.team.Name, role: RoleMember, status: StatusActive, twoStep: TwoStepActive, passwordHash: hash,
				name: fmt.Sprintf("Person %07d", i), email: fmt.Sprintf("person%07d@seed.example.com", i), createdAt: ms(now),
			}
			if i == 0 {
				u.role = RoleOwner
			}
			key, app := totp.NewSecret(), newID()
			sealed, err := c.keys.Seal(placeOfKey(&u, app), key)
			if err != nil {
				return nil, err
			}
			s.users, s.keys = append(s.users, u), append(s.keys, key)
			rows.add(u.id, u.teamID, u.email, foldEmail(u.email), u.name, foldName(u.name), string(u.role), "active", u.passwordHash, "active", u.createdAt)
			apps.add(app, u.teamID, u.id, "app", "", sealed, int64(0), u.createdAt)
		}
		if err := c.keepCount(ctx, func(t *tx) error {
			if err := rows.into(t, `users (id, team_id, email, email_key, name, name_key, role, status, password_hash, two_step, created_at)`); err != nil {
				return err
			}
			return apps.into(t, `authenticators (id, team_id, user_id, kind, name, sealed_key, last_step, created_at)`)
		}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// seedSessions adds live sessions, those of one user beside each other.
func (s *seeded) seedSessions(ctx context.Context, c *Core, n int) error {
	now := ms(c.Now())
	for len(s.tokens) < n {
		var rows inserter
		for len(s.tokens) < n && rows.n < 500 {
			u, token := &s.users[len(s.tokens)%len(s.users)], seal.NewToken()
			s.tokens = append(s.tokens, token)
			rows.add(newID(), u.teamID, u.id, c.keys.TokenHash(tokenOfSession, token), "authenticator", now, now, "192.0.2.7",
				"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", now, now, day.Milliseconds(), now+10*day.Milliseconds())
		}
		if err := c.keepCount(ctx, func(t *tx) error {
			return rows.into(t, `sessions (id, team_id, user_id, token_hash, second_step, password_at, second_step_at, address, device, created_at, last_seen_at, idle_ms, expires_at)`)
		}); err != nil {
			return err
		}
	}
	return nil
}

// inserter makes one statement of many rows.
type inserter struct {
	n    int
	text strings.Builder
	args []any
}

func (i *inserter) add(values ...any) {
	if i.n > 0 {
		i.text.WriteString(", ")
	}
	i.text.WriteByte('(')
	for k, v := range values {
		if k > 0 {
			i.text.WriteByte(',')
		}
		i.args = append(i.args, v)
		i.text.WriteString("$" + strconv.Itoa(len(i.args)))
	}
	i.text.WriteByte(')')
	i.n++
}

func (i *inserter) into(t *tx, table string) error {
	_, err := t.exec(`INSERT INTO `+table+` VALUES `+i.text.String(), i.args...)
	return err
}

// BenchmarkSeed makes a folder for `make bench`: data and keys of an installation
// with so many sessions, and their tokens in a file beside them.
func BenchmarkSeed(t *testing.B) {
	dir, sessions := os.Getenv("DOORSTEP_SEED"), os.Getenv("DOORSTEP_SEED_SESSIONS")
	if dir == "" {
		return
	}
	n, err := strconv.Atoi(sessions)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	c, err := Open(ctx, Options{DataDir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), Database: os.Getenv("DOORSTEP_SEED_DATABASE"), Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := seedUsers(ctx, c, max(n/10, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.seedSessions(ctx, c, n); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokens"), []byte(strings.Join(s.tokens, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
