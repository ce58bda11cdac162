package core

import (
	"context"
	"crypto/sha256"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// The answer to "who is this request?" may come from memory, for at most one
// lease after the moment at which the reading of its row began. A verb that ends
// sessions commits, tells this process's memory, and, where another process may
// share the database, waits one lease before it answers: when anyone has been
// told that sessions ended, no process can still hold an answer from before (R5).
//
// An answer is renewed without reading its row by a look at the whole database:
// "nothing that concerns this answer was changed, as of the moment at which the
// look began" is as good as reading the row at that moment. One look serves every
// answer, so a thousand busy sessions cost no more reading than one.
const (
	leaseDefault = 500 * time.Millisecond
	// looksPerLease: a look may be late twice before an answer has to be read anew.
	looksPerLease = 4
	// readPatience bounds a read that others wait for as well.
	readPatience = 5 * time.Second

	cacheSets = 4096
	cacheWays = 8 // 32,768 answers, about 1 kB each

	// epochs are counters of what was forgotten, each for about one in so many
	// users. Two users that share one cost each other a read, nothing else.
	epochCount = 1 << 16
)

// answerKey is the hash of the whole token; the memory holds no token that a dump
// of it would give away.
type answerKey [sha256.Size]byte

// answer is one session as it was read. It never changes; it is only replaced.
type answer struct {
	key         answerKey
	session     *Session
	counter     *atomic.Uint32 // of its user
	epoch       uint32         // what that stood at, at the reading
	generation  uint32         // of everything, at the reading
	readAt      int64          // nanoseconds of the process, when the reading began
	drift       int64          // the clock's distance from the process's own time then, in milliseconds
	from, until int64          // in which time of the clock the session looks like this, in milliseconds
	used        atomic.Int64
}

// sessionCache is a fixed number of places: a token has eight, of which the
// longest unused one is given up. So memory is bounded whoever asks, and only
// tokens that are really sessions ever take a place.
type sessionCache struct {
	lease  time.Duration
	remote bool      // the database is another process, which may fall silent
	began  time.Time // for the process's own time, which no clock setting moves
	seed   maphash.Seed

	places     [][cacheWays]atomic.Pointer[answer]
	epochs     []atomic.Uint32
	generation atomic.Uint32
	forgotten  atomic.Uint64 // counts every forgetting, for reads that are under way

	confirmedAt    atomic.Int64 // when the last look began that found nothing unknown
	confirmedDrift atomic.Int64

	mu      sync.Mutex
	reading map[answerKey]*reading

	asked atomic.Bool   // since the last look
	wake  chan struct{} // for a looker that sleeps
}

// reading is a row being read, for everybody who asks for it meanwhile.
type reading struct {
	begunAt   int64
	forgotten uint64
	done      chan struct{}
	session   *Session
	err       error
	left      bool // whoever read hung up, or panicked
}

func newSessionCache(lease time.Duration) *sessionCache {
	return &sessionCache{
		lease: lease, began: time.Now(), seed: maphash.MakeSeed(),
		places: make([][cacheWays]atomic.Pointer[answer], cacheSets), epochs: make([]atomic.Uint32, epochCount),
		reading: map[answerKey]*reading{}, wake: make(chan struct{}, 1),
	}
}

// own is the process's own time, in nanoseconds since the cache was made.
func (m *sessionCache) own() int64 { return int64(time.Since(m.began)) }

func (m *sessionCache) epochOf(userID string) *atomic.Uint32 {
	return &m.epochs[maphash.String(m.seed, userID)%epochCount]
}

func (m *sessionCache) set(key answerKey) *[cacheWays]atomic.Pointer[answer] {
	return &m.places[(uint(key[0])|uint(key[1])<<8)%cacheSets]
}

// get answers from memory, or nil, at one moment by the process's own time and by
// the clock. It allocates nothing and takes no lock.
func (m *sessionCache) get(key answerKey, own, now int64) *Session {
	set := m.set(key)
	for i := range set {
		a := set[i].Load()
		if a == nil || a.key != key {
			continue
		}
		if !m.holds(a, own, now) {
			return nil
		}
		if own-a.used.Load() > int64(m.lease)/8 { // written seldom: many processors share it
			a.used.Store(own)
		}
		return a.session
	}
	return nil
}

// holds says whether an answer may still be given. Whatever is odd about the time
// (a clock that was set, a machine that slept) means no.
func (m *sessionCache) holds(a *answer, own, now int64) bool {
	at, drift := a.readAt, a.drift
	if confirmed := m.confirmedAt.Load(); confirmed > at {
		at, drift = confirmed, m.confirmedDrift.Load()
	}
	moved := now - own/int64(time.Millisecond) - drift
	limit := m.lease.Milliseconds() / 2
	return own-at < int64(m.lease) && -limit <= moved && moved <= limit &&
		a.from <= now && now < a.until &&
		m.generation.Load() == a.generation && a.counter.Load() == a.epoch
}

// put keeps an answer that was read while nothing was forgotten.
func (m *sessionCache) put(a *answer, forgotten uint64) {
	a.counter = m.epochOf(a.session.User.ID)
	a.generation, a.epoch = m.generation.Load(), a.counter.Load()
	// After the two above and not before: whoever forgets counts here first, so a
	// forgetting that this line does not see changes one of the two later.
	if m.forgotten.Load() != forgotten {
		return
	}
	a.used.Store(a.readAt)
	set := m.set(a.key)
	victim := 0
	for i := range set {
		other := set[i].Load()
		if other == nil || other.key == a.key {
			victim = i
			break
		}
		if other.used.Load() < set[victim].Load().used.Load() {
			victim = i
		}
	}
	set[victim].Store(a)
}

// forget makes every answer about a user's sessions worthless.
func (m *sessionCache) forget(userID string) {
	m.forgotten.Add(1)
	m.epochOf(userID).Add(1)
}

// forgetAll does so for everybody.
func (m *sessionCache) forgetAll() {
	m.forgotten.Add(1)
	m.generation.Add(1)
}

// outlast waits until no process can remember anything from before now. A tenth
// more than a lease, because no two machines' seconds are of one length.
func (m *sessionCache) outlast() { time.Sleep(m.lease + m.lease/10) }

// readOnce reads an answer, once for all who ask for this token at the same time.
func (m *sessionCache) readOnce(ctx context.Context, key answerKey, now func() int64, read func(context.Context) (*answer, error)) (*Session, error) {
	for {
		r, mine := m.join(key)
		if mine {
			m.lead(ctx, key, r, now, read)
			return r.session, r.err
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// That somebody hung up is no answer for others. That the storage is away is:
		// it must not be asked by each of them in turn.
		if !r.left || ctx.Err() != nil {
			return r.session, r.err
		}
	}
}

// join finds the reading of this token that may still be shared: begun less than
// a lease ago, like any answer, and nothing forgotten since. Else it begins one.
func (m *sessionCache) join(key answerKey) (r *reading, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	own, forgotten := m.own(), m.forgotten.Load()
	if r := m.reading[key]; r != nil && r.forgotten == forgotten && own-r.begunAt < int64(m.lease) {
		return r, false
	}
	r = &reading{begunAt: own, forgotten: forgotten, done: make(chan struct{})}
	m.reading[key] = r
	return r, true
}

func (m *sessionCache) lead(ctx context.Context, key answerKey, r *reading, now func() int64, read func(context.Context) (*answer, error)) {
	defer func() {
		if r.session == nil && r.err == nil { // it panicked
			r.err, r.left = context.Canceled, true
		}
		m.mu.Lock()
		if m.reading[key] == r {
			delete(m.reading, key)
		}
		m.mu.Unlock()
		close(r.done)
	}()
	if err := ctx.Err(); err != nil {
		r.err, r.left = err, true
		return
	}
	// It may have been read between the asking of the memory and of others. Who waits
	// asks the memory anew, at their own time.
	if r.session = m.get(key, m.own(), now()); r.session != nil {
		r.left = true
		return
	}
	// A file's read waits for nobody, and a watcher of its context costs a good part
	// of what it does.
	patient := context.WithoutCancel(ctx)
	if m.remote {
		var cancel context.CancelFunc
		patient, cancel = context.WithTimeout(ctx, readPatience)
		defer cancel()
	}
	drift := now() - r.begunAt/int64(time.Millisecond)
	a, err := read(patient)
	if err != nil {
		r.err, r.left = err, ctx.Err() != nil
		return
	}
	a.key, a.readAt, a.drift = key, r.begunAt, drift
	r.session = a.session
	m.put(a, r.forgotten)
}

// confirm renews every answer as of a look that began at own. It comes after what
// the look found was forgotten.
func (m *sessionCache) confirm(own, now int64) {
	m.confirmedDrift.Store(now - own/int64(time.Millisecond))
	m.confirmedAt.Store(own)
}

// noteAsked keeps the looker awake, which sleeps while nobody asks.
func (m *sessionCache) noteAsked() {
	if m.asked.Load() {
		return
	}
	m.asked.Store(true)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
