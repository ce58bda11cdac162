package forward

import (
	"bufio"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// FuzzPlainQuestion holds the reading of a taken-over connection against net/http's:
// what it takes, net/http reads the same, to the byte; the rest it leaves alone.
//
// ASVS 4.2.1
func FuzzPlainQuestion(f *testing.F) {
	const start = "GET /forward-auth HTTP/1.1\r\n"
	for _, seed := range []string{
		start + "Host: a\r\n\r\n", start + "Host: a.example:80\r\nCookie: doorstep=x; a=b\r\ncookie: c\r\nX-Forwarded-Uri: /\r\n\r\n",
		start + "Host: a\r\nHost: b\r\n\r\n", start + "\r\n", start + "Host: a\nCookie: x\r\n\r\n", start + "Host: a\r\n Cookie: x\r\n\r\n",
		start + "Host : a\r\n\r\n", start + "Host: a\r\nContent-Length: 1\r\n\r\nx", start + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		start + "Host: a\r\nX: a\x00b\r\n\r\n", start + "Host: a\r\nX: \xff\r\n\r\n", start + "Host: a\r\n\n\r\n\r\n", start + "Host: a\r\nX:\r\n\r\n",
		start + "Host: a\r\nX: a\rb\r\n\r\n", "GET /forward-auth/x HTTP/1.1\r\nHost: a\r\n\r\n", start + "Host: a\r\n:x\r\n\r\n", start + "Host: a\r\nX\r\n\r\n",
		start + "Host: a\r\nConnection: close\r\n\r\n", start + "Host: a\r\nX-Forwarded_Uri: a\r\n\r\n", start + "Host:\ta \r\nx-a: \t b\t\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := &line{buffer: []byte(text), end: len(text), request: &http.Request{Header: http.Header{"Left": {"from before"}}}}
		end := strings.Index(text, "\r\n\r\n")
		if end < 0 || !l.parse([]byte(text[:end+4])) {
			return
		}
		r := bufio.NewReaderSize(strings.NewReader(text), 1<<16)
		theirs, err := http.ReadRequest(r)
		if err != nil {
			t.Fatalf("taken as plain, and net/http says: %v", err)
		}
		delete(theirs.Header, "Host")
		ours := l.request.Header.Clone()
		if theirs.Header.Get("Pragma") != "" { // net/http adds what it means
			delete(theirs.Header, "Cache-Control")
			delete(ours, "Cache-Control")
		}
		if !reflect.DeepEqual(ours, theirs.Header) {
			t.Errorf("the headers are %v here and %v in net/http", ours, theirs.Header)
		}
		if theirs.ContentLength != 0 || theirs.Close || len(theirs.TransferEncoding) > 0 || theirs.RequestURI != Path || theirs.Method != http.MethodGet {
			t.Errorf("net/http reads another request: %+v", theirs)
		}
		if rest := len(text) - end - 4; rest != r.Buffered() {
			t.Errorf("net/http leaves %d bytes, this %d", r.Buffered(), rest)
		}
		if u, err := url.ParseRequestURI(theirs.RequestURI); err != nil || u.Path != Path {
			t.Errorf("%v %v", u, err)
		}
	})
}
