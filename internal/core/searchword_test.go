package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"

	"doorstep/internal/db"
	"doorstep/internal/db/dbtest"
	"doorstep/internal/seal"
)

func TestSearchWords(t *testing.T) {
	for _, c := range []struct{ name, email, want string }{
		{"Ana Silva", "ana.silva@example.com", "ana silva|ana.silva@example.com|example.com ana silva|silva ana|silva@example.com"},
		{"María José O'Brien-Ruiz", "mj+door@mail.example.com", "brien-ruiz maria jose o'|door@mail.example.com|jose o'brien-ruiz maria|mail.example.com maria jose o'brien-ruiz|maria jose o'brien-ruiz|mj+door@mail.example.com|o'brien-ruiz maria jose|ruiz maria jose o'brien-"},
		{"ana", "ana@example.com", "ana@example.com|example.com ana"},
		{"王小明", "w@例え.jp", "w@例え.jp|例え.jp 王小明|小明 王|明 王小|王小明"},
		{"A. (ext) 7", "7@x", "(ext) 7 a.|7 a. (ext)|7@x|a. (ext) 7|ext) 7 a. (|x a. (ext) 7"},
		{strings.Repeat("é", 300), "", " " + strings.Repeat("e", wordLimit-1) + "|" + strings.Repeat("e", wordLimit)},
	} {
		var texts []string
		for _, w := range searchWords(c.name, c.email) {
			texts = append(texts, string(w.text))
		}
		if got := strings.Join(texts, "|"); got != c.want {
			t.Errorf("%s <%s>:\n%s, want\n%s", c.name, c.email, got, c.want)
		}
	}
}

// Whatever is typed of a person's words meets them at exactly one entry, the first.
func TestSearchWordsMeetOnce(t *testing.T) {
	for _, person := range [][2]string{
		{"Ana Anabel Silva", "ana.anabel.silva@ana.example"}, {"Bo Bob Bobby B", "b@b"}, {"Élena Díaz-Diaz", "e.diaz+e@diaz.com"}, {"王小明", "xm@example.com"},
	} {
		words := searchWords(person[0], person[1])
		if !slices.IsSortedFunc(words, func(a, b searchWord) int { return bytes.Compare(a.text, b.text) }) {
			t.Errorf("%s: not in order", person[0])
		}
		for _, w := range words {
			for n := 1; n <= len(w.text); n++ {
				var met []string
				for _, other := range words {
					if bytes.HasPrefix(other.text, w.text[:n]) && other.shared < n {
						met = append(met, string(other.text))
					}
				}
				if len(met) != 1 {
					t.Errorf("%s: %q meets at %q", person[0], w.text[:n], met)
				}
			}
		}
	}
}

func TestTypedWords(t *testing.T) {
	for query, want := range map[string]string{
		"":                      "",
		"  Díaz  ":              "diaz",
		"ma maria MAR lopez":    "lopez maria",
		"@example.com":          "example.com",
		"@":                     "@",
		"carla@example.com x x": "carla@example.com x",
	} {
		if got := strings.Join(typedWords(query), " "); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	if got := typedWords(strings.Repeat("x", 10_000)); len(got) != 1 || len(got[0]) > wordLimit {
		t.Errorf("a long query: %d words", len(got))
	}
}

// People from before there were search words are found after the next start, of
// which several may happen at once; one that was interrupted is finished.
func TestOlderPeopleAreFound(t *testing.T) {
	const people = 2*fillAtOnce + 7
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		ctx := context.Background()
		options := Options{DataDir: filepath.Dir(o.SQLite), Database: o.Postgres, Keys: seal.NewKeysForTest()}
		makeOlder(t, o, people)
		interrupted, inserts := options, 0
		interrupted.BeforeStatement = func(query string) error {
			if strings.HasPrefix(query, "INSERT INTO user_words") {
				inserts++
			}
			if inserts > fillAtOnce*5/wordsAtOnce+2 { // in the second batch
				return errPlanted
			}
			return nil
		}
		if _, err := Open(ctx, interrupted); !errors.Is(err, errPlanted) {
			t.Fatalf("the interrupted start: %v", err)
		}
		won, errs := race(3, func(int) error {
			c, err := Open(ctx, options)
			if err != nil {
				return err
			}
			return c.Close()
		})
		if won != 3 {
			t.Fatalf("%d of 3 started: %v", won, errs)
		}
		c, err := Open(ctx, options)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for query, want := range map[string]int{
			`SELECT COUNT(*) FROM word_fills`:                                            0,
			`SELECT COUNT(DISTINCT user_id) FROM user_words`:                             people,
			`SELECT COUNT(*) FROM user_words WHERE team_id = 't'`:                        people * 5,
			fmt.Sprintf(`SELECT COUNT(*) FROM user_words WHERE user_id = 'u%05d'`, 1000): 5,
		} {
			var n int
			if err := c.read(ctx).row(query).Scan(&n); err != nil || n != want {
				t.Errorf("%s: %d, %v; want %d", query, n, err, want)
			}
		}
	})
}

// makeOlder makes a database of the first schema with people in it.
func makeOlder(t *testing.T, o db.Options, people int) {
	t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dialect := goose.DialectSQLite3
	if d.Engine() == "postgres" {
		dialect = goose.DialectPostgres
	}
	ground, err := fs.ReadFile(migrationFolder(), "0001_ground.sql")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(dialect, d.Migrations(), fstest.MapFS{"0001_ground.sql": {Data: ground}}, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Migrations().Exec(`INSERT INTO teams (id, name, name_key, created_at) VALUES ('t', 'T', 't', 0)`); err != nil {
		t.Fatal(err)
	}
	for i := range people {
		_, err := d.Migrations().Exec(`INSERT INTO users (id, team_id, email, email_key, name, name_key, role, status, two_step, created_at)
			VALUES ($1, 't', $2, $2, 'Ana Silva', 'ana silva', 'member', 'active', 'off', 0)`, fmt.Sprintf("u%05d", i), fmt.Sprintf("p%d.x@example.com", i))
		if err != nil {
			t.Fatal(err)
		}
	}
}
