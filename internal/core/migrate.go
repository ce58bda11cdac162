package core

import (
	"context"
	"fmt"
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
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fmt.Errorf("prepare the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, c.db.Migrations(), migrationFolder(), options...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	var newest int64
	for _, s := range p.ListSources() {
		newest = max(newest, s.Version)
	}
	current, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > newest {
		return fmt.Errorf("this database has schema %d, made by a newer Doorstep; this one knows %d: run the newer program, or restore the backup made before the upgrade", current, newest)
	}
	if current == newest {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema from %d to %d: %w", current, newest, err)
	}
	return nil
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
