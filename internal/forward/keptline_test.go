package forward_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
)

// wire is a connection as a proxy holds it.
type wire struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func wireTo(t *testing.T, a *apptest.App) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", a.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, conn, bufio.NewReader(conn)}
}

func (w *wire) sends(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) hears(what string, status int) *http.Response {
	w.t.Helper()
	answer, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	if answer.StatusCode != status {
		w.t.Fatalf("%s: got %s %q, want %d", what, answer.Status, body, status)
	}
	return answer
}

func question(lines ...string) string {
	return "GET /forward-auth HTTP/1.1\r\nHost: app.example.com\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// One connection asks plain questions and others, in every order: each gets the
// answer that a connection of its own would get, and none is lost or answered twice.
//
// ASVS 4.2.1
func TestKeptConnection(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	carla, bruno := a.Session("carla"), a.Session("bruno")
	yes, no := question("Cookie: doorstep="+carla), question("Cookie: doorstep=unknown")
	w := wireTo(t, a)
	is := func(what, text, email string) {
		t.Helper()
		w.sends(text)
		if answer := w.hears(what, http.StatusOK); answer.Header.Get("Remote-Email") != email || answer.Header.Get("Date") == "" {
			t.Errorf("%s: %v", what, answer.Header)
		}
	}
	email := a.Person("carla").Email
	for range 3 {
		is("a plain question", yes, email)
		is("another person's", question("Authorization: Bearer "+bruno), a.Person("bruno").Email)
		w.sends(no)
		if answer := w.hears("an unknown cookie", http.StatusUnauthorized); answer.Header.Get("Remote-Email") != "" || answer.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("a refusal says %v", answer.Header)
		}
		is("with HTTP's other line ends", strings.ReplaceAll(yes, "\r\n", "\n"), email)
		is("with a body", strings.Replace(yes, "GET", "POST", 1)[:len(yes)-1]+"Content-Length: 3\r\n\r\nabc", email)
		is("after a body", yes, email)
		w.sends("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		w.hears("another path", http.StatusOK)
		is("many lines", question("Cookie: doorstep="+carla, "X-A: "+strings.Repeat("a", 8<<10)), email)
		w.sends("HEAD /forward-auth HTTP/1.1\r\nHost: a\r\nCookie: doorstep=" + carla + "\r\n\r\n")
		if answer, err := http.ReadResponse(w.r, &http.Request{Method: http.MethodHead}); err != nil || answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusMethodNotAllowed {
			t.Fatalf("HEAD: %v %v", answer, err)
		}
		is("in two halves", yes, email)
		half := len(yes) / 2
		w.sends(yes[:half])
		time.Sleep(20 * time.Millisecond)
		is("the second half", yes[half:], email)
		w.sends(yes + no + yes + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + yes)
		for i, status := range []int{200, 401, 200, 200, 200} {
			if answer := w.hears("all at once", status); i != 1 && i != 3 && answer.Header.Get("Remote-Email") != email {
				t.Errorf("%d of those sent at once: %v", i, answer.Header)
			}
		}
	}
	w.sends(strings.Replace(yes, "Host: app.example.com", "Host: a\r\nHost: b", 1))
	w.hears("two hosts", http.StatusBadRequest)
}

// A session that ends is over for a connection that is kept, too.
func TestKeptConnectionHearsOfTheEnd(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	token := a.Session("carla")
	yes := question("Cookie: doorstep=" + token)
	w := wireTo(t, a)
	for range 3 {
		w.sends(yes)
		w.hears("before", http.StatusOK)
	}
	c := a.Client()
	c.Token = token
	if answer := c.Call("DELETE", "/session", nil); !answer.OK() {
		t.Fatal(answer)
	}
	for range 3 {
		w.sends(yes)
		w.hears("after", http.StatusUnauthorized)
	}
}

// A connection that is closed by the proxy ends without a word.
func TestKeptConnectionCloses(t *testing.T) {
	t.Parallel()
	a := proxied(t, apptest.Options{})
	w := wireTo(t, a)
	for range 2 {
		w.sends(question("Cookie: doorstep=" + a.Session("carla")))
		w.hears("a question", http.StatusOK)
	}
	w.sends(question("Connection: close"))
	w.hears("the last", http.StatusUnauthorized)
	if _, err := w.r.ReadByte(); err != io.EOF {
		t.Errorf("after Connection: close: %v", err)
	}
}
