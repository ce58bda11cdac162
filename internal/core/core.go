package core

import (
	"cmp"
	"context"
	"crypto/hmac"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"

	"doorstep/internal/db"
	"doorstep/internal/password"
	"doorstep/internal/seal"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Options say where core keeps things. The zero Clock is time.Now.
type Options struct {
	DataDir   string // the SQLite file's folder; used unless Database is set
	Database  string // postgres://…
	KeysDir   string // apart from the data: the pepper and the sealing keys
	Exclusive bool   // serve: refuse to start beside another serve on one SQLite file
	Mail      bool   // letters are sent, and not printed for want of a mail server
	Contact   string // whereto requests of people go who are not signed in; "" for nowhere
	Clock     func() time.Time
	Log       *slog.Logger

	// Lease is for how long a session may be answered from memory while another
	// process on the same database may have ended it, and so how long ending one
	// takes there; 0 is half a second. Every process must have the same.
	Lease time.Duration

	// BeforeStatement is for tests: an error fails that statement.
	BeforeStatement func(query string) error
	// Keys are for tests that must not touch a folder; nil opens KeysDir.
	Keys *seal.Keys
}

// Core is the product: `go doc ./internal/core` lists everything it can do.
type Core struct {
	db     *db.DB
	keys   *seal.Keys
	hasher *password.Hasher
	clock  func() time.Time
	log    *slog.Logger

	realClock bool // clock is time.Now
	mail      bool // letters are sent
	contact   string

	addresses *addressLimit

	sessions  *sessionCache
	teamNames *teamNames
	seen      *lastSeen
	looker    *looker
	// shared is whether another process may hold sessions of this database in its
	// memory: every replica on PostgreSQL, and a console command beside a `serve`.
	shared bool
}

// hashQueue is how many may wait for a hash behind those being computed: about
// 0.7 s of waiting a processor at 21 ms each. Beyond it people hear "busy"
// instead of the machine running out of memory (19 MiB a hash).
const hashQueue = 64

// Open opens the database and the keys and brings the schema up to date.
// Errors are sentences for whoever starts the program.
func Open(ctx context.Context, o Options) (*Core, error) {
	c := &Core{clock: o.Clock, log: o.Log, keys: o.Keys, mail: o.Mail, contact: o.Contact}
	if c.clock == nil {
		c.clock, c.realClock = time.Now, true
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	d, err := db.Open(ctx, db.Options{
		SQLite:          filepath.Join(o.DataDir, "doorstep.db"),
		Postgres:        o.Database,
		Exclusive:       o.Exclusive,
		BeforeStatement: o.BeforeStatement,
	})
	if err != nil {
		return nil, err
	}
	c.db = d
	if err := c.migrate(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := c.fillWords(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := c.openKeys(ctx, o.KeysDir); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	parallel := runtime.GOMAXPROCS(0)
	c.hasher = password.NewHasher(c.keys.Pepper, c.keys.PepperID(), parallel, hashQueue*parallel)
	c.addresses = newAddressLimit()
	c.sessions, c.seen = newSessionCache(cmp.Or(o.Lease, leaseDefault)), newLastSeen()
	c.teamNames = new(teamNames)
	c.sessions.remote = d.Engine() == "postgres"
	c.shared = d.Engine() == "postgres" || !o.Exclusive
	c.startLooking()
	c.startWritingLastSeen()
	return c, nil
}

// openKeys opens the keys, and makes them for a database that has none yet. For
// one that has, new keys would only be mistaken for its own, and backed up.
func (c *Core) openKeys(ctx context.Context, dir string) error {
	if c.keys == nil {
		_, err := c.storedKeyCheck(ctx)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("compare the keys with the database: %w", err)
		}
		if made, missing := seal.Made(dir); err == nil && missing == nil && !made {
			return fmt.Errorf("there are no keys in %s, and this database was made with some: put back the keys folder that belongs to it (--keys)", dir)
		}
		if c.keys, err = seal.OpenKeys(dir); err != nil {
			return err
		}
	}
	return c.checkKeys(ctx, dir)
}

// checkKeys refuses a database that was made with other keys. Without it a lost or
// forgotten keys folder is made anew in silence, and every password is wrong.
func (c *Core) checkKeys(ctx context.Context, dir string) error {
	ours := c.keys.MAC("installation", []byte("key check"))
	stored, err := c.storedKeyCheck(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = c.keepCount(ctx, func(t *tx) error {
			_, err := t.exec(`INSERT INTO installations (id, key_check) VALUES (1, $1) ON CONFLICT (id) DO NOTHING`, ours)
			return err
		})
		if err == nil {
			stored, err = c.storedKeyCheck(ctx) // somebody else may have been first
		}
	}
	if err != nil {
		return fmt.Errorf("compare the keys with the database: %w", err)
	}
	if !hmac.Equal(stored, ours) {
		return fmt.Errorf("the keys in %s are not those that this database was made with, so nobody could sign in: put back the keys folder that belongs to it (--keys)", dir)
	}
	return nil
}

func (c *Core) storedKeyCheck(ctx context.Context) (stored []byte, err error) {
	err = c.read(ctx).row(`SELECT key_check FROM installations WHERE id = 1`).Scan(&stored)
	return stored, err
}

// Close writes what is still to be written and closes the database. Calls under
// way fail.
func (c *Core) Close() error {
	c.looker.end()
	err := errors.Join(c.seen.end(c), c.db.Close())
	c.sessions.forgetAll() // whoever still asks is not answered from memory
	return err
}

// Ready says whether the storage answers a read now; nil is ready.
func (c *Core) Ready(ctx context.Context) error { return c.db.Ping(ctx) }

// Engine is "sqlite" or "postgres".
func (c *Core) Engine() string { return c.db.Engine() }

// MAC is a keyed hash for what edges hand to browsers (form tokens, notices).
// Each purpose has a key of its own, so one kind of value never passes for another.
func (c *Core) MAC(purpose, data string) []byte { return c.keys.MAC("edge/"+purpose, []byte(data)) }

// Now is core's clock, to the millisecond that rows keep.
func (c *Core) Now() time.Time { return c.clock().UTC().Truncate(time.Millisecond) }

// tx is one transaction: one now, and a note of whether it recorded anything.
type tx struct {
	*db.Tx
	c        *Core
	ctx      context.Context
	now      time.Time
	recorded int

	users  []string // whose rows were taken: what is remembered of their sessions may be wrong
	team   bool     // … or of everybody's
	access bool     // a session that was good before is not any more
}

var errNothingRecorded = errors.New("core: a change that records nothing")

// write runs fn in one transaction. What changes a team's data leaves an event
// (R14): a change that recorded none is rolled back as a mistake of ours.
func (c *Core) write(ctx context.Context, fn func(t *tx) error) error {
	return c.transact(ctx, func(t *tx) error {
		if err := fn(t); err != nil {
			return err
		}
		if t.recorded == 0 {
			return errNothingRecorded
		}
		return nil
	})
}

// nothingToRecord says on purpose that a write left everything as it was.
func (t *tx) nothingToRecord() { t.recorded++ }

// keepCount runs fn in one transaction that need not record an event: counters
// of tries, last-seen times, half-done steps and their removal, leases of letters.
func (c *Core) keepCount(ctx context.Context, fn func(t *tx) error) error {
	return c.transact(ctx, fn)
}

// keepUnsynced is keepCount for what a power cut, and nothing else, may take back:
// a charge whose outcome is synced a moment later, and last-seen times.
func (c *Core) keepUnsynced(ctx context.Context, fn func(t *tx) error) error {
	return c.transactBy(ctx, c.db.WriteUnsynced, fn)
}

func (c *Core) transact(ctx context.Context, fn func(t *tx) error) error {
	return c.transactBy(ctx, c.db.Write, fn)
}

func (c *Core) transactBy(ctx context.Context, write func(context.Context, func(*db.Tx) error) error, fn func(t *tx) error) error {
	var last *tx
	err := write(ctx, func(d *db.Tx) error {
		last = &tx{Tx: d, c: c, ctx: ctx, now: c.Now()}
		return fn(last)
	})
	if last != nil {
		c.afterwards(last, err)
	}
	return err
}

// afterwards makes a commit known to this process's memory of sessions, whatever
// became of it, and waits until no other process can remember what it ended: only
// then may anyone be told (R5). A refusal waits as well, since it may rest on what
// another call ended a moment ago, and still waits for itself.
func (c *Core) afterwards(t *tx, err error) {
	if c.sessions == nil {
		return // opening
	}
	if t.team {
		c.sessions.forgetAll()
	}
	for _, id := range t.users {
		c.sessions.forget(id)
	}
	if t.access && c.shared && (err == nil || Refused(err) != nil) {
		c.sessions.outlast()
	}
}

// Forget empties the memory of sessions, for whoever changed the database by other
// means than this program, as by restoring a backup beside it.
func (c *Core) Forget() {
	c.sessions.forgetAll()
	c.teamNames.byID.Clear()
}

// endsAccess says that the transaction ends something that worked before it.
func (t *tx) endsAccess() { t.access = true }

// exec runs a statement and returns how many rows it touched: a guarded write
// looks at that number.
func (t *tx) exec(query string, args ...any) (int64, error) { return t.Exec(t.ctx, query, args...) }

// must runs a guarded statement that has to touch exactly one row, else refuses.
func (t *tx) must(otherwise error, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err != nil {
		return err
	}
	if n != 1 {
		return otherwise
	}
	return nil
}

func (t *tx) row(query string, args ...any) db.Row { return t.QueryRow(t.ctx, query, args...) }

// reader is what both a transaction and the reading pool can do.
type reader interface {
	row(query string, args ...any) db.Row
	each(query string, args []any, scan func(scan func(...any) error) error) error
}

func (t *tx) each(query string, args []any, scan func(func(...any) error) error) error {
	rows, err := t.Query(t.ctx, query, args...)
	return eachRow(rows, err, scan)
}

type pool struct {
	*db.Reader
	ctx context.Context
}

func (c *Core) read(ctx context.Context) pool { return pool{c.db.Read(), ctx} }

func (p pool) row(query string, args ...any) db.Row { return p.QueryRow(p.ctx, query, args...) }

func (p pool) each(query string, args []any, scan func(func(...any) error) error) error {
	rows, err := p.Query(p.ctx, query, args...)
	return eachRow(rows, err, scan)
}

// rowsOf is the part of sql.Rows that a reading loop needs.
type rowsOf interface {
	Next() bool
	Scan(...any) error
	Close() error
	Err() error
}

func eachRow[R rowsOf](rows R, err error, scan func(func(...any) error) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// isID says whether a text from outside can be an id at all: what engines refuse
// as a text (NUL, broken UTF-8) is simply not there.
func isID(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// ms and at keep times as rows do: Unix milliseconds, 0 for none.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func at(milliseconds int64) time.Time {
	if milliseconds == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds).UTC()
}

func migrationFolder() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(fmt.Sprintf("core: embedded migrations: %v", err)) // the folder is compiled in
	}
	return sub
}

// IsUnavailable says whether err means that the storage cannot serve now (a full
// disk, a read-only folder, a database that is away): try again later. Nothing
// was changed, unless IsOutcomeUnknown.
func IsUnavailable(err error) bool { return db.IsUnavailable(err) }

// IsOutcomeUnknown says whether err means that the database was lost just when a
// change was being committed: it may have happened. Whoever tries again what may
// happen once is refused if it did.
func IsOutcomeUnknown(err error) bool { return db.IsOutcomeUnknown(err) }
