package crashtest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

func random(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // the machine has no random numbers
	}
	return int(i.Int64())
}

func chance(percent int) bool { return random(100) < percent }

// answer is what came back; status 0 is nothing.
type answer struct {
	status int
	body   map[string]any
	raw    string
	header http.Header
}

func (a *answer) done() bool { return a.status >= 200 && a.status < 300 }

// lost says that nobody knows whether it was done: no answer, or that of a program
// whose storage is away.
func (a *answer) lost() bool { return a.status == 0 || a.status >= 500 && a.problem() != "busy" }

func (a *answer) problem() string {
	kind, _ := a.body["type"].(string)
	return strings.TrimPrefix(kind, "urn:doorstep:problem:")
}

func (a *answer) text(path ...string) string {
	var at any = a.body
	for _, name := range path {
		in, _ := at.(map[string]any)
		at = in[name]
	}
	s, _ := at.(string)
	return s
}

var client = &http.Client{
	Timeout:       20 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 32},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// call is one call of the API.
func (p *place) call(from, token, method, path string, body any) *answer {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			panic(err) // strings and numbers
		}
		content = bytes.NewReader(text)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return p.send(from, method, "/api/v1"+path, header, content)
}

func (p *place) send(from, method, path string, header http.Header, content io.Reader) *answer {
	r, err := http.NewRequest(method, p.address()+path, content)
	if err != nil {
		return &answer{}
	}
	r.Header, r.Host = header, publicHost
	r.Header.Set("X-Forwarded-For", from)
	r.Header.Set("X-Forwarded-Proto", "https")
	got, err := client.Do(r)
	if err != nil {
		return &answer{}
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		return &answer{} // killed in the middle of it
	}
	a := &answer{status: got.StatusCode, raw: string(raw), header: got.Header}
	_ = json.Unmarshal(raw, &a.body) // a page is none
	return a
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// join opens the link of an invitation in a browser and chooses a password.
func (p *place) join(from, token, name, password string) *answer {
	cookies := map[string]string{}
	visit := func(method, path string, form url.Values) *answer {
		header := http.Header{"Accept": {"text/html"}}
		for name, value := range cookies {
			header.Add("Cookie", name+"="+value)
		}
		var content io.Reader
		if form != nil {
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			content = strings.NewReader(form.Encode())
		}
		a := p.send(from, method, path, header, content)
		for _, line := range a.header.Values("Set-Cookie") {
			if c, err := http.ParseSetCookie(line); err == nil {
				cookies[c.Name] = c.Value
			}
		}
		return a
	}
	if a := visit(http.MethodGet, "/set-password/"+token, nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/set-password/form" {
		return a
	}
	page := visit(http.MethodGet, "/set-password/form", nil)
	if page.status != http.StatusOK {
		return page
	}
	form := url.Values{"name": {name}, "password": {password}}
	if m := csrfField.FindStringSubmatch(page.raw); m != nil {
		form.Set("csrf", m[1])
	}
	return visit(http.MethodPost, "/set-password/form", form)
}
