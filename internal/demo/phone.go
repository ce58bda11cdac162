package demo

import (
	"encoding/base32"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"doorstep/internal/totp"
)

// Phone is a pretend authenticator app. It knows what it was shown and nothing
// else, like a real one.
type Phone struct {
	mu       sync.Mutex
	accounts []account
}

type account struct {
	label  string
	secret []byte
}

// Shown is an account as the phone shows it now.
type Shown struct {
	Label, Code, Next string
	Left              int // seconds for which Code still shows
}

const (
	phoneHolds = 50 // accounts; a demo on loopback needs no more
	textLimit  = 1024
	minKey     = 16 // bytes (RFC 4226 §4 R6); shorter ones match nothing
)

var errNoKey = errors.New("no setup key")

// Scan takes what a QR code holds, an otpauth:// address, or a setup key as
// typed. An account of the same name gets the new key, as on a real phone.
func (p *Phone) Scan(text string) (Shown, error) {
	a, err := readKey(text)
	if err != nil {
		return Shown{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.accounts {
		if p.accounts[i].label == a.label {
			p.accounts[i] = a
			return a.at(time.Now()), nil
		}
	}
	if len(p.accounts) >= phoneHolds {
		return Shown{}, errNoKey
	}
	p.accounts = append(p.accounts, a)
	return a.at(time.Now()), nil
}

// Drop breaks the phone: every account on it is gone.
func (p *Phone) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts = nil
}

// Accounts are shown with their codes of the moment.
func (p *Phone) Accounts(now time.Time) []Shown {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Shown
	for _, a := range p.accounts {
		list = append(list, a.at(now))
	}
	return list
}

func (a account) at(now time.Time) Shown {
	step := totp.StepAt(now)
	return Shown{
		Label: a.label, Code: totp.Code(a.secret, step), Next: totp.Code(a.secret, step+1),
		Left: totp.Period - int(now.Unix()%totp.Period),
	}
}

func readKey(text string) (account, error) {
	if text = strings.TrimSpace(text); len(text) > textLimit {
		return account{}, errNoKey
	}
	if !strings.HasPrefix(strings.ToLower(text), "otpauth:") {
		secret, err := decodeKey(text)
		if err != nil {
			return account{}, err
		}
		return account{label: "Doorstep: " + totp.Key(secret)[:4] + "…", secret: secret}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host != "totp" {
		return account{}, errNoKey
	}
	q := u.Query()
	for name, only := range map[string]string{"digits": "6", "period": "30", "algorithm": "SHA1"} {
		if v := q.Get(name); v != "" && v != only {
			return account{}, errNoKey // it would show codes that are wrong
		}
	}
	secret, err := decodeKey(q.Get("secret"))
	if err != nil {
		return account{}, err
	}
	label := strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimPrefix(u.Path, "/"), ":", ": ")), " ")
	return account{label: label, secret: secret}, nil
}

// decodeKey reads Base32 as people type it: in groups, in small letters.
func decodeKey(text string) ([]byte, error) {
	text = strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "=", "", "\u00a0", "").Replace(text))
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(secret) < minKey {
		return nil, errNoKey
	}
	return secret, nil
}
