package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"doorstep/internal/core"
)

// Encryption is how the way to the mail server is protected.
type Encryption string

const (
	STARTTLS  Encryption = "starttls"  // required
	Implicit  Encryption = "tls"       // from the first byte, smtps://
	IfOffered Encryption = "offered"   // STARTTLS where the server has it: for one on this computer
	Plain     Encryption = "plaintext" // because the operator said so
)

// SMTPOptions say how letters leave.
type SMTPOptions struct {
	Host           string
	Port           int
	User, Password string // "" for a server that asks for none
	From           string // "doorstep@example.com", or "Northwind <…>"
	Encryption     Encryption
	Home           string // the host of the public address: the right side of a Message-ID, and how we say hello

	Roots *x509.CertPool // nil is the system's
}

// SMTP is the sender of a server that has mail set up. Each letter has a connection
// of its own: one that the server breaks breaks one letter.
type SMTP struct {
	o    SMTPOptions
	from *netmail.Address
}

// NewSMTP makes one; it connects to nothing yet.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	from, err := netmail.ParseAddress(o.From)
	if err != nil {
		return nil, fmt.Errorf("read the address that letters come from: %w", err)
	}
	s := &SMTP{o: o, from: from}
	_, err = s.client(context.Background(), &wire{})
	return s, err
}

// Send hands the letter to the mail server. The error is a *Failure.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	letter, err := s.compose(m)
	if err != nil {
		return &Failure{Why: core.LetterUnwritable, err: err}
	}
	w := &wire{}
	defer w.close() // go-mail leaves the connection open when the greeting, TLS or the sign-in fails
	client, err := s.client(ctx, w)
	if err != nil {
		return &Failure{Why: core.LetterUnwritable, err: err}
	}
	err = client.DialAndSendWithContext(ctx, letter)
	if err == nil || letter.IsDelivered() {
		return nil // what breaks after the server took it, as the goodbye, is no reason to send it twice
	}
	return failureOf(letter, err)
}

// wire is the connection of one letter.
type wire struct {
	conn net.Conn
	stop func() bool
}

func (w *wire) close() {
	if w.conn != nil {
		w.stop()
		_ = w.conn.Close() // most often closed already
	}
}

// dial connects, and cuts the connection when ctx ends: go-mail looks at it only
// until the connection stands, and a server may stall at every word after that.
func (w *wire) dial(ctx context.Context, wrap *tls.Config) gomail.DialContextFunc {
	return func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		w.conn, w.stop = conn, context.AfterFunc(ctx, func() { _ = conn.Close() })
		if wrap != nil {
			return tls.Client(conn, wrap), nil
		}
		return conn, nil
	}
}

func (s *SMTP) client(ctx context.Context, w *wire) (*gomail.Client, error) {
	secure := &tls.Config{ServerName: s.o.Host, MinVersion: tls.VersionTLS12, RootCAs: s.o.Roots}
	policy, wrap := gomail.TLSMandatory, (*tls.Config)(nil)
	switch s.o.Encryption {
	case STARTTLS:
	case IfOffered:
		policy = gomail.TLSOpportunistic
	case Implicit:
		policy, wrap = gomail.TLSOpportunistic, secure // the connection is encrypted already, and go-mail looks
	case Plain:
		policy = gomail.NoTLS
	default:
		return nil, fmt.Errorf("no way to a mail server is called %q", s.o.Encryption)
	}
	options := []gomail.Option{
		gomail.WithPort(s.o.Port), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(secure), gomail.WithTimeout(sendPatience),
		gomail.WithHELO(helloName(s.o.Home)), gomail.WithoutNoop(), gomail.WithoutRset(), gomail.WithDialContextFunc(w.dial(ctx, wrap)),
	}
	if s.o.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.o.User), gomail.WithPassword(s.o.Password))
	}
	return gomail.NewClient(s.o.Host, options...)
}

// helloName is how we introduce ourselves; a bare number stands in brackets (RFC
// 5321 §4.1.3). Never the machine's own name, which is nobody's business.
func helloName(home string) string {
	ip := net.ParseIP(home)
	switch {
	case ip == nil:
		return home
	case ip.To4() != nil:
		return "[" + home + "]"
	}
	return "[IPv6:" + home + "]"
}

// compose writes the letter as multipart/alternative. Headers take no line breaks
// from anybody: go-mail encodes or refuses them, and tidy has taken them out before.
func (s *SMTP) compose(m Message) (*gomail.Msg, error) {
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	if err := letter.From(s.from.String()); err != nil {
		return nil, err
	}
	if err := letter.EnvelopeFrom(s.from.Address); err != nil {
		return nil, err
	}
	if err := letter.To(m.To); err != nil {
		return nil, err
	}
	letter.Subject(m.Subject)
	letter.SetDateWithValue(m.At)
	letter.SetMessageIDWithValue(m.ID + "@" + strings.Trim(helloName(s.o.Home), "[]"))
	// RFC 3834: no vacation notice answers, and no answer to an answer.
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetGenHeader("X-Auto-Response-Suppress", "All")
	letter.SetBodyString(gomail.TypeTextPlain, m.Text)
	letter.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return letter, nil
}

// Failure is a letter that was not sent, and what that means for it.
type Failure struct {
	Why   core.LetterFailure
	Reply string // what the server answered, for whoever has to do with the address
	// All is set when it is no fault of the letter: the next one would fare no better.
	All bool
	err error
}

func (f *Failure) Error() string {
	if f.Reply != "" {
		return string(f.Why) + ": " + f.Reply
	}
	return string(f.Why) + ": " + f.err.Error()
}

func (f *Failure) Unwrap() error { return f.err }

// failureOf reads what went wrong. Only what a server says of this address or this
// letter, with a 5 in front, is for good; what it says of us is the operator's to
// mend, and until then every letter waits.
func failureOf(letter *gomail.Msg, err error) *Failure {
	said := new(gomail.SendError)
	if !errors.As(err, &said) && (letter.SendError() == nil || !errors.As(letter.SendError(), &said)) {
		return &Failure{Why: core.LetterUnreachable, All: true, err: err}
	}
	f := &Failure{Why: core.LetterDelayed, Reply: replyOf(said), err: err}
	aboutUs := said.Reason != gomail.ErrSMTPRcptTo && said.Reason != gomail.ErrSMTPData && said.Reason != gomail.ErrSMTPDataClose
	code := said.ErrorCode()
	if code == 0 {
		// No answer at all: broken off, or silent for too long.
		return &Failure{Why: core.LetterUnreachable, All: aboutUs, err: errors.New(said.Error())}
	}
	switch {
	case aboutUs, code == 421: // "service not available, closing" (RFC 5321 §3.8)
		f.All = true
	case code >= 500:
		f.Why = core.LetterRefused
	}
	return f
}

// replyOf is the server's own line, which go-mail wraps into more words.
func replyOf(e *gomail.SendError) string {
	text := strings.TrimPrefix(e.Error(), e.Reason.String()+": ")
	text, _, _ = strings.Cut(text, ", affected recipient(s): ")
	text, _, _ = strings.Cut(text, ", affected message ID: ")
	return text
}

// sendPatience is how long one letter may take, from dialing to the server's last
// word. The claim of a letter lasts far longer.
const sendPatience = 30 * time.Second
