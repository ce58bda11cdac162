package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// calendar is what a language writes dates with, taken from the catalog once: a list of fifty people would
// otherwise look up the names of the months a hundred times.
type calendar struct {
	months                [13]string // [time.January] to [time.December]; 0 is unused
	first                 string     // the first day of a month: "1º" in Portuguese
	date, dateTime, asUTC template
}

func newCalendar(b *book) (calendar, error) {
	var c calendar
	texts := map[string]*template{
		"time.date": &c.date, "time.datetime": &c.dateTime, "time.utc": &c.asUTC,
	}
	for key, into := range texts {
		e, ok := b.entries[key]
		if !ok {
			return c, fmt.Errorf("%q: %w", key, ErrNoKey)
		}
		*into = e.plain
	}
	for month := time.January; month <= time.December; month++ {
		key := "time.month." + strconv.Itoa(int(month))
		e, ok := b.entries[key]
		if !ok {
			return c, fmt.Errorf("%q: %w", key, ErrNoKey)
		}
		c.months[month] = strings.Join(e.plain, "")
	}
	e, ok := b.entries["time.first"]
	if !ok {
		return c, fmt.Errorf("%q: %w", "time.first", ErrNoKey)
	}
	c.first = strings.Join(e.plain, "")
	return c, nil
}

// Date writes the day of t, in the time zone that t carries: "12 May 2026".
func (w Words) Date(t time.Time) string {
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = w.book.first
	}
	return w.put(w.book.date, Args{
		"day": day, "month": w.book.months[t.Month()], "year": strconv.Itoa(t.Year()),
	})
}

// DateTime writes t to the minute, in the time zone that t carries: "12 May 2026, 14:05". A time in UTC says
// so ("14:05 UTC"), because it is then nobody's own time; in any other zone the reader is taken
// to be at home.
func (w Words) DateTime(t time.Time) string {
	text := w.put(w.book.dateTime, Args{"date": w.Date(t), "clock": t.Format("15:04")})
	if zone, offset := t.Zone(); zone == "UTC" && offset == 0 {
		return w.put(w.book.asUTC, Args{"time": text})
	}
	return text
}

// put fills a text of the calendar. Load has checked that it takes these values, since all languages do.
func (w Words) put(t template, args Args) string {
	text, err := t.fill(w, []Args{args})
	if err != nil {
		return err.Error()
	}
	return text
}

// Duration writes how long something still lasts, in one unit and rounded up, so that nobody comes back a
// moment too soon: "45 seconds" (below 90), "12 minutes" (below 90), "2 hours" (below 36), "3 days".
// Exactly one of the larger unit is called so ("1 hour"). It is never 0: what is over needs a sentence,
// not a number.
func (w Words) Duration(d time.Duration) string {
	units := []struct {
		key   string
		unit  time.Duration
		below time.Duration
	}{
		{"dur.seconds", time.Second, 90 * time.Second},
		{"dur.minutes", time.Minute, 90 * time.Minute},
		{"dur.hours", time.Hour, 36 * time.Hour},
		{"dur.days", 24 * time.Hour, 1<<63 - 1},
	}
	for i, u := range units {
		n := int(max(1, (d-1)/u.unit+1))
		last := i == len(units)-1
		if last || d < u.below && time.Duration(n)*u.unit != units[i+1].unit {
			return w.Say(u.key, Args{"n": n})
		}
	}
	return ""
}

// Ago writes how long before now something was, in one unit and rounded down: "just now", "5 minutes ago",
// "2 days ago". Clocks of servers differ, so a moment ahead is "just now" too; a time well ahead of now is
// written as a date.
func (w Words) Ago(t, now time.Time) string {
	const day = 24 * time.Hour
	units := []struct {
		key   string
		unit  time.Duration
		below time.Duration
	}{
		{"ago.minutes", time.Minute, time.Hour},
		{"ago.hours", time.Hour, day},
		{"ago.days", day, 30 * day},
		{"ago.months", 30 * day, 360 * day},
		{"ago.years", 365 * day, 1<<63 - 1},
	}
	d := now.Sub(t)
	switch {
	case d < -5*time.Minute:
		return w.DateTime(t)
	case d < time.Minute:
		return w.Say("ago.now")
	}
	for _, u := range units {
		if d < u.below {
			return w.Say(u.key, Args{"n": int(max(1, d/u.unit))})
		}
	}
	return w.DateTime(t)
}

// Number writes n with its thousands apart as the language does: 12,345 in English, 12.345 in Portuguese. In
// Spanish, countries differ between the two, so it is the space of the Academy, and from five digits
// on (1234, 12 345).
func (w Words) Number(n int) string {
	digits := strconv.Itoa(n)
	separator, shortest := ",", 4
	switch w.book.language {
	case Spanish:
		separator, shortest = "\u00a0", 5
	case Portuguese:
		separator = "."
	}
	digits, negative := strings.CutPrefix(digits, "-")
	if len(digits) >= shortest {
		for i := len(digits) - 3; i > 0; i -= 3 {
			digits = digits[:i] + separator + digits[i:]
		}
	}
	if negative {
		return "-" + digits
	}
	return digits
}
