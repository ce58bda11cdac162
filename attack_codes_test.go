package doorstep_test

import (
	"fmt"
	"go/ast"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Groups A and B of the attacks, over HTTP on both engines: one-time codes that are
// used again, and recovery codes.

// halfSignedIn gives the password and returns the attempt.
func halfSignedIn(t testing.TB, a *apptest.App, name string) (attempt string) {
	t.Helper()
	answer := a.Client().Call("POST", "/sign-in", map[string]any{"email": a.Person(name).Email, "password": apptest.Password})
	if attempt = answer.Get("attempt"); attempt == "" {
		t.Fatalf("%s has no attempt: %s", name, answer)
	}
	return attempt
}

// second gives a code to an attempt.
func second(a *apptest.App, attempt, code string) *apptest.Answer {
	return a.Client().Call("POST", "/sign-in/second-step", map[string]any{"attempt": attempt, "code": code})
}

// wants compares an answer with a problem, "" for none.
func wants(t testing.TB, what string, answer *apptest.Answer, problem core.Code) {
	t.Helper()
	if core.Code(answer.Problem()) != problem || (problem == "") != answer.OK() {
		t.Errorf("%s: want %q, got %s", what, problem, answer)
	}
}

// atOnce sends many at the same moment and counts the answers by their problem, ""
// for those that were let in.
func atOnce(n int, send func(i int) *apptest.Answer) map[string]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	heard := map[string]int{}
	for i := range n {
		all.Go(func() {
			<-start
			answer := send(i)
			what := answer.Problem()
			if what == "" && !answer.OK() {
				what = fmt.Sprint(answer.Status)
			}
			mu.Lock()
			defer mu.Unlock()
			heard[what]++
		})
	}
	close(start)
	all.Wait()
	return heard
}

// An authentication code is accepted once, in whichever step of the window it is, by
// page and by API, also by whoever asks later with the same one.
//
// ASVS 6.5.1, NIST 3.1.4.2(once), NIST 2.2.2(replay), NIST 3.2.7, R1, P1
func TestReplayedCodes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
		// T-REPLAY-1
		t.Run("T-REPLAY-1", func(t *testing.T) {
			for step := int64(-1); step <= 1; step++ {
				a.Restore()
				code := a.Person("carla").Phone.CodeIn(step)
				attempts := []string{halfSignedIn(t, a, "carla"), halfSignedIn(t, a, "carla")}
				wants(t, "the first", second(a, attempts[0], code), "")
				answer := second(a, attempts[1], code)
				wants(t, "the second", answer, core.CodeUsed)
				if answer.Status != http.StatusUnprocessableEntity {
					t.Errorf("the second: %s", answer)
				}
				carla := walk(a, "carla", words.English)
				carla.Visit("/")
				carla.givesPassword()
				carla.givesCode(code)
				carla.IsAt("/sign-in/second-step", http.StatusUnprocessableEntity)
			}
		})
		// T-REPLAY-2
		t.Run("T-REPLAY-2", func(t *testing.T) {
			a.Restore()
			code := a.Person("carla").Phone.CodeIn(1) // good for as long as a code can be
			wants(t, "at T", second(a, halfSignedIn(t, a, "carla"), code), "")
			for _, wait := range []time.Duration{29 * time.Second, 2 * time.Second, 28 * time.Second} {
				a.Pass(wait)
				wants(t, "later", second(a, halfSignedIn(t, a, "carla"), code), core.CodeUsed)
			}
		})
		// T-REPLAY-5
		t.Run("T-REPLAY-5", func(t *testing.T) {
			a.Restore()
			phone := a.Person("carla").Phone
			first, next := phone.CodeIn(0), phone.CodeIn(1)
			wants(t, "A", second(a, halfSignedIn(t, a, "carla"), first), "")
			wants(t, "B", second(a, halfSignedIn(t, a, "carla"), next), "")
			wants(t, "A again", second(a, halfSignedIn(t, a, "carla"), first), core.CodeUsed)
			wants(t, "B again", second(a, halfSignedIn(t, a, "carla"), next), core.CodeUsed)
		})
		// T-REPLAY-8
		t.Run("T-REPLAY-8", func(t *testing.T) {
			a.Restore()
			elena := comesIn(t, a, "elena")
			phone := a.Person("elena").Phone
			begun := elena.call(t, a, "POST", "/two-step/activation", map[string]any{})
			if err := phone.Scan(begun.Get("key")); err != nil {
				t.Fatal(err)
			}
			code := phone.Code()
			elena.call(t, a, "POST", "/two-step/activation/confirm", map[string]any{"activation": begun.Get("activation"), "code": code})
			elena.call(t, a, "POST", "/two-step/activation/finish", map[string]any{"activation": begun.Get("activation"), "saved": true})
			wants(t, "the code that confirmed", second(a, halfSignedIn(t, a, "elena"), code), core.CodeUsed)
			wants(t, "the next one", second(a, halfSignedIn(t, a, "elena"), phone.Code()), "")
		})
		// ASVS 2.3.4, T-REPLAY-4
		t.Run("T-REPLAY-4", func(t *testing.T) {
			a.Restore()
			var attempts []string
			for range 10 {
				attempts = append(attempts, halfSignedIn(t, a, "carla"))
			}
			code := a.Person("carla").Phone.CodeIn(0)
			heard := atOnce(100, func(i int) *apptest.Answer { return second(a, attempts[i%len(attempts)], code) })
			if heard[""] != 1 {
				t.Errorf("100 at once: %v, want one that got in", heard)
			}
			for what := range heard {
				switch core.Code(what) {
				case "", core.CodeUsed, core.AuthenticatorWait, core.AttemptOver:
				default:
					t.Errorf("100 at once: somebody heard %s", what)
				}
			}
			if n := a.Count(`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at = 0`, a.Person("carla").ID); n != 1 {
				t.Errorf("%d sessions", n)
			}
		})
	})
}

// The memory of used codes is in the database: a new process has it too.
//
// T-REPLAY-3, R1, R2, P1
func TestReplayAfterAStart(t *testing.T) {
	t.Parallel()
	t.Run("T-REPLAY-3", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{})
		phone := a.Person("carla").Phone
		code, next, paper := phone.CodeIn(0), phone.CodeIn(1), phone.Paper()[0]
		wants(t, "before", second(a, halfSignedIn(t, a, "carla"), code), "")
		wants(t, "before", second(a, halfSignedIn(t, a, "carla"), paper), "")
		again := apptest.Start(t, apptest.Options{State: a.Save()})
		wants(t, "by a new process", second(again, halfSignedIn(t, again, "carla"), code), core.CodeUsed)
		wants(t, "by a new process", second(again, halfSignedIn(t, again, "carla"), paper), core.WrongRecoveryCode)
		wants(t, "the next one", second(again, halfSignedIn(t, again, "carla"), next), "")
	})
}

// Every surface that takes a code uses it up by the same functions of core: whoever
// added another would be seen here, since the statements and the comparison stand once.
//
// T-REPLAY-6, R1, R2, P1
func TestCodesAreUsedUpInOnePlace(t *testing.T) {
	t.Parallel()
	t.Run("T-REPLAY-6", func(t *testing.T) {
		of := map[string][]string{}
		note := func(what, function string) {
			if !slices.Contains(of[what], function) {
				of[what] = append(of[what], function)
			}
		}
		for _, s := range load(t) {
			if s.forTests || strings.HasPrefix(s.path, "internal/core/migrations/") {
				continue
			}
			for _, d := range s.file.Decls {
				f, is := d.(*ast.FuncDecl)
				if !is {
					continue
				}
				eachText(f, func(_ ast.Node, text string) {
					for _, what := range []string{"UPDATE authenticators SET last_step", "UPDATE recovery_codes SET used_at"} {
						if strings.Contains(text, what) {
							note(what, f.Name.Name)
						}
					}
				})
				ast.Inspect(f, func(n ast.Node) bool {
					if x, is := n.(*ast.SelectorExpr); is {
						if in, is := x.X.(*ast.Ident); is {
							note(in.Name+"."+x.Sel.Name, f.Name.Name)
						}
					}
					return true
				})
			}
		}
		for what, want := range map[string][]string{
			"UPDATE authenticators SET last_step": {"acceptStep", "raiseLastStep", "acceptStepWaiting"}, // of a code, after a backup was put back, and of a code while a pause runs
			"UPDATE recovery_codes SET used_at":   {"spendRecoveryCode"},
			"totp.Match":                          {"compareCode"},
			"t.acceptStep":                        {"useUp"},
			"t.spendRecoveryCode":                 {"useUp"},
		} {
			if !slices.Equal(of[what], want) {
				t.Errorf("%s: in %v, want %v", what, of[what], want)
			}
		}
	})
}

// A recovery code is accepted once, whichever way it is used; its use changes nothing
// else.
//
// ASVS 6.5.1, NIST 3.1.2.2, R2, P1
func TestRecoveryCodesAreSpentOnce(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
		carla := func() string { return a.Person("carla").ID }
		spent := func() int {
			return a.Count(`SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at <> 0`, carla())
		}
		// T-RC-2
		t.Run("T-RC-2", func(t *testing.T) {
			code := a.Person("carla").Phone.Paper()[0]
			wants(t, "the first use", second(a, halfSignedIn(t, a, "carla"), code), "")
			if spent() != 1 {
				t.Errorf("%d codes are marked as used", spent())
			}
			wants(t, "the second use", second(a, halfSignedIn(t, a, "carla"), code), core.WrongRecoveryCode)
		})
		// ASVS 2.3.4, T-RC-3
		t.Run("T-RC-3", func(t *testing.T) {
			a.Restore()
			var attempts []string
			for range 10 {
				attempts = append(attempts, halfSignedIn(t, a, "carla"))
			}
			code := a.Person("carla").Phone.Paper()[3]
			heard := atOnce(100, func(i int) *apptest.Answer { return second(a, attempts[i%len(attempts)], code) })
			if heard[""] != 1 || spent() != 1 {
				t.Errorf("100 at once: %v, %d codes marked as used", heard, spent())
			}
		})
		// T-RC-4
		t.Run("T-RC-4", func(t *testing.T) {
			for name, use := range everyUseOfARecoveryCode() {
				a.Restore()
				code := a.Person("carla").Phone.Paper()[1]
				try := use(t, a)
				heard := atOnce(8, func(int) *apptest.Answer { return try(code) })
				if heard[""] != 1 || spent() > 1 {
					t.Errorf("%s, 8 at once: %v, %d spent", name, heard, spent())
				}
				// After a deactivation there is none at all; else it is one that was used.
				// The seven that lost were counted, and a pause may have begun.
				if name != "deactivation" {
					if answer := second(a, attemptWith(t, a, name), code); answer.Problem() != string(core.RecoveryWait) {
						wants(t, name+", then a sign-in with it", answer, core.WrongRecoveryCode)
					}
				}
			}
		})
		// T-RC-5, R13, P2
		t.Run("T-RC-5", func(t *testing.T) {
			a.Restore()
			evaluated := 0
			for range 6 {
				attempt := halfSignedIn(t, a, "carla")
				for i := range 3 { // right codes of somebody else: no typos
					if answer := second(a, attempt, a.Person("bruno").Phone.Paper()[i]); answer.Problem() == string(core.WrongRecoveryCode) {
						evaluated++
					}
				}
			}
			if evaluated != 5 {
				t.Errorf("%d of 18 wrong codes in six attempts were compared, want 5", evaluated)
			}
		})
		// T-RC-10
		t.Run("T-RC-10", func(t *testing.T) {
			a.Restore()
			before := a.Secrets()
			wants(t, "a recovery code", second(a, halfSignedIn(t, a, "carla"), a.Person("carla").Phone.Paper()[0]), "")
			for name, was := range before {
				if strings.HasPrefix(name, "authenticators.") || strings.HasPrefix(name, "recovery_code") {
					if string(a.Secrets()[name]) != string(was) {
						t.Errorf("%s is another one", name)
					}
				}
			}
			wants(t, "the app afterwards", second(a, halfSignedIn(t, a, "carla"), a.Person("carla").Phone.Code()), "")
		})
	})
}

// attemptWith is an attempt after a use of a recovery code, which may have set
// another password.
func attemptWith(t *testing.T, a *apptest.App, use string) string {
	t.Helper()
	if use != "forgotten password" {
		return halfSignedIn(t, a, "carla")
	}
	return a.Client().Call("POST", "/sign-in", map[string]any{"email": a.Person("carla").Email, "password": anotherPassword}).Get("attempt")
}

const anotherPassword = "twelve green umbrellas"

// everyUseOfARecoveryCode are the ways in which Carla's can be used up.
func everyUseOfARecoveryCode() map[string]func(t *testing.T, a *apptest.App) func(code string) *apptest.Answer {
	return map[string]func(t *testing.T, a *apptest.App) func(code string) *apptest.Answer{
		"sign-in": func(t *testing.T, a *apptest.App) func(string) *apptest.Answer {
			attempt := halfSignedIn(t, a, "carla")
			return func(code string) *apptest.Answer { return second(a, attempt, code) }
		},
		"deactivation": func(t *testing.T, a *apptest.App) func(string) *apptest.Answer {
			own := comesIn(t, a, "carla")
			return func(code string) *apptest.Answer {
				c := a.Client()
				c.Token = own.token
				return c.Call("POST", "/two-step/deactivate", map[string]any{"code": code})
			}
		},
		"forgotten password": func(t *testing.T, a *apptest.App) func(string) *apptest.Answer {
			a.Letters()
			a.Client().Call("POST", "/password/forgot", map[string]any{"email": a.Person("carla").Email})
			link := a.LinkTo("carla", a.Words(words.English).Say("mail.pwlink.s"))
			token := link[strings.LastIndexByte(link, '/')+1:]
			return func(code string) *apptest.Answer {
				return a.Client().Call("POST", "/password/reset", map[string]any{"token": token, "new": anotherPassword, "code": code})
			}
		},
	}
}
