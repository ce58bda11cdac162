package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"doorstep/internal/server"
)

// ran is what a command answered, in this process.
func ran(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return do(t, env, "", args...)
}

// typed is ran with something on standard input.
func typed(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return do(t, nil, stdin, args...)
}

func do(t *testing.T, env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := &console{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, ctx: t.Context(), lookup: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}}
	code = run(c, args)
	return code, out.String(), errs.String()
}

// Wrong usage and bad settings are one line on standard error and exit code 2,
// and nothing was begun.
func TestMisuse(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args string
		env  map[string]string
		want string
	}{
		{"", nil, `doorstep: expected one of "demo", "serve"`},
		{"dance", nil, `doorstep: unexpected argument dance; see doorstep --help`},
		{"user", nil, `doorstep: expected one of "add", "bring-back", "list"; see doorstep user --help`},
		{"serve now", nil, `doorstep: unexpected argument now; see doorstep serve --help`},
		{"serve --smtp smtp://u:hush@mail.example.com?starttls=never", nil, `doorstep: --smtp would send its password readable by anybody on the way: leave starttls=never out, or the user name and the password`},
		{"serve --mail smtp://mail.example.com", nil, `doorstep: unknown flag --mail; see doorstep serve --help`},
		{"serve --metrics-listen :9", nil, `doorstep: unknown flag --metrics-listen`},
		{"demo --data x", nil, `doorstep: unknown flag --data; see doorstep demo --help`},
		{"restart --reason x", nil, `doorstep: expected "<email>"; see doorstep restart --help`},
		{"serve --listen 8420", nil, `doorstep: --listen is "8420", which is no address to listen on: write HOST:PORT`},
		{"serve --url id.example.com", nil, `doorstep: --url is no http or https address: write`},
		{"serve --data x --keys x/keys", nil, `doorstep: --keys is inside the folder of the data: keep`},
		{"serve --log-level loud", nil, `doorstep: --log-level is "loud": write debug, info, warn or error`},
		{"serve", map[string]string{"DOORSTEP_TRUSTED_PROXIES": "proxy"}, `doorstep: DOORSTEP_TRUSTED_PROXIES holds "proxy", which`},
		{"user list", map[string]string{"DOORSTEP_DATABASE_FILE": "not-there"}, `doorstep: DOORSTEP_DATABASE_FILE names not-there, which is not there: name a file`},
		{"setup-link --database mysql://ann:hush@h/x", nil, `doorstep: --database does not begin with postgres://`},
		{"demo --listen 0.0.0.0:8420", nil, `doorstep: --listen is "0.0.0.0:8420", which other computers can reach: the demo's passwords are public, so it only listens on this computer, such as 127.0.0.1:8420`},
		{"demo --listen evil.localhost:18440", nil, `doorstep: --listen is "evil.localhost:18440", which other computers can reach: the demo's`},
		{"serve --url https://[fe80::1%25eth0]", nil, `doorstep: --url is "https://[fe80::1%25eth0]", whose zone`},
		{"demo", map[string]string{"DOORSTEP_LISTEN": ":8420"}, `doorstep: DOORSTEP_LISTEN is ":8420", which other computers can reach`},
	} {
		code, stdout, stderr := ran(t, c.env, strings.Fields(c.args)...)
		if code != 2 || stdout != "" || !strings.HasPrefix(stderr, c.want) || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "hush") {
			t.Errorf("doorstep %s: %d, %q, %q\nwant %s", c.args, code, stdout, stderr, c.want)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"--help", "serve --help", "user add --help", "demo -h"} {
		code, stdout, stderr := ran(t, nil, strings.Fields(args)...)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "Usage: doorstep") {
			t.Errorf("doorstep %s: %d, %q, %q", args, code, stdout, stderr)
		}
	}
	_, stdout, _ := ran(t, nil, "serve", "--help")
	for _, setting := range []string{"listen", "url", "data", "keys", "database", "trusted-proxies", "log-format", "log-level"} {
		variable := "$DOORSTEP_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
		if !strings.Contains(stdout, "--"+setting+"=") || !strings.Contains(strings.Join(strings.Fields(stdout), " "), variable) {
			t.Errorf("the help of serve names --%s or %s not:\n%s", setting, variable, stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := ran(t, nil, "version")
	if code != 0 || stderr != "" || !regexp.MustCompile(`(?m)\Adoorstep \d+\.\d+\.\d+.*\ngo1\..*\nschema [1-9]\d*\n\z`).MatchString(stdout) {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

// Every route says what it needs; the demo's do not exist under serve.
//
// ASVS 13.4.2, ASVS 15.2.3
func TestRoutes(t *testing.T) {
	code, stdout, stderr := ran(t, nil, "routes")
	if code != 0 || stderr != "" {
		t.Fatalf("%d %q", code, stderr)
	}
	line := regexp.MustCompile(`^[A-Z]+ /\S* (open|attempt|token|session|activation|signed-in|stepped-up|admin|owner|stepped-up admin|proxy)$`)
	for row := range strings.Lines(stdout) {
		if !line.MatchString(strings.TrimSuffix(row, "\n")) {
			t.Errorf("a row is %q", row)
		}
		if strings.Contains(row, "/demo") {
			t.Errorf("serve has a route of the demo: %s", row)
		}
	}
	for _, want := range []string{"GET /healthz open\n", "GET /readyz open\n", "POST /sign-in open\n", "POST /team/users/{id}/restart stepped-up admin\n", "POST /api/v1/sign-in open\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no row %q in\n%s", want, stdout)
		}
	}
	if again, err := server.Routes(); err != nil || again != stdout {
		t.Errorf("the rows come in another order each time: %v", err)
	}
}
