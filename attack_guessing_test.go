package doorstep_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/code"
	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Groups C and M of the attacks, over HTTP on both engines: guessing, and who there is.

// However many guesses are sent at once, through as many sign-ins, exactly five are
// compared before the pause; each kind has a counter of its own.
//
// ASVS 2.4.1, ASVS 6.3.1, NIST 3.1.4.2(limit), T-BF-1, T-BF-7, R13, P2
func TestGuessesInParallel(t *testing.T) {
	t.Parallel()
	t.Run("T-BF-7, T-BF-1", func(t *testing.T) {
		apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
			var attempts []string
			for range 8 {
				attempts = append(attempts, halfSignedIn(t, a, "carla"))
			}
			wrong := a.Person("carla").Phone.WrongCode()
			heard := atOnce(300, func(i int) *apptest.Answer { return second(a, attempts[i%len(attempts)], wrong) })
			if heard[string(core.WrongCode)] != 5 || heard[string(core.AuthenticatorWait)] != 295 {
				t.Errorf("300 wrong codes at once: %v", heard)
			}
			// Somebody else's codes: well-formed, so that none is a typo.
			heard = atOnce(40, func(i int) *apptest.Answer {
				return second(a, attempts[i%len(attempts)], a.Person("bruno").Phone.Paper()[i%10])
			})
			if heard[string(core.WrongRecoveryCode)] != 5 || heard[string(core.RecoveryWait)] != 35 {
				t.Errorf("40 wrong recovery codes at once: %v", heard)
			}
			heard = atOnce(20, func(int) *apptest.Answer {
				return a.Client().Call("POST", "/sign-in", map[string]any{"email": a.Person("bruno").Email, "password": "none of his passwords"})
			})
			if heard[string(core.WrongCredentials)] != 5 || heard[string(core.TooManyTries)] != 15 {
				t.Errorf("20 wrong passwords at once: %v", heard)
			}
		})
	})
}

// secretFields are the names under which an operation takes something to be compared
// with a secret.
var secretFields = []string{"password", "code", "pass", "match_code", "token", "attempt", "device", "browser"}

// limitedBy is every operation that compares something with a secret, and what keeps
// it from being an oracle. "256 bits" is a random token, which nobody guesses.
var limitedBy = map[string]string{
	"POST /sign-in password":                      "counted",
	"POST /sign-in device":                        "256 bits",
	"POST /sign-in browser":                       "256 bits",
	"POST /sign-in/second-step browser":           "256 bits",
	"POST /sign-in/second-step code":              "counted",
	"POST /sign-in/second-step attempt":           "256 bits",
	"POST /sign-in/ask attempt":                   "256 bits",
	"POST /sign-in/ask token":                     "256 bits",
	"POST /step-up password":                      "counted",
	"POST /step-up code":                          "counted",
	"POST /password password":                     "a new one", // it is set, and compared with nothing but the old
	"POST /password/reset code":                   "counted",
	"POST /password/reset token":                  "256 bits",
	"POST /two-step/deactivate code":              "counted",
	"POST /two-step/deactivate password":          "counted",
	"POST /two-step/activation/confirm code":      "counted",
	"POST /two-step/activation pass":              "counted",
	"POST /team/requests/{id}/approve match_code": "counted", // three ends the request
	"POST /email/confirm token":                   "256 bits",
	"POST /email/undo token":                      "256 bits",
	"POST /not-me token":                          "256 bits",
	"POST /notification-address/confirm token":    "256 bits",
	"POST /setup token":                           "256 bits",
	"POST /setup password":                        "a new one",
	"POST /password/first token":                  "256 bits",
	"POST /password/first password":               "a new one",
}

// Whatever an operation takes that is compared with a secret is limited. A new
// operation, or a new field, fails here until somebody says by what.
//
// ASVS 6.3.1, ASVS 6.3.4, T-BF-5, R13, P2
func TestAllEntriesAreLimited(t *testing.T) {
	t.Parallel()
	t.Run("T-BF-5, every entry is known", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{})
		var doc struct {
			Paths map[string]map[string]struct {
				RequestBody struct {
					Content map[string]struct {
						Schema struct {
							Ref string `json:"$ref"`
						}
					}
				}
			}
			Components struct {
				Schemas map[string]struct{ Properties map[string]any }
			}
		}
		if err := json.Unmarshal(a.Client().Call("GET", "/openapi.json", nil).Body, &doc); err != nil {
			t.Fatal(err)
		}
		var found []string
		for path, operations := range doc.Paths {
			for method, o := range operations {
				schema := o.RequestBody.Content["application/json"].Schema.Ref
				for field := range doc.Components.Schemas[schema[strings.LastIndexByte(schema, '/')+1:]].Properties {
					if slices.Contains(secretFields, field) {
						found = append(found, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/api/v1")+" "+field)
					}
				}
			}
		}
		slices.Sort(found)
		if known := slices.Sorted(maps.Keys(limitedBy)); !slices.Equal(found, known) {
			t.Errorf("operations take\n%s\nand this test knows\n%s", strings.Join(found, "\n"), strings.Join(known, "\n"))
		}
	})
	t.Run("T-BF-5", func(t *testing.T) {
		apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
			who := a.Person("carla")
			as := func(name string) *apptest.Client {
				c := a.Client()
				c.Token = a.Session(name)
				return c
			}
			for name, make := range map[string]func() func() *apptest.Answer{
				"sign-in": func() func() *apptest.Answer {
					return func() *apptest.Answer {
						return a.Client().Call("POST", "/sign-in", map[string]any{"email": who.Email, "password": "none of her passwords"})
					}
				},
				"second step": func() func() *apptest.Answer {
					attempt := halfSignedIn(t, a, "carla")
					return func() *apptest.Answer { return second(a, attempt, who.Phone.WrongCode()) }
				},
				"step-up, code": func() func() *apptest.Answer {
					c := as("carla")
					return func() *apptest.Answer {
						return c.Call("POST", "/step-up", map[string]any{"password": apptest.Password, "code": who.Phone.WrongCode()})
					}
				},
				"step-up, password": func() func() *apptest.Answer {
					c := as("carla")
					return func() *apptest.Answer {
						return c.Call("POST", "/step-up", map[string]any{"password": "none of her passwords", "code": who.Phone.WrongCode()})
					}
				},
				"deactivation": func() func() *apptest.Answer {
					c := as("carla")
					return func() *apptest.Answer {
						return c.Call("POST", "/two-step/deactivate", map[string]any{"code": who.Phone.WrongCode()})
					}
				},
				"activation": func() func() *apptest.Answer {
					c := as("elena")
					begun := c.Call("POST", "/two-step/activation", map[string]any{})
					if err := a.Person("elena").Phone.Scan(begun.Get("key")); err != nil {
						t.Fatal(err)
					}
					return func() *apptest.Answer {
						return c.Call("POST", "/two-step/activation/confirm", map[string]any{"activation": begun.Get("activation"), "code": a.Person("elena").Phone.WrongCode()})
					}
				},
				"forgotten password": func() func() *apptest.Answer {
					a.Letters()
					a.Client().Call("POST", "/password/forgot", map[string]any{"email": who.Email})
					link := a.LinkTo("carla", a.Words(words.English).Say("mail.pwlink.s"))
					return func() *apptest.Answer {
						return a.Client().Call("POST", "/password/reset", map[string]any{"token": link[strings.LastIndexByte(link, '/')+1:], "new": anotherPassword, "code": who.Phone.WrongCode()})
					}
				},
				"pass": func() func() *apptest.Answer {
					ana := as("ana")
					ana.Call("PATCH", "/team/policy", map[string]any{"pass_for": "everybody"})
					ana.Call("POST", "/team/users/"+who.ID+"/restart-two-step", map[string]any{"reason": "lost phone", "verified_by": "in_person"})
					c := a.Client()
					c.Token = c.Call("POST", "/sign-in", map[string]any{"email": who.Email, "password": apptest.Password}).Get("session.token")
					return func() *apptest.Answer {
						return c.Call("POST", "/two-step/activation", map[string]any{"pass": code.DisplayPass(code.NewPass())})
					}
				},
				"match code": func() func() *apptest.Answer {
					asked := a.Client().Call("POST", "/sign-in/ask", map[string]any{"attempt": halfSignedIn(t, a, "carla"), "happened": "lost_phone"})
					wrong := "0000"
					if asked.Get("match_code") == wrong {
						wrong = "0001"
					}
					c := as("ana")
					return func() *apptest.Answer {
						return c.Call("POST", "/team/requests/"+asked.Get("request")+"/approve", map[string]any{"match_code": wrong, "reason": "lost phone, she says", "verified_by": "in_person"})
					}
				},
			} {
				a.Restore()
				who = a.Person("carla")
				try := make()
				compared := 0
				for range 8 {
					answer := try()
					switch {
					case answer.OK():
						t.Fatalf("%s: a wrong one opens: %s", name, answer)
					case answer.Status == http.StatusUnprocessableEntity || answer.Status == http.StatusUnauthorized:
						compared++
					}
				}
				if compared > 5 || compared == 0 {
					t.Errorf("%s: %d of 8 were compared, the last one: %s", name, compared, try())
				}
			}
		})
	})
}

var noticeCookie = regexp.MustCompile(`doorstep-notice=[^;]+`)

// An answer says nothing of who there is: not by its text, not by its headers, by API
// and by page, of a sign-in and of a forgotten password. That it says nothing by the
// time it takes either is held by the same statements and one hash in each case
// (core's TestR12, TestAskingIsTheSameForEveryAddress).
//
// ASVS 6.3.8, T-ENUM-1, R12
func TestNobodyIsTold(t *testing.T) {
	t.Parallel()
	t.Run("T-ENUM-1", func(t *testing.T) {
		apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
			ana := comesIn(t, a, "ana")
			ana.call(t, a, "PATCH", "/team/users/"+a.Person("bruno").ID, map[string]any{"status": "suspended"})
			for range 5 { // Olga's password waits, and so does that of an address which nobody owns
				for _, email := range []string{"olga@example.com", "locked@example.com"} {
					a.Client().Call("POST", "/sign-in", map[string]any{"email": email, "password": "none of them at all"})
				}
			}
			compare := func(what string, ask func(email string) *apptest.Answer, emails ...string) {
				t.Helper()
				first := ""
				for _, email := range emails {
					answer := ask(email)
					answer.Header.Del("Date")
					var header strings.Builder
					_ = answer.Header.Write(&header)
					text := header.String() + strings.ReplaceAll(string(answer.Body), email, "EMAIL")
					text = noticeCookie.ReplaceAllString(text, "NOTICE") // it says the address that was typed, sealed
					text = tokenOnPage.ReplaceAllString(text, "TOKEN")
					if first == "" {
						first = text
					}
					if text != first || answer.Status >= 500 {
						t.Errorf("%s: %s is answered %d\n%s\nand not\n%s", what, email, answer.Status, text, first)
					}
				}
			}
			api := func(path, password string) func(string) *apptest.Answer {
				return func(email string) *apptest.Answer {
					body := map[string]any{"email": email}
					if password != "" {
						body["password"] = password
					}
					return a.Client().Call("POST", path, body)
				}
			}
			page := func(path, password string) func(string) *apptest.Answer {
				return func(email string) *apptest.Answer {
					form := "email=" + email
					if password != "" {
						form += "&password=" + strings.ReplaceAll(password, " ", "+")
					}
					return a.Client().Send("POST", path, strings.NewReader(form), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}})
				}
			}
			// Without 2-step, with it, suspended, invited and unknown.
			everybody := []string{"nobody@example.com", "carla@example.com", "elena@example.com", "bruno@example.com", "farid@example.com"}
			compare("sign-in by API", api("/sign-in", "none of them at all"), everybody...)
			compare("sign-in by page", page("/sign-in", "none of them at all"), everybody...)
			compare("suspended, with the right password", api("/sign-in", apptest.Password), "nobody@example.com", "bruno@example.com")
			compare("forgotten by API", api("/password/forgot", ""), everybody...)
			compare("forgotten by page", page("/forgot-password", ""), everybody...)
			compare("a password that waits, by API", api("/sign-in", apptest.Password), "locked@example.com", "olga@example.com")
			compare("a password that waits, by page", page("/sign-in", apptest.Password), "locked@example.com", "olga@example.com")
		})
	})
}
