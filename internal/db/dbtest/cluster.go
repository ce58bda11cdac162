package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrMissing: this machine has no PostgreSQL server program.
var ErrMissing = errors.New("PostgreSQL's server programs (initdb, postgres) are not installed")

const startPatience = 60 * time.Second

// Settings of a cluster.
type Settings struct {
	FsyncOn bool // sync to the disk as in production; otherwise a crash of the machine would lose data, which no test needs
}

// Cluster is a PostgreSQL server of this process's own. It ends with the process, however that ends.
type Cluster struct {
	dir      string
	programs string // folder of initdb and postgres
	settings Settings

	watchdog *exec.Cmd
	leash    io.WriteCloser
}

// watch runs the server until its standard input ends, which happens even when the test process is killed. With "keep"
// before the end the data stays (the server is started again later); otherwise the folder goes too. It starts in the
// background of a shell so that the shell can wait for the leash.
const watch = `
"$1/postgres" -D "$2/data" -k "$2" -c config_file="$2/data/postgresql.conf" >>"$2/log" 2>&1 &
server=$!
read -r word
kill -QUIT $server 2>/dev/null
wait $server
[ "$word" = keep ] || rm -rf "$2"
`

// Start makes a cluster and starts it; about a second. The error is ErrMissing where there is no PostgreSQL.
func Start(s Settings) (*Cluster, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	// Short, for the path of a unix socket holds about 100 bytes.
	dir, err := os.MkdirTemp("", "doorstep-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, programs: programs, settings: s}
	if err := c.create(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.Resume(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// URL is the superuser's address, on the database postgres.
func (c *Cluster) URL() string {
	query := url.Values{"host": {c.dir}, "sslmode": {"disable"}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

// Stop ends the server at once and removes everything.
func (c *Cluster) Stop() error { return c.end("") }

// Pause ends the server at once, as a crash would, and keeps its data for Resume.
func (c *Cluster) Pause() error { return c.end("keep\n") }

// Resume starts the server and waits until it answers.
func (c *Cluster) Resume() error {
	cmd := exec.Command("/bin/sh", "-c", watch, "doorstep-postgres", c.programs, c.dir)
	cmd.Dir = c.dir
	if err := asServer(cmd); err != nil {
		return err
	}
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.watchdog, c.leash = cmd, leash
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := c.answers()
		if err == nil {
			return nil
		}
		if time.Since(begun) > startPatience {
			log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return errors.Join(fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, log), c.Stop())
		}
	}
}

func (c *Cluster) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (c *Cluster) end(word string) error {
	if c.watchdog == nil {
		return nil
	}
	_, err := io.WriteString(c.leash, word)
	err = errors.Join(err, c.leash.Close(), c.watchdog.Wait())
	c.watchdog = nil
	return err
}

// create makes the data folder.
func (c *Cluster) create() error {
	if err := giveToServer(c.dir); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(c.programs, "initdb"), "--pgdata", filepath.Join(c.dir, "data"),
		"--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
	cmd.Dir = c.dir
	if err := asServer(cmd); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return c.configure()
}

func (c *Cluster) configure() error {
	lines := `
listen_addresses = ''
max_connections = 200
shared_buffers = '64MB'
max_wal_size = '256MB'
wal_level = minimal
max_wal_senders = 0
deadlock_timeout = '100ms'
`
	if !c.settings.FsyncOn {
		lines += "fsync = off\nfull_page_writes = off\n" // a commit still outlives the server's own crash
	}
	f, err := os.OpenFile(filepath.Join(c.dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(lines)
	return errors.Join(err, f.Close())
}

// findPrograms returns the folder with both programs: of the PATH, or else of the newest version as Debian lays them.
func findPrograms() (string, error) {
	var folders []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(debian)
	for _, folder := range append(folders, debian...) {
		if isProgram(filepath.Join(folder, "initdb")) && isProgram(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", ErrMissing
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
