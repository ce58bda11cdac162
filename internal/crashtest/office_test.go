package crashtest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// office is a real mail server, slow enough that a kill often comes between the
// moment when it has a letter and the moment when that is written down.
type office struct {
	address string

	mu    sync.Mutex
	got   map[string]int    // Message-ID without its host → how often it came
	first map[string]string // … and what stood in it the first time
	links map[string]string // address → the token of the newest link to it
	other []string          // a letter that came again with something else in it
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{got: map[string]int{}, first: map[string]string{}, links: map[string]string{}}
	s := smtp.NewServer(o)
	s.ErrorLog = silent{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.address = l.Addr().String()
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return o
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

func (o *office) NewSession(*smtp.Conn) (smtp.Session, error) { return o, nil }
func (o *office) Mail(string, *smtp.MailOptions) error        { return nil }
func (o *office) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (o *office) Reset()                                      {}
func (o *office) Logout() error                               { return nil }

func (o *office) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err // the sender was killed meanwhile: no letter
	}
	o.keep(data)
	time.Sleep(time.Duration(random(15)) * time.Millisecond)
	return nil
}

var linkPath = regexp.MustCompile(`/set-password/([A-Za-z0-9_-]+)`)

func (o *office) keep(data []byte) {
	message, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return
	}
	id, _, _ := strings.Cut(strings.Trim(message.Header.Get("Message-Id"), "<>"), "@")
	to, text := strings.Trim(message.Header.Get("To"), "<>"), plain(message)
	// Of what it says, all but the boundary between its parts, which is made anew.
	says := to + "\n" + message.Header.Get("Subject") + "\n" + message.Header.Get("Date") + "\n" + text
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.got[id]++; o.got[id] == 1 {
		o.first[id] = says
	} else if o.first[id] != says {
		o.other = append(o.other, id)
	}
	if m := linkPath.FindStringSubmatch(text); m != nil && o.got[id] == 1 {
		o.links[to] = m[1]
	}
}

func plain(message *netmail.Message) string {
	_, args, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	part, err := multipart.NewReader(message.Body, args["boundary"]).NextRawPart()
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		return ""
	}
	return string(text)
}

// takeLink is the newest link that came to an address, once.
func (o *office) takeLink(to string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	link := o.links[to]
	delete(o.links, to)
	return link
}

// letters are the ids that came, and how often.
func (o *office) letters() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string]int, len(o.got))
	for id, n := range o.got {
		all[id] = n
	}
	return all
}
