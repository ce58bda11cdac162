package doorstep_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/db"
	"doorstep/internal/seal"
	"doorstep/internal/server"
	"doorstep/internal/totp"
	"doorstep/internal/words"
)

// setClock is a clock that goes as the computer's does, and is set wrong.
type setClock struct{ wrong atomic.Int64 }

func (c *setClock) Now() time.Time { return time.Now().Add(time.Duration(c.wrong.Load())) }

// replica is one process of `serve`, with a port and a clock of its own.
type replica struct {
	t     *testing.T
	name  string
	core  *core.Core
	clock *setClock
	url   string
	http  *http.Client
}

const appsDomain = "example.com"

// newReplica starts one, by the computer's own clock unless the test sets it wrong.
func newReplica(t *testing.T, name, postgres string, keys *seal.Keys, setWrong bool, more ...func(*core.Options)) *replica {
	t.Helper()
	r := &replica{t: t, name: name, clock: &setClock{}}
	var clock func() time.Time
	if setWrong {
		clock = r.clock.Now
	}
	var log lockedLog
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	o := core.Options{Database: postgres, Keys: keys, Clock: clock, Log: logger, Exclusive: true}
	for _, change := range more {
		change(&o)
	}
	var err error
	if r.core, err = core.Open(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewUnstartedServer(nil)
	r.url = "http://" + listening.Listener.Addr().String()
	base, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	if listening.Config.Handler, _, err = server.Handler(r.core, catalog, base, logger, server.Front{AppsDomain: appsDomain}); err != nil {
		t.Fatal(err)
	}
	listening.Start()
	r.http = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		r.http.CloseIdleConnections()
		listening.Close()
		if err := r.core.Close(); err != nil {
			t.Errorf("close replica %s: %v", name, err)
		}
		if t.Failed() {
			t.Logf("the log of replica %s:\n%s", name, log.end())
		}
	})
	return r
}

// lockedLog keeps the end of a log.
type lockedLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-4000):]
	return len(p), nil
}

func (l *lockedLog) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// reply is what a replica answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request. A nil body is none.
func (r *replica) send(method, path string, header http.Header, body any) (reply, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		content = bytes.NewReader(text)
		header = header.Clone()
		header.Set("Content-Type", "application/json")
	}
	request, err := http.NewRequest(method, r.url+path, content)
	if err != nil {
		return reply{}, err
	}
	request.Header = header
	answer, err := r.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, text}, err
}

func bearing(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// opened is a session that a test put into the database: signing in would cost
// more than all the rest.
type opened struct {
	id, token, apps string
	seen            [2]atomic.Int64 // how often each replica accepted it
}

// team is the people of the test, who are put back into their old state past core,
// as often as the loops need it.
type team struct {
	t      *testing.T
	keys   *seal.Keys
	beside *db.DB
	id     string
}

func (w *team) exec(query string, args ...any) {
	w.t.Helper()
	err := w.beside.Write(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		w.t.Errorf("%s: %v", query, err)
	}
}

// opens opens a session whose password and code were proved a moment ago, by the
// clock of the replica that it is for.
func (w *team) opens(userID string, now time.Time) *opened {
	w.t.Helper()
	id := fmt.Sprintf("s-%s", seal.NewToken()[:20])
	s := &opened{id: id, token: seal.NewToken()}
	w.exec(`INSERT INTO sessions (id, team_id, user_id, token_hash, second_step, password_at, second_step_at, address, device, created_at, last_seen_at, idle_ms, expires_at)
		VALUES ($1, $2, $3, $4, 'authenticator', $5, $5, '', '', $5, $5, $6, $7)`,
		id, w.id, userID, w.keys.TokenHash("session", s.token), now.UnixMilli(), (24 * time.Hour).Milliseconds(), now.Add(30*24*time.Hour).UnixMilli())
	return s
}

// person is somebody of the team.
type person struct {
	id    string
	code  string                      // a recovery code, of those who have some
	stuff map[string][]map[string]any // rows that ending 2-step takes away
}

// joins adds somebody whose 2-step is active, by the book only where it has to be.
func (w *team) joins(c *core.Core, role core.Role, name string, withCodes bool) *person {
	w.t.Helper()
	ctx, p := context.Background(), &person{stuff: map[string][]map[string]any{}}
	n := core.NewUser{Email: strings.ToLower(strings.ReplaceAll(name, " ", "-")) + "@example.com", Name: name, Role: role, Team: "Northwind"}
	if withCodes {
		n.Password = replicasPassword
	}
	added, err := c.AddUser(ctx, core.Console("test"), n)
	if err != nil {
		w.t.Fatal(err)
	}
	if p.id = added.ID; w.id == "" {
		w.id = added.Team.ID // written once: others read it meanwhile
	}
	if withCodes {
		from := core.Origin{Via: core.ViaAPI}
		in, err := c.BeginSignIn(ctx, core.Nobody(from), n.Email, replicasPassword, "")
		if err != nil {
			w.t.Fatal(err)
		}
		a, err := c.BeginActivation(ctx, in.Session.By(from))
		if err != nil {
			w.t.Fatal(err)
		}
		key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		if a, err = c.ConfirmActivation(ctx, in.Session.By(from), a.ID, totp.Code(key, totp.StepAt(c.Now()))); err != nil {
			w.t.Fatal(err)
		}
		p.code = a.Codes[0]
		if _, err := c.FinishActivation(ctx, in.Session.By(from), a.ID, true); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, table := range takenAway {
		p.stuff[table] = w.rows(`SELECT * FROM `+table+` WHERE user_id = $1`, p.id)
	}
	w.puts(p, role)
	return p
}

// takenAway are the tables that the end of somebody's 2-step clears, in the order
// in which they are filled again.
var takenAway = []string{"authenticators", "recovery_code_sets", "recovery_codes"}

const replicasPassword = "violet-harbor-anvil-7"

func (w *team) rows(query string, args ...any) (all []map[string]any) {
	w.t.Helper()
	rows, err := w.beside.Read().Query(context.Background(), query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range into {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		row := map[string]any{}
		for i, column := range columns {
			row[column] = values[i]
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// puts somebody back: active, with what they had.
func (w *team) puts(p *person, role core.Role) {
	w.t.Helper()
	w.exec(`UPDATE users SET status = 'active', role = $1, two_step = 'active', due_by = 0, due_reason = '', contained_until = 0 WHERE id = $2`, string(role), p.id)
	w.exec(`DELETE FROM restarts WHERE team_id = $1`, w.id)
	for _, table := range slices.Backward(takenAway) {
		w.exec(`DELETE FROM `+table+` WHERE user_id = $1`, p.id)
	}
	for _, table := range takenAway {
		for _, row := range p.stuff[table] {
			var columns, marks []string
			var values []any
			for column, value := range row {
				columns, values = append(columns, column), append(values, value)
				marks = append(marks, fmt.Sprintf("$%d", len(values)))
			}
			w.exec(`INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, values...)
		}
	}
}
