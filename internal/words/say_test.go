package words

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSay(t *testing.T) {
	c := loaded(t)
	en, es, pt := c.In(English), c.In(Spanish), c.In(Portuguese)
	for _, x := range []struct{ got, want string }{
		{en.Say("nav.home"), "Home"},
		{en.Say("rail.step", Args{"n": 1}), "Step 1"}, // {n} in a text without forms is only a number
		{es.Say("team.people", Args{"n": 1}), "1 persona."},
		{es.Say("team.people", Args{"n": 1_000_000}), "1\u00a0000\u00a0000 personas."},
		{pt.Say("dur.minutes", Args{"n": 0}), "0 minuto"}, // zero is singular in Brazil
		{pt.Say("dur.minutes", Args{"n": 2}), "2 minutos"},
		{en.Say("dur.minutes", Args{"n": 0}), "0 minutes"},
		{en.Say("dur.days", Args{"n": int64(1)}), "1 day"},
		{en.Say("two.codes", Args{"n": 9, "m": 10}), "9 of 10 recovery codes left"},
		{en.Say("signin.wait", Args{"time": 12 * time.Minute}), "Too many tries. You can try again in 12 minutes."},
		{
			es.Say("two.grace", Args{"at": time.Date(2026, 5, 12, 14, 5, 59, 0, time.UTC)}),
			"Tu equipo la exige. Actívala a más tardar el 12 de mayo de 2026, 14:05 UTC.",
		},
		{en.Say("welcome.title", Args{"team": "a"}, Args{"team": "b"}), "Welcome to b"},
		{en.Say("welcome.title", Args{"team": errors.New("odd")}), "Welcome to odd"},
		{en.Say("welcome.title", Args{"team": ""}), "Welcome to "},
		{en.Say("csv.badrole", Args{"role": "boss"}), "“boss” is not a role. Use owner, admin or member."},
	} {
		if x.got != x.want {
			t.Errorf("got %q, want %q", x.got, x.want)
		}
	}
	if got := c.In("xx").Language(); got != English {
		t.Errorf("a language that we do not speak gives %s", got)
	}
}

// What people write is never read as a text of ours: neither as a template nor as a {name}, in plain
// texts and in plural forms, in every language.
//
// ASVS 1.3.7, ASVS 1.3.10
func TestValuesAreVerbatim(t *testing.T) {
	for _, l := range Languages() {
		w := loaded(t).In(l)
		for _, value := range []string{
			"{{.x}}", "{{template \"x\"}}", "{name}", "{n}", "{", "}}", "<b>bold</b>", "%s%d%!", "$1 \\1", "a\nb", "\x00", "«»", "⟦x⟧",
		} {
			for key, args := range map[string]Args{
				"re.q":    {"name": value},
				"re.done": {"name": value, "n": 2},
			} {
				got, err := w.Try(key, args)
				if err != nil || strings.Count(got, value) != 1 {
					t.Errorf("%s: %s with %q says %q, %v", l, key, value, got, err)
				}
			}
		}
	}
}

func TestSayWhatCannotBeSaid(t *testing.T) {
	var reported []string
	c := loaded(t).Strict(func(l Language, key string, err error) {
		reported = append(reported, string(l)+" "+key+": "+err.Error())
	})
	w := c.In(Spanish)
	for _, x := range []struct {
		key  string
		args Args
		err  error
	}{
		{"no.such.key", nil, ErrNoKey},
		{"", nil, ErrNoKey},
		{"welcome.title", nil, ErrNoValue},
		{"welcome.title", Args{"name": "x"}, ErrNoValue},
		{"welcome.title", Args{"team": nil}, ErrNoValue},
		{"team.people", nil, ErrNoValue},
		{"team.people", Args{"n": "3"}, ErrNoValue},
		{"team.people", Args{"n": 3.5}, ErrNoValue},
		{"re.done", Args{"n": 3}, ErrNoValue},
	} {
		before := len(reported)
		if got, want := w.Say(x.key, x.args), "⟦"+x.key+"⟧"; got != want {
			t.Errorf("%s says %q, want %q", x.key, got, want)
		}
		if len(reported) != before+1 {
			t.Errorf("%s was not reported", x.key)
		}
		if _, err := w.Try(x.key, x.args); !errors.Is(err, x.err) {
			t.Errorf("%s: %v, want %v", x.key, err, x.err)
		}
	}
	if loaded(t).In(English).Say("no.such.key") != "⟦no.such.key⟧" {
		t.Error("without Strict: not marked")
	}
	if w.Has("no.such.key") || !w.Has("nav.home") {
		t.Error("Has is wrong")
	}
}

// Many requests speak at once; the race detector looks on.
func TestSayTogether(t *testing.T) {
	c := loaded(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			w := c.In(Languages()[i%3])
			for n := range 100 {
				w.Say("re.done", Args{"name": "x", "n": n})
				w.DateTime(time.Unix(int64(n), 0))
				Pick("", "pt;q=0.5, es")
			}
		})
	}
	all.Wait()
}

func BenchmarkSay(b *testing.B) {
	w := loaded(b).In(Portuguese)
	for name, key := range map[string]string{"plain": "re.q", "plural": "re.done"} {
		args := Args{"name": "Carla Nguyen", "n": 3}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.Say(key, args)
			}
		})
	}
}

func BenchmarkDateTime(b *testing.B) {
	w, now := loaded(b).In(Portuguese), time.Now()
	for b.Loop() {
		w.DateTime(now)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		loaded(b)
	}
}
