package edge

import (
	"slices"

	"github.com/mileusna/useragent"

	"doorstep/internal/words"
)

// rawDevice is how much is shown of a User-Agent that we cannot name.
const rawDevice = 120

// Device names a raw User-Agent in the reader's words: "Firefox on Linux". Only
// names that we know are said; the header is the client's to write, and whatever
// else stands in it is shown as it is, cut.
func Device(w words.Words, raw string) string {
	if raw == "" {
		return w.Say("device.unknown")
	}
	ua := useragent.Parse(raw)
	browsers := []string{
		useragent.Chrome, useragent.Edge, useragent.Firefox, useragent.Opera, useragent.Safari, useragent.SamsungBrowser, useragent.Vivaldi,
	}
	systems := []string{
		useragent.Android, useragent.ChromeOS, useragent.FreeBSD, useragent.IOS, useragent.Linux, useragent.MacOS, useragent.Windows,
	}
	if slices.Contains(browsers, ua.Name) && slices.Contains(systems, ua.OS) {
		return w.Say("device.on", words.Args{"browser": ua.Name, "system": ua.OS})
	}
	if runes := []rune(raw); len(runes) > rawDevice {
		return string(runes[:rawDevice-1]) + "…"
	}
	return raw
}
