package words

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func loaded(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return c
}

// raw is a language's file as it stands: every text of every key by plural form, "" for a plain one.
func raw(t testing.TB, l Language) map[string]map[string]string {
	t.Helper()
	data, err := fs.ReadFile(Files(), string(l)+".json")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("%s.json: %v", l, err)
	}
	texts := map[string]map[string]string{}
	for key, value := range file {
		texts[key] = map[string]string{}
		switch value := value.(type) {
		case string:
			texts[key][""] = value
		case map[string]any:
			for form, text := range value {
				texts[key][form] = text.(string)
			}
		default:
			t.Fatalf("%s.json: %s is a %T", l, key, value)
		}
	}
	return texts
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Load checks the same; this reads the files without it, so that neither hides a mistake of the other.
func TestLanguagesAgree(t *testing.T) {
	english := raw(t, English)
	forms := map[Language][]string{
		English: {"one", "other"}, Spanish: {"many", "one", "other"}, Portuguese: {"many", "one", "other"},
	}
	for _, l := range Languages() {
		texts := raw(t, l)
		if got, want := slices.Sorted(maps.Keys(texts)), slices.Sorted(maps.Keys(english)); !slices.Equal(got, want) {
			t.Errorf("%s: other keys than English", l)
		}
		for key, all := range texts {
			if _, plain := english[key][""]; plain {
				if _, plain := all[""]; !plain || len(all) != 1 {
					t.Errorf("%s: %s has plural forms, in English none", l, key)
				}
				if !slices.Equal(placeholders(all[""]), placeholders(english[key][""])) {
					t.Errorf("%s: %s: takes other values than in English", l, key)
				}
				continue
			}
			if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, forms[l]) {
				t.Errorf("%s: %s has the forms %v, want %v", l, key, got, forms[l])
			}
			for form, text := range all {
				if !slices.Equal(placeholders(text), placeholders(english[key]["other"])) {
					t.Errorf("%s: %s: %s takes other values than in English", l, key, form)
				}
			}
			if l != English && all["many"] != all["other"] {
				t.Errorf("%s: %s: many is not other", l, key)
			}
		}
	}
}

// Files stay sorted, so that a key has one place, and no key stands twice (the later would win in silence).
func TestFilesAreSorted(t *testing.T) {
	line := regexp.MustCompile(`(?m)^  "([^"]+)":`)
	for _, l := range Languages() {
		data, err := fs.ReadFile(Files(), string(l)+".json")
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, m := range line.FindAllStringSubmatch(string(data), -1) {
			keys = append(keys, m[1])
		}
		for i := 1; i < len(keys); i++ {
			if keys[i-1] >= keys[i] {
				t.Errorf("%s.json: %s stands before %s", l, keys[i-1], keys[i])
			}
		}
		if len(keys) != len(raw(t, l)) {
			t.Errorf("%s.json: %d lines for %d keys", l, len(keys), len(raw(t, l)))
		}
	}
}

// Every key can be said, with the values it asks for and with no other.
func TestEveryKeyIsSaid(t *testing.T) {
	c := loaded(t).Strict(func(_ Language, _ string, err error) { t.Error(err) })
	english := raw(t, English)
	for _, l := range Languages() {
		w := c.In(l)
		for _, key := range c.Keys() {
			text, plain := english[key][""]
			if !plain {
				text = english[key]["other"]
			}
			args := Args{}
			for _, name := range placeholders(text) {
				args[strings.Trim(name, "{}")] = sample(strings.Trim(name, "{}"))
			}
			counts := []int{2}
			if !plain {
				counts = []int{0, 1, 2, 11, 1_000_000}
			}
			for _, n := range counts {
				if _, ok := args["n"]; ok {
					args["n"] = n
				}
				said, err := w.Try(key, args)
				if err != nil {
					t.Errorf("%s: %v", l, err)
				}
				if said == "" || strings.ContainsAny(said, "{}⟦⟧%") || strings.TrimSpace(said) != said {
					t.Errorf("%s: %s says %q", l, key, said)
				}
			}
			for name := range args {
				fewer := maps.Clone(args)
				delete(fewer, name)
				if _, err := w.Try(key, fewer); !errors.Is(err, ErrNoValue) {
					t.Errorf("%s: %s without {%s}: %v", l, key, name, err)
				}
			}
		}
	}
}

// sample is a value of the kind that callers pass under a name.
func sample(name string) any {
	switch name {
	case "n", "m":
		return 3
	case "time":
		return 12 * time.Minute
	case "at", "started":
		return time.Date(2026, 5, 12, 14, 5, 0, 0, time.UTC)
	}
	return "Ada & Co <ada@example.com>"
}

func TestLoadFS(t *testing.T) {
	c, err := LoadFS(fstest.MapFS{
		"en.json":  {Data: []byte(`{"signin.title": "Come in", "welcome.title": "{team}: hello"}`)},
		"README":   {Data: []byte("not ours")},
		"es.json":  {Data: []byte(`{"dur.days": {"one": "{n} jornada", "many": "{n} jornadas", "other": "{n} jornadas"}}`)},
		"sub/x.js": {Data: []byte("not ours")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.In(English).Say("signin.title"):                       "Come in",
		c.In(English).Say("welcome.title", Args{"team": "Ada"}): "Ada: hello",
		c.In(English).Say("signin.email"):                       "Email",
		c.In(Portuguese).Say("signin.title"):                    "Entrar",
		c.In(Spanish).Duration(72 * time.Hour):                  "3 jornadas",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLoadFSRefuses(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"nothing":             {},
		"an unknown language": {"de.json": {Data: []byte(`{}`)}},
		"pt for pt-BR":        {"pt.json": {Data: []byte(`{}`)}},
		"an unknown key":      {"en.json": {Data: []byte(`{"signin.titel": "Come in"}`)}},
		"another value":       {"en.json": {Data: []byte(`{"welcome.title": "Hello {name}"}`)}},
		"a value less":        {"en.json": {Data: []byte(`{"welcome.title": "Hello"}`)}},
		"a plural too much":   {"en.json": {Data: []byte(`{"signin.title": {"one": "a", "other": "b"}}`)}},
		"a plural too little": {"en.json": {Data: []byte(`{"dur.days": "{n} days"}`)}},
		"many is missing":     {"es.json": {Data: []byte(`{"dur.days": {"one": "{n} a", "other": "{n} b"}}`)}},
		"one is missing":      {"en.json": {Data: []byte(`{"dur.days": {"other": "{n} b", "description": "x"}}`)}},
		"a form not used":     {"en.json": {Data: []byte(`{"dur.days": {"zero": "0", "one": "{n} a", "other": "{n} b"}}`)}},
		"forms that differ":   {"en.json": {Data: []byte(`{"two.codes": {"one": "{n}", "other": "{n} {m}"}}`)}},
		"an empty text":       {"en.json": {Data: []byte(`{"signin.title": ""}`)}},
		"an open brace":       {"en.json": {Data: []byte(`{"welcome.title": "{team"}`)}},
		"a lone brace":        {"en.json": {Data: []byte(`{"welcome.title": "{team} }"}`)}},
		"a template":          {"en.json": {Data: []byte(`{"welcome.title": "{{.team}}"}`)}},
		"a list":              {"en.json": {Data: []byte(`["signin.title"]`)}},
		"not JSON":            {"en.json": {Data: []byte(`signin.title: Come in`)}},
		"a bad plural text":   {"en.json": {Data: []byte(`{"dur.days": {"one": "{n", "other": "{n} b"}}`)}},
	} {
		if _, err := LoadFS(files); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestFilesMustFit(t *testing.T) {
	for name, change := range map[string]func(texts map[Language]map[string]any){
		"a key less in es":   func(all map[Language]map[string]any) { delete(all[Spanish], "signin.title") },
		"a key more in es":   func(all map[Language]map[string]any) { all[Spanish]["signin.x"] = "x" },
		"another value":      func(all map[Language]map[string]any) { all[Spanish]["welcome.title"] = "{equipo}" },
		"no language":        func(all map[Language]map[string]any) { delete(all, Portuguese) },
		"no month":           func(all map[Language]map[string]any) { delete(all[English], "time.month.12") },
		"no form for dates":  func(all map[Language]map[string]any) { delete(all[English], "time.date") },
		"no first of months": func(all map[Language]map[string]any) { delete(all[English], "time.first") },
	} {
		all := map[Language]map[string]any{}
		for _, l := range Languages() {
			data, _ := fs.ReadFile(Files(), string(l)+".json")
			var texts map[string]any
			if err := json.Unmarshal(data, &texts); err != nil {
				t.Fatal(err)
			}
			all[l] = texts
		}
		change(all)
		files := fstest.MapFS{}
		for l, texts := range all {
			data, _ := json.Marshal(texts)
			files[string(l)+".json"] = &fstest.MapFile{Data: data}
		}
		if _, err := load(files); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The refusals say what the page beside them says: whoever betters one text betters the other.
func TestTwinsSayTheSame(t *testing.T) {
	texts := map[Language]map[string]map[string]string{}
	for _, l := range Languages() {
		texts[l] = raw(t, l)
	}
	for key, twin := range map[string]string{
		"refusal.wrong-credentials": "signin.wrong", "refusal.too-many-tries": "signin.wait",
		"refusal.password-blocked": "signin.blocked", "refusal.account-closed": "signin.closed",
		"refusal.wrong-code": "step.nomatch", "refusal.code-used": "step.used",
		"refusal.code-empty": "step.empty", "refusal.code-length": "step.length",
		"refusal.authenticator-wait": "step.wait", "refusal.authenticator-blocked": "step.blocked",
		"refusal.attempt-over": "step.timeout", "refusal.recovery-code-length": "rec.length",
		"refusal.recovery-code-typo": "rec.typo", "refusal.wrong-recovery-code": "rec.nomatch",
		"refusal.recovery-wait": "rec.wait", "refusal.recovery-blocked": "rec.blocked",
		"refusal.same-code": "off.same", "refusal.no-recovery-codes": "off.nocodes",
		"refusal.activation-required": "err.due", "refusal.activation-expired": "act.expired",
		"refusal.authentication-code-required": "up.notrec", "refusal.not-saved": "codes.ackmissing",
		"refusal.admin-only": "err.adminonly", "refusal.owner-only": "err.owneronly",
		"refusal.changed-meanwhile": "err.changed", "refusal.internal": "err.server",
		"refusal.reason-missing": "re.reasonmissing", "refusal.reason-too-long": "re.reasonlong",
		"refusal.password-too-short": "setpw.short", "refusal.password-too-long": "setpw.long",
		"refusal.password-common": "setpw.known", "refusal.password-personal": "setpw.personal",
		"refusal.password-change-required": "setpw.must", "refusal.link-gone": "setpw.gone",
		"refusal.last-owner": "no.lastowner", "refusal.setup-used": "setup.used",
		"refusal.no-owner-yet": "setup.none", "refusal.session-ended": "ended.unknown",
		"ended.signed_out": "signin.out", "ended.idle": "signin.idle",
		"ended.deactivated": "signin.deactivated", "ended.restarted": "signin.restarted",
		"ended.activated": "signin.activated", "ended.elsewhere": "signin.elsewhere",
		"ended.password_set": "setpw.done", "ended.closed": "signin.closed",
		"setpw.title": "forgot.title", "off.labelapp": "step.label", "me.title": "nav.me",
		"team.title": "nav.team", "help.title": "nav.help", "print.title": "codes.heading",
		"me.sessions": "sess.count", "user.sessions.count": "sess.count",
		"ev.second_step.refused": "ev.second_step.failed",
		"refusal.wrong-pass":     "pass.nomatch", "refusal.restart-limit": "re.limit",
	} {
		for _, l := range Languages() {
			if texts[l][key] == nil || !reflect.DeepEqual(texts[l][key], texts[l][twin]) {
				t.Errorf("%s: %s and %s differ", l, key, twin)
			}
		}
	}
}

// Every refusal and every reason has both of its halves.
func TestFamiliesAreWhole(t *testing.T) {
	c := loaded(t)
	w := c.In(English)
	for _, key := range c.Keys() {
		if rest, ok := strings.CutPrefix(key, "refusal."); ok && !strings.HasSuffix(rest, ".title") && !w.Has(key+".title") {
			t.Errorf("%s has no title", key)
		}
		if base, ok := strings.CutSuffix(key, ".title"); ok && strings.HasPrefix(key, "refusal.") && !w.Has(base) {
			t.Errorf("%s has no text", key)
		}
		if strings.HasPrefix(key, "ended.") && !strings.HasSuffix(key, ".short") && !w.Has(key+".short") {
			t.Errorf("%s has no short form", key)
		}
		if base, ok := strings.CutSuffix(key, ".s"); ok && strings.HasPrefix(key, "mail.") && !w.Has(base+".b") {
			t.Errorf("%s has no body", key)
		}
	}
}

func ExampleCatalog() {
	catalog, err := Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range Languages() {
		w := catalog.In(l)
		fmt.Println(w.Say("re.sessions", Args{"n": 1}), w.Say("signin.wait", Args{"time": 90 * time.Second}))
	}
	// Output:
	// 1 session ends. Too many tries. You can try again in 2 minutes.
	// Se cierra 1 sesión. Demasiados intentos. Puedes volver a intentarlo en 2 minutos.
	// 1 sessão é encerrada. Muitas tentativas. Você pode tentar de novo em 2 minutos.
}
