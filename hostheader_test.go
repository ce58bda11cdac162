package doorstep_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
)

// TestNoHostOfARequestGetsIntoALetter is T-HOST-1: what a request says of hosts, in
// each way in which it can, is in no letter and in no Location. Every link of every
// letter begins with --url.
//
// ASVS 1.2.2, T-HOST-1
func TestNoHostOfARequestGetsIntoALetter(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{})
	carla, ana := a.Session("carla"), a.Session("ana")
	lines := []string{
		"Host: " + a.Listen, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "Forwarded: host=evil.example;proto=https",
		"X-Original-URL: https://evil.example/", "X-Forwarded-Prefix: /evil.example", "Origin: https://evil.example", "Referer: https://evil.example/",
	}
	said := 0
	say := func(token, method, address string, body any) {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		answer := raw(t, a.Listen, append([]string{
			method + " " + address + " HTTP/1.1", "Authorization: Bearer " + token, "Content-Type: application/json",
			fmt.Sprintf("Content-Length: %d", len(text)), "Connection: close",
		}, lines...), text)
		if answer.StatusCode < 300 {
			said++
		}
		if location := answer.Header.Get("Location"); strings.Contains(location, "evil.example") {
			t.Errorf("%s %s leads to %s", method, address, location)
		}
	}
	for _, at := range []string{"/api/v1", "http://" + a.Listen + "/api/v1"} { // also as to a proxy; a strange Host is TestStrangeHosts's
		email := map[string]string{"/api/v1": "one@home.example"}[at]
		if email == "" {
			email = "two@home.example"
		}
		say(carla, "PUT", at+"/notification-address?next=https://evil.example/&return=https://evil.example/", map[string]any{"email": email})
		say(ana, "POST", at+"/team/users?next=https://evil.example/", map[string]any{"email": email, "role": "member", "url": nil})
		say(ana, "POST", at+"/team/users", map[string]any{"email": email, "role": "member"})
		say("", "POST", at+"/password/forgot", map[string]any{"email": "elena@example.com"})
		say(ana, "PUT", at+"/email", map[string]any{"email": email})
		say(ana, "POST", at+"/team/users/"+a.Person("carla").ID+"/restart-two-step", map[string]any{"reason": "lost phone", "verified_by": "in_person"})
	}
	raw(t, a.Listen, append([]string{"GET /team HTTP/1.1", "Connection: close"}, lines...), nil)
	if said < 4 {
		t.Errorf("only %d acts were done", said)
	}
	letters := a.Letters()
	for _, m := range letters {
		both := m.Subject + "\n" + m.Text + "\n" + m.HTML
		if strings.Contains(both, "evil.example") {
			t.Errorf("%s to %s names the host of a request:\n%s", m.Subject, m.To, both)
		}
		for _, link := range regexp.MustCompile(`[a-z]+://[^\s"<]*`).FindAllString(both, -1) {
			if !strings.HasPrefix(link, a.URL+"/") {
				t.Errorf("%s to %s has a link to %s", m.Subject, m.To, link)
			}
		}
	}
	if len(letters) < 6 {
		t.Errorf("only %d letters", len(letters))
	}
}

// raw says exactly these lines.
func raw(t *testing.T, address string, lines []string, body []byte) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), body...)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer
}
