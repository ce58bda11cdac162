package apptest

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// Exchange is one request and the whole of its answer.
type Exchange struct {
	Method, Path string // the path as it was asked for, with its query
	Status       int
	Header       http.Header
	Body         []byte
}

// Answer is everything that came back, as somebody on the line would see it.
func (e *Exchange) Answer() []byte {
	var b bytes.Buffer
	_ = e.Header.Write(&b) // a buffer takes all
	b.Write(e.Body)
	return b.Bytes()
}

// tape keeps exchanges.
type tape struct {
	on  bool
	mu  sync.Mutex
	all []*Exchange
}

// taped is a transport that keeps what passes.
type taped struct {
	http.RoundTripper
	tape *tape
}

func (t *taped) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.RoundTripper.RoundTrip(r)
	if err != nil || !t.tape.on {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	t.tape.mu.Lock()
	defer t.tape.mu.Unlock()
	t.tape.all = append(t.tape.all, &Exchange{Method: r.Method, Path: r.URL.RequestURI(), Status: answer.StatusCode, Header: answer.Header.Clone(), Body: body})
	return answer, nil
}

// Exchanges are all that passed, when the App was started to Record.
func (a *App) Exchanges() []*Exchange {
	a.tape.mu.Lock()
	defer a.tape.mu.Unlock()
	return append([]*Exchange(nil), a.tape.all...)
}
