package demo

import (
	"context"
	"strings"
	"testing"
	"time"

	"doorstep/internal/mail"
	"doorstep/internal/totp"
)

func TestPhone(t *testing.T) {
	p, secret := &Phone{}, totp.NewSecret()
	now := time.Unix(1_800_000_010, 0)
	if _, err := p.Scan(totp.URI("Northwind", "ana@demo.example", secret)); err != nil {
		t.Fatal(err)
	}
	got := p.Accounts(now)[0]
	want := Shown{Label: "Northwind: ana@demo.example", Code: totp.Code(secret, totp.StepAt(now)), Next: totp.Code(secret, totp.StepAt(now)+1), Left: 20}
	if got != want {
		t.Errorf("shows %+v, want %+v", got, want)
	}
	if got.Grouped() != got.Code[:3]+" "+got.Code[3:] {
		t.Errorf("grouped: %q", got.Grouped())
	}
	// The same account again takes the new key.
	other := totp.NewSecret()
	if _, err := p.Scan(" " + totp.URI("Northwind", "ana@demo.example", other) + "\n"); err != nil {
		t.Fatal(err)
	}
	if list := p.Accounts(now); len(list) != 1 || list[0].Code != totp.Code(other, totp.StepAt(now)) {
		t.Errorf("%+v", list)
	}
	// A key as a person types it.
	key := totp.Key(secret)
	if shown, err := p.Scan(strings.ToLower(key[:4]) + " " + key[4:8] + "-" + key[8:]); err != nil || shown.Label != "Doorstep: "+key[:4]+"…" {
		t.Errorf("%+v %v", shown, err)
	}
	p.Drop()
	if list := p.Accounts(now); len(list) != 0 {
		t.Errorf("dropped, and still shows %+v", list)
	}
}

func TestNoKey(t *testing.T) {
	key := totp.Key(totp.NewSecret())
	for _, text := range []string{
		"", "634977", "not a key", "JBSWY3DPEHPK3PXP", "https://example.com/?secret=" + key, "otpauth://hotp/x?secret=" + key,
		"otpauth://totp/x", "otpauth://totp/x?secret=" + key + "&digits=8", "otpauth://totp/x?secret=" + key + "&algorithm=SHA256",
		"otpauth://totp/x?secret=" + key + "&period=60", "otpauth://totp/%zz?secret=" + key, strings.Repeat(key, 100),
	} {
		p := &Phone{}
		if shown, err := p.Scan(text); err == nil {
			t.Errorf("%q was taken for a key: %+v", text, shown)
		}
	}
	p := &Phone{}
	for range phoneHolds + 10 {
		_, _ = p.Scan(totp.Key(totp.NewSecret()))
	}
	if n := len(p.Accounts(time.Now())); n > phoneHolds {
		t.Errorf("the phone holds %d accounts", n)
	}
}

func TestInbox(t *testing.T) {
	i := &Inbox{}
	at := time.Now()
	for n, m := range []mail.Message{{ID: "a", To: "ana@demo.example"}, {ID: "b", To: "bruno@demo.example"}, {ID: "c", To: "ana@demo.example"}, {ID: "a", To: "ana@demo.example"}} {
		m.At = at.Add(time.Duration(n) * time.Second)
		if err := i.Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(list []mail.Message) (s string) {
		for _, m := range list {
			s += m.ID
		}
		return s
	}
	if got := ids(i.Letters("")) + " " + ids(i.Letters("ana@demo.example")) + " " + strings.Join(i.Addressees(), " "); got != "cba ca ana@demo.example bruno@demo.example" {
		t.Errorf("%s", got)
	}
	if _, ok := i.Letter("b"); !ok {
		t.Error("a letter is lost")
	}
	if _, ok := i.Letter("z"); ok {
		t.Error("found a letter that was never sent")
	}
}
