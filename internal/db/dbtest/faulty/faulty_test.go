package faulty_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"doorstep/internal/db/dbtest/faulty"
)

// echo is a server that says again what it hears, line by line.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return "postgres://somebody@" + l.Addr().String() + "/some?sslmode=disable&options=-csearch_path%3Dx"
}

// caller is a program at the wire's other end.
type caller struct {
	t    *testing.T
	conn *net.TCPConn
	in   *bufio.Reader
}

func call(t *testing.T, w *faulty.Wire) *caller {
	t.Helper()
	u, err := url.Parse(w.Address())
	if err != nil {
		t.Fatal(err)
	}
	if u.Query().Get("sslmode") != "disable" || u.Query().Get("options") != "-csearch_path=x" || u.User.Username() != "somebody" || u.Path != "/some" {
		t.Fatalf("the wire is reached by %s", u)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// says sends a line and returns how long the answer took, or why there is none.
func (c *caller) says(line string, patience time.Duration) (time.Duration, error) {
	begun := time.Now()
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		return 0, err
	}
	if err := c.conn.SetReadDeadline(begun.Add(patience)); err != nil {
		return 0, err
	}
	answer, err := c.in.ReadString('\n')
	if err == nil && answer != line+"\n" {
		c.t.Fatalf("said %q, heard %q", line, answer)
	}
	return time.Since(begun), err
}

func (c *caller) hears(line string) {
	c.t.Helper()
	if _, err := c.says(line, 5*time.Second); err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
}

func TestWire(t *testing.T) {
	w := faulty.New(t, echo(t))
	c := call(t, w)
	c.hears("as if it were not there")

	w.Delay(150 * time.Millisecond)
	if took, err := c.says("late", 5*time.Second); err != nil || took < 150*time.Millisecond || took > 2*time.Second {
		t.Errorf("delayed by 150 ms: %v, %v", took, err)
	}
	w.Delay(0)
	c.hears("in time again")

	w.Block()
	if _, err := c.says("into the void", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("blocked: %v", err)
	}
	w.Pass()
	if line, err := c.heard(); err != nil || line != "into the void\n" {
		t.Errorf("after the block: %q, %v", line, err)
	}

	w.Refuse()
	u, _ := url.Parse(w.Address())
	if other, err := net.Dial("tcp", u.Host); err == nil {
		other.Close()
		t.Error("somebody could connect")
	}
	c.hears("still there")
	w.HangUp()
	if _, err := c.says("hello?", 5*time.Second); !errors.Is(err, io.EOF) {
		t.Errorf("hung up: %v", err)
	}
	w.Mend()
	d := call(t, w)
	d.hears("mended, at the same address")

	w.Block()
	if _, err := d.says("and then", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("blocked: %v", err)
	}
	w.Cut()
	if _, err := d.says("cut", 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("cut: %v", err)
	}
	w.Mend()
	e := call(t, w)
	e.hears("as before")
	w.Mute()
	if _, err := e.says("heard, and the answer lost", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("muted: %v", err)
	}
	f := call(t, w)
	f.hears("a new connection is not muted")
	w.HangUpBehind()
	if _, err := f.says("hello?", 5*time.Second); !errors.Is(err, io.EOF) {
		t.Errorf("hung up behind: %v", err)
	}
	w.Cut()

	c.conn.Close()
	for begun := time.Now(); w.Connections() > 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 5*time.Second {
			t.Fatalf("%d connections are left", w.Connections())
		}
	}
}

func (c *caller) heard() (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	return c.in.ReadString('\n')
}
