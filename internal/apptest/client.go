package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Client is a program that speaks the JSON API for somebody.
type Client struct {
	app    *App
	Token  string // of the session, "" for none
	Device string // the User-Agent
	Header http.Header
}

// Client makes one that is not signed in.
func (a *App) Client() *Client { return &Client{app: a, Device: "a program", Header: http.Header{}} }

// Answer is what the API answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	JSON   map[string]any // nil when there is no object in it
}

// Call calls the API: path is below /api/v1, and body is sent as JSON unless it
// is nil.
func (c *Client) Call(method, path string, body any) *Answer {
	c.app.t.Helper()
	var content io.Reader
	header := http.Header{}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			c.app.t.Fatal(err)
		}
		content = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	return c.Send(method, "/api/v1"+path, content, header)
}

// Send sends anything at all.
func (c *Client) Send(method, path string, content io.Reader, header http.Header) *Answer {
	c.app.t.Helper()
	r, err := http.NewRequest(method, c.app.URL+path, content)
	if err != nil {
		c.app.t.Fatal(err)
	}
	for _, h := range []http.Header{c.Header, header} {
		for name, values := range h {
			r.Header[name] = values
		}
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host // the header alone is not sent
	}
	r.Header.Set("User-Agent", c.Device)
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	answer, err := c.app.transport().RoundTrip(r)
	if err != nil {
		c.app.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	a := &Answer{Status: answer.StatusCode, Header: answer.Header}
	if a.Body, err = io.ReadAll(answer.Body); err != nil {
		c.app.t.Fatalf("%s %s: %v", method, path, err)
	}
	if strings.Contains(answer.Header.Get("Content-Type"), "json") {
		// An answer that says JSON and is none is found by whoever looks for a field.
		_ = json.Unmarshal(a.Body, &a.JSON)
	}
	return a
}

// OK says whether it was not a refusal.
func (a *Answer) OK() bool { return a.Status < 300 }

// Problem is the kind of a refusal ("wrong-code"), "" when there is none.
func (a *Answer) Problem() string {
	kind, _ := a.JSON["type"].(string)
	return strings.TrimPrefix(kind, "urn:doorstep:problem:")
}

// Get reads a field by its path ("session.reach", "items.0.name") as text; "" is
// a field that is not there.
func (a *Answer) Get(path string) string {
	var at any = a.JSON
	for name := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(v) {
				return ""
			}
			at = v[n]
		default:
			return ""
		}
	}
	switch v := at.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return strconv.Itoa(len(v)) + " items"
	}
	return fmt.Sprint(at)
}

// List reads a list of texts.
func (a *Answer) List(name string) []string {
	list, _ := a.JSON[name].([]any)
	var texts []string
	for _, v := range list {
		text, _ := v.(string)
		texts = append(texts, text)
	}
	return texts
}

func (a *Answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }
