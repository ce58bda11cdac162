package crashtest

import (
	"net/http"
	"testing"

	"doorstep/internal/apptest"
)

// act is one step of the journey of somebody who loses a phone: the call that makes
// it, ready to be made any number of times from the same state.
type act struct {
	name  string
	state *apptest.State
	call  func(a *apptest.App) *apptest.Answer
}

func as(a *apptest.App, token, method, path string, body any) *apptest.Answer {
	c := a.Client()
	c.Token = token
	return c.Call(method, path, body)
}

// scene plays what comes before an act.
type scene struct {
	t *testing.T
	*apptest.App
}

func (s scene) must(token, method, path string, body any) *apptest.Answer {
	s.t.Helper()
	answer := as(s.App, token, method, path, body)
	if !answer.OK() {
		s.t.Fatalf("%s %s: %s", method, path, answer)
	}
	return answer
}

func (s scene) password(key string) *apptest.Answer {
	s.t.Helper()
	return s.must("", http.MethodPost, "/sign-in", map[string]string{"email": s.Person(key).Email, "password": apptest.Password})
}

func (s scene) signIn(key string) (token string) {
	s.t.Helper()
	attempt := s.password(key).Get("attempt")
	return s.must("", http.MethodPost, "/sign-in/second-step", map[string]string{"attempt": attempt, "code": s.Person(key).Phone.Code()}).Get("session.token")
}

type body = map[string]string

// journey prepares each act, or those two whose halves would be the worst. What they
// send was made before: the same time, the same codes.
func journey(t *testing.T, whole bool) []act {
	t.Helper()
	make := func(name string, before func(s scene) func(a *apptest.App) *apptest.Answer) act {
		s := scene{t, apptest.Start(t, apptest.Options{})}
		call := before(s)
		return act{name, s.Save(), call}
	}
	posts := func(token, path string, body any) func(a *apptest.App) *apptest.Answer {
		return func(a *apptest.App) *apptest.Answer { return as(a, token, http.MethodPost, path, body) }
	}
	worst := []act{
		make("recovery code", func(s scene) func(*apptest.App) *apptest.Answer {
			return posts("", "/sign-in/second-step", body{"attempt": s.password("carla").Get("attempt"), "code": s.Person("carla").Phone.Paper()[0]})
		}),
		make("restart", func(s scene) func(*apptest.App) *apptest.Answer {
			s.signIn("carla")
			return posts(s.signIn("bruno"), "/team/users/"+s.Person("carla").ID+"/restart-two-step", body{"reason": "Lost the phone", "verified_by": "in_person"})
		}),
	}
	if !whole {
		return worst
	}
	return append(worst,
		make("password", func(s scene) func(*apptest.App) *apptest.Answer {
			return posts("", "/sign-in", body{"email": s.Person("carla").Email, "password": apptest.Password})
		}),
		make("authentication code", func(s scene) func(*apptest.App) *apptest.Answer {
			return posts("", "/sign-in/second-step", body{"attempt": s.password("carla").Get("attempt"), "code": s.Person("carla").Phone.Code()})
		}),
		make("deactivation", func(s scene) func(*apptest.App) *apptest.Answer {
			return posts(s.signIn("carla"), "/two-step/deactivate", body{"code": s.Person("carla").Phone.Paper()[1]})
		}),
		make("activation", func(s scene) func(*apptest.App) *apptest.Answer {
			token := s.password("elena").Get("session.token")
			begun := s.must(token, http.MethodPost, "/two-step/activation", nil)
			phone := s.Person("elena").Phone
			if err := phone.Scan(begun.Get("key")); err != nil {
				t.Fatal(err)
			}
			s.must(token, http.MethodPost, "/two-step/activation/confirm", body{"activation": begun.Get("activation"), "code": phone.Code()})
			return posts(token, "/two-step/activation/finish", map[string]any{"activation": begun.Get("activation"), "saved": true})
		}),
		make("forgotten password", func(s scene) func(*apptest.App) *apptest.Answer {
			return posts("", "/password/forgot", body{"email": s.Person("carla").Email})
		}),
		make("password reset", func(s scene) func(*apptest.App) *apptest.Answer {
			s.signIn("carla")
			s.must("", http.MethodPost, "/password/forgot", body{"email": s.Person("carla").Email})
			letters := s.Letters()
			token := linkPath.FindStringSubmatch(letters[len(letters)-1].Text)[1]
			return posts("", "/password/reset", body{"token": token, "new": "violets of the harbor 9", "code": s.Person("carla").Phone.Paper()[2]})
		}),
		make("invitation", func(s scene) func(*apptest.App) *apptest.Answer {
			return posts(s.signIn("bruno"), "/team/users", body{"email": "gwen@example.com", "name": "Gwen", "role": "member"})
		}),
		make("sign-out", func(s scene) func(*apptest.App) *apptest.Answer {
			token := s.signIn("carla")
			return func(a *apptest.App) *apptest.Answer { return as(a, token, http.MethodDelete, "/session", nil) }
		}),
	)
}
