package edge

import (
	"strings"
	"testing"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
	"doorstep/internal/words/wordstest"
)

func TestPlace(t *testing.T) {
	all := wordstest.Strict(t)
	w := all.In(words.English)
	const server, private = " (the server's own computer)", " (a private network)"
	for address, adds := range map[string]string{
		"127.0.0.1": server, "127.8.9.10": server, "::1": server, "::ffff:127.0.0.1": server,
		"10.1.2.3": private, "172.16.0.1": private, "192.168.1.7": private, "169.254.3.4": private, "100.64.0.1": private,
		"fd12:3456::1": private, "fe80::1": private, "::ffff:10.0.0.1": private,
		"203.0.113.7": "", "172.32.0.1": "", "100.128.0.1": "", "2001:db8::1": "", "0.0.0.0": "", "not an address": "",
	} {
		if got := Place(w, address); got != address+adds {
			t.Errorf("%s is %q", address, got)
		}
	}
	for l, want := range map[words.Language]string{
		words.English: "unknown", words.Spanish: "desconocida", words.Portuguese: "desconhecido",
	} {
		if got := Place(all.In(l), ""); got != want {
			t.Errorf("no address, in %s: %q", l, got)
		}
		if got := Place(all.In(l), "10.0.0.1"); !strings.HasPrefix(got, "10.0.0.1 (") {
			t.Errorf("in %s: %q", l, got)
		}
	}
}

func TestExactly(t *testing.T) {
	w := wordstest.Strict(t).In(words.English)
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5 minutes", 60 * time.Minute: "1 hour", 90 * time.Minute: "90 minutes", 24 * time.Hour: "1 day",
		36 * time.Hour: "36 hours", 30 * 24 * time.Hour: "30 days", 1501 * time.Minute: "1,501 minutes", time.Second: "1 second",
	} {
		if got := Exactly(w, d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	r := &core.Refusal{Code: core.OutOfRange, Args: map[string]any{"min": 5 * time.Minute, "max": 90 * time.Minute}}
	if got := Sentence(w, r); !strings.Contains(got, "5 minutes to 90 minutes") {
		t.Errorf("a range: %q", got)
	}
}
