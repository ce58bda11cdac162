package edge

import (
	"strings"
	"testing"

	"doorstep/internal/words"
	"doorstep/internal/words/wordstest"
)

func TestDevice(t *testing.T) {
	w := wordstest.Strict(t).In(words.English)
	for raw, want := range map[string]string{
		"": "Unknown device",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                   "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1": "Safari on iOS",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36":                         "Chrome on Android",
		"curl/8.5.0":                  "curl/8.5.0",
		"Your-Bank/1.0 (Linux) call!": "Your-Bank/1.0 (Linux) call!",
		strings.Repeat("é", 500):      strings.Repeat("é", 119) + "…",
	} {
		if got := Device(w, raw); got != want {
			t.Errorf("%q is called %q, want %q", raw, got, want)
		}
	}
	if got := Device(wordstest.Strict(t).In(words.Spanish), "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"); got != "Firefox en Linux" {
		t.Errorf("in Spanish: %q", got)
	}
}
