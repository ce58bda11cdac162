package forward_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"doorstep/internal/apptest"
)

// BenchmarkServed asks over connections that are kept, as a proxy does.
func BenchmarkServed(b *testing.B) {
	a := proxied(b, apptest.Options{})
	request := "GET /forward-auth HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: application/json\r\n" +
		"X-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example.com\r\nX-Forwarded-Uri: /orders/17\r\nCookie: doorstep=" + a.Session("carla") + "\r\n\r\n"
	const connections = 32
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for range b.N/connections + 1 {
				if _, err := io.WriteString(conn, request); err != nil {
					b.Error(err)
					return
				}
				answer, err := http.ReadResponse(r, nil)
				if err != nil || answer.StatusCode != http.StatusOK {
					b.Error(answer, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
