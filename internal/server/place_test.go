package server

import (
	"os"
	"path/filepath"
	"testing"

	"doorstep/internal/config"
)

// What the set-up page says of the folders is so.
func TestPlace(t *testing.T) {
	dir := t.TempDir() // among temporary files
	keys := filepath.Join(dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(keys, "pepper")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Config{Data: filepath.Join(dir, "data"), Keys: keys}
	if p := placeOf(c); p.Data != c.Data || p.Keys != keys || p.KeysOpen || !p.Passing {
		t.Errorf("%+v", p)
	}
	for _, mode := range []os.FileMode{0o640, 0o604} {
		for path, mode := range map[string]os.FileMode{file: mode, keys: 0o755} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		if p := placeOf(c); !p.KeysOpen {
			t.Errorf("%o: others may read the keys", mode)
		}
	}
	if err := os.Chmod(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	if placeOf(c).KeysOpen {
		t.Error("nobody else gets into the folder")
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "elsewhere"))
	c.Database = "postgres://x"
	if p := placeOf(c); p.Data != "PostgreSQL" || p.Passing {
		t.Errorf("%+v", p)
	}
	if c.Database = ""; placeOf(c).Passing {
		t.Error("no temporary folder")
	}
}
