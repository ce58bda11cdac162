package web

import (
	"context"
	"testing"
	"time"

	"doorstep/internal/core"
)

// asks makes a request in a browser, from the password on.
func (b *browser) asks(who, happened string) *answer {
	b.get("/sign-in")
	b.password(who)
	b.get("/sign-in/ask")
	return b.send("/sign-in/ask", "happened", happened)
}

// openRequest is the page of somebody's open request, and its match code as the
// browser that asked would show it.
func (w *world) openRequest(t *testing.T, b *browser, who string) (page string) {
	t.Helper()
	list, err := w.core.Requests(context.Background(), w.sessionOf(b), core.RequestFilter{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range list.Items {
		if q.Person.ID == w.people[who].id {
			return "/team/requests/" + q.ID
		}
	}
	t.Fatalf("%s has no open request", who)
	return ""
}

func (tr *tour) requesting() {
	w := tr.world(worldOptions{})
	ana, carla, other, zoe := tr.browser(w), tr.browser(w), tr.browser(w), tr.browser(w)
	carla.get("/sign-in")
	carla.password("carla")
	tr.at("ask", carla.get("/sign-in/ask"))
	tr.at("ask-nothing", carla.send("/sign-in/ask"))
	tr.at("ask-sent", carla.send("/sign-in/ask", "happened", "lost_phone"))
	tr.at("ask-waiting", carla.get("/sign-in/ask"))
	other.get("/sign-in")
	other.password("carla")
	tr.at("ask-elsewhere", other.get("/sign-in/ask"))
	tr.at("ask-withdrawn", carla.send("/sign-in/ask/withdraw"))

	ana.signIn("ana")
	tr.at("requests-none", ana.get("/team/requests"))
	carla.get("/sign-in/ask")
	carla.send("/sign-in/ask", "happened", "new_phone")
	tr.at("requests", ana.get("/team/requests"))
	tr.at("home-request", ana.get("/"))
	tr.at("team-request", ana.get("/team"))
	page := w.openRequest(tr.t, ana, "carla")
	tr.at("request", ana.get(page))
	tr.at("request-empty", ana.send(page+"/approve"))
	tr.at("request-six", ana.send(page+"/approve", "match_code", "634977", "verified_by", "video_call", "reason", "read out on a call"), "634977")
	tr.at("request-stale", ana.post(page+"/approve", nil))
	tr.at("refuse-long", ana.send(page+"/refuse", "why", longText(201), "not_them", "true"))
	ana.get(page)
	tr.at("request-refused", ana.send(page+"/refuse", "why", "not reached"))
	tr.at("ask-refused", carla.get("/sign-in/ask"))
	tr.at("request-late", ana.post(page+"/refuse", formOf(ana)))
	tr.at("requests-answered", ana.get("/team/requests"))
	tr.at("request-missing", ana.get("/team/requests/none"))

	w.clock.pass(61 * time.Minute)
	carla.asks("carla", "other")
	w.clock.pass(73 * time.Hour)
	carla.get("/sign-in")
	carla.password("carla")
	tr.at("ask-expired", carla.get("/sign-in/ask"))
	zoe.get("/sign-in")
	zoe.password("zoe")
	tr.at("ask-sole", zoe.get("/sign-in/ask"))
}

func longText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}

// Whoever signed in keeps nothing of a request; the cookie is good for nothing else.
func TestRequestCookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.asks("carla", "lost_phone")
	token := w.cookie(b, requestCookie)
	if token == "" {
		t.Fatal("this browser keeps nothing of its request")
	}
	if _, err := w.core.Session(context.Background(), token); err == nil {
		t.Error("it is worth a session")
	}
	if _, err := w.core.Attempt(context.Background(), token); err == nil {
		t.Error("it is worth an attempt")
	}
	b.signIn("carla")
	if w.cookie(b, requestCookie) != "" {
		t.Error("a browser that is signed in keeps its request")
	}
}
