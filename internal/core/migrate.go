package core

import (
	"context"
	"fmt"
	"hash/crc32"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrate brings the schema to this version's. On PostgreSQL a session lock
// makes replicas that start together migrate once. A database that a newer
// Doorstep has migrated is refused: an older program would write rows that the
// newer rules do not expect.
func (c *Core) migrate(ctx context.Context) error {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(c.log)}
	dialect := goose.DialectSQLite3
	if c.db.Engine() == "postgres" {
		dialect = goose.DialectPostgres
		locker, err := c.migrationLock(ctx)
		if err != nil {
			return fmt.Errorf("prepare the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	others, err := filesOfOther(c.db.Engine())
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	options = append(options, goose.WithExcludeNames(others))
	p, err := goose.NewProvider(dialect, c.db.Migrations(), migrationFolder(), options...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	var newest int64
	for _, s := range p.ListSources() {
		newest = max(newest, s.Version)
	}
	current, err := p.GetDBVersion(ctx)
	if err != nil && c.db.Engine() == "postgres" {
		// Replicas that start together on an empty database make goose's own table
		// at once, outside of its lock; all but one fail, and then it is there.
		current, err = p.GetDBVersion(ctx)
	}
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > newest {
		return fmt.Errorf("this database has schema %d, made by a newer Doorstep; this one knows %d: run the newer program, or restore the backup made before the upgrade", current, newest)
	}
	for current < newest {
		_, err := p.Up(ctx)
		if err == nil {
			return nil
		}
		// On SQLite there is no lock of goose's: a command that starts beside serve's
		// first start loses the race for a migration. Its try was rolled back, and the
		// version has moved on without it.
		now, again := p.GetDBVersion(ctx)
		if again != nil || now <= current {
			return fmt.Errorf("migrate the schema from %d to %d: %w", current, newest, err)
		}
		current = now
	}
	return nil
}

// migrationLock is taken for the schema, not for the whole database: two
// installations beside each other do not wait for one another. It is asked for
// every second; goose's own pace is five.
func (c *Core) migrationLock(ctx context.Context) (lock.SessionLocker, error) {
	var schema string
	if err := c.read(ctx).row(`SELECT COALESCE(current_schema(), '')`).Scan(&schema); err != nil {
		return nil, err
	}
	id := int64(crc32.ChecksumIEEE([]byte("doorstep migrations " + schema)))
	return lock.NewPostgresSessionLocker(lock.WithLockID(id), lock.WithLockTimeout(1, 300))
}

// SchemaVersion is the number of the newest migration that has run.
func (c *Core) SchemaVersion(ctx context.Context) (int64, error) {
	var v int64
	err := c.read(ctx).row(`SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`).Scan(&v)
	return v, err
}

// NewestSchema is the number of the newest migration that this program knows.
func NewestSchema() (newest int64, err error) {
	files, err := fs.Glob(migrationFolder(), "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list the migrations: %w", err)
	}
	for _, name := range files {
		v, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("list the migrations: %w", err)
		}
		newest = max(newest, v)
	}
	return newest, nil
}

// filesOfOther are the migrations that are written for the other engine alone;
// goose would take the two of a pair for one version twice.
func filesOfOther(engine string) ([]string, error) {
	other := "postgres"
	if engine == other {
		other = "sqlite"
	}
	return fs.Glob(migrationFolder(), "*."+other+".sql")
}
