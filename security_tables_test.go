package doorstep_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// This file draws docs/security-*.md from testdata/security and the tags of the tests,
// and fails when they are not as drawn: UPDATE=1 go test -run TestSecurityTables .

// requirement is a line of testdata/security: "ID WEIGHT | what is asked for | verdict".
// The verdict is empty (the tests prove it) or begins with one of verdicts.
type requirement struct{ id, weight, text, verdict, why string }

// verdicts: "in part" says what is missing beside the tests, "note" only explains;
// the other two have no test.
var verdicts = []string{"not applicable", "not met", "in part", "note"}

type chapter struct {
	title string
	rows  []requirement
}

func readRequirements(t *testing.T, name string) (all []chapter) {
	t.Helper()
	text, err := os.ReadFile("testdata/security/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		title, isChapter := strings.CutPrefix(line, "# ")
		switch {
		case line == "" || strings.HasPrefix(line, "//"):
		case isChapter:
			all = append(all, chapter{title: title})
		default:
			cells := strings.SplitN(line, " | ", 3)
			id, weight, _ := strings.Cut(cells[0], " ")
			if len(cells) < 2 || seen[id] || len(all) == 0 {
				t.Fatalf("%s: %q", name, line)
			}
			seen[id] = true
			r := requirement{id: id, weight: weight, text: cells[1]}
			if len(cells) == 3 {
				r.verdict, r.why, _ = strings.Cut(cells[2], ": ")
				if !slices.Contains(verdicts, r.verdict) || len(r.why) < 5 {
					t.Fatalf("%s: %q is no verdict", name, cells[2])
				}
			}
			c := &all[len(all)-1]
			c.rows = append(c.rows, r)
		}
	}
	return all
}

// TestSecurityTables: every requirement names a test that exists, or says that it is
// not met or not applicable, and why. Every tag of a test is a requirement.
func TestSecurityTables(t *testing.T) {
	all, _ := proofs(t)
	by := map[string][]proof{}
	for _, p := range all {
		for _, tag := range p.tags {
			by[tag] = append(by[tag], p)
		}
	}
	known := map[string]bool{}
	for _, table := range []struct {
		name, file, prefix, head string
		levels                   map[string]int // how many there must be of a weight
	}{
		{"asvs", "docs/security-asvs.md", "ASVS ", asvsHead, map[string]int{"1": 70, "2": 183}},
		{"nist", "docs/security-nist.md", "NIST ", nistHead, nil},
		{"attacks", "docs/security-tests.md", "", attacksHead, nil},
	} {
		chapters := readRequirements(t, table.name)
		count := map[string]int{}
		for _, c := range chapters {
			for _, r := range c.rows {
				known[table.prefix+r.id] = true
				count[r.weight]++
				proved := len(by[table.prefix+r.id]) > 0
				if without := r.verdict == "not applicable" || r.verdict == "not met"; without == proved {
					t.Errorf("%s%s: %q, and %d tests name it: %v", table.prefix, r.id, r.verdict, len(by[table.prefix+r.id]), by[table.prefix+r.id])
				}
			}
		}
		for weight, n := range table.levels {
			if count[weight] != n {
				t.Errorf("%s has %d requirements of level %s, want %d", table.name, count[weight], weight, n)
			}
		}
		drawn := draw(table.head, table.prefix, chapters, by)
		was, err := os.ReadFile(table.file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if string(was) == drawn {
			continue
		}
		if os.Getenv("UPDATE") != "1" {
			t.Errorf("%s is not what the tests say: UPDATE=1 go test -run TestSecurityTables .", table.file)
			continue
		}
		if err := os.WriteFile(table.file, []byte(drawn), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(by)) {
		if !known[tag] {
			t.Errorf("%s of %v is in no table", tag, by[tag])
		}
	}
}

func draw(head, prefix string, chapters []chapter, by map[string][]proof) string {
	var b, tally strings.Builder
	count, weights := map[string]map[string]int{}, []string{}
	for _, c := range chapters {
		fmt.Fprintf(&b, "\n## %s\n\n| | | asked for | held by |\n|---|---|---|---|\n", c.title)
		for _, r := range c.rows {
			var cells []string
			for _, p := range by[prefix+r.id] {
				cells = append(cells, p.String())
			}
			held := strings.Join(cells, " · ")
			switch r.verdict {
			case "not applicable", "not met":
				held = "**" + r.verdict + "**: " + r.why
			case "in part":
				held += "<br>**in part**: " + r.why
			case "note":
				held += "<br>" + r.why
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.weight, r.text, held)
			if count[r.weight] == nil {
				count[r.weight] = map[string]int{}
				weights = append(weights, r.weight)
			}
			verdict := r.verdict
			if verdict == "" || verdict == "note" {
				verdict = "met"
			}
			count[r.weight][verdict]++
		}
	}
	slices.Sort(weights)
	fmt.Fprintf(&tally, "\n| | met | in part | not met | not applicable |\n|---|---|---|---|---|\n")
	for _, w := range weights {
		n := count[w]
		fmt.Fprintf(&tally, "| %s | %d | %d | %d | %d |\n", w, n["met"], n["in part"], n["not met"], n["not applicable"])
	}
	return head + tally.String() + b.String()
}

const drawnNote = "\nThis page is drawn: the requirements stand in `testdata/security`, the tests say themselves what they prove, in a line\n" +
	"above them (`grep -rn 'ASVS 6.5.1' --include='*_test.go'`). A test fails when a row has neither a test nor a verdict, or when\n" +
	"this page is not as drawn. Texts are paraphrases; the originals bind.\n"

const (
	asvsHead = "# OWASP ASVS 5.0.0\n\nEvery requirement of levels 1 and 2, and those of level 3 that Doorstep meets. The second column is the level.\n" + drawnNote
	nistHead = "# NIST SP 800-63B-4\n\nThe sections that concern what Doorstep is: a verifier with passwords, authentication codes and recovery codes. The second column\n" +
		"says how strongly it is asked for. No assurance level is claimed: see [security.md](security.md).\n" + drawnNote
	attacksHead = "# Promises, rules, attacks: which test holds what\n" + drawnNote
)

var (
	testNamed   = regexp.MustCompile("`((?:Test|Fuzz)[A-Z0-9][A-Za-z0-9]*)`")
	attackNamed = regexp.MustCompile(`\bT-[A-Z]+-\d+\b`)
)

// TestSecurityNamesWhatThereIs: a test that docs/security.md names exists, and an
// attack is one of the catalogue.
func TestSecurityNamesWhatThereIs(t *testing.T) {
	_, tests := proofs(t)
	attacks := map[string]bool{}
	for _, c := range readRequirements(t, "attacks") {
		for _, r := range c.rows {
			attacks[r.id] = true
		}
	}
	for _, file := range []string{"docs/security.md", "SECURITY.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testNamed.FindAllStringSubmatch(string(text), -1) {
			if !tests[m[1]] {
				t.Errorf("%s names %s, which is no test", file, m[1])
			}
		}
		for _, name := range attackNamed.FindAllString(string(text), -1) {
			if !attacks[name] {
				t.Errorf("%s names %s, which is not in the catalogue", file, name)
			}
		}
		for n := 1; file == "docs/security.md" && n <= 9; n++ {
			if !strings.Contains(string(text), fmt.Sprintf("P%d", n)) {
				t.Errorf("%s says nothing of P%d", file, n)
			}
		}
	}
}
