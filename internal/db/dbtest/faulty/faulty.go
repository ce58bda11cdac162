// Package faulty is a wire between a program and its PostgreSQL that a test can
// cut, slow down, block and mend. Only tests import it. It forwards bytes and
// knows nothing of what they say.
package faulty

import (
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Wire listens on this computer and forwards to a PostgreSQL. It starts mended.
type Wire struct {
	t               testing.TB
	address         string // of the PostgreSQL behind it
	network, server string // where that listens
	here            string // where the wire listens: the same port for all of its life

	mu       sync.Mutex
	listener net.Listener // nil while it refuses
	live     map[*pair]bool
	delay    time.Duration
	blocked  chan struct{} // closed when bytes may pass
	pumps    sync.WaitGroup
}

// pair is one connection of the program and the one behind it.
type pair struct {
	client, server net.Conn
	cut            chan struct{}
	cutting        sync.Once
	mute           atomic.Bool // what the server answers is lost
}

// reset closes both so that both ends hear of it at once, and what waits is lost.
func (p *pair) reset() {
	p.cutting.Do(func() { close(p.cut) })
	for _, c := range []net.Conn{p.client, p.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
}

// New makes a wire to the PostgreSQL of this address, which ends with the test.
func New(t testing.TB, address string) *Wire {
	t.Helper()
	config, err := pgconn.ParseConfig(address)
	if err != nil {
		t.Fatalf("read the address of the PostgreSQL behind the wire: %v", err)
	}
	w := &Wire{t: t, address: address, live: map[*pair]bool{}, blocked: make(chan struct{}), here: "127.0.0.1:0"}
	close(w.blocked)
	w.network, w.server = pgconn.NetworkAddress(config.Host, config.Port)
	w.listen()
	t.Cleanup(func() {
		w.Refuse()
		w.Cut()
		w.Pass()
		w.pumps.Wait()
	})
	return w
}

// Address is the same database, reached through the wire.
func (w *Wire) Address() string {
	w.t.Helper()
	u, err := url.Parse(w.address)
	if err != nil {
		w.t.Fatalf("read the address of the PostgreSQL behind the wire: %v", err)
	}
	query := u.Query()
	query.Del("host")
	query.Del("port")
	u.Host = w.here
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // libpq takes a plus for a plus
	return u.String()
}

// Delay makes every answer come so much later than it was given.
func (w *Wire) Delay(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = d
}

// Refuse lets nobody connect any more, as where no server listens. Connections
// that are there stay.
func (w *Wire) Refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		w.listener.Close()
		w.listener = nil
	}
}

// Cut resets every connection, as a server that crashes does.
func (w *Wire) Cut() {
	w.each((*pair).reset)
}

// HangUp ends every connection in the direction of the program alone, which may
// still write: half of it is closed.
func (w *Wire) HangUp() {
	w.each(func(p *pair) {
		if tcp, ok := p.client.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	})
}

// HangUpBehind is HangUp in the other direction: PostgreSQL hears nothing more of
// the connections that there are, and may still answer.
func (w *Wire) HangUpBehind() {
	w.each(func(p *pair) {
		if half, ok := p.server.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	})
}

// Mute loses every answer on the connections that there are, for good, while what
// the program sends arrives: a commit then happens, and nobody is told. A Cut later
// lets the program go on.
func (w *Wire) Mute() {
	w.each(func(p *pair) { p.mute.Store(true) })
}

// Block lets nothing through any more, in either direction and without a word, as
// a network that is torn. What is sent meanwhile arrives after Pass.
func (w *Wire) Block() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.blocked:
		w.blocked = make(chan struct{})
	default:
	}
}

// Pass ends Block.
func (w *Wire) Pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.blocked:
	default:
		close(w.blocked)
	}
}

// Mend undoes Refuse, Block and Delay. Connections that were cut stay so.
func (w *Wire) Mend() {
	w.t.Helper()
	w.Delay(0)
	w.Pass()
	w.listen()
}

// Connections is how many go through the wire now.
func (w *Wire) Connections() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.live)
}

func (w *Wire) each(do func(*pair)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.live {
		do(p)
	}
}

func (w *Wire) listen() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		return
	}
	l, err := net.Listen("tcp", w.here)
	if err != nil {
		w.t.Fatalf("listen for the wire: %v", err)
	}
	w.listener, w.here = l, l.Addr().String()
	w.pumps.Go(func() { w.accept(l) })
}

func (w *Wire) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // refused from now on
		}
		w.pumps.Go(func() { w.connect(l, client) })
	}
}

func (w *Wire) connect(l net.Listener, client net.Conn) {
	server, err := net.Dial(w.network, w.server)
	if err != nil {
		client.Close() // PostgreSQL itself is away
		return
	}
	p := &pair{client: client, server: server, cut: make(chan struct{})}
	w.mu.Lock()
	if w.listener != l { // refused meanwhile
		w.mu.Unlock()
		client.Close()
		server.Close()
		return
	}
	w.live[p] = true
	w.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { w.pump(p, server, client) })
	both.Go(func() { w.pump(p, client, server) })
	both.Wait()
	w.mu.Lock()
	delete(w.live, p)
	w.mu.Unlock()
}

// parcel is what was read at once, and when it is to arrive.
type parcel struct {
	bytes []byte
	due   time.Time
}

// pump carries bytes until one side ends, and then ends the other. Reading goes on
// while what was read waits, so that a delay is a delay and not a narrow pipe.
func (w *Wire) pump(p *pair, to, from net.Conn) {
	parcels := make(chan parcel, 256)
	var writing sync.WaitGroup
	writing.Go(func() {
		whole := true
		for x := range parcels {
			if whole = whole && waited(p, time.After(time.Until(x.due))) && waited(p, w.passing()); whole {
				_, err := to.Write(x.bytes)
				whole = err == nil
			}
		}
	})
	for {
		buffer := make([]byte, 16<<10)
		n, err := from.Read(buffer)
		if n > 0 && (from != p.server || !p.mute.Load()) {
			x := parcel{buffer[:n], time.Now()}
			if from == p.server {
				x.due = x.due.Add(w.delayNow())
			}
			parcels <- x
		}
		if err != nil {
			break
		}
	}
	close(parcels)
	writing.Wait()
	to.Close()
	from.Close()
}

// waited says whether the connection still is one when the waiting is over.
func waited[T any](p *pair, over <-chan T) bool {
	select {
	case <-over:
		return true
	case <-p.cut:
		return false
	}
}

func (w *Wire) passing() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blocked
}

func (w *Wire) delayNow() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.delay
}
