//go:build unix

package cli

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"doorstep/internal/config"
	"doorstep/internal/core"
	"doorstep/internal/mail"
	"doorstep/internal/words"
)

// mailServer is a real one, which keeps what it gets and answers when it is let.
type mailServer struct {
	got  chan []byte
	wait chan struct{}
}

func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m *mailServer) Mail(string, *smtp.MailOptions) error        { return nil }
func (m *mailServer) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (m *mailServer) Reset()                                      {}
func (m *mailServer) Logout() error                               { return nil }
func (m *mailServer) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.got <- data
	<-m.wait
	return nil
}

func (m *mailServer) next(t *testing.T) *netmail.Message {
	t.Helper()
	select {
	case data := <-m.got:
		message, err := netmail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return message
	case <-time.After(30 * time.Second):
		t.Fatal("no letter came")
		return nil
	}
}

// A serve that is killed when the mail server has the letter and before that is
// marked: whoever comes after it sends the letter again, with the same Message-ID.
// Nothing of the letter's address comes from what a request says.
//
// P7
func TestAKilledServeLosesNoLetter(t *testing.T) {
	t.Parallel()
	m := &mailServer{got: make(chan []byte, 10), wait: make(chan struct{})}
	s := smtp.NewServer(m)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })

	i := install(t, "--smtp", "smtp://"+l.Addr().String()+"?from=doorstep@example.com", "--url", "https://id.example.com")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	killed := i.command("serve", "--listen", "127.0.0.1:"+port)
	var out bytes.Buffer
	killed.Stdout, killed.Stderr = &out, &out
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	if err := i.does("", "restart", "ana@example.com", "--reason", "lost phone"); err != nil {
		t.Fatal(err)
	}
	first := m.next(t)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // it was killed, which is its error
	close(m.wait)

	later, err := core.Open(t.Context(), core.Options{
		DataDir: i.args[1], KeysDir: i.args[3], Exclusive: true, Clock: func() time.Time { return time.Now().Add(6 * time.Minute) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if letters := postmanTo(t, later, l.Addr().String()); letters != 1 {
		t.Fatalf("%d letters were sent again", letters)
	}
	again := m.next(t)
	id := first.Header.Get("Message-Id")
	if id == "" || !strings.HasSuffix(id, "@id.example.com>") || again.Header.Get("Message-Id") != id || again.Header.Get("To") != "<ana@example.com>" {
		t.Errorf("%v, then %v", first.Header, again.Header)
	}
	if letters := postmanTo(t, later, l.Addr().String()); letters != 0 {
		t.Error("and a third time")
	}
	if !strings.Contains(out.String(), "  Letters  go to "+l.Addr().String()+"\n") {
		t.Errorf("%s", out.String())
	}
}

func postmanTo(t *testing.T, c *core.Core, address string) int {
	t.Helper()
	url := "smtp://" + address + "?from=doorstep@example.com"
	cfg, err := config.Read(config.Flags{MailFlags: config.MailFlags{SMTP: &url}}, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	sender, err := mail.NewSMTP(mail.SMTPOptions{
		Host: cfg.SMTP.Host, Port: cfg.SMTP.Port, From: cfg.SMTP.From, Encryption: mail.Encryption(cfg.SMTP.Encryption), Home: "id.example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	p := &mail.Postman{Core: c, Letters: mail.Letters{Words: catalog, Base: "https://id.example.com"}, Sender: sender, Log: slog.New(slog.DiscardHandler)}
	n, err := p.Round(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
