package words

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPick(t *testing.T) {
	for _, x := range []struct {
		wants []string
		want  Language
	}{
		{nil, English},
		{[]string{""}, English},
		{[]string{"", "", "es"}, Spanish},
		{[]string{"pt-BR", "es"}, Portuguese},
		{[]string{"de", "es"}, Spanish}, // a setting that we no longer speak does not hide the header
		{[]string{"xx-not a tag", "pt"}, Portuguese},
		{[]string{"pt"}, Portuguese},
		{[]string{"pt-PT"}, Portuguese},
		{[]string{"PT-br"}, Portuguese},
		{[]string{"es-MX"}, Spanish},
		{[]string{"es-419,es;q=0.9,en;q=0.8"}, Spanish},
		{[]string{"en-GB,en;q=0.9"}, English},
		{[]string{"pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7"}, Portuguese},
		{[]string{"en;q=0.1, es;q=0.2"}, Spanish},
		{[]string{"en;q=0, es;q=0.2"}, Spanish},
		{[]string{"es;q=0"}, English},
		{[]string{"de-DE,de;q=0.9,pt;q=0.5"}, Portuguese},
		{[]string{"de,fr;q=0.9,zh;q=0.8"}, English},
		{[]string{"gl"}, Spanish}, // Galician: nearer to Spanish than to English
		{[]string{"*"}, English},
		{[]string{"*;q=0.5, es;q=0.1"}, Spanish},
		{[]string{"en_US"}, English},
		{[]string{"es;q=abc, pt"}, Portuguese},
		{[]string{"es;q=", "pt"}, Portuguese},
		{[]string{";;;,,,;q=1,es"}, Spanish},
		{[]string{"\x00\xff, es"}, Spanish},
		{[]string{"  es  "}, Spanish},
		{[]string{"i-nothing, x-private, es"}, Spanish},
		{[]string{strings.Repeat("a", 10_000)}, English},
		{[]string{strings.Repeat("a", 10_000) + ",es"}, Spanish},
		{[]string{strings.Repeat("-", 10_000), "pt"}, Portuguese},
		{[]string{strings.Repeat("de,", 5_000) + "es"}, English}, // beyond what anybody means
		{[]string{"es," + strings.Repeat("en-a-bb-x-", 1_000)}, Spanish},
	} {
		if got := Pick(x.wants...); got != x.want {
			t.Errorf("%.80q gives %s, want %s", x.wants, got, x.want)
		}
	}
}

// A header made to cost time costs about as much as an honest one.
//
// ASVS 1.3.12
func TestPickIsBounded(t *testing.T) {
	for _, header := range []string{
		strings.Repeat("en-a-bb-x-", 1_000),
		strings.Repeat("de-x-aaaaaaaa-bbbbbbbb-cccccccc-dddddd,", 260),
		strings.Repeat(",", 10_000),
		strings.Repeat("u-va-co-;q=0.1,", 700),
	} {
		began := time.Now()
		for range 100 {
			Pick(header)
		}
		if each := time.Since(began) / 100; each > 5*time.Millisecond {
			t.Errorf("%.40q takes %v", header, each)
		}
	}
}

func FuzzPick(f *testing.F) {
	f.Add("pt-BR,pt;q=0.9,en-US;q=0.8")
	f.Add("*;q=0")
	f.Fuzz(func(t *testing.T, header string) {
		if got := Pick(header); !slices.Contains(Languages(), got) {
			t.Errorf("%q gives %q", header, got)
		}
	})
}

func TestLanguages(t *testing.T) {
	names := map[Language]string{English: "English", Spanish: "Español", Portuguese: "Português (Brasil)", "xx": "xx"}
	for l, want := range names {
		if l.Name() != want {
			t.Errorf("%s is called %q", l, l.Name())
		}
		if Known(string(l)) != (l != "xx") {
			t.Errorf("Known(%s) is wrong", l)
		}
	}
	if Known("pt") || Known("") || Known("EN") {
		t.Error("Known takes more than our tags")
	}
}

func BenchmarkPick(b *testing.B) {
	for name, header := range map[string]string{
		"browser": "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7",
		"hostile": strings.Repeat("de-x-aaaaaaaa-bbbbbbbb-cccccccc-dddddd,", 260),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Pick("", header)
			}
		})
	}
}
