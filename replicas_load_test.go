package doorstep_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/seal"
)

// TestReplicas ends sessions on two replicas of one PostgreSQL, in every way that
// there is, 320 times, while clients ask both of them about the same sessions
// without pause; and again while the clock of one of them jumps by an hour in both
// directions. No request that is sent after the answer may be accepted by any.
//
// T-SESS-1, T-FA-10, R5, P5
func TestReplicas(t *testing.T) {
	t.Parallel()
	for _, jumps := range []bool{false, true} {
		name := "clocks that agree"
		if jumps {
			name = "a clock that jumps by an hour"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newTrial(t, jumps)
			if jumps {
				l.alongside(func(n int) {
					l.replicas[1].clock.wrong.Store(int64([]time.Duration{time.Hour, 0, -time.Hour, 0}[n%4]))
					time.Sleep(300 * time.Millisecond)
				})
			}
			l.run(t)
		})
	}
}

// trial is two replicas, clients who ask them, and people whose sessions end.
type trial struct {
	t        *testing.T
	replicas [2]*replica
	team     *team
	owners   [2]*person
	history  *history

	mu     sync.Mutex
	active []*opened

	stop    chan struct{}
	beside  sync.WaitGroup
	unknown atomic.Int64 // answers that say neither
	ends    atomic.Int64
	asked   atomic.Int64
}

func newTrial(t *testing.T, jumps bool) *trial {
	t.Helper()
	postgres, keys := dbtest.Postgres(t), seal.NewKeysForTest()
	l := &trial{t: t, history: newHistory(), stop: make(chan struct{})}
	l.replicas = [2]*replica{newReplica(t, "one", postgres, keys, false), newReplica(t, "two", postgres, keys, jumps)}
	beside, err := db.Open(t.Context(), db.Options{Postgres: postgres})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { beside.Close() })
	l.team = &team{t: t, keys: keys, beside: beside}
	for n := range l.owners {
		l.owners[n] = l.team.joins(l.replicas[0].core, core.RoleOwner, fmt.Sprintf("Owner %d", n), false)
	}
	return l
}

// alongside does something again and again until the trial is over.
func (l *trial) alongside(do func(n int)) {
	l.beside.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-l.stop:
				return
			default:
				do(n)
			}
		}
	})
}

// ways are how sessions end: each opens some, hands those on that are to end, and
// ends them by a request to one replica.
var ways = []struct {
	name   string
	people int // how many loops do it at once
	codes  bool
	end    func(l *trial, r *replica, p *person, handsOn func(...*opened)) (status int, err error)
}{
	{"restart", 4, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		handsOn(l.opens(r, p), l.opens(r, p))
		return l.byOwner(r, http.MethodPost, "/team/users/"+p.id+"/restart-two-step", map[string]string{"reason": "lost phone", "verified_by": "in_person"})
	}},
	{"sign out", 4, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		s := l.opens(r, p)
		handsOn(s)
		return l.call(r, http.MethodDelete, "/session", s.token, nil)
	}},
	{"deactivate", 2, true, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		s := l.opens(r, p)
		handsOn(s, l.opens(r, p))
		return l.call(r, http.MethodPost, "/two-step/deactivate", s.token, map[string]string{"code": p.code, "password": replicasPassword})
	}},
	{"end the others", 1, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		handsOn(l.opens(r, p), l.opens(r, p))
		return l.call(r, http.MethodDelete, "/sessions", l.opens(r, p).token, nil)
	}},
	{"end one other", 1, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		s := l.opens(r, p)
		handsOn(s)
		return l.call(r, http.MethodDelete, "/sessions/"+s.id, l.opens(r, p).token, nil)
	}},
	{"an owner ends them", 1, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		handsOn(l.opens(r, p))
		return l.byOwner(r, http.MethodDelete, "/team/users/"+p.id+"/sessions", nil)
	}},
	{"suspend", 1, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		handsOn(l.opens(r, p))
		return l.byOwner(r, http.MethodPatch, "/team/users/"+p.id, map[string]string{"status": "suspended"})
	}},
	{"change the role", 1, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		handsOn(l.opens(r, p), l.opens(r, p))
		return l.byOwner(r, http.MethodPatch, "/team/users/"+p.id, map[string]string{"role": "admin"})
	}},
	{"sign out on both at once", 1, false, func(l *trial, r *replica, p *person, handsOn func(...*opened)) (int, error) {
		s := l.opens(r, p)
		handsOn(s)
		other := l.replicas[0]
		if r == other {
			other = l.replicas[1]
		}
		both := make(chan error, 1)
		go func() {
			sent := l.history.now()
			status, err := l.call(other, http.MethodDelete, "/session", s.token, nil)
			if err == nil && status == http.StatusNoContent { // or it had ended already: 401
				l.history.ended(sent, l.history.now(), "sign out, the other one", s.id)
			}
			both <- err
		}()
		status, err := l.call(r, http.MethodDelete, "/session", s.token, nil)
		if other := <-both; err == nil {
			err = other
		}
		if status == http.StatusUnauthorized {
			status = http.StatusNoContent // the other one was first
		}
		return status, err
	}},
}

func (l *trial) run(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for _, r := range l.replicas {
		for n := range 6 {
			l.alongside(func(i int) { l.asks(r, n, i) })
		}
	}
	var loops sync.WaitGroup
	for _, way := range ways {
		for n := range way.people {
			p := l.team.joins(l.replicas[0].core, core.RoleMember, fmt.Sprintf("%s %d", way.name, n), way.codes)
			loops.Go(func() {
				for round := range rounds {
					if t.Failed() {
						return
					}
					l.ending(way.name, l.replicas[(n+round)%2], p, way.end)
				}
			})
		}
	}
	loops.Wait()
	close(l.stop)
	l.beside.Wait()
	l.history.judge(t)
	t.Logf("%d sessions ended in %d acts; %d checks, %d of them answered neither", l.sessions(), l.ends.Load(), l.asked.Load(), l.unknown.Load())
	if l.unknown.Load() > l.asked.Load()/100 {
		t.Error("too many requests were answered with neither")
	}
	if want := int64(16 * rounds); l.ends.Load() != want && !t.Failed() {
		t.Errorf("%d acts, not %d", l.ends.Load(), want)
	}
}

func (l *trial) sessions() int {
	known := map[string]bool{}
	for _, e := range l.history.all {
		known[e.session] = true
	}
	return len(known)
}

func (l *trial) opens(r *replica, p *person) *opened {
	s := l.team.opens(p.id, r.clock.Now())
	s.apps = r.core.AppsToken(&core.Session{ID: s.id, Token: s.token})
	return s
}

// call calls the API of a replica.
func (l *trial) call(r *replica, method, path, token string, body any) (status int, err error) {
	answer, err := r.send(method, "/api/v1"+path, bearing(token), body)
	if answer.status >= 300 && answer.status != http.StatusUnauthorized {
		err = fmt.Errorf("%s %s: %d %s", method, path, answer.status, answer.body)
	}
	return answer.status, err
}

// byOwner calls it for an owner, with a session that nobody else uses.
func (l *trial) byOwner(r *replica, method, path string, body any) (status int, err error) {
	owner := l.owners[0]
	if r == l.replicas[1] {
		owner = l.owners[1]
	}
	return l.call(r, method, path, l.opens(r, owner).token, body)
}

// ending lets some sessions be in use on both replicas, ends them, and lets them be
// asked for a while longer.
func (l *trial) ending(way string, r *replica, p *person, end func(*trial, *replica, *person, func(...*opened)) (int, error)) {
	for range 20 { // a jump of the clock takes a step-up away: another try, with nothing done
		l.team.puts(p, core.RoleMember)
		var gone []*opened
		var sent time.Duration
		status, err := end(l, r, p, func(sessions ...*opened) {
			gone = sessions
			l.enter(gone)
			sent = l.history.now()
		})
		answered := l.history.now()
		if err == nil && status < 300 {
			var ids []string
			for _, s := range gone {
				ids = append(ids, s.id)
			}
			l.history.ended(sent, answered, way, ids...)
			l.ends.Add(1)
			for n, s := range gone { // at once, before anybody else
				l.check(l.replicas[n%2], s, n)
				l.check(l.replicas[(n+1)%2], s, n+1)
			}
			time.Sleep(150 * time.Millisecond)
			l.leave(gone)
			return
		}
		l.leave(gone)
		if status != http.StatusForbidden {
			l.t.Errorf("%s: %d %v", way, status, err)
			return
		}
	}
	l.t.Errorf("%s: never done", way)
}

// enter puts sessions before the clients and waits until each replica knows them.
func (l *trial) enter(sessions []*opened) {
	l.mu.Lock()
	l.active = append(slices.Clone(l.active), sessions...)
	l.mu.Unlock()
	begun := time.Now()
	for _, s := range sessions {
		for n := range s.seen {
			for s.seen[n].Load() < 3 {
				if time.Since(begun) > 20*time.Second {
					l.t.Errorf("replica %s does not accept a session that nobody ended", l.replicas[n].name)
					return
				}
				time.Sleep(time.Millisecond)
			}
		}
	}
}

func (l *trial) leave(sessions []*opened) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active = slices.DeleteFunc(slices.Clone(l.active), func(s *opened) bool { return slices.Contains(sessions, s) })
}

// asks is one request of a client, about the sessions in turn.
func (l *trial) asks(r *replica, client, n int) {
	l.mu.Lock()
	active := l.active
	l.mu.Unlock()
	time.Sleep(300 * time.Microsecond)
	if len(active) > 0 {
		l.check(r, active[(n+client*7)%len(active)], client+n)
	}
}

// check asks a replica whether a session is good: as a program, or as a reverse
// proxy does for a browser, with one cookie or the other.
func (l *trial) check(r *replica, s *opened, how int) {
	path, header := "/api/v1/session", bearing(s.token)
	switch how % 4 {
	case 1:
		path, header = "/forward-auth", http.Header{"Cookie": {"doorstep=" + s.token}}
	case 2:
		path, header = "/forward-auth", http.Header{"Cookie": {"doorstep-apps=" + s.apps}}
	}
	e := entry{session: s.id, did: checked, by: "replica " + r.name + ", " + path, sent: l.history.now()}
	answer, err := r.send(http.MethodGet, path, header, nil)
	e.answered = l.history.now()
	l.asked.Add(1)
	switch {
	case err != nil:
		l.t.Errorf("%s: %v", path, err)
		return
	case answer.status == http.StatusOK:
		e.accepted = true
		if r == l.replicas[0] {
			s.seen[0].Add(1)
		} else {
			s.seen[1].Add(1)
		}
	case answer.status == http.StatusServiceUnavailable:
		l.unknown.Add(1)
		return
	case answer.status != http.StatusUnauthorized:
		l.t.Errorf("%s: %d %s", path, answer.status, answer.body)
		return
	}
	l.history.add(e)
}
