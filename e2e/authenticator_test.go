package e2e

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// authenticator is somebody's app: it knows what a QR code told it, and has its
// codes from oathtool.
type authenticator struct {
	uri, secret string
	last        int64 // the newest step whose code was given out
}

// scan reads the one QR code of a picture.
func scan(t *testing.T, picture []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "qr.png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	read := exec.Command("zbarimg", "-q", "--raw", file)
	read.Stderr = &problems
	text, err := read.Output()
	if err != nil {
		_ = os.WriteFile(out(t, "unreadable.png"), picture, 0o600)
		t.Fatalf("zbarimg reads no QR code from the screenshot (out/unreadable.png): %v %s", err, &problems)
	}
	return strings.TrimSpace(string(text))
}

// newAuthenticator reads an otpauth:// address as the apps do.
func newAuthenticator(t *testing.T, uri string) *authenticator {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		t.Fatalf("the QR code holds %q, not an otpauth://totp/ address", uri)
	}
	q := u.Query()
	for name, only := range map[string]string{"digits": "6", "period": "30", "algorithm": "SHA1"} {
		if v := q.Get(name); v != "" && v != only {
			t.Fatalf("the QR code asks for %s=%s; several apps ignore that and show wrong codes", name, v)
		}
	}
	if q.Get("secret") == "" {
		t.Fatal("the QR code holds no secret")
	}
	return &authenticator{uri: uri, secret: q.Get("secret")}
}

const period = 30 // seconds of a step

// at is the code of a step.
func (a *authenticator) at(t *testing.T, step int64) string {
	t.Helper()
	text, err := exec.Command("oathtool", "--totp", "-b", a.secret, "--now", "@"+strconv.FormatInt(step*period, 10)).Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(text))
}

// code is one that will be accepted: of a step later than the last one (R1), no
// more than one step off the clock (RFC 6238 §5.2). That gives three codes in a
// row; whoever needs a fourth waits for the clock, like everybody.
func (a *authenticator) code(t *testing.T) string {
	t.Helper()
	now := time.Now().Unix()
	earliest := now/period - 1
	if left := period - now%period; left < 12 {
		earliest++ // that code is on its way out: a slow page would outlive it
	}
	return a.take(t, earliest)
}

// newest is one that keeps its meaning for half a minute at least.
func (a *authenticator) newest(t *testing.T) string {
	t.Helper()
	return a.take(t, time.Now().Unix()/period)
}

func (a *authenticator) take(t *testing.T, earliest int64) string {
	t.Helper()
	a.last = max(earliest, a.last+1)
	if wait := time.Until(time.Unix((a.last-1)*period, 0)); wait > 0 {
		t.Logf("waits %s for the next authentication code", wait.Round(time.Second))
		time.Sleep(wait + 50*time.Millisecond) // the clock announces itself by no event
	}
	return a.at(t, a.last)
}

// wrong is a code that no step near now has.
func (a *authenticator) wrong(t *testing.T) string {
	t.Helper()
	near := map[string]bool{}
	now := time.Now().Unix() / period
	for step := now - 3; step <= now+3; step++ {
		near[a.at(t, step)] = true
	}
	for _, code := range []string{"004217", "104217", "204217", "304217", "404217", "504217", "604217", "704217"} {
		if !near[code] {
			return code
		}
	}
	panic("eight codes cannot all be among seven")
}
