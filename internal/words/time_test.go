package words

import (
	"testing"
	"time"
)

// inAll is what the three languages say, in the order of Languages.
type inAll [3]string

func (want inAll) check(t *testing.T, c *Catalog, what any, say func(Words) string) {
	t.Helper()
	for i, l := range Languages() {
		if got := say(c.In(l)); got != want[i] {
			t.Errorf("%v in %s: %q, want %q", what, l, got, want[i])
		}
	}
}

const day = 24 * time.Hour

func TestDuration(t *testing.T) {
	c := loaded(t)
	for _, x := range []struct {
		d    time.Duration
		want inAll
	}{
		{-time.Hour, inAll{"1 second", "1 segundo", "1 segundo"}}, // never 0: see Duration
		{0, inAll{"1 second", "1 segundo", "1 segundo"}},
		{1, inAll{"1 second", "1 segundo", "1 segundo"}},
		{time.Second + 1, inAll{"2 seconds", "2 segundos", "2 segundos"}},
		{45 * time.Second, inAll{"45 seconds", "45 segundos", "45 segundos"}},
		{59*time.Second + 1, inAll{"1 minute", "1 minuto", "1 minuto"}},
		{time.Minute, inAll{"1 minute", "1 minuto", "1 minuto"}},
		{time.Minute + 1, inAll{"61 seconds", "61 segundos", "61 segundos"}},
		{90*time.Second - 1, inAll{"90 seconds", "90 segundos", "90 segundos"}},
		{90 * time.Second, inAll{"2 minutes", "2 minutos", "2 minutos"}},
		{12 * time.Minute, inAll{"12 minutes", "12 minutos", "12 minutos"}},
		{11*time.Minute + 1, inAll{"12 minutes", "12 minutos", "12 minutos"}},
		{time.Hour - 1, inAll{"1 hour", "1 hora", "1 hora"}},
		{time.Hour, inAll{"1 hour", "1 hora", "1 hora"}},
		{time.Hour + 1, inAll{"61 minutes", "61 minutos", "61 minutos"}},
		{90 * time.Minute, inAll{"2 hours", "2 horas", "2 horas"}},
		{day, inAll{"1 day", "1 día", "1 dia"}},
		{25 * time.Hour, inAll{"25 hours", "25 horas", "25 horas"}},
		{36*time.Hour - 1, inAll{"36 hours", "36 horas", "36 horas"}},
		{36 * time.Hour, inAll{"2 days", "2 días", "2 dias"}},
		{72 * time.Hour, inAll{"3 days", "3 días", "3 dias"}},
		{72*time.Hour + 1, inAll{"4 days", "4 días", "4 dias"}},
		{1<<63 - 1, inAll{"106,752 days", "106\u00a0752 días", "106.752 dias"}},
	} {
		x.want.check(t, c, x.d, func(w Words) string { return w.Duration(x.d) })
	}
}

func TestDateTime(t *testing.T) {
	c := loaded(t)
	brasilia := time.FixedZone("-03", -3*60*60)
	for _, x := range []struct {
		at   time.Time
		want inAll
	}{
		{time.Date(2026, 5, 12, 14, 5, 0, 0, time.UTC), inAll{
			"12 May 2026, 14:05 UTC", "12 de mayo de 2026, 14:05 UTC", "12 de maio de 2026, 14:05 UTC",
		}},
		{time.Date(2026, 1, 1, 0, 0, 59, 0, brasilia), inAll{
			"1 January 2026, 00:00", "1 de enero de 2026, 00:00", "1º de janeiro de 2026, 00:00",
		}},
		{time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC).In(brasilia), inAll{
			"31 December 2026, 20:59", "31 de diciembre de 2026, 20:59", "31 de dezembro de 2026, 20:59",
		}},
	} {
		x.want.check(t, c, x.at, func(w Words) string { return w.DateTime(x.at) })
	}
	inAll{"3 March 2026", "3 de marzo de 2026", "3 de março de 2026"}.check(t, c, "date", func(w Words) string {
		return w.Date(time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC))
	})
}

func TestAgo(t *testing.T) {
	c := loaded(t)
	now := time.Date(2026, 5, 12, 14, 5, 0, 0, time.UTC)
	for _, x := range []struct {
		before time.Duration
		want   inAll
	}{
		{0, inAll{"just now", "hace un momento", "agora mesmo"}},
		{-5 * time.Minute, inAll{"just now", "hace un momento", "agora mesmo"}}, // clocks differ
		{time.Minute - 1, inAll{"just now", "hace un momento", "agora mesmo"}},
		{time.Minute, inAll{"1 minute ago", "hace 1 minuto", "há 1 minuto"}},
		{time.Hour - 1, inAll{"59 minutes ago", "hace 59 minutos", "há 59 minutos"}},
		{time.Hour, inAll{"1 hour ago", "hace 1 hora", "há 1 hora"}},
		{day - 1, inAll{"23 hours ago", "hace 23 horas", "há 23 horas"}},
		{day, inAll{"1 day ago", "hace 1 día", "há 1 dia"}},
		{2*day + 5*time.Hour, inAll{"2 days ago", "hace 2 días", "há 2 dias"}},
		{30 * day, inAll{"1 month ago", "hace 1 mes", "há 1 mês"}},
		{359 * day, inAll{"11 months ago", "hace 11 meses", "há 11 meses"}},
		{360 * day, inAll{"1 year ago", "hace 1 año", "há 1 ano"}},
		{800 * day, inAll{"2 years ago", "hace 2 años", "há 2 anos"}},
		{-5*time.Minute - 1, inAll{ // a wrong clock, or a time to come: no "ago"
			"12 May 2026, 14:10 UTC", "12 de mayo de 2026, 14:10 UTC", "12 de maio de 2026, 14:10 UTC",
		}},
	} {
		x.want.check(t, c, x.before, func(w Words) string { return w.Ago(now.Add(-x.before), now) })
	}
}

func TestNumber(t *testing.T) {
	c := loaded(t)
	for _, x := range []struct {
		n    int
		want inAll
	}{
		{0, inAll{"0", "0", "0"}},
		{999, inAll{"999", "999", "999"}},
		{-999, inAll{"-999", "-999", "-999"}},
		{1234, inAll{"1,234", "1234", "1.234"}},
		{-12345, inAll{"-12,345", "-12\u00a0345", "-12.345"}},
		{1234567, inAll{"1,234,567", "1\u00a0234\u00a0567", "1.234.567"}},
	} {
		x.want.check(t, c, x.n, func(w Words) string { return w.Number(x.n) })
	}
}
