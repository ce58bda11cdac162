package cli

import (
	"strings"
	"testing"
)

// What core refuses is said in a sentence for the console, and the exit code is 1.
func TestRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	add := func(email, name, role string, more ...string) []string {
		return append([]string{"user", "add", "--email", email, "--name", name, "--role", role}, more...)
	}
	const good = "paper-and-spruce\n"
	for _, c := range []struct {
		stdin string
		args  []string
		want  string // what standard error begins with; "" for done
	}{
		{"", add("a@example.com", "A", "member"), "it is not clear which team is meant"},
		{"", add("a@example.com", "A", "owner"), "it is not clear which team is meant"},
		{"", add("a@example.com", "A", "member", "--team", "Northwind"), "there is no team of this name: see doorstep user list, or make it"},
		{good, add("ana@example.com", "Ana", "owner", "--team", "Northwind", "--password-stdin"), ""},
		{"paper-and-spruce\r\n", add("dmitri@example.com", "Dmitri", "member", "--password-stdin"), ""},
		{"paper-and-spruce", add("elena@example.com", "Elena", "admin", "--password-stdin"), ""},
		{"", add("DMITRI@example.com", "Dmitri", "member"), "somebody has this email address already: see doorstep user list"},
		{"", add("ana at example", "Ana", "member"), "--email is no email address"},
		{"", add("f@example.com", " ", "member"), "--name is empty"},
		{"", add("f@example.com", strings.Repeat("n", 101), "member"), "the name is longer than 100 characters"},
		{"open-sesame\n", add("f@example.com", "F", "member", "--password-stdin"), "the password is too short: choose one of 15 characters or more"},
		{strings.Repeat("long ", 60), add("f@example.com", "F", "member", "--password-stdin"), "the password is longer than 256 characters"},
		{"passwordpassword\n", add("f@example.com", "F", "member", "--password-stdin"), "the password is on the lists"},
		{"\n", add("f@example.com", "F", "member", "--password-stdin"), "standard input holds no password"},
		{"", add("f@example.com", "F", "member", "--password-stdin"), "standard input holds no password"},
		{"", []string{"setup-link"}, "there is an owner already"},
		{"", []string{"restart", "nobody@example.com", "--reason", "Lost the phone"}, "nobody has this email address: see doorstep user list"},
		{"", []string{"restart", "ana@example.com", "--reason", "x"}, "--reason is too short"},
		{"", []string{"restart", "ana@example.com", "--reason", strings.Repeat("why ", 60)}, "--reason is longer than 200 characters"},
		{"", []string{"restart", "dmitri@example.com", "--reason", "Lost the phone"}, "there is nothing to restart"},
		{"", []string{"user", "bring-back", "nobody@example.com", "--reason", "Met her"}, "nobody has this email address: see doorstep user list"},
		{"", []string{"user", "bring-back", "dmitri@example.com", "--reason", "Met him"}, "this account is not suspended"},
		{"", []string{"user", "bring-back", "dmitri@example.com", "--reason", "x"}, "--reason is too short"},
		{"", []string{"user", "list", "--team", "Nowhere"}, "there is no team of this name"},
		{"", add("zoe@example.com", "Zoe", "owner", "--team", "Elsewhere"), ""},
		{"", add("g@example.com", "G", "member"), "it is not clear which team is meant, because there is none yet or more than one: name it with --team"},
	} {
		code, stdout, stderr := typed(t, c.stdin, c.args...)
		if c.want == "" {
			if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "id: ") {
				t.Errorf("%q: %d %q %q", c.args, code, stdout, stderr)
			}
			continue
		}
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "doorstep: "+c.want) || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "sesame") {
			t.Errorf("%q: %d %q %q\nwant %s", c.args, code, stdout, stderr, c.want)
		}
	}
}

// With more than one team each row says whose it is.
func TestListOfSeveralTeams(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, team := range []string{"Northwind", "Elsewhere"} {
		if code, _, stderr := ran(t, nil, "user", "add", "--email", team+"@example.com", "--name", "Ana", "--role", "owner", "--team", team); code != 0 {
			t.Fatal(stderr)
		}
	}
	_, all, _ := ran(t, nil, "user", "list")
	if !strings.Contains(all, "LAST SIGN-IN  TEAM\n") || !strings.Contains(all, "never         Elsewhere\n") {
		t.Errorf("%s", all)
	}
	_, one, _ := ran(t, nil, "user", "list", "--team", "elsewhere")
	if strings.Contains(one, "TEAM") || strings.Contains(one, "Northwind@example.com") || !strings.Contains(one, "Elsewhere@example.com") {
		t.Errorf("%s", one)
	}
}

// The base of a link is the public address, else what follows from where the
// server listens.
func TestLinksAddress(t *testing.T) {
	t.Chdir(t.TempDir())
	for flag, want := range map[string]string{
		"--url=https://id.example.com/": "https://id.example.com/setup/",
		"--listen=127.0.0.1:9000":       "http://localhost:9000/setup/",
		"--data=./data":                 "http://localhost:8420/setup/",
	} {
		if _, stdout, stderr := ran(t, nil, "setup-link", flag); !strings.HasPrefix(stdout, want) {
			t.Errorf("%s: %q %q", flag, stdout, stderr)
		}
	}
}
