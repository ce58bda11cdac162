package doorstep_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
)

// docs/security.md is whole: every table of the store has its class, every file of the
// key folder its row, and each section that a standard asks for is there. That nothing
// says "phishing-resistant" of what is typed is held too.
//
// ASVS 5.1.1, ASVS 6.1.2, ASVS 7.1.2, ASVS 11.1.1, ASVS 11.1.2, ASVS 13.1.1, ASVS 14.1.1, ASVS 14.1.2, ASVS 15.1.1, ASVS 15.1.3
// ASVS 16.1.1, ASVS 16.2.3, NIST 3.2.5, NIST 4.2.1
func TestSecurityDocumentsAreWhole(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	security := read("docs/security.md")
	_, data, _ := strings.Cut(security, `<a id="data"></a>`)
	data, _, _ = strings.Cut(data, "<a id=")
	var classified []string
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(data, -1) {
		classified = append(classified, m[1])
	}
	slices.Sort(classified)
	tables := append(apptest.Start(t, apptest.Options{}).Tables(), "session_changes") // of PostgreSQL alone
	slices.Sort(tables)
	tables = slices.Compact(tables)
	for _, name := range tables {
		if !slices.Contains(classified, name) {
			t.Errorf("docs/security.md does not say how the data of %s is kept", name)
		}
	}
	for _, name := range classified {
		if strings.HasSuffix(name, "s") && !slices.Contains(tables, name) {
			t.Errorf("docs/security.md keeps data in %s, which is no table", name)
		}
	}
	for name, wants := range map[string][]string{
		"docs/security.md": {
			`<a id="threats">`, `<a id="restart">`, `<a id="devices">`, `<a id="keys">`, `<a id="logs">`, `<a id="connections">`, `<a id="costly">`, `<a id="libraries">`, `<a id="words">`,
			"pepper.key", "sealing.json", "master.key", "within seven days", "not phishing-resistant", "risk analysis", "4.2.1",
		},
		"docs/features/import.md":  {"60 KiB", "1,000 people"},
		"docs/features/session.md": {"as many sessions as they open"},
		"docs/operations.md":       {"doorstep restored", "answers 421"},
	} {
		text := read(name)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", name, want)
			}
		}
	}
	for _, l := range []string{"en", "es", "pt-BR"} {
		if text := strings.ToLower(read("internal/words/messages/" + l + ".json")); regexp.MustCompile(`phishing-resist|resistente[s]? (al|a) phishing|\baal[23]\b`).MatchString(text) {
			t.Errorf("%s: a page claims what codes are not", l)
		}
	}
	if core.FewCodes != 2 {
		t.Error("the documents say that people are told from two codes down")
	}
}
