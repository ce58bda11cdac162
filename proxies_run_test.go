package doorstep_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/db/dbtest"
)

// Real reverse proxies in front of Doorstep and of an app, each started with the
// configuration that docs/features/forward-auth.md gives for it.

// proxy is a program, and how it is started.
type proxy struct {
	name    string
	program func() (path string, found bool)
	block   string // of which language the configuration is
	https   string // how it says that it serves by https, which these tests do without
	file    func(dir, block string) string
	command func(program, dir, file string) *exec.Cmd
}

var proxies = []proxy{
	{
		name: "nginx", block: "nginx", https: "listen 443 ssl;",
		program: func() (string, bool) {
			for _, path := range []string{"nginx", "/usr/sbin/nginx"} { // not in everybody's PATH
				if found, err := exec.LookPath(path); err == nil {
					return found, true
				}
			}
			return "", false
		},
		file: func(dir, block string) string {
			temporary := ""
			for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				temporary += of + "_temp_path " + dir + "/" + of + ";\n"
			}
			return "daemon off; master_process off; pid " + dir + "/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n" + temporary + block + "}\n"
		},
		command: func(program, dir, file string) *exec.Cmd {
			return exec.Command(program, "-p", dir, "-e", "stderr", "-c", file)
		},
	},
	{
		name: "Caddy", block: "caddyfile",
		program: func() (string, bool) {
			found, err := filepath.Abs("bin/caddy") // those of distributions are too old
			if err == nil {
				_, err = exec.LookPath(found)
			}
			return found, err == nil
		},
		file: func(dir, block string) string {
			return "{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n\tstorage file_system " + dir + "\n}\n" + block
		},
		command: func(program, dir, file string) *exec.Cmd {
			c := exec.Command(program, "run", "--config", file, "--adapter", "caddyfile")
			c.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			return c
		},
	},
}

// eachProxy runs a test behind each of them.
func eachProxy(t *testing.T, run func(t *testing.T, p proxy)) {
	t.Helper()
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if _, found := p.program(); !found {
				line := "LEFT OUT: everything behind " + p.name + ", which is not installed; run make test"
				if os.Getenv("CI") == "true" {
					t.Fatal(line)
				}
				dbtest.Loudly(line)
				t.Skip(line)
			}
			run(t, p)
		})
	}
}

// edgeOfTown is Doorstep and an app behind a proxy.
type edgeOfTown struct {
	*apptest.App
	t        *testing.T
	address  string // of the proxy
	app      string // host and port of the app, as people type them
	upstream *upstream
}

// behind starts all three. The proxy is trusted unless it is not to be.
func behind(t *testing.T, p proxy, trusted bool) *edgeOfTown {
	t.Helper()
	port := freePort(t)
	e := &edgeOfTown{t: t, address: "127.0.0.1:" + port, app: "app.doorstep.localhost:" + port, upstream: startUpstream(t)}
	o := apptest.Options{URL: "http://id.doorstep.localhost:" + port, AppsDomain: "doorstep.localhost"}
	if trusted {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
	e.App = apptest.Start(t, o)
	e.ReturnHosts("ana", e.app)
	e.start(p, port)
	return e
}

// start starts the proxy with the documented configuration, at addresses of here.
func (e *edgeOfTown) start(p proxy, port string) {
	e.t.Helper()
	here := []string{"127.0.0.1:8420", e.Listen, "127.0.0.1:9000", e.upstream.address}
	if p.https != "" {
		here = append(here, p.https, "listen "+e.address+";", "app.example.com", "app.doorstep.localhost", "id.example.com", "id.doorstep.localhost")
	} else {
		here = append(here, "\napp.example.com {", "\nhttp://app.doorstep.localhost:"+port+" {", "\nid.example.com {", "\nhttp://id.doorstep.localhost:"+port+" {")
	}
	block := documented(e.t, p.block)
	for i := 0; i < len(here); i += 2 {
		if !strings.Contains(block, here[i]) {
			e.t.Fatalf("the documented configuration has no %q", here[i])
		}
		block = strings.ReplaceAll(block, here[i], here[i+1])
	}
	if strings.Contains(block, "example.com") {
		e.t.Fatalf("the configuration leads elsewhere:\n%s", block)
	}
	dir := e.t.TempDir()
	file := filepath.Join(dir, "configuration")
	if err := os.WriteFile(file, []byte(p.file(dir, block)), 0o600); err != nil {
		e.t.Fatal(err)
	}
	program, _ := p.program()
	command := p.command(program, dir, file)
	var said logOfProgram
	command.Stdout, command.Stderr, command.Dir = &said, &said, dir
	if err := command.Start(); err != nil {
		e.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = command.Wait(); close(ended) }()
	e.t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
		if e.t.Failed() {
			e.t.Logf("%s said:\n%s", p.name, said.String())
		}
	})
	for range 200 {
		if c, err := net.Dial("tcp", e.address); err == nil {
			c.Close()
			return
		}
		select {
		case <-ended:
			e.t.Fatalf("%s ended", p.name)
		case <-time.After(50 * time.Millisecond):
		}
	}
	e.t.Fatalf("%s does not listen", p.name)
}

// documented is the block of that language in the document.
func documented(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("docs/features/forward-auth.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)\n```"+language+"(\n.*?\n)```\n").FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("the document has %d blocks of %s", len(found), language)
	}
	return string(found[0][1])
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

type logOfProgram struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logOfProgram) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logOfProgram) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// upstream is the app: it notes what reaches it, and speaks on after an upgrade.
type upstream struct {
	address string
	mu      sync.Mutex
	seen    []seenRequest
}

type seenRequest struct {
	method, uri, body string
	header            http.Header
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	u.address = s.Listener.Addr().String()
	return u
}

func (u *upstream) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	u.mu.Lock()
	u.seen = append(u.seen, seenRequest{r.Method, r.RequestURI, string(body), r.Header.Clone()})
	u.mu.Unlock()
	if r.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
		fmt.Fprint(rw, "<title>App</title><h1>The app</h1>")
		return
	}
	conn, both, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(both, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	_ = both.Flush()
	if line, err := both.ReadString('\n'); err == nil {
		fmt.Fprint(both, "you said "+line)
		_ = both.Flush()
	}
}

// count is how many requests reached the app so far.
func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}

func (u *upstream) last() seenRequest {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen[len(u.seen)-1]
}

// say sends bytes as they are to the proxy, on a connection of their own, and
// returns its first answer; nil when it hung up.
func (e *edgeOfTown) say(lines ...string) (*http.Response, *bufio.ReadWriter) {
	e.t.Helper()
	conn, err := net.Dial("tcp", e.address)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		e.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		return nil, nil
	}
	both := bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
	answer, err := http.ReadResponse(both.Reader, nil)
	if err != nil {
		return nil, both
	}
	return answer, both
}

// get asks the app for an address with more lines of header.
func (e *edgeOfTown) get(uri string, lines ...string) *http.Response {
	e.t.Helper()
	answer, _ := e.say(append([]string{"GET " + uri + " HTTP/1.1", "Host: " + e.app, "Connection: close"}, lines...)...)
	if answer == nil {
		return &http.Response{Header: http.Header{}}
	}
	return answer
}
