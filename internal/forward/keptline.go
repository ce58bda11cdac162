package forward

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"doorstep/internal/edge"
)

// A proxy asks over a few connections that it keeps, the same short question again
// and again. net/http does for each what only other requests need (a context of its
// own, a goroutine that watches whether the client leaves, four deadlines, a sorted
// copy of the headers), and that costs more than the answer. So a connection whose
// question was plain is taken over, and answered here for as long as its questions
// stay plain: whole in one buffer, without a body, without anything that two
// readers could read in two ways. With the first that is not so, nothing of which
// was consumed, the connection goes back to the server that it came from. The answer
// is decide's on both ways.
//
// A slow or hostile sender gains nothing: a request that is not there as a whole is
// not waited for here but given back, to a server with patience for that.

const (
	lineBuffer   = 4 << 10 // bytes; a longer question is not plain
	linePatience = 2 * time.Minute
	renewEvery   = time.Second // how often the deadline of a busy connection is moved
)

// lines are the connections that were taken over.
type lines struct {
	mu      sync.Mutex
	open    map[net.Conn]bool
	stopped bool
	running sync.WaitGroup
	once    sync.Once
}

// takeOver answers the request and keeps its connection, if it can be kept.
func (f *Forward) takeOver(rw http.ResponseWriter, r *http.Request, status int, h http.Header) bool {
	if !isPlainRequest(r) {
		return false
	}
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return false
	}
	f.lines.once.Do(func() { srv.RegisterOnShutdown(f.lines.stop) })
	conn, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return false // whatever serves here keeps its connections to itself
	}
	l := &line{
		f: f, conn: conn, srv: srv, buffer: make([]byte, lineBuffer), out: make([]byte, 0, 1<<10), answer: http.Header{},
	}
	asked := http.Request{Method: http.MethodGet, URL: &url.URL{Path: Path}, Header: http.Header{}, RemoteAddr: r.RemoteAddr}
	l.request = asked.WithContext(context.WithoutCancel(r.Context()))
	if n := buffered.Reader.Buffered(); n > 0 {
		rest, err := buffered.Peek(n)
		if err != nil || n > len(l.buffer) {
			_ = conn.Close()
			return true
		}
		l.end = copy(l.buffer, rest)
	}
	if !f.lines.add(conn) {
		_ = conn.Close()
		return true
	}
	go l.run(status, h)
	return true
}

// isPlainRequest says whether the next questions of a connection may be plain too.
func isPlainRequest(r *http.Request) bool {
	return r.Method == http.MethodGet && r.RequestURI == Path && r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.TLS == nil &&
		r.ContentLength == 0 && len(r.TransferEncoding) == 0 && !r.Close && r.Header["Connection"] == nil && r.Header["Upgrade"] == nil && r.Header["Expect"] == nil
}

func (s *lines) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	if s.open == nil {
		s.open = map[net.Conn]bool{}
	}
	s.open[conn] = true
	s.running.Add(1)
	return true
}

func (s *lines) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	s.running.Done()
}

// stop ends the connections, each after the answer that is under way.
func (s *lines) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for conn := range s.open {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
}

func (s *lines) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// Stop ends the connections that were taken over and waits until the last answer is
// given, or ctx is done.
func (f *Forward) Stop(ctx context.Context) {
	f.lines.stop()
	done := make(chan struct{})
	go func() {
		f.lines.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// line is one connection that was taken over.
type line struct {
	f    *Forward
	conn net.Conn
	srv  *http.Server

	buffer     []byte
	start, end int // what was read and not yet answered
	renewed    time.Time

	request *http.Request
	values  [24]string
	answer  http.Header
	out     []byte
}

// run answers questions until the connection ends or a question is not plain.
func (l *line) run(status int, h http.Header) {
	giveBack := false
	defer func() {
		if p := recover(); p != nil {
			edge.LogPanic(l.f.log, l.request, Path, p)
			giveBack = false
		}
		l.f.lines.remove(l.conn)
		if giveBack {
			l.giveBack()
			return
		}
		_ = l.conn.Close()
	}()
	for l.write(status, h) {
		size, open := l.read()
		if !open {
			return
		}
		if size == 0 || !l.parse(l.buffer[l.start:l.start+size]) {
			giveBack = true
			return
		}
		l.start += size
		clear(l.answer)
		h = l.answer
		status = l.f.decided(h, l.request)
	}
}

// read waits for a question and returns how long its header is: 0 when it is not
// there as a whole.
func (l *line) read() (size int, open bool) {
	if l.start == l.end {
		l.start, l.end = 0, 0
		now := time.Now()
		if now.Sub(l.renewed) > renewEvery {
			if err := l.conn.SetDeadline(now.Add(linePatience)); err != nil {
				return 0, false
			}
			if l.renewed = now; l.f.lines.stopping() { // else its deadline would be lifted here
				return 0, false
			}
		}
		n, err := l.conn.Read(l.buffer)
		if err != nil || n == 0 {
			return 0, false
		}
		l.end = n
	}
	end := bytes.Index(l.buffer[l.start:l.end], []byte("\r\n\r\n"))
	if end < 0 {
		return 0, true
	}
	return end + 4, true
}

var plainStart = []byte("GET " + Path + " HTTP/1.1\r\n")

// parse reads a whole header into the request, if it is plain.
func (l *line) parse(header []byte) bool {
	if !bytes.HasPrefix(header, plainStart) {
		return false
	}
	text := string(header[len(plainStart) : len(header)-2])
	h := l.request.Header
	clear(h)
	hosts := 0
	for n := 0; text != ""; n++ {
		end := strings.IndexByte(text, '\n') // there is one at the end
		if end < 1 || text[end-1] != '\r' {
			return false
		}
		field := text[:end-1]
		text = text[end+1:]
		colon := strings.IndexByte(field, ':')
		if colon < 1 || n == len(l.values) || !isToken(field[:colon]) {
			return false
		}
		name, value := textproto.CanonicalMIMEHeaderKey(field[:colon]), strings.Trim(field[colon+1:], " \t")
		if !isFieldValue(value) {
			return false
		}
		switch name {
		case "Host":
			if hosts++; hosts > 1 || !isPlainHost(value) {
				return false
			}
			continue
		case "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Expect", "Trailer", "Te", "Keep-Alive", "Proxy-Connection", "Http2-Settings":
			return false
		}
		l.values[n] = value
		if before := h[name]; before != nil {
			h[name] = append(before, value)
			continue
		}
		h[name] = l.values[n : n+1 : n+1]
	}
	return hosts == 1
}

// isToken says whether a text is a field's name (RFC 9110 §5.1), of the characters
// that names in use have.
func isToken(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isFieldValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// identityHeaders in the order in which they are written.
var identityHeaders = [...]string{"Cache-Control", "Remote-User", "Remote-Email", "Remote-Name", "Remote-Role", "Remote-Team", "Remote-Second-Step"}

// write sends an answer without a body.
func (l *line) write(status int, h http.Header) bool {
	out := append(l.out[:0], "HTTP/1.1 "...)
	if status == http.StatusOK {
		out = append(out, "200 OK\r\n"...)
		for _, name := range identityHeaders {
			for _, value := range h[name] {
				out = append(append(append(append(out, name...), ": "...), value...), "\r\n"...)
			}
		}
	} else {
		out = append(append(append(strconv.AppendInt(out, int64(status), 10), ' '), http.StatusText(status)...), "\r\n"...)
		var rest bytes.Buffer
		_ = h.Write(&rest) // a buffer takes all
		out = append(out, rest.Bytes()...)
	}
	out = append(out, "Date: "...)
	out = l.f.date.append(out, time.Now())
	out = append(out, "\r\nContent-Length: 0\r\n\r\n"...)
	l.out = out
	_, err := l.conn.Write(out)
	return err == nil
}

// giveBack lets the server go on with the connection, from the first byte that was
// not answered.
func (l *line) giveBack() {
	_ = l.conn.SetDeadline(time.Time{})
	rest := bytes.Clone(l.buffer[l.start:l.end])
	given := &given{Conn: l.conn, r: io.MultiReader(bytes.NewReader(rest), l.conn)}
	_ = l.srv.Serve(&single{conn: given}) // ends at once: there is no second connection
	if !given.taken.Load() {
		_ = l.conn.Close() // the server is closing
	}
}

// given is a connection whose first bytes were read already.
type given struct {
	net.Conn
	r     io.Reader
	taken atomic.Bool
}

func (g *given) Read(p []byte) (int, error) { return g.r.Read(p) }

// single is a listener with one connection.
type single struct{ conn *given }

func (s *single) Accept() (net.Conn, error) {
	if s.conn.taken.Swap(true) {
		return nil, io.EOF
	}
	return s.conn, nil
}

func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// date is the text of a Date header, written once a second.
type date struct{ now atomic.Pointer[dated] }

type dated struct {
	second int64
	text   string
}

func (d *date) append(to []byte, now time.Time) []byte {
	known := d.now.Load()
	if second := now.Unix(); known == nil || known.second != second {
		known = &dated{second, now.UTC().Format(http.TimeFormat)}
		d.now.Store(known)
	}
	return append(to, known.text...)
}
