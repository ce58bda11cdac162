package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"doorstep/internal/core"
)

// office is a real mail server in the test's process: it takes letters, and refuses,
// stalls or drops as it is told to.
type office struct {
	t    *testing.T
	addr string
	pool *x509.CertPool

	mu    sync.Mutex
	got   []posted
	hello []string
	onTo  func(to string) error // the answer to RCPT
	onEnd func() error          // … to the end of DATA, after the letter was kept
	conns []*smtp.Conn
}

type posted struct {
	from, to, user string
	encrypted      bool
	data           []byte
}

type officeOptions struct {
	implicit, noTLS bool
	password        string // "" asks for none
}

func openOffice(t *testing.T, o officeOptions) *office {
	t.Helper()
	f := &office{t: t}
	certificate, pool := selfSigned(t)
	f.pool = pool
	s := smtp.NewServer(&counter{office: f, o: o})
	s.Domain, s.AllowInsecureAuth, s.ErrorLog = "mail.example.com", true, quiet{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}}
	switch {
	case o.implicit:
		l = tls.NewListener(l, secure)
	case !o.noTLS:
		s.TLSConfig = secure
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return f
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (f *office) letters() []posted {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// drop cuts every connection, as a server does that falls over.
func (f *office) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Conn().Close()
	}
}

type counter struct {
	office *office
	o      officeOptions
}

func (b *counter) NewSession(c *smtp.Conn) (smtp.Session, error) {
	b.office.mu.Lock()
	defer b.office.mu.Unlock()
	b.office.hello, b.office.conns = append(b.office.hello, c.Hostname()), append(b.office.conns, c)
	return &visitor{counter: b, conn: c}, nil
}

type visitor struct {
	*counter
	conn *smtp.Conn
	now  posted
}

func (v *visitor) AuthMechanisms() []string {
	if v.o.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (v *visitor) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != v.o.password {
			return smtp.ErrAuthFailed
		}
		v.now.user = user
		return nil
	}), nil
}

func (v *visitor) Mail(from string, _ *smtp.MailOptions) error {
	if v.o.password != "" && v.now.user == "" {
		return smtp.ErrAuthRequired
	}
	v.now.from = from
	return nil
}

func (v *visitor) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.office.mu.Lock()
	on := v.office.onTo
	v.office.mu.Unlock()
	v.now.to = to
	if on != nil {
		return on(to)
	}
	return nil
}

func (v *visitor) Data(r io.Reader) error {
	var err error
	if v.now.data, err = io.ReadAll(r); err != nil {
		return err
	}
	_, v.now.encrypted = v.conn.TLSConnectionState()
	v.office.mu.Lock()
	v.office.got = append(v.office.got, v.now)
	on := v.office.onEnd
	v.office.mu.Unlock()
	if on != nil {
		return on()
	}
	return nil
}

func (v *visitor) Reset()        {}
func (v *visitor) Logout() error { return nil }

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a mail server"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(made)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// to is a sender to the office.
func (f *office) sender(change func(*SMTPOptions)) *SMTP {
	f.t.Helper()
	a, err := net.ResolveTCPAddr("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	o := SMTPOptions{Host: "127.0.0.1", Port: a.Port, From: "Doorstep <doorstep@example.com>", Encryption: STARTTLS, Home: "id.example.com", Roots: f.pool}
	if change != nil {
		change(&o)
	}
	s, err := NewSMTP(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func message(to string) Message {
	return Message{
		ID: "0197-letter", To: to, Subject: "Se reinició tu autenticación", Text: "Hola Álvaro.\n\nUno.\n", HTML: "<p>Hola Álvaro.</p>",
		At: time.Date(2026, 5, 12, 14, 5, 0, 0, time.UTC),
	}
}

// What arrives: both parts, the subject in UTF-8, and headers that say who and which.
func TestSMTPDelivers(t *testing.T) {
	for name, c := range map[string]struct {
		office    officeOptions
		change    func(*SMTPOptions)
		encrypted bool
	}{
		"STARTTLS":                     {officeOptions{}, nil, true},
		"smtps":                        {officeOptions{implicit: true}, func(o *SMTPOptions) { o.Encryption = Implicit }, true},
		"smtps with a password":        {officeOptions{implicit: true, password: "hush"}, func(o *SMTPOptions) { o.Encryption, o.User, o.Password = Implicit, "d", "hush" }, true},
		"STARTTLS with a password":     {officeOptions{password: "hush"}, func(o *SMTPOptions) { o.User, o.Password = "d", "hush" }, true},
		"offered":                      {officeOptions{}, func(o *SMTPOptions) { o.Encryption = IfOffered }, true},
		"not offered, on this machine": {officeOptions{noTLS: true}, func(o *SMTPOptions) { o.Encryption = IfOffered }, false},
		"told to be plain":             {officeOptions{}, func(o *SMTPOptions) { o.Encryption = Plain }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := openOffice(t, c.office)
			if err := f.sender(c.change).Send(t.Context(), message("carla@example.com")); err != nil {
				t.Fatal(err)
			}
			got := f.letters()
			if len(got) != 1 || got[0].from != "doorstep@example.com" || got[0].to != "carla@example.com" || got[0].encrypted != c.encrypted {
				t.Fatalf("%+v", got)
			}
			if c.office.password != "" && got[0].user != "d" {
				t.Errorf("signed in as %q", got[0].user)
			}
			if !slices.Contains(f.hello, "id.example.com") {
				t.Errorf("said hello as %q", f.hello)
			}
			reads(t, got[0].data)
		})
	}
}

func reads(t *testing.T, data []byte) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "Se reinició tu autenticación" {
		t.Errorf("subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{
		"Message-Id": "<0197-letter@id.example.com>", "Auto-Submitted": "auto-generated", "To": "<carla@example.com>",
		"From": `"Doorstep" <doorstep@example.com>`, "Date": "Tue, 12 May 2026 14:05:00 +0000", "User-Agent": "", "X-Mailer": "",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	kind, p, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%q, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, p["boundary"])
	for _, want := range []struct{ kind, text string }{{"text/plain; charset=UTF-8", "Hola Álvaro.\r\n\r\nUno."}, {"text/html; charset=UTF-8", "<p>Hola Álvaro.</p>"}} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || part.Header.Get("Content-Type") != want.kind || strings.TrimSpace(string(text)) != want.text {
			t.Errorf("%q %q, %v", part.Header.Get("Content-Type"), text, err)
		}
	}
}

// What fails, and what is made of it: whose fault, for how long, and what an owner
// reads.
//
// ASVS 12.3.2
func TestSMTPFails(t *testing.T) {
	refuse := func(code int, text string) func(string) error {
		return func(string) error {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
		}
	}
	for name, c := range map[string]struct {
		office officeOptions
		change func(*SMTPOptions)
		onTo   func(string) error
		want   Failure
		reply  string // begins with
	}{
		"no such mailbox":       {onTo: refuse(550, "no such mailbox"), want: Failure{Why: core.LetterRefused}, reply: "550 \"no such mailbox\""},
		"greylisted":            {onTo: refuse(451, "come back later"), want: Failure{Why: core.LetterDelayed}, reply: "451 \"come back later\""},
		"closing":               {onTo: refuse(421, "shutting down"), want: Failure{Why: core.LetterDelayed, All: true}, reply: "421 \"shutting down\""},
		"no password":           {office: officeOptions{password: "hush"}, want: Failure{Why: core.LetterDelayed, All: true}, reply: "502"},
		"wrong password":        {office: officeOptions{password: "hush"}, change: func(o *SMTPOptions) { o.User, o.Password = "d", "hush-hush" }, want: Failure{Why: core.LetterUnreachable, All: true}},
		"STARTTLS not offered":  {office: officeOptions{noTLS: true}, want: Failure{Why: core.LetterUnreachable, All: true}},
		"unknown certificate":   {change: func(o *SMTPOptions) { o.Roots = x509.NewCertPool() }, want: Failure{Why: core.LetterUnreachable, All: true}},
		"another's certificate": {change: func(o *SMTPOptions) { o.Host = "localhost" }, want: Failure{Why: core.LetterUnreachable, All: true}},
		"password in the clear": {office: officeOptions{noTLS: true, password: "hush"}, change: func(o *SMTPOptions) { o.User, o.Password, o.Encryption = "d", "hush", IfOffered }, want: Failure{Why: core.LetterUnreachable, All: true}},
	} {
		t.Run(name, func(t *testing.T) {
			f := openOffice(t, c.office)
			f.onTo = c.onTo
			err := f.sender(c.change).Send(t.Context(), message("carla@example.com"))
			got := new(Failure)
			if !errors.As(err, &got) || got.Why != c.want.Why || got.All != c.want.All || !strings.HasPrefix(got.Reply, c.reply) || (c.reply == "") != (got.Reply == "") {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("tells a secret: %v", err)
			}
			if len(f.letters()) != 0 {
				t.Error("and it went all the same")
			}
		})
	}
}

// A server that takes the letter and falls over before it says so: the letter is
// sent again, and whoever reads both sees by the Message-ID that they are one.
func TestSMTPBrokenOffIsSentAgain(t *testing.T) {
	c, now := world(t)
	restart(t, c)
	f := openOffice(t, officeOptions{})
	f.onEnd = func() error { f.drop(); return nil }
	p := postman(t, c, f.sender(nil))
	if sent, err := p.Round(t.Context()); sent != 0 || err == nil {
		t.Fatalf("sent %d, %v", sent, err)
	}
	f.mu.Lock()
	f.onEnd = nil
	f.mu.Unlock()
	*now = now.Add(2 * time.Minute)
	if sent, err := p.Round(t.Context()); sent != 2 || err != nil {
		t.Fatalf("sent %d, %v", sent, err)
	}
	ids := map[string]int{}
	for _, l := range f.letters() {
		m, err := netmail.ReadMessage(bytes.NewReader(l.data))
		if err != nil {
			t.Fatal(err)
		}
		ids[l.to+m.Header.Get("Message-Id")]++
	}
	if len(ids) != 2 {
		t.Errorf("%v", ids)
	}
	for id, n := range ids {
		if n != 2 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}

// A server that stalls holds one letter for as long as we have patience, and no
// longer than the letter is ours.
func TestSMTPStalls(t *testing.T) {
	f := openOffice(t, officeOptions{})
	f.onTo = func(string) error { <-t.Context().Done(); return nil }
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := f.sender(nil).Send(ctx, message("carla@example.com"))
	got := new(Failure)
	if !errors.As(err, &got) || got.Why != core.LetterUnreachable || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	c, now := world(t)
	restart(t, c)
	letters, err := c.ClaimLetters(t.Context(), claimed)
	if err != nil || len(letters) != 2 {
		t.Fatal(letters, err)
	}
	if held := letters[0].Until.Sub(*now); held < claimed/4*sendPatience+sendPatience {
		t.Errorf("claimed for %v, and %d letters by four take up to %v", held, claimed, claimed/4*sendPatience)
	}
}

// A mail server that is away for a day loses nothing, and is not run over when it is
// back.
//
// ASVS 16.5.2, P7
func TestADayWithoutMail(t *testing.T) {
	c, now := world(t)
	restart(t, c)
	f := openOffice(t, officeOptions{})
	nobodyThere := f.sender(func(o *SMTPOptions) { o.Port = closedPort(t) })
	p := postman(t, c, nobodyThere)
	for end := now.Add(26 * time.Hour); now.Before(end); *now = now.Add(10 * time.Minute) {
		if sent, err := p.Round(t.Context()); sent != 0 || err != nil && !unreachable(err) {
			t.Fatalf("sent %d, %v", sent, err)
		}
	}
	p.Sender = f.sender(nil)
	*now = now.Add(time.Hour)
	if sent, err := p.Round(t.Context()); sent != 2 || err != nil {
		t.Errorf("sent %d, %v", sent, err)
	}
	if n := len(f.letters()); n != 2 {
		t.Errorf("%d letters", n)
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Killed between sending and marking: whoever starts next sends it again.
//
// P7
func TestKilledBeforeMarking(t *testing.T) {
	c, now := world(t)
	restart(t, c)
	f := openOffice(t, officeOptions{})
	s := f.sender(nil)
	letters, err := c.ClaimLetters(t.Context(), claimed)
	if err != nil || len(letters) != 2 {
		t.Fatal(letters, err)
	}
	p := postman(t, c, s)
	for _, l := range letters {
		if err := p.send(t.Context(), l); err != nil { // and here the process ends
			t.Fatal(err)
		}
	}
	*now = letters[0].Until
	if sent, err := p.Round(t.Context()); sent != 2 || err != nil {
		t.Errorf("sent %d, %v", sent, err)
	}
	if n := len(f.letters()); n != 4 {
		t.Errorf("%d letters", n)
	}
}
