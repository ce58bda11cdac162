package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

const connections = 32

// loaded is what one round of load saw.
type loaded struct {
	perSecond float64
	p50, p99  time.Duration
}

// load sends requests over keep-alive connections for a while, each as soon as the
// one before it was answered with 200. It does as little as it can itself, since it
// shares the machine with what it measures; a client of net/http would cost more
// than the server.
func load(address string, requests [][]byte, length time.Duration) (loaded, error) {
	var mu sync.Mutex
	var all []time.Duration
	var errs []error
	var wg sync.WaitGroup
	began := time.Now()
	for c := range connections {
		wg.Go(func() {
			took, err := one(address, requests[c*len(requests)/connections:], requests, began.Add(length))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	if err := errors.Join(errs...); err != nil || len(all) == 0 {
		return loaded{}, fmt.Errorf("load: %w", err)
	}
	slices.Sort(all)
	return loaded{float64(len(all)) / elapsed.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

func one(address string, first, all [][]byte, until time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	took := make([]time.Duration, 0, 1<<16)
	next := first
	for now := time.Now(); now.Before(until); {
		if len(next) == 0 {
			next = all
		}
		if _, err := conn.Write(next[0]); err != nil {
			return nil, err
		}
		next = next[1:]
		if err := readEmpty(r); err != nil {
			return nil, err
		}
		after := time.Now()
		took = append(took, after.Sub(now))
		now = after
	}
	return took, nil
}

var ok, empty = []byte("HTTP/1.1 200"), []byte("Content-Length: 0")

// readEmpty reads an answer that must be 200 and without a body.
func readEmpty(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, ok) {
		return fmt.Errorf("answered %s", strings.TrimSpace(string(line)))
	}
	bodyless := false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		bodyless = bodyless || bytes.HasPrefix(line, empty)
	}
	if !bodyless {
		return errors.New("an answer with a body")
	}
	return nil
}

// requestsOf makes the same request for each token, as a proxy sends it.
func requestsOf(host string, tokens []string) [][]byte {
	requests := make([][]byte, len(tokens))
	for i, token := range tokens {
		requests[i] = []byte("GET /forward-auth HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: bench\r\nAccept: application/json\r\n" +
			"X-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example.com\r\nX-Forwarded-Uri: /orders/17\r\n" +
			"Cookie: doorstep=" + token + "\r\n\r\n")
	}
	return requests
}
