package core

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/seal"
)

// Programs that start together on one empty store migrate it once.
func TestStartTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		keys := seal.NewKeysForTest()
		won, errs := race(5, func(int) error {
			c, err := Open(context.Background(), Options{DataDir: filepath.Dir(o.SQLite), Database: o.Postgres, Keys: keys})
			if err != nil {
				return err
			}
			_, err = c.HasOwner(context.Background())
			return errors.Join(err, c.Close())
		})
		if won != 5 {
			t.Errorf("%d of 5 started: %v", won, errors.Join(errs...))
		}
	})
}

// A store that a newer Doorstep has migrated is refused, with what to do.
func TestNewerSchemaIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		options := Options{DataDir: filepath.Dir(o.SQLite), Database: o.Postgres, Keys: seal.NewKeysForTest()}
		c, err := Open(context.Background(), options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.db.Migrations().Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)`); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = Open(context.Background(), options)
		if err == nil || !strings.Contains(err.Error(), "schema 99") || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("a newer schema: %v", err)
		}
	})
}

// A database is refused with keys that are not its own: they were lost, or the
// wrong folder was named.
//
// ASVS 9.1.3, P6
func TestOtherKeysAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		keysDir := t.TempDir()
		options := Options{DataDir: filepath.Dir(o.SQLite), Database: o.Postgres, KeysDir: filepath.Join(keysDir, "keys")}
		for range 2 {
			c, err := Open(context.Background(), options)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		options.KeysDir = filepath.Join(keysDir, "lost")
		_, err := Open(context.Background(), options)
		if err == nil || !strings.Contains(err.Error(), "there are no keys in "+options.KeysDir) {
			t.Errorf("lost keys: %v", err)
		}
		if _, err := os.Stat(options.KeysDir); err == nil {
			t.Error("a refused start made keys")
		}
		options.KeysDir = filepath.Join(keysDir, "other")
		if _, err := seal.OpenKeys(options.KeysDir); err != nil {
			t.Fatal(err)
		}
		_, err = Open(context.Background(), options)
		if err == nil || !strings.Contains(err.Error(), "put back the keys folder") || !strings.Contains(err.Error(), options.KeysDir) {
			t.Errorf("other keys: %v", err)
		}
	})
}
