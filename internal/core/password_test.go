package core

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"doorstep/internal/password"
)

// weakHash is how a release with smaller parameters would have stored it.
func (w *world) weakHash(pass string) string {
	salt := []byte("0123456789abcdef")
	hash := w.keys.Pepper(argon2.IDKey([]byte(pass), salt, 1, 8<<10, 1, 32))
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=8192,t=1,p=1,keyid=%s$%s$%s", w.keys.PepperID(), b64.EncodeToString(salt), b64.EncodeToString(hash))
}

func (w *world) storedHash(name string) (hash string) {
	w.t.Helper()
	w.ok(w.read(w.ctx()).row(`SELECT password_hash FROM users WHERE id = $1`, w.cast[name].id).Scan(&hash))
	return hash
}

// A sign-in raises the parameters of an old hash.
//
// ASVS 11.2.2
func TestPasswordIsRehashedAtSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if h := w.storedHash("elena"); !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1,keyid=") {
			t.Errorf("stored as %s", h)
		}
		w.exec(`UPDATE users SET password_hash = $1 WHERE id = $2`, w.weakHash(testPassword), w.cast["elena"].id)
		_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, "not the password at all", "")
		w.refused(err, WrongCredentials)
		if !strings.Contains(w.storedHash("elena"), "m=8192") {
			t.Error("a wrong password changed the hash")
		}
		for range 2 {
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), w.cast["elena"].email, testPassword, "")
			w.ok(err)
		}
		if !strings.Contains(w.storedHash("elena"), "m=19456,t=2") {
			t.Errorf("after the sign-in: %s", w.storedHash("elena"))
		}
	})
}

// Nothing is cut, and what means the same is the same (NFC).
//
// ASVS 6.2.8, NIST 3.1.1.2(3), NIST 3.1.1.2(9)
func TestPasswordIsNeverCut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		long := strings.Repeat("contraseñas bien largas ", 10) // 240 characters
		_, err := w.AddUser(w.ctx(), Console("test"), NewUser{Email: "long@example.com", Name: "Long", Role: RoleMember, Team: "Northwind", Password: long})
		w.ok(err)
		for _, wrong := range []string{long[:len(long)-1], long + "x", long[:72]} {
			_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), "long@example.com", wrong, "")
			w.refused(err, WrongCredentials)
		}
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), "long@example.com", strings.ReplaceAll(long, "ñ", "n\u0303"), "")
		w.ok(err)
	})
}

// Beyond the queue people hear "busy", and the try is given back.
//
// ASVS 2.4.1, ASVS 15.2.2
func TestHashingIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.hasher = password.NewHasher(w.keys.Pepper, w.keys.PepperID(), 1, 0) // one at once, and nobody waits
		release, running := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { w.ok(w.hasher.Do(w.ctx(), func() { close(running); <-release })) })
		<-running
		attempt := w.attempts("carla", 1)[0]
		for _, email := range []string{w.cast["carla"].email, "nobody@example.com"} {
			_, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), email, "x", "")
			if r := w.refused(err, ServerBusy); r.RetryAfter <= 0 || r.Kind() != Busy {
				t.Errorf("%+v", r)
			}
		}
		_, err := w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.cast["carla"].codes[0], false)
		w.refused(err, ServerBusy)
		close(release)
		wg.Wait()
		if n := w.count(`SELECT COALESCE(SUM(fails), 0) FROM throttles`) + w.count(`SELECT SUM(fails) FROM recovery_code_sets`); n != 0 {
			t.Errorf("%d tries were counted that nobody compared", n)
		}
		_, err = w.AcceptSecondStep(w.ctx(), Nobody(testOrigin), attempt, w.cast["carla"].codes[0], false)
		w.ok(err)
	})
}

// Hanging up is no free try.
func TestHangingUpIsCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.hasher = password.NewHasher(w.keys.Pepper, w.keys.PepperID(), 1, 8)
		release, running := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { w.ok(w.hasher.Do(w.ctx(), func() { close(running); <-release })) })
		<-running
		cancelled, hangUp := context.WithCancel(w.ctx())
		time.AfterFunc(200*time.Millisecond, hangUp)
		_, err := w.BeginSignIn(cancelled, Nobody(testOrigin), w.cast["carla"].email, testPassword, "")
		if err == nil {
			t.Error("signed in after hanging up")
		}
		close(release)
		wg.Wait()
		if n := w.count(`SELECT SUM(fails) FROM throttles`); n != 1 {
			t.Errorf("%d tries counted, want the one that was hung up on", n)
		}
	})
}
