package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSMTP(t *testing.T) {
	for url, want := range map[string]SMTP{
		"smtp://mail.example.com":                                      {Host: "mail.example.com", Port: 587, From: "doorstep@id.example.com", Encryption: "starttls"},
		"smtp://d:h%40ush@mail.example.com:2525?from=a@example.com":    {Host: "mail.example.com", Port: 2525, User: "d", Password: "h@ush", From: "<a@example.com>", Encryption: "starttls"},
		"smtps://d:x@mail.example.com/?from=Northwind+<a@example.com>": {Host: "mail.example.com", Port: 465, User: "d", Password: "x", From: `"Northwind" <a@example.com>`, Encryption: "tls"},
		"smtp://mail.example.com?starttls=never":                       {Host: "mail.example.com", Port: 587, From: "doorstep@id.example.com", Encryption: "plaintext"},
		"smtp://127.0.0.1:1025":                                        {Host: "127.0.0.1", Port: 1025, From: "doorstep@id.example.com", Encryption: "offered"},
		"smtp://d:x@[::1]:1025?starttls=never":                         {Host: "::1", Port: 1025, User: "d", Password: "x", From: "doorstep@id.example.com", Encryption: "plaintext"},
	} {
		got, err := Read(given(t, "--smtp="+url, "--url=https://id.example.com"), environ(nil))
		if err != nil || got.SMTP == nil || *got.SMTP != want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", url, got.SMTP, err, want)
		}
	}
	got, err := Read(given(t, "--smtp=smtp://h", "--url=http://192.0.2.7"), environ(nil))
	if err != nil || got.SMTP.From != "doorstep@localhost" {
		t.Errorf("%+v, %v", got.SMTP, err)
	}
	file := filepath.Join(t.TempDir(), "smtp")
	if err := os.WriteFile(file, []byte("smtp://d:hush@mail.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err = Read(Flags{}, environ(map[string]string{"DOORSTEP_SMTP_FILE": file})); err != nil || got.SMTP.Password != "hush" {
		t.Errorf("%+v, %v", got.SMTP, err)
	}
	if got, err = Read(Flags{}, environ(nil)); err != nil || got.SMTP != nil {
		t.Errorf("%+v, %v", got.SMTP, err)
	}
}

// No sentence about a bad setting tells any of it.
//
// ASVS 12.3.1
func TestBadSMTP(t *testing.T) {
	for url, want := range map[string]string{
		"":                                     "--smtp is empty: write smtp://",
		"mail.example.com:25":                  "--smtp cannot be read|begins with neither",
		"http://u:hush@mail.example.com":       "--smtp begins with neither smtp:// nor smtps://: write",
		"smtp://u:hu sh@mail.example.com":      "--smtp cannot be read as an address: write",
		"smtp://u:hush@":                       "--smtp names no host: write",
		"smtp://u:hush@h:0":                    "--smtp has a port that is no number",
		"smtp://u:hush@h:":                     "--smtp has a port that is no number",
		"smtp://u:hush@h/path":                 "--smtp has more after the host",
		"smtp://u:hush@h#x":                    "--smtp has more after the host",
		"smtp://:hush@h":                       "--smtp has a password and no user name",
		"smtp://u:hush@h?form=x":               `--smtp has the parameter "form", which is unknown`,
		"smtp://u:hush@h?from=a@b&from=c@d":    `--smtp has the parameter "from", which is unknown or there twice`,
		"smtp://u:hush@h?from=nobody":          "--smtp has a from that is no address: write from=doorstep@example.com",
		"smtp://u:hush@h?from=":                "--smtp has a from that is no address",
		"smtp://u:hush@h?from=a@b%0d%0aBcc:x":  "--smtp has a from that is no address",
		"smtp://u:hush@h?starttls=maybe":       `--smtp has starttls="maybe": leave it out`,
		"smtp://u:hush@h?starttls=never":       "--smtp would send its password readable by anybody on the way: leave",
		"smtps://u:hush@h?starttls=never":      "--smtp has starttls beside smtps://",
		"smtp://u:hush@h?starttls=never;from=": "--smtp has parameters that cannot be read",
	} {
		_, err := Read(given(t, "--smtp="+url), environ(nil))
		fine := false
		for _, w := range strings.Split(want, "|") {
			fine = fine || err != nil && strings.Contains(err.Error(), w)
		}
		if !fine || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hu sh") {
			t.Errorf("%s:\n got %v\nwant %s", url, err, want)
		}
	}
}
